//! What all optimisers share: groups of parameters, their state by name, and the loop over the gradients.

use std::collections::{BTreeMap, HashMap};

use candle_core::backprop::GradStore;
use candle_core::{Tensor, Var};

use crate::{Error, Param, Result};

/// The step of a parameter.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Step {
    /// The number of this step, from 1. Steps in which the parameter had no gradient do not count.
    pub count: u64,
    /// The learning rate of this step: the group's own times the schedule's factor.
    pub lr: f64,
}

/// An optimiser's constants and formula.
pub trait Rule {
    /// The state of each parameter: the names of its tensors and their initial values.
    fn moments(&self) -> Vec<(&'static str, f64)>;

    /// The learning rate before any schedule.
    fn lr(&self) -> f64;

    /// Fails on an invalid constant and names it.
    fn check(&self) -> Result<()>;

    /// One step of one parameter. The moments are in the order of [`Rule::moments`]; the gradient is dense and has no
    /// graph.
    fn update(&self, step: Step, param: &Var, moments: &[Var], gradient: &Tensor) -> Result<()>;
}

/// Any optimiser.
pub trait Optimizer {
    /// One step of gradient descent. Parameters without a gradient do not change, and neither does their state.
    fn step(&mut self, gradients: &GradStore) -> Result<()>;

    /// Sets the factor of all groups' learning rates, which a schedule gives for each step; initially 1. It is not a part
    /// of the state.
    fn set_lr_factor(&mut self, factor: f64);

    /// The learning rate of each group in the next step.
    fn lrs(&self) -> Vec<f64>;

    /// Everything that a later step depends on, by parameter name: `NAME.MOMENT` and `NAME.steps`.
    fn state(&self) -> Result<BTreeMap<String, Tensor>>;

    /// Restores a state of [`Optimizer::state`], of an optimiser with the same parameters in any grouping. Nothing changes
    /// unless all names and shapes fit.
    fn load_state(&mut self, state: &HashMap<String, Tensor>) -> Result<()>;
}

/// A group of parameters with constants of its own.
pub struct Group<R> {
    /// The constants. Changes apply from the next step, but the set of moments stays as it was created.
    pub config: R,
    slots: Vec<Slot>,
}

struct Slot {
    param: Param,
    names: Vec<&'static str>,
    moments: Vec<Var>,
    steps: u64,
}

impl<R> Group<R> {
    /// The group's parameters.
    pub fn params(&self) -> impl Iterator<Item = &Param> {
        self.slots.iter().map(|slot| &slot.param)
    }
}

/// The optimiser of some groups of parameters by a rule.
pub struct Grouped<R> {
    groups: Vec<Group<R>>,
    lr_factor: f64,
}

impl<R: Rule> Grouped<R> {
    /// An optimiser with one group. Fails on invalid constants, and where two parameters have the same name.
    pub fn new(params: Vec<Param>, config: R) -> Result<Self> {
        let mut optimizer = Self { groups: Vec::new(), lr_factor: 1.0 };
        optimizer.add_group(params, config)?;
        Ok(optimizer)
    }

    /// Adds a group at any time. Its parameters start at step 1, whatever step the others are at.
    pub fn add_group(&mut self, params: Vec<Param>, config: R) -> Result<()> {
        config.check()?;
        let mut slots: Vec<Slot> = Vec::with_capacity(params.len());
        for param in params {
            let known = self.groups.iter().flat_map(|group| &group.slots).chain(&slots);
            if known.into_iter().any(|slot| slot.param.name() == param.name()) {
                return Err(Error::Config(format!("the optimiser has two parameters named `{}`", param.name())));
            }
            let (names, moments): (Vec<_>, Vec<_>) = config
                .moments()
                .into_iter()
                .map(|(name, start)| {
                    let start = Tensor::full(start, param.dims(), param.var().device())?;
                    Ok((name, Var::from_tensor(&start.to_dtype(param.var().dtype())?)?))
                })
                .collect::<Result<Vec<_>>>()?
                .into_iter()
                .unzip();
            slots.push(Slot { param, names, moments, steps: 0 });
        }
        self.groups.push(Group { config, slots });
        Ok(())
    }

    /// The groups in the order in which they were added.
    pub fn groups(&self) -> &[Group<R>] {
        &self.groups
    }

    /// The groups, mutable, to change their constants.
    pub fn groups_mut(&mut self) -> &mut [Group<R>] {
        &mut self.groups
    }

