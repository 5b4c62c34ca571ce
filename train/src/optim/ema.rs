//! The exponential moving average (EMA) of weights (Polyak and Juditsky 1992; Yazıcı et al. 2018, arXiv 1806.04498).

use std::collections::{BTreeMap, HashMap};

use candle_core::{Tensor, Var};
use serde::{Deserialize, Serialize};

use super::grouped::check_decays;
use super::passes::{MovingMean, Pass2};
use crate::{Error, Param, Result};

/// The constants of an EMA.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EmaConfig {
    /// `ema = decay ema + (1 - decay) weights` in each update: 0.999 averages about a thousand updates.
    pub decay: f64,
    /// Warm-up: whether the decay of update n (from 1) is at most `n / (9 + n)`, so that the EMA soon forgets the initial
    /// weights, which are random.
    pub warmup: bool,
}

impl EmaConfig {
    /// With warm-up.
    pub fn new(decay: f64) -> Self {
        Self { decay, warmup: true }
    }
}

/// The EMA of a network's trained tensors.
///
/// Buffers have no EMA: their current values go with it. The running statistics of batch norm are those of the raw
/// weights, so they fit the EMA only approximately; recalibrate batch norm while the EMA is swapped in. Swapping out
/// restores the raw weights' statistics.
pub struct Ema {
    config: EmaConfig,
    slots: Vec<Slot>,
    updates: u64,
    swapped: bool,
}

struct Slot {
    param: Param,
    /// The EMA of a trained tensor; `None` for a buffer.
    average: Option<Var>,
    /// The raw value while the EMA is swapped in.
    raw: Option<Tensor>,
}

impl Ema {
    /// The EMA of all trained tensors among these, initialised with their current values.
    pub fn new(params: Vec<Param>, config: EmaConfig) -> Result<Self> {
        check_decays(&[("ema_decay", config.decay)])?;
        let slots = params
            .into_iter()
            .map(|param| {
                let average = param.is_trained().then(|| Var::from_tensor(&param.var().copy()?)).transpose()?;
                Ok(Slot { param, average, raw: None })
            })
            .collect::<Result<_>>()?;
        Ok(Self { config, slots, updates: 0, swapped: false })
    }

    /// Updates the EMA with the network's current values: call it after every step of the optimiser.
    pub fn update(&mut self) -> Result<()> {
        if self.swapped {
            return Err(Error::Run("the EMA cannot be updated while it is swapped in".into()));
        }
        self.updates += 1;
        let count = self.updates as f64;
        let most = if self.config.warmup { count / (9.0 + count) } else { 1.0 };
        let pass = MovingMean { decay: self.config.decay.min(most) };
        for Slot { param, average, .. } in &self.slots {
            if let Some(average) = average {
                pass.run(average, &param.var().as_detached_tensor())?;
            }
        }
        Ok(())
    }

    /// Restarts the warm-up, so that the EMA soon forgets the weights so far.
    pub fn restart(&mut self) {
        self.updates = 0;
    }

    /// The EMA of the trained tensors, and the current buffers, by name: the weights to export.
    pub fn to_tensors(&self) -> BTreeMap<String, Tensor> {
        let value = |slot: &Slot| slot.average.as_ref().unwrap_or(slot.param.var()).as_detached_tensor();
        self.slots.iter().map(|slot| (slot.param.name().to_string(), value(slot))).collect()
    }

    /// Puts the EMA into the network until [`Ema::swap_out`]. Does nothing if it is swapped in already.
    pub fn swap_in(&mut self) -> Result<()> {
        if self.swapped {
            return Ok(());
        }
        for slot in &mut self.slots {
            slot.raw = Some(slot.param.var().copy()?.detach());
        }
        self.swapped = true;
        for Slot { param, average, .. } in &self.slots {
            if let Some(average) = average {
                param.var().set(&average.as_detached_tensor())?;
            }
        }
        Ok(())
    }

    /// Restores the raw values, including buffers. Does nothing if the EMA is not swapped in.
    pub fn swap_out(&mut self) -> Result<()> {
        for slot in &mut self.slots {
            if let Some(raw) = slot.raw.take() {
                slot.param.var().set(&raw)?;
            }
        }
        self.swapped = false;
        Ok(())
    }

    /// Runs a function with the EMA in the network. The raw values are restored in any case, also after an error or a
    /// panic.
    pub fn swapped<T>(&mut self, work: impl FnOnce() -> Result<T>) -> Result<T> {
        let swapped = Swapped(self);
        let result = swapped.0.swap_in().and_then(|()| work());
        swapped.0.swap_out().and(result)
    }

    /// Everything that a later update depends on, by parameter name: `NAME.average`, and `updates`.
    pub fn state(&self) -> Result<BTreeMap<String, Tensor>> {
        let mut state = BTreeMap::new();
        for Slot { param, average, .. } in &self.slots {
            if let Some(average) = average {
                state.insert(format!("{}.average", param.name()), average.as_detached_tensor());
            }
        }
        if let Some(slot) = self.slots.first() {
            state.insert("updates".to_string(), Tensor::new(self.updates as i64, slot.param.var().device())?);
        }
        Ok(state)
    }

