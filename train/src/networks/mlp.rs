//! A multi-layer perceptron for rows of a table: linear layers with ReLU between them.

use std::collections::BTreeMap;

use candle_core::Tensor;
use easel_runtime::card::{Architecture, TabularTask};
use serde_json::Value as Json;

use crate::nn::{Activation, Eval, Linear, LinearOptions, Sequential};
use crate::param::{Init, Scope};
use crate::{Error, Param, Result, Value};

/// The architecture's name in a checkpoint and a model card.
pub const ARCHITECTURE: &str = "mlp";

/// The most columns, units of a layer or classes.
const MOST: usize = 1 << 20;

/// The most weights of one layer: 1 GB.
const MOST_WEIGHTS: usize = 1 << 28;

/// The network's sizes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sizes {
    /// The number of feature columns.
    pub columns: usize,
    /// The units of each hidden layer; without hidden layers the network is linear.
    pub hidden: Vec<usize>,
    /// What is predicted from a row.
    pub task: TabularTask,
}

impl Sizes {
    /// The number of outputs: one for each class, or 1 in a regression.
    pub fn outputs(&self) -> usize {
        match self.task {
            TabularTask::Regression => 1,
            TabularTask::Classification { class_count } => class_count,
        }
    }

    /// The architecture with these sizes; only a classification has `classes`.
    pub fn architecture(&self) -> Architecture {
        let mut architecture = super::architecture(ARCHITECTURE, &[("columns", self.columns)]);
        architecture.sizes.insert("hidden".into(), Json::from(self.hidden.clone()));
        if let TabularTask::Classification { class_count } = self.task {
            architecture.sizes.insert("classes".into(), Json::from(class_count));
        }
        architecture
    }

    pub(super) fn read(architecture: &Architecture) -> Result<Self> {
        let hidden = architecture.sizes.get("hidden").and_then(|hidden| serde_json::from_value(hidden.clone()).ok());
        let sizes = Self {
            columns: super::size(architecture, "columns")?,
            hidden: hidden.ok_or_else(|| {
                Error::Checkpoint(format!("the architecture {ARCHITECTURE} needs a list of sizes `hidden`"))
            })?,
            task: match architecture.sizes.contains_key("classes") {
                true => TabularTask::Classification { class_count: super::size(architecture, "classes")? },
                false => TabularTask::Regression,
            },
        };
        Ok(sizes)
    }

    pub(super) fn recognise(shapes: &BTreeMap<String, Vec<usize>>) -> Option<Self> {
        let [columns] = shapes.get("features.mean")?[..] else { return None };
        let mut hidden = Vec::new();
        while let Some([outputs, _]) = shapes.get(&format!("layers.{}.weight", 2 * hidden.len())).map(|dims| &dims[..])
        {
            hidden.push(*outputs);
        }
        let task = match (hidden.pop()?, shapes.contains_key("target.mean")) {
            (1, true) => TabularTask::Regression,
            (class_count @ 2.., false) => TabularTask::Classification { class_count },
            _ => return None,
        };
        Some(Self { columns, hidden, task })
    }

    fn check(&self) -> Result<()> {
        let sizes = [&[self.columns], &self.hidden[..], &[self.outputs()]].concat();
        let fit = sizes.iter().all(|size| (1..=MOST).contains(size))
            && sizes.windows(2).all(|pair| pair[0] * pair[1] <= MOST_WEIGHTS);
        match fit {
            true => Ok(()),
            false => Err(Error::Config(format!(
                "an MLP cannot have layers of {sizes:?}; give each from 1 to {MOST}, and no two that follow each other \
                 more than {MOST_WEIGHTS} weights"
            ))),
        }
    }
}

/// The moments by which a column is standardised: `(x - mean) / std`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Moments {
    /// The mean.
    pub mean: f64,
    /// The standard deviation, biased; 0 where all values are the same.
    pub std: f64,
}

impl Moments {
    /// The smallest and the largest deviation, apart from 0, for which the computations fit in float32.
    pub const RANGE: std::ops::RangeInclusive<f64> = 1e-30..=1e30;

