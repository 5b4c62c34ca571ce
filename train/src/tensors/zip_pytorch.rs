//! PyTorch's files since version 1.6: zip archives of a pickle, `NAME/data.pkl`, and of each storage's elements,
//! `NAME/data/KEY`, uncompressed.

use std::io::Cursor;

use zip::{CompressionMethod, ZipArchive};

use super::pickle::Objects;
use super::state_dict::{self, Dictionary};

/// The signature of a zip archive.
pub const MAGIC: &[u8] = b"PK\x03\x04";

type Result<T> = std::result::Result<T, String>;

/// Reads a file's bytes. Names inside are only compared, never used as paths.
pub fn read(file: &[u8]) -> Result<Vec<Dictionary>> {
    let mut archive = ZipArchive::new(Cursor::new(file)).map_err(|error| format!("it is not complete: {error}"))?;
    let names: Vec<String> = archive.file_names().filter_map(|name| Some(name.ok()?.into_owned())).collect();
    let pickle = names.iter().find(|name| *name == "data.pkl" || name.ends_with("/data.pkl"));
    let folder = pickle.and_then(|name| name.strip_suffix("data.pkl")).ok_or("there is no data.pkl in it")?;
    if let Ok(order) = entry(file, &mut archive, &format!("{folder}byteorder"))
        && order != b"little"
    {
        return Err("it was written by a big-endian machine".into());
    }
    let (objects, outermost) = Objects::read(&mut entry(file, &mut archive, &format!("{folder}data.pkl"))?)?;
    let archive = std::cell::RefCell::new(archive);
    let storage = |key: &str| entry(file, &mut archive.borrow_mut(), &format!("{folder}data/{key}")).ok();
    state_dict::read(&objects, outermost, storage, file.len())
}

/// An entry's bytes within the file.
fn entry<'a>(file: &'a [u8], archive: &mut ZipArchive<Cursor<&[u8]>>, name: &str) -> Result<&'a [u8]> {
    let index = archive.index_for_name(name).ok_or_else(|| format!("there is no {name} in it"))?;
    let entry = archive.by_index_raw(index).map_err(|error| format!("{name}: {error}"))?;
    if entry.compression() != CompressionMethod::Stored {
        return Err(format!("{name} is compressed, which PyTorch's files are not"));
    }
    let (start, length) = (entry.data_start(), usize::try_from(entry.compressed_size()).ok());
    let start = start.and_then(|start| usize::try_from(start).ok());
    let bytes = start.zip(length).and_then(|(start, length)| file.get(start..)?.get(..length));
    bytes.ok_or_else(|| format!("{name} is incomplete"))
}
