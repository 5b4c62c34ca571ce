//! A value of a graph that is being recorded.

mod operations;

use candle_onnx::onnx::tensor_proto::DataType;
use easel_train::value::Affine;

use crate::error::Result;
use crate::graph::{Graph, STATISTICS, StatisticsColumns, USE_STATISTICS};
use crate::proto::{Attribute, Dim};

/// A value of a graph that is being recorded. It implements [`Value`](easel_train::Value): each operation becomes nodes of
/// the graph.
#[derive(Clone)]
pub struct Symbol {
    graph: Graph,
    name: String,
}

impl Graph {
    /// Adds a float32 input.
    pub fn input(&self, name: &str, dims: &[Dim]) -> Symbol {
        self.add_input(name, DataType::Float, dims);
        Symbol::new(self.clone(), name.to_string())
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
        Self { graph, name }
    }

    /// The value's name in the graph.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Records a node whose first input is this value.
    pub(crate) fn node(&self, operator: &'static str, others: &[&str], attributes: &[(&str, Attribute)]) -> Self {
        let inputs: Vec<_> = std::iter::once(self.name.as_str()).chain(others.iter().copied()).collect();
        self.graph.node(operator, &inputs, attributes)
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
