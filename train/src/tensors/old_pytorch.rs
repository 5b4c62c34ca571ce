//! PyTorch's files from before version 1.6: a few pickles, the last but one the state dictionary and the last a list
//! of storages, and then each storage's length and elements. torchvision's older weights are still published so.

use std::collections::{BTreeMap, HashMap};

use candle_core::{DType, Device, Tensor};

use super::KEYS;
use super::pickle::{Id, Object, Objects};

/// What such a file begins with: a pickled number, 0x1950a86a20f9469cfc6c.
pub const MAGIC: &[u8] = b"\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19";

/// The version of the format.
const VERSION: i64 = 1001;

type Result<T> = std::result::Result<T, String>;

/// A tensor's place in a storage. Offset, strides and the storage's part are in elements.
struct Place<'a> {
    storage: &'a str,
    dtype: DType,
    offset: usize,
    dims: Vec<usize>,
    strides: Vec<usize>,
}

/// Reads a file's bytes.
pub fn read(mut bytes: &[u8]) -> Result<BTreeMap<String, Tensor>> {
    let bytes = &mut bytes;
    Objects::read(bytes)?;
    let (version, outermost) = Objects::read(bytes)?;
    if version.get(outermost) != &Object::Int(VERSION) {
        return Err("it is of an unknown version of PyTorch's older format".into());
    }
    Objects::read(bytes)?;
    let (objects, outermost) = Objects::read(bytes)?;
    let (keys, outermost_keys) = Objects::read(bytes)?;

    let items = state_dictionary(&objects, outermost)?;
    let places = items.into_iter().filter_map(|(name, tensor)| Some((name, place(&objects, tensor)?)));
    let places: Vec<_> = places.collect();
    let sizes: HashMap<_, _> = objects.outside().filter_map(|id| storage(&objects, id)).collect();
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
    places
        .into_iter()
        .map(|(name, place)| {
            let storage = storages.get(place.storage).ok_or_else(|| format!("the tensor `{name}` is missing"))?;
            let tensor = tensor(&place, storage).ok_or_else(|| format!("the tensor `{name}` is damaged"))?;
            Ok((name, tensor))
        })
        .collect()
}

/// The names and tensors of the outermost dictionary, or of one inside it under one of the usual keys.
fn state_dictionary(objects: &Objects, outermost: Id) -> Result<Vec<(String, Id)>> {
    let items = |id: Id| -> Option<Vec<(String, Id)>> {
        let Object::Dict(items) = objects.get(id) else { return None };
        Some(items.iter().filter_map(|(key, value)| Some((objects.text(*key)?.to_string(), *value))).collect())
    };
    let whole = items(outermost).ok_or("it holds no dictionary; save the network's state_dict()")?;
    let has_tensors = |items: &[(String, Id)]| items.iter().any(|(_, value)| place(objects, *value).is_some());
    if has_tensors(&whole) {
        return Ok(whole);
    }
    let inside = whole.iter().filter(|(key, _)| KEYS.contains(&key.as_str())).filter_map(|(_, value)| items(*value));
    inside.into_iter().find(|items| has_tensors(items)).ok_or_else(|| "it holds no state dictionary of tensors".into())
}

/// A storage's key and the bytes of one of its elements.
fn storage(objects: &Objects, description: Id) -> Option<(&str, usize)> {
    let [_, kind, key, ..] = objects.elements(description)? else { return None };
    let Object::Global(kind) = objects.get(*kind) else { return None };
    let size = match kind.strip_prefix("torch ")?.strip_suffix("Storage")? {
        "Byte" | "Bool" | "Char" => 1,
        "Half" | "BFloat16" | "Short" => 2,
        "Float" | "Int" => 4,
        "Double" | "Long" => 8,
        _ => return None,
    };
    Some((objects.text(*key)?, size))
}

