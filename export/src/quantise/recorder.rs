//! The graph of a quantised network while it is recorded, in float32 or in bytes.

use std::cell::RefCell;

use easel_runtime::stylizer::statistics::{MEAN_PREFIX, VARIANCE_PREFIX};
use easel_train::value::Affine;
use easel_train::{Result, Value};

use super::kernel::Kernel;
use super::step::{Step, Stored};
use crate::graph::Attribute;
use crate::symbol::{int, ints};
use crate::{Graph, Symbol};

/// A place where numbers are to be stored as bytes.
pub(super) struct Place {
    /// The value in the observed graph.
    pub name: String,
    /// Into how many ranges its channels fall: channel c of n belongs to range `c * ranges / n`.
    pub ranges: usize,
}

/// What a graph is recorded as.
pub(super) enum Form {
    /// In float32, with the places to observe.
    Observed,
    /// Quantised, with the ranges that were observed at each place.
    Quantised(Vec<Vec<[f32; 2]>>),
}

/// A graph being recorded.
pub(super) struct Recorder {
    graph: Graph,
    form: Form,
    places: RefCell<Vec<Place>>,
}

/// How far a value has come.
#[derive(Clone)]
pub(super) enum State {
    /// Bytes in the graph, which stand for `scale[c] * real + shift[c]` where there is such a change.
    Stored { bytes: Symbol, step: Step, change: Option<[Vec<f64>; 2]> },
    /// A convolution that is not recorded yet: what follows may become a part of it.
    Conv(Conv),
    /// Real numbers that are still to be stored, in blocks.
    Real { real: Symbol, block: usize },
}

/// A convolution.
#[derive(Clone)]
pub(super) struct Conv {
    /// Its parameters' name, without `.weight`.
    pub name: String,
    /// What is convolved, in real numbers that are multiples of a step.
    pub input: Symbol,
    pub input_step: Step,
    pub kernel: Kernel,
    pub bias: Vec<f64>,
    pub stride: usize,
    /// Zeros above and at the left, below and at the right.
    pub padding: [usize; 2],
    /// Its channels are blocks of so many pixels a side.
    pub block: usize,
}

/// Each element as often as a block has pixels.
pub(super) fn each(values: &[f64], block: usize) -> Vec<f64> {
    values.iter().flat_map(|&value| std::iter::repeat_n(value, block * block)).collect()
}

impl Recorder {
    pub fn new(graph: Graph, form: Form) -> Self {
        Self { graph, form, places: RefCell::default() }
    }

    /// The places, in the order of recording, which is the same in both forms.
    pub fn places(&self) -> Vec<Place> {
        self.places.take()
    }

    /// The ranges of the next place, in the quantised form; in the observed one it gets the value's name.
    fn place(&self, real: &Symbol, ranges: usize) -> Option<&[[f32; 2]]> {
        let mut places = self.places.borrow_mut();
        places.push(Place { name: real.name().to_string(), ranges });
        match &self.form {
            Form::Observed => None,
            Form::Quantised(found) => Some(found[places.len() - 1].as_slice()),
        }
    }

    pub fn is_quantised(&self) -> bool {
        matches!(self.form, Form::Quantised(_))
    }

    /// The constants of a step: its scale and its zero.
    fn step(&self, step: Step) -> [String; 2] {
        let Step { scale, zero } = step;
        [self.graph.floats("scale", &[], &[scale]), self.graph.integers(&format!("zero_{zero}"), &[], &[zero])]
    }

    /// Stores real numbers as bytes; in the observed form they stay real.
    pub fn to_bytes(&self, real: &Symbol, step: Step) -> Symbol {
        if !self.is_quantised() {
            return real.clone();
        }
        let [scale, zero] = self.step(step);
        real.node("QuantizeLinear", &[&scale, &zero], &[])
    }

    /// What bytes stand for.
    pub fn to_real(&self, bytes: &Symbol, step: Step) -> Symbol {
        if !self.is_quantised() {
            return bytes.clone();
        }
        let [scale, zero] = self.step(step);
        bytes.node("DequantizeLinear", &[&scale, &zero], &[])
    }

    /// Stores real numbers and puts blocks in their places. What is below 0 becomes 0 where `positive`.
    pub fn store(&self, real: &Symbol, block: usize, positive: bool) -> Result<State> {
        let real = if positive && !self.is_quantised() { real.relu()? } else { real.clone() };
        let range = self.place(&real, 1).map_or([0.0; 2], |ranges| ranges[0]);
        let step = Step::within(if positive { [0.0, range[1]] } else { range });
        Ok(State::Stored { bytes: in_place(&self.to_bytes(&real, step), block), step, change: None })
    }