    /// The moments of at least one value.
    pub fn of(values: impl Iterator<Item = f32> + Clone) -> Self {
        let values = values.map(f64::from);
        let count = values.clone().count() as f64;
        let mean = values.clone().sum::<f64>() / count;
        let variance = values.map(|value| (value - mean).powi(2)).sum::<f64>() / count;
        Self { mean, std: variance.sqrt() }
    }
}

/// A network from the features of a row to its class or its number.
///
/// Inputs and outputs are in the table's own units. Buffers hold what standardises them: `features.mean` and
/// `features.scale` (1 over the standard deviation) and, in a regression, `target.mean` and `target.std`.
#[derive(Clone)]
pub struct Mlp {
    features: [Param; 2],
    layers: Sequential,
    target: Option<[Param; 2]>,
    sizes: Sizes,
}

impl Mlp {
    /// Parameters `layers.0`, `layers.2`, ..., each `weight` and `bias`, as PyTorch names those of an `nn.Sequential` called
    /// `layers` of `Linear`, `ReLU`, `Linear`, ... Fails where a layer has no units, or too many.
    pub fn new(scope: Scope, sizes: Sizes) -> Result<Self> {
        sizes.check()?;
        let features = scope.sub("features");
        let features = [
            features.buffer("mean", &[sizes.columns], Init::Constant(0.0))?,
            features.buffer("scale", &[sizes.columns], Init::Constant(1.0))?,
        ];
        let linear = |inputs, outputs| move |scope| Linear::new(scope, inputs, outputs, LinearOptions::default());
        let mut layers = Sequential::new(scope.sub("layers"));
        let mut inputs = sizes.columns;
        for &units in &sizes.hidden {
            layers = layers.add(linear(inputs, units))?.then(Activation::Relu);
            inputs = units;
        }
        layers = layers.add(linear(inputs, sizes.outputs()))?;
        let target = scope.sub("target");
        let target = match sizes.task {
            TabularTask::Classification { .. } => None,
            TabularTask::Regression => Some([
                target.buffer("mean", &[1], Init::Constant(0.0))?,
                target.buffer("std", &[1], Init::Constant(1.0))?,
            ]),
        };
        Ok(Self { features, layers, target, sizes })
    }

    /// The sizes it was made with.
    pub fn sizes(&self) -> &Sizes {
        &self.sizes
    }

    /// Sets the buffers: the moments of each column and, in a regression, of the target. A constant column carries no
    /// information and is multiplied by 0.
    pub fn standardise(&self, features: &[Moments], target: Option<Moments>) -> Result<()> {
        let set = |param: &Param, values: Vec<f64>| -> Result<()> {
            let var = param.var();
            let values: Vec<f32> = values.into_iter().map(|value| value as f32).collect();
            Ok(var.set(&Tensor::from_vec(values, param.dims(), var.device())?.to_dtype(var.dtype())?)?)
        };
        let scale = |moments: &Moments| if moments.std == 0.0 { 0.0 } else { moments.std.recip() };
        set(&self.features[0], features.iter().map(|moments| moments.mean).collect())?;
        set(&self.features[1], features.iter().map(scale).collect())?;
        if let (Some([mean, std]), Some(moments)) = (&self.target, target) {
            set(mean, vec![moments.mean])?;
            set(std, vec![moments.std])?;
        }
        Ok(())
    }

    /// The moments of each column.
    pub fn columns(&self) -> Result<Vec<Moments>> {
        let [mean, scale] = [&self.features[0], &self.features[1]].map(|param| param.tensor().to_vec1::<f32>());
        let moments = |(mean, scale): (f32, f32)| {
            let std = if scale == 0.0 { 0.0 } else { f64::from(scale).recip() };
            Moments { mean: mean.into(), std }
        };
        Ok(mean?.into_iter().zip(scale?).map(moments).collect())
    }

    /// The target's moments; none in a classification.
    pub fn target(&self) -> Result<Option<Moments>> {
        let Some([mean, std]) = &self.target else { return Ok(None) };
        let value = |param: &Param| -> Result<f64> { Ok(f64::from(param.tensor().to_vec1::<f32>()?[0])) };
        Ok(Some(Moments { mean: value(mean)?, std: value(std)? }))
    }

