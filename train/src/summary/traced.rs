//! [`Value`] by computing and tracing.

use std::cell::RefCell;
use std::rc::Rc;

use candle_core::{DType, Device, Tensor};

use super::Summary;
use crate::value::{Affine, Conv2dConfig, ConvTranspose2dConfig, PadMode, Padding, Pool2dConfig};
use crate::{Param, Result, Value};

/// An input, or an operation with its output.
#[derive(Debug, Clone)]
pub struct Node {
    /// The module that its parameters belong to (`downsample.1`), or an input's name; else empty.
    pub name: String,
    /// The operation; a layer has its name in PyTorch.
    pub operation: &'static str,
    /// Whether it is a layer in PyTorch; sums, reshapes and the padding inside a convolution are not.
    pub is_layer: bool,
    /// The indices of its arguments in [`Summary::nodes`].
    pub inputs: Vec<usize>,
    /// The output's dimensions.
    pub dims: Vec<usize>,
    /// Its parameters and buffers.
    pub params: Vec<Param>,
}

impl Node {
    /// The number of the output's elements.
    pub fn elements(&self) -> usize {
        self.dims.iter().product()
    }
}

/// A trace of a network's operations. Clones share it.
#[derive(Debug, Clone, Default)]
pub struct Trace(Rc<RefCell<Vec<Node>>>);

impl Trace {
    /// An input of zeros; the first dimension is the batch.
    pub fn input(&self, name: &str, dims: &[usize], dtype: DType) -> Result<Traced> {
        let tensor = Tensor::zeros(dims, dtype, &Device::Cpu)?;
        let node = Node {
            name: name.to_string(),
            operation: "input",
            is_layer: false,
            inputs: Vec::new(),
            dims: dims.to_vec(),
            params: Vec::new(),
        };
        Ok(self.push(node, tensor))
    }

    /// The traced operations.
    pub fn finish(&self) -> Summary {
        Summary { nodes: self.0.borrow().clone() }
    }

    fn push(&self, node: Node, tensor: Tensor) -> Traced {
        let mut nodes = self.0.borrow_mut();
        nodes.push(node);
        Traced { trace: self.clone(), node: nodes.len() - 1, tensor }
    }
}

/// A value whose operations are traced. They are also computed, so shapes and errors are those of training.
#[derive(Debug, Clone)]
pub struct Traced {
    trace: Trace,
    node: usize,
    tensor: Tensor,
}

impl Traced {
    /// The dimensions.
    pub fn dims(&self) -> &[usize] {
        self.tensor.dims()
    }

    fn note(&self, operation: &'static str, is_layer: bool, output: Result<Tensor>) -> Result<Self> {
        self.with(operation, is_layer, &[], &[], output)
    }

    fn layer(&self, operation: &'static str, params: &[Option<&Param>], output: Result<Tensor>) -> Result<Self> {
        self.with(operation, true, &[], params, output)
    }

    fn with(
        &self,
        operation: &'static str,
        is_layer: bool,
        others: &[&Self],
        params: &[Option<&Param>],
        output: Result<Tensor>,
    ) -> Result<Self> {
        // Detached, so that outputs are freed after their last use.
        let output = output?.detach();
        let params: Vec<Param> = params.iter().flatten().copied().cloned().collect();
        let module = params.first().and_then(|param| param.name().rsplit_once('.'));
        let node = Node {
            name: module.map_or(String::new(), |(module, _)| module.to_string()),
            operation,
            is_layer,
            inputs: std::iter::once(self).chain(others.iter().copied()).map(|value| value.node).collect(),
            dims: output.dims().to_vec(),
            params,
        };
        Ok(self.trace.push(node, output))
    }
}

fn affine_params<'a>(affine: Option<Affine<'a>>) -> [Option<&'a Param>; 2] {
    [affine.map(|affine| affine.weight), affine.map(|affine| affine.bias)]
}

impl Value for Traced {
    fn linear(&self, weight: &Param, bias: Option<&Param>) -> Result<Self> {
        self.layer("Linear", &[Some(weight), bias], self.tensor.linear(weight, bias))
    }

    fn conv2d(&self, weight: &Param, bias: Option<&Param>, config: Conv2dConfig) -> Result<Self> {
        self.layer("Conv2d", &[Some(weight), bias], Value::conv2d(&self.tensor, weight, bias, config))
    }

    fn conv_transpose2d(&self, weight: &Param, bias: Option<&Param>, config: ConvTranspose2dConfig) -> Result<Self> {
        let output = Value::conv_transpose2d(&self.tensor, weight, bias, config);
        self.layer("ConvTranspose2d", &[Some(weight), bias], output)
    }

    fn instance_norm2d(&self, channels: usize, affine: Option<Affine>, epsilon: f64) -> Result<Self> {
        let output = self.tensor.instance_norm2d(channels, affine, epsilon);
        self.layer("InstanceNorm2d", &affine_params(affine), output)
    }

