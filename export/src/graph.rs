//! An ONNX graph that is being recorded, and the model file that it becomes.

use std::cell::RefCell;
use std::collections::{BTreeMap, HashSet};
use std::rc::Rc;

use candle_core::{DType, Tensor};
use candle_onnx::onnx::tensor_proto::DataType;
use easel_train::Param;
use half::f16;
use prost::Message;

use crate::error::{Error, Result};
use crate::onnx;
use crate::proto::{self, Attribute, Dim, Integer, value_info};
use crate::storage::Storage;

/// The version of ONNX's operator set.
pub const OPSET: i64 = 17;
/// The version of ONNX's file format.
pub const IR_VERSION: i64 = 8;

/// The form in which instance normalisation is recorded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum NormForm {
    /// Elementary operators, with statistics that may be fed: the graph gets the inputs `use_statistics` (bool, default:
    /// false) and `statistics [2, channels]`, which have initializers and so are optional. Row 0 holds the means and row 1
    /// the biased variances of all norms' channels, in the order of the norms. The statistics that norm k used are the
    /// inner values `statistics.mean.k` and `statistics.variance.k` `[batch, channel, 1, 1]`, which a runtime can make
    /// outputs.
    #[default]
    Statistics,
    /// The operator InstanceNormalization, for engines that require it.
    Operator,
}

/// The form in which convolutions of few output channels are recorded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ConvForm {
    /// Blocks of 4x4 pixels as channels, followed by DepthToSpace (mode CRD), for kernels of 7x7 and more with at most 4
    /// outputs, where the picture's size is known to be a multiple of 4. The result is equal within rounding.
    #[default]
    SubPixel,
    /// As the network has them, for engines without DepthToSpace.
    Plain,
}

/// A graph being recorded. Clones are the same graph.
///
/// ```
/// use easel_export::{Dim, Graph};
/// use easel_train::Value;
///
/// let graph = Graph::default();
/// let dims = [Dim::Named("batch"), Dim::Fixed(3)];
/// let x = graph.input("x", &dims);
/// graph.output("y", &x.relu()?, &dims);
/// let model = graph.to_model("rectifier", &[]);
/// assert!(easel_export::inspect::describe_model(&model)?.contains("operators    1 Relu"));
/// # Ok::<(), easel_export::Error>(())
/// ```
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
    convolutions: ConvForm,
    storage: Storage,
    norm_channels: usize,
    norm_count: usize,
}

/// The columns of a norm's channels in `statistics`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct StatisticsColumns {
    /// The norm's number, in the order of recording.
    pub norm: usize,
    /// Its first column.
    pub start: usize,
    /// Their number.
    pub channels: usize,
}

struct Output {
    value: String,
    info: onnx::ValueInfoProto,
}

/// The inputs that [`NormForm::Statistics`] adds.
pub use easel_runtime::stylizer::statistics::{STATISTICS, USE_STATISTICS};

impl Graph {
    /// An empty graph. The default one has optional statistics, convolutions in sub-pixel form and float32 weights.
    pub fn new(norms: NormForm, convolutions: ConvForm, storage: Storage) -> Self {
        Self(Rc::new(RefCell::new(Recording {
            nodes: Vec::new(),
            initializers: Vec::new(),
            inputs: Vec::new(),
            outputs: Vec::new(),
            names: HashSet::new(),
            counts: BTreeMap::new(),
            norms,
            convolutions,
            storage,
            norm_channels: 0,
            norm_count: 0,
        })))
    }

    /// Adds an input of a type.
    pub(crate) fn add_input(&self, name: &str, element: DataType, dims: &[Dim]) {
        let mut recording = self.0.borrow_mut();
        recording.names.insert(name.to_string());
        recording.inputs.push(value_info(name, element, dims));
    }

    /// Makes a recorded value a float32 output under a name of its own.
    pub(crate) fn add_output(&self, name: &str, value: &str, dims: &[Dim]) {
        let mut recording = self.0.borrow_mut();
        recording.names.insert(name.to_string());
        recording.outputs.push(Output { value: value.to_string(), info: value_info(name, DataType::Float, dims) });
    }

    /// The form of instance normalisation.
    pub(crate) fn norms(&self) -> NormForm {
        self.0.borrow().norms
    }

    /// The form of convolutions.
    pub(crate) fn convolutions(&self) -> ConvForm {
        self.0.borrow().convolutions
    }

    /// Records a node with one output. Gives the output's name.
    pub(crate) fn add_node(&self, operator: &'static str, inputs: &[&str], attributes: &[(&str, Attribute)]) -> String {
        let mut recording = self.0.borrow_mut();
        let name = loop {
            let count = recording.counts.entry(operator).or_default();
            let name = format!("{operator}_{count}");
            *count += 1;
            if recording.names.insert(name.clone()) {
                break name;
            }
        };
        recording.nodes.push(proto::node(operator, &name, inputs, attributes));
        name
    }

    /// Records a node whose output has a given name, which no other value may have.
    pub(crate) fn add_named_node(
        &self,
        operator: &'static str,
        name: &str,
        inputs: &[&str],
        attributes: &[(&str, Attribute)],
    ) {
        let mut recording = self.0.borrow_mut();
        recording.names.insert(name.to_string());
        recording.nodes.push(proto::node(operator, name, inputs, attributes));
    }

