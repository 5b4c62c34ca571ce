//! LeNet-5 (LeCun et al. 1998, "Gradient-Based Learning Applied to Document Recognition"), with ReLU and max pooling.

use std::collections::BTreeMap;

use easel_runtime::card::Architecture;

use crate::nn::{Conv2d, Linear, LinearOptions};
use crate::param::Scope;
use crate::value::{Conv2dConfig, Pool2dConfig};
use crate::{Error, Result, Value};

/// The architecture's name in a checkpoint and a model card.
pub const ARCHITECTURE: &str = "lenet";

/// The pictures' height and width.
pub const SIDE: usize = 32;

/// Pictures in `[0, 1]` become `(x - MEAN) / STD` before the first layer.
pub const MEAN: f32 = 0.5;
/// See [`MEAN`].
pub const STD: f32 = 0.5;

/// Elements of the second pooling's output: 16 channels of 5x5.
const FEATURES: usize = 16 * 5 * 5;

/// The number of [features](Lenet::features).
pub const WIDTH: usize = 84;

/// The network's sizes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sizes {
    /// 1 (grey) or 3 (RGB).
    pub channels: usize,
    /// The number of classes.
    pub classes: usize,
}

impl Default for Sizes {
    fn default() -> Self {
        Self { channels: 1, classes: 10 }
    }
}

impl Sizes {
    /// The architecture with these sizes.
    pub fn architecture(&self) -> Architecture {
        super::architecture(ARCHITECTURE, &[("channels", self.channels), ("classes", self.classes)])
    }

    pub(super) fn read(architecture: &Architecture) -> Result<Self> {
        let size = |name| super::size(architecture, name);
        Ok(Self { channels: size("channels")?, classes: size("classes")? })
    }

    pub(super) fn recognise(shapes: &BTreeMap<String, Vec<usize>>) -> Option<Self> {
        let [6, channels, 5, 5] = shapes.get("conv1.weight")?[..] else { return None };
        let [classes, WIDTH] = shapes.get("fc3.weight")?[..] else { return None };
        (shapes.get("fc1.weight")?[..] == [120, FEATURES]).then_some(Self { channels, classes })
    }
}

/// A classifier of pictures of 32x32.
#[derive(Debug, Clone)]
pub struct Lenet {
    convs: [Conv2d; 2],
    linears: [Linear; 3],
    sizes: Sizes,
}

impl Lenet {
    /// Parameters `conv1`, `conv2`, `fc1`, `fc2` and `fc3`, each `weight` and `bias`. Fails where the pictures are neither
    /// grey nor RGB, or there is no class.
    pub fn new(scope: Scope, sizes: Sizes) -> Result<Self> {
        let Sizes { channels, classes } = sizes;
        if !matches!(channels, 1 | 3) || classes == 0 {
            return Err(Error::Config(format!(
                "a LeNet of {classes} classes and {channels} channels; give at least 1 class, and 1 or 3 channels"
            )));
        }
        let conv = |name, inputs, outputs| Conv2d::new(scope.sub(name), inputs, outputs, 5, Conv2dConfig::default());
        let linear = |name, inputs, outputs| Linear::new(scope.sub(name), inputs, outputs, LinearOptions::default());
        Ok(Self {
            convs: [conv("conv1", channels, 6)?, conv("conv2", 6, 16)?],
            linears: [linear("fc1", FEATURES, 120)?, linear("fc2", 120, WIDTH)?, linear("fc3", WIDTH, classes)?],
            sizes,
        })
    }

    /// The sizes it was made with.
    pub fn sizes(&self) -> Sizes {
        self.sizes
    }

    /// Logits `[batch, classes]` of normalised pictures `[batch, channels, 32, 32]`.
    pub fn forward<V: Value>(&self, x: &V) -> Result<V> {
        self.decide(&self.hidden(x)?)
    }

    /// Logits of [`features`](Lenet::features).
    pub fn decide<V: Value>(&self, features: &V) -> Result<V> {
        self.linears[2].forward(features)
    }

    /// The last layer's input.
    fn hidden<V: Value>(&self, x: &V) -> Result<V> {
        let mut x = x.clone();
        for conv in &self.convs {
            x = conv.forward_relu(&x)?.max_pool2d(Pool2dConfig::new(2))?;
        }
        let [first, second, _] = &self.linears;
        x = first.forward(&x.flatten()?)?.relu()?;
        second.forward(&x)?.relu()
    }

    /// The whole classifier, which is trained and exported: logits `[batch, classes]` of pictures
    /// `[batch, channels, 32, 32]` in `[0, 1]`.
    pub fn classify<V: Value>(&self, image: &V) -> Result<V> {
        self.forward(&normalised(image)?)
    }

    /// The last layer's input, `[batch, WIDTH]`, for pictures as [`classify`](Lenet::classify) takes them: the features that
    /// metrics compare.
    pub fn features<V: Value>(&self, image: &V) -> Result<V> {
        self.hidden(&normalised(image)?)
    }
}

fn normalised<V: Value>(image: &V) -> Result<V> {
    image.shift(f64::from(-MEAN))?.scale(f64::from(1.0 / STD))
}
