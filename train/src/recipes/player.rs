//! One network in training.

use std::collections::BTreeMap;

use candle_core::Tensor;

use crate::optim::{Adam, AdamConfig, Ema, EmaConfig};
use crate::run::Checkpoint;
use crate::{Params, Result};

/// A network's parameters with their optimiser and, optionally, their EMA.
pub struct Player {
    /// The names of its parameters and its optimiser in a checkpoint's state.
    names: [&'static str; 2],
    /// The parameters.
    pub params: Params,
    adam: Adam,
    ema: Option<Ema>,
}

/// The name of the EMA in a checkpoint's state.
const EMA: &str = "averaged";

impl Player {
    /// `names` are those of the parameters and the optimiser in a checkpoint's state.
    pub fn new(names: [&'static str; 2], params: Params, adam: AdamConfig, ema_decay: Option<f64>) -> Result<Self> {
        Ok(Self {
            names,
            adam: Adam::new(params.trained(), adam)?,
            ema: ema_decay.map(|decay| Ema::new(params.all(), EmaConfig::new(decay))).transpose()?,
            params,
        })
    }

    /// One step of the optimiser, at this fraction of the learning rate, and one update of the EMA. In between, `project`
    /// may constrain the parameters.
    pub fn step(&mut self, loss: &Tensor, lr_factor: f64, project: impl FnOnce() -> Result<()>) -> Result<()> {
        self.adam.set_lr_factor(lr_factor);
        self.adam.step(&loss.backward()?)?;
        project()?;
        self.ema.as_mut().map_or(Ok(()), Ema::update)
    }

    /// Restarts the EMA's warm-up.
    pub fn restart_ema(&mut self) {
        self.ema.iter_mut().for_each(Ema::restart);
    }

    /// Runs a function with the EMA in the network and its parameters frozen. The raw values are restored in any case.
    pub fn with_ema<T>(&mut self, work: impl FnOnce(&Params) -> Result<T>) -> Result<T> {
        let _frozen = self.params.frozen();
        match &mut self.ema {
            Some(ema) => ema.swapped(|| work(&self.params)),
            None => work(&self.params),
        }
    }

    /// The weights to export.
    pub fn weights(&self) -> BTreeMap<String, Tensor> {
        self.ema.as_ref().map_or_else(|| self.params.to_tensors(), Ema::to_tensors)
    }

    /// Everything that a later step depends on, by name.
    pub fn state(&self) -> Result<BTreeMap<String, Tensor>> {
        let [network, adam] = self.names;
        let ema = self.ema.as_ref().map(Ema::state).transpose()?.unwrap_or_default();
        let parts = [(network, self.params.to_tensors()), (adam, self.adam.state()?), (EMA, ema)];
        let named = |(prefix, tensors): (&str, BTreeMap<String, Tensor>)| {
            tensors.into_iter().map(|(name, tensor)| (format!("{prefix}.{name}"), tensor)).collect::<Vec<_>>()
        };
        Ok(parts.into_iter().flat_map(named).collect())
    }

    /// Restores a state.
    pub fn restore(&mut self, checkpoint: &Checkpoint) -> Result<()> {
        let [network, adam] = self.names;
        self.params.load(&checkpoint.part(network))?;
        if let Some(ema) = &mut self.ema {
            ema.load_state(&checkpoint.part(EMA))?;
        }
        self.adam.load_state(&checkpoint.part(adam))
    }
}
