//! Values that are known before a run: weights, shapes, flags.

use std::sync::Arc;

use easel_runtime::onnx::{self, Elements};

use crate::error::{Failure, malformed, unsupported};

/// The most elements of a constant that is computed.
pub(crate) const MAX_ELEMENTS: usize = 1 << 27;

/// A tensor that is known.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Constant {
    pub dims: Vec<usize>,
    pub values: Values,
}

/// Elements: all float types as float32, and all others as int64.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Values {
    Floats(Arc<[f32]>),
    Ints(Arc<[i64]>),
}

/// The number of elements of a shape. Fails if there are too many.
pub(crate) fn count(dims: &[usize]) -> Result<usize, Failure> {
    let product = dims.iter().try_fold(1usize, |product, &dim| product.checked_mul(dim));
    match product.filter(|&count| count <= MAX_ELEMENTS) {
        Some(count) => Ok(count),
        None => malformed(format!("a tensor of shape {dims:?} is too large")),
    }
}

impl Constant {
    pub(crate) fn floats(dims: Vec<usize>, values: impl Into<Arc<[f32]>>) -> Self {
        Self { dims, values: Values::Floats(values.into()) }
    }

    pub(crate) fn ints(dims: Vec<usize>, values: impl Into<Arc<[i64]>>) -> Self {
        Self { dims, values: Values::Ints(values.into()) }
    }

    /// A vector of integers.
    pub(crate) fn shape(dims: &[usize]) -> Self {
        Self::ints(vec![dims.len()], dims.iter().map(|&dim| dim as i64).collect::<Vec<_>>())
    }

    pub(crate) fn read(constant: onnx::Constant) -> Result<Self, Failure> {
        let ints = |values: Vec<i64>| Values::Ints(values.into());
        let values = match constant.elements {
            Elements::F32(values) => Values::Floats(values.into()),
            Elements::F16(values) => Values::Floats(values.into_iter().map(half::f16::to_f32).collect()),
            Elements::I64(values) => ints(values),
            Elements::I32(values) => ints(values.into_iter().map(i64::from).collect()),
            Elements::I8(values) => ints(values.into_iter().map(i64::from).collect()),
            Elements::U8(values) => ints(values.into_iter().map(i64::from).collect()),
            Elements::Bool(values) => ints(values.into_iter().map(i64::from).collect()),
            Elements::Other(element) => {
                return unsupported(format!("the constant `{}` of element type {element}", constant.name));
            }
        };
        Ok(Self { dims: constant.dims, values })
    }

    pub(crate) fn as_floats(&self) -> Result<&Arc<[f32]>, Failure> {
        match &self.values {
            Values::Floats(values) => Ok(values),
            Values::Ints(_) => malformed("integers where floats are needed"),
        }
    }

    pub(crate) fn as_ints(&self) -> Result<&Arc<[i64]>, Failure> {
        match &self.values {
            Values::Ints(values) => Ok(values),
            Values::Floats(_) => malformed("floats where integers are needed"),
        }
    }

    pub(crate) fn len(&self) -> usize {
        match &self.values {
            Values::Floats(values) => values.len(),
            Values::Ints(values) => values.len(),
        }
    }

    /// The only float.
    pub(crate) fn scalar(&self) -> Option<f32> {
        match &self.values {
            Values::Floats(values) if values.len() == 1 => Some(values[0]),
            _ => None,
        }
    }

    /// The same elements in another shape of as many.
    pub(crate) fn with_dims(&self, dims: Vec<usize>) -> Result<Self, Failure> {
        if count(&dims)? != self.len() {
            return malformed(format!("{} elements do not fill the shape {dims:?}", self.len()));
        }
        Ok(Self { dims, values: self.values.clone() })
    }

    /// Elements chosen by their positions.
    pub(crate) fn select(&self, dims: Vec<usize>, positions: impl Iterator<Item = usize>) -> Self {
        let values = match &self.values {
            Values::Floats(values) => Values::Floats(positions.map(|at| values[at]).collect()),
            Values::Ints(values) => Values::Ints(positions.map(|at| values[at]).collect()),
        };
        Self { dims, values }
    }
}
