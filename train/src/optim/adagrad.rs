//! Adagrad (Duchi et al. 2011, "Adaptive Subgradient Methods for Online Learning and Stochastic Optimization").

use candle_core::{Tensor, Var};
use serde::{Deserialize, Serialize};

use super::grouped::check_not_negative;
use super::{Grouped, Rule, Step};
use crate::Result;

/// The constants, with PyTorch's names and defaults but for the learning rate, which has to be chosen.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AdagradConfig {
    /// The learning rate.
    pub lr: f64,
    /// The learning rate of step t is `lr / (1 + (t - 1) lr_decay)`.
    #[serde(default)]
    pub lr_decay: f64,
    /// The weight decay: added to the gradient times the value.
    #[serde(default)]
    pub weight_decay: f64,
    /// The initial sum of squares.
    #[serde(default)]
    pub initial_accumulator_value: f64,
    /// Added to the root.
    pub eps: f64,
}

impl AdagradConfig {
    /// Epsilon 1e-10, no decays.
    pub fn new(lr: f64) -> Self {
        Self { lr, lr_decay: 0.0, weight_decay: 0.0, initial_accumulator_value: 0.0, eps: 1e-10 }
    }
}

/// The optimiser, with the moment `sum`: `s = s + g^2`, `p = p - lr / (1 + (t - 1) lr_decay) g / (sqrt(s) + eps)`.
pub type Adagrad = Grouped<AdagradConfig>;

impl Rule for AdagradConfig {
    fn moments(&self) -> Vec<(&'static str, f64)> {
        vec![("sum", self.initial_accumulator_value)]
    }

    fn lr(&self) -> f64 {
        self.lr
    }

    fn check(&self) -> Result<()> {
        check_not_negative(&[
            ("lr", self.lr),
            ("lr_decay", self.lr_decay),
            ("weight_decay", self.weight_decay),
            ("initial_accumulator_value", self.initial_accumulator_value),
            ("eps", self.eps),
        ])
    }

    fn update(&self, step: Step, param: &Var, moments: &[Var], gradient: &Tensor) -> Result<()> {
        let gradient = (gradient + (param.as_detached_tensor() * self.weight_decay)?)?;
        let sum = &moments[0];
        sum.set(&(sum.as_detached_tensor() + gradient.sqr()?)?)?;
        let lr = step.lr / (1.0 + (step.count - 1) as f64 * self.lr_decay);
        let direction = (gradient / (sum.as_detached_tensor().sqrt()? + self.eps)?)?;
        Ok(param.set(&(param.as_detached_tensor() - (direction * lr)?)?)?)
    }
}
