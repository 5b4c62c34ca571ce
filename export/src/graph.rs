//! An ONNX graph while it is being recorded, and the model file that it becomes.

use std::cell::RefCell;
use std::collections::{BTreeMap, HashSet};
use std::rc::Rc;

use candle_core::{DType, Tensor};
use candle_onnx::onnx;
use candle_onnx::onnx::attribute_proto::AttributeType;
use candle_onnx::onnx::tensor_proto::DataType;
use candle_onnx::onnx::tensor_shape_proto::dimension::Value as DimValue;
use easel_train::{Param, Result};
use half::f16;
use prost::Message;

use crate::{Storage, Symbol};

/// The operator set that the graphs are written in.
pub const OPSET: i64 = 17;
/// The file format's version.
pub const IR_VERSION: i64 = 8;

/// How instance normalisation is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum NormForm {
    /// As means, with statistics that may be given from outside: the graph gets the inputs `use_statistics` (bool,
    /// false) and `statistics [2, channels]`, which have initializers and so need not be fed. Row 0 holds the means
    /// and row 1 the biased variances of all norms' channels, in the order of the norms. What norm k used is the inner
    /// value `statistics.mean.k` and `statistics.variance.k` `[batch, channel, 1, 1]`, which a runtime can make outputs.
    #[default]
    Statistics,
    /// As the operator InstanceNormalization, for engines that want it.
    Operator,
}

/// A dimension of a graph's input or output.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dim {
    /// Always this size.
    Fixed(usize),
    /// Any size; equal names mean equal sizes.
    Named(&'static str),
}

/// A graph being recorded. Clones are the same graph.
#[derive(Clone)]
pub struct Graph(Rc<RefCell<Recording>>);

struct Recording {
    nodes: Vec<onnx::NodeProto>,
    initializers: Vec<onnx::TensorProto>,
    inputs: Vec<onnx::ValueInfoProto>,
    outputs: Vec<Output>,
    names: HashSet<String>,
    counts: BTreeMap<&'static str, usize>,
    norms: NormForm,
    storage: Storage,
    norm_channels: usize,
    norm_count: usize,
}

/// Where a norm's channels lie in `statistics`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct StatisticsPlace {
    /// The norm's number, in the order of recording.
    pub norm: usize,
    /// Its first column.
    pub start: usize,
    /// Its columns.
    pub channels: usize,
}

struct Output {
    value: String,
    info: onnx::ValueInfoProto,
}

/// The inputs that [`NormForm::Statistics`] adds.
pub use easel_runtime::stylizer::statistics::{STATISTICS, USE_STATISTICS};

impl Graph {
    /// An empty graph.
    pub fn new(norms: NormForm, storage: Storage) -> Self {
        Self(Rc::new(RefCell::new(Recording {
            nodes: Vec::new(),
            initializers: Vec::new(),
            inputs: Vec::new(),
            outputs: Vec::new(),
            names: HashSet::new(),
            counts: BTreeMap::new(),
            norms,
            storage,
            norm_channels: 0,
            norm_count: 0,
        })))
    }

    /// Adds a float32 input.
    pub fn input(&self, name: &str, dims: &[Dim]) -> Symbol {
        self.typed_input(name, DataType::Float, dims)
    }

    /// Adds an int64 input: labels, time steps.
    pub fn labels(&self, name: &str, dims: &[Dim]) -> Symbol {
        self.typed_input(name, DataType::Int64, dims)
    }

    fn typed_input(&self, name: &str, element: DataType, dims: &[Dim]) -> Symbol {
        let mut recording = self.0.borrow_mut();
        recording.names.insert(name.to_string());
        recording.inputs.push(value_info(name, element, dims));
        Symbol::new(self.clone(), name.to_string())
    }

    /// Makes a recorded value a float32 output of the graph under a name of its own.
    pub fn output(&self, name: &str, value: &Symbol, dims: &[Dim]) {
        let mut recording = self.0.borrow_mut();
        recording.names.insert(name.to_string());
        recording
            .outputs
            .push(Output { value: value.name().to_string(), info: value_info(name, DataType::Float, dims) });
    }

    /// How instance normalisation is to be written.
    pub(crate) fn norms(&self) -> NormForm {
        self.0.borrow().norms
    }

    /// Records a node with one output and gives that output.
    pub(crate) fn node(&self, operator: &'static str, inputs: &[&str], attributes: &[(&str, Attribute)]) -> Symbol {
        let mut recording = self.0.borrow_mut();
        let name = loop {
            let count = recording.counts.entry(operator).or_default();
            let name = format!("{operator}_{count}");
            *count += 1;
            if recording.names.insert(name.clone()) {
                break name;
            }
        };
        recording.nodes.push(node(operator, &name, inputs, attributes));
        Symbol::new(self.clone(), name)
    }

