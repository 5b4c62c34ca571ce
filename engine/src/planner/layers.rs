//! Layers: convolutions, pools and norms.

use std::sync::Arc;

use easel_kernels::{Activation, Binary, Pool};

use super::pictures::Picture;
use super::{Planner, Value};
use crate::error::{Failure, malformed, unsupported};
use crate::network::Node;
use crate::operator::{PoolAttributes, Unary};
use crate::shape;
use crate::step::{Convolve, Source, Span, Vector, Work};

impl Planner<'_> {
    pub(super) fn convolve(&mut self, node: &Node) -> Result<Value, Failure> {
        let (_, picture) = self.picture(node, 0)?;
        let Some(weights) = &node.weights else { return malformed("it has no weights") };
        let source = picture.source;
        let rank = picture.dims.len();
        if (rank != 4 && source.read_size() != [1, 1]) || rank == 1 {
            return unsupported(format!("an input of {rank} dimensions"));
        }
        if source.channels != weights.inputs {
            return malformed(format!("{} channels for a kernel of {}", source.channels, weights.inputs));
        }
        let Some(size) = weights.convolution.output_size(source.read_size()) else {
            return malformed(format!("its kernel does not fit into {:?}", source.read_size()));
        };
        let dims = [vec![source.batch, weights.convolution.outputs()], size.to_vec()].concat();
        let (target, mut result) = self.place(dims)?;
        self.push(Work::Convolve(Box::new(Convolve {
            weights: weights.clone(),
            source,
            affine: None,
            residual: None,
            activation: Activation::None,
            pixel_norm: None,
            moments: None,
            target,
            size,
        })));
        let whole = size.map(|size| size / weights.multiple * weights.multiple);
        if whole.contains(&0) {
            return malformed(format!("its kernel does not fit into {:?}", result.source.size));
        }
        if whole != size {
            let all = |size: usize| Some((0..size as u32).collect::<Arc<[u32]>>());
            (result.source.rows, result.source.columns) = (all(whole[0]), all(whole[1]));
            (result.dims[2], result.dims[3]) = (whole[0], whole[1]);
        }
        if rank == 2 {
            result.dims.truncate(2);
        }
        Ok(Value::Pictures(result))
    }

    pub(super) fn pool(&mut self, node: &Node, attributes: &PoolAttributes) -> Result<Value, Failure> {
        let (_, picture) = self.picture(node, 0)?;
        if picture.dims.len() != 4 {
            return unsupported(format!("an input of {} dimensions", picture.dims.len()));
        }
        let PoolAttributes { kind, kernel, ref window, ceil } = *attributes;
        let pool = Pool { kind, kernel, stride: window.stride, padding: window.padding, ceil };
        let Some([height, width]) = pool.output_size(picture.source.read_size()) else {
            return malformed(format!("its window does not fit into {:?}", picture.source.read_size()));
        };
        let (target, result) = self.place(vec![picture.source.batch, picture.source.channels, height, width])?;
        self.push(Work::Pool { pool, source: picture.source, target });
        Ok(Value::Pictures(result))
    }

    /// Mean and variance of each channel of each picture.
    fn moments(&mut self, picture: &Picture) -> [Vector; 2] {
        let source = &picture.source;
        let length = source.batch * source.channels;
        if source.rows.is_none() && source.columns.is_none() && source.activation == Activation::None {
            let stored = Source { affine: None, ..source.clone() };
            let step = self.makers[source.buffer].filter(|&step| self.is_whole(step, &stored));
            let computed = self.computed.get(self.node).copied().unwrap_or(true);
            if let Some(step) = step.filter(|_| computed && source.offset == 0)
                && self.convolution(step).pixel_norm.is_none()
            {
                let spans = match self.convolution(step).moments {
                    Some(spans) => spans,
                    None => [0, 1].map(|_| Span { buffer: self.memory(length), offset: 0, length }),
                };
                let work = self.convolution(step);
                work.moments = Some(spans);
                spans.iter().for_each(|span| self.makers[span.buffer] = Some(step));
                return self.changed(spans.map(Vector::Stored), source.affine.clone());
            }
        }
        let spans = [0, 1].map(|_| Span { buffer: self.memory(length), offset: 0, length });
        self.push(Work::Moments { source: source.clone(), moments: spans });
        spans.map(Vector::Stored)
    }

    /// The moments of what an affine map makes of pictures with other moments.
    fn changed(&mut self, [mean, variance]: [Vector; 2], affine: Option<[Vector; 2]>) -> [Vector; 2] {
        let Some([scale, shift]) = affine else { return [mean, variance] };
        let scaled = self.combine_vectors(Binary::Mul, &mean, &scale);
        let mean = self.combine_vectors(Binary::Add, &scaled, &shift);
        let scaled = self.combine_vectors(Binary::Mul, &variance, &scale);
        [mean, self.combine_vectors(Binary::Mul, &scaled, &scale)]
    }

    /// The shape of a mean over pixels.
    fn mean_dims(picture: &Picture, keep: bool) -> Result<Vec<usize>, Failure> {
        match picture.dims[..] {
            [batch, channels, _, _] if keep => Ok(vec![batch, channels, 1, 1]),
            [batch, channels, _, _] => Ok(vec![batch, channels]),
            _ => unsupported(format!("a tensor of {} dimensions", picture.dims.len())),
        }
    }

    pub(super) fn reduce_mean(&mut self, node: &Node, axes: Option<&[i64]>, keep: bool) -> Result<Value, Failure> {
        let axes = match axes {
            Some(axes) => axes.to_vec(),
            None => self.known_ints(node, 1)?.map_or_else(|| unsupported("a mean over all axes"), Ok)?,
        };
        match shape::axes(&axes, self.input(node, 0)?.dims().len())?[..] {
            [2, 3] => self.mean(node, keep),
            _ => unsupported(format!("a mean over axes {axes:?}")),
        }
    }

    pub(super) fn mean(&mut self, node: &Node, keep: bool) -> Result<Value, Failure> {
        let (_, picture) = self.picture(node, 0)?;
        let dims = Self::mean_dims(&picture, keep)?;
        let [mean, _] = self.moments(&picture);
        self.of_vector(&mean, dims)
    }

    pub(super) fn mean_square(&mut self, node: &Node, keep: bool) -> Result<Value, Failure> {
        let (_, picture) = self.picture(node, 0)?;
        let dims = Self::mean_dims(&picture, keep)?;
        if self.is_centred(&picture) {
            let [_, variance] = self.moments(&Picture { source: Source { affine: None, ..picture.source }, ..picture });
            return self.of_vector(&variance, dims);
        }
        let [mean, variance] = self.moments(&picture);
        let square = self.combine_vectors(Binary::Mul, &mean, &mean);
        let sum = self.combine_vectors(Binary::Add, &variance, &square);
        self.of_vector(&sum, dims)
    }

    pub(super) fn pixel_norm(&mut self, node: &Node, epsilon: f32) -> Result<Value, Failure> {
        let (id, picture) = self.picture(node, 0)?;
        if picture.dims.len() != 4 {
            return unsupported(format!("a tensor of {} dimensions", picture.dims.len()));
        }
        if let Some(step) = self.open(id, &picture).filter(|&step| self.is_whole(step, &picture.source)) {
            let work = self.convolution(step);
            if work.pixel_norm.is_none() {
                work.pixel_norm = Some(epsilon);
                return Ok(Value::Pictures(picture));
            }
        }
        let (target, result) = self.place(picture.dims.clone())?;
        self.push(Work::PixelNorm { source: picture.source, epsilon, target });
        Ok(Value::Pictures(result))
    }

    /// The known vector of a norm's parameter, one for each channel.
    fn parameter(&mut self, node: &Node, at: usize, channels: usize) -> Result<Vector, Failure> {
        let Some(constant) = self.known(node, at)? else { return malformed(format!("it has no input {at}")) };
        let values = constant.as_floats()?.clone();
        if values.len() != channels {
            return malformed(format!("{} values for {channels} channels", values.len()));
        }
        Ok(Vector::Known(values))
    }

    pub(super) fn instance_norm(&mut self, node: &Node, epsilon: f32) -> Result<Value, Failure> {
        let (id, picture) = self.picture(node, 0)?;
        let channels = picture.source.channels;
        let [weight, bias] = [self.parameter(node, 1, channels)?, self.parameter(node, 2, channels)?];
        // What is normalised by its own moments is complete.
        self.close(picture.source.buffer);
        let moments = self.moments(&picture);
        let affine = self.norm([weight, bias], moments, epsilon);
        Ok(Value::Pictures(self.affine(id, &picture, affine)?))
    }

    pub(super) fn batch_norm(&mut self, node: &Node, epsilon: f32) -> Result<Value, Failure> {
        let (id, picture) = self.picture(node, 0)?;
        let channels = picture.source.channels;
        let mut of = |at| self.parameter(node, at, channels);
        let (parameters, moments) = ([of(1)?, of(2)?], [of(3)?, of(4)?]);
        let affine = self.norm(parameters, moments, epsilon);
        Ok(Value::Pictures(self.affine(id, &picture, affine)?))
    }

    /// The affine map of a norm.
    fn norm(&mut self, [weight, bias]: [Vector; 2], [mean, variance]: [Vector; 2], epsilon: f32) -> [Vector; 2] {
        let sum = self.combine_vectors(Binary::Add, &variance, &Vector::Splat(epsilon));
        let deviation = self.map_vector(Unary::Sqrt, &sum);
        let scale = self.combine_vectors(Binary::Div, &weight, &deviation);
        let scaled = self.combine_vectors(Binary::Mul, &mean, &scale);
        [scale, self.combine_vectors(Binary::Sub, &bias, &scaled)]
    }

    /// Whether nothing but the mean of the pictures is subtracted from them, so that their mean square is the variance.
    fn is_centred(&self, picture: &Picture) -> bool {
        let source = &picture.source;
        let Some([scale, shift]) = &source.affine else { return false };
        if source.rows.is_some() || source.columns.is_some() || source.activation != Activation::None {
            return false;
        }
        let is_one = matches!(scale, Vector::Known(values) if values.iter().all(|&value| value == 1.0));
        let Some(step) = self.makers[picture.source.buffer].and_then(|step| self.steps[step].as_ref()) else {
            return false;
        };
        let (Work::Convolve(work), Vector::Stored(shift)) = (&step.work, shift) else { return false };
        let negated = self.makers[shift.buffer].and_then(|step| self.steps[step].as_ref()).map(|step| &step.work);
        let Some(Work::Vector { operands, .. }) = negated else { return false };
        let mean = work.moments.map(|[mean, _]| Vector::Stored(mean));
        let minus_one = |vector: &Vector| matches!(vector, Vector::Known(values) if values[..] == [-1.0]);
        is_one && operands.iter().any(minus_one) && operands.iter().any(|vector| Some(vector) == mean.as_ref())
    }
}
