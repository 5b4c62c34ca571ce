//! State dictionaries among the objects of a pickle, and the tensors that they describe.

use std::collections::{BTreeMap, HashSet};

use candle_core::{DType, Device, Tensor};

use super::pickle::{Id, Object, Objects};

/// The keys under which a checkpoint's state dictionary is looked for first where the file holds more than one.
const KEYS: [&str; 4] = ["state_dict", "model", "model_state_dict", "net"];

/// How deep in one another dictionaries are looked into. No checkpoint needs more.
const DEEPEST: usize = 4;

/// More dictionaries than a checkpoint has: networks, optimisers, schedules.
const MOST: usize = 256;

type Result<T> = std::result::Result<T, String>;

/// A dictionary of tensors: where it was found, its keys joined by dots, and its tensors.
pub type Named = (String, BTreeMap<String, Tensor>);

/// What a tensor is made of. Offset, strides and the storage's part are in elements.
struct Place<'a> {
    storage: &'a str,
    dtype: DType,
    offset: usize,
    dims: Vec<usize>,
    strides: Vec<usize>,
}

/// The path to a dictionary, and its tensors' names and places, which are only known of types that are.
type Found<'a> = (Vec<&'a str>, Vec<(&'a str, Option<Place<'a>>)>);

/// The dictionaries that hold tensors, the likeliest first: the outermost, those under the usual keys, then the others in
/// the order of the file. `storage` gives a storage's bytes, `length` is the file's.
///
/// Fails where there is none, where a tensor of the likeliest is not in the file whole or of an unknown type, and where the
/// tensors share storages so much that they would take several times the file's length.
pub fn read<'a>(
    objects: &Objects,
    outermost: Id,
    storage: impl Fn(&str) -> Option<&'a [u8]>,
    length: usize,
) -> Result<Vec<Named>> {
    let mut found = Vec::new();
    look_into(objects, outermost, &mut Vec::new(), &mut HashSet::new(), &mut found);
    if found.is_empty() {
        return Err(nothing(objects, outermost));
    }
    found.sort_by_key(|(path, _): &Found| {
        let usual = path.last().and_then(|last| KEYS.iter().position(|key| key == last));
        (!path.is_empty(), usual.unwrap_or(KEYS.len()))
    });
    let mut left = length.saturating_mul(4);
    let mut named = |(path, items): Found| -> Result<Named> {
        let tensors = items.into_iter().map(|(name, place)| {
            let place = place.ok_or_else(|| format!("the tensor `{name}` is of a type that is not known here"))?;
            let bytes = storage(place.storage).ok_or_else(|| format!("the tensor `{name}` is missing"))?;
            let tensor = tensor(&place, bytes).ok_or_else(|| format!("the tensor `{name}` is damaged"))?;
            let size = tensor.elem_count() * place.dtype.size_in_bytes();
            left = left.checked_sub(size).ok_or("its tensors take many times the file's length")?;
            Ok((name.to_string(), tensor))
        });
        Ok((path.join("."), tensors.collect::<Result<_>>()?))
    };
    let mut found = found.into_iter();
    let likeliest = found.next().map(&mut named).transpose()?;
    // What is wrong with an optimiser's moments is no harm to the weights.
    Ok(likeliest.into_iter().chain(found.filter_map(|other| named(other).ok())).collect())
}

/// Adds a dictionary, where it has tensors, and those inside it, each once.
fn look_into<'a>(
    objects: &'a Objects,
    id: Id,
    path: &mut Vec<&'a str>,
    seen: &mut HashSet<Id>,
    found: &mut Vec<Found<'a>>,
) {
    let Object::Dict(items) = objects.get(id) else { return };
    if !seen.insert(id) {
        return;
    }
    let named = || items.iter().filter_map(|(key, value)| Some((objects.text(*key)?, *value)));
    let tensors = named().filter(|(_, value)| is_tensor(objects, *value));
    let tensors: Vec<_> = tensors.map(|(name, value)| (name, place(objects, value))).collect();
    if !tensors.is_empty() {
        found.push((path.clone(), tensors));
    }
    for (name, value) in named() {
        if path.len() < DEEPEST && found.len() < MOST {
            path.push(name);
            look_into(objects, value, path, seen, found);
            path.pop();
        }
    }
}

/// Why nothing was found.
fn nothing(objects: &Objects, outermost: Id) -> String {
    let inside = match objects.get(outermost) {
        Object::Dict(items) => items.iter().find_map(|(_, value)| class(objects, *value)),
        _ => class(objects, outermost),
    };
    match inside {
        Some(class) => format!(
            "it holds a whole object, of `{class}`, which only the program that made it can read; save its weights \
             alone: torch.save(network.state_dict(), FILE)"
        ),
        None => "it holds no dictionary of tensors; save one: torch.save(network.state_dict(), FILE)".into(),
    }
}

/// The name of what makes an object, where it is no plain one.
fn class(objects: &Objects, id: Id) -> Option<String> {
    let Object::Call(function, _) = objects.get(id) else { return None };
    let class = match objects.get(*function) {
        // The older format has a class together with its source: `("module", class, file, source)`.
        Object::Outside(description) => objects.get(*objects.elements(*description)?.get(1)?),
        other => other,
    };
    match class {
        Object::Global(name) if !name.starts_with("torch._utils ") => Some(name.replace(' ', ".")),
        _ => None,
    }
}

/// A storage's key and the bytes of one of its elements.
pub fn storage(objects: &Objects, description: Id) -> Option<(&str, usize)> {
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

/// Whether an object is made as tensors are.
fn is_tensor(objects: &Objects, id: Id) -> bool {
    let Object::Call(function, _) = objects.get(id) else { return false };
    matches!(objects.get(*function), Object::Global(name) if name.starts_with("torch._utils _rebuild_"))
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
        "Int" => DType::I32,
        "Short" => DType::I16,
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
    let mut expected = 1usize;
    let contiguous = dims.iter().zip(strides).rev().all(|(dim, stride)| {
        let as_expected = *dim == 1 || *stride == expected;
        // Beside a dimension of 0 the others may be anything.
        expected = expected.wrapping_mul(*dim);
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
