//! [`Value`] by recording: each operation becomes nodes of an ONNX graph.

use easel_train::value::{Conv2dConfig, ConvTranspose2dConfig};
use easel_train::{Param, Result, Value};

use crate::graph::{Attribute, Graph, NormForm, STATISTICS, USE_STATISTICS};

/// A value of a graph being recorded.
#[derive(Clone)]
pub struct Symbol {
    graph: Graph,
    name: String,
}

impl Symbol {
    pub(crate) fn new(graph: Graph, name: String) -> Self {
        Self { graph, name }
    }

    /// The value's name in the graph.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// A node that takes this value first.
    fn node(&self, operator: &'static str, others: &[&str], attributes: &[(&str, Attribute)]) -> Self {
        let inputs: Vec<_> = std::iter::once(self.name.as_str()).chain(others.iter().copied()).collect();
        self.graph.node(operator, &inputs, attributes)
    }

    /// A convolution-like node: this value, the weight, the bias.
    fn weighted(
        &self,
        operator: &'static str,
        weight: &Param,
        bias: Option<&Param>,
        attributes: &[(&str, Attribute)],
    ) -> Result<Self> {
        let mut inputs = vec![self.graph.param(weight)?];
        if let Some(bias) = bias {
            inputs.push(self.graph.param(bias)?);
        }
        Ok(self.node(operator, &inputs.iter().map(String::as_str).collect::<Vec<_>>(), attributes))
    }

    /// The picture's height and width as an int64 vector.
    fn height_and_width(&self) -> Self {
        let ints = |values| self.graph.ints(values);
        self.node("Shape", &[], &[]).node("Slice", &[&ints(&[2]), &ints(&[4])], &[])
    }

    fn mean_of_picture(&self) -> Self {
        self.node("ReduceMean", &[], &[("axes", Attribute::Ints(vec![2, 3])), ("keepdims", Attribute::Int(1))])
    }

    /// `Where(use_statistics, statistics[row, start .. start + channels], self)`, for `self [batch, channel, 1, 1]`.
    fn unless_given(&self, row: i64, start: usize, channels: usize) -> Self {
        let graph = &self.graph;
        let (start, end) = (start as i64, (start + channels) as i64);
        let from = graph.ints(&[row, start]);
        let to = graph.ints(&[row + 1, end]);
        let given =
            graph.node("Slice", &[STATISTICS, &from, &to], &[]).node("Reshape", &[&graph.ints(&[1, -1, 1, 1])], &[]);
        graph.node("Where", &[USE_STATISTICS, &given.name, &self.name], &[])
    }

    /// A parameter `[channel]` seen as `[1, channel, 1, 1]`.
    fn per_channel(&self, param: &Param) -> Result<Self> {
        let name = self.graph.param(param)?;
        Ok(self.graph.node("Reshape", &[&name, &self.graph.ints(&[1, -1, 1, 1])], &[]))
    }
}

fn int(value: usize) -> Attribute {
    Attribute::Int(value as i64)
}

fn ints<const N: usize>(value: usize) -> Attribute {
    Attribute::Ints(vec![value as i64; N])
}

fn kernel_shape(weight: &Param) -> Attribute {
    Attribute::Ints(weight.dims()[2..].iter().map(|&size| size as i64).collect())
}

impl Value for Symbol {
    fn linear(&self, weight: &Param, bias: Option<&Param>) -> Result<Self> {
        self.weighted("Gemm", weight, bias, &[("transB", Attribute::Int(1))])
    }

    fn conv2d(&self, weight: &Param, bias: Option<&Param>, config: Conv2dConfig) -> Result<Self> {
        let Conv2dConfig { stride, padding, dilation, groups } = config;
        self.weighted(
            "Conv",
            weight,
            bias,
            &[
                ("kernel_shape", kernel_shape(weight)),
                ("strides", ints::<2>(stride)),
                ("pads", ints::<4>(padding)),
                ("dilations", ints::<2>(dilation)),
                ("group", int(groups)),
            ],
        )
    }

