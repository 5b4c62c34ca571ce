//! PyTorch's files from before version 1.6: a few pickles, the last but one the state dictionary and the last a list
//! of storages, and then each storage's length and elements. torchvision's older weights are still published so.

use std::collections::HashMap;

use super::pickle::{Object, Objects};
use super::state_dict::{self, Dictionary};

/// The beginning of such a file: the pickled number 0x1950a86a20f9469cfc6c.
pub const MAGIC: &[u8] = b"\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19";

/// The version of the format.
const VERSION: i64 = 1001;

/// Reads a file's bytes.
pub fn read(file: &[u8]) -> Result<Vec<Dictionary>, String> {
    let bytes = &mut &file[..];
    Objects::read(bytes)?;
    let (version, outermost) = Objects::read(bytes)?;
    if version.get(outermost) != &Object::Int(VERSION) {
        return Err("it is of an unknown version of PyTorch's older format".into());
    }
    Objects::read(bytes)?;
    let (objects, outermost) = Objects::read(bytes)?;
    let (keys, outermost_keys) = Objects::read(bytes)?;

    let sizes: HashMap<_, _> = objects.outside().filter_map(|id| state_dict::storage(&objects, id)).collect();
    let mut storages: HashMap<&str, &[u8]> = HashMap::new();
    for key in keys.elements(outermost_keys).ok_or("its list of storages is missing")? {
        let key = keys.text(*key).ok_or("its list of storages cannot be read")?;
        let (count, rest) = bytes.split_first_chunk().ok_or("it ends too early")?;
        let size = *sizes.get(key).ok_or("it has a storage of unknown type")?;
        let length = usize::try_from(i64::from_le_bytes(*count)).ok();
        let length = length.and_then(|count| count.checked_mul(size)).ok_or("it is damaged")?;
        let (storage, rest) = rest.split_at_checked(length).ok_or("it ends too early")?;
        storages.insert(key, storage);
        *bytes = rest;
    }
    state_dict::read(&objects, outermost, |key| storages.get(key).copied(), file.len())
}