    /// The name of a parameter's value. Its initializer has the parameter's name.
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
                return Err(Error::Float16Overflow { parameter: name.to_string(), value: value.to_f32() });
            }
            let bytes = values.iter().flat_map(|value| value.to_le_bytes()).collect();
            self.initializer(name, || proto::tensor(DataType::Float16, tensor.dims(), bytes));
            self.add_named_node("Cast", &float32, &[name], &[("to", Attribute::Int(DataType::Float as i64))]);
        }
        Ok(float32)
    }

    /// The name of a constant of 64-bit integers.
    pub(crate) fn ints(&self, values: &[i64]) -> String {
        let text: Vec<_> = values.iter().map(|value| value.to_string().replace('-', "m")).collect();
        let name = format!("ints_{}", text.join("_"));
        let bytes = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        self.initializer(&name, || proto::tensor(DataType::Int64, &[values.len()], bytes));
        name
    }

    /// The name of a constant of floats: the given one, with a number where another constant has it.
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
        self.initializer(&unique, || proto::tensor(DataType::Float, dims, bytes.clone()));
        unique
    }

    /// The name of a constant of integers, which is the given one.
    pub(crate) fn integers<T: Integer>(&self, name: &str, dims: &[usize], values: &[T]) -> String {
        let bytes = values.iter().flat_map(|&value| value.bytes()).collect();
        self.initializer(name, || proto::tensor(T::ELEMENT, dims, bytes));
        name.to_string()
    }

    fn float_initializer(&self, name: &str, tensor: &Tensor) -> Result<()> {
        let values = tensor.to_dtype(DType::F32)?.flatten_all()?.to_vec1::<f32>()?;
        let bytes = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        self.initializer(name, || proto::tensor(DataType::Float, tensor.dims(), bytes));
        Ok(())
    }

    fn initializer(&self, name: &str, tensor: impl FnOnce() -> onnx::TensorProto) {
        let mut recording = self.0.borrow_mut();
        if !recording.initializers.iter().any(|tensor| tensor.name == name) {
            recording.names.insert(name.to_string());
            recording.initializers.push(onnx::TensorProto { name: name.to_string(), ..tensor() });
        }
    }

    /// Reserves the columns of the next norm's channels in `statistics`.
    pub(crate) fn reserve_statistics(&self, channels: usize) -> StatisticsColumns {
        let mut recording = self.0.borrow_mut();
        let columns = StatisticsColumns { norm: recording.norm_count, start: recording.norm_channels, channels };
        recording.norm_channels += channels;
        recording.norm_count += 1;
        columns
    }

    /// The model file's bytes, the same for the same recording and metadata. `name` is the graph's.
    pub fn to_model(&self, name: &str, metadata: &[(String, String)]) -> Vec<u8> {
        let recording = self.0.borrow();
        let mut inputs = recording.inputs.clone();
        let mut initializers = recording.initializers.clone();
        if recording.norm_channels > 0 {
            let dims = [2, recording.norm_channels];
            inputs.push(value_info(USE_STATISTICS, DataType::Bool, &[]));
            inputs.push(value_info(STATISTICS, DataType::Float, &dims.map(Dim::Fixed)));
            initializers
                .push(onnx::TensorProto { name: USE_STATISTICS.into(), ..proto::tensor(DataType::Bool, &[], vec![0]) });
            initializers.push(onnx::TensorProto {
                name: STATISTICS.into(),
                ..proto::tensor(DataType::Float, &dims, vec![0; 8 * recording.norm_channels])
            });
        }
        let graph = onnx::GraphProto {
            name: name.to_string(),
            node: recording.nodes_with_outputs(),
            initializer: initializers,
            input: inputs,
            output: recording.outputs.iter().map(|output| output.info.clone()).collect(),
        };
        let model = onnx::ModelProto {
            ir_version: IR_VERSION,
            opset_import: vec![onnx::OperatorSetIdProto { domain: String::new(), version: OPSET }],
            producer_name: "easel".into(),
            producer_version: env!("CARGO_PKG_VERSION").into(),
            graph,
            metadata_props: metadata
                .iter()
                .map(|(key, value)| onnx::StringStringEntryProto { key: key.clone(), value: value.clone() })
                .collect(),
        };
        model.encode_to_vec()
    }
}

impl Default for Graph {
    fn default() -> Self {
        Self::new(NormForm::default(), ConvForm::default(), Storage::default())
    }
}

impl Recording {
    /// The nodes, with the outputs' values under the outputs' names. An Identity is added for a value that is not a
    /// node's, and for a value of several outputs.
    fn nodes_with_outputs(&self) -> Vec<onnx::NodeProto> {
        let mut nodes = self.nodes.clone();
        let mut output_names = BTreeMap::new();
        for Output { value, info } in &self.outputs {
            let is_node = self.nodes.iter().any(|node| node.output[0] == *value);
            if is_node && !output_names.contains_key(value) {
                output_names.insert(value.clone(), info.name.clone());
            } else {
                nodes.push(proto::node("Identity", &info.name, &[value], &[]));
            }
        }
        for edge in nodes.iter_mut().flat_map(|node| node.input.iter_mut().chain(&mut node.output)) {
            if let Some(name) = output_names.get(edge) {
                edge.clone_from(name);
            }
        }
        nodes
    }
}
