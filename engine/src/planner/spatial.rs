//! Operators that choose rows and columns: borders, enlargement, repetition.

use std::sync::Arc;

use easel_kernels::ZERO;

use super::pictures::{Picture, nchw};
use super::{Planner, Value};
use crate::border::{MAX_SIDE, Pads, border};
use crate::error::{Failure, malformed, unsupported};
use crate::network::Node;
use crate::operator::{Coordinates, PadMode, Rounding};
use crate::shape::broadcast;

impl Planner<'_> {
    /// Pictures whose rows (0) or columns (1) are chosen.
    pub(super) fn mapped(&mut self, picture: &Picture, axis: usize, map: &[u32]) -> Result<Picture, Failure> {
        if map.iter().copied().eq(0..picture.source.read_size()[axis] as u32) {
            return Ok(picture.clone());
        }
        // The rows that are added are zeros after what is done to the others.
        let mut result = picture.clone();
        let source = &mut result.source;
        let own = if axis == 0 { &mut source.rows } else { &mut source.columns };
        let composed: Arc<[u32]> = match own {
            Some(own) => map.iter().map(|&at| if at == ZERO { ZERO } else { own[at as usize] }).collect(),
            None => map.into(),
        };
        *own = Some(composed);
        let rank = result.dims.len();
        result.dims[rank - 2 + axis] = map.len();
        Ok(result)
    }

    pub(super) fn pad(&mut self, node: &Node, mode: PadMode, pads: Option<&[i64]>) -> Result<Value, Failure> {
        let (_, mut picture) = self.picture(node, 0)?;
        let rank = picture.dims.len();
        let pads = match pads {
            Some(pads) => pads.to_vec(),
            None => self.known_ints(node, 1)?.map_or_else(|| malformed("it has no input 1"), Ok)?,
        };
        let axes = self.known_ints(node, 3)?;
        let pads = Pads::new(rank, &pads, self.known(node, 2)?.as_deref(), axes.as_deref())?;
        if mode == PadMode::Constant && pads.value != 0.0 {
            return unsupported("a border that is not 0");
        }
        for (axis, [before, after]) in pads.of_axes.into_iter().enumerate() {
            if [before, after] == [0, 0] {
                continue;
            }
            if rank != 4 || axis < 2 {
                return unsupported(format!("a border along axis {axis} of {rank}"));
            }
            let map = border(picture.source.read_size()[axis - 2], before, after, mode)?;
            picture = self.mapped(&picture, axis - 2, &map)?;
        }
        nchw(&picture.dims)?;
        Ok(Value::Pictures(picture))
    }

    pub(super) fn resize(
        &mut self,
        node: &Node,
        coordinates: Coordinates,
        rounding: Rounding,
    ) -> Result<Value, Failure> {
        let (_, mut picture) = self.picture(node, 0)?;
        let at = if node.inputs.len() == 2 { 1 } else { 2 };
        let scales = self.known(node, at)?.filter(|scales| scales.len() > 0);
        let sizes = self.known_ints(node, 3)?;
        let rank = picture.dims.len();
        if rank != 4 {
            return unsupported(format!("a tensor of {rank} dimensions"));
        }
        for axis in 0..rank {
            let size = picture.dims[axis];
            let (scale, length) = match (&scales, &sizes) {
                (Some(scales), _) => {
                    let scale = scales.as_floats()?.get(axis).copied().unwrap_or(f32::NAN);
                    (scale, f64::from(scale) * size as f64)
                }
                (None, Some(sizes)) => {
                    let length = sizes.get(axis).copied().unwrap_or(0) as f64;
                    ((length / size as f64) as f32, length)
                }
                _ => return malformed("it has neither scales nor sizes"),
            };
            if !(1.0..MAX_SIDE as f64).contains(&length) {
                return malformed(format!("a side of {length}"));
            }
            let length = length as usize;
            if axis < 2 {
                if length != size {
                    return unsupported(format!("a change of axis {axis}"));
                }
                continue;
            }
            let map: Vec<_> = (0..length).map(|at| source(at, [size, length], scale, coordinates, rounding)).collect();
            picture = self.mapped(&picture, axis - 2, &map)?;
        }
        nchw(&picture.dims)?;
        Ok(Value::Pictures(picture))
    }

    pub(super) fn expand(&mut self, node: &Node) -> Result<Value, Failure> {
        let (_, mut picture) = self.picture(node, 0)?;
        let Some(wanted) = self.known_ints(node, 1)? else { return malformed("it has no input 1") };
        let wanted = wanted.iter().map(|&size| usize::try_from(size).or_else(|_| malformed("a negative size")));
        let dims = broadcast(&picture.dims, &wanted.collect::<Result<Vec<_>, _>>()?)?;
        nchw(&dims)?;
        if dims == picture.dims {
            return Ok(Value::Pictures(picture));
        }
        if dims.len() != 4 || picture.dims.len() != 4 || dims[..2] != picture.dims[..2] {
            return unsupported(format!("an expansion of {:?} to {dims:?}", picture.dims));
        }
        for (axis, &size) in dims.iter().enumerate().skip(2) {
            if size != picture.dims[axis] {
                if size >= MAX_SIDE {
                    return malformed(format!("a side of {size}"));
                }
                picture = self.mapped(&picture, axis - 2, &vec![0; size])?;
            }
        }
        Ok(Value::Pictures(picture))
    }
}

/// The element of an axis that one of a resized axis takes.
fn source(at: usize, [size, length]: [usize; 2], scale: f32, coordinates: Coordinates, rounding: Rounding) -> u32 {
    let at = at as f32;
    let place = match coordinates {
        Coordinates::Asymmetric => at / scale,
        Coordinates::HalfPixelOrZero if length == 1 => 0.0,
        Coordinates::HalfPixel | Coordinates::HalfPixelOrZero => (at + 0.5) / scale - 0.5,
        Coordinates::AlignCorners if length == 1 => 0.0,
        Coordinates::AlignCorners => at * (size - 1) as f32 / (length - 1) as f32,
    };
    let rounded = match rounding {
        Rounding::Floor => place.floor(),
        Rounding::Ceil => place.ceil(),
        Rounding::HalfDown => (place - 0.5).ceil(),
        Rounding::HalfUp => (place + 0.5).floor(),
    };
    rounded.clamp(0.0, (size - 1) as f32) as u32
}
