//! Reading the metadata and the weights of an ONNX file from its bytes, and exposing intermediate values of a model.
//!
//! onnxruntime-web gives no access to metadata, so the few fields needed are read from the top level of ModelProto
//! (onnx.proto: `ir_version` = 1, `graph` = 7, `metadata_props` = 14). Of the graph, only the weights, the model's inputs
//! and outputs, and the names of the nodes' are read.

mod cut;
mod external;
mod graph;
mod initializers;
mod signature;
mod statistics;
mod tensor;

pub use cut::before_norm;
pub use external::{MAKE_ONE_FILE, check_one_file, external_files, with_external_data};
pub use graph::{Attribute, Graph, Node, graph};
pub use initializers::{ElementType, Initializer, initializers};
pub use signature::{Dimension, Signature, ValueInfo, signature};
pub use statistics::{outputs, plain_statistics, statistics_outputs};
pub use tensor::{Constant, Elements};

use crate::{Error, FileKind, Result};

/// The most metadata that is read, in bytes. A card takes a few kilobytes; a larger one is damaged or hostile.
pub const MAX_METADATA_BYTES: usize = 1 << 20;

const IR_VERSION: u64 = 1;
const GRAPH: u64 = 7;
const METADATA_PROPS: u64 = 14;
const GRAPH_NODE: u64 = 1;
const INITIALIZER: u64 = 5;
const RAW_DATA: u64 = 9;
const ENTRY_KEY: u64 = 1;
const ENTRY_VALUE: u64 = 2;

/// All `metadata_props` of an ONNX model, in the file's order.
///
/// Fails if the bytes are not an ONNX model, in which case the error says what they are where [`FileKind`] knows them, if
/// the file is truncated, or if the metadata exceeds [`MAX_METADATA_BYTES`].
pub fn metadata(model: &[u8]) -> Result<Vec<(String, String)>> {
    // Other files may begin with bytes that could be fields.
    read_metadata(model).map_err(|error| match (FileKind::of(model), error) {
        (Some(kind), _) => Error::NotOnnx(kind.to_string()),
        (None, Error::NotOnnx(what)) => {
            Error::NotOnnx(format!("of no known kind, or damaged ({what}); give an .onnx file"))
        }
        (None, error) => error,
    })
}

fn read_metadata(model: &[u8]) -> Result<Vec<(String, String)>> {
    let mut entries = Vec::new();
    let mut total = 0;
    let (mut has_version, mut has_graph) = (false, false);
    let mut fields = Fields::new(model);
    while let Some((number, value)) = fields.next_field(has_version)? {
        match (number, value) {
            (IR_VERSION, Field::Varint(_)) => has_version = true,
            (GRAPH, Field::Bytes(_)) => has_graph = true,
            (METADATA_PROPS, Field::Bytes(entry)) => {
                total += entry.len();
                if total > MAX_METADATA_BYTES {
                    return Err(Error::BadCard(format!("its metadata is longer than {MAX_METADATA_BYTES} bytes")));
                }
                entries.push(string_entry(entry)?);
            }
            _ => {}
        }
    }
    if !has_version || !has_graph {
        return Err(Error::NotOnnx("it has no IR version or no graph".into()));
    }
    Ok(entries)
}

/// A model with another value of a metadata entry, which is added if it is missing. Everything else stays as it is.
///
/// Fails as [`metadata`] does.
pub fn with_metadata(model: &[u8], key: &str, value: &str) -> Result<Vec<u8>> {
    metadata(model)?;
    let entry = message(ENTRY_KEY, key.as_bytes()).into_iter().chain(message(ENTRY_VALUE, value.as_bytes()));
    let entry = message(METADATA_PROPS, &entry.collect::<Vec<_>>());
    let (mut changed, mut is_written) = (Vec::with_capacity(model.len() + entry.len()), false);
    let mut fields = Fields::new(model);
    while let Some((number, field, raw)) = fields.next_raw(true)? {
        match (number, field) {
            (METADATA_PROPS, Field::Bytes(old)) if text(old, ENTRY_KEY)? == key.as_bytes() => {
                if !is_written {
                    changed.extend_from_slice(&entry);
                }
                is_written = true;
            }
            _ => changed.extend_from_slice(raw),
        }
    }
    if !is_written {
        changed.extend_from_slice(&entry);
    }
    Ok(changed)
}

