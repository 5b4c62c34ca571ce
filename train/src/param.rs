//! Named parameters and buffers.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use candle_core::{DType, Device, Tensor, Var};
use easel_runtime::Random;

use crate::error::{Error, Mismatch, Result};

/// PyTorch's counter of a batch norm's batches, which is ignored.
pub(crate) const BATCH_COUNT: &str = "num_batches_tracked";

/// The initialisation of a parameter.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Init {
    /// The same value everywhere.
    Constant(f64),
    /// Normal with mean 0.
    Normal {
        /// The standard deviation.
        std: f64,
    },
    /// Uniform in (-bound, bound).
    Uniform {
        /// The bound.
        bound: f64,
    },
}

/// A named tensor of a network that knows whether it is trained. Clones share the tensor.
#[derive(Clone)]
pub struct Param(Arc<Inner>);

struct Inner {
    name: String,
    var: Var,
    trained: bool,
    frozen: AtomicBool,
}

impl Param {
    /// The full name, as PyTorch's `state_dict` gives it: `res_blocks.0.conv.0.weight`.
    pub fn name(&self) -> &str {
        &self.0.name
    }

    /// The size of each dimension.
    pub fn dims(&self) -> &[usize] {
        self.0.var.dims()
    }

    /// The value as the forward pass uses it: with a gradient where the parameter is trained and not frozen.
    pub fn tensor(&self) -> Tensor {
        if self.0.trained && !self.0.frozen.load(Ordering::Relaxed) {
            self.0.var.as_tensor().clone()
        } else {
            self.0.var.as_detached_tensor()
        }
    }

    /// The variable itself: what an optimiser changes and what a gradient is looked up by.
    pub fn var(&self) -> &Var {
        &self.0.var
    }

    /// Whether an optimiser trains it; a buffer is saved with the weights and never trained.
    pub fn is_trained(&self) -> bool {
        self.0.trained
    }
}

impl fmt::Debug for Param {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {:?}", self.name(), self.dims())
    }
}

/// The parameters of one network, in the order in which they were made.
#[derive(Clone)]
pub struct Params {
    shared: Arc<Mutex<Shared>>,
    dtype: DType,
    device: Device,
}

/// Keeps parameters frozen until it is dropped.
pub struct Frozen(Params);

impl Drop for Frozen {
    fn drop(&mut self) {
        self.0.set_frozen(false);
    }
}

struct Shared {
    params: Vec<Param>,
    random: Random,
}

impl Params {
    /// No parameters yet. Initial values are drawn from `random` in the order of creation.
    pub fn new(dtype: DType, device: &Device, random: Random) -> Self {
        let shared = Arc::new(Mutex::new(Shared { params: Vec::new(), random }));
        Self { shared, dtype, device: device.clone() }
    }

    /// The scope of a network's outermost module.
    pub fn root(&self) -> Scope {
        Scope { params: self.clone(), prefix: String::new() }
    }

    /// All of them.
    pub fn all(&self) -> Vec<Param> {
        self.lock().params.clone()
    }

    /// Those that an optimiser trains.
    pub fn trained(&self) -> Vec<Param> {
        self.all().into_iter().filter(Param::is_trained).collect()
    }

    /// The number of trained values.
    pub fn count(&self) -> usize {
        self.trained().iter().map(|param| param.dims().iter().product::<usize>()).sum()
    }

    /// The element type.
    pub fn dtype(&self) -> DType {
        self.dtype
    }

    /// The device.
    pub fn device(&self) -> &Device {
        &self.device
    }

    /// Freezes (or unfreezes) these parameters, as `requires_grad_(False)` does in PyTorch: the discriminator needs no
    /// gradients in a step of the generator.
    pub fn set_frozen(&self, frozen: bool) {
        for param in &self.lock().params {
            param.0.frozen.store(frozen, Ordering::Relaxed);
        }
    }

    /// Freezes every parameter until the guard is dropped.
    #[must_use]
    pub fn frozen(&self) -> Frozen {
        self.set_frozen(true);
        Frozen(self.clone())
    }

    /// The values by name, detached.
    pub fn to_tensors(&self) -> BTreeMap<String, Tensor> {
        self.all().iter().map(|param| (param.name().to_string(), param.0.var.as_detached_tensor())).collect()
    }

    /// Sets every parameter to the tensor of its name. Nothing changes unless all names and shapes fit; the error lists
    /// those that do not.
    pub fn load(&self, tensors: &BTreeMap<String, Tensor>) -> Result<()> {
        let params = self.all();
        let shape = |name: &str| tensors.get(name).map(|tensor| tensor.dims().to_vec());
        let mut mismatches: Vec<_> = params
            .iter()
            .map(|param| Mismatch {
                name: param.name().to_string(),
                expected: Some(param.dims().to_vec()),
                found: shape(param.name()),
            })
            .filter(|mismatch| mismatch.expected != mismatch.found)
            .collect();
        let unexpected = tensors
            .keys()
            .filter(|name| !params.iter().any(|param| param.name() == *name))
            .filter(|name| name.rsplit('.').next() != Some(BATCH_COUNT))
            .map(|name| Mismatch { name: name.clone(), expected: None, found: shape(name) });
        mismatches.extend(unexpected);
        if !mismatches.is_empty() {
            return Err(Error::WeightsMismatch(mismatches));
        }
        for param in &params {
            param.0.var.set(&tensors[param.name()].to_dtype(self.dtype)?.to_device(&self.device)?)?;
        }
        Ok(())
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Shared> {
        self.shared.lock().expect("no panic happens while the parameters are locked")
    }
}

/// The scope of a module in the hierarchy of parameter names.
#[derive(Clone)]
pub struct Scope {
    params: Params,
    prefix: String,
}

impl Scope {
    /// The scope of a child module: its names begin with `name.`.
    pub fn sub(&self, name: impl fmt::Display) -> Self {
        Self { params: self.params.clone(), prefix: self.full_name(name) }
    }

