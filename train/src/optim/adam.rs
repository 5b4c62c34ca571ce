//! Adam (Kingma and Ba 2014, arXiv 1412.6980).

use std::collections::{BTreeMap, HashMap};

use candle_core::backprop::GradStore;
use candle_core::{CpuStorage, InplaceOp2, InplaceOp3, Layout, Tensor, Var, bail};
use serde::{Deserialize, Serialize};

use crate::{Error, Param, Result};

/// Adam's constants, with PyTorch's names and defaults but for the learning rate, which has to be chosen.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct AdamConfig {
    /// The step size.
    pub lr: f64,
    /// The decay of the mean of the gradients.
    pub beta1: f64,
    /// The decay of the mean of their squares.
    pub beta2: f64,
    /// Added to the root of the second mean.
    pub eps: f64,
}

impl AdamConfig {
    /// Betas 0.9 and 0.999, epsilon 1e-8.
    pub fn new(lr: f64) -> Self {
        Self { lr, beta1: 0.9, beta2: 0.999, eps: 1e-8 }
    }
}

/// The optimiser of some parameters.
pub struct Adam {
    config: AdamConfig,
    slots: Vec<Slot>,
}

struct Slot {
    param: Param,
    mean: Var,
    square: Var,
    steps: u64,
}

impl Adam {
    /// All moments start at 0.
    pub fn new(params: Vec<Param>, config: AdamConfig) -> Result<Self> {
        let slots = params
            .into_iter()
            .map(|param| {
                let zeros = || Var::from_tensor(&param.var().zeros_like()?);
                Ok(Slot { mean: zeros()?, square: zeros()?, steps: 0, param: param.clone() })
            })
            .collect::<Result<_>>()?;
        Ok(Self { config, slots })
    }

    /// One step down the gradients. A parameter without a gradient is left alone, and so are its moments.
    pub fn step(&mut self, gradients: &GradStore) -> Result<()> {
        let AdamConfig { lr, beta1, beta2, eps } = self.config;
        for slot in &mut self.slots {
            let Some(gradient) = gradients.get(slot.param.var()) else { continue };
            let gradient = gradient.detach().contiguous()?;
            slot.steps += 1;
            let correction1 = 1.0 - beta1.powf(slot.steps as f64);
            let correction2 = 1.0 - beta2.powf(slot.steps as f64);
            let update = Update { lr, beta1, beta2, eps, correction1, correction2 };
            if gradient.device().is_cpu() {
                update.fused(slot.param.var(), &slot.mean, &slot.square, &gradient)?;
            } else {
                update.plain(slot.param.var(), &slot.mean, &slot.square, &gradient)?;
            }
        }
        Ok(())
    }

    /// The moments and step counts by parameter name: `NAME.mean`, `NAME.square`, `NAME.steps`.
    pub fn state(&self) -> Result<BTreeMap<String, Tensor>> {
        let mut state = BTreeMap::new();
        for Slot { param, mean, square, steps } in &self.slots {
            let name = param.name();
            state.insert(format!("{name}.mean"), mean.as_detached_tensor());
            state.insert(format!("{name}.square"), square.as_detached_tensor());
            state.insert(format!("{name}.steps"), Tensor::new(*steps as i64, mean.device())?);
        }
        Ok(state)
    }

    /// Takes up a state that [`Adam::state`] gave. Fails where one of its tensors is missing or has another shape.
    pub fn load_state(&mut self, state: &HashMap<String, Tensor>) -> Result<()> {
        for Slot { param, mean, square, steps } in &mut self.slots {
            let part = |part: &str| {
                let name = format!("{}.{part}", param.name());
                state.get(&name).ok_or_else(|| Error::Checkpoint(format!("the optimiser's state has no `{name}`")))
            };
            mean.set(&part("mean")?.to_device(mean.device())?)?;
            square.set(&part("square")?.to_device(square.device())?)?;
            *steps = part("steps")?.to_scalar::<i64>()? as u64;
        }
        Ok(())
    }
}

