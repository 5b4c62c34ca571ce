//! A model's whole graph, for an engine (onnx.proto: GraphProto, NodeProto, AttributeProto).

use super::statistics::NODE_OUTPUT;
use super::tensor::{self, Constant};
use super::{Field, Fields, GRAPH, GRAPH_NODE, INITIALIZER, Signature, signature, text};
use crate::{Error, Result};

const OPSET_IMPORT: u64 = 8;
const OPSET_DOMAIN: u64 = 1;
const OPSET_VERSION: u64 = 2;
const NODE_INPUT: u64 = 1;
const NODE_NAME: u64 = 3;
const NODE_OPERATOR: u64 = 4;
const NODE_ATTRIBUTE: u64 = 5;
const NODE_DOMAIN: u64 = 7;
const ATTRIBUTE_NAME: u64 = 1;
const ATTRIBUTE_FLOAT: u64 = 2;
const ATTRIBUTE_INT: u64 = 3;
const ATTRIBUTE_TEXT: u64 = 4;
const ATTRIBUTE_TENSOR: u64 = 5;
const ATTRIBUTE_FLOATS: u64 = 7;
const ATTRIBUTE_INTS: u64 = 8;
const ATTRIBUTE_TYPE: u64 = 20;

/// More nodes, and more constants, than a network has that an engine of ours could run.
const MAX_NODES: usize = 1 << 14;

/// More inputs, outputs or attributes than a node has.
const MAX_OF_NODE: usize = 1 << 10;

/// A model's graph.
#[derive(Debug, Clone, PartialEq)]
pub struct Graph {
    /// The version of ONNX's own operators; 0 if the file names none.
    pub opset: i64,
    /// The nodes, in the file's order.
    pub nodes: Vec<Node>,
    /// The constants, in the file's order.
    pub constants: Vec<Constant>,
    /// The inputs and outputs.
    pub signature: Signature,
}

/// An operation.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Node {
    /// Its name; often empty.
    pub name: String,
    /// The operator: `Conv`.
    pub operator: String,
    /// The set that the operator is from; empty for ONNX's own.
    pub domain: String,
    /// The names of the values that it reads; empty for an optional one that is left out.
    pub inputs: Vec<String>,
    /// The names of the values that it makes.
    pub outputs: Vec<String>,
    /// Its attributes.
    pub attributes: Vec<(String, Attribute)>,
}

/// An attribute's value.
#[derive(Debug, Clone, PartialEq)]
pub enum Attribute {
    /// An integer.
    Int(i64),
    /// Integers.
    Ints(Vec<i64>),
    /// A float.
    Float(f32),
    /// Floats.
    Floats(Vec<f32>),
    /// A string.
    Text(String),
    /// A tensor.
    Tensor(Constant),
    /// Of another kind, which is not read.
    Other,
}

impl Node {
    /// An attribute.
    pub fn attribute(&self, name: &str) -> Option<&Attribute> {
        self.attributes.iter().find(|(its, _)| its == name).map(|(_, value)| value)
    }
}

/// A model's graph. Fails if the bytes are not an ONNX model, it has more nodes or constants than an engine could run, or
/// a constant's elements are in another file or not as many as its dimensions ask for.
pub fn graph(model: &[u8]) -> Result<Graph> {
    let mut graph = Graph { opset: 0, nodes: Vec::new(), constants: Vec::new(), signature: signature(model)? };
    let mut fields = Fields::new(model);
    while let Some((number, value)) = fields.next_field(true)? {
        match (number, value) {
            (OPSET_IMPORT, Field::Bytes(import))
                if ["", "ai.onnx"].map(str::as_bytes).contains(&text(import, OPSET_DOMAIN)?) =>
            {
                let mut fields = Fields::new(import);
                while let Some((number, value)) = fields.next_field(true)? {
                    if let (OPSET_VERSION, Field::Varint(version)) = (number, value) {
                        graph.opset = version as i64;
                    }
                }
            }
            (GRAPH, Field::Bytes(bytes)) => {
                let mut fields = Fields::new(bytes);
                while let Some((number, value)) = fields.next_field(true)? {
                    match (number, value) {
                        (GRAPH_NODE, Field::Bytes(bytes)) => graph.nodes.push(node(bytes)?),
                        (INITIALIZER, Field::Bytes(bytes)) => graph.constants.push(tensor::constant(bytes)?),
                        _ => {}
                    }
                    limit(graph.nodes.len().max(graph.constants.len()), MAX_NODES, "nodes or constants")?;
                }
            }
            _ => {}
        }
    }
    Ok(graph)
}

