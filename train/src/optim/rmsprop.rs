//! RMSprop (Tieleman and Hinton 2012, lecture 6.5 of "Neural Networks for Machine Learning").

use candle_core::{Tensor, Var};
use serde::{Deserialize, Serialize};

use super::grouped::{check_decays, check_not_negative};
use super::passes::{MovingMean, MovingSquare, Pass2};
use super::{Grouped, Rule, Step};
use crate::Result;

/// The constants, with PyTorch's names and defaults but for the learning rate, which has to be chosen.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RmsPropConfig {
    /// The learning rate.
    pub lr: f64,
    /// The decay of the mean of the squares.
    pub alpha: f64,
    /// Added to the root.
    pub eps: f64,
    /// The momentum: how much of its velocity a parameter keeps.
    #[serde(default)]
    pub momentum: f64,
    /// Whether to divide by the root of the gradients' variance in place of their mean square (Graves 2013, arXiv 1308.0850).
    #[serde(default)]
    pub centered: bool,
    /// The weight decay: added to the gradient times the value.
    #[serde(default)]
    pub weight_decay: f64,
}

impl RmsPropConfig {
    /// Alpha 0.99, epsilon 1e-8, no momentum, not centred, no weight decay.
    pub fn new(lr: f64) -> Self {
        Self { lr, alpha: 0.99, eps: 1e-8, momentum: 0.0, centered: false, weight_decay: 0.0 }
    }
}

/// The optimiser, with the moments `square`, where there is momentum `velocity` and where it is centred `mean`:
/// `s = alpha s + (1 - alpha) g^2`, `d = g / (sqrt(s - m^2) + eps)` with m = 0 unless centred,
/// `v = momentum v + d`, `p = p - lr v`.
#[doc(alias = "RMSprop")]
pub type RmsProp = Grouped<RmsPropConfig>;

impl Rule for RmsPropConfig {
    fn moments(&self) -> Vec<(&'static str, f64)> {
        let mut moments = vec![("square", 0.0)];
        moments.extend(self.centered.then_some(("mean", 0.0)));
        moments.extend((self.momentum != 0.0).then_some(("velocity", 0.0)));
        moments
    }

    fn lr(&self) -> f64 {
        self.lr
    }

    fn check(&self) -> Result<()> {
        let Self { lr, eps, momentum, weight_decay, .. } = *self;
        check_not_negative(&[("lr", lr), ("eps", eps), ("momentum", momentum), ("weight_decay", weight_decay)])?;
        check_decays(&[("alpha", self.alpha)])
    }

    fn update(&self, step: Step, param: &Var, moments: &[Var], gradient: &Tensor) -> Result<()> {
        let gradient = (gradient + (param.as_detached_tensor() * self.weight_decay)?)?;
        let mut moments = moments.iter();
        let mut next = || moments.next().expect("there is a moment for each of the rule's");
        let square = next();
        MovingSquare { decay: self.alpha }.run(square, &gradient)?;
        let mut variance = square.as_detached_tensor();
        if self.centered {
            let mean = next();
            MovingMean { decay: self.alpha }.run(mean, &gradient)?;
            // For equal gradients, rounding can make it negative, and the root would be NaN.
            variance = (variance - mean.as_detached_tensor().sqr()?)?.relu()?;
        }
        let mut direction = (gradient / (variance.sqrt()? + self.eps)?)?;
        if self.momentum != 0.0 {
            let velocity = next();
            velocity.set(&((velocity.as_detached_tensor() * self.momentum)? + direction)?)?;
            direction = velocity.as_detached_tensor();
        }
        Ok(param.set(&(param.as_detached_tensor() - (direction * step.lr)?)?)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Params;
    use crate::param::Init;
    use candle_core::{DType, Device};
    use easel_runtime::Random;

    #[test]
    fn gradients_that_never_change_have_no_negative_variance() {
        let params = Params::new(DType::F32, &Device::Cpu, Random::new(1, 0));
        let param = params.root().trained("a", &[64], Init::Normal { std: 1.0 }).unwrap();
        let slopes = Tensor::from_vec(Random::new(2, 0).normals(64), 64, &Device::Cpu).unwrap();
        let config = RmsPropConfig { centered: true, alpha: 0.5, ..RmsPropConfig::new(1e-9) };
        let mut optimizer = RmsProp::new(params.trained(), config).unwrap();
        for _ in 0..40 {
            let gradients = (param.tensor() * &slopes).unwrap().sum_all().unwrap().backward().unwrap();
            optimizer.step(&gradients).unwrap();
        }
        assert!(param.var().to_vec1::<f32>().unwrap().iter().all(|value| value.is_finite()));
    }
}