/// One step's constants: `m = beta1 m + (1 - beta1) g`, `v = beta2 v + (1 - beta2) g^2`,
/// `p = p - lr (m / correction1) / (sqrt(v / correction2) + eps)`.
#[derive(Clone, Copy)]
struct Update {
    lr: f64,
    beta1: f64,
    beta2: f64,
    eps: f64,
    correction1: f64,
    correction2: f64,
}

impl Update {
    /// By tensor operations: for any device.
    fn plain(&self, param: &Var, mean: &Var, square: &Var, gradient: &Tensor) -> Result<()> {
        mean.set(&((mean.as_tensor() * self.beta1)? + (gradient * (1.0 - self.beta1))?)?)?;
        square.set(&((square.as_tensor() * self.beta2)? + (gradient.sqr()? * (1.0 - self.beta2))?)?)?;
        let root = ((square.as_tensor() / self.correction2)?.sqrt()? + self.eps)?;
        let step = ((mean.as_tensor() * (self.lr / self.correction1))? / root)?;
        Ok(param.set(&(param.as_tensor() - step)?)?)
    }

    /// In three passes over memory instead of a dozen.
    fn fused(self, param: &Var, mean: &Var, square: &Var, gradient: &Tensor) -> Result<()> {
        mean.inplace_op2(gradient, &MovingMean { decay: self.beta1, squared: false })?;
        square.inplace_op2(gradient, &MovingMean { decay: self.beta2, squared: true })?;
        Ok(param.inplace_op3(mean, square, &Descent(self))?)
    }
}

struct MovingMean {
    decay: f64,
    squared: bool,
}

impl InplaceOp2 for MovingMean {
    fn name(&self) -> &'static str {
        "moving-mean"
    }

    fn cpu_fwd(
        &self,
        mean: &mut CpuStorage,
        layout: &Layout,
        gradient: &CpuStorage,
        gradient_layout: &Layout,
    ) -> candle_core::Result<()> {
        macro_rules! update {
            ($mean:expr, $gradient:expr, $float:ty) => {{
                let (keep, take) = (self.decay as $float, (1.0 - self.decay) as $float);
                let pairs = elements_mut($mean, layout)?.iter_mut().zip(elements($gradient, gradient_layout)?);
                if self.squared {
                    pairs.for_each(|(mean, gradient)| *mean = keep * *mean + take * (gradient * gradient));
                } else {
                    pairs.for_each(|(mean, gradient)| *mean = keep * *mean + take * gradient);
                }
            }};
        }
        match (mean, gradient) {
            (CpuStorage::F32(mean), CpuStorage::F32(gradient)) => update!(mean, gradient, f32),
            (CpuStorage::F64(mean), CpuStorage::F64(gradient)) => update!(mean, gradient, f64),
            _ => bail!("{}: float32 or float64 tensors of one type are needed", self.name()),
        }
        Ok(())
    }
}

struct Descent(Update);

impl InplaceOp3 for Descent {
    fn name(&self) -> &'static str {
        "adam-descent"
    }

    fn cpu_fwd(
        &self,
        param: &mut CpuStorage,
        layout: &Layout,
        mean: &CpuStorage,
        mean_layout: &Layout,
        square: &CpuStorage,
        square_layout: &Layout,
    ) -> candle_core::Result<()> {
        let Update { lr, eps, correction1, correction2, .. } = self.0;
        macro_rules! descend {
            ($param:expr, $mean:expr, $square:expr, $float:ty) => {{
                let step = (lr / correction1) as $float;
                let (shrink, eps) = ((1.0 / correction2) as $float, eps as $float);
                let moments = elements($mean, mean_layout)?.iter().zip(elements($square, square_layout)?);
                for (param, (mean, square)) in elements_mut($param, layout)?.iter_mut().zip(moments) {
                    *param -= step * mean / ((square * shrink).sqrt() + eps);
                }
            }};
        }
        match (param, mean, square) {
            (CpuStorage::F32(param), CpuStorage::F32(mean), CpuStorage::F32(square)) => {
                descend!(param, mean, square, f32)
            }
            (CpuStorage::F64(param), CpuStorage::F64(mean), CpuStorage::F64(square)) => {
                descend!(param, mean, square, f64)
            }
            _ => bail!("{}: float32 or float64 tensors of one type are needed", self.name()),
        }
        Ok(())
    }
}