    /// The trained part: logits `[batch, classes]` or the standardised target `[batch, 1]`, of features `[batch, columns]`.
    pub fn forward<V: Value>(&self, features: &V) -> Result<V> {
        let [mean, scale] = &self.features;
        let x = features.sub(&features.param(mean)?)?.mul(&features.param(scale)?)?;
        self.layers.forward(&x, &mut Eval)
    }

    /// The exported model: the same with the target in its own unit.
    pub fn predict<V: Value>(&self, features: &V) -> Result<V> {
        let y = self.forward(features)?;
        match &self.target {
            Some([mean, std]) => y.mul(&y.param(std)?)?.add(&y.param(mean)?),
            None => Ok(y),
        }
    }
}

#[cfg(test)]
mod tests {
    use candle_core::{DType, Device};
    use easel_runtime::Random;

    use super::*;
    use crate::Params;

    fn network(task: TabularTask, hidden: &[usize]) -> (Params, Mlp) {
        let params = Params::new(DType::F32, &Device::Cpu, Random::new(1, 0));
        let network = Mlp::new(params.root(), Sizes { columns: 3, hidden: hidden.to_vec(), task }).unwrap();
        (params, network)
    }

    #[test]
    fn sizes_are_told_by_names_and_shapes() {
        for (task, hidden) in
            [(TabularTask::Regression, vec![]), (TabularTask::Classification { class_count: 4 }, vec![5, 6])]
        {
            let (params, network) = network(task, &hidden);
            let shapes = params.all().iter().map(|param| (param.name().to_string(), param.dims().to_vec())).collect();
            assert_eq!(Sizes::recognise(&shapes).as_ref(), Some(network.sizes()));
            assert_eq!(&Sizes::read(&network.sizes().architecture()).unwrap(), network.sizes());
        }
        let (params, _) = network(TabularTask::Classification { class_count: 4 }, &[5]);
        let names: Vec<_> = params.trained().iter().map(|param| param.name().to_string()).collect();
        assert_eq!(names, ["layers.0.weight", "layers.0.bias", "layers.2.weight", "layers.2.bias"]);
        for hidden in [vec![0], vec![1 << 21], vec![1 << 20, 1 << 20]] {
            let sizes = Sizes { columns: 3, hidden, task: TabularTask::Regression };
            assert!(sizes.check().unwrap_err().to_string().contains("an MLP cannot have"));
        }
    }

    #[test]
    fn units_are_the_tables_own() {
        let (_, network) = network(TabularTask::Regression, &[]);
        let x = Tensor::new(&[[1f32, 2.0, 3.0]], &Device::Cpu).unwrap();
        let scaled = Tensor::new(&[[1001f32, 20.0, 7.0]], &Device::Cpu).unwrap();
        let value = |y: Tensor| y.to_vec2::<f32>().unwrap()[0][0];
        let before = value(network.forward(&x).unwrap());
        let moments = |mean, std| Moments { mean, std };
        network
            .standardise(&[moments(1000.0, 1.0), moments(0.0, 10.0), moments(4.0, 1.0)], Some(moments(50.0, 3.0)))
            .unwrap();
        let after = value(network.predict(&scaled).unwrap());
        assert!((after - (50.0 + 3.0 * before)).abs() < 1e-4, "{before} {after}");
        // A column that was constant in training is ignored, whatever its value is now.
        network.standardise(&[moments(0.0, 0.0); 3], None).unwrap();
        assert_eq!(value(network.predict(&x).unwrap()), value(network.predict(&scaled).unwrap()));
    }

    #[test]
    fn moments_are_of_all_values() {
        assert_eq!(Moments::of([1f32, 3.0, 5.0, 7.0].into_iter()), Moments { mean: 4.0, std: 5f64.sqrt() });
        assert_eq!(Moments::of([0.1f32; 7].into_iter()).std, 0.0);
    }
}