    /// See [`Optimizer::step`].
    pub fn step(&mut self, gradients: &GradStore) -> Result<()> {
        for Group { config, slots } in &mut self.groups {
            let lr = config.lr() * self.lr_factor;
            for Slot { param, moments, steps, .. } in slots {
                let Some(gradient) = gradients.get(param.var()) else { continue };
                config.update(
                    Step { count: *steps + 1, lr },
                    param.var(),
                    moments,
                    &gradient.detach().contiguous()?,
                )?;
                *steps += 1;
            }
        }
        Ok(())
    }

    /// See [`Optimizer::set_lr_factor`].
    pub fn set_lr_factor(&mut self, factor: f64) {
        self.lr_factor = factor;
    }

    /// See [`Optimizer::state`].
    pub fn state(&self) -> Result<BTreeMap<String, Tensor>> {
        let mut state = BTreeMap::new();
        for Slot { param, names, moments, steps } in self.groups.iter().flat_map(|group| &group.slots) {
            for (name, moment) in names.iter().zip(moments) {
                state.insert(format!("{}.{name}", param.name()), moment.as_detached_tensor());
            }
            state.insert(format!("{}.steps", param.name()), Tensor::new(*steps as i64, param.var().device())?);
        }
        Ok(state)
    }

    /// See [`Optimizer::load_state`].
    pub fn load_state(&mut self, state: &HashMap<String, Tensor>) -> Result<()> {
        let slots = || self.groups.iter().flat_map(|group| &group.slots);
        let mut steps = Vec::new();
        let mut used = 0;
        for slot in slots() {
            let find = |part: &str| {
                let name = format!("{}.{part}", slot.param.name());
                state.get(&name).ok_or_else(|| Error::Checkpoint(format!("the optimiser's state has no `{name}`")))
            };
            for name in &slot.names {
                let moment = find(name)?;
                if moment.dims() != slot.param.dims() {
                    return Err(Error::Checkpoint(format!(
                        "the optimiser's state `{}.{name}` has shape {:?}, the parameter's is {:?}",
                        slot.param.name(),
                        moment.dims(),
                        slot.param.dims()
                    )));
                }
            }
            steps.push(find("steps")?.to_scalar::<i64>()? as u64);
            used += slot.names.len() + 1;
        }
        if used < state.len() {
            let known: Vec<_> = self.state()?.into_keys().collect();
            let unknown = state.keys().filter(|name| known.binary_search(name).is_err()).min();
            return Err(Error::Checkpoint(format!(
                "the optimiser's state has `{}`, which the optimiser does not",
                unknown.expect("there are more names than the optimiser's")
            )));
        }
        for (slot, steps) in self.groups.iter_mut().flat_map(|group| &mut group.slots).zip(steps) {
            for (name, moment) in slot.names.iter().zip(&slot.moments) {
                let saved = &state[&format!("{}.{name}", slot.param.name())];
                moment.set(&saved.to_dtype(moment.dtype())?.to_device(moment.device())?)?;
            }
            slot.steps = steps;
        }
        Ok(())
    }
}

impl<R: Rule> Optimizer for Grouped<R> {
    fn step(&mut self, gradients: &GradStore) -> Result<()> {
        Self::step(self, gradients)
    }

    fn set_lr_factor(&mut self, factor: f64) {
        Self::set_lr_factor(self, factor);
    }

    fn lrs(&self) -> Vec<f64> {
        self.groups.iter().map(|group| group.config.lr() * self.lr_factor).collect()
    }

    fn state(&self) -> Result<BTreeMap<String, Tensor>> {
        Self::state(self)
    }