    /// Records a node whose output has a name of the caller's. Two values of one name would make no graph.
    pub(crate) fn named_node(
        &self,
        operator: &'static str,
        name: &str,
        inputs: &[&str],
        attributes: &[(&str, Attribute)],
    ) -> Symbol {
        let mut recording = self.0.borrow_mut();
        recording.names.insert(name.to_string());
        recording.nodes.push(node(operator, name, inputs, attributes));
        Symbol::new(self.clone(), name.to_string())
    }

    /// A parameter's value. Its initializer has the parameter's name.
    pub(crate) fn param(&self, param: &Param) -> Result<String> {
        let (name, tensor) = (param.name(), param.tensor());
        if !self.0.borrow().storage.rounds(tensor.dims()) {
            self.float_initializer(name, &tensor)?;
            return Ok(name.to_string());
        }
        let float32 = format!("{name}/float32");
        if !self.0.borrow().names.contains(&float32) {
            let values = tensor.to_dtype(DType::F16)?.flatten_all()?.to_vec1::<f16>()?;
            if let Some(value) = values.iter().find(|value| !value.is_finite()) {
                let what = format!("{name}: a weight is {value} in float16; leave --half away");
                return Err(easel_train::Error::Config(what));
            }
            let bytes = values.iter().flat_map(|value| value.to_le_bytes()).collect();
            self.initializer(name, || raw_tensor(DataType::Float16, tensor.dims(), bytes));
            self.named_node("Cast", &float32, &[name], &[("to", Attribute::Int(DataType::Float as i64))]);
        }
        Ok(float32)
    }

    /// A constant of 64-bit integers, named by what it holds.
    pub(crate) fn ints(&self, values: &[i64]) -> String {
        let text: Vec<_> = values.iter().map(|value| value.to_string().replace('-', "m")).collect();
        let name = format!("ints_{}", text.join("_"));
        self.initializer(&name, || onnx::TensorProto {
            dims: vec![values.len() as i64],
            data_type: DataType::Int64 as i32,
            raw_data: values.iter().flat_map(|value| value.to_le_bytes()).collect(),
            ..Default::default()
        });
        name
    }

    /// A constant of floats under a name of the caller's, which says what it is.
    pub(crate) fn floats(&self, name: &str, dims: &[usize], values: &[f32]) -> String {
        let mut unique = name.to_string();
        let bytes: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        let holds = |tensor: &onnx::TensorProto| tensor.raw_data == bytes;
        for count in 1.. {
            match self.0.borrow().initializers.iter().find(|tensor| tensor.name == unique) {
                Some(tensor) if !holds(tensor) => unique = format!("{name}_{count}"),
                _ => break,
            }
        }
        self.initializer(&unique, || float_tensor(dims, bytes.clone()));
        unique
    }

    /// A constant of 8-bit or 32-bit integers under a name of the caller's, which says what it holds.
    pub(crate) fn integers<T: Integer>(&self, name: &str, dims: &[usize], values: &[T]) -> String {
        let bytes = values.iter().flat_map(|&value| value.bytes()).collect();
        self.initializer(name, || raw_tensor(T::ELEMENT, dims, bytes));
        name.to_string()
    }

    fn float_initializer(&self, name: &str, tensor: &Tensor) -> Result<()> {
        let values = tensor.to_dtype(DType::F32)?.flatten_all()?.to_vec1::<f32>()?;
        let bytes = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        self.initializer(name, || float_tensor(tensor.dims(), bytes));
        Ok(())
    }

    fn initializer(&self, name: &str, make: impl FnOnce() -> onnx::TensorProto) {
        let mut recording = self.0.borrow_mut();
        if !recording.initializers.iter().any(|tensor| tensor.name == name) {
            recording.names.insert(name.to_string());
            recording.initializers.push(onnx::TensorProto { name: name.to_string(), ..make() });
        }
    }

    /// Takes the place of the next norm's channels in `statistics`.
    pub(crate) fn claim_statistics(&self, channels: usize) -> StatisticsPlace {
        let mut recording = self.0.borrow_mut();
        let place = StatisticsPlace { norm: recording.norm_count, start: recording.norm_channels, channels };
        recording.norm_channels += channels;
        recording.norm_count += 1;
        place
    }

