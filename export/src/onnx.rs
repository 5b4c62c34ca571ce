//! The messages of ONNX's schema that model files are written with
//! (<https://github.com/onnx/onnx/blob/main/onnx/onnx.proto>).
//!
//! The schema is proto2: a field that is set is written even where its value is 0, since its presence counts, and repeated
//! numbers are written one by one. Types generated from onnx.proto3 omit zeros and pack numbers, which some readers
//! refuse. `required` is prost's word for a field that is always written.

use prost::{Message, Oneof};

#[derive(Clone, PartialEq, Message)]
pub struct ModelProto {
    #[prost(int64, required, tag = "1")]
    pub ir_version: i64,
    #[prost(string, required, tag = "2")]
    pub producer_name: String,
    #[prost(string, required, tag = "3")]
    pub producer_version: String,
    #[prost(message, required, tag = "7")]
    pub graph: GraphProto,
    #[prost(message, repeated, tag = "8")]
    pub opset_import: Vec<OperatorSetIdProto>,
    #[prost(message, repeated, tag = "14")]
    pub metadata_props: Vec<StringStringEntryProto>,
}

#[derive(Clone, PartialEq, Message)]
pub struct OperatorSetIdProto {
    #[prost(string, required, tag = "1")]
    pub domain: String,
    #[prost(int64, required, tag = "2")]
    pub version: i64,
}

#[derive(Clone, PartialEq, Message)]
pub struct StringStringEntryProto {
    #[prost(string, required, tag = "1")]
    pub key: String,
    #[prost(string, required, tag = "2")]
    pub value: String,
}

#[derive(Clone, PartialEq, Message)]
pub struct GraphProto {
    #[prost(message, repeated, tag = "1")]
    pub node: Vec<NodeProto>,
    #[prost(string, required, tag = "2")]
    pub name: String,
    #[prost(message, repeated, tag = "5")]
    pub initializer: Vec<TensorProto>,
    #[prost(message, repeated, tag = "11")]
    pub input: Vec<ValueInfoProto>,
    #[prost(message, repeated, tag = "12")]
    pub output: Vec<ValueInfoProto>,
}

#[derive(Clone, PartialEq, Message)]
pub struct NodeProto {
    #[prost(string, repeated, tag = "1")]
    pub input: Vec<String>,
    #[prost(string, repeated, tag = "2")]
    pub output: Vec<String>,
    #[prost(string, required, tag = "3")]
    pub name: String,
    #[prost(string, required, tag = "4")]
    pub op_type: String,
    #[prost(message, repeated, tag = "5")]
    pub attribute: Vec<AttributeProto>,
}

/// The field of its type is set, and no other.
#[derive(Clone, PartialEq, Message)]
pub struct AttributeProto {
    #[prost(string, required, tag = "1")]
    pub name: String,
    #[prost(float, optional, tag = "2")]
    pub f: Option<f32>,
    #[prost(int64, optional, tag = "3")]
    pub i: Option<i64>,
    #[prost(bytes = "vec", optional, tag = "4")]
    pub s: Option<Vec<u8>>,
    #[prost(int64, repeated, packed = "false", tag = "8")]
    pub ints: Vec<i64>,
    #[prost(int32, required, tag = "20")]
    pub r#type: i32,
}

#[derive(Clone, PartialEq, Message)]
pub struct TensorProto {
    #[prost(int64, repeated, packed = "false", tag = "1")]
    pub dims: Vec<i64>,
    #[prost(int32, required, tag = "2")]
    pub data_type: i32,
    #[prost(string, required, tag = "8")]
    pub name: String,
    #[prost(bytes = "vec", required, tag = "9")]
    pub raw_data: Vec<u8>,
}

#[derive(Clone, PartialEq, Message)]
pub struct ValueInfoProto {
    #[prost(string, required, tag = "1")]
    pub name: String,
    #[prost(message, required, tag = "2")]
    pub r#type: TypeProto,
}

/// The type of a tensor; ONNX has others.
#[derive(Clone, PartialEq, Message)]
pub struct TypeProto {
    #[prost(message, required, tag = "1")]
    pub tensor_type: TensorTypeProto,
}

#[derive(Clone, PartialEq, Message)]
pub struct TensorTypeProto {
    #[prost(int32, required, tag = "1")]
    pub elem_type: i32,
    #[prost(message, required, tag = "2")]
    pub shape: TensorShapeProto,
}

#[derive(Clone, PartialEq, Message)]
pub struct TensorShapeProto {
    #[prost(message, repeated, tag = "1")]
    pub dim: Vec<Dimension>,
}

#[derive(Clone, PartialEq, Message)]
pub struct Dimension {
    #[prost(oneof = "DimensionValue", tags = "1, 2")]
    pub value: Option<DimensionValue>,
}

#[derive(Clone, PartialEq, Oneof)]
pub enum DimensionValue {
    #[prost(int64, tag = "1")]
    Size(i64),
    #[prost(string, tag = "2")]
    Name(String),
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Bytes of ONNX's own writer (Python's package onnx 1.23.2).
    #[test]
    fn zeros_are_written_and_integers_are_not_packed() {
        let attribute = |name: &str, r#type| AttributeProto { name: name.into(), r#type, ..Default::default() };
        let bytes = |attribute: AttributeProto| attribute.encode_to_vec();
        assert_eq!(bytes(AttributeProto { i: Some(0), ..attribute("a", 2) }), b"\x0a\x01a\x18\0\xa0\x01\x02");
        assert_eq!(bytes(AttributeProto { f: Some(0.0), ..attribute("a", 1) }), b"\x0a\x01a\x15\0\0\0\0\xa0\x01\x01");
        assert_eq!(bytes(AttributeProto { s: Some(vec![]), ..attribute("a", 3) }), b"\x0a\x01a\x22\0\xa0\x01\x03");
        let ints = AttributeProto { ints: vec![0, 300], ..attribute("a", 7) };
        assert_eq!(bytes(ints), b"\x0a\x01a\x40\0\x40\xac\x02\xa0\x01\x07");

        let tensor = TensorProto { dims: vec![2, 0], data_type: 1, name: "w".into(), raw_data: vec![] };
        assert_eq!(tensor.encode_to_vec(), b"\x08\x02\x08\0\x10\x01\x42\x01w\x4a\0");
        let dimension = |value| Dimension { value: Some(value) }.encode_to_vec();
        assert_eq!(dimension(DimensionValue::Size(0)), b"\x08\0");
        assert_eq!(dimension(DimensionValue::Name("h".into())), b"\x12\x01h");
        let opset = OperatorSetIdProto { domain: String::new(), version: 17 };
        assert_eq!(opset.encode_to_vec(), b"\x0a\0\x10\x11");
    }

    /// No field is lost on the way, so these messages cover all that is written.
    #[test]
    fn shipped_models_are_as_the_writer_writes_them() {
        for name in ["ddpm-mnist", "gan-mnist", "lenet-mnist", "progan-scenes", "scream", "starry-night", "wave"] {
            let path = format!("{}/../models/{name}.onnx", env!("CARGO_MANIFEST_DIR"));
            let bytes = std::fs::read(path).unwrap();
            let model = ModelProto::decode(&bytes[..]).unwrap();
            assert!(model.encode_to_vec() == bytes, "{name}");
            assert!(model.graph.node.iter().all(|node| !node.name.is_empty()), "{name}");
        }
    }
}
