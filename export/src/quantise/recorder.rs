//! The graph of a quantised network that is being recorded, in float32 or in int8.

use std::cell::RefCell;

use easel_runtime::stylizer::statistics::{MEAN_PREFIX, VARIANCE_PREFIX};
use easel_train::value::Affine;
use easel_train::{Result, Value};

use super::kernel::Kernel;
use super::params::{QuantParams, QuantisedWeights};
use crate::graph::Graph;
use crate::proto::Attribute;
use crate::symbol::{Symbol, int, ints};

/// A point of the network where activations are quantised.
pub(super) struct QuantisationPoint {
    /// The value in the calibration graph.
    pub name: String,
    /// The number of ranges that its channels are divided into: channel c of n belongs to range `c * ranges / n`.
    pub ranges: usize,
}

/// The kind of graph that is recorded.
pub(super) enum Mode {
    /// In float32, to observe ranges at the quantisation points.
    Calibration,
    /// In int8, with the ranges of each quantisation point.
    Quantised(Vec<Vec<[f32; 2]>>),
}

/// A graph that is being recorded.
pub(super) struct Recorder {
    graph: Graph,
    mode: Mode,
    points: RefCell<Vec<QuantisationPoint>>,
}

/// The state of a value: operators that engines merge with a convolution or a quantisation are delayed until then.
#[derive(Clone)]
pub(super) enum State {
    /// A value in int8. Where there is an `affine` of scale and shift, it stands for `scale[c] * value + shift[c]`.
    Quantised { quantised: Symbol, params: QuantParams, affine: Option<[Vec<f64>; 2]> },
    /// A convolution that is not recorded yet, since the next operation may become a part of it.
    Conv(Conv),
    /// A float32 value that is not quantised yet. Its channels are blocks of `block` x `block` pixels.
    Float { value: Symbol, block: usize },
}

/// A convolution.
#[derive(Clone)]
pub(super) struct Conv {
    /// Its parameters' name, without `.weight`.
    pub name: String,
    /// The dequantised input.
    pub input: Symbol,
    pub input_params: QuantParams,
    pub kernel: Kernel,
    pub bias: Vec<f64>,
    pub stride: usize,
    /// Zeros above and at the left, below and at the right.
    pub padding: [usize; 2],
    /// Its channels are blocks of `block` x `block` pixels.
    pub block: usize,
}

/// Repeats each channel's value for each pixel of a block.
pub(super) fn repeat_for_block(values: &[f64], block: usize) -> Vec<f64> {
    values.iter().flat_map(|&value| std::iter::repeat_n(value, block * block)).collect()
}

impl Recorder {
    pub fn new(graph: Graph, mode: Mode) -> Self {
        Self { graph, mode, points: RefCell::default() }
    }

    /// The quantisation points in the order of recording, which is the same in both modes.
    pub fn points(&self) -> Vec<QuantisationPoint> {
        self.points.take()
    }

    /// Adds a quantisation point. Gives its ranges; `None` in a calibration graph.
    fn add_point(&self, value: &Symbol, ranges: usize) -> Option<&[[f32; 2]]> {
        let mut points = self.points.borrow_mut();
        points.push(QuantisationPoint { name: value.name().to_string(), ranges });
        match &self.mode {
            Mode::Calibration => None,
            Mode::Quantised(found) => Some(found[points.len() - 1].as_slice()),
        }
    }

    pub fn is_quantised(&self) -> bool {
        matches!(self.mode, Mode::Quantised(_))
    }

    /// The constants of a quantisation: scale and zero point.
    fn constants(&self, params: QuantParams) -> [String; 2] {
        let QuantParams { scale, zero_point } = params;
        let scale = self.graph.floats("scale", &[], &[scale]);
        [scale, self.graph.integers(&format!("zero_{zero_point}"), &[], &[zero_point])]
    }

