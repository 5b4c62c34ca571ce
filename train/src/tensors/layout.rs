//! Tensors as parts of storages.

use candle_core::{DType, Device, Tensor};

/// The layout of a tensor in its storage.
#[derive(Debug, Clone)]
pub struct Layout {
    /// The storage's key.
    pub storage: String,
    /// The type of its elements.
    pub dtype: DType,
    /// The first element, in elements.
    pub offset: usize,
    /// The shape.
    pub dims: Vec<usize>,
    /// The strides, in elements; 0 in an expanded tensor.
    pub strides: Vec<usize>,
    /// Whether its elements are stored with the opposite sign.
    pub negative: bool,
}

impl Layout {
    /// The number of bytes of the tensor's elements; `None` where it does not fit in memory.
    pub fn byte_count(&self) -> Option<usize> {
        self.dims.iter().try_fold(self.dtype.size_in_bytes(), |count, dim| count.checked_mul(*dim))
    }

    /// The tensor's elements in order; `None` where they are not all in the storage.
    pub fn tensor(&self, storage: &[u8]) -> Option<Tensor> {
        let Self { dtype, offset, dims, strides, .. } = self;
        let (size, bytes) = (dtype.size_in_bytes(), self.byte_count()?);
        if dims.len() != strides.len() {
            return None;
        }
        let tensor = if self.is_contiguous() {
            let elements = storage.get(offset.checked_mul(size)?..)?.get(..bytes)?;
            Tensor::from_raw_buffer(elements, *dtype, dims, &Device::Cpu)
        } else {
            let mut elements = Vec::with_capacity(bytes);
            let mut index = vec![0usize; dims.len()];
            for _ in 0..bytes / size {
                let mut at = index.iter().zip(strides);
                let at = at.try_fold(*offset, |at, (i, stride)| at.checked_add(i.checked_mul(*stride)?))?;
                elements.extend_from_slice(storage.get(at.checked_mul(size)?..)?.get(..size)?);
                for (index, dim) in index.iter_mut().zip(dims).rev() {
                    *index += 1;
                    if *index < *dim {
                        break;
                    }
                    *index = 0;
                }
            }
            Tensor::from_raw_buffer(&elements, *dtype, dims, &Device::Cpu)
        };
        let tensor = tensor.ok()?;
        if self.negative { tensor.neg().ok() } else { Some(tensor) }
    }

    fn is_contiguous(&self) -> bool {
        let mut expected = 1usize;
        self.dims.iter().zip(&self.strides).rev().all(|(dim, stride)| {
            let as_expected = *dim == 1 || *stride == expected;
            // With a dimension of 0 the others do not matter.
            expected = expected.wrapping_mul(*dim);
            as_expected
        })
    }
}
