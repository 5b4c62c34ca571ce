//! Operators that rearrange values or choose among them.

use std::sync::Arc;

use easel_kernels::Order;

use super::pictures::{Picture, nchw};
use super::{Planner, Value};
use crate::error::{Failure, malformed, unsupported};
use crate::fold;
use crate::network::Node;
use crate::operator::Operator;
use crate::shape::{self, broadcast};
use crate::step::{Place, Source, Span, Storage, Work};

impl Planner<'_> {
    pub(super) fn reshape(&mut self, node: &Node) -> Result<Value, Failure> {
        let (_, picture) = self.picture(node, 0)?;
        let required = |planner: &Self| match planner.known_ints(node, 1)? {
            Some(ints) => Ok(ints),
            None => malformed("it has no input 1"),
        };
        let dims = match &node.operator {
            Operator::Flatten { axis } => fold::flatten(&picture.dims, *axis)?,
            Operator::Unsqueeze { axes } => {
                let axes = axes.clone().map_or_else(|| required(self), Ok)?;
                fold::unsqueeze(&picture.dims, &axes)?
            }
            Operator::Squeeze { axes } => {
                let axes = axes.clone().map_or_else(|| self.known_ints(node, 1), |axes| Ok(Some(axes)))?;
                fold::squeeze(&picture.dims, axes.as_deref())?
            }
            Operator::Reshape { allow_zero } => shape::reshape(&picture.dims, &required(self)?, *allow_zero)?,
            _ => return unsupported("an operator"),
        };
        Ok(Value::Pictures(self.reshaped(&picture, dims)?))
    }

    fn reshaped(&mut self, picture: &Picture, dims: Vec<usize>) -> Result<Picture, Failure> {
        if nchw(&picture.dims)? == nchw(&dims)? {
            return Ok(Picture { dims, source: picture.source.clone() });
        }
        let rows = self.rows(picture)?.source;
        let first = match rows.order {
            Order::ChannelsLast { first, .. } => first,
            Order::ChannelsFirst => 0,
        };
        let mut reshaped = Picture::stored(dims, rows.buffer, Order::ChannelsFirst)?;
        reshaped.source.offset = rows.offset + first;
        reshaped.source.activation = rows.activation;
        Ok(reshaped)
    }

    pub(super) fn transpose(&mut self, node: &Node, perm: Option<&[i64]>) -> Result<Value, Failure> {
        let (_, picture) = self.picture(node, 0)?;
        let order = fold::permutation(picture.dims.len(), perm)?;
        let dims: Vec<_> = order.iter().map(|&axis| picture.dims[axis]).collect();
        // Axes of one element may move anywhere.
        let moves = order.iter().filter(|&&axis| picture.dims[axis] != 1).is_sorted();
        if moves {
            return Ok(Value::Pictures(self.reshaped(&picture, dims)?));
        }
        let [batch, channels, height, width] = nchw(&picture.dims)?;
        match order[..] {
            // To channels last.
            [0, 2, 3, 1] => {
                let buffer = self.memory(batch * channels * height * width);
                let target = Place { buffer, order: Order::interleaved(channels) };
                self.push(Work::Copy { source: picture.source, target });
                self.close(buffer);
                self.pinned[buffer] = true;
                Ok(Value::Pictures(Picture::stored(dims, buffer, Order::ChannelsFirst)?))
            }
            // From channels last, `[batch, height, width, channel]`.
            [0, 3, 1, 2] => {
                let source = self.plain(&picture)?;
                let source = self.rows(&source)?.source;
                let mut result = Picture::stored(dims, source.buffer, Order::interleaved(width))?;
                result.source.offset = source.offset;
                Ok(Value::Pictures(result))
            }
            _ => unsupported(format!("the order {order:?}")),
        }
    }

    pub(super) fn slice(
        &mut self,
        node: &Node,
        starts: Option<&[i64]>,
        ends: &[i64],
        axes: Option<&[i64]>,
    ) -> Result<Value, Failure> {
        let (_, picture) = self.picture(node, 0)?;
        let (starts, ends, axes, steps) = match starts {
            Some(starts) => (starts.to_vec(), ends.to_vec(), axes.map(<[i64]>::to_vec), None),
            None => {
                let [starts, ends] = [self.known_ints(node, 1)?, self.known_ints(node, 2)?];
                let (Some(starts), Some(ends)) = (starts, ends) else { return malformed("it has no limits") };
                (starts, ends, self.known_ints(node, 3)?, self.known_ints(node, 4)?)
            }
        };
        let slices = fold::slices(&picture.dims, &starts, &ends, axes.as_deref(), steps.as_deref())?;
        let dims: Vec<_> = slices.iter().map(|slice| slice.1).collect();
        nchw(&dims)?;
        let mut result = picture.clone();
        for (axis, &(first, count, step)) in slices.iter().enumerate() {
            if (first, count, step) == (0, picture.dims[axis], 1) {
                continue;
            }
            let pixels = match picture.dims.len() {
                4 => axis.checked_sub(2),
                3 => (axis == 2).then_some(1),
                _ => None,
            };
            if let Some(of_pixels) = pixels {
                let map: Vec<_> = (0..count as i64).map(|at| (first + at * step) as u32).collect();
                result = self.mapped(&result, of_pixels, &map)?;
                continue;
            }
            if step != 1 {
                return unsupported(format!("a step of {step} along axis {axis}"));
            }
            let of_channels = axis == 1 || picture.dims.len() == 1;
            result = self.part(&result, of_channels, first as usize, count)?;
        }
        result.dims = dims;
        Ok(Value::Pictures(result))
    }

    /// Some channels, or some pictures.
    fn part(&mut self, picture: &Picture, of_channels: bool, first: usize, count: usize) -> Result<Picture, Failure> {
        let mut picture = match (&picture.source.affine, picture.source.order) {
            (None, Order::ChannelsLast { .. }) if of_channels || !self.is_part(picture.source.buffer) => {
                picture.clone()
            }
            _ => self.copied(picture)?,
        };
        let source = &mut picture.source;
        let Order::ChannelsLast { stride, first: before } = source.order else { unreachable!("it was copied") };
        if of_channels {
            source.order = Order::ChannelsLast { stride, first: before + first };
            source.channels = count;
        } else {
            source.offset += first * source.size[0] * source.size[1] * stride;
            source.batch = count;
        }
        self.pinned[source.buffer] = true;
        let buffer = source.buffer;
        self.close(buffer);
        Ok(picture)
    }

    pub(super) fn concat(&mut self, node: &Node, axis: i64) -> Result<Value, Failure> {
        let pictures =
            (0..node.inputs.len()).map(|at| Ok(self.picture(node, at)?.1)).collect::<Result<Vec<_>, Failure>>()?;
        let Some(first) = pictures.first() else { return malformed("it has no inputs") };
        let rank = first.dims.len();
        let axis = shape::axis(axis, rank)?;
        let dims = fold::concat_dims(&pictures.iter().map(|picture| &picture.dims[..]).collect::<Vec<_>>(), axis)?;
        nchw(&dims)?;
        let of_pixels = match (rank, axis) {
            (4, 2 | 3) => axis - 2,
            (2.., 1) => return self.concat_channels(&pictures, dims),
            _ => return unsupported(format!("axis {axis} of {rank}")),
        };
        // Parts of one picture are a map of it.
        let without = |picture: &Picture| {
            let mut source = picture.source.clone();
            *if of_pixels == 0 { &mut source.rows } else { &mut source.columns } = None;
            source
        };
        if pictures.iter().any(|picture| without(picture) != without(first)) {
            return unsupported(format!("different pictures along axis {axis}"));
        }
        let mut map = Vec::new();
        for picture in &pictures {
            let own = if of_pixels == 0 { &picture.source.rows } else { &picture.source.columns };
            match own {
                Some(own) => map.extend_from_slice(own),
                None => map.extend(0..picture.source.size[of_pixels] as u32),
            }
        }
        let mut source = without(first);
        *if of_pixels == 0 { &mut source.rows } else { &mut source.columns } = Some(map.into());
        Ok(Value::Pictures(Picture { dims, source }))
    }

    /// Pictures side by side in their channels: each is written there at once if nothing forbids it, or else copied.
    fn concat_channels(&mut self, pictures: &[Picture], dims: Vec<usize>) -> Result<Value, Failure> {
        let (target, result) = self.place(dims)?;
        self.close(target.buffer);
        let stride = result.source.channels;
        let buffers: Vec<_> = pictures.iter().map(|picture| self.root(picture.source.buffer)).collect();
        let moves = |(picture, root): (&Picture, &usize)| {
            let repeats = buffers.iter().filter(|&other| other == root).count() > 1;
            !repeats && self.is_movable(&picture.source) && !self.reads_any(picture.source.buffer, &buffers)
        };
        let moves: Vec<_> = pictures.iter().zip(&buffers).map(moves).collect();
        let mut first = 0;
        for (picture, moves) in pictures.iter().zip(moves) {
            let Source { buffer, channels, .. } = picture.source;
            if moves {
                self.buffers[buffer].storage = Storage::Within { buffer: target.buffer, first, stride };
                self.close(buffer);
            } else {
                let order = Order::ChannelsLast { stride, first };
                self.push(Work::Copy { source: picture.source.clone(), target: Place { order, ..target } });
            }
            first += channels;
        }
        self.makers[target.buffer] = None;
        Ok(Value::Pictures(result))
    }

    /// The buffer of which a buffer is a part.
    fn root(&self, mut buffer: usize) -> usize {
        while let Storage::Within { buffer: whole, .. } = self.buffers[buffer].storage {
            buffer = whole;
        }
        buffer
    }

    pub(super) fn is_part(&self, buffer: usize) -> bool {
        matches!(self.buffers[buffer].storage, Storage::Within { .. })
    }

    /// Whether pictures may be written elsewhere: whole ones of several pixels, which nothing reads in another order.
    fn is_movable(&self, source: &Source) -> bool {
        let whole = source.is_plain()
            && source.offset == 0
            && source.order == Order::interleaved(source.channels)
            && source.stored_len() == self.buffers[source.buffer].length;
        let own = matches!(self.buffers[source.buffer].storage, Storage::Arena { .. });
        whole && own && source.size != [1, 1] && !self.pinned[source.buffer]
    }

    /// Whether a step that fills a buffer reads another one of these.
    fn reads_any(&self, buffer: usize, others: &[usize]) -> bool {
        let mut found = false;
        for step in self.steps.iter().flatten() {
            let mut writes = false;
            step.work.writes(|written| writes |= self.root(written) == self.root(buffer));
            if writes {
                step.work.reads(|read| found |= others.contains(&self.root(read)));
            }
        }
        found
    }

    /// `Where` with a known condition.
    pub(super) fn choose(&mut self, node: &Node) -> Result<Value, Failure> {
        let Some(condition) = self.condition(node) else { return unsupported("a condition that is not one flag") };
        let dims = broadcast(self.input(node, 1)?.dims(), self.input(node, 2)?.dims())?;
        let dims = broadcast(self.input(node, 0)?.dims(), &dims)?;
        let (_, picture) = self.picture(node, if condition { 1 } else { 2 })?;
        if picture.dims == dims {
            return Ok(Value::Pictures(picture));
        }
        let [.., height, width] = nchw(&dims)?;
        if [height, width] != [1, 1] || picture.dims.len() != dims.len() || !picture.dims[1..].ends_with(&dims[1..]) {
            return unsupported(format!("shape {:?} for {dims:?}", picture.dims));
        }
        let vector = self.vector(&picture)?;
        self.of_vector(&vector, dims)
    }

    /// Rows of a table.
    pub(super) fn lookup(&mut self, node: &Node, axis: i64) -> Result<Value, Failure> {
        let Value::Indices { input, dims } = self.input(node, 1)?.clone() else {
            return unsupported("indices that are computed");
        };
        let Some(table) = self.known(node, 0)? else { return malformed("it has no table") };
        let ([rows, width], true) = (table.dims[..].try_into().unwrap_or([0, 0]), axis == 0) else {
            return unsupported(format!("axis {axis} of {:?}", table.dims));
        };
        if rows == 0 || dims.len() != 1 {
            return unsupported(format!("indices of shape {dims:?} into {:?}", table.dims));
        }
        let dims = vec![dims[0], width];
        let length = nchw(&dims)?.iter().product();
        let target = Span { buffer: self.memory(length), offset: 0, length };
        let table: Arc<[f32]> = table.as_floats()?.clone();
        self.push(Work::Lookup { table, width, input, target });
        Ok(Value::Pictures(Picture::stored(dims, target.buffer, Order::ChannelsFirst)?))
    }
}
