//! The mode of a forward pass: training, evaluation or feature extraction.

use std::collections::BTreeMap;

use candle_core::Tensor;
use easel_runtime::Random;

use super::{BatchNorm2d, BatchStatistics, Dropout};
use crate::{Error, Result, Value};

/// The mode of a forward pass, for layers that differ between training and evaluation. The defaults are evaluation.
///
/// A network that has such layers takes one: `forward<V: Value>(&self, x: &V, pass: &mut impl Pass<V>)`.
pub trait Pass<V: Value> {
    /// Batch normalisation.
    fn batch_norm2d(&mut self, norm: &BatchNorm2d, x: &V) -> Result<V> {
        norm.forward(x)
    }

    /// Batch normalisation, then a ReLU.
    fn batch_norm2d_relu(&mut self, norm: &BatchNorm2d, x: &V) -> Result<V> {
        self.batch_norm2d(norm, x)?.relu()
    }

    /// Dropout.
    fn dropout(&mut self, _dropout: Dropout, x: &V) -> Result<V> {
        Ok(x.clone())
    }

    /// Called with the name and the output of each layer of a [`Sequential`](super::Sequential).
    fn tap(&mut self, _layer: &str, _output: &V) {}
}

/// Evaluation: running statistics, no dropout. Exported graphs are recorded in this mode.
#[derive(Debug, Clone, Copy, Default)]
pub struct Eval;

impl<V: Value> Pass<V> for Eval {}

/// Training: batch norm uses the batch's statistics, and dropout is active.
#[derive(Debug)]
pub struct Train<'a> {
    random: &'a mut Random,
    statistics: Vec<BatchStatistics>,
}

impl<'a> Train<'a> {
    /// A training pass whose dropout draws from `random`.
    pub fn new(random: &'a mut Random) -> Self {
        Self { random, statistics: Vec::new() }
    }

    /// Updates the running statistics of every batch norm of the pass, in their order.
    pub fn store_statistics(self) -> Result<()> {
        self.statistics.iter().try_for_each(BatchStatistics::store)
    }

    /// The same with another momentum than the layers' own.
    pub fn store_statistics_with(self, momentum: f64) -> Result<()> {
        self.statistics.iter().try_for_each(|statistics| statistics.store_with(momentum))
    }
}

impl Pass<Tensor> for Train<'_> {
    fn batch_norm2d(&mut self, norm: &BatchNorm2d, x: &Tensor) -> Result<Tensor> {
        let (y, statistics) = norm.train(x)?;
        self.statistics.push(statistics);
        Ok(y)
    }

    fn batch_norm2d_relu(&mut self, norm: &BatchNorm2d, x: &Tensor) -> Result<Tensor> {
        let (y, statistics) = norm.train_activated(x, Some(0.0))?;
        self.statistics.push(statistics);
        Ok(y)
    }

    fn dropout(&mut self, dropout: Dropout, x: &Tensor) -> Result<Tensor> {
        dropout.train(x, self.random)
    }
}

/// Evaluation that keeps the outputs of some layers: feature extraction.
#[derive(Debug, Clone)]
pub struct Taps<V> {
    outputs: BTreeMap<String, Option<V>>,
}

impl<V: Value> Taps<V> {
    /// Keeps the outputs of the layers of these names.
    pub fn of<'n>(layers: impl IntoIterator<Item = &'n str>) -> Self {
        Self { outputs: layers.into_iter().map(|layer| (layer.to_string(), None)).collect() }
    }

    /// Takes the output of a layer. Fails where it was not requested or the pass did not reach it.
    pub fn take(&mut self, layer: &str) -> Result<V> {
        self.outputs
            .get_mut(layer)
            .and_then(Option::take)
            .ok_or_else(|| Error::Config(format!("the forward pass gave no output of a layer `{layer}`")))
    }
}

impl<V: Value> Pass<V> for Taps<V> {
    fn tap(&mut self, layer: &str, output: &V) {
        if let Some(kept) = self.outputs.get_mut(layer) {
            *kept = Some(output.clone());
        }
    }
}
