//! Weights in a second file: TensorProto's `external_data` = 13 and `data_location` = 14 (ONNX, "External Data"), which
//! PyTorch 2.9 and later write as `model.onnx.data`.

use std::collections::HashMap;

use super::{Field, Fields, GRAPH, GRAPH_NODE, INITIALIZER, RAW_DATA, message, string_entry};
use crate::{Error, Result};

const EXTERNAL_DATA: u64 = 13;
const DATA_LOCATION: u64 = 14;
const NODE_ATTRIBUTE: u64 = 5;
const ATTRIBUTE_TENSOR: u64 = 5;
const ATTRIBUTE_GRAPH: u64 = 6;
const ATTRIBUTE_TENSORS: u64 = 10;
const ATTRIBUTE_GRAPHS: u64 = 11;

/// Messages may be nested this deep; a branch of a condition takes three levels.
const MAX_DEPTH: usize = 48;

/// How to put a model and its weights into one file.
pub const MAKE_ONE_FILE: &str =
    "to make one file of both, in Python: `import onnx; onnx.save(onnx.load(\"model.onnx\"), \"one.onnx\")`";

/// A place in another file.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Place {
    location: String,
    offset: usize,
    length: Option<usize>,
}

/// The files beside the model that hold some of its weights, as the model names them: each once, in the file's order.
///
/// Fails if the bytes are not an ONNX model.
pub fn external_files(model: &[u8]) -> Result<Vec<String>> {
    let mut files = Vec::new();
    scan(model, Kind::Model, 0, &mut files)?;
    Ok(files)
}

/// Fails with [`Error::ExternalData`] if some of a model's weights are in another file.
pub fn check_one_file(model: &[u8]) -> Result<()> {
    external_files(model)?.into_iter().next().map_or(Ok(()), |file| Err(Error::ExternalData { file }))
}

/// The model with all its weights in itself. `read` returns the bytes of a file that the model names, and is called once
/// for each; it decides which names are safe. `None` if all weights are in the model already.
///
/// Fails if the bytes are not an ONNX model, `read` fails, or a file is shorter than the model says.
pub fn with_external_data(model: &[u8], mut read: impl FnMut(&str) -> Result<Vec<u8>>) -> Result<Option<Vec<u8>>> {
    let mut files: HashMap<String, Vec<u8>> = HashMap::new();
    for file in external_files(model)? {
        let bytes = read(&file)?;
        files.insert(file, bytes);
    }
    if files.is_empty() {
        return Ok(None);
    }
    copy(model, Kind::Model, &|Place { location, offset, length }| {
        let bytes = &files[location];
        let end = length.map_or(Some(bytes.len()), |length| offset.checked_add(length));
        let part = end.and_then(|end| bytes.get(*offset..end)).ok_or_else(|| {
            let (has, needs) = (bytes.len(), end.map_or("more".into(), |end| end.to_string()));
            Error::Truncated(format!("`{location}`, where its weights are, has {has} bytes and needs {needs}"))
        })?;
        Ok(part)
    })
    .map(Some)
}

/// A kind of message, by what it holds.
#[derive(Clone, Copy)]
enum Kind {
    Model,
    Graph,
    Node,
    Attribute,
    Tensor,
}

impl Kind {
    /// What a field of such a message holds, if that can hold tensors.
    fn of_field(self, number: u64) -> Option<Self> {
        match (self, number) {
            (Self::Model, GRAPH) | (Self::Attribute, ATTRIBUTE_GRAPH | ATTRIBUTE_GRAPHS) => Some(Self::Graph),
            (Self::Graph, GRAPH_NODE) => Some(Self::Node),
            (Self::Node, NODE_ATTRIBUTE) => Some(Self::Attribute),
            (Self::Graph, INITIALIZER) | (Self::Attribute, ATTRIBUTE_TENSOR | ATTRIBUTE_TENSORS) => Some(Self::Tensor),
            _ => None,
        }
    }
}

/// Lists the other files that a message refers to.
fn scan(bytes: &[u8], kind: Kind, depth: usize, files: &mut Vec<String>) -> Result<()> {
    if depth > MAX_DEPTH {
        return Err(Error::NotOnnx("its graphs are nested too deeply".into()));
    }
    if let Kind::Tensor = kind {
        files.extend(external_file(bytes)?.filter(|file| !files.contains(file)));
        return Ok(());
    }
    let mut fields = Fields::new(bytes);
    while let Some((number, value)) = fields.next_field(true)? {
        if let (Some(inner), Field::Bytes(value)) = (kind.of_field(number), value) {
            scan(value, inner, depth + 1, files)?;
        }
    }
    Ok(())
}

/// Copies a message that was scanned, with the bytes that `find` returns in place of references to other files.
fn copy<'a>(bytes: &[u8], kind: Kind, find: &impl Fn(&Place) -> Result<&'a [u8]>) -> Result<Vec<u8>> {
    let place = if let Kind::Tensor = kind { place(bytes)? } else { None };
    let mut copied = Vec::with_capacity(bytes.len());
    let mut fields = Fields::new(bytes);
    while let Some((number, value, raw)) = fields.next_raw(true)? {
        match (kind.of_field(number), value) {
            (Some(inner), Field::Bytes(value)) => copied.extend(message(number, &copy(value, inner, find)?)),
            _ if place.is_some() && matches!(number, EXTERNAL_DATA | DATA_LOCATION | RAW_DATA) => {}
            _ => copied.extend_from_slice(raw),
        }
    }
    if let Some(place) = place {
        copied.extend(message(RAW_DATA, find(&place)?));
    }
    Ok(copied)
}

