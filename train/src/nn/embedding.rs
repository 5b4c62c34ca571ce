//! Embeddings: a learnt vector for each label.

use crate::param::{Init, Scope};
use crate::{Param, Result, Value};

/// A table of vectors, looked up by label.
#[derive(Debug, Clone)]
pub struct Embedding {
    weight: Param,
}

impl Embedding {
    /// Parameter `weight [labels, size]`, initialised from N(0, 1) as in PyTorch.
    pub fn new(scope: Scope, labels: usize, size: usize) -> Result<Self> {
        Ok(Self { weight: scope.trained("weight", &[labels, size], Init::Normal { std: 1.0 })? })
    }

    /// Labels (int64, any shape) to vectors: the same shape with `size` appended.
    pub fn forward<V: Value>(&self, labels: &V) -> Result<V> {
        labels.lookup(&self.weight)
    }
}