    fn batch_norm2d(&self, mean: &Param, variance: &Param, affine: Option<Affine>, epsilon: f64) -> Result<Self> {
        let output = self.tensor.batch_norm2d(mean, variance, affine, epsilon);
        let [weight, bias] = affine_params(affine);
        self.layer("BatchNorm2d", &[weight, bias, Some(mean), Some(variance)], output)
    }

    fn pixel_norm(&self, epsilon: f64) -> Result<Self> {
        self.note("PixelNorm", true, self.tensor.pixel_norm(epsilon))
    }

    fn relu(&self) -> Result<Self> {
        self.note("ReLU", true, Value::relu(&self.tensor))
    }

    fn leaky_relu(&self, slope: f64) -> Result<Self> {
        self.note("LeakyReLU", true, self.tensor.leaky_relu(slope))
    }

    fn sigmoid(&self) -> Result<Self> {
        self.note("Sigmoid", true, self.tensor.sigmoid())
    }

    fn tanh(&self) -> Result<Self> {
        self.note("Tanh", true, Value::tanh(&self.tensor))
    }

    fn silu(&self) -> Result<Self> {
        self.note("SiLU", true, Value::silu(&self.tensor))
    }

    fn clamp(&self, low: f32, high: f32) -> Result<Self> {
        self.note("Clamp", false, Value::clamp(&self.tensor, low, high))
    }

    fn add(&self, other: &Self) -> Result<Self> {
        self.with("Add", false, &[other], &[], Value::add(&self.tensor, &other.tensor))
    }

    fn sub(&self, other: &Self) -> Result<Self> {
        self.with("Sub", false, &[other], &[], Value::sub(&self.tensor, &other.tensor))
    }

    fn mul(&self, other: &Self) -> Result<Self> {
        self.with("Mul", false, &[other], &[], Value::mul(&self.tensor, &other.tensor))
    }

    fn scale(&self, by: f64) -> Result<Self> {
        self.note("Scale", false, self.tensor.scale(by))
    }

    fn shift(&self, by: f64) -> Result<Self> {
        self.note("Shift", false, self.tensor.shift(by))
    }

    fn channel_affine(&self, scale: &[f32], shift: &[f32]) -> Result<Self> {
        self.note("ChannelAffine", false, self.tensor.channel_affine(scale, shift))
    }

    fn max_pool2d(&self, config: Pool2dConfig) -> Result<Self> {
        self.note("MaxPool2d", true, Value::max_pool2d(&self.tensor, config))
    }

    fn avg_pool2d(&self, config: Pool2dConfig) -> Result<Self> {
        self.note("AvgPool2d", true, Value::avg_pool2d(&self.tensor, config))
    }

    fn upsample2x(&self) -> Result<Self> {
        self.note("Upsample", true, self.tensor.upsample2x())
    }

    fn pad2d(&self, padding: Padding, mode: Option<PadMode>) -> Result<Self> {
        self.note("Pad", false, self.tensor.pad2d(padding, mode))
    }

    fn reflection_pad2d(&self, padding: usize) -> Result<Self> {
        self.note("ReflectionPad2d", true, self.tensor.reflection_pad2d(padding))
    }

    fn pad_to_multiple(&self, multiple: usize, at_least: usize) -> Result<Self> {
        self.note("PadToMultiple", false, self.tensor.pad_to_multiple(multiple, at_least))
    }

    fn crop_like(&self, other: &Self) -> Result<Self> {
        self.with("CropLike", false, &[other], &[], self.tensor.crop_like(&other.tensor))
    }

    fn expand_like(&self, other: &Self) -> Result<Self> {
        self.with("ExpandLike", false, &[other], &[], self.tensor.expand_like(&other.tensor))
    }

    fn stretch_like(&self, other: &Self) -> Result<Self> {
        self.with("StretchLike", false, &[other], &[], self.tensor.stretch_like(&other.tensor))
    }

    fn pixel_shuffle2x(&self) -> Result<Self> {
        self.note("PixelShuffle", true, self.tensor.pixel_shuffle2x())
    }

    fn concat(&self, other: &Self) -> Result<Self> {
        self.with("Concat", false, &[other], &[], self.tensor.concat(&other.tensor))
    }

    fn lookup(&self, table: &Param) -> Result<Self> {
        self.layer("Embedding", &[Some(table)], self.tensor.lookup(table))
    }

    fn param(&self, param: &Param) -> Result<Self> {
        self.with("Parameter", false, &[], &[Some(param)], self.tensor.param(param))
    }

    fn flatten(&self) -> Result<Self> {
        self.note("Flatten", false, Value::flatten(&self.tensor))
    }

    fn unflatten(&self, picture: [usize; 3]) -> Result<Self> {
        self.note("Unflatten", false, Value::unflatten(&self.tensor, picture))
    }
}
