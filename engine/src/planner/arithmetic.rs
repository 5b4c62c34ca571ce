//! Operations on one value or two.

use std::sync::Arc;

use easel_kernels::{Activation, Binary};

use super::pictures::{Picture, nchw};
use super::{Planner, Value};
use crate::error::{Failure, unsupported};
use crate::fold;
use crate::network::{Node, ValueId};
use crate::operator::Unary;
use crate::shape::broadcast;
use crate::step::{Vector, Work};

impl Planner<'_> {
    pub(super) fn activate(&mut self, node: &Node, function: Activation) -> Result<Value, Failure> {
        let (id, picture) = self.picture(node, 0)?;
        Ok(Value::Pictures(self.activated(id, &picture, function)?))
    }

    pub(super) fn clip(&mut self, node: &Node) -> Result<Value, Failure> {
        let mut limits = [f32::NEG_INFINITY, f32::INFINITY];
        for (at, limit) in limits.iter_mut().enumerate() {
            if let Some(constant) = self.known(node, at + 1)? {
                *limit = constant.scalar().map_or_else(|| unsupported("limits that are not numbers"), Ok)?;
            }
        }
        self.activate(node, Activation::Clip(limits[0], limits[1]))
    }

    pub(super) fn unary(&mut self, node: &Node, function: Unary) -> Result<Value, Failure> {
        let (_, picture) = self.picture(node, 0)?;
        if picture.is_pixel() {
            let vector = self.vector(&picture)?;
            let result = self.map_vector(function, &vector);
            return self.of_vector(&result, picture.dims);
        }
        let (target, result) = self.place(picture.dims.clone())?;
        self.push(Work::Map { function, source: picture.source, target });
        Ok(Value::Pictures(result))
    }

    pub(super) fn binary(&mut self, node: &Node, operation: Binary) -> Result<Value, Failure> {
        let values = [self.input(node, 0)?.clone(), self.input(node, 1)?.clone()];
        let ids = [0, 1].map(|at| node.inputs[at].expect("the input is there"));
        let dims = broadcast(values[0].dims(), values[1].dims())?;
        let [batch, channels, height, width] = nchw(&dims)?;
        // What is known, or one pixel beside a picture, applies to each channel.
        for (x, other) in [(0, 1), (1, 0)] {
            let Value::Pictures(picture) = &values[x] else { continue };
            if picture.dims != dims || ids[0] == ids[1] {
                continue;
            }
            let applies = match &values[other] {
                Value::Known(_) => true,
                Value::Pictures(other) => other.is_pixel() && [height, width] != [1, 1],
                Value::Indices { .. } => false,
            };
            if applies
                && let Some(vector) = self.per_channel(&values[other], &dims)?
                && let Some(result) = self.with_each_channel(operation, (ids[x], picture), vector, x == 0)?
            {
                return Ok(Value::Pictures(result));
            }
        }
        if [height, width] == [1, 1] {
            let [a, b] = [&values[0], &values[1]].map(|value| self.per_channel(value, &dims));
            if let (Some(a), Some(b)) = (a?, b?) {
                let mut result = self.combine_vectors(operation, &a, &b);
                if matches!(result, Vector::Splat(_)) {
                    result = self.repeated(&result, batch * channels);
                }
                return self.of_vector(&result, dims);
            }
        }
        let mut pictures = Vec::new();
        for value in &values {
            // Constants are repeated once and for all.
            let value = match value {
                Value::Known(constant) => Value::Known(Arc::new(fold::expand(constant, &dims)?)),
                other => other.clone(),
            };
            let picture = self.as_picture(&value)?;
            if nchw(&picture.dims)? != nchw(&dims)? {
                return unsupported(format!("shapes {:?} and {:?}", values[0].dims(), values[1].dims()));
            }
            pictures.push(picture);
        }
        if operation == Binary::Add
            && let Some(result) = self.residual(ids, &pictures)?
        {
            return Ok(Value::Pictures(Picture { dims, ..result }));
        }
        let sources = [pictures[0].source.clone(), pictures[1].source.clone()];
        let (target, result) = self.place(dims)?;
        self.push(Work::Combine { operation, sources, target });
        Ok(Value::Pictures(result))
    }

    /// A value as a vector of each channel of pictures, if it is one.
    fn per_channel(&mut self, value: &Value, dims: &[usize]) -> Result<Option<Vector>, Failure> {
        let own = value.dims();
        let aligned = [vec![1; dims.len() - own.len()], own.to_vec()].concat();
        let ([batch, channels, ..], [n, c, h, w]) = (nchw(dims)?, nchw(&aligned)?);
        let fits = [h, w] == [1, 1] && [[1, 1], [1, channels], [batch, channels]].contains(&[n, c]);
        if !fits {
            return Ok(None);
        }
        let vector = match value {
            Value::Known(constant) => Vector::Known(constant.as_floats()?.clone()),
            Value::Pictures(picture) => self.vector(&Picture { dims: aligned, ..picture.clone() })?,
            Value::Indices { .. } => return unsupported("integers that are computed"),
        };
        Ok(Some(match vector {
            Vector::Known(values) if values.len() == 1 => Vector::Splat(values[0]),
            other => other,
        }))
    }

    /// An operation with a vector that is an affine map of each channel, or a limit.
    fn with_each_channel(
        &mut self,
        operation: Binary,
        (id, picture): (ValueId, &Picture),
        vector: Vector,
        is_left: bool,
    ) -> Result<Option<Picture>, Failure> {
        let (one, zero) = (Vector::Splat(1.0), Vector::Splat(0.0));
        let affine = match (operation, &vector) {
            (Binary::Add, _) => [one, vector],
            (Binary::Sub, _) if is_left => [one, self.combine_vectors(Binary::Mul, &Vector::Splat(-1.0), &vector)],
            (Binary::Sub, _) => [Vector::Splat(-1.0), vector],
            (Binary::Mul, _) => [vector, zero],
            (Binary::Div, _) if is_left => [self.map_vector(Unary::Reciprocal, &vector), zero],
            (Binary::Max, Vector::Splat(low)) => {
                return self.activated(id, picture, Activation::Clip(*low, f32::INFINITY)).map(Some);
            }
            (Binary::Min, Vector::Splat(high)) => {
                return self.activated(id, picture, Activation::Clip(f32::NEG_INFINITY, *high)).map(Some);
            }
            _ => return Ok(None),
        };
        self.affine(id, picture, affine).map(Some)
    }

    /// A sum as part of the convolution that makes one of the summands.
    fn residual(&mut self, ids: [ValueId; 2], pictures: &[Picture]) -> Result<Option<Picture>, Failure> {
        for (own, other) in [(0, 1), (1, 0)] {
            let Some(step) = self.open(ids[own], &pictures[own]) else { continue };
            let whole = self.is_whole(step, &pictures[own].source);
            let work = self.convolution(step);
            let free = work.residual.is_none() && work.activation == Activation::None && work.pixel_norm.is_none();
            if !whole || !free {
                continue;
            }
            let residual = self.plain(&pictures[other])?.source;
            self.close(residual.buffer);
            let step = self.move_to_end(step);
            self.convolution(step).residual = Some(residual);
            return Ok(Some(pictures[own].clone()));
        }
        Ok(None)
    }
}
