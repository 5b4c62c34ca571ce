//! Activation functions as layers.

use crate::{Result, Value};

/// A function of every element.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Activation {
    /// `max(x, 0)`.
    Relu,
    /// x where x is positive, else `slope` x.
    LeakyRelu {
        /// The slope below 0; PyTorch's default is 0.01.
        slope: f64,
    },
    /// `1 / (1 + exp(-x))`.
    Sigmoid,
    /// The hyperbolic tangent.
    Tanh,
    /// `x / (1 + exp(-x))`.
    Silu,
}

impl Activation {
    /// The output has the input's shape.
    pub fn forward<V: Value>(self, x: &V) -> Result<V> {
        match self {
            Self::Relu => x.relu(),
            Self::LeakyRelu { slope } => x.leaky_relu(slope),
            Self::Sigmoid => x.sigmoid(),
            Self::Tanh => x.tanh(),
            Self::Silu => x.silu(),
        }
    }
}
