//! State dictionaries among the objects of a pickle, and the tensors that they describe.

use std::collections::{BTreeMap, HashSet};

use candle_core::{DType, Device, Tensor};

use super::pickle::{Id, Object, Objects};

/// The keys under which a checkpoint's state dictionary is looked for first where the file holds more than one.
const KEYS: [&str; 4] = ["state_dict", "model", "model_state_dict", "net"];

/// The deepest nesting that is searched. No checkpoint needs more.
const MAX_DEPTH: usize = 4;

/// The most dictionaries that are read, more than any checkpoint has.
const MAX_DICTIONARIES: usize = 256;

type Result<T> = std::result::Result<T, String>;

/// A dictionary of tensors in a file.
#[derive(Debug, Clone)]
pub struct Dictionary {
    /// The keys that lead to it, joined by dots; empty for the outermost.
    pub path: String,
    /// Its tensors by name.
    pub tensors: BTreeMap<String, Tensor>,
}

/// The layout of a tensor in its storage. Offset and strides are in elements.
struct Layout<'a> {
    storage: &'a str,
    dtype: DType,
    offset: usize,
    dims: Vec<usize>,
    strides: Vec<usize>,
}

/// The keys that lead to a dictionary, and its tensors' names and layouts; `None` for an element type that is not supported.
type Entry<'a> = (Vec<&'a str>, Vec<(&'a str, Option<Layout<'a>>)>);

/// The dictionaries of tensors, the most likely one first: the outermost, those under the usual keys, then the others in
/// the file's order. `storage` gives a storage's bytes, `length` is the file's.
///
/// Fails where there is none, where a tensor of the first is incomplete or of an unsupported type, and where the tensors
/// share storages so much that they would take several times the file's size.
pub fn read<'a>(
    objects: &Objects,
    outermost: Id,
    storage: impl Fn(&str) -> Option<&'a [u8]>,
    length: usize,
) -> Result<Vec<Dictionary>> {
    let mut found = Vec::new();
    collect(objects, outermost, &mut Vec::new(), &mut HashSet::new(), &mut found);
    if found.is_empty() {
        return Err(nothing(objects, outermost));
    }
    found.sort_by_key(|(path, _): &Entry| {
        let usual = path.last().and_then(|last| KEYS.iter().position(|key| key == last));
        (!path.is_empty(), usual.unwrap_or(KEYS.len()))
    });
    let mut left = length.saturating_mul(4);
    let mut named = |(path, items): Entry| -> Result<Dictionary> {
        let tensors = items.into_iter().map(|(name, layout)| {
            let layout =
                layout.ok_or_else(|| format!("the tensor `{name}` has an element type that is not supported"))?;
            let bytes = storage(layout.storage).ok_or_else(|| format!("the tensor `{name}` is missing"))?;
            let tensor = tensor(&layout, bytes).ok_or_else(|| format!("the tensor `{name}` is damaged"))?;
            let size = tensor.elem_count() * layout.dtype.size_in_bytes();
            left = left.checked_sub(size).ok_or("its tensors take many times the file's length")?;
            Ok((name.to_string(), tensor))
        });
        Ok(Dictionary { path: path.join("."), tensors: tensors.collect::<Result<_>>()? })
    };
    let mut found = found.into_iter();
    let likeliest = found.next().map(&mut named).transpose()?;
    // A damaged optimiser state does not matter to the weights.
    Ok(likeliest.into_iter().chain(found.filter_map(|other| named(other).ok())).collect())
}