    /// Quantises a float32 value, which a calibration graph leaves as it is.
    pub fn quantise(&self, value: &Symbol, params: QuantParams) -> Symbol {
        if !self.is_quantised() {
            return value.clone();
        }
        let [scale, zero_point] = self.constants(params);
        value.node("QuantizeLinear", &[&scale, &zero_point], &[])
    }

    /// Dequantises a value, which a calibration graph leaves as it is.
    pub fn dequantise(&self, value: &Symbol, params: QuantParams) -> Symbol {
        if !self.is_quantised() {
            return value.clone();
        }
        let [scale, zero_point] = self.constants(params);
        value.node("DequantizeLinear", &[&scale, &zero_point], &[])
    }

    /// Quantises a float32 value in blocks, at a quantisation point of one range. With `relu`, negative values become 0.
    pub fn requantise(&self, value: &Symbol, block: usize, relu: bool) -> Result<State> {
        let value = if relu && !self.is_quantised() { value.relu()? } else { value.clone() };
        let range = self.add_point(&value, 1).map_or([0.0; 2], |ranges| ranges[0]);
        let params = QuantParams::of_range(if relu { [0.0, range[1]] } else { range });
        let quantised = self.quantise(&value, params).depth_to_space(block);
        Ok(State::Quantised { quantised, params, affine: None })
    }

    /// Instance normalisation of a convolution, each of whose channels has a range of its own.
    pub fn instance_norm(&self, mut conv: Conv, affine: Option<Affine>, epsilon: f64) -> Result<State> {
        let graph = &self.graph;
        let (block, blocks) = (conv.block, (conv.block * conv.block) as i64);
        let channels = conv.bias.len() / (block * block);
        let constant = |name: &str, values: &[f64]| {
            let values: Vec<f32> = values.iter().map(|&value| value as f32).collect();
            graph.floats(name, &[1, channels, 1, 1], &values)
        };
        if !self.is_quantised() {
            let y = self.record(&conv).depth_to_space(block);
            self.add_point(&y, channels);
            return Ok(State::Float { value: y.instance_norm2d(channels, affine, epsilon)?, block: 1 });
        }
        // Channel c is recorded as `(x - middle[c]) / spread[c]`.
        let ranges = self.add_point(&conv.input, channels).into_iter().flatten().map(|range| range.map(f64::from));
        let (middle, spread): (Vec<_>, Vec<_>) =
            ranges.map(|[low, high]| ((low + high) / 2.0, ((high - low) / 2.0).max(1e-6))).unzip();
        let inverse: Vec<_> = spread.iter().map(|spread| 1.0 / spread).collect();
        let shift: Vec<_> = middle.iter().zip(&inverse).map(|(middle, inverse)| -middle * inverse).collect();
        conv.fold_output_affine(&inverse, &shift);
        let y = self.dequantise(&self.quantise(&self.record(&conv), QuantParams::SIGNED), QuantParams::SIGNED);

        let over_block = |per_pixel: Symbol| {
            let axes = [("axes", Attribute::Ints(vec![2])), ("keepdims", Attribute::Int(1))];
            match block {
                1 => per_pixel,
                _ => per_pixel.node("Reshape", &[&graph.ints(&[0, channels as i64, blocks, 1])], &[]).node(
                    "ReduceMean",
                    &[],
                    &axes,
                ),
            }
        };
        let to_block = |per_channel: Symbol| match block {
            1 => per_channel,
            _ => per_channel.node("Expand", &[&graph.ints(&[1, 1, blocks, 1])], &[]).node(
                "Reshape",
                &[&graph.ints(&[0, channels as i64 * blocks, 1, 1])],
                &[],
            ),
        };
        let mean = over_block(y.mean_of_picture());
        let square = over_block(y.mul(&y)?.mean_of_picture());
        // Rounding can make the square of the mean the greater one.
        let variance = square.sub(&mean.mul(&mean)?)?.relu()?;
        let (middle, spread) = (constant("middle", &middle), constant("spread", &spread));
        let statistics = graph.reserve_statistics(channels);
        let mean = mean.node("Mul", &[&spread], &[]).node("Add", &[&middle], &[]);
        let mean = mean.or_fed(0, statistics, MEAN_PREFIX);
        let variance = variance.node("Mul", &[&spread], &[]).node("Mul", &[&spread], &[]);
        let variance = variance.or_fed(1, statistics, VARIANCE_PREFIX);

        let [weight, bias] = y.weight_and_bias(channels, affine)?;
        let deviation = variance.with_constant("Add", "epsilon", epsilon).node("Sqrt", &[], &[]);
        let scale = y.per_channel(&weight).node("Div", &[deviation.name()], &[]);
        let from_middle = mean.node("Sub", &[&middle], &[]).mul(&scale)?;
        let shift = y.per_channel(&bias).sub(&from_middle)?;
        let scale = scale.node("Mul", &[&spread], &[]);
        Ok(State::Float { value: y.mul(&to_block(scale))?.add(&to_block(shift))?, block })
    }

