//! Borders of tensors.

use easel_kernels::ZERO;

use crate::constant::{Constant, Values, count};
use crate::error::{Failure, malformed, unsupported};
use crate::operator::PadMode;
use crate::shape::{axis, strides};

/// The most rows or columns that are added: more than any picture has.
pub(crate) const MAX_SIDE: usize = 1 << 24;
/// The map of an axis with elements added, or left out where their number is negative.
pub(crate) fn border(size: usize, before: i64, after: i64, mode: PadMode) -> Result<Vec<u32>, Failure> {
    let all = size as i64;
    let limits = -all..MAX_SIDE as i64;
    let length = before.saturating_add(after).saturating_add(all);
    if !limits.contains(&before) || !limits.contains(&after) || length < 1 {
        return malformed(format!("{before} and {after} added to {size}"));
    }
    let reaches = match mode {
        PadMode::Reflect => before.max(after) >= all,
        PadMode::Wrap => before.max(after) > all,
        PadMode::Constant | PadMode::Edge => false,
    };
    if reaches {
        return malformed(format!("{before} and {after} added to {size} are too many"));
    }
    let source = |at: i64| match mode {
        _ if (0..all).contains(&at) => at as u32,
        PadMode::Constant => ZERO,
        PadMode::Edge => at.clamp(0, all - 1) as u32,
        PadMode::Wrap => at.rem_euclid(all) as u32,
        PadMode::Reflect => (if at < 0 { -at } else { 2 * (all - 1) - at }) as u32,
    };
    Ok((-before..all + after).map(source).collect())
}

/// The pads of each axis, before and after, and the border's value.
pub(crate) struct Pads {
    pub of_axes: Vec<[i64; 2]>,
    pub value: f32,
}

impl Pads {
    /// From the inputs of Pad, or its attribute.
    pub(crate) fn new(
        rank: usize,
        pads: &[i64],
        value: Option<&Constant>,
        axes: Option<&[i64]>,
    ) -> Result<Self, Failure> {
        let axes = match axes {
            Some(axes) => axes.iter().map(|&at| axis(at, rank)).collect::<Result<Vec<_>, _>>()?,
            None => (0..rank).collect(),
        };
        if pads.len() != 2 * axes.len() {
            return malformed(format!("{} pads for {} axes", pads.len(), axes.len()));
        }
        let mut of_axes = vec![[0; 2]; rank];
        for (at, &axis) in axes.iter().enumerate() {
            of_axes[axis] = [pads[at], pads[at + axes.len()]];
        }
        let value = match value.map(|value| &value.values) {
            None => 0.0,
            Some(Values::Floats(values)) if values.len() == 1 => values[0],
            Some(Values::Ints(values)) if values.len() == 1 => values[0] as f32,
            Some(_) => return malformed("a border of several values"),
        };
        Ok(Self { of_axes, value })
    }
}

/// A constant with a border.
pub(crate) fn pad(x: &Constant, pads: &Pads, mode: PadMode) -> Result<Constant, Failure> {
    let pairs = x.dims.iter().zip(&pads.of_axes);
    let maps =
        pairs.map(|(&size, &[before, after])| border(size, before, after, mode)).collect::<Result<Vec<_>, _>>()?;
    let dims: Vec<_> = maps.iter().map(Vec::len).collect();
    let (count, steps) = (count(&dims)?, strides(&x.dims));
    let (of_result, mut positions) = (strides(&dims), Vec::with_capacity(count));
    for at in 0..count {
        let mut position = Some(0);
        for (axis, map) in maps.iter().enumerate() {
            let source = map[at / of_result[axis] % dims[axis]];
            position = position.filter(|_| source != ZERO).map(|position| position + source as usize * steps[axis]);
        }
        positions.push(position);
    }
    match &x.values {
        Values::Floats(values) => {
            let padded: Vec<_> = positions.into_iter().map(|at| at.map_or(pads.value, |at| values[at])).collect();
            Ok(Constant::floats(dims, padded))
        }
        Values::Ints(_) => unsupported("integers with a border"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn constants_get_borders() {
        let x = Constant::floats(vec![2, 2], vec![1.0, 2.0, 3.0, 4.0]);
        let pads = |pads: &[i64], axes: Option<&[i64]>| Pads::new(2, pads, None, axes);
        let rows = pads(&[1, 1], Some(&[0])).ok().unwrap();
        let padded = pad(&x, &rows, PadMode::Constant).unwrap();
        assert_eq!(padded, Constant::floats(vec![4, 2], vec![0.0, 0.0, 1.0, 2.0, 3.0, 4.0, 0.0, 0.0]));
        let right = pads(&[0, 0, 0, 1], None).ok().unwrap();
        let edge = pad(&x, &right, PadMode::Edge).unwrap();
        assert_eq!(edge, Constant::floats(vec![2, 3], vec![1.0, 2.0, 2.0, 3.0, 4.0, 4.0]));
        assert!(pads(&[1, 1, 1], None).is_err());
    }
}
