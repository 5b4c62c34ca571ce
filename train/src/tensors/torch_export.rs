//! The weights in what `torch.export.save` writes (`.pt2`): a zip archive of raw tensors, `NAME/data/weights/weight_N`,
//! and of one JSON that gives their names and layouts. Before version 2.8 of PyTorch they were a PyTorch file inside,
//! `serialized_state_dict.pt`.

use std::collections::BTreeMap;
use std::io::{Cursor, Read};

use candle_core::{DType, Device, Tensor};
use serde::Deserialize;
use zip::ZipArchive;

use super::state_dict::Dictionary;
use super::zip_pytorch;

const FORMER: &str = "serialized_state_dict.pt";
const CONFIG: &str = "data/weights/model_weights_config.json";

type Result<T> = std::result::Result<T, String>;

#[derive(Deserialize)]
struct Config {
    config: BTreeMap<String, Entry>,
}

#[derive(Deserialize)]
struct Entry {
    path_name: String,
    use_pickle: bool,
    tensor_meta: Option<Layout>,
}

/// Offset and strides are in elements.
#[derive(Deserialize)]
struct Layout {
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
pub fn read(file: &[u8]) -> Result<Vec<Dictionary>> {
    let mut archive = ZipArchive::new(Cursor::new(file)).map_err(|error| format!("it is not complete: {error}"))?;
    let names: Vec<String> = archive.file_names().filter_map(|name| Some(name.ok()?.into_owned())).collect();
    let mut entry = |name: &str| -> Result<Vec<u8>> {
        let entry = archive.by_name(name).map_err(|error| format!("{name}: {error}"))?;
        let mut bytes = Vec::new();
        // Entries are stored; one that grows to more than the file is hostile.
        let limit = file.len() as u64 + 1;
        entry.take(limit).read_to_end(&mut bytes).map_err(|error| format!("{name}: {error}"))?;
        (bytes.len() <= file.len()).then_some(bytes).ok_or_else(|| format!("{name} is larger than the file"))
    };
    let Some(config) = names.iter().find(|name| name.ends_with(CONFIG)) else {
        let former = names.iter().find(|name| name.ends_with(FORMER)).ok_or("there are no weights in it")?;
        return zip_pytorch::read(&entry(former)?);
    };
    let folder = config.strip_suffix("model_weights_config.json").unwrap_or_default();
    let Config { config: entries } =
        serde_json::from_slice(&entry(config)?).map_err(|error| format!("{config}: {error}"))?;
    let mut tensors = BTreeMap::new();
    let mut left = file.len().saturating_mul(4);
    for (name, Entry { path_name, use_pickle, tensor_meta }) in entries {
        let (Some(layout), false) = (tensor_meta, use_pickle) else {
            return Err(format!("the tensor `{name}` is pickled, of a class that only PyTorch can read"));
        };
        let bytes = entry(&format!("{folder}{path_name}"))?;
        left = left.checked_sub(bytes.len()).ok_or("its tensors take many times the file's length")?;
        let tensor = tensor(&layout, &bytes).map_err(|reason| format!("the tensor `{name}` {reason}"))?;
        tensors.insert(name, tensor);
    }
    Ok(vec![Dictionary { path: String::new(), tensors }])
}

fn tensor(layout: &Layout, bytes: &[u8]) -> Result<Tensor> {
    // torch/_export/serde/schema.py: ScalarType.
    let dtype = match layout.dtype {
        1 | 12 => DType::U8,
        3 => DType::I16,
        4 => DType::I32,
        5 => DType::I64,
        6 => DType::F16,
        7 => DType::F32,
        8 => DType::F64,
        13 => DType::BF16,
        _ => return Err("has an element type that is not supported".into()),
    };
    let damaged = || "is damaged".to_string();
    let sizes = |sizes: &[Size]| sizes.iter().map(|size| size.as_int).collect::<Vec<_>>();
    let (dims, strides, size) = (sizes(&layout.sizes), sizes(&layout.strides), dtype.size_in_bytes());
    let count = dims.iter().try_fold(1usize, |count, &dim| count.checked_mul(dim)).ok_or_else(damaged)?;
    // A broadcast tensor could make a small file fill the memory.
    if dims.len() != strides.len() || count > bytes.len() / size {
        return Err(damaged());
    }
    let element = |mut number: usize| {
        let mut at = layout.storage_offset.as_int;
        for (dim, stride) in dims.iter().zip(&strides).rev() {
            at = at.checked_add((number % dim).checked_mul(*stride)?)?;
            number /= dim;
        }
        bytes.get(at.checked_mul(size)?..)?.get(..size)
    };
    let mut elements = Vec::with_capacity(count * size);
    for number in 0..count {
        elements.extend_from_slice(element(number).ok_or_else(damaged)?);
    }
    Tensor::from_raw_buffer(&elements, dtype, &dims, &Device::Cpu).map_err(|_| damaged())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;
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
        let dictionaries = crate::tensors::read(&archive(config)).unwrap();
        let of = |name: &str| dictionaries[0].tensors[name].to_vec2::<f32>().unwrap();
        assert_eq!(of("a"), [[0., 1., 2.], [3., 4., 5.]]);
        assert_eq!(of("b"), [[0., 3.], [1., 4.], [2., 5.]]);
    }

    #[test]
    fn tensors_that_cannot_be_read_are_named() {
        let mut pickled = entry([2, 3], [3, 1], 7);
        pickled["use_pickle"] = true.into();
        for bad in [entry([2, 3], [3, 2], 7), entry([200, 300], [0, 0], 7), entry([2, 3], [3, 1], 10), pickled] {
            let error = crate::tensors::read(&archive(serde_json::json!({ "layer.bad": bad }))).unwrap_err();
            assert!(error.contains("`layer.bad`"), "{error}");
        }
    }
}