    fn load_state(&mut self, state: &HashMap<String, Tensor>) -> Result<()> {
        Self::load_state(self, state)
    }
}

/// Fails unless each of the named numbers is finite and at least 0.
pub(super) fn check_not_negative(numbers: &[(&str, f64)]) -> Result<()> {
    for (name, value) in numbers {
        if !(*value >= 0.0 && value.is_finite()) {
            return Err(Error::Config(format!("{name} is {value}; give a number of at least 0")));
        }
    }
    Ok(())
}

/// Fails unless each of the named numbers is in [0, 1).
pub(super) fn check_decays(numbers: &[(&str, f64)]) -> Result<()> {
    for (name, value) in numbers {
        if !(0.0..1.0).contains(value) {
            return Err(Error::Config(format!("{name} is {value}; give a number from 0 up to below 1")));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Params;
    use crate::optim::{Adagrad, AdagradConfig, Adam, AdamConfig, RmsProp, RmsPropConfig, Sgd, SgdConfig};
    use crate::param::Init;
    use candle_core::{DType, Device};
    use easel_runtime::Random;

    fn params() -> Params {
        let params = Params::new(DType::F64, &Device::Cpu, Random::new(1, 0));
        for name in ["a", "b", "unused"] {
            params.root().trained(name, &[4], Init::Normal { std: 1.0 }).unwrap();
        }
        params
    }

    /// Gradients of the sum of cubes of `a` and `b`.
    fn gradients(params: &Params) -> GradStore {
        let cubes = |index: usize| params.all()[index].tensor().powf(3.0).unwrap().sum_all().unwrap();
        (cubes(0) + cubes(1)).unwrap().backward().unwrap()
    }

    fn value(params: &Params, name: &str) -> Vec<f64> {
        params.to_tensors()[name].to_vec1().unwrap()
    }

    fn copied(state: BTreeMap<String, Tensor>) -> HashMap<String, Tensor> {
        state.into_iter().map(|(name, tensor)| (name, tensor.copy().unwrap())).collect()
    }

    /// Runs six steps; halfway, the optimiser is recreated from its state.
    fn resumes(make: impl Fn(&Params) -> Box<dyn Optimizer>) {
        let run = |interrupt: bool| {
            let params = params();
            let unused = value(&params, "unused");
            let mut optimizer = make(&params);
            for step in 0..6 {
                if interrupt && step == 3 {
                    let state = copied(optimizer.state().unwrap());
                    optimizer = make(&params);
                    optimizer.load_state(&state).unwrap();
                }
                optimizer.step(&gradients(&params)).unwrap();
            }
            assert_eq!(value(&params, "unused"), unused);
            assert_eq!(optimizer.state().unwrap()["unused.steps"].to_scalar::<i64>().unwrap(), 0);
            value(&params, "a")
        };
        assert_eq!(run(true), run(false));
        assert_ne!(run(false), value(&params(), "a"));
    }

    #[test]
    fn every_optimiser_goes_on_from_its_state() {
        resumes(|params| {
            let config = SgdConfig { momentum: 0.9, dampening: 0.5, ..SgdConfig::new(0.01) };
            Box::new(Sgd::new(params.trained(), config).unwrap())
        });
        resumes(|params| {
            let config = AdamConfig { amsgrad: true, ..AdamConfig::new(0.01) };
            Box::new(Adam::new(params.trained(), config).unwrap())
        });
        resumes(|params| {
            let config = RmsPropConfig { centered: true, momentum: 0.5, ..RmsPropConfig::new(0.01) };
            Box::new(RmsProp::new(params.trained(), config).unwrap())
        });
        resumes(|params| {
            let config = AdagradConfig { lr_decay: 0.1, ..AdagradConfig::new(0.01) };
            Box::new(Adagrad::new(params.trained(), config).unwrap())
        });
    }

    #[test]
    fn groups_have_learning_rates_of_their_own() {
        let params = params();
        let [a, b, _] = &params.all()[..] else { panic!("three parameters were made") };
        let before = [value(&params, "a"), value(&params, "b")];
        let mut sgd = Sgd::new(vec![a.clone()], SgdConfig::new(0.1)).unwrap();
        sgd.step(&gradients(&params)).unwrap();
        assert_eq!(value(&params, "b"), before[1]);
        sgd.add_group(vec![b.clone()], SgdConfig::new(0.01)).unwrap();
        sgd.set_lr_factor(0.5);
        assert_eq!(sgd.lrs(), [0.05, 0.005]);
        sgd.step(&gradients(&params)).unwrap();
        for (after, before) in value(&params, "b").iter().zip(&before[1]) {
            assert!((after - (before - 0.005 * 3.0 * before * before)).abs() < 1e-15);
        }
        assert_eq!(sgd.state().unwrap()["a.steps"].to_scalar::<i64>().unwrap(), 2);
        assert_eq!(sgd.state().unwrap()["b.steps"].to_scalar::<i64>().unwrap(), 1);

        let again = sgd.add_group(vec![a.clone()], SgdConfig::new(0.1)).unwrap_err().to_string();
        assert!(again.contains("two parameters named `a`"), "{again}");
    }

    #[test]
    fn a_late_group_leaves_the_state_of_the_others() {
        let params = params();
        let [a, b, _] = &params.all()[..] else { panic!("three parameters were made") };
        let mut adam = Adam::new(vec![a.clone()], AdamConfig::new(0.1)).unwrap();
        adam.step(&gradients(&params)).unwrap();
        let before = copied(adam.state().unwrap());
        adam.add_group(vec![b.clone()], AdamConfig::new(0.01)).unwrap();
        let after = adam.state().unwrap();
        let moments = |state: &Tensor| state.to_vec1::<f64>().unwrap();
        assert_eq!(moments(&after["a.mean"]), moments(&before["a.mean"]));
        assert_eq!((moments(&after["b.mean"]), after["a.steps"].to_scalar::<i64>().unwrap()), (vec![0.0; 4], 1));
        // The earlier state lacks it, and the current one has more than an optimiser of one group.
        let missing = adam.load_state(&before).unwrap_err().to_string();
        assert!(missing.contains("has no `b.mean`"), "{missing}");
        let mut one = Adam::new(vec![a.clone()], AdamConfig::new(0.1)).unwrap();
        let extra = one.load_state(&copied(after)).unwrap_err().to_string();
        assert!(extra.contains("has `b.mean`, which the optimiser does not"), "{extra}");
    }

    #[test]
    fn a_state_that_does_not_fit_changes_nothing() {
        let params = params();
        let mut adam = Adam::new(params.trained(), AdamConfig::new(0.01)).unwrap();
        adam.step(&gradients(&params)).unwrap();
        let before = copied(adam.state().unwrap());
        let refused = |adam: &mut Adam, change: &dyn Fn(&mut HashMap<String, Tensor>)| {
            let mut state = before.iter().map(|(name, tensor)| (name.clone(), tensor.zeros_like().unwrap())).collect();
            change(&mut state);
            let message = adam.load_state(&state).unwrap_err().to_string();
            for (name, tensor) in adam.state().unwrap() {
                let difference = (tensor.to_dtype(DType::F64).unwrap() - before[&name].to_dtype(DType::F64).unwrap())
                    .and_then(|difference| difference.abs()?.sum_all()?.to_scalar::<f64>())
                    .unwrap();
                assert_eq!(difference, 0.0, "{name}");
            }
            message
        };
        let missing = refused(&mut adam, &|state| drop(state.remove("b.square")));
        assert!(missing.contains("no `b.square`"), "{missing}");
        let shape = refused(&mut adam, &|state| {
            state.insert("unused.mean".into(), Tensor::zeros(5, DType::F64, &Device::Cpu).unwrap());
        });
        assert!(shape.contains("`unused.mean` has shape [5]"), "{shape}");
        let extra = refused(&mut adam, &|state| {
            state.insert("c.mean".into(), Tensor::zeros(4, DType::F64, &Device::Cpu).unwrap());
        });
        assert!(extra.contains("has `c.mean`"), "{extra}");
    }

    #[test]
    fn nonsense_is_named() {
        fn refused<R: Rule>(config: R, wanted: &str) {
            let error = Grouped::new(vec![], config).err().expect("it is refused").to_string();
            assert!(error.contains(wanted), "{error}");
        }
        refused(SgdConfig::new(-1.0), "lr is -1");
        refused(SgdConfig { weight_decay: f64::NAN, ..SgdConfig::new(0.1) }, "weight_decay is NaN");
        refused(SgdConfig { dampening: f64::INFINITY, ..SgdConfig::new(0.1) }, "dampening is inf");
        refused(SgdConfig { nesterov: true, ..SgdConfig::new(0.1) }, "nesterov");
        refused(AdamConfig { beta2: 1.0, ..AdamConfig::new(0.1) }, "beta2 is 1");
        refused(AdamConfig { beta1: -0.1, ..AdamConfig::new(0.1) }, "beta1 is -0.1");
        refused(AdamConfig { eps: -1.0, ..AdamConfig::new(0.1) }, "eps is -1");
        refused(AdamConfig::decoupled(0.1, f64::INFINITY), "weight_decay is inf");
        refused(RmsPropConfig { alpha: 1.0, ..RmsPropConfig::new(0.1) }, "alpha is 1");
        refused(RmsPropConfig { momentum: -0.5, ..RmsPropConfig::new(0.1) }, "momentum is -0.5");
        refused(AdagradConfig { lr_decay: -1.0, ..AdagradConfig::new(0.1) }, "lr_decay is -1");
        refused(AdagradConfig { initial_accumulator_value: f64::NAN, ..AdagradConfig::new(0.1) }, "value is NaN");
    }
}
