//! Batch normalisation.

use candle_core::Tensor;

use crate::ops::norm::{Over, normalise_activated};
use crate::param::{Init, Scope};
use crate::value::{Affine, weight_and_bias};
use crate::{Error, Param, Result, Value};

/// The options of a [`BatchNorm2d`], with PyTorch's defaults.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct BatchNorm2dOptions {
    /// Added to the variance.
    pub epsilon: f64,
    /// The weight of a new batch in the running statistics.
    pub momentum: f64,
    /// Whether to learn a scale and a shift.
    pub affine: bool,
}

impl Default for BatchNorm2dOptions {
    fn default() -> Self {
        Self { epsilon: 1e-5, momentum: 0.1, affine: true }
    }
}

/// Batch normalisation: by the batch's statistics in training, by running statistics in evaluation.
///
/// PyTorch's count of batches, `num_batches_tracked`, is not kept: it matters only where there is no momentum.
#[derive(Debug, Clone)]
pub struct BatchNorm2d {
    running_mean: Param,
    running_var: Param,
    affine: Option<[Param; 2]>,
    options: BatchNorm2dOptions,
}

impl BatchNorm2d {
    /// Parameters `weight`, ones, and `bias`, zeros; buffers `running_mean`, zeros, and `running_var`, ones. All are
    /// `[channels]`.
    pub fn new(scope: Scope, channels: usize, options: BatchNorm2dOptions) -> Result<Self> {
        let affine = || -> Result<[Param; 2]> {
            Ok([
                scope.trained("weight", &[channels], Init::Constant(1.0))?,
                scope.trained("bias", &[channels], Init::Constant(0.0))?,
            ])
        };
        Ok(Self {
            affine: options.affine.then(affine).transpose()?,
            running_mean: scope.buffer("running_mean", &[channels], Init::Constant(0.0))?,
            running_var: scope.buffer("running_var", &[channels], Init::Constant(1.0))?,
            options,
        })
    }

    /// Normalises by the running statistics.
    pub fn forward<V: Value>(&self, x: &V) -> Result<V> {
        x.batch_norm2d(&self.running_mean, &self.running_var, self.affine(), self.options.epsilon)
    }

    /// Normalises by the batch's statistics and returns them too. The running statistics do not change until
    /// [`BatchStatistics::store`].
    ///
    /// Fails where a channel has only one element and thus no variance.
    pub fn train(&self, x: &Tensor) -> Result<(Tensor, BatchStatistics)> {
        self.train_activated(x, None)
    }

    /// The same, then a leaky ReLU with this slope, if there is one.
    pub fn train_activated(&self, x: &Tensor, slope: Option<f64>) -> Result<(Tensor, BatchStatistics)> {
        let (batch, channels, height, width) = x.dims4()?;
        let count = batch * height * width;
        if count < 2 {
            return Err(Error::Config(format!(
                "batch norm: shape {:?} has one element a channel, too few to train on; use a larger batch",
                x.dims()
            )));
        }
        let (weight, bias) = weight_and_bias(x, channels, self.affine())?;
        let (y, [mean, variance]) = normalise_activated(x, &weight, &bias, self.options.epsilon, Over::Batch, slope)?;
        let variance = (variance * (count as f64 / (count - 1) as f64))?;
        let momentum = self.options.momentum;
        let updates = [(self.running_mean.clone(), mean), (self.running_var.clone(), variance)];
        Ok((y, BatchStatistics { updates, momentum }))
    }

    fn affine(&self) -> Option<Affine<'_>> {
        self.affine.as_ref().map(|[weight, bias]| Affine { weight, bias })
    }
}

/// The mean and the unbiased variance of a batch, and the running statistics to update.
#[derive(Debug, Clone)]
pub struct BatchStatistics {
    updates: [(Param, Tensor); 2],
    momentum: f64,
}

impl BatchStatistics {
    /// Updates the running statistics: `(1 - momentum) running + momentum new`.
    pub fn store(&self) -> Result<()> {
        self.store_with(self.momentum)
    }

    /// The same with another momentum: 1 / n for batch n makes the running statistics the mean of all batches.
    pub fn store_with(&self, momentum: f64) -> Result<()> {
        for (running, new) in &self.updates {
            let moved = ((running.tensor() * (1.0 - momentum))? + (new * momentum)?)?;
            running.var().set(&moved)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Params;
    use candle_core::{DType, Device};
    use easel_runtime::Random;

    fn params() -> Params {
        Params::new(DType::F32, &Device::Cpu, Random::new(1, 0))
    }

    #[test]
    fn running_statistics_follow_the_batches() {
        let params = params();
        let norm = BatchNorm2d::new(params.root(), 1, BatchNorm2dOptions::default()).unwrap();
        assert_eq!(params.trained().len(), 2);
        let x = Tensor::new(&[1f32, 3.0], &Device::Cpu).unwrap().reshape((2, 1, 1, 1)).unwrap();
        let (y, statistics) = norm.train(&x).unwrap();
        let y = y.flatten_all().unwrap().to_vec1::<f32>().unwrap();
        assert!((y[0] + 1.0).abs() < 1e-4 && (y[1] - 1.0).abs() < 1e-4, "{y:?}");
        let running = || -> Vec<f32> {
            let tensors = params.to_tensors();
            ["running_mean", "running_var"].iter().flat_map(|name| tensors[*name].to_vec1::<f32>().unwrap()).collect()
        };
        assert_eq!(running(), [0.0, 1.0]);
        statistics.store().unwrap();
        // The unbiased variance of 1 and 3 is 2.
        assert!((running()[0] - 0.2).abs() < 1e-6 && (running()[1] - 1.1).abs() < 1e-6, "{:?}", running());
        for _ in 0..200 {
            statistics.store().unwrap();
        }
        let y = norm.forward(&x).unwrap().flatten_all().unwrap().to_vec1::<f32>().unwrap();
        assert!((y[0] + 0.5f32.sqrt()).abs() < 1e-4, "{y:?}");
    }

    #[test]
    fn one_element_has_no_variance() {
        let norm = BatchNorm2d::new(params().root(), 2, BatchNorm2dOptions::default()).unwrap();
        let x = Tensor::zeros((1, 2, 1, 1), DType::F32, &Device::Cpu).unwrap();
        assert!(norm.train(&x).unwrap_err().to_string().contains("larger batch"));
    }
}
