//! Adam (Kingma and Ba 2014, arXiv 1412.6980), with the options AMSGrad and decoupled weight decay.

use candle_core::{Tensor, Var};
use serde::{Deserialize, Serialize};

use super::grouped::{check_decays, check_not_negative};
use super::passes::{Largest, MovingMean, MovingSquare, Pass2, Pass3};
use super::{Grouped, Rule, Step};
use crate::Result;
use easel_kernels::gradients::Float;

/// Adam's constants, with PyTorch's names and defaults but for the learning rate, which has to be chosen.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AdamConfig {
    /// The learning rate.
    pub lr: f64,
    /// The decay of the first moment, the mean of the gradients.
    pub beta1: f64,
    /// The decay of the second moment, the mean of the squared gradients.
    pub beta2: f64,
    /// Added to the root of the second moment.
    pub eps: f64,
    /// The weight decay: added to the gradient times the value, unless it is decoupled.
    #[serde(default)]
    pub weight_decay: f64,
    /// Whether the weight decay is decoupled: values are multiplied by `1 - lr * weight_decay`, and the gradient stays as
    /// it is (AdamW: Loshchilov and Hutter 2017, arXiv 1711.05101).
    #[serde(default)]
    pub decoupled: bool,
    /// Whether to use the largest second moment so far in place of the current one (Reddi et al. 2018, arXiv 1904.09237).
    #[serde(default)]
    pub amsgrad: bool,
}

impl AdamConfig {
    /// Betas 0.9 and 0.999, epsilon 1e-8, no weight decay.
    pub fn new(lr: f64) -> Self {
        Self { lr, beta1: 0.9, beta2: 0.999, eps: 1e-8, weight_decay: 0.0, decoupled: false, amsgrad: false }
    }

    /// AdamW: the same with decoupled weight decay, for which PyTorch's default is 0.01.
    pub fn decoupled(lr: f64, weight_decay: f64) -> Self {
        Self { weight_decay, decoupled: true, ..Self::new(lr) }
    }
}

/// The optimiser, with the moments `mean`, `square` and, for AMSGrad, `largest_square`:
/// `m = beta1 m + (1 - beta1) g`, `v = beta2 v + (1 - beta2) g^2`,
/// `p = p - lr (m / (1 - beta1^t)) / (sqrt(v / (1 - beta2^t)) + eps)`.
#[doc(alias = "AdamW")]
pub type Adam = Grouped<AdamConfig>;

impl Rule for AdamConfig {
    fn moments(&self) -> Vec<(&'static str, f64)> {
        let mut moments = vec![("mean", 0.0), ("square", 0.0)];
        moments.extend(self.amsgrad.then_some(("largest_square", 0.0)));
        moments
    }

    fn lr(&self) -> f64 {
        self.lr
    }

    fn check(&self) -> Result<()> {
        check_not_negative(&[("lr", self.lr), ("eps", self.eps), ("weight_decay", self.weight_decay)])?;
        check_decays(&[("beta1", self.beta1), ("beta2", self.beta2)])
    }

    fn update(&self, step: Step, param: &Var, moments: &[Var], gradient: &Tensor) -> Result<()> {
        let decayed = (self.weight_decay != 0.0 && !self.decoupled)
            .then(|| (param.as_detached_tensor() * self.weight_decay)? + gradient)
            .transpose()?;
        let gradient = decayed.as_ref().unwrap_or(gradient);
        let (mean, mut square) = (&moments[0], &moments[1]);
        MovingMean { decay: self.beta1 }.run(mean, gradient)?;
        MovingSquare { decay: self.beta2 }.run(square, gradient)?;
        if let Some(largest) = moments.get(2) {
            Largest.run(largest, square)?;
            square = largest;
        }
        let correction = |beta: f64| 1.0 - beta.powf(step.count as f64);
        let descent = Descent {
            keep: if self.decoupled { 1.0 - step.lr * self.weight_decay } else { 1.0 },
            step: step.lr / correction(self.beta1),
            shrink: 1.0 / correction(self.beta2),
            eps: self.eps,
        };
        descent.run(param, mean, square)
    }
}

/// `p = keep p - step m / (sqrt(shrink v) + eps)`.
struct Descent {
    keep: f64,
    step: f64,
    shrink: f64,
    eps: f64,
}

impl Pass3 for Descent {
    const NAME: &'static str = "adam-descent";

    fn element<T: Float>(&self, param: T, mean: T, square: T) -> T {
        let root = (square * T::from_f64(self.shrink)).sqrt() + T::from_f64(self.eps);
        param * T::from_f64(self.keep) - T::from_f64(self.step) * mean / root
    }

    fn plain(&self, param: &Tensor, mean: &Tensor, square: &Tensor) -> candle_core::Result<Tensor> {
        let root = ((square * self.shrink)?.sqrt()? + self.eps)?;
        (param * self.keep)? - ((mean * self.step)? / root)?
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Params;
    use crate::optim::passes::tests::assert_same3;
    use crate::param::Init;
    use candle_core::{DType, Device};
    use easel_runtime::Random;

    #[test]
    fn fused_equals_plain() {
        assert_same3(Descent { keep: 0.99, step: 0.1, shrink: 500.0, eps: 1e-8 });
    }

    #[test]
    fn the_first_step_is_the_learning_rate() {
        let params = Params::new(DType::F64, &Device::Cpu, Random::new(1, 0));
        let param = params.root().trained("a", &[4], Init::Normal { std: 1.0 }).unwrap();
        let before: Vec<f64> = param.var().to_vec1().unwrap();
        let gradients = param.tensor().powf(3.0).unwrap().sum_all().unwrap().backward().unwrap();
        Adam::new(params.trained(), AdamConfig::new(0.01)).unwrap().step(&gradients).unwrap();
        for (after, before) in param.var().to_vec1::<f64>().unwrap().iter().zip(before) {
            assert!((before - after - 0.01).abs() < 1e-6, "{before} {after}");
        }
    }

    #[test]
    fn a_short_configuration_is_enough() {
        let config: AdamConfig = toml::from_str("lr = 1e-3\nbeta1 = 0.9\nbeta2 = 0.999\neps = 1e-8").unwrap();
        assert_eq!(config, AdamConfig::new(1e-3));
    }
}
