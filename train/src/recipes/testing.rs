//! Helpers of the recipes' tests.

use std::collections::BTreeMap;

use candle_core::{DType, Tensor};

use crate::run::checkpoint::Record;
use crate::run::{Checkpoint, Snapshot, Trainer};

/// Every value of a tensor as float32.
pub fn values(tensor: &Tensor) -> Vec<f32> {
    tensor.to_dtype(DType::F32).unwrap().flatten_all().unwrap().to_vec1().unwrap()
}

/// Tensors as bits.
pub fn bits(tensors: &BTreeMap<String, Tensor>) -> Vec<(String, Vec<u32>)> {
    let bits = |tensor| values(tensor).into_iter().map(f32::to_bits).collect();
    tensors.iter().map(|(name, tensor)| (name.clone(), bits(tensor))).collect()
}

/// Everything that a trainer saves, as bits: the weights to export, and the state.
pub fn all_bits(trainer: &impl Trainer) -> [Vec<(String, Vec<u32>)>; 2] {
    let Snapshot { weights, state, .. } = trainer.snapshot().unwrap();
    [bits(&weights), bits(&state)]
}

/// A checkpoint of a trainer after a step, independent of what it does next.
pub fn checkpoint(trainer: &impl Trainer, step: u64) -> Checkpoint {
    let Snapshot { architecture, weights, state, trainer } = trainer.snapshot().unwrap();
    let copy = |tensors: BTreeMap<String, Tensor>| {
        tensors.into_iter().map(|(name, tensor)| (name, tensor.copy().unwrap())).collect()
    };
    let record = Record {
        step,
        provenance: Default::default(),
        title: None,
        classes: vec![],
        fingerprint: None,
        columns: None,
        trainer,
        session: serde_json::Value::Null,
    };
    Checkpoint { architecture, weights: copy(weights), state: copy(state), record }
}
