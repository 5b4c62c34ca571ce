//! Evaluation of operators on values that are known: constants at load, shapes for each size.

use easel_kernels::Binary;

use crate::border::{Pads, pad};
use crate::constant::{Constant, Values, count};
use crate::error::{Failure, malformed, unsupported};
use crate::operator::{Element, Operator, Unary};
use crate::shape::{self, broadcast, positions, strides};

/// The first output of an operation on constants. Fails if there is none in this form.
pub(crate) fn evaluate(operator: &Operator, inputs: &[Option<&Constant>]) -> Result<Constant, Failure> {
    let input = |at: usize| match inputs.get(at).copied().flatten() {
        Some(constant) => Ok(constant),
        None => malformed(format!("it has no input {at}")),
    };
    let ints = |at: usize| -> Result<Option<Vec<i64>>, Failure> {
        inputs.get(at).copied().flatten().map(|constant| Ok(constant.as_ints()?.to_vec())).transpose()
    };
    let required = |at: usize| Ok(input(at)?.as_ints()?.to_vec());
    let x = input(0)?;
    match operator {
        Operator::Identity => Ok(x.clone()),
        Operator::Cast { to } => Ok(cast(x, *to)),
        Operator::Shape { start, end } => shape_of(&x.dims, *start, *end),
        Operator::Gather { axis } => gather(x, input(1)?, *axis),
        Operator::Reshape { allow_zero } => x.with_dims(shape::reshape(&x.dims, &required(1)?, *allow_zero)?),
        Operator::Flatten { axis } => x.with_dims(flatten(&x.dims, *axis)?),
        Operator::Transpose { perm } => transpose(x, perm.as_deref()),
        Operator::Unsqueeze { axes } => {
            let axes = axes.clone().map_or_else(|| required(1), Ok)?;
            x.with_dims(unsqueeze(&x.dims, &axes)?)
        }
        Operator::Squeeze { axes } => {
            let axes = axes.clone().map_or_else(|| ints(1), |axes| Ok(Some(axes)))?;
            x.with_dims(squeeze(&x.dims, axes.as_deref())?)
        }
        Operator::Slice { starts, ends, axes } => {
            let (starts, ends, axes, steps) = match starts {
                Some(starts) => (starts.clone(), ends.clone(), axes.clone(), None),
                None => (required(1)?, required(2)?, ints(3)?, ints(4)?),
            };
            slice(x, &starts, &ends, axes.as_deref(), steps.as_deref())
        }
        Operator::Pad { mode, pads } => {
            let pads = pads.clone().map_or_else(|| required(1), Ok)?;
            pad(x, &Pads::new(x.dims.len(), &pads, inputs.get(2).copied().flatten(), ints(3)?.as_deref())?, *mode)
        }
        Operator::Concat { axis } => {
            let parts: Vec<_> = inputs.iter().copied().flatten().collect();
            concat(&parts, *axis)
        }
        Operator::Expand => {
            let wanted = required(1)?;
            let wanted = wanted.iter().map(|&dim| usize::try_from(dim).or_else(|_| malformed("a negative size")));
            expand(x, &broadcast(&x.dims, &wanted.collect::<Result<Vec<_>, _>>()?)?)
        }
        Operator::ConstantOfShape { value, ints } => {
            let dims = x.as_ints()?.iter().map(|&dim| usize::try_from(dim).or_else(|_| malformed("a negative size")));
            let dims = dims.collect::<Result<Vec<_>, _>>()?;
            let count = count(&dims)?;
            Ok(match ints {
                true => Constant::ints(dims, vec![*value as i64; count]),
                false => Constant::floats(dims, vec![*value; count]),
            })
        }
        Operator::Unary(Unary::Neg) if x.as_ints().is_ok() => Ok(Constant::ints(
            x.dims.clone(),
            x.as_ints()?.iter().map(|value| value.wrapping_neg()).collect::<Vec<_>>(),
        )),
        Operator::Unary(function) => map(x, |value| function.apply(value)),
        Operator::Activation(function) => map(x, |value| function.apply(value)),
        Operator::Binary(operation) => binary(*operation, x, input(1)?),
        Operator::Where => select(x, input(1)?, input(2)?),
        Operator::DequantizeLinear { axis } => dequantize(x, input(1)?, inputs.get(2).copied().flatten(), *axis),
        _ => unsupported("constants as input"),
    }
}

