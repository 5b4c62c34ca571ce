//! The precision that weights are stored in.

use candle_core::{DType, Tensor};
use easel_train::Weights;

use crate::Result;
use crate::models::Exportable;

/// How weights are stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Storage {
    /// As float32.
    #[default]
    Float32,
    /// Those of two dimensions and more as float16 with a Cast behind each, which an engine does once when it loads the
    /// file: half the size, and what is computed is float32 all the same. Biases and norms stay float32.
    Half,
}

impl Storage {
    /// Whether a weight of these dimensions is rounded to float16.
    pub fn rounds(self, dims: &[usize]) -> bool {
        self == Self::Half && dims.len() > 1
    }

    /// The weights with the values that are stored.
    pub fn stored(self, weights: &Weights) -> Result<Weights> {
        let store = |(name, tensor): (&String, &Tensor)| {
            let stored = match self.rounds(tensor.dims()) {
                true => tensor.to_dtype(DType::F16)?.to_dtype(DType::F32)?,
                false => tensor.clone(),
            };
            Ok((name.clone(), stored))
        };
        Ok(Weights {
            architecture: weights.architecture.clone(),
            provenance: weights.provenance.clone(),
            tensors: weights.tensors.iter().map(store).collect::<Result<_>>()?,
        })
    }
}

/// The largest difference between two networks' outputs on the inputs that an export is verified with, in their unit.
pub fn distance(one: &dyn Exportable, other: &dyn Exportable) -> Result<f64> {
    let mut largest = 0f64;
    for inputs in one.trials()? {
        for ((_, a), (_, b)) in one.compute(&inputs)?.iter().zip(&other.compute(&inputs)?) {
            let differences = (a - b)?.abs()?.flatten_all()?.to_vec1::<f32>()?;
            largest = differences.into_iter().map(f64::from).fold(largest, f64::max);
        }
    }
    Ok(largest / one.unit()?)
}
