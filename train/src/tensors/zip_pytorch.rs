//! PyTorch's files since version 1.6: zip archives of a pickle, `NAME/data.pkl`, and of each storage's elements,
//! `NAME/data/KEY`, uncompressed unless another program has packed them again.

use std::cell::RefCell;
use std::collections::HashMap;
use std::io::{Cursor, Read};
use std::rc::Rc;

use flate2::Crc;
use flate2::read::DeflateDecoder;
use zip::read::{ArchiveOffset, Config};
use zip::{CompressionMethod, ZipArchive};

use super::contents::{Bytes, Contents};
use super::pickle::Objects;
use super::state_dict;

/// The signature of a zip archive.
pub const MAGIC: &[u8] = b"PK\x03\x04";

/// The bytes that every file's entries may take when they are inflated, and how many times the file's length.
const ALLOWED: usize = 1 << 26;
const MOST_TIMES: usize = 64;

type Result<T> = std::result::Result<T, String>;

/// Reads a file's bytes. Names inside are only compared, never used as paths.
pub fn read(file: &[u8]) -> Result<Contents<'_>> {
    let mut archive = Archive::open(file)?;
    let names = archive.names();
    let pickle = names.iter().find(|name| *name == "data.pkl" || name.ends_with("/data.pkl"));
    let folder = pickle.and_then(|name| name.strip_suffix("data.pkl")).ok_or("there is no data.pkl in it")?.to_string();
    if let Ok(order) = archive.entry(&format!("{folder}byteorder"))
        && *order != *b"little"
    {
        return Err("it was written by a big-endian machine".into());
    }
    let pickle = archive.entry(&format!("{folder}data.pkl"))?;
    let (objects, outermost) = Objects::read(&mut &*pickle)?;
    let found = state_dict::find(&objects, outermost)?;
    let archive = RefCell::new(archive);
    let storages = move |key: &str| match archive.borrow_mut().entry(&format!("{folder}data/{key}")) {
        Err(Missing::Absent) => Err("is missing".to_string()),
        Err(reason) => Err(format!("cannot be read: {}", String::from(reason))),
        Ok(bytes) => Ok(bytes),
    };
    Ok(Contents::new(found, Box::new(storages), file.len()))
}

/// Why an entry cannot be read.
pub(super) enum Missing {
    Absent,
    Reason(String),
}

impl From<Missing> for String {
    fn from(missing: Missing) -> Self {
        match missing {
            Missing::Absent => "a part of it is missing".into(),
            Missing::Reason(reason) => reason,
        }
    }
}

/// A zip archive whose entries are checked when they are read.
pub(super) struct Archive<'a> {
    file: &'a [u8],
    zip: ZipArchive<Cursor<&'a [u8]>>,
    /// Whether it has checksums: PyTorch can leave them out, which makes all of them 0.
    checked: bool,
    /// The entries that were read, and how many bytes of inflated ones may follow.
    read: HashMap<usize, Option<Rc<[u8]>>>,
    left: usize,
}

impl<'a> Archive<'a> {
    pub(super) fn open(file: &'a [u8]) -> Result<Self> {
        // PyTorch's archives begin with the file. A search for the beginning, zip's default, mistakes the second entry of the
        // directory for the first where the first takes as many bytes as the end record of a large archive.
        let whole = Config { archive_offset: ArchiveOffset::Known(0) };
        let zip = ZipArchive::with_config(whole, Cursor::new(file)).or_else(|_| ZipArchive::new(Cursor::new(file)));
        let mut zip = zip.map_err(|error| format!("it is not complete: {error}"))?;
        let checked = (0..zip.len()).any(|index| zip.by_index_raw(index).is_ok_and(|entry| entry.crc32() != 0));
        let left = file.len().saturating_mul(MOST_TIMES).max(ALLOWED);
        Ok(Self { file, zip, checked, read: HashMap::new(), left })
    }

    /// The names of its entries.
    pub(super) fn names(&self) -> Vec<String> {
        self.zip.file_names().filter_map(|name| Some(name.ok()?.into_owned())).collect()
    }

    /// An entry's bytes, checked the first time.
    pub(super) fn entry(&mut self, name: &str) -> std::result::Result<Bytes<'a>, Missing> {
        let index = self.zip.index_for_name(name).ok_or(Missing::Absent)?;
        let wrong = |what: &str| Missing::Reason(format!("its part {} {what}", name.escape_debug()));
        let entry = self.zip.by_index_raw(index).map_err(|error| wrong(&format!("is damaged: {error}")))?;
        let (start, length) = (entry.data_start(), usize::try_from(entry.compressed_size()).ok());
        let start = start.and_then(|start| usize::try_from(start).ok());
        let stored = start.zip(length).and_then(|(start, length)| self.file.get(start..)?.get(..length));
        let stored = stored.ok_or_else(|| wrong("is incomplete"))?;
        let (method, size, expected) = (entry.compression(), entry.size(), entry.crc32());
        drop(entry);
        if let Some(read) = self.read.get(&index) {
            return Ok(read.clone().map_or(Bytes::File(stored), Bytes::Inflated));
        }
        let inflated: Option<Rc<[u8]>> = match method {
            CompressionMethod::Stored => None,
            CompressionMethod::DEFLATE => {
                let size = usize::try_from(size).ok().and_then(|size| Some((size, self.left.checked_sub(size)?)));
                let (size, left) = size.ok_or_else(|| wrong("takes many times the file's length"))?;
                self.left = left;
                let mut bytes = Vec::new();
                let inflated = DeflateDecoder::new(stored).take(size as u64 + 1).read_to_end(&mut bytes);
                if inflated.is_err() || bytes.len() != size {
                    return Err(wrong("is damaged"));
                }
                Some(bytes.into())
            }
            other => return Err(wrong(&format!("is compressed by a method that PyTorch does not read, {other}"))),
        };
        let mut crc = Crc::new();
        crc.update(inflated.as_deref().unwrap_or(stored));
        if self.checked && crc.sum() != expected {
            return Err(wrong("is damaged: its checksum differs"));
        }
        self.read.insert(index, inflated.clone());
        Ok(inflated.map_or(Bytes::File(stored), Bytes::Inflated))
    }
}
