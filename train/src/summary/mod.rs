//! Summaries of networks: layers with their outputs and parameters, and memory.

mod dot;
mod table;
mod traced;

pub use traced::{Node, Trace, Traced};

use std::collections::BTreeMap;

/// Bytes of a float32 value.
const VALUE: usize = 4;

/// A network's operations in order of execution.
#[derive(Debug, Clone)]
pub struct Summary {
    /// Inputs and operations; each refers to earlier ones.
    pub nodes: Vec<Node>,
}

impl Summary {
    /// The operations that are layers in PyTorch.
    pub fn layers(&self) -> impl Iterator<Item = &Node> {
        self.nodes.iter().filter(|node| node.is_layer)
    }

    /// The number of trained values; a parameter that is used twice counts once.
    pub fn parameters(&self) -> usize {
        self.count(true)
    }

    /// The number of values in buffers.
    pub fn buffers(&self) -> usize {
        self.count(false)
    }

    /// The inputs' bytes.
    pub fn input_bytes(&self) -> usize {
        let inputs = self.nodes.iter().filter(|node| node.inputs.is_empty());
        VALUE * inputs.map(Node::elements).sum::<usize>()
    }

    /// The bytes of a forward and a backward pass: for each element of each layer's output its value and its
    /// gradient.
    pub fn pass_bytes(&self) -> usize {
        2 * VALUE * self.layers().map(Node::elements).sum::<usize>()
    }

    /// The bytes of parameters and buffers.
    pub fn parameter_bytes(&self) -> usize {
        VALUE * (self.parameters() + self.buffers())
    }

    fn count(&self, trained: bool) -> usize {
        let params = self.nodes.iter().flat_map(|node| &node.params).filter(|param| param.is_trained() == trained);
        let sizes: BTreeMap<_, usize> = params.map(|param| (param.name(), param.dims().iter().product())).collect();
        sizes.values().sum()
    }
}

/// `3x256x256`, without the batch.
fn size_text(dims: &[usize]) -> String {
    dims[1..].iter().map(usize::to_string).collect::<Vec<_>>().join("x")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::networks::lenet::{self, Lenet};
    use crate::networks::style::{self, Stylizer};
    use crate::nn::{BatchNorm2d, BatchNorm2dOptions, Conv2d, Conv2dOptions};
    use crate::value::{Conv2dConfig, PadMode};
    use crate::{Params, Value};
    use candle_core::{DType, Device};
    use easel_runtime::Random;

    fn params() -> Params {
        Params::new(DType::F32, &Device::Cpu, Random::new(1, 0))
    }

    #[test]
    fn the_style_network_is_as_large_as_pytorchs() {
        let network = Stylizer::new(params().root(), style::Sizes { width: 32 }).unwrap();
        let trace = Trace::default();
        let output = network.forward(&trace.input("x", &[1, 3, 256, 256], DType::F32).unwrap()).unwrap();
        assert_eq!(output.dims(), [1, 3, 256, 256]);
        let summary = trace.finish();
        assert_eq!(summary.parameters(), 1_676_675);
        assert_eq!(summary.pass_bytes(), 8 * 32_354_752);
        let table = summary.table();
        for line in ["1,676,675", "246.85 MB", "0.75 MB", "6.40 MB"] {
            assert!(table.contains(line), "{line} is not in\n{table}");
        }
        let first: Vec<_> = summary.layers().take(4).map(|layer| (layer.name.as_str(), layer.operation)).collect();
        let expected =
            [("", "ReflectionPad2d"), ("downsample.1", "Conv2d"), ("downsample.2", "InstanceNorm2d"), ("", "ReLU")];
        assert_eq!(first, expected);
    }

    #[test]
    fn what_is_no_layer_and_what_is_used_twice_counts_once() {
        let params = params();
        let options = Conv2dOptions {
            padding_mode: Some(PadMode::Circular),
            ..Conv2dConfig { padding: 1, ..Default::default() }.into()
        };
        let conv = Conv2d::new(params.root().sub("conv"), 2, 2, 3, options).unwrap();
        let norm = BatchNorm2d::new(params.root().sub("norm"), 2, BatchNorm2dOptions::default()).unwrap();
        let trace = Trace::default();
        let x = trace.input("x", &[1, 2, 4, 4], DType::F32).unwrap();
        let y = norm.forward(&conv.forward(&conv.forward(&x).unwrap()).unwrap()).unwrap();
        Value::add(&y, &x).unwrap();
        let summary = trace.finish();
        assert_eq!(summary.layers().count(), 3);
        assert_eq!((summary.parameters(), summary.buffers()), (2 * 2 * 9 + 2 + 4, 4));
        assert_eq!(summary.pass_bytes(), 3 * 32 * 8);
        let dot = summary.dot();
        assert!(dot.starts_with("digraph") && dot.contains("Add") && dot.contains("conv"), "{dot}");
        assert_eq!(dot.matches(" -> ").count(), 2 + 2 + 1 + 2);
    }

    #[test]
    fn a_wrong_size_is_refused() {
        let network = Lenet::new(params().root(), lenet::Sizes::default()).unwrap();
        let trace = Trace::default();
        assert!(network.forward(&trace.input("x", &[1, 1, 28, 28], DType::F32).unwrap()).is_err());
    }
}