/// Where a tensor's elements are, if the object is one.
fn place(objects: &Objects, tensor: Id) -> Option<Place<'_>> {
    let Object::Call(function, arguments) = objects.get(tensor) else { return None };
    let Object::Global(function) = objects.get(*function) else { return None };
    let arguments = objects.elements(*arguments)?;
    match function.as_str() {
        // One level: a parameter is made of a tensor.
        "torch._utils _rebuild_parameter" => {
            let inner = *arguments.first()?;
            matches!(objects.get(inner), Object::Call(function, _)
                if matches!(objects.get(*function), Object::Global(name) if name.contains("_rebuild_tensor")))
            .then(|| place(objects, inner))?
        }
        "torch._utils _rebuild_tensor" | "torch._utils _rebuild_tensor_v2" => {
            let [storage, offset, dims, strides, ..] = arguments else { return None };
            let Object::Outside(storage) = objects.get(*storage) else { return None };
            let [kind, dtype, key, _, _, rest @ ..] = objects.elements(*storage)? else { return None };
            if objects.text(*kind)? != "storage" {
                return None;
            }
            let Object::Global(dtype) = objects.get(*dtype) else { return None };
            // A storage may be a part of another one, (key, offset, length), which alone is in the file.
            let part = rest.first().and_then(|part| objects.elements(*part)).unwrap_or_default();
            let (key, first) = match part {
                [_, first, _] => (key, objects.size(*first)?),
                _ => (key, 0),
            };
            let sizes = |id: Id| -> Option<Vec<usize>> {
                objects.elements(id)?.iter().map(|size| objects.size(*size)).collect()
            };
            Some(Place {
                storage: objects.text(*key)?,
                dtype: dtype_of(dtype)?,
                offset: objects.size(*offset)?.checked_add(first)?,
                dims: sizes(*dims)?,
                strides: sizes(*strides)?,
            })
        }
        _ => None,
    }
}

fn dtype_of(storage: &str) -> Option<DType> {
    Some(match storage.strip_prefix("torch ")?.strip_suffix("Storage")? {
        "Float" => DType::F32,
        "Double" => DType::F64,
        "Half" => DType::F16,
        "BFloat16" => DType::BF16,
        "Long" => DType::I64,
        "Byte" | "Bool" => DType::U8,
        _ => return None,
    })
}

/// A tensor's elements in order; none where they are not all in the storage.
fn tensor(place: &Place, storage: &[u8]) -> Option<Tensor> {
    let size = place.dtype.size_in_bytes();
    let Place { dtype, offset, dims, strides, .. } = place;
    if dims.len() != strides.len() {
        return None;
    }
    let count = dims.iter().try_fold(1usize, |count, dim| count.checked_mul(*dim))?;
    // Elements that are used twice, as broadcasting does, could make a file's few bytes fill the memory.
    if count > storage.len() / size {
        return None;
    }
    let mut expected = 1;
    let contiguous = dims.iter().zip(strides).rev().all(|(dim, stride)| {
        let as_expected = *dim == 1 || *stride == expected;
        expected *= dim;
        as_expected
    });
    if contiguous {
        let first = offset.checked_mul(size)?;
        let elements = storage.get(first..)?.get(..count * size)?;
        return Tensor::from_raw_buffer(elements, *dtype, dims, &Device::Cpu).ok();
    }
    let mut elements = Vec::with_capacity(count * size);
    let mut index = vec![0usize; dims.len()];
    for _ in 0..count {
        let at =
            index.iter().zip(strides).try_fold(*offset, |at, (i, stride)| at.checked_add(i.checked_mul(*stride)?))?;
        elements.extend_from_slice(storage.get(at.checked_mul(size)?..)?.get(..size)?);
        for (index, dim) in index.iter_mut().zip(dims).rev() {
            *index += 1;
            if *index < *dim {
                break;
            }
            *index = 0;
        }
    }
    Tensor::from_raw_buffer(&elements, *dtype, dims, &Device::Cpu).ok()
}
