//! PyTorch's files from before version 1.6: a few pickles, the last but one the state dictionary and the last a list
//! of storages, and then each storage's length and elements. torchvision's older weights are still published so.

use std::collections::HashMap;

use super::contents::{Bytes, Contents};
use super::pickle::{Object, Objects};
use super::{rebuild, state_dict};

/// The pickled number 0x1950a86a20f9469cfc6c with which such a file begins, after the pickle's protocol and frame.
const MAGIC: &[u8] = b"\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19";

/// The longest header of a pickle: its protocol and a frame's length.
const HEADER: usize = 11;

/// The version of the format.
const VERSION: i64 = 1001;

/// Whether a file begins in this format.
pub fn is_start(start: &[u8]) -> bool {
    let header = start.windows(MAGIC.len()).take(HEADER + 1).position(|part| part == MAGIC);
    start.first() == Some(&0x80) && header.is_some_and(|length| [2, HEADER].contains(&length))
}

/// Reads a file's bytes.
pub fn read(file: &[u8]) -> Result<Contents<'_>, String> {
    let bytes = &mut &file[..];
    Objects::read(bytes)?;
    let (version, outermost) = Objects::read(bytes)?;
    if version.get(outermost) != &Object::Int(VERSION) {
        return Err("it is of an unknown version of PyTorch's older format".into());
    }
    Objects::read(bytes)?;
    let (objects, outermost) = Objects::read(bytes)?;
    let (keys, outermost_keys) = Objects::read(bytes)?;

    let sizes: HashMap<_, _> = objects.outside().filter_map(|id| rebuild::storage(&objects, id)).collect();
    let mut storages: HashMap<String, &[u8]> = HashMap::new();
    for key in keys.elements(outermost_keys).ok_or("its list of storages is missing")? {
        let key = keys.text(*key).ok_or("its list of storages cannot be read")?;
        let (count, rest) = bytes.split_first_chunk().ok_or("it ends too early")?;
        let size = *sizes.get(key).ok_or("it has a storage of unknown type")?;
        let length = usize::try_from(i64::from_le_bytes(*count)).ok();
        let length = length.and_then(|count| count.checked_mul(size)).ok_or("it is damaged")?;
        let (storage, rest) = rest.split_at_checked(length).ok_or("it ends too early")?;
        storages.insert(key.to_string(), storage);
        *bytes = rest;
    }
    let found = state_dict::find(&objects, outermost)?;
    let storages = move |key: &str| storages.get(key).map(|bytes| Bytes::File(bytes)).ok_or("is missing".into());
    Ok(Contents::new(found, Box::new(storages), file.len()))
}