/// Encodes a field that holds bytes: a string or a message.
fn message(number: u64, bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(bytes.len() + 6);
    for mut value in [number << 3 | 2, bytes.len() as u64] {
        while value > 0x7f {
            out.push(value as u8 | 0x80);
            value >>= 7;
        }
        out.push(value as u8);
    }
    out.extend_from_slice(bytes);
    out
}

/// A message's string field; empty if it is missing.
fn text(bytes: &[u8], wanted: u64) -> Result<&[u8]> {
    let mut fields = Fields::new(bytes);
    while let Some((number, value)) = fields.next_field(true)? {
        if let (true, Field::Bytes(text)) = (number == wanted, value) {
            return Ok(text);
        }
    }
    Ok(&[])
}

fn string_entry(entry: &[u8]) -> Result<(String, String)> {
    let (mut key, mut value) = (String::new(), String::new());
    let mut fields = Fields::new(entry);
    while let Some((number, field)) = fields.next_field(true)? {
        if let Field::Bytes(bytes) = field {
            let target = match number {
                ENTRY_KEY => &mut key,
                ENTRY_VALUE => &mut value,
                _ => continue,
            };
            *target = String::from_utf8(bytes.to_vec())
                .map_err(|_| Error::BadCard("its metadata is not UTF-8 text".into()))?;
        }
    }
    Ok((key, value))
}

enum Field<'a> {
    Varint(u64),
    Bytes(&'a [u8]),
    /// Four or eight bytes.
    Fixed(&'a [u8]),
}

/// Reads the fields of a protobuf message in order.
struct Fields<'a> {
    bytes: &'a [u8],
    position: usize,
}