fn map(x: &Constant, function: impl Fn(f32) -> f32) -> Result<Constant, Failure> {
    Ok(Constant::floats(x.dims.clone(), x.as_floats()?.iter().map(|&value| function(value)).collect::<Vec<_>>()))
}

fn cast(x: &Constant, to: Element) -> Constant {
    let values = match (&x.values, to) {
        (Values::Floats(values), Element::Int) => Values::Ints(values.iter().map(|&value| value as i64).collect()),
        (Values::Floats(values), Element::Bool) => {
            Values::Ints(values.iter().map(|&value| i64::from(value != 0.0)).collect())
        }
        (Values::Ints(values), Element::Float) => Values::Floats(values.iter().map(|&value| value as f32).collect()),
        (Values::Ints(values), Element::Bool) => {
            Values::Ints(values.iter().map(|&value| i64::from(value != 0)).collect())
        }
        (values, _) => values.clone(),
    };
    Constant { dims: x.dims.clone(), values }
}

/// The dimensions from one axis to another as a vector.
pub(crate) fn shape_of(dims: &[usize], start: i64, end: Option<i64>) -> Result<Constant, Failure> {
    let (first, count, _) = shape::slice(dims.len(), start, end.unwrap_or(i64::MAX), 1)?;
    Ok(Constant::shape(&dims[first as usize..first as usize + count]))
}

fn gather(x: &Constant, indices: &Constant, axis: i64) -> Result<Constant, Failure> {
    let axis = shape::axis(axis, x.dims.len())?;
    let (size, inner) = (x.dims[axis], x.dims[axis + 1..].iter().product::<usize>());
    let places = indices.as_ints()?.iter().map(|&at| shape::axis(at, size)).collect::<Result<Vec<_>, _>>()?;
    let dims = [&x.dims[..axis], &indices.dims, &x.dims[axis + 1..]].concat();
    count(&dims)?;
    let outer = x.dims[..axis].iter().product::<usize>();
    let places = &places;
    let positions = (0..outer).flat_map(|at| {
        places.iter().flat_map(move |&place| (at * size + place) * inner..(at * size + place + 1) * inner)
    });
    Ok(x.select(dims, positions))
}

/// The shape that Flatten makes.
pub(crate) fn flatten(dims: &[usize], axis: i64) -> Result<Vec<usize>, Failure> {
    let axis = if axis == dims.len() as i64 { dims.len() } else { shape::axis(axis, dims.len())? };
    Ok([&dims[..axis], &dims[axis..]].map(|dims| dims.iter().product()).to_vec())
}

/// The axes' order that Transpose makes.
pub(crate) fn permutation(rank: usize, perm: Option<&[i64]>) -> Result<Vec<usize>, Failure> {
    let Some(perm) = perm else { return Ok((0..rank).rev().collect()) };
    let order = perm.iter().map(|&at| shape::axis(at, rank)).collect::<Result<Vec<_>, _>>()?;
    if order.len() != rank || shape::axes(perm, rank)?.len() != rank {
        return malformed(format!("perm {perm:?} of {rank} axes"));
    }
    Ok(order)
}

fn transpose(x: &Constant, perm: Option<&[i64]>) -> Result<Constant, Failure> {
    let order = permutation(x.dims.len(), perm)?;
    let steps = strides(&x.dims);
    let dims: Vec<_> = order.iter().map(|&axis| x.dims[axis]).collect();
    let steps: Vec<_> = order.iter().map(|&axis| steps[axis] as isize).collect();
    let positions: Vec<_> = positions(&dims, &steps, 0).collect();
    Ok(x.select(dims, positions.into_iter()))
}

/// The shape that Unsqueeze makes.
pub(crate) fn unsqueeze(dims: &[usize], axes: &[i64]) -> Result<Vec<usize>, Failure> {
    let axes = shape::axes(axes, dims.len() + axes.len())?;
    let mut shape = dims.to_vec();
    axes.into_iter().for_each(|axis| shape.insert(axis, 1));
    Ok(shape)
}

