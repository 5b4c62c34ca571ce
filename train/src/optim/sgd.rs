//! Stochastic gradient descent with momentum (Polyak 1964; Nesterov's form after Sutskever et al. 2013).

use candle_core::{Tensor, Var};
use serde::{Deserialize, Serialize};

use super::grouped::check_not_negative;
use super::passes::{Pass2, Pass3};
use super::{Grouped, Rule, Step};
use crate::{Error, Result};
use easel_kernels::gradients::Float;

/// The constants, with PyTorch's names and defaults but for the learning rate, which has to be chosen.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SgdConfig {
    /// The learning rate.
    pub lr: f64,
    /// The momentum: how much of its velocity a parameter keeps.
    #[serde(default)]
    pub momentum: f64,
    /// The part of a gradient that does not enter the velocity, from the second step on.
    #[serde(default)]
    pub dampening: f64,
    /// Nesterov momentum. It needs a momentum above 0 and no dampening.
    #[serde(default)]
    pub nesterov: bool,
    /// The weight decay: added to the gradient times the value.
    #[serde(default)]
    pub weight_decay: f64,
}

impl SgdConfig {
    /// Plain descent: no momentum, no weight decay.
    pub fn new(lr: f64) -> Self {
        Self { lr, momentum: 0.0, dampening: 0.0, nesterov: false, weight_decay: 0.0 }
    }
}

/// The optimiser, with the moment `velocity` where there is momentum: `g = g + weight_decay p`,
/// `v = momentum v + (1 - dampening) g` (at first `v = g`), `p = p - lr v` or, by Nesterov,
/// `p = p - lr (g + momentum v)`.
#[doc(alias = "SGD")]
pub type Sgd = Grouped<SgdConfig>;

impl Rule for SgdConfig {
    fn moments(&self) -> Vec<(&'static str, f64)> {
        if self.momentum == 0.0 { vec![] } else { vec![("velocity", 0.0)] }
    }

    fn lr(&self) -> f64 {
        self.lr
    }

    fn check(&self) -> Result<()> {
        check_not_negative(&[("lr", self.lr), ("momentum", self.momentum), ("weight_decay", self.weight_decay)])?;
        if !self.dampening.is_finite() {
            return Err(Error::Config(format!("dampening is {}; give a finite number", self.dampening)));
        }
        if self.nesterov && (self.momentum == 0.0 || self.dampening != 0.0) {
            return Err(Error::Config("nesterov needs a momentum above 0 and a dampening of 0".into()));
        }
        Ok(())
    }

    fn update(&self, step: Step, param: &Var, moments: &[Var], gradient: &Tensor) -> Result<()> {
        let Self { momentum, weight_decay, .. } = *self;
        let Some(velocity) = moments.first() else {
            return Descent { lr: step.lr, weight_decay }.run(param, gradient);
        };
        let take = if step.count == 1 { 1.0 } else { 1.0 - self.dampening };
        Accelerate { momentum, take, weight_decay }.run(velocity, gradient, param)?;
        if self.nesterov {
            LookAhead { lr: step.lr, momentum, weight_decay }.run(param, gradient, velocity)
        } else {
            Descent { lr: step.lr, weight_decay: 0.0 }.run(param, velocity)
        }
    }
}

/// `p = p - lr (a + weight_decay p)`.
struct Descent {
    lr: f64,
    weight_decay: f64,
}

impl Pass2 for Descent {
    const NAME: &'static str = "sgd-descent";

    fn element<T: Float>(&self, param: T, a: T) -> T {
        param - T::from_f64(self.lr) * (a + T::from_f64(self.weight_decay) * param)
    }

    fn plain(&self, param: &Tensor, a: &Tensor) -> candle_core::Result<Tensor> {
        param - ((a + (param * self.weight_decay)?)? * self.lr)?
    }
}

/// `v = momentum v + take (g + weight_decay p)`.
struct Accelerate {
    momentum: f64,
    take: f64,
    weight_decay: f64,
}

impl Pass3 for Accelerate {
    const NAME: &'static str = "sgd-velocity";

    fn element<T: Float>(&self, velocity: T, gradient: T, param: T) -> T {
        let gradient = gradient + T::from_f64(self.weight_decay) * param;
        T::from_f64(self.momentum) * velocity + T::from_f64(self.take) * gradient
    }

    fn plain(&self, velocity: &Tensor, gradient: &Tensor, param: &Tensor) -> candle_core::Result<Tensor> {
        let gradient = (gradient + (param * self.weight_decay)?)?;
        (velocity * self.momentum)? + (gradient * self.take)?
    }
}

/// `p = p - lr (g + weight_decay p + momentum v)`.
struct LookAhead {
    lr: f64,
    momentum: f64,
    weight_decay: f64,
}

impl Pass3 for LookAhead {
    const NAME: &'static str = "sgd-nesterov";

    fn element<T: Float>(&self, param: T, gradient: T, velocity: T) -> T {
        let gradient = gradient + T::from_f64(self.weight_decay) * param;
        param - T::from_f64(self.lr) * (gradient + T::from_f64(self.momentum) * velocity)
    }

    fn plain(&self, param: &Tensor, gradient: &Tensor, velocity: &Tensor) -> candle_core::Result<Tensor> {
        let gradient = (gradient + (param * self.weight_decay)?)?;
        param - ((gradient + (velocity * self.momentum)?)? * self.lr)?
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::optim::passes::tests::{assert_same2, assert_same3};

    #[test]
    fn fused_equals_plain() {
        assert_same2(Descent { lr: 0.1, weight_decay: 0.3 });
        assert_same3(Accelerate { momentum: 0.9, take: 0.8, weight_decay: 0.3 });
        assert_same3(LookAhead { lr: 0.1, momentum: 0.9, weight_decay: 0.3 });
    }
}