impl<'a> Fields<'a> {
    fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, position: 0 }
    }

    /// Like [`Self::next_field`], with the field's encoded bytes.
    fn next_raw(&mut self, recognised: bool) -> Result<Option<(u64, Field<'a>, &'a [u8])>> {
        let start = self.position;
        let field = self.next_field(recognised)?;
        Ok(field.map(|(number, value)| (number, value, &self.bytes[start..self.position])))
    }

    /// The next field's number and value. If a message ends in the middle of a field, the error is a truncated model if
    /// the fields before were `recognised` as those of an ONNX model, else a file that is not a model.
    fn next_field(&mut self, recognised: bool) -> Result<Option<(u64, Field<'a>)>> {
        if self.position == self.bytes.len() {
            return Ok(None);
        }
        let key = self.varint(recognised)?;
        let (number, wire_type) = (key >> 3, key & 7);
        let field = match wire_type {
            0 => Field::Varint(self.varint(recognised)?),
            1 => self.take(8, recognised).map(Field::Fixed)?,
            2 => {
                let length = usize::try_from(self.varint(recognised)?).unwrap_or(usize::MAX);
                Field::Bytes(self.take(length, recognised)?)
            }
            5 => self.take(4, recognised).map(Field::Fixed)?,
            other => return Err(Error::NotOnnx(format!("unknown wire type {other} at byte {}", self.position))),
        };
        if number == 0 {
            return Err(Error::NotOnnx(format!("field number 0 at byte {}", self.position)));
        }
        Ok(Some((number, field)))
    }

    fn take(&mut self, length: usize, recognised: bool) -> Result<&'a [u8]> {
        let rest = &self.bytes[self.position..];
        if length > rest.len() {
            return Err(if recognised {
                Error::Truncated(format!("{} bytes are missing after byte {}", length - rest.len(), self.bytes.len()))
            } else {
                Error::NotOnnx("its first bytes are not an ONNX header".into())
            });
        }
        self.position += length;
        Ok(&rest[..length])
    }

    fn varint(&mut self, recognised: bool) -> Result<u64> {
        let mut value = 0u64;
        for shift in (0..70).step_by(7) {
            let byte = self.take(1, recognised)?[0];
            if shift == 63 && byte > 1 {
                break;
            }
            value |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Ok(value);
            }
        }
        Err(Error::NotOnnx(format!("an integer longer than 64 bits at byte {}", self.position)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn field(number: u8, bytes: &[u8]) -> Vec<u8> {
        let mut out = vec![number << 3 | 2, bytes.len() as u8];
        out.extend_from_slice(bytes);
        out
    }

    fn model(key: &str, value: &str) -> Vec<u8> {
        let entry = [field(1, key.as_bytes()), field(2, value.as_bytes())].concat();
        [vec![0x08, 8], field(7, b"\x0a\x00"), field(14, &entry)].concat()
    }

    #[test]
    fn finds_the_entry() {
        assert_eq!(metadata(&model("easel", "{}")).unwrap(), [("easel".to_string(), "{}".to_string())]);
    }

    #[test]
    fn one_entry_is_replaced_in_its_place() {
        let [other, card] = ["other", "easel"].map(|key| model(key, "old")[6..].to_vec());
        let whole = |entries: &[&[u8]]| [&[0x08, 8, 0x3a, 2, 0x0a, 0], &entries.concat()[..]].concat();
        let (new, rest) = (&model("easel", "new")[6..], b"\x10\x01");
        let changed = with_metadata(&whole(&[&card, &other, rest, &card]), "easel", "new").unwrap();
        assert_eq!(changed, whole(&[new, &other, rest]));
        assert_eq!(with_metadata(&whole(&[&other]), "easel", "new").unwrap(), whole(&[&other, new]));
        assert!(with_metadata(b"GIF89a", "easel", "new").is_err());
    }

    #[test]
    fn every_truncation_is_an_error() {
        let bytes = model("easel", "{}");
        for length in 0..bytes.len() {
            let result = metadata(&bytes[..length]);
            // Between two fields after the graph, the cut leaves a valid message: a model without metadata.
            let whole = length == bytes.len() - field(14, &[field(1, b"easel"), field(2, b"{}")].concat()).len();
            assert_eq!(result.is_ok(), whole, "cut at {length}: {result:?}");
        }
        assert!(matches!(metadata(&bytes[..bytes.len() - 1]), Err(Error::Truncated(_))));
    }

    #[test]
    fn other_formats_are_rejected() {
        for bytes in [&b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR"[..], b"PK\x03\x04", b"{\"a\": 1}", b"GIF89a", &[0xff; 32]] {
            assert!(matches!(metadata(bytes), Err(Error::NotOnnx(_))), "{bytes:?}");
        }
    }

    #[test]
    fn metadata_is_limited() {
        let mut entry = vec![0x12];
        let mut length = MAX_METADATA_BYTES + 1;
        while length > 0x7f {
            entry.push((length & 0x7f) as u8 | 0x80);
            length >>= 7;
        }
        entry.push(length as u8);
        entry.resize(entry.len() + MAX_METADATA_BYTES + 1, b'x');
        let mut bytes = vec![0x08, 8, 14 << 3 | 2];
        let mut length = entry.len();
        while length > 0x7f {
            bytes.push((length & 0x7f) as u8 | 0x80);
            length >>= 7;
        }
        bytes.push(length as u8);
        bytes.extend(entry);
        assert!(matches!(metadata(&bytes), Err(Error::BadCard(_))));
    }

    proptest! {
        #[test]
        fn any_bytes_are_survived(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            let _ = metadata(&bytes);
            let _ = statistics_outputs(&bytes);
            let _ = plain_statistics(&bytes);
            let _ = before_norm(&bytes, 0);
            let _ = signature(&bytes);
            let _ = external_files(&bytes);
            let _ = graph(&bytes);
        }
    }
}