/// Collects a dictionary, where it has tensors, and those nested in it, each once.
fn collect<'a>(
    objects: &'a Objects,
    id: Id,
    path: &mut Vec<&'a str>,
    seen: &mut HashSet<Id>,
    found: &mut Vec<Entry<'a>>,
) {
    let Object::Dict(items) = objects.get(id) else { return };
    if !seen.insert(id) {
        return;
    }
    let named = || items.iter().filter_map(|(key, value)| Some((objects.text(*key)?, *value)));
    let tensors = named().filter(|(_, value)| is_tensor(objects, *value));
    let tensors: Vec<_> = tensors.map(|(name, value)| (name, layout(objects, value))).collect();
    if !tensors.is_empty() {
        found.push((path.clone(), tensors));
    }
    for (name, value) in named() {
        if path.len() < MAX_DEPTH && found.len() < MAX_DICTIONARIES {
            path.push(name);
            collect(objects, value, path, seen, found);
            path.pop();
        }
    }
}

/// The reason why a file has no dictionary of tensors.
fn nothing(objects: &Objects, outermost: Id) -> String {
    let inside = match objects.get(outermost) {
        Object::Dict(items) => items.iter().find_map(|(_, value)| class(objects, *value)),
        _ => class(objects, outermost),
    };
    match inside {
        Some(class) => format!(
            "it holds a whole object, of `{class}`, which only its program can read; save its weights \
             alone: torch.save(network.state_dict(), FILE)"
        ),
        None => "it holds no dictionary of tensors; save one: torch.save(network.state_dict(), FILE)".into(),
    }
}

/// The class of an object that is neither a builtin nor a tensor.
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

/// Whether an object is a tensor.
fn is_tensor(objects: &Objects, id: Id) -> bool {
    let Object::Call(function, _) = objects.get(id) else { return false };
    matches!(objects.get(*function), Object::Global(name) if name.starts_with("torch._utils _rebuild_"))
}

/// A tensor's layout; `None` where the object is not a tensor of a supported type.
fn layout(objects: &Objects, tensor: Id) -> Option<Layout<'_>> {
    let Object::Call(function, arguments) = objects.get(tensor) else { return None };
    let Object::Global(function) = objects.get(*function) else { return None };
    let arguments = objects.elements(*arguments)?;
    match function.as_str() {
        // One level: a parameter wraps a tensor.
        "torch._utils _rebuild_parameter" => {
            let inner = *arguments.first()?;
            matches!(objects.get(inner), Object::Call(function, _)
                if matches!(objects.get(*function), Object::Global(name) if name.contains("_rebuild_tensor")))
            .then(|| layout(objects, inner))?
        }
        "torch._utils _rebuild_tensor" | "torch._utils _rebuild_tensor_v2" => {
            let [storage, offset, dims, strides, ..] = arguments else { return None };
            let Object::Outside(storage) = objects.get(*storage) else { return None };
            let [kind, dtype, key, _, _, rest @ ..] = objects.elements(*storage)? else { return None };
            if objects.text(*kind)? != "storage" {
                return None;
            }
            let Object::Global(dtype) = objects.get(*dtype) else { return None };
            // A storage may be a view of another one, (key, offset, length), which is the one in the file.
            let part = rest.first().and_then(|part| objects.elements(*part)).unwrap_or_default();
            let (key, first) = match part {
                [_, first, _] => (key, objects.size(*first)?),
                _ => (key, 0),
            };
            let sizes = |id: Id| -> Option<Vec<usize>> {
                objects.elements(id)?.iter().map(|size| objects.size(*size)).collect()
            };
            Some(Layout {
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

/// A tensor's elements in order; `None` where they are not all in the storage.
fn tensor(layout: &Layout, storage: &[u8]) -> Option<Tensor> {
    let size = layout.dtype.size_in_bytes();
    let Layout { dtype, offset, dims, strides, .. } = layout;
    if dims.len() != strides.len() {
        return None;
    }
    let count = dims.iter().try_fold(1usize, |count, dim| count.checked_mul(*dim))?;
    // A broadcast tensor could make a small file fill the memory.
    if count > storage.len() / size {
        return None;
    }
    let mut expected = 1usize;
    let contiguous = dims.iter().zip(strides).rev().all(|(dim, stride)| {
        let as_expected = *dim == 1 || *stride == expected;
        // With a dimension of 0 the others do not matter.
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
