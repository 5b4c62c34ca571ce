//! The calls by which a pickle rebuilds tensors, described without running them.

use candle_core::DType;

use super::contents::Entry;
use super::layout::Layout;
use super::pickle::{Id, Object, Objects};

/// The deepest nesting of calls: a parameter of a tensor with attributes.
const MAX_DEPTH: usize = 4;

/// The types whose tensors are nothing but their elements.
const PLAIN: [&str; 7] = [
    "torch Tensor",
    "torch._tensor Tensor",
    "torch.nn Parameter",
    "torch.nn.parameter Parameter",
    "torch.nn Buffer",
    "torch.nn.parameter Buffer",
    "torch.nn.parameter UninitializedBuffer",
];

/// The tensor that an object is; `None` where it is none.
pub fn tensor(objects: &Objects, id: Id) -> Option<Entry> {
    let Object::Call(function, arguments) = objects.get(id) else { return None };
    call(objects, *function, *arguments, MAX_DEPTH)
}

fn global(objects: &Objects, id: Id) -> Option<&str> {
    match objects.get(id) {
        Object::Global(name) => Some(name),
        _ => None,
    }
}

fn call(objects: &Objects, function: Id, arguments: Id, depth: usize) -> Option<Entry> {
    let (module, function) = global(objects, function)?.split_once(' ')?;
    if !["torch._utils", "torch._tensor"].contains(&module) || !function.starts_with("_rebuild_") {
        return None;
    }
    let arguments = objects.elements(arguments).unwrap_or_default();
    let shape = |at: usize| arguments.get(at).and_then(|id| sizes(objects, *id));
    let damaged = || Entry::unreadable("unknown", None, "its description is incomplete");
    let inner = |function: Id, arguments: Id| {
        depth.checked_sub(1).and_then(|depth| call(objects, function, arguments, depth)).unwrap_or_else(damaged)
    };
    Some(match (function, arguments) {
        ("_rebuild_parameter" | "_rebuild_parameter_with_state", [data, ..]) => match objects.get(*data) {
            Object::Call(function, arguments) => inner(*function, *arguments),
            _ => damaged(),
        },
        ("_rebuild_from_type" | "_rebuild_from_type_v2", [function, class, arguments, ..]) => {
            match global(objects, *class) {
                Some(class) if PLAIN.contains(&class) => inner(*function, *arguments),
                class => {
                    let shape = inner(*function, *arguments).shape;
                    subclass(class, shape)
                }
            }
        }
        ("_rebuild_wrapper_subclass", [class, ..]) => subclass(global(objects, *class), shape(2)),
        ("_rebuild_tensor" | "_rebuild_tensor_v2", [storage, offset, dims, strides, rest @ ..]) => {
            let metadata = rest.get(2).copied();
            stored(objects, [*storage, *offset, *dims, *strides], None, metadata).unwrap_or_else(damaged)
        }
        ("_rebuild_tensor_v3", [storage, offset, dims, strides, _, _, dtype, rest @ ..]) => {
            let metadata = rest.first().copied();
            stored(objects, [*storage, *offset, *dims, *strides], Some(*dtype), metadata).unwrap_or_else(damaged)
        }
        ("_rebuild_sparse_tensor", _) => Entry::unreadable("sparse", None, "it is sparse; save `.to_dense()`"),
        ("_rebuild_qtensor", _) => {
            Entry::unreadable("quantised", shape(2), "it is quantised; save the float network, or `.dequantize()`")
        }
        ("_rebuild_meta_tensor_no_storage", _) => Entry::unreadable(
            "meta",
            shape(1),
            "it is on the device `meta` and has no elements; save it from a real device",
        ),
        ("_rebuild_nested_tensor", _) => Entry::unreadable("nested", None, "it is a nested tensor; save plain tensors"),
        (other, _) => {
            let reason = format!("PyTorch's function `{}` rebuilds it; save `.cpu()`", other.escape_debug());
            Entry::unreadable("unknown", None, reason)
        }
    })
}

fn subclass(class: Option<&str>, shape: Option<Vec<usize>>) -> Entry {
    let class = class.unwrap_or("unknown").replace(' ', ".");
    let reason = format!(
        "it is a `{}`; save whole plain tensors: the state dictionary with `full_state_dict=True`, or `.full_tensor()` or \
         `.dequantize()` of each",
        class.escape_debug()
    );
    Entry::unreadable(class.rsplit('.').next().unwrap_or_default(), shape, reason)
}