fn range(layout: &Layout) -> candle_core::Result<(usize, usize)> {
    match layout.contiguous_offsets() {
        Some(range) => Ok(range),
        None => bail!("the optimiser needs contiguous tensors"),
    }
}

fn elements<'a, T>(values: &'a [T], layout: &Layout) -> candle_core::Result<&'a [T]> {
    let (start, end) = range(layout)?;
    Ok(&values[start..end])
}

fn elements_mut<'a, T>(values: &'a mut [T], layout: &Layout) -> candle_core::Result<&'a mut [T]> {
    let (start, end) = range(layout)?;
    Ok(&mut values[start..end])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Params;
    use crate::param::Init;
    use candle_core::{DType, Device};
    use easel_runtime::Random;

    fn params() -> Params {
        let params = Params::new(DType::F64, &Device::Cpu, Random::new(1, 0));
        params.root().trained("used", &[4], Init::Normal { std: 1.0 }).unwrap();
        params.root().trained("unused", &[2], Init::Normal { std: 1.0 }).unwrap();
        params
    }

    /// Gradients of the sum of cubes of `used`.
    fn gradients(params: &Params) -> GradStore {
        params.all()[0].tensor().powf(3.0).unwrap().sum_all().unwrap().backward().unwrap()
    }

    fn value(params: &Params, name: &str) -> Vec<f64> {
        params.to_tensors()[name].to_vec1().unwrap()
    }

    #[test]
    fn fused_equals_plain() {
        let [fused, plain] = [(); 2].map(|()| {
            let tensors = [0.5, 0.1, 0.2].map(|scale| {
                let values: Vec<f64> = (0..50).map(|i| scale * (f64::from(i) * 0.7).sin().abs()).collect();
                Var::new(values, &Device::Cpu).unwrap()
            });
            tensors
        });
        let gradient = Tensor::arange(-2.5, 2.5, &Device::Cpu).unwrap();
        let gradient = Tensor::cat(&vec![gradient; 10], 0).unwrap();
        let update = Update { lr: 0.1, beta1: 0.9, beta2: 0.999, eps: 1e-8, correction1: 0.19, correction2: 0.001999 };
        update.fused(&fused[0], &fused[1], &fused[2], &gradient).unwrap();
        update.plain(&plain[0], &plain[1], &plain[2], &gradient).unwrap();
        for (fused, plain) in fused.iter().zip(&plain) {
            let difference = (fused.as_tensor() - plain.as_tensor()).unwrap().abs().unwrap().max(0).unwrap();
            assert!(difference.to_scalar::<f64>().unwrap() < 1e-14);
        }
    }

    #[test]
    fn the_first_step_is_the_learning_rate() {
        let params = params();
        let before = value(&params, "used");
        let unused = value(&params, "unused");
        let mut adam = Adam::new(params.trained(), AdamConfig::new(0.01)).unwrap();
        adam.step(&gradients(&params)).unwrap();
        for (after, before) in value(&params, "used").iter().zip(before) {
            assert!((before - after - 0.01).abs() < 1e-6, "{before} {after}");
        }
        assert_eq!(value(&params, "unused"), unused);
    }

    #[test]
    fn goes_on_from_its_state() {
        let run = |interrupt: bool| {
            let params = params();
            let mut adam = Adam::new(params.trained(), AdamConfig::new(0.01)).unwrap();
            for step in 0..6 {
                if interrupt && step == 3 {
                    let state = adam.state().unwrap().into_iter().collect();
                    adam = Adam::new(params.trained(), AdamConfig::new(0.01)).unwrap();
                    adam.load_state(&state).unwrap();
                }
                adam.step(&gradients(&params)).unwrap();
            }
            value(&params, "used")
        };
        assert_eq!(run(true), run(false));
    }
}