/// Where a tensor's elements are, if that is in another file.
fn place(tensor: &[u8]) -> Result<Option<Place>> {
    let (mut external, mut place) = (false, Place { location: String::new(), offset: 0, length: None });
    let mut fields = Fields::new(tensor);
    while let Some((number, value)) = fields.next_field(true)? {
        match (number, value) {
            (DATA_LOCATION, Field::Varint(location)) => external = location == 1,
            (EXTERNAL_DATA, Field::Bytes(entry)) => {
                let (key, value) = string_entry(entry)?;
                let number = || value.parse().map_err(|_| Error::NotOnnx(format!("a tensor's {key} is `{value}`")));
                match key.as_str() {
                    "location" => place.location = value,
                    "offset" => place.offset = number()?,
                    "length" => place.length = Some(number()?),
                    _ => {}
                }
            }
            _ => {}
        }
    }
    Ok(external.then_some(place))
}

/// The file that holds a tensor's elements, if that is another one.
pub(super) fn external_file(tensor: &[u8]) -> Result<Option<String>> {
    Ok(place(tensor)?.map(|place| place.location))
}

#[cfg(test)]
mod tests {
    use super::super::initializers::{NAME, initializers};
    use super::super::{ENTRY_KEY, ENTRY_VALUE};
    use super::*;

    fn entry(key: &str, value: &str) -> Vec<u8> {
        message(EXTERNAL_DATA, &[message(ENTRY_KEY, key.as_bytes()), message(ENTRY_VALUE, value.as_bytes())].concat())
    }

    /// A float32 tensor of two elements in another file.
    fn elsewhere(name: &str, place: &[(&str, &str)]) -> Vec<u8> {
        let entries: Vec<u8> = place.iter().flat_map(|(key, value)| entry(key, value)).collect();
        [&[0x08, 2, 0x10, 1][..], &message(NAME, name.as_bytes()), &entries, &[(DATA_LOCATION << 3) as u8, 1]].concat()
    }

    fn model(graph: &[Vec<u8>]) -> Vec<u8> {
        [&[0x08, 8][..], &message(GRAPH, &graph.concat())].concat()
    }

    #[test]
    fn a_second_file_becomes_part_of_the_first() {
        let first = message(INITIALIZER, &elsewhere("a", &[("location", "m.data"), ("offset", "8"), ("length", "8")]));
        let second = message(INITIALIZER, &elsewhere("b", &[("location", "m.data"), ("length", "8")]));
        // A constant in the branch of a condition.
        let constant = message(NODE_ATTRIBUTE, &message(ATTRIBUTE_TENSOR, &elsewhere("c", &[("location", "rest")])));
        let branch = message(ATTRIBUTE_GRAPH, &message(GRAPH_NODE, &constant));
        let node = message(GRAPH_NODE, &message(NODE_ATTRIBUTE, &branch));
        let bytes = model(&[first, second, node]);
        assert_eq!(external_files(&bytes).unwrap(), ["m.data", "rest"]);
        assert_eq!(initializers(&bytes).unwrap_err(), Error::ExternalData { file: "m.data".into() });

        let mut read = vec![];
        let merged = with_external_data(&bytes, |file| {
            read.push(file.to_string());
            Ok((0..if file == "rest" { 8 } else { 16 }).collect())
        });
        let merged = merged.unwrap().unwrap();
        assert_eq!(read, ["m.data", "rest"]);
        let found = initializers(&merged).unwrap();
        assert_eq!((found[0].name, found[0].bytes), ("a", &[8, 9, 10, 11, 12, 13, 14, 15][..]));
        assert_eq!((found[1].name, found[1].bytes), ("b", &[0, 1, 2, 3, 4, 5, 6, 7][..]));
        assert!(external_files(&merged).unwrap().is_empty());
        assert_eq!(with_external_data(&merged, |_| unreachable!()).unwrap(), None);
        let short = with_external_data(&bytes, |_| Ok(vec![0; 15])).unwrap_err();
        assert!(matches!(&short, Error::Truncated(what) if what.contains("m.data") && what.contains("16")), "{short}");
    }

    #[test]
    fn places_that_make_no_sense_are_errors() {
        let place = |place: &[(&str, &str)]| model(&[message(INITIALIZER, &elsewhere("a", place))]);
        assert!(external_files(&place(&[("location", "m"), ("offset", "-1")])).is_err());
        let huge = place(&[("location", "m"), ("offset", "18446744073709551615"), ("length", "9")]);
        assert!(matches!(with_external_data(&huge, |_| Ok(vec![])), Err(Error::Truncated(_))));
        let mut deep = vec![];
        for _ in 0..100 {
            deep = message(GRAPH_NODE, &message(NODE_ATTRIBUTE, &message(ATTRIBUTE_GRAPH, &deep)));
        }
        assert!(external_files(&model(&[deep])).is_err());
    }
}
