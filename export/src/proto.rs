//! Building the messages that graphs are made of.

use candle_onnx::onnx::attribute_proto::AttributeType;
use candle_onnx::onnx::tensor_proto::DataType;

use crate::onnx::{self, DimensionValue};

/// A dimension of a graph's input or output.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dim {
    /// Always this size.
    Fixed(usize),
    /// Any size; equal names mean equal sizes.
    Named(&'static str),
}

/// A node's attribute.
#[derive(Debug, Clone)]
pub enum Attribute {
    Int(i64),
    Ints(Vec<i64>),
    Float(f32),
    Text(&'static str),
}

/// The integers of constants.
pub trait Integer: Copy {
    const ELEMENT: DataType;
    /// Little-endian.
    fn bytes(self) -> Vec<u8>;
}

macro_rules! integers {
    ($($integer:ty: $element:ident),*) => {
        $(impl Integer for $integer {
            const ELEMENT: DataType = DataType::$element;
            fn bytes(self) -> Vec<u8> {
                self.to_le_bytes().to_vec()
            }
        })*
    };
}

integers!(u8: Uint8, i8: Int8, i32: Int32, i64: Int64);

/// A node with one output, which has the node's name.
pub fn node(operator: &str, output: &str, inputs: &[&str], attributes: &[(&str, Attribute)]) -> onnx::NodeProto {
    let attribute = attributes
        .iter()
        .map(|(name, value)| {
            let mut proto = onnx::AttributeProto { name: name.to_string(), ..Default::default() };
            proto.r#type = match value {
                Attribute::Int(value) => {
                    proto.i = Some(*value);
                    AttributeType::Int
                }
                Attribute::Ints(values) => {
                    proto.ints = values.clone();
                    AttributeType::Ints
                }
                Attribute::Float(value) => {
                    proto.f = Some(*value);
                    AttributeType::Float
                }
                Attribute::Text(text) => {
                    proto.s = Some(text.as_bytes().to_vec());
                    AttributeType::String
                }
            } as i32;
            proto
        })
        .collect();
    onnx::NodeProto {
        name: output.to_string(),
        op_type: operator.to_string(),
        input: inputs.iter().map(|input| input.to_string()).collect(),
        output: vec![output.to_string()],
        attribute,
    }
}

/// A constant without a name. The elements are little-endian.
pub fn tensor(element: DataType, dims: &[usize], raw_data: Vec<u8>) -> onnx::TensorProto {
    onnx::TensorProto {
        dims: dims.iter().map(|&dim| dim as i64).collect(),
        data_type: element as i32,
        raw_data,
        ..Default::default()
    }
}

/// An input or output of a graph.
pub fn value_info(name: &str, element: DataType, dims: &[Dim]) -> onnx::ValueInfoProto {
    let dim = dims
        .iter()
        .map(|dim| onnx::Dimension {
            value: Some(match dim {
                Dim::Fixed(size) => DimensionValue::Size(*size as i64),
                Dim::Named(name) => DimensionValue::Name(name.to_string()),
            }),
        })
        .collect();
    let tensor_type = onnx::TensorTypeProto { elem_type: element as i32, shape: onnx::TensorShapeProto { dim } };
    onnx::ValueInfoProto { name: name.to_string(), r#type: onnx::TypeProto { tensor_type } }
}
