//! Dense row-major tensors: the inputs and outputs of engines.

use half::f16;

use crate::{Error, Result};

/// A dense row-major tensor. Pictures are `[batch, channel, height, width]`, float32 in `[0, 1]`.
#[derive(Debug, Clone, PartialEq)]
pub struct Tensor {
    shape: Vec<usize>,
    data: Data,
}

/// A tensor's elements, of one of the types that the models' inputs and outputs have.
#[derive(Debug, Clone, PartialEq)]
pub enum Data {
    /// 32-bit floats.
    F32(Vec<f32>),
    /// 64-bit integers: timesteps, labels.
    I64(Vec<i64>),
    /// Booleans: flags.
    Bool(Vec<bool>),
    /// 16-bit floats (IEEE 754 binary16): pictures of some models of other programs.
    F16(Vec<f16>),
    /// Bytes: pictures of some models of other programs.
    U8(Vec<u8>),
}

impl Data {
    /// The number of elements.
    pub fn len(&self) -> usize {
        match self {
            Data::F32(values) => values.len(),
            Data::I64(values) => values.len(),
            Data::Bool(values) => values.len(),
            Data::F16(values) => values.len(),
            Data::U8(values) => values.len(),
        }
    }

    /// Whether there are no elements.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The element type's name.
    pub fn type_name(&self) -> &'static str {
        match self {
            Data::F32(_) => "float32",
            Data::I64(_) => "int64",
            Data::Bool(_) => "bool",
            Data::F16(_) => "float16",
            Data::U8(_) => "uint8",
        }
    }
}

impl From<Vec<f32>> for Data {
    fn from(values: Vec<f32>) -> Self {
        Data::F32(values)
    }
}

impl From<Vec<i64>> for Data {
    fn from(values: Vec<i64>) -> Self {
        Data::I64(values)
    }
}

impl From<Vec<bool>> for Data {
    fn from(values: Vec<bool>) -> Self {
        Data::Bool(values)
    }
}

impl From<Vec<f16>> for Data {
    fn from(values: Vec<f16>) -> Self {
        Data::F16(values)
    }
}

impl From<Vec<u8>> for Data {
    fn from(values: Vec<u8>) -> Self {
        Data::U8(values)
    }
}

impl Tensor {
    /// A tensor of the given shape. Fails if the number of elements is not the product of its dimensions.
    pub fn new(shape: impl Into<Vec<usize>>, data: impl Into<Data>) -> Result<Self> {
        let (shape, data) = (shape.into(), data.into());
        let wanted = shape.iter().try_fold(1usize, |product, &dim| product.checked_mul(dim));
        if wanted != Some(data.len()) {
            return Err(Error::Shape(format!("{} elements do not fill the shape {shape:?}", data.len())));
        }
        Ok(Self { shape, data })
    }

    /// The size of each dimension.
    pub fn shape(&self) -> &[usize] {
        &self.shape
    }

    /// The elements.
    pub fn data(&self) -> &Data {
        &self.data
    }

    /// The elements.
    pub fn into_data(self) -> Data {
        self.data
    }

    /// The elements. Fails if they are not float32.
    pub fn as_f32(&self) -> Result<&[f32]> {
        match &self.data {
            Data::F32(values) => Ok(values),
            other => Err(Error::Shape(format!("expected float32 elements, found {}", other.type_name()))),
        }
    }

    /// The elements. Fails if they are not float32.
    pub fn into_f32(self) -> Result<Vec<f32>> {
        match self.data {
            Data::F32(values) => Ok(values),
            other => Err(Error::Shape(format!("expected float32 elements, found {}", other.type_name()))),
        }
    }

    /// The dimensions `[batch, channel, height, width]` of a batch of pictures. Fails if there are not four.
    pub fn nchw(&self) -> Result<[usize; 4]> {
        self.shape
            .as_slice()
            .try_into()
            .map_err(|_| Error::Shape(format!("expected [batch, channel, height, width], found {:?}", self.shape)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shape_must_match_elements() {
        assert!(Tensor::new([2, 3], vec![0f32; 6]).is_ok());
        assert!(Tensor::new([2, 3], vec![0f32; 5]).is_err());
        assert!(Tensor::new([usize::MAX, 2], vec![0f32; 1]).is_err());
        assert_eq!(Tensor::new([0, 3], Vec::<f32>::new()).unwrap().shape(), [0, 3]);
    }

    #[test]
    fn element_type_is_checked() {
        let labels = Tensor::new([1], vec![7i64]).unwrap();
        assert!(labels.as_f32().unwrap_err().to_string().contains("int64"));
    }
}