    /// Instance normalisation of a convolution, whose channels are stored each in its own range.
    pub fn normalised(&self, mut conv: Conv, affine: Option<Affine>, epsilon: f64) -> Result<State> {
        let graph = &self.graph;
        let (block, blocks) = (conv.block, (conv.block * conv.block) as i64);
        let channels = conv.bias.len() / (block * block);
        let constant = |name: &str, values: &[f64]| {
            let values: Vec<f32> = values.iter().map(|&value| value as f32).collect();
            graph.floats(name, &[1, channels, 1, 1], &values)
        };
        if !self.is_quantised() {
            let y = in_place(&self.record(&conv), block);
            self.place(&y, channels);
            return Ok(State::Real { real: y.instance_norm2d(channels, affine, epsilon)?, block: 1 });
        }
        // Channel c is recorded as `(x - middle[c]) / spread[c]`.
        let ends = self.place(&conv.input, channels).into_iter().flatten().map(|range| range.map(f64::from));
        let (middle, spread): (Vec<_>, Vec<_>) =
            ends.map(|[low, high]| ((low + high) / 2.0, ((high - low) / 2.0).max(1e-6))).unzip();
        let inverse: Vec<_> = spread.iter().map(|spread| 1.0 / spread).collect();
        let shift: Vec<_> = middle.iter().zip(&inverse).map(|(middle, inverse)| -middle * inverse).collect();
        conv.change(&inverse, &shift);
        let y = self.to_real(&self.to_bytes(&self.record(&conv), Step::SIGNED), Step::SIGNED);

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
        // The mean's square can be greater by rounding alone.
        let variance = square.sub(&mean.mul(&mean)?)?.relu()?;
        let (middle, spread) = (constant("middle", &middle), constant("spread", &spread));
        let statistics = graph.claim_statistics(channels);
        let mean = mean.node("Mul", &[&spread], &[]).node("Add", &[&middle], &[]);
        let mean = mean.unless_given(0, statistics, MEAN_PREFIX);
        let variance = variance.node("Mul", &[&spread], &[]).node("Mul", &[&spread], &[]);
        let variance = variance.unless_given(1, statistics, VARIANCE_PREFIX);

        let [weight, bias] = y.weight_and_bias(channels, affine)?;
        let deviation = variance.with_number("Add", "epsilon", epsilon).node("Sqrt", &[], &[]);
        let scale = y.per_channel(&weight).node("Div", &[deviation.name()], &[]);
        let from_middle = mean.node("Sub", &[&middle], &[]).mul(&scale)?;
        let shift = y.per_channel(&bias).sub(&from_middle)?;
        let scale = scale.node("Mul", &[&spread], &[]);
        Ok(State::Real { real: y.mul(&to_block(scale))?.add(&to_block(shift))?, block })
    }

    /// Records a convolution, which gives real numbers in blocks.
    pub fn record(&self, conv: &Conv) -> Symbol {
        let Conv { name, input, input_step, kernel, bias, stride, padding: [before, after], .. } = conv;
        let graph = &self.graph;
        let Kernel { outputs, inputs, side, values } = kernel;
        let dims = [*outputs, *inputs, *side, *side];
        let (weight_name, bias_name) = (format!("{name}.weight"), format!("{name}.bias"));
        let [weight, bias] = if self.is_quantised() {
            let stored = Stored::new(kernel, bias, input_step.scale);
            let scales = |of: &str, scales: &[f32]| graph.floats(&format!("{of}/scale"), &[*outputs], scales);
            let read = |integers: &str, scale: &str, zeros: &str| {
                graph.node("DequantizeLinear", &[integers, scale, zeros], &[("axis", int(0))]).name().to_string()
            };
            [
                read(
                    &graph.integers(&weight_name, &dims, &stored.weights),
                    &scales(&weight_name, &stored.scales),
                    &graph.integers(&format!("zeros_{outputs}"), &[*outputs], &vec![0i8; *outputs]),
                ),
                read(
                    &graph.integers(&bias_name, &[*outputs], &stored.bias),
                    &scales(&bias_name, &stored.bias_scales),
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

/// Blocks of channels as the pixels that they are.
pub(super) fn in_place(blocks: &Symbol, block: usize) -> Symbol {
    match block {
        1 => blocks.clone(),
        _ => blocks.node("DepthToSpace", &[], &[("blocksize", int(block)), ("mode", Attribute::Text("CRD"))]),
    }
}

impl Conv {
    /// Takes in `scale[c] * y + shift[c]` of its output.
    pub fn change(&mut self, scale: &[f64], shift: &[f64]) {
        let (scale, shift) = (each(scale, self.block), each(shift, self.block));
        self.kernel.scale_outputs(&scale);
        let changes = scale.iter().zip(&shift);
        self.bias.iter_mut().zip(changes).for_each(|(bias, (scale, shift))| *bias = *bias * scale + shift);
    }
}