    /// Restores a state of [`Ema::state`]. Nothing changes unless all names and shapes fit.
    pub fn load_state(&mut self, state: &HashMap<String, Tensor>) -> Result<()> {
        let find = |name: &str| state.get(name).ok_or_else(|| Error::Checkpoint(format!("the EMA has no `{name}`")));
        let updates = if self.slots.is_empty() { 0 } else { find("updates")?.to_scalar::<i64>()? as u64 };
        let mut found = Vec::new();
        for Slot { param, average, .. } in &self.slots {
            let Some(average) = average else { continue };
            let tensor = find(&format!("{}.average", param.name()))?;
            if tensor.dims() != average.dims() {
                return Err(Error::Checkpoint(format!(
                    "the EMA of `{}` has shape {:?}, the network's is {:?}",
                    param.name(),
                    tensor.dims(),
                    average.dims()
                )));
            }
            found.push((average, tensor));
        }
        for (average, tensor) in found {
            average.set(&tensor.to_dtype(average.dtype())?.to_device(average.device())?)?;
        }
        self.updates = updates;
        Ok(())
    }
}

/// Restores a network's raw values when it is dropped.
struct Swapped<'a>(&'a mut Ema);

impl Drop for Swapped<'_> {
    fn drop(&mut self) {
        // Already done, and any error returned, unless something panics.
        let _ = self.0.swap_out();
    }
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
        params.root().trained("weight", &[1], Init::Constant(0.0)).unwrap();
        params.root().buffer("running_mean", &[1], Init::Constant(0.0)).unwrap();
        params
    }

    fn set(params: &Params, value: f64) {
        let tensor = Tensor::new(&[value], &Device::Cpu).unwrap();
        params.all().iter().for_each(|param| param.var().set(&tensor).unwrap());
    }

    fn pair(tensors: &BTreeMap<String, Tensor>) -> [f64; 2] {
        ["weight", "running_mean"].map(|name| tensors[name].to_vec1::<f64>().unwrap()[0])
    }

    #[test]
    fn trained_tensors_are_ema_and_buffers_copied() {
        let params = params();
        let config = EmaConfig { decay: 0.75, warmup: false };
        let mut ema = Ema::new(params.all(), config).unwrap();
        for value in [1.0, 2.0] {
            set(&params, value);
            ema.update().unwrap();
        }
        assert_eq!(pair(&ema.to_tensors()), [0.75 * 0.25 + 0.25 * 2.0, 2.0]);
    }

    #[test]
    fn warm_up_forgets_the_first_weights() {
        let params = params();
        let mut ema = Ema::new(params.all(), EmaConfig::new(0.5)).unwrap();
        set(&params, 1.0);
        ema.update().unwrap();
        assert!((pair(&ema.to_tensors())[0] - 0.9).abs() < 1e-12);
        (0..20).for_each(|_| ema.update().unwrap());
        set(&params, 3.0);
        let before = pair(&ema.to_tensors())[0];
        ema.update().unwrap();
        assert!((pair(&ema.to_tensors())[0] - (0.5 * before + 1.5)).abs() < 1e-12);
    }

    #[test]
    fn a_restart_forgets_what_was_before() {
        let params = params();
        let mut ema = Ema::new(params.all(), EmaConfig::new(0.999)).unwrap();
        (0..5_000).for_each(|_| ema.update().unwrap());
        ema.restart();
        set(&params, 1.0);
        (0..50).for_each(|_| ema.update().unwrap());
        assert!(pair(&ema.to_tensors())[0] > 0.999);
    }

    #[test]
    fn swapping_brings_everything_back() {
        let params = params();
        let mut ema = Ema::new(params.all(), EmaConfig { decay: 0.5, warmup: false }).unwrap();
        set(&params, 4.0);
        ema.update().unwrap();
        ema.swap_in().unwrap();
        ema.swap_in().unwrap();
        assert_eq!(pair(&params.to_tensors()), [2.0, 4.0]);
        assert!(ema.update().is_err());
        // Recalibrated statistics belong to the EMA only.
        params.all()[1].var().set(&Tensor::new(&[7.0], &Device::Cpu).unwrap()).unwrap();
        assert_eq!(pair(&ema.to_tensors()), [2.0, 7.0]);
        ema.swap_out().unwrap();
        assert_eq!(pair(&params.to_tensors()), [4.0, 4.0]);

        let failed: Result<()> = ema.swapped(|| {
            assert_eq!(pair(&params.to_tensors()), [2.0, 4.0]);
            Err(Error::Run("no".into()))
        });
        assert!(failed.is_err());
        assert_eq!(pair(&params.to_tensors()), [4.0, 4.0]);
        ema.update().unwrap();
    }

    #[test]
    fn goes_on_from_its_state() {
        let run = |interrupt: bool| {
            let params = params();
            let mut ema = Ema::new(params.all(), EmaConfig::new(0.99)).unwrap();
            for step in 0..6 {
                if interrupt && step == 3 {
                    let state = ema.state().unwrap();
                    let state = state.into_iter().map(|(name, tensor)| (name, tensor.copy().unwrap())).collect();
                    ema = Ema::new(params.all(), EmaConfig::new(0.99)).unwrap();
                    ema.load_state(&state).unwrap();
                    let error = ema.load_state(&HashMap::new()).unwrap_err().to_string();
                    assert!(error.contains("no `updates`"), "{error}");
                }
                set(&params, f64::from(step).sin());
                ema.update().unwrap();
            }
            pair(&ema.to_tensors())[0]
        };
        assert_eq!(run(true), run(false));
    }
}
