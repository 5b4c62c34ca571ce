//! Adam (Kingma and Ba 2014, arXiv 1412.6980), with the options AMSGrad and decoupled weight decay.

use candle_core::{CpuStorage, Storage, Tensor, Var, bail};
use easel_kernels::gradients::Float;
use easel_kernels::gradients::adam::{self, AdamStep};
use serde::{Deserialize, Serialize};

use super::grouped::{check_decays, check_not_negative};
use super::passes::{Largest, MovingMean, MovingSquare, Pass2, Pass3, change, elements, elements_mut};
use super::{Grouped, Rule, Step};
use crate::Result;

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
        let correction = |beta: f64| 1.0 - beta.powf(step.count as f64);
        let constants = AdamStep {
            beta1: self.beta1,
            beta2: self.beta2,
            keep: if self.decoupled { 1.0 - step.lr * self.weight_decay } else { 1.0 },
            step: step.lr / correction(self.beta1),
            shrink: 1.0 / correction(self.beta2),
            eps: self.eps,
        };
        if !self.amsgrad && param.device().is_cpu() {
            return at_once(&constants, [param, mean, square], gradient);
        }
        MovingMean { decay: self.beta1 }.run(mean, gradient)?;
        MovingSquare { decay: self.beta2 }.run(square, gradient)?;
        if let Some(largest) = moments.get(2) {
            Largest.run(largest, square)?;
            square = largest;
        }
        Descent(constants).run(param, mean, square)
    }
}

/// The whole step of a variable and its moments on the CPU, in one pass.
fn at_once(constants: &AdamStep, [param, mean, square]: [&Var; 3], gradient: &Tensor) -> Result<()> {
    Ok(change(param, |param, param_at| {
        change(mean, |mean, mean_at| {
            change(square, |square, square_at| {
                let (gradient, gradient_at) = gradient.storage_and_layout();
                let Storage::Cpu(gradient) = &*gradient else { bail!("adam: the gradient is not on the CPU") };
                macro_rules! step {
                    ($param:expr, $mean:expr, $square:expr, $gradient:expr) => {{
                        let variables = [
                            elements_mut($param, param_at)?,
                            elements_mut($mean, mean_at)?,
                            elements_mut($square, square_at)?,
                        ];
                        adam::step(constants, variables, elements($gradient, gradient_at)?);
                        Ok(())
                    }};
                }
                use CpuStorage::{F32, F64};
                match (param, mean, square, gradient) {
                    (F32(param), F32(mean), F32(square), F32(gradient)) => step!(param, mean, square, gradient),
                    (F64(param), F64(mean), F64(square), F64(gradient)) => step!(param, mean, square, gradient),
                    _ => bail!("adam: float32 or float64 tensors of one type are needed"),
                }
            })
        })
    })?)
}

/// `p = keep p - step m / (sqrt(shrink v) + eps)`.
struct Descent(AdamStep);

impl Pass3 for Descent {
    const NAME: &'static str = "adam-descent";

    fn element<T: Float>(&self, param: T, mean: T, square: T) -> T {
        let root = (square * T::from_f64(self.0.shrink)).sqrt() + T::from_f64(self.0.eps);
        param * T::from_f64(self.0.keep) - T::from_f64(self.0.step) * mean / root
    }

    fn plain(&self, param: &Tensor, mean: &Tensor, square: &Tensor) -> candle_core::Result<Tensor> {
        let root = ((square * self.0.shrink)?.sqrt()? + self.0.eps)?;
        (param * self.0.keep)? - ((mean * self.0.step)? / root)?
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
        let constants = AdamStep { beta1: 0.9, beta2: 0.99, keep: 0.99, step: 0.1, shrink: 500.0, eps: 1e-8 };
        assert_same3(Descent(constants));
    }

    /// Without AMSGrad's maximum a step is one pass, with it several; while gradients grow, the maximum is the current one.
    #[test]
    fn one_pass_equals_several() {
        let run = |amsgrad| {
            let params = Params::new(DType::F32, &Device::Cpu, Random::new(1, 0));
            let param = params.root().trained("a", &[100_001], Init::Normal { std: 1.0 }).unwrap();
            let config = AdamConfig { amsgrad, ..AdamConfig::decoupled(0.01, 0.1) };
            let mut adam = Adam::new(params.trained(), config).unwrap();
            for step in 1..4 {
                let loss = (param.tensor().sum_all().unwrap() * f64::from(step)).unwrap();
                adam.step(&loss.backward().unwrap()).unwrap();
            }
            param.var().to_vec1::<f32>().unwrap()
        };
        assert!(run(false) == run(true));
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
