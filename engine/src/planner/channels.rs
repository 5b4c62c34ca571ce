//! Small vectors: what each channel is multiplied with, or added to it.

use easel_kernels::{Activation, Binary};

use super::Planner;
use super::pictures::Picture;
use crate::error::Failure;
use crate::network::ValueId;
use crate::operator::Unary;
use crate::step::{Span, Vector, VectorOperation, Work};

impl Planner<'_> {
    fn computed_vector(&mut self, operation: VectorOperation, operands: Vec<Vector>, length: usize) -> Vector {
        let target = Span { buffer: self.memory(length), offset: 0, length };
        self.push(Work::Vector { operation, operands, target });
        Vector::Stored(target)
    }

    /// A vector repeated up to a length, which is a multiple of its own.
    pub(super) fn repeated(&mut self, vector: &Vector, length: usize) -> Vector {
        match vector {
            Vector::Splat(value) => Vector::Known(vec![*value; length].into()),
            Vector::Known(values) if values.len() == length => vector.clone(),
            Vector::Known(values) => Vector::Known(values.iter().copied().cycle().take(length).collect()),
            Vector::Stored(span) if span.length == length => vector.clone(),
            Vector::Stored(_) => self.computed_vector(VectorOperation::Repeat, vec![vector.clone()], length),
        }
    }

    /// Combines vectors, the shorter of which repeats.
    pub(super) fn combine_vectors(&mut self, operation: Binary, a: &Vector, b: &Vector) -> Vector {
        let zero = Vector::Splat(0.0);
        match (operation, a, b) {
            (_, Vector::Splat(a), Vector::Splat(b)) => return Vector::Splat(operation.apply(*a, *b)),
            (Binary::Mul | Binary::Div, a, Vector::Splat(1.0)) | (Binary::Add | Binary::Sub, a, Vector::Splat(0.0)) => {
                return a.clone();
            }
            (Binary::Mul, Vector::Splat(1.0), b) | (Binary::Add, Vector::Splat(0.0), b) => return b.clone(),
            (Binary::Mul, Vector::Splat(0.0), _) | (Binary::Mul, _, Vector::Splat(0.0)) => return zero,
            _ => {}
        }
        let length = [a, b].into_iter().map(length_of).max().unwrap_or(1);
        let known = |vector: &Vector| match vector {
            Vector::Splat(value) => Some(vec![*value]),
            Vector::Known(values) => Some(values.to_vec()),
            Vector::Stored(_) => None,
        };
        if let (Some(a), Some(b)) = (known(a), known(b)) {
            let value = |at: usize| operation.apply(a[at % a.len()], b[at % b.len()]);
            return Vector::Known((0..length).map(value).collect());
        }
        let operands = [a, b].map(|vector| match vector {
            Vector::Splat(value) => Vector::Known(vec![*value].into()),
            other => other.clone(),
        });
        self.computed_vector(VectorOperation::Binary(operation), operands.into(), length)
    }

    /// A function of each value of a vector.
    pub(super) fn map_vector(&mut self, function: Unary, vector: &Vector) -> Vector {
        match vector {
            Vector::Splat(value) => Vector::Splat(function.apply(*value)),
            Vector::Known(values) => Vector::Known(values.iter().map(|&value| function.apply(value)).collect()),
            Vector::Stored(span) => {
                self.computed_vector(VectorOperation::Unary(function), vec![vector.clone()], span.length)
            }
        }
    }

    /// `scale * x + shift` for each channel: in the convolution that makes `x` alone, or when it is read.
    pub(super) fn affine(
        &mut self,
        value: ValueId,
        picture: &Picture,
        [scale, shift]: [Vector; 2],
    ) -> Result<Picture, Failure> {
        let fits = |planner: &mut Self, step: usize| {
            let whole = planner.is_whole(step, &picture.source);
            let work = planner.convolution(step);
            whole && work.residual.is_none() && work.activation == Activation::None && work.pixel_norm.is_none()
        };
        if let Some(step) = self.open(value, picture).filter(|&step| fits(self, step)) {
            let before = self.convolution(step).affine.clone();
            let affine = self.composed(before, [scale, shift], &picture.source);
            let step = self.move_to_end(step);
            self.convolution(step).affine = Some(affine);
            return Ok(picture.clone());
        }
        let moved = picture.has_zeros() && shift != Vector::Splat(0.0);
        let mut picture = match picture.source.activation == Activation::None && !moved {
            true => picture.clone(),
            false => self.copied(picture)?,
        };
        let affine = self.composed(picture.source.affine.take(), [scale, shift], &picture.source);
        picture.source.affine = Some(affine);
        Ok(picture)
    }

    /// One affine map after another, with vectors of one length.
    fn composed(
        &mut self,
        first: Option<[Vector; 2]>,
        [scale, shift]: [Vector; 2],
        source: &crate::step::Source,
    ) -> [Vector; 2] {
        let [mut factors, mut summands] = first.unwrap_or([Vector::Splat(1.0), Vector::Splat(0.0)]);
        factors = self.combine_vectors(Binary::Mul, &factors, &scale);
        summands = self.combine_vectors(Binary::Mul, &summands, &scale);
        summands = self.combine_vectors(Binary::Add, &summands, &shift);
        let length = length_of(&factors).max(length_of(&summands)).max(source.channels);
        [self.repeated(&factors, length), self.repeated(&summands, length)]
    }

    /// A function of each value: in the convolution that makes it alone, or when it is read.
    pub(super) fn activated(
        &mut self,
        value: ValueId,
        picture: &Picture,
        function: Activation,
    ) -> Result<Picture, Failure> {
        if let Some(step) = self.open(value, picture) {
            let whole = picture.source.stored_len() == self.buffers[picture.source.buffer].length;
            let work = self.convolution(step);
            if whole && work.activation == Activation::None && work.pixel_norm.is_none() {
                work.activation = function;
                return Ok(picture.clone());
            }
        }
        let moved = picture.has_zeros() && function.apply(0.0) != 0.0;
        let mut picture = match picture.source.activation == Activation::None && !moved {
            true => picture.clone(),
            false => self.copied(picture)?,
        };
        picture.source.activation = function;
        Ok(picture)
    }
}

pub(super) fn length_of(vector: &Vector) -> usize {
    match vector {
        Vector::Splat(_) => 1,
        Vector::Known(values) => values.len(),
        Vector::Stored(span) => span.length,
    }
}