/// The shape that Squeeze makes.
pub(crate) fn squeeze(dims: &[usize], axes: Option<&[i64]>) -> Result<Vec<usize>, Failure> {
    let axes = match axes {
        Some(axes) => shape::axes(axes, dims.len())?,
        None => (0..dims.len()).filter(|&axis| dims[axis] == 1).collect(),
    };
    if axes.iter().any(|&axis| dims[axis] != 1) {
        return malformed(format!("axes {axes:?} of {dims:?} are not all 1"));
    }
    Ok((0..dims.len()).filter(|axis| !axes.contains(axis)).map(|axis| dims[axis]).collect())
}

/// What Slice takes of each axis: the first element, the number and the step.
pub(crate) fn slices(
    dims: &[usize],
    starts: &[i64],
    ends: &[i64],
    axes: Option<&[i64]>,
    steps: Option<&[i64]>,
) -> Result<Vec<(i64, usize, i64)>, Failure> {
    let all: Vec<_> = (0..starts.len() as i64).collect();
    let (axes, ones) = (axes.unwrap_or(&all), vec![1; starts.len()]);
    let steps = steps.unwrap_or(&ones);
    if [ends.len(), axes.len(), steps.len()] != [starts.len(); 3] {
        return malformed("starts, ends, axes and steps of different lengths");
    }
    shape::axes(axes, dims.len())?;
    let mut slices: Vec<_> = dims.iter().map(|&dim| (0, dim, 1)).collect();
    for (at, &axis) in axes.iter().enumerate() {
        let axis = shape::axis(axis, dims.len())?;
        slices[axis] = shape::slice(dims[axis], starts[at], ends[at], steps[at])?;
    }
    Ok(slices)
}

fn slice(
    x: &Constant,
    starts: &[i64],
    ends: &[i64],
    axes: Option<&[i64]>,
    steps: Option<&[i64]>,
) -> Result<Constant, Failure> {
    let slices = slices(&x.dims, starts, ends, axes, steps)?;
    let of_axes = strides(&x.dims);
    let dims: Vec<_> = slices.iter().map(|slice| slice.1).collect();
    let steps: Vec<_> =
        slices.iter().zip(&of_axes).map(|(slice, &stride)| slice.2 as isize * stride as isize).collect();
    let first = slices.iter().zip(&of_axes).map(|(slice, &stride)| slice.0 as isize * stride as isize).sum();
    let positions: Vec<_> = positions(&dims, &steps, first).collect();
    Ok(x.select(dims, positions.into_iter()))
}

/// The shape that Concat makes.
pub(crate) fn concat_dims(parts: &[&[usize]], axis: usize) -> Result<Vec<usize>, Failure> {
    let mut dims = parts[0].to_vec();
    dims[axis] = 0;
    for part in parts {
        let fits = part.len() == dims.len() && (0..dims.len()).all(|at| at == axis || part[at] == dims[at]);
        dims[axis] = match dims[axis].checked_add(part.get(axis).copied().unwrap_or(0)).filter(|_| fits) {
            Some(sum) => sum,
            None => return malformed(format!("shapes {parts:?} cannot be joined along axis {axis}")),
        };
    }
    Ok(dims)
}

fn concat(parts: &[&Constant], axis: i64) -> Result<Constant, Failure> {
    let Some(first) = parts.first() else { return malformed("it has no inputs") };
    let axis = shape::axis(axis, first.dims.len())?;
    let dims = concat_dims(&parts.iter().map(|part| &part.dims[..]).collect::<Vec<_>>(), axis)?;
    count(&dims)?;
    let outer = dims[..axis].iter().product::<usize>();
    fn join<T: Copy>(parts: &[&[T]], outer: usize) -> Vec<T> {
        let of = |at: usize| {
            parts.iter().flat_map(move |part| part[part.len() / outer * at..][..part.len() / outer].iter().copied())
        };
        (0..outer).flat_map(of).collect()
    }
    Ok(match &first.values {
        Values::Floats(_) => {
            let values = parts.iter().map(|part| Ok(&part.as_floats()?[..])).collect::<Result<Vec<_>, Failure>>()?;
            Constant::floats(dims, join(&values, outer))
        }
        Values::Ints(_) => {
            let values = parts.iter().map(|part| Ok(&part.as_ints()?[..])).collect::<Result<Vec<_>, Failure>>()?;
            Constant::ints(dims, join(&values, outer))
        }
    })
}

