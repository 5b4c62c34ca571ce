//! Golden cases: PyTorch's numbers. `tests/golden/README.md` describes the files and the measure of error.
//!
//! They are computed on the CPU, or on the device that `EASEL_DEVICE` names (`cuda:0`), as `train --device` takes it.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use candle_core::backprop::GradStore;
use candle_core::{DType, Device, Tensor};
use easel_train::{Error, Params, Result};
use safetensors::SafeTensors;
use serde_json::Value as Json;

/// The largest relative error of an output.
pub const OUTPUT_TOLERANCE: f64 = 5e-5;
/// The largest error of a gradient relative to the largest gradient of the same loss.
pub const GRADIENT_TOLERANCE: f64 = 1e-4;

/// Where the cases are computed.
///
/// # Panics
/// Where `EASEL_DEVICE` names a device that is not there.
pub fn device() -> &'static Device {
    static DEVICE: OnceLock<Device> = OnceLock::new();
    DEVICE.get_or_init(|| {
        let Ok(name) = std::env::var("EASEL_DEVICE") else { return Device::Cpu };
        let named = name.parse().unwrap_or_else(|error| panic!("EASEL_DEVICE: {error}"));
        easel_train::run::device::open(named).unwrap_or_else(|error| panic!("EASEL_DEVICE: {error}"))
    })
}

/// One file of expected numbers, and which of them were compared so far.
pub struct Case {
    path: PathBuf,
    config: Json,
    tensors: HashMap<String, Tensor>,
    compared: BTreeSet<String>,
    /// The largest errors so far, in the measure of the tolerances, of outputs and of gradients.
    worst: [f64; 2],
}

/// All cases of a folder of the goldens (`EASEL_GOLDEN`, by default `tests/golden`), sorted by name.
pub fn folder(name: &str) -> Result<Vec<Case>> {
    let goldens = std::env::var_os("EASEL_GOLDEN")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("golden"), PathBuf::from);
    let folder = goldens.join(name);
    let mut paths = std::fs::read_dir(&folder)
        .map_err(|error| Error::Data(format!("{}: {error}", folder.display())))?
        .map(|entry| Ok(entry?.path()))
        .collect::<Result<Vec<_>>>()?;
    // A script that made the cases may lie beside them.
    paths.retain(|path| path.extension().is_none_or(|extension| extension != "py"));
    paths.sort();
    if paths.is_empty() {
        return Err(Error::Data(format!("{}: no golden case", folder.display())));
    }
    paths.iter().map(|path| Case::read(path)).collect()
}

impl Case {
    /// Reads a case.
    pub fn read(path: &Path) -> Result<Self> {
        let bytes = std::fs::read(path)?;
        let bad = |what: String| Error::Data(format!("{}: {what}", path.display()));
        let (_, header) = SafeTensors::read_metadata(&bytes).map_err(|error| bad(error.to_string()))?;
        let config = header
            .metadata()
            .as_ref()
            .and_then(|metadata| metadata.get("case"))
            .ok_or_else(|| bad("no metadata key `case`".into()))?;
        let config = serde_json::from_str(config).map_err(|error| bad(error.to_string()))?;
        let tensors = candle_core::safetensors::load_buffer(&bytes, device())?;
        Ok(Self { path: path.to_path_buf(), config, tensors, compared: BTreeSet::new(), worst: [0.0; 2] })
    }

    /// The case's kind: `gan/mlp`.
    pub fn kind(&self) -> &str {
        self.config["kind"].as_str().unwrap_or_default()
    }

    /// The case's whole configuration.
    pub fn config(&self) -> &Json {
        &self.config
    }

    /// A whole number of the configuration.
    pub fn number(&self, key: &str) -> usize {
        self.config[key].as_u64().unwrap_or_else(|| panic!("{}: no number `{key}`", self.path.display())) as usize
    }

    /// A number of the configuration.
    pub fn real(&self, key: &str) -> f64 {
        self.config[key].as_f64().unwrap_or_else(|| panic!("{}: no number `{key}`", self.path.display()))
    }

    /// Where the case was read from.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The input `in.NAME`.
    pub fn input(&self, name: &str) -> &Tensor {
        self.tensor(&format!("in.{name}"))
    }

    /// The option `opt.NAME`, where there is one.
    pub fn option(&self, name: &str) -> Option<&Tensor> {
        self.tensors.get(&format!("opt.{name}"))
    }

    /// The expected output `out.NAME`.
    pub fn output(&self, name: &str) -> &Tensor {
        self.tensor(&format!("out.{name}"))
    }

    /// Whether there is an output `out.NAME`.
    pub fn has_output(&self, name: &str) -> bool {
        self.tensors.contains_key(&format!("out.{name}"))
    }

    /// Whether there are gradients of a loss.
    pub fn has_gradients(&self, loss: &str) -> bool {
        !self.names(&format!("grad.{loss}.")).is_empty()
    }

    /// The names of the inputs.
    pub fn inputs(&self) -> Vec<String> {
        self.names("in.")
    }

    /// The weights whose names begin with `w.PREFIX`, by the rest of their names.
    pub fn weights(&self, prefix: &str) -> BTreeMap<String, Tensor> {
        let prefix = format!("w.{prefix}");
        self.tensors
            .iter()
            .filter_map(|(name, tensor)| Some((name.strip_prefix(&prefix)?.to_string(), tensor.clone())))
            .collect()
    }