    fn conv_transpose2d(&self, weight: &Param, bias: Option<&Param>, config: ConvTranspose2dConfig) -> Result<Self> {
        let ConvTranspose2dConfig { stride, padding, output_padding, dilation, groups } = config;
        self.weighted(
            "ConvTranspose",
            weight,
            bias,
            &[
                ("kernel_shape", kernel_shape(weight)),
                ("strides", ints::<2>(stride)),
                ("pads", ints::<4>(padding)),
                ("output_padding", ints::<2>(output_padding)),
                ("dilations", ints::<2>(dilation)),
                ("group", int(groups)),
            ],
        )
    }

    fn instance_norm2d(&self, weight: &Param, bias: &Param, epsilon: f64) -> Result<Self> {
        let graph = &self.graph;
        if graph.norms() == NormForm::Operator {
            return self.weighted(
                "InstanceNormalization",
                weight,
                Some(bias),
                &[("epsilon", Attribute::Float(epsilon as f32))],
            );
        }
        let channels = weight.dims()[0];
        let start = graph.claim_statistics(channels);
        let mean = self.mean_of_picture().unless_given(0, start, channels);
        let centred = self.node("Sub", &[&mean.name], &[]);
        let variance = centred.node("Mul", &[&centred.name], &[]).mean_of_picture().unless_given(1, start, channels);
        let epsilon = graph.floats("epsilon", &[], &[epsilon as f32]);
        let deviation = variance.node("Add", &[&epsilon], &[]).node("Sqrt", &[], &[]);
        let scale = self.per_channel(weight)?.node("Div", &[&deviation.name], &[]);
        Ok(centred.node("Mul", &[&scale.name], &[]).node("Add", &[&self.per_channel(bias)?.name], &[]))
    }

    fn relu(&self) -> Result<Self> {
        Ok(self.node("Relu", &[], &[]))
    }

    fn sigmoid(&self) -> Result<Self> {
        Ok(self.node("Sigmoid", &[], &[]))
    }

    fn clamp(&self, low: f32, high: f32) -> Result<Self> {
        let low = self.graph.floats("low", &[], &[low]);
        let high = self.graph.floats("high", &[], &[high]);
        Ok(self.node("Clip", &[&low, &high], &[]))
    }

    fn add(&self, other: &Self) -> Result<Self> {
        Ok(self.node("Add", &[&other.name], &[]))
    }

    fn channel_affine(&self, scale: &[f32], shift: &[f32]) -> Result<Self> {
        let scale = self.graph.floats("channel_scale", &[1, scale.len(), 1, 1], scale);
        let shift = self.graph.floats("channel_shift", &[1, shift.len(), 1, 1], shift);
        Ok(self.node("Mul", &[&scale], &[]).node("Add", &[&shift], &[]))
    }

    fn reflection_pad2d(&self, padding: usize) -> Result<Self> {
        let padding = padding as i64;
        let pads = self.graph.ints(&[0, 0, padding, padding, 0, 0, padding, padding]);
        Ok(self.node("Pad", &[&pads], &[("mode", Attribute::Text("reflect"))]))
    }

    fn pad_to_multiple(&self, multiple: usize, at_least: usize) -> Result<Self> {
        let graph = &self.graph;
        let size = self.height_and_width();
        let one = graph.ints(&[multiple as i64]);
        let target = size
            .node("Add", &[&graph.ints(&[multiple as i64 - 1])], &[])
            .node("Div", &[&one], &[])
            .node("Mul", &[&one], &[])
            .node("Max", &[&graph.ints(&[at_least as i64])], &[]);
        let missing = target.node("Sub", &[&size.name], &[]);
        let pads = graph.node("Concat", &[&graph.ints(&[0; 6]), &missing.name], &[("axis", Attribute::Int(0))]);
        Ok(self.node("Pad", &[&pads.name], &[("mode", Attribute::Text("edge"))]))
    }

    fn crop_like(&self, other: &Self) -> Result<Self> {
        let ints = |values| self.graph.ints(values);
        Ok(self.node("Slice", &[&ints(&[0, 0]), &other.height_and_width().name, &ints(&[2, 3])], &[]))
    }

    fn unflatten(&self, [channels, height, width]: [usize; 3]) -> Result<Self> {
        // 0 keeps the input's own first dimension.
        let shape = self.graph.ints(&[0, channels as i64, height as i64, width as i64]);
        Ok(self.node("Reshape", &[&shape], &[]))
    }
}
