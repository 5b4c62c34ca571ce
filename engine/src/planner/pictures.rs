//! Pictures in a buffer, and what is to be done to them when they are read.

use std::sync::Arc;

use easel_kernels::{Activation, Order, ZERO};

use super::{Planner, Value};
use crate::constant::Constant;
use crate::error::{Failure, malformed, unsupported};
use crate::network::ValueId;
use crate::step::{BufferId, Place, Source, Storage, Vector, Work};

/// The most values of one tensor: more than any machine has memory for.
const MAX_VALUES: usize = 1 << if usize::BITS > 32 { 36 } else { 30 };

/// A tensor of floats that a run computes.
#[derive(Debug, Clone)]
pub(crate) struct Picture {
    /// Its shape in the graph.
    pub dims: Vec<usize>,
    pub source: Source,
}

/// A shape as `[batch, channel, height, width]`.
pub(crate) fn nchw(dims: &[usize]) -> Result<[usize; 4], Failure> {
    let four = match *dims {
        [] => [1, 1, 1, 1],
        [channels] => [1, channels, 1, 1],
        [batch, channels] => [batch, channels, 1, 1],
        [batch, channels, width] => [batch, channels, 1, width],
        [batch, channels, height, width] => [batch, channels, height, width],
        _ => return unsupported(format!("a tensor of {} dimensions", dims.len())),
    };
    let product = four.iter().try_fold(1usize, |product, &dim| product.checked_mul(dim));
    match product {
        Some(1..=MAX_VALUES) => Ok(four),
        Some(0) => malformed(format!("an empty tensor of shape {dims:?}")),
        _ => malformed(format!("a tensor of shape {dims:?} is too large")),
    }
}

impl Picture {
    /// Pictures of a shape as they are stored.
    pub(crate) fn stored(dims: Vec<usize>, buffer: BufferId, order: Order) -> Result<Self, Failure> {
        let [batch, channels, height, width] = nchw(&dims)?;
        let size = [height, width];
        // One pixel has its values in the same order either way.
        let order = if size == [1, 1] && order == Order::ChannelsFirst { Order::interleaved(channels) } else { order };
        let (affine, activation) = (None, Activation::None);
        let source =
            Source { buffer, offset: 0, order, batch, channels, size, rows: None, columns: None, affine, activation };
        Ok(Self { dims, source })
    }

    /// Whether there is one pixel.
    pub(crate) fn is_pixel(&self) -> bool {
        self.source.read_size() == [1, 1]
    }

    /// Whether some rows or columns are zeros, which nothing changes that is done after.
    pub(crate) fn has_zeros(&self) -> bool {
        [&self.source.rows, &self.source.columns].into_iter().flatten().any(|map| map.contains(&ZERO))
    }
}

impl Planner<'_> {
    /// A node's input as pictures.
    pub(super) fn picture(&mut self, node: &crate::network::Node, at: usize) -> Result<(ValueId, Picture), Failure> {
        let value = self.input(node, at)?.clone();
        let id = node.inputs[at].expect("the input is there");
        Ok((id, self.as_picture(&value)?))
    }

    pub(super) fn as_picture(&mut self, value: &Value) -> Result<Picture, Failure> {
        match value {
            Value::Pictures(picture) => Ok(picture.clone()),
            Value::Known(constant) => self.known_picture(constant),
            Value::Indices { .. } => unsupported("integers that are computed"),
        }
    }

    fn known_picture(&mut self, constant: &Constant) -> Result<Picture, Failure> {
        let values = constant.as_floats()?.clone();
        let length = values.len();
        let buffer = self.buffer(Storage::Known(values), length);
        Picture::stored(constant.dims.clone(), buffer, Order::ChannelsFirst)
    }

    /// New memory for pictures of a shape, channels last.
    pub(super) fn place(&mut self, dims: Vec<usize>) -> Result<(Place, Picture), Failure> {
        let [batch, channels, height, width] = nchw(&dims)?;
        let buffer = self.memory(batch * channels * height * width);
        let order = Order::interleaved(channels);
        Ok((Place { buffer, order }, Picture::stored(dims, buffer, order)?))
    }

    /// Pictures with nothing to be done to them: copied if need be.
    pub(super) fn plain(&mut self, picture: &Picture) -> Result<Picture, Failure> {
        if picture.source.is_plain() {
            return Ok(picture.clone());
        }
        self.copied(picture)
    }

    pub(super) fn copied(&mut self, picture: &Picture) -> Result<Picture, Failure> {
        let (target, mut copied) = self.place(self.read_dims(picture))?;
        self.push(Work::Copy { source: picture.source.clone(), target });
        self.close(target.buffer);
        copied.dims.clone_from(&picture.dims);
        Ok(copied)
    }

    /// The dimensions of what is read, `[batch, channel, height, width]`.
    pub(super) fn read_dims(&self, picture: &Picture) -> Vec<usize> {
        let [height, width] = picture.source.read_size();
        vec![picture.source.batch, picture.source.channels, height, width]
    }

    /// Pictures whose values lie in the order of their dimensions, and on which an activation may wait.
    pub(super) fn rows(&mut self, picture: &Picture) -> Result<Picture, Failure> {
        let source = &picture.source;
        let waits = source.rows.is_none() && source.columns.is_none() && source.affine.is_none();
        if waits && source.is_rows() && !self.is_part(source.buffer) {
            self.pinned[source.buffer] = true;
            return Ok(picture.clone());
        }
        let dims = self.read_dims(picture);
        let buffer = self.memory(dims.iter().product());
        let target = Place { buffer, order: Order::ChannelsFirst };
        self.push(Work::Copy { source: source.clone(), target });
        self.close(buffer);
        self.pinned[buffer] = true;
        let mut copied = Picture::stored(dims, buffer, Order::ChannelsFirst)?;
        copied.dims.clone_from(&picture.dims);
        Ok(copied)
    }

    /// One pixel of each picture as a vector, `[batch, channel]`.
    pub(super) fn vector(&mut self, picture: &Picture) -> Result<Vector, Failure> {
        if let Storage::Known(values) = &self.buffers[picture.source.buffer].storage
            && picture.source.is_plain()
            && values.len() == picture.source.stored_len()
        {
            return Ok(Vector::Known(values.clone()));
        }
        let picture = self.plain(picture)?;
        let source = self.rows(&picture)?.source;
        let first = match source.order {
            Order::ChannelsLast { first, .. } => first,
            Order::ChannelsFirst => 0,
        };
        let length = source.batch * source.channels;
        Ok(Vector::Stored(crate::step::Span { buffer: source.buffer, offset: source.offset + first, length }))
    }

    /// A vector as pictures of one pixel.
    pub(super) fn of_vector(&mut self, vector: &Vector, dims: Vec<usize>) -> Result<Value, Failure> {
        let length = nchw(&dims)?.iter().product();
        Ok(match self.repeated(vector, length) {
            Vector::Stored(span) => {
                let mut picture = Picture::stored(dims, span.buffer, Order::ChannelsFirst)?;
                picture.source.offset = span.offset;
                self.pinned[span.buffer] = true;
                Value::Pictures(picture)
            }
            Vector::Known(values) => Value::Known(Arc::new(Constant::floats(dims, values))),
            Vector::Splat(_) => unreachable!("it was repeated"),
        })
    }
}