    /// The model file's bytes, the same for the same recording and metadata.
    pub fn to_model(&self, name: &str, metadata: &[(String, String)]) -> Vec<u8> {
        let recording = self.0.borrow();
        let mut inputs = recording.inputs.clone();
        let mut initializers = recording.initializers.clone();
        if recording.norm_channels > 0 {
            let dims = [2, recording.norm_channels];
            inputs.push(value_info(USE_STATISTICS, DataType::Bool, &[]));
            inputs.push(value_info(STATISTICS, DataType::Float, &dims.map(Dim::Fixed)));
            initializers.push(onnx::TensorProto {
                name: USE_STATISTICS.into(),
                data_type: DataType::Bool as i32,
                raw_data: vec![0],
                ..Default::default()
            });
            initializers.push(onnx::TensorProto {
                name: STATISTICS.into(),
                ..float_tensor(&dims, vec![0; 8 * recording.norm_channels])
            });
        }
        let graph = onnx::GraphProto {
            name: name.to_string(),
            node: recording.nodes_with_outputs(),
            initializer: initializers,
            input: inputs,
            output: recording.outputs.iter().map(|output| output.info.clone()).collect(),
            ..Default::default()
        };
        let model = onnx::ModelProto {
            ir_version: IR_VERSION,
            opset_import: vec![onnx::OperatorSetIdProto { domain: String::new(), version: OPSET }],
            producer_name: "easel".into(),
            producer_version: env!("CARGO_PKG_VERSION").into(),
            graph: Some(graph),
            metadata_props: metadata
                .iter()
                .map(|(key, value)| onnx::StringStringEntryProto { key: key.clone(), value: value.clone() })
                .collect(),
            ..Default::default()
        };
        model.encode_to_vec()
    }
}

impl Recording {
    /// The nodes, with the outputs' values under their public names. A value that no node made, or that has a public
    /// name already, is handed out through an Identity.
    fn nodes_with_outputs(&self) -> Vec<onnx::NodeProto> {
        let mut nodes = self.nodes.clone();
        let mut public = BTreeMap::new();
        for Output { value, info } in &self.outputs {
            let made = self.nodes.iter().any(|node| node.output[0] == *value);
            if made && !public.contains_key(value) {
                public.insert(value.clone(), info.name.clone());
            } else {
                nodes.push(node("Identity", &info.name, &[value], &[]));
            }
        }
        for edge in nodes.iter_mut().flat_map(|node| node.input.iter_mut().chain(&mut node.output)) {
            if let Some(name) = public.get(edge) {
                edge.clone_from(name);
            }
        }
        nodes
    }
}

/// The integers that quantised values are stored as.
pub(crate) trait Integer: Copy {
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

integers!(u8: Uint8, i8: Int8, i32: Int32);

/// A node's attribute.
#[derive(Debug, Clone)]
pub(crate) enum Attribute {
    Int(i64),
    Ints(Vec<i64>),
    Float(f32),
    Text(&'static str),
}

fn node(operator: &str, output: &str, inputs: &[&str], attributes: &[(&str, Attribute)]) -> onnx::NodeProto {
    let attribute = attributes
        .iter()
        .map(|(name, value)| {
            let mut proto = onnx::AttributeProto { name: name.to_string(), ..Default::default() };
            proto.r#type = match value {
                Attribute::Int(value) => {
                    proto.i = *value;
                    AttributeType::Int
                }
                Attribute::Ints(values) => {
                    proto.ints = values.clone();
                    AttributeType::Ints
                }
                Attribute::Float(value) => {
                    proto.f = *value;
                    AttributeType::Float
                }
                Attribute::Text(text) => {
                    proto.s = text.as_bytes().to_vec();
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
        ..Default::default()
    }
}

fn float_tensor(dims: &[usize], raw_data: Vec<u8>) -> onnx::TensorProto {
    raw_tensor(DataType::Float, dims, raw_data)
}

fn raw_tensor(element: DataType, dims: &[usize], raw_data: Vec<u8>) -> onnx::TensorProto {
    onnx::TensorProto {
        dims: dims.iter().map(|&dim| dim as i64).collect(),
        data_type: element as i32,
        raw_data,
        ..Default::default()
    }
}

fn value_info(name: &str, element: DataType, dims: &[Dim]) -> onnx::ValueInfoProto {
    let dim = dims
        .iter()
        .map(|dim| onnx::tensor_shape_proto::Dimension {
            value: Some(match dim {
                Dim::Fixed(size) => DimValue::DimValue(*size as i64),
                Dim::Named(name) => DimValue::DimParam(name.to_string()),
            }),
            ..Default::default()
        })
        .collect();
    let tensor = onnx::type_proto::Tensor { elem_type: element as i32, shape: Some(onnx::TensorShapeProto { dim }) };
    onnx::ValueInfoProto {
        name: name.to_string(),
        r#type: Some(onnx::TypeProto {
            value: Some(onnx::type_proto::Value::TensorType(tensor)),
            ..Default::default()
        }),
        ..Default::default()
    }
}
