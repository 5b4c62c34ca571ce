//! State dictionaries as `torch.save` writes them.

use std::io::Write;

use candle_core::DType;
use safetensors::View;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

use super::Tensors;

fn text(text: &str) -> Vec<u8> {
    [&b"X"[..], &(text.len() as u32).to_le_bytes(), text.as_bytes()].concat()
}

fn int(value: usize) -> Vec<u8> {
    [&b"J"[..], &(value as i32).to_le_bytes()].concat()
}

fn sizes(sizes: &[usize]) -> Vec<u8> {
    [&b"("[..], &sizes.iter().flat_map(|size| int(*size)).collect::<Vec<_>>(), b"t"].concat()
}

/// A pickled state dictionary nested below `keys`, each beside the number of an epoch. The key of a tensor's storage is
/// the tensor's number.
fn pickled(tensors: &Tensors, keys: &[&str]) -> Vec<u8> {
    let mut items = Vec::new();
    for (number, (name, tensor)) in tensors.iter().enumerate() {
        let kind = match tensor.dtype() {
            DType::F16 => "ctorch\nHalfStorage\n",
            DType::I64 => "ctorch\nLongStorage\n",
            _ => "ctorch\nFloatStorage\n",
        };
        let (dims, count) = (tensor.dims(), tensor.elem_count());
        let strides: Vec<usize> = (0..dims.len()).map(|axis| dims[axis + 1..].iter().product()).collect();
        let key = text(&number.to_string());
        let storage = [&b"("[..], &text("storage"), kind.as_bytes(), &key, &text("cpu"), &int(count), b"NtQ"].concat();
        let function = b"ctorch._utils\n_rebuild_tensor_v2\n(";
        items.extend([&text(name)[..], function, &storage, &int(0), &sizes(dims), &sizes(&strides)].concat());
        items.extend(b"\x89ccollections\nOrderedDict\n)RtR");
    }
    let dictionary = [&b"ccollections\nOrderedDict\n)R("[..], &items, b"u"].concat();
    let nest = |inside: Vec<u8>, key: &&str| [&b"}("[..], &text("epoch"), b"K\x03", &text(key), &inside, b"u"].concat();
    [&b"\x80\x02"[..], &keys.iter().rev().fold(dictionary, nest), b"."].concat()
}

/// The format of version 1.6 and later.
pub fn zipped(tensors: &Tensors, keys: &[&str]) -> Vec<u8> {
    let mut zip = ZipWriter::new(std::io::Cursor::new(Vec::new()));
    let stored = SimpleFileOptions::default().compression_method(CompressionMethod::Stored);
    let mut add = |name: String, bytes: &[u8]| {
        zip.start_file(format!("best/{name}"), stored).unwrap();
        zip.write_all(bytes).unwrap();
    };
    add("data.pkl".into(), &pickled(tensors, keys));
    tensors.values().enumerate().for_each(|(number, tensor)| add(format!("data/{number}"), &tensor.data()));
    add("version".into(), b"3\n");
    zip.finish().unwrap().into_inner()
}

/// The format of versions before 1.6.
pub fn old(tensors: &Tensors, keys: &[&str]) -> Vec<u8> {
    let mut file = b"\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19.\x80\x02M\xe9\x03.\x80\x02}.".to_vec();
    file.extend(pickled(tensors, keys));
    let storages: Vec<u8> = (0..tensors.len()).flat_map(|number| text(&number.to_string())).collect();
    file.extend([&b"\x80\x02]("[..], &storages, b"e."].concat());
    for tensor in tensors.values() {
        file.extend((tensor.elem_count() as i64).to_le_bytes());
        file.extend(&*tensor.data());
    }
    file
}