fn limit(found: usize, most: usize, what: &str) -> Result<()> {
    if found > most { Err(Error::NotOnnx(format!("more than {most} {what}"))) } else { Ok(()) }
}

fn string(bytes: &[u8]) -> Result<String> {
    let text = str::from_utf8(bytes).map_err(|_| Error::NotOnnx("a name is not UTF-8 text".into()))?;
    Ok(text.to_string())
}

fn node(bytes: &[u8]) -> Result<Node> {
    let mut node = Node::default();
    let mut fields = Fields::new(bytes);
    while let Some((number, value)) = fields.next_field(true)? {
        let Field::Bytes(bytes) = value else { continue };
        match number {
            NODE_INPUT => node.inputs.push(string(bytes)?),
            NODE_OUTPUT => node.outputs.push(string(bytes)?),
            NODE_NAME => node.name = string(bytes)?,
            NODE_OPERATOR => node.operator = string(bytes)?,
            NODE_DOMAIN => node.domain = string(bytes)?,
            NODE_ATTRIBUTE => node.attributes.push(attribute(bytes)?),
            _ => {}
        }
        let most = node.inputs.len().max(node.outputs.len()).max(node.attributes.len());
        limit(most, MAX_OF_NODE, "inputs, outputs or attributes of a node")?;
    }
    if node.domain == "ai.onnx" {
        node.domain.clear();
    }
    Ok(node)
}

fn attribute(bytes: &[u8]) -> Result<(String, Attribute)> {
    let name = string(text(bytes, ATTRIBUTE_NAME)?)?;
    let (mut kind, mut found) = (0, None);
    let (mut int, mut float, mut string_value) = (0, 0.0, String::new());
    let (mut ints, mut floats) = (Vec::new(), Vec::new());
    let mut fields = Fields::new(bytes);
    while let Some((number, value)) = fields.next_field(true)? {
        match (number, value) {
            (ATTRIBUTE_TYPE, Field::Varint(value)) => kind = value,
            (ATTRIBUTE_INT, Field::Varint(value)) => int = value as i64,
            (ATTRIBUTE_FLOAT, Field::Fixed(bytes)) => {
                float = bytes.try_into().map(f32::from_le_bytes).unwrap_or_default();
            }
            (ATTRIBUTE_TEXT, Field::Bytes(bytes)) => string_value = String::from_utf8_lossy(bytes).into_owned(),
            (ATTRIBUTE_TENSOR, Field::Bytes(bytes)) => found = Some(tensor::constant(bytes)?),
            (ATTRIBUTE_INTS, value) => tensor::ints(value, &mut ints)?,
            (ATTRIBUTE_FLOATS, value) => tensor::floats(value, &mut floats),
            _ => {}
        }
    }
    // proto3 leaves out zeros and empty lists, so that the kind says what there is.
    let value = match (kind, found) {
        (1, _) => Attribute::Float(float),
        (2, _) => Attribute::Int(int),
        (3, _) => Attribute::Text(string_value),
        (4, Some(tensor)) => Attribute::Tensor(tensor),
        (6, _) => Attribute::Floats(floats),
        (7, _) => Attribute::Ints(ints),
        _ => Attribute::Other,
    };
    Ok((name, value))
}

#[cfg(test)]
mod tests {
    use super::super::initializers::NAME;
    use super::super::message;
    use super::super::tensor::Elements;
    use super::*;
    use proptest::prelude::*;

