//! The inputs and outputs of a model (onnx.proto3: GraphProto's `input` = 11 and `output` = 12, which are ValueInfoProto).

use std::collections::HashSet;
use std::fmt;

use super::initializers::NAME;
use super::statistics::{GRAPH_OUTPUT, VALUE_NAME};
use super::{Field, Fields, GRAPH, INITIALIZER, text};
use crate::Result;

pub(super) const GRAPH_INPUT: u64 = 11;
const VALUE_TYPE: u64 = 2;
const TYPE_TENSOR: u64 = 1;
const TENSOR_ELEMENT: u64 = 1;
const TENSOR_SHAPE: u64 = 2;
const SHAPE_DIM: u64 = 1;
const DIM_VALUE: u64 = 1;
const DIM_NAME: u64 = 2;

/// An input or output of a model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ValueInfo {
    /// Its name.
    pub name: String,
    /// Its elements' type: `float32`, `int64`, `bool`, ...
    pub element: String,
    /// Its dimensions; none if the file does not say how many there are.
    pub dims: Vec<Dimension>,
    /// Whether the model has a default for it, so that it need not be given.
    pub optional: bool,
}

/// One dimension of an input or output.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Dimension {
    /// Always this size.
    Fixed(usize),
    /// Any size; dimensions of one name have one size. The name may be empty.
    Named(String),
}

impl Dimension {
    /// The only size; none if any goes.
    pub fn fixed(&self) -> Option<usize> {
        match self {
            Self::Fixed(size) => Some(*size),
            Self::Named(_) => None,
        }
    }
}

impl fmt::Display for Dimension {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fixed(size) => size.fmt(f),
            Self::Named(name) if name.is_empty() => f.write_str("?"),
            Self::Named(name) => f.write_str(name),
        }
    }
}

impl fmt::Display for ValueInfo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let dims: Vec<String> = self.dims.iter().map(Dimension::to_string).collect();
        write!(f, "{} {} [{}]", self.name, self.element, dims.join(", "))
    }
}

/// The inputs and outputs of a model.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Signature {
    /// The inputs, in the file's order.
    pub inputs: Vec<ValueInfo>,
    /// The outputs, in the file's order.
    pub outputs: Vec<ValueInfo>,
}

/// The inputs and outputs of a model. Fails if the bytes are not an ONNX model.
pub fn signature(model: &[u8]) -> Result<Signature> {
    let mut signature = Signature::default();
    let mut defaults = HashSet::new();
    let mut fields = Fields::new(model);
    while let Some((number, value)) = fields.next_field(true)? {
        let (GRAPH, Field::Bytes(graph)) = (number, value) else { continue };
        let mut fields = Fields::new(graph);
        while let Some((number, value)) = fields.next_field(true)? {
            match (number, value) {
                (INITIALIZER, Field::Bytes(tensor)) => drop(defaults.insert(text(tensor, NAME)?)),
                (GRAPH_INPUT, Field::Bytes(value)) => signature.inputs.push(value_info(value)?),
                (GRAPH_OUTPUT, Field::Bytes(value)) => signature.outputs.push(value_info(value)?),
                _ => {}
            }
        }
    }
    for input in &mut signature.inputs {
        input.optional = defaults.contains(input.name.as_bytes());
    }
    Ok(signature)
}

fn value_info(value: &[u8]) -> Result<ValueInfo> {
    let string = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let mut info =
        ValueInfo { name: string(text(value, VALUE_NAME)?), element: "other".into(), dims: vec![], optional: false };
    let tensor = text(text(value, VALUE_TYPE)?, TYPE_TENSOR)?;
    let mut fields = Fields::new(tensor);
    while let Some((number, value)) = fields.next_field(true)? {
        match (number, value) {
            (TENSOR_ELEMENT, Field::Varint(kind)) => info.element = element_name(kind).into(),
            (TENSOR_SHAPE, Field::Bytes(shape)) => {
                let mut fields = Fields::new(shape);
                while let Some((number, value)) = fields.next_field(true)? {
                    if let (SHAPE_DIM, Field::Bytes(dim)) = (number, value) {
                        info.dims.push(dimension(dim)?);
                    }
                }
            }
            _ => {}
        }
    }
    Ok(info)
}

/// Exporters write -1 and 0 for any size.
fn dimension(dim: &[u8]) -> Result<Dimension> {
    let mut fields = Fields::new(dim);
    let mut size = None;
    while let Some((number, value)) = fields.next_field(true)? {
        match (number, value) {
            (DIM_VALUE, Field::Varint(value)) => size = i64::try_from(value).ok().filter(|&value| value > 0),
            (DIM_NAME, Field::Bytes(name)) => return Ok(Dimension::Named(String::from_utf8_lossy(name).into_owned())),
            _ => {}
        }
    }
    Ok(size.map_or(Dimension::Named(String::new()), |size| Dimension::Fixed(size as usize)))
}

/// The name of a `TensorProto.DataType`.
pub(super) fn element_name(kind: u64) -> &'static str {
    match kind {
        1 => "float32",
        2 => "uint8",
        3 => "int8",
        4 => "uint16",
        5 => "int16",
        6 => "int32",
        7 => "int64",
        8 => "string",
        9 => "bool",
        10 => "float16",
        11 => "float64",
        12 => "uint32",
        13 => "uint64",
        14 => "complex64",
        15 => "complex128",
        16 => "bfloat16",
        _ => "other",
    }
}

#[cfg(test)]
mod tests {
    use super::super::message;
    use super::*;

    #[test]
    fn inputs_and_outputs_are_read() {
        let shape: Vec<u8> =
            [&[0x08, 1][..], &[0x08, 0], &[&[0x08][..], &[0xff; 9], &[1]].concat(), &message(DIM_NAME, b"w"), &[]]
                .iter()
                .flat_map(|dim| message(SHAPE_DIM, dim))
                .collect();
        let value = |name: &str, kind: u8, shape: &[u8]| {
            let tensor = [&[0x08, kind][..], shape].concat();
            [message(VALUE_NAME, name.as_bytes()), message(VALUE_TYPE, &message(TYPE_TENSOR, &tensor))].concat()
        };
        let graph = [
            message(GRAPH_INPUT, &value("x", 10, &message(TENSOR_SHAPE, &shape))),
            message(GRAPH_INPUT, &value("k", 1, &[])),
            message(GRAPH_OUTPUT, &value("y", 2, &[])),
            message(INITIALIZER, &message(NAME, b"k")),
        ];
        let found = signature(&[&[0x08, 8][..], &message(GRAPH, &graph.concat())].concat()).unwrap();
        let listed: Vec<_> = found.inputs.iter().map(|input| (input.to_string(), input.optional)).collect();
        assert_eq!(listed, [("x float16 [1, ?, ?, w, ?]".into(), false), ("k float32 []".to_string(), true)]);
        assert_eq!(found.outputs[0].to_string(), "y uint8 []");
    }
}
