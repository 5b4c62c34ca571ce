//! A value of a graph that is being recorded.

mod operations;
mod sub_pixel;

pub(crate) use sub_pixel::MAX_BLOCK_CHANNELS;

use candle_onnx::onnx::tensor_proto::DataType;
use easel_train::value::Affine;

use crate::error::Result;
use crate::extent::Extent;
use crate::graph::{Graph, STATISTICS, StatisticsColumns, USE_STATISTICS};
use crate::proto::{Attribute, Dim};

/// A value of a graph that is being recorded. It implements [`Value`](easel_train::Value): each operation becomes nodes of
/// the graph.
#[derive(Clone)]
pub struct Symbol {
    graph: Graph,
    name: String,
    extent: Extent,
}

/// Operators that leave a picture's height and width as they are.
const SAME_SIZE: [&str; 11] = [
    "Add",
    "BatchNormalization",
    "Clip",
    "Div",
    "InstanceNormalization",
    "LeakyRelu",
    "Mul",
    "Relu",
    "Sigmoid",
    "Sub",
    "Tanh",
];

impl Graph {
    /// Adds a float32 input.
    pub fn input(&self, name: &str, dims: &[Dim]) -> Symbol {
        self.add_input(name, DataType::Float, dims);
        let input = Symbol::new(self.clone(), name.to_string());
        match dims {
            [_, _, Dim::Fixed(height), Dim::Fixed(width)] => input.with_extent(Extent::fixed(*height, *width)),
            _ => input,
        }
    }

    /// Adds an int64 input, for labels and timesteps.
    pub fn int_input(&self, name: &str, dims: &[Dim]) -> Symbol {
        self.add_input(name, DataType::Int64, dims);
        Symbol::new(self.clone(), name.to_string())
    }

    /// Makes a recorded value a float32 output of the graph under a name of its own.
    pub fn output(&self, name: &str, value: &Symbol, dims: &[Dim]) {
        self.add_output(name, &value.name, dims);
    }

    /// Records a node and gives its output.
    pub(crate) fn node(&self, operator: &'static str, inputs: &[&str], attributes: &[(&str, Attribute)]) -> Symbol {
        Symbol::new(self.clone(), self.add_node(operator, inputs, attributes))
    }
}

impl Symbol {
    pub(crate) fn new(graph: Graph, name: String) -> Self {
        Self { graph, name, extent: Extent::ANY }
    }

    /// The same value, whose height and width are known.
    fn with_extent(self, extent: Extent) -> Self {
        Self { extent, ..self }
    }

    /// The value's name in the graph.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Records a node whose first input is this value. The output's height and width are known where the operator leaves
    /// them as they are; no other input may be larger than this value.
    pub(crate) fn node(&self, operator: &'static str, others: &[&str], attributes: &[(&str, Attribute)]) -> Self {
        let inputs: Vec<_> = std::iter::once(self.name.as_str()).chain(others.iter().copied()).collect();
        let output = self.graph.node(operator, &inputs, attributes);
        if SAME_SIZE.contains(&operator) { output.with_extent(self.extent) } else { output }
    }

    /// Rearranges channels `(c * block + row) * block + column` to blocks of pixels.
    pub(crate) fn depth_to_space(&self, block: usize) -> Self {
        match block {
            1 => self.clone(),
            _ => self
                .node("DepthToSpace", &[], &[("blocksize", int(block)), ("mode", Attribute::Text("CRD"))])
                .with_extent(self.extent.times(block)),
        }
    }

    /// The mean over height and width, `[batch, channel, 1, 1]`.
    pub(crate) fn mean_of_picture(&self) -> Self {
        self.node("ReduceMean", &[], &[("axes", Attribute::Ints(vec![2, 3])), ("keepdims", Attribute::Int(1))])
    }

    /// `Where(use_statistics, statistics[row, columns], self)` for `self [batch, channel, 1, 1]`. Its name, `name` and the
    /// norm's number, lets a runtime make it an output.
    pub(crate) fn or_fed(&self, row: i64, columns: StatisticsColumns, name: &str) -> Self {
        let graph = &self.graph;
        let (start, end) = (columns.start as i64, (columns.start + columns.channels) as i64);
        let from = graph.ints(&[row, start]);
        let to = graph.ints(&[row + 1, end]);
        let fed =
            graph.node("Slice", &[STATISTICS, &from, &to], &[]).node("Reshape", &[&graph.ints(&[1, -1, 1, 1])], &[]);
        let name = format!("{name}{}", columns.norm);
        graph.add_named_node("Where", &name, &[USE_STATISTICS, &fed.name, &self.name], &[]);
        Self::new(graph.clone(), name)
    }

    /// A vector `[channel]` as `[1, channel, 1, 1]`.
    pub(crate) fn per_channel(&self, name: &str) -> Self {
        self.graph.node("Reshape", &[name, &self.graph.ints(&[1, -1, 1, 1])], &[])
    }

    /// The names of a norm's weight and bias; without an affine part, ones and zeros.
    pub(crate) fn weight_and_bias(&self, channels: usize, affine: Option<Affine>) -> Result<[String; 2]> {
        match affine {
            Some(Affine { weight, bias }) => Ok([self.graph.param(weight)?, self.graph.param(bias)?]),
            None => {
                let constant = |name: &str, value| self.graph.floats(name, &[channels], &vec![value; channels]);
                Ok([constant("ones", 1.0), constant("zeros", 0.0)])
            }
        }
    }

    /// An operation with a constant, element by element.
    pub(crate) fn with_constant(&self, operator: &'static str, name: &str, value: f64) -> Self {
        self.node(operator, &[&self.graph.floats(name, &[], &[value as f32])], &[])
    }
}

pub(crate) fn int(value: usize) -> Attribute {
    Attribute::Int(value as i64)
}

pub(crate) fn ints<const N: usize>(value: usize) -> Attribute {
    Attribute::Ints(vec![value as i64; N])
}