    fn model(graph: &[u8]) -> Vec<u8> {
        [&[0x08, 8][..], &message(OPSET_IMPORT, &[0x10, 17]), &message(GRAPH, graph)].concat()
    }

    #[test]
    fn nodes_and_constants_are_read() {
        let attribute = |name: &str, kind: u8, value: &[u8]| {
            let bytes = [&message(ATTRIBUTE_NAME, name.as_bytes()), value, &[0xa0, 1, kind]].concat();
            message(NODE_ATTRIBUTE, &bytes)
        };
        let node = [
            message(NODE_INPUT, b"x"),
            message(NODE_INPUT, b""),
            message(NODE_OUTPUT, b"y"),
            message(NODE_OPERATOR, b"Conv"),
            message(NODE_DOMAIN, b"ai.onnx"),
            attribute("group", 2, &[]),
            attribute("pads", 7, &message(ATTRIBUTE_INTS, &[1, 2])),
            attribute("strides", 7, &[0x40, 3, 0x40, 4]),
            attribute("alpha", 1, &[&[0x15][..], &0.5f32.to_le_bytes()].concat()),
            attribute("mode", 3, &message(ATTRIBUTE_TEXT, b"edge")),
        ];
        let tensor = |name: &str, kind: u8, data: &[u8]| {
            message(INITIALIZER, &[&[0x08, 2, 0x10, kind][..], &message(NAME, name.as_bytes()), data].concat())
        };
        let constants = [
            tensor("raw", 7, &message(9, &[[1, 0, 0, 0, 0, 0, 0, 0], [255; 8]].concat())),
            tensor("typed", 7, &message(7, &[3, 4])),
            tensor("half", 10, &message(5, &[0x80, 0x78, 0])),
            tensor("switch", 9, &message(9, &[1, 0])),
            tensor("double", 11, &message(9, &[0; 16])),
        ];
        let bytes = model(&[&message(GRAPH_NODE, &node.concat()), &constants.concat()[..]].concat());
        let found = graph(&bytes).unwrap();
        let node = &found.nodes[0];
        assert_eq!((found.opset, node.operator.as_str(), node.domain.as_str()), (17, "Conv", ""));
        assert_eq!((&node.inputs[..], &node.outputs[..]), (&["x".into(), String::new()][..], &["y".into()][..]));
        assert_eq!(node.attribute("group"), Some(&Attribute::Int(0)));
        assert_eq!(node.attribute("pads"), Some(&Attribute::Ints(vec![1, 2])));
        assert_eq!(node.attribute("strides"), Some(&Attribute::Ints(vec![3, 4])));
        assert_eq!(node.attribute("alpha"), Some(&Attribute::Float(0.5)));
        assert_eq!(node.attribute("mode"), Some(&Attribute::Text("edge".into())));
        let elements: Vec<_> = found.constants.iter().map(|constant| constant.elements.clone()).collect();
        assert_eq!(elements[0], Elements::I64(vec![1, -1]));
        assert_eq!(elements[1], Elements::I64(vec![3, 4]));
        assert_eq!(elements[2], Elements::F16(vec![half::f16::from_f32(1.0), half::f16::ZERO]));
        assert_eq!(elements[3..], [Elements::Bool(vec![true, false]), Elements::Other("float64")]);
    }

    #[test]
    fn wrong_lengths_are_rejected() {
        for (dims, kind, raw) in [(3u8, 1u8, 8usize), (2, 1, 9), (2, 7, 4), (1, 10, 0)] {
            let tensor = [&[0x08, dims, 0x10, kind][..], &message(9, &vec![0; raw])].concat();
            assert!(graph(&model(&message(INITIALIZER, &tensor))).is_err(), "{dims} {kind} {raw}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_survived(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = graph(&bytes);
            for field in [GRAPH_NODE, INITIALIZER] {
                let _ = graph(&model(&message(field, &bytes)));
            }
            let _ = graph(&model(&message(GRAPH_NODE, &message(NODE_ATTRIBUTE, &bytes))));
        }
    }
}