    /// Compares an output with `out.NAME`.
    pub fn expect_output(&mut self, name: &str, found: &Tensor) -> Result<()> {
        let key = format!("out.{name}");
        let expected = self.tensor(&key).clone();
        let mut scale = largest(&expected)?;
        if expected.rank() == 0 {
            scale = scale.max(1e-3);
        }
        self.compare(key, &expected, found, scale, OUTPUT_TOLERANCE)
    }

    /// Compares the gradients of a loss with every `grad.LOSS.PARAM`. A gradient that is not there counts as zeros.
    pub fn expect_gradients(&mut self, loss: &str, gradients: &GradStore, params: &Params) -> Result<()> {
        let prefix = format!("grad.{loss}.");
        let params = params.all();
        for name in self.names(&prefix) {
            let known = params.iter().any(|param| param.name() == name);
            assert!(known, "{}: no parameter `{name}`", self.path.display());
        }
        let found = params
            .iter()
            .filter_map(|param| Some((param.name().to_string(), gradients.get(param.var())?.clone())))
            .collect();
        self.expect_named_gradients(&prefix, found)
    }

    /// As [`Case::expect_gradients`], for a loss of this value whose gradients may vanish by mathematics: where the file's
    /// are all below the loss's own rounding they are nothing else, and those found must be as small.
    pub fn expect_gradients_or_rounding(
        &mut self,
        loss: &str,
        value: f64,
        gradients: &GradStore,
        params: &Params,
    ) -> Result<()> {
        let rounding = 2.0 * f64::from(f32::EPSILON) * value.abs();
        let prefix = format!("grad.{loss}.");
        let mut expected = 0f64;
        for name in self.names(&prefix) {
            expected = expected.max(largest(self.tensor(&format!("{prefix}{name}")))?);
        }
        if expected > rounding {
            return self.expect_gradients(loss, gradients, params);
        }
        for name in self.names(&prefix) {
            let param = params.all().into_iter().find(|param| param.name() == name);
            let param = param.unwrap_or_else(|| panic!("{}: no parameter `{name}`", self.path.display()));
            let found = gradients.get(param.var()).map_or(Ok(0.0), largest)?;
            // Written so that NaN fails.
            assert!(found <= rounding, "{}: the gradient of {name} is {found:e} and not 0", self.path.display());
            self.compared.insert(format!("{prefix}{name}"));
        }
        Ok(())
    }

    /// Compares gradients given by name with every tensor whose name begins with `prefix`. A gradient that is not there
    /// counts as zeros.
    pub fn expect_named_gradients(&mut self, prefix: &str, found: Vec<(String, Tensor)>) -> Result<()> {
        let names = self.names(prefix);
        assert!(!names.is_empty(), "{}: nothing begins with `{prefix}`", self.path.display());
        let mut scale = 0f64;
        for name in &names {
            scale = scale.max(largest(self.tensor(&format!("{prefix}{name}")))?);
        }
        for name in names {
            let key = format!("{prefix}{name}");
            let expected = self.tensor(&key).clone();
            let found = found.iter().find(|(found, _)| *found == name);
            let found = found.map_or_else(|| expected.zeros_like(), |(_, tensor)| Ok(tensor.clone()))?;
            self.compare(key, &expected, &found, scale, GRADIENT_TOLERANCE)?;
        }
        Ok(())
    }

    /// Fails where an expected number was never compared. Says how near the others were.
    pub fn finish(self) {
        let [outputs, gradients] = self.worst;
        println!("{}: outputs {outputs:.1e} off at most, gradients {gradients:.1e}", self.path.display());
        let left: Vec<_> = self
            .tensors
            .keys()
            .filter(|name| name.starts_with("out.") || name.starts_with("grad."))
            .filter(|name| !self.compared.contains(*name))
            .collect();
        assert!(left.is_empty(), "{}: never compared: {left:?}", self.path.display());
    }

    fn compare(&mut self, key: String, expected: &Tensor, found: &Tensor, scale: f64, tolerance: f64) -> Result<()> {
        assert_eq!(found.dims(), expected.dims(), "{}: shape of {key}", self.path.display());
        let difference = largest(&(found.to_dtype(DType::F64)? - expected.to_dtype(DType::F64)?)?)?;
        // Written so that NaN fails.
        assert!(
            difference <= tolerance * scale,
            "{}: {key} is {difference:e} off at a scale of {scale:e}",
            self.path.display()
        );
        if scale > 0.0 {
            let worst = &mut self.worst[usize::from(key.starts_with("grad."))];
            *worst = worst.max(difference / scale);
        }
        self.compared.insert(key);
        Ok(())
    }

    fn tensor(&self, key: &str) -> &Tensor {
        self.tensors.get(key).unwrap_or_else(|| panic!("{}: no tensor `{key}`", self.path.display()))
    }

    fn names(&self, prefix: &str) -> Vec<String> {
        let mut names: Vec<_> =
            self.tensors.keys().filter_map(|name| Some(name.strip_prefix(prefix)?.to_string())).collect();
        names.sort();
        names
    }
}

/// The largest magnitude; NaN where there is one.
fn largest(tensor: &Tensor) -> Result<f64> {
    let values = tensor.to_dtype(DType::F64)?.flatten_all()?.to_vec1::<f64>()?;
    Ok(values.into_iter().fold(0.0, |most: f64, value| if value.is_nan() { value } else { most.max(value.abs()) }))
}