/// A constant repeated along axes of one element.
pub(crate) fn expand(x: &Constant, dims: &[usize]) -> Result<Constant, Failure> {
    if x.dims == dims {
        return Ok(x.clone());
    }
    count(dims)?;
    let positions: Vec<_> = broadcast_positions(&x.dims, dims);
    Ok(x.select(dims.to_vec(), positions.into_iter()))
}

fn broadcast_positions(from: &[usize], dims: &[usize]) -> Vec<usize> {
    let of_axes = strides(from);
    let added = dims.len() - from.len();
    let steps: Vec<_> = (0..dims.len())
        .map(|axis| if axis < added || from[axis - added] == 1 { 0 } else { of_axes[axis - added] as isize })
        .collect();
    positions(dims, &steps, 0).collect()
}

fn binary(operation: Binary, a: &Constant, b: &Constant) -> Result<Constant, Failure> {
    let dims = broadcast(&a.dims, &b.dims)?;
    let (a, b) = (expand(a, &dims)?, expand(b, &dims)?);
    if let (Ok(a), Ok(b)) = (a.as_ints(), b.as_ints()) {
        let apply = |(&a, &b): (&i64, &i64)| match operation {
            Binary::Add => a.checked_add(b),
            Binary::Sub => a.checked_sub(b),
            Binary::Mul => a.checked_mul(b),
            Binary::Div => a.checked_div(b),
            Binary::Max => Some(a.max(b)),
            Binary::Min => Some(a.min(b)),
        };
        return match a.iter().zip(b.iter()).map(apply).collect::<Option<Vec<_>>>() {
            Some(values) => Ok(Constant::ints(dims, values)),
            None => malformed("integers overflow, or are divided by 0"),
        };
    }
    let values: Vec<_> =
        a.as_floats()?.iter().zip(b.as_floats()?.iter()).map(|(&a, &b)| operation.apply(a, b)).collect();
    Ok(Constant::floats(dims, values))
}

fn select(condition: &Constant, a: &Constant, b: &Constant) -> Result<Constant, Failure> {
    let dims = broadcast(&condition.dims, &broadcast(&a.dims, &b.dims)?)?;
    let (condition, a, b) = (expand(condition, &dims)?, expand(a, &dims)?, expand(b, &dims)?);
    let condition = condition.as_ints()?.clone();
    if let (Ok(a), Ok(b)) = (a.as_ints(), b.as_ints()) {
        let values: Vec<_> = (0..a.len()).map(|at| if condition[at] != 0 { a[at] } else { b[at] }).collect();
        return Ok(Constant::ints(dims, values));
    }
    let (a, b) = (a.as_floats()?, b.as_floats()?);
    let values: Vec<_> = (0..a.len()).map(|at| if condition[at] != 0 { a[at] } else { b[at] }).collect();
    Ok(Constant::floats(dims, values))
}

fn dequantize(x: &Constant, scale: &Constant, zero: Option<&Constant>, axis: i64) -> Result<Constant, Failure> {
    let (values, scales) = (x.as_ints()?, scale.as_floats()?);
    let zeros = zero.map(|zero| zero.as_ints()).transpose()?;
    let (size, inner) = match scales.len() {
        1 => (1, x.len().max(1)),
        size => {
            let axis = shape::axis(axis, x.dims.len())?;
            if x.dims[axis] != size {
                return unsupported("scales of blocks");
            }
            (size, x.dims[axis + 1..].iter().product::<usize>().max(1))
        }
    };
    if zeros.is_some_and(|zeros| zeros.len() != scales.len()) {
        return malformed("scales and zero points of different lengths");
    }
    let value = |(at, value): (usize, &i64)| {
        let part = at / inner % size;
        (value - zeros.map_or(0, |zeros| zeros[part])) as f32 * scales[part]
    };
    Ok(Constant::floats(x.dims.clone(), values.iter().enumerate().map(value).collect::<Vec<_>>()))
}
