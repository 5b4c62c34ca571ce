//! A learnt vector for each label.

use crate::param::{Init, Scope};
use crate::{Param, Result, Value};

/// A table of vectors, looked up by label.
#[derive(Debug, Clone)]
pub struct Embedding {
    weight: Param,
}

impl Embedding {
    /// Parameter `weight [labels, size]`, standard normal as PyTorch draws it.
    pub fn new(scope: Scope, labels: usize, size: usize) -> Result<Self> {
        Ok(Self { weight: scope.trained("weight", &[labels, size], Init::Normal { std: 1.0 })? })
    }

    /// Labels (int64, any shape) to vectors: the same shape with `size` behind.
    pub fn forward<V: Value>(&self, labels: &V) -> Result<V> {
        labels.lookup(&self.weight)
    }
}