    /// The name of the module itself; empty at the root.
    pub fn path(&self) -> &str {
        &self.prefix
    }

    /// The parameters created in this scope so far, by their names relative to it.
    pub fn made(&self) -> BTreeMap<String, Param> {
        let within = self.full_name("");
        let inside = |param: Param| Some((param.name().strip_prefix(&within)?.to_string(), param));
        self.params.all().into_iter().filter_map(inside).collect()
    }

    /// Creates a trained parameter.
    pub fn trained(&self, name: &str, shape: &[usize], init: Init) -> Result<Param> {
        self.make(name, shape, init, true)
    }

    /// Creates a buffer: saved, never trained.
    pub fn buffer(&self, name: &str, shape: &[usize], init: Init) -> Result<Param> {
        self.make(name, shape, init, false)
    }

    /// Creates a constant: exported graphs contain it like a parameter, but it is neither trained nor saved. Fails where the
    /// number of values does not fit the shape.
    pub fn constant(&self, name: &str, shape: &[usize], values: Vec<f32>) -> Result<Param> {
        let tensor = Tensor::from_vec(values, shape, &self.params.device)?.to_dtype(self.params.dtype)?;
        let (name, var) = (self.full_name(name), Var::from_tensor(&tensor)?);
        Ok(Param(Arc::new(Inner { name, var, trained: false, frozen: AtomicBool::new(false) })))
    }

    fn full_name(&self, name: impl fmt::Display) -> String {
        if self.prefix.is_empty() { name.to_string() } else { format!("{}.{name}", self.prefix) }
    }

    fn make(&self, name: &str, shape: &[usize], init: Init, trained: bool) -> Result<Param> {
        let name = self.full_name(name);
        let count = shape.iter().product();
        let mut shared = self.params.lock();
        if shared.params.iter().any(|param| param.name() == name) {
            return Err(Error::Config(format!("two parameters are named `{name}`")));
        }
        let values: Vec<f32> = match init {
            Init::Constant(value) => vec![value as f32; count],
            Init::Normal { std } => {
                shared.random.normals(count).into_iter().map(|normal| (f64::from(normal) * std) as f32).collect()
            }
            Init::Uniform { bound } => shared.random.uniforms(count, -bound as f32, bound as f32),
        };
        let tensor = Tensor::from_vec(values, shape, &self.params.device)?.to_dtype(self.params.dtype)?;
        let var = Var::from_tensor(&tensor)?;
        let param = Param(Arc::new(Inner { name, var, trained, frozen: AtomicBool::new(false) }));
        shared.params.push(param.clone());
        Ok(param)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn params() -> Params {
        let params = Params::new(DType::F32, &Device::Cpu, Random::new(1, 0));
        let layer = params.root().sub("block").sub(0);
        layer.trained("weight", &[2, 3], Init::Normal { std: 1.0 }).unwrap();
        layer.buffer("mean", &[2], Init::Constant(0.5)).unwrap();
        params
    }

    #[test]
    fn names_are_paths() {
        let names: Vec<_> = params().all().iter().map(|param| param.name().to_string()).collect();
        assert_eq!(names, ["block.0.weight", "block.0.mean"]);
        assert_eq!(params().count(), 6);
    }

    #[test]
    fn a_name_is_used_once() {
        let params = params();
        let again = params.root().sub("block").sub(0).trained("weight", &[1], Init::Constant(0.0));
        assert!(again.unwrap_err().to_string().contains("block.0.weight"));
    }

    #[test]
    fn loading_is_all_or_nothing() {
        let params = params();
        let before = params.to_tensors()["block.0.weight"].to_vec2::<f32>().unwrap();
        let mut tensors = params.to_tensors();
        // PyTorch's counter of batches is ignored.
        let count = Tensor::new(7i64, &Device::Cpu).unwrap();
        let counted = tensors.clone().into_iter().chain([("norm.num_batches_tracked".to_string(), count)]);
        self::params().load(&counted.collect()).unwrap();
        tensors.insert("block.0.weight".into(), Tensor::zeros((2, 3), DType::F32, &Device::Cpu).unwrap());
        tensors.remove("block.0.mean");
        tensors.insert("extra".into(), Tensor::zeros(1, DType::F32, &Device::Cpu).unwrap());
        let mismatch = |name: &str, expected, found| Mismatch { name: name.into(), expected, found };
        let Error::WeightsMismatch(found) = params.load(&tensors).unwrap_err() else { panic!("another error") };
        assert_eq!(found, [mismatch("block.0.mean", Some(vec![2]), None), mismatch("extra", None, Some(vec![1]))]);
        assert_eq!(params.to_tensors()["block.0.weight"].to_vec2::<f32>().unwrap(), before);
    }

    #[test]
    fn frozen_parameters_and_buffers_have_no_gradient() {
        let params = params();
        let gradient_of = |params: &Params| {
            let [weight, mean] = &params.all()[..] else { panic!("two parameters were made") };
            let sum = (weight.tensor().sum_all().unwrap() + mean.tensor().sum_all().unwrap()).unwrap();
            let gradients = sum.backward().unwrap();
            (gradients.get(weight.var()).is_some(), gradients.get(mean.var()).is_some())
        };
        assert_eq!(gradient_of(&params), (true, false));
        params.set_frozen(true);
        assert_eq!(gradient_of(&params), (false, false));
        params.set_frozen(false);
        assert_eq!(gradient_of(&params), (true, false));
    }
}
