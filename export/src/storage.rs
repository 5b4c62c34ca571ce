//! The precision in which a file stores its weights.

use candle_core::{DType, Tensor};
use easel_train::Weights;

use crate::error::Result;

/// The precision of stored weights.
///
/// ```
/// use easel_export::Storage;
///
/// assert!(Storage::Half.rounds(&[16, 3, 3, 3]));
/// assert!(!Storage::Half.rounds(&[16]) && !Storage::Float32.rounds(&[16, 3, 3, 3]));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Storage {
    /// float32.
    #[default]
    Float32,
    /// float16 for weights of two dimensions and more, each followed by a Cast, which an engine evaluates once when it
    /// loads the file: half the size, and computation stays in float32. Biases and norms stay float32.
    Half,
}

impl Storage {
    /// Whether a weight of these dimensions is rounded to float16.
    pub fn rounds(self, dims: &[usize]) -> bool {
        self == Self::Half && dims.len() > 1
    }

    /// The weights with the values that are stored, as float32.
    pub fn round(self, weights: &Weights) -> Result<Weights> {
        let round = |(name, tensor): (&String, &Tensor)| {
            let rounded = match self.rounds(tensor.dims()) {
                true => tensor.to_dtype(DType::F16)?.to_dtype(DType::F32)?,
                false => tensor.clone(),
            };
            Ok((name.clone(), rounded))
        };
        Ok(Weights { tensors: weights.tensors.iter().map(round).collect::<Result<_>>()?, ..weights.clone() })
    }
}
