//! Any layer.

use super::{Activation, BatchNorm2d, Conv2d, ConvTranspose2d, Dropout, Embedding, InstanceNorm2d, Linear, Pass};
use crate::value::Pool2dConfig;
use crate::{Result, Value};

/// A layer, as a [`Sequential`](super::Sequential) holds it. Variants without a struct have no parameters.
#[derive(Debug, Clone)]
#[expect(missing_docs, reason = "the held types are documented")]
pub enum Layer {
    Conv2d(Conv2d),
    ConvTranspose2d(ConvTranspose2d),
    Linear(Linear),
    /// Takes labels, int64.
    Embedding(Embedding),
    BatchNorm2d(BatchNorm2d),
    InstanceNorm2d(InstanceNorm2d),
    /// See [`Value::pixel_norm`].
    PixelNorm {
        /// Added to the mean square; ProGAN's is 1e-8.
        epsilon: f64,
    },
    Dropout(Dropout),
    MaxPool2d(Pool2dConfig),
    AvgPool2d(Pool2dConfig),
    Activation(Activation),
    /// See [`Value::reflection_pad2d`].
    ReflectionPad2d {
        /// Rows and columns on each side.
        padding: usize,
    },
    /// Nearest upsampling by 2.
    Upsample2x,
    /// `[batch, ..]` to `[batch, product of the rest]`.
    Flatten,
}

impl Layer {
    /// The layer's output.
    pub fn forward<V: Value>(&self, x: &V, pass: &mut impl Pass<V>) -> Result<V> {
        match self {
            Self::Conv2d(conv) => conv.forward(x),
            Self::ConvTranspose2d(conv) => conv.forward(x),
            Self::Linear(linear) => linear.forward(x),
            Self::Embedding(embedding) => embedding.forward(x),
            Self::BatchNorm2d(norm) => pass.batch_norm2d(norm, x),
            Self::InstanceNorm2d(norm) => norm.forward(x),
            Self::PixelNorm { epsilon } => x.pixel_norm(*epsilon),
            Self::Dropout(dropout) => pass.dropout(*dropout, x),
            Self::MaxPool2d(config) => x.max_pool2d(*config),
            Self::AvgPool2d(config) => x.avg_pool2d(*config),
            Self::Activation(activation) => activation.forward(x),
            Self::ReflectionPad2d { padding } => x.reflection_pad2d(*padding),
            Self::Upsample2x => x.upsample2x(),
            Self::Flatten => x.flatten(),
        }
    }
}

macro_rules! from {
    ($($layer:ident),+) => {
        $(impl From<$layer> for Layer {
            fn from(layer: $layer) -> Self {
                Self::$layer(layer)
            }
        })+
    };
}
from!(Conv2d, ConvTranspose2d, Linear, Embedding, BatchNorm2d, InstanceNorm2d, Dropout, Activation);
