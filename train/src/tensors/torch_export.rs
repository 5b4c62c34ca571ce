//! The weights in what `torch.export.save` writes (`.pt2`): a zip archive of raw tensors, `NAME/data/weights/weight_N`,
//! and of one JSON that gives their names and layouts. Before version 2.8 of PyTorch they were a PyTorch file inside,
//! `serialized_state_dict.pt`.

use std::cell::RefCell;
use std::collections::BTreeMap;

use candle_core::DType;
use serde::Deserialize;

use super::contents::{Bytes, Contents, Dictionary, Entry, Found};
use super::layout::Layout;
use super::zip_pytorch::{self, Archive};

const FORMER: &str = "serialized_state_dict.pt";
const CONFIG: &str = "data/weights/model_weights_config.json";

type Result<T> = std::result::Result<T, String>;

#[derive(Deserialize)]
struct Config {
    config: BTreeMap<String, Weight>,
}

#[derive(Deserialize)]
struct Weight {
    path_name: String,
    use_pickle: bool,
    tensor_meta: Option<TensorMeta>,
}

/// Offset and strides are in elements.
#[derive(Deserialize)]
struct TensorMeta {
    dtype: u32,
    sizes: Vec<Size>,
    strides: Vec<Size>,
    storage_offset: Size,
}

#[derive(Deserialize)]
struct Size {
    as_int: usize,
}

/// Reads a file's bytes. The program in it is not looked at.
pub fn read(file: &[u8]) -> Result<Contents<'_>> {
    let mut archive = Archive::open(file)?;
    let names = archive.names();
    let Some(config) = names.iter().find(|name| name.ends_with(CONFIG)) else {
        let former = names.iter().find(|name| name.ends_with(FORMER)).ok_or("there are no weights in it")?;
        return match archive.entry(former)? {
            Bytes::File(inner) => zip_pytorch::read(inner),
            Bytes::Inflated(_) => Err(format!("{former} in it is compressed; unpack it and give it alone")),
        };
    };
    let folder = config.strip_suffix("model_weights_config.json").unwrap_or_default().to_string();
    let Config { config: weights } =
        serde_json::from_slice(&archive.entry(config)?).map_err(|error| format!("{config}: {error}"))?;
    let entries = weights.into_iter().map(|(name, weight)| (name, entry(weight))).collect();
    let found = Found { dictionaries: vec![Dictionary { keys: vec![], entries }], objects: vec![] };
    let archive = RefCell::new(archive);
    let storages = move |key: &str| archive.borrow_mut().entry(&format!("{folder}{key}")).map_err(String::from);
    Ok(Contents::new(found, Box::new(storages), file.len()))
}

fn entry(Weight { path_name, use_pickle, tensor_meta }: Weight) -> Entry {
    let (Some(meta), false) = (tensor_meta, use_pickle) else {
        return Entry::unreadable("unknown", None, "it is pickled, of a class that only PyTorch can read");
    };
    let sizes = |sizes: &[Size]| sizes.iter().map(|size| size.as_int).collect::<Vec<_>>();
    let (dims, strides) = (sizes(&meta.sizes), sizes(&meta.strides));
    // torch/_export/serde/schema.py: ScalarType.
    let dtype = match meta.dtype {
        1 | 12 => DType::U8,
        3 => DType::I16,
        4 => DType::I32,
        5 => DType::I64,
        6 => DType::F16,
        7 => DType::F32,
        8 => DType::F64,
        13 => DType::BF16,
        other => return Entry::of_other_type(format!("of type {other} of torch.export"), Some(dims)),
    };
    let offset = meta.storage_offset.as_int;
    Entry::stored(Layout { storage: path_name, dtype, offset, dims, strides, negative: false })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Cursor, Write};
    use zip::write::{SimpleFileOptions, ZipWriter};

    fn archive(config: serde_json::Value) -> Vec<u8> {
        let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
        let values: Vec<u8> = (0..6u8).flat_map(|value| f32::from(value).to_le_bytes()).collect();
        let config = serde_json::json!({ "config": config }).to_string();
        for (name, bytes) in [("m/data/weights/weight_0", &values[..]), (&format!("m/{CONFIG}"), config.as_bytes())] {
            zip.start_file(name, SimpleFileOptions::default().compression_method(zip::CompressionMethod::Stored))
                .unwrap();
            zip.write_all(bytes).unwrap();
        }
        zip.finish().unwrap().into_inner()
    }

    fn entry(dims: [usize; 2], strides: [usize; 2], dtype: u32) -> serde_json::Value {
        let sizes = |sizes: [usize; 2]| sizes.map(|size| serde_json::json!({ "as_int": size }));
        serde_json::json!({
            "path_name": "weight_0", "is_param": true, "use_pickle": false,
            "tensor_meta": {
                "dtype": dtype, "sizes": sizes(dims), "strides": sizes(strides), "storage_offset": { "as_int": 0 },
                "requires_grad": true, "device": { "type": "cpu", "index": null }, "layout": 7,
            },
        })
    }

    #[test]
    fn tensors_are_read_by_their_strides() {
        let config = serde_json::json!({ "a": entry([2, 3], [3, 1], 7), "b": entry([3, 2], [1, 3], 7) });
        let file = archive(config);
        let contents = crate::tensors::read(&file).unwrap();
        let tensors = contents.read(contents.dictionaries[0].tensors()).unwrap();
        let of = |name: &str| tensors[name].to_vec2::<f32>().unwrap();
        assert_eq!(of("a"), [[0., 1., 2.], [3., 4., 5.]]);
        assert_eq!(of("b"), [[0., 3.], [1., 4.], [2., 5.]]);
    }

    #[test]
    fn tensors_that_cannot_be_read_are_named() {
        let mut pickled = entry([2, 3], [3, 1], 7);
        pickled["use_pickle"] = true.into();
        for bad in [entry([2, 3], [3, 2], 7), entry([200, 300], [300, 1], 7), entry([2, 3], [3, 1], 10), pickled] {
            let file = archive(serde_json::json!({ "layer.bad": bad }));
            let contents = crate::tensors::read(&file).unwrap();
            let error = contents.read(contents.dictionaries[0].tensors()).unwrap_err();
            assert!(error.contains("`layer.bad`"), "{error}");
        }
    }
}