fn sizes(objects: &Objects, id: Id) -> Option<Vec<usize>> {
    objects.elements(id)?.iter().map(|size| objects.size(*size)).collect()
}

/// A tensor that is a part of a storage; `None` where its description is incomplete.
fn stored(
    objects: &Objects,
    [storage, offset, dims, strides]: [Id; 4],
    dtype: Option<Id>,
    metadata: Option<Id>,
) -> Option<Entry> {
    let Object::Outside(storage) = objects.get(storage) else { return None };
    let [kind, storage_type, key, _, _, rest @ ..] = objects.elements(*storage)? else { return None };
    if objects.text(*kind)? != "storage" {
        return None;
    }
    let dims = sizes(objects, dims)?;
    let dtype = match dtype {
        Some(dtype) => global(objects, dtype)?.strip_prefix("torch ")?,
        None => dtype_of_storage(global(objects, *storage_type)?)?,
    };
    let Some(dtype) = dtype_of(dtype) else { return Some(Entry::of_other_type(dtype, Some(dims))) };
    // A storage may be a view of another one, (key, offset, length), which is the one in the file.
    let part = rest.first().and_then(|part| objects.elements(*part)).unwrap_or_default();
    let (key, first) = match part {
        [_, first, _] => (key, objects.size(*first)?),
        _ => (key, 0),
    };
    let flag = |name: &str| match metadata.map(|metadata| objects.get(metadata)) {
        Some(Object::Dict(items)) => items.iter().any(|(key, value)| {
            objects.text(*key) == Some(name) && objects.size(*value).is_some_and(|value| value != 0)
        }),
        _ => false,
    };
    if flag("conj") {
        return Some(Entry::unreadable("conjugate", Some(dims), "it is a conjugate view; save `.resolve_conj()`"));
    }
    Some(Entry::stored(Layout {
        storage: objects.text(*key)?.to_string(),
        dtype,
        offset: objects.size(offset)?.checked_add(first)?,
        dims,
        strides: sizes(objects, strides)?,
        negative: flag("neg"),
    }))
}

/// PyTorch's name of the elements of a class of storages, or the class's own.
fn dtype_of_storage(class: &str) -> Option<&str> {
    let kind = ["torch ", "torch.cuda ", "torch.storage "]
        .iter()
        .find_map(|module| class.strip_prefix(module))?
        .strip_suffix("Storage")?;
    Some(match kind {
        "Float" => "float32",
        "Double" => "float64",
        "Half" => "float16",
        "BFloat16" => "bfloat16",
        "Long" => "int64",
        "Int" => "int32",
        "Short" => "int16",
        "Char" => "int8",
        "Byte" => "uint8",
        "Bool" => "bool",
        "ComplexHalf" => "complex32",
        "ComplexFloat" => "complex64",
        "ComplexDouble" => "complex128",
        "QInt8" => "qint8",
        "QUInt8" => "quint8",
        "QInt32" => "qint32",
        other => other,
    })
}

fn dtype_of(name: &str) -> Option<DType> {
    Some(match name {
        "float32" => DType::F32,
        "float64" => DType::F64,
        "float16" => DType::F16,
        "bfloat16" => DType::BF16,
        "int64" => DType::I64,
        "int32" => DType::I32,
        "int16" => DType::I16,
        "uint8" | "bool" => DType::U8,
        "uint32" => DType::U32,
        _ => return None,
    })
}

/// A storage's key and the bytes of one of its elements.
pub fn storage(objects: &Objects, description: Id) -> Option<(&str, usize)> {
    let [_, kind, key, ..] = objects.elements(description)? else { return None };
    let size = match dtype_of_storage(global(objects, *kind)?)? {
        "bool" | "uint8" | "int8" | "qint8" | "quint8" | "Untyped" => 1,
        "float16" | "bfloat16" | "int16" => 2,
        "float32" | "int32" | "complex32" | "qint32" => 4,
        "float64" | "int64" | "complex64" => 8,
        "complex128" => 16,
        _ => return None,
    };
    Some((objects.text(*key)?, size))
}
