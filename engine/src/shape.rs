//! Shapes of tensors, and the arguments of the operators that change them.

use crate::error::{Failure, malformed};

/// The shape that two shapes have together, by NumPy's rules.
pub(crate) fn broadcast(a: &[usize], b: &[usize]) -> Result<Vec<usize>, Failure> {
    let rank = a.len().max(b.len());
    let at = |dims: &[usize], axis: usize| (axis + dims.len()).checked_sub(rank).map_or(1, |axis| dims[axis]);
    (0..rank)
        .map(|axis| match (at(a, axis), at(b, axis)) {
            (a, b) if a == b || b == 1 => Ok(a),
            (1, b) => Ok(b),
            _ => malformed(format!("shapes {a:?} and {b:?} do not match")),
        })
        .collect()
}

/// An axis, which may count from the end.
pub(crate) fn axis(axis: i64, rank: usize) -> Result<usize, Failure> {
    let counted = if axis < 0 { axis.checked_add(rank as i64) } else { Some(axis) };
    match counted.and_then(|axis| usize::try_from(axis).ok()).filter(|&axis| axis < rank) {
        Some(axis) => Ok(axis),
        None => malformed(format!("axis {axis} of {rank}")),
    }
}

/// Axes in ascending order, each once.
pub(crate) fn axes(given: &[i64], rank: usize) -> Result<Vec<usize>, Failure> {
    let mut axes = given.iter().map(|&at| axis(at, rank)).collect::<Result<Vec<_>, _>>()?;
    axes.sort_unstable();
    let count = axes.len();
    axes.dedup();
    if axes.len() < count { malformed(format!("axes {given:?} repeat")) } else { Ok(axes) }
}

/// The shape that Reshape makes.
pub(crate) fn reshape(dims: &[usize], wanted: &[i64], allow_zero: bool) -> Result<Vec<usize>, Failure> {
    let fail = || malformed(format!("shape {dims:?} cannot become {wanted:?}"));
    let all = dims.iter().try_fold(1usize, |product, &dim| product.checked_mul(dim));
    let (mut known, mut missing, mut shape) = (1usize, None, Vec::with_capacity(wanted.len()));
    for (at, &size) in wanted.iter().enumerate() {
        let size = match size {
            -1 if missing.is_none() => {
                missing = Some(at);
                shape.push(1);
                continue;
            }
            0 if !allow_zero => dims.get(at).copied(),
            size => usize::try_from(size).ok(),
        };
        let Some(size) = size else { return fail() };
        let Some(product) = known.checked_mul(size) else { return fail() };
        known = product;
        shape.push(size);
    }
    let Some(all) = all else { return fail() };
    if let Some(at) = missing {
        if known == 0 || all % known != 0 {
            return fail();
        }
        shape[at] = all / known;
        known = all;
    }
    if known == all { Ok(shape) } else { fail() }
}

/// The elements of an axis that Slice takes: the first, their number and the step.
pub(crate) fn slice(size: usize, start: i64, end: i64, step: i64) -> Result<(i64, usize, i64), Failure> {
    let (size, step) = (size as i64, step.max(-i64::MAX));
    let (low, high) = match step {
        0 => return malformed("a step of 0"),
        _ if size == 0 => return Ok((0, 0, step)),
        1.. => (0, size),
        _ => (-1, size - 1),
    };
    let place = |at: i64, low: i64| (if at < 0 { at.saturating_add(size) } else { at }).clamp(low, high);
    let (start, end) = (place(start, 0), place(end, low));
    let length = if step > 0 { (end - start).max(0) } else { (start - end).max(0) };
    let count = (length as u64).div_ceil(step.unsigned_abs());
    Ok((start, count as usize, step))
}

/// Distances between neighbours of each axis in row-major order.
pub(crate) fn strides(dims: &[usize]) -> Vec<usize> {
    let mut strides = vec![1; dims.len()];
    for axis in (1..dims.len()).rev() {
        strides[axis - 1] = strides[axis] * dims[axis];
    }
    strides
}

/// Positions in row-major order of all elements of a shape, where each axis advances by a stride from an offset.
pub(crate) fn positions(dims: &[usize], strides: &[isize], first: isize) -> impl Iterator<Item = usize> {
    let count = dims.iter().product::<usize>();
    let mut index = vec![0; dims.len()];
    let mut at = first;
    (0..count).map(move |_| {
        let position = at as usize;
        for axis in (0..dims.len()).rev() {
            index[axis] += 1;
            at += strides[axis];
            if index[axis] < dims[axis] {
                break;
            }
            at -= strides[axis] * dims[axis] as isize;
            index[axis] = 0;
        }
        position
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slices_are_pythons() {
        for (size, start, end, step) in (0..4).flat_map(|size| {
            (-5..6).flat_map(move |start| {
                (-5..6).flat_map(move |end| [-3, -1, 1, 2].map(move |step| (size, start, end, step)))
            })
        }) {
            let absolute = |at: i64| if at < 0 { at + size } else { at };
            let first = absolute(start).max(0).min(if step > 0 { size } else { size - 1 });
            let all = (0..size).map(|count| first + count * step);
            let inside = |at: &i64| {
                (0..size).contains(at) && if step > 0 { *at < absolute(end) } else { *at > absolute(end).max(-1) }
            };
            let expected: Vec<_> = all.take_while(inside).collect();
            let (first, count, by) = slice(size as usize, start, end, step).unwrap();
            let found: Vec<_> = (0..count as i64).map(|index| first + index * by).collect();
            assert_eq!(found, expected, "{size} {start} {end} {step}");
        }
        assert_eq!(slice(5, -3, i64::MAX, 1).unwrap(), (2, 3, 1));
        assert_eq!(slice(5, i64::MAX, i64::MIN, -1).unwrap(), (4, 5, -1));
        assert!(slice(5, 0, 1, 0).is_err());
    }

    #[test]
    fn shapes_are_checked() {
        assert_eq!(broadcast(&[3, 1], &[2, 1, 5]).unwrap(), [2, 3, 5]);
        assert!(broadcast(&[3], &[2]).is_err());
        assert_eq!(reshape(&[2, 3, 4], &[0, -1], false).unwrap(), [2, 12]);
        assert_eq!(reshape(&[0, 3], &[0, 3], true).unwrap(), [0, 3]);
        for wanted in [&[5, -1][..], &[-1, -1], &[24, 2], &[0, 0, 0, 0], &[-2, 12], &[i64::MAX, i64::MAX]] {
            assert!(reshape(&[2, 3, 4], wanted, false).is_err(), "{wanted:?}");
        }
        assert_eq!(axes(&[-1, 0], 3).unwrap(), [0, 2]);
        assert!(axes(&[1, -1], 2).is_err() && axis(i64::MIN, 2).is_err() && axis(2, 2).is_err());
    }
}