    /// Records a convolution. Gives its float32 output in blocks.
    pub fn record(&self, conv: &Conv) -> Symbol {
        let Conv { name, input, input_params, kernel, bias, stride, padding: [before, after], .. } = conv;
        let graph = &self.graph;
        let Kernel { outputs, inputs, side, values } = kernel;
        let dims = [*outputs, *inputs, *side, *side];
        let (weight_name, bias_name) = (format!("{name}.weight"), format!("{name}.bias"));
        let [weight, bias] = if self.is_quantised() {
            let quantised = QuantisedWeights::new(kernel, bias, input_params.scale);
            let scales = |of: &str, scales: &[f32]| graph.floats(&format!("{of}/scale"), &[*outputs], scales);
            let dequantise = |integers: &str, scale: &str, zeros: &str| {
                graph.node("DequantizeLinear", &[integers, scale, zeros], &[("axis", int(0))]).name().to_string()
            };
            [
                dequantise(
                    &graph.integers(&weight_name, &dims, &quantised.weights),
                    &scales(&weight_name, &quantised.scales),
                    &graph.integers(&format!("zeros_{outputs}"), &[*outputs], &vec![0i8; *outputs]),
                ),
                dequantise(
                    &graph.integers(&bias_name, &[*outputs], &quantised.bias),
                    &scales(&bias_name, &quantised.bias_scales),
                    &graph.integers(&format!("bias_zeros_{outputs}"), &[*outputs], &vec![0i32; *outputs]),
                ),
            ]
        } else {
            let floats = |name: &str, dims: &[usize], values: &[f64]| {
                graph.floats(name, dims, &values.iter().map(|&value| value as f32).collect::<Vec<_>>())
            };
            [floats(&weight_name, &dims, values), floats(&bias_name, &[*outputs], bias)]
        };
        let pads = [before, before, after, after].map(|&pixels| pixels as i64);
        input.node(
            "Conv",
            &[&weight, &bias],
            &[
                ("kernel_shape", ints::<2>(*side)),
                ("strides", ints::<2>(*stride)),
                ("pads", Attribute::Ints(pads.to_vec())),
                ("dilations", ints::<2>(1)),
                ("group", int(1)),
            ],
        )
    }
}

impl Conv {
    /// Folds an affine map of the output, `scale[c] * y + shift[c]` for each channel, into the weights and the bias.
    pub fn fold_output_affine(&mut self, scale: &[f64], shift: &[f64]) {
        let [scale, shift] = [scale, shift].map(|values| repeat_for_block(values, self.block));
        self.kernel.scale_outputs(&scale);
        let affine = scale.iter().zip(&shift);
        self.bias.iter_mut().zip(affine).for_each(|(bias, (scale, shift))| *bias = *bias * scale + shift);
    }
}
