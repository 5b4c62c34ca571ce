//! What a denoiser was trained on: how much noise there is at which time, and what it predicts.

use serde::{Deserialize, Serialize};

use crate::{Error, Result, Schedule};

/// A noise schedule by its formula.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(tag = "formula", rename_all = "kebab-case")]
pub enum NoiseSchedule {
    /// See [`Schedule::linear`].
    Linear {
        /// The number of times.
        steps: usize,
        /// The first beta.
        start: f64,
        /// The last beta.
        end: f64,
    },
    /// See [`Schedule::cosine`].
    Cosine {
        /// The number of times.
        steps: usize,
        /// What keeps the first betas from vanishing.
        offset: f64,
    },
}

impl NoiseSchedule {
    /// Every time's noise. Fails where the formula gives none, or has more than 100,000 times.
    pub fn schedule(&self) -> Result<Schedule> {
        let (Self::Linear { steps, .. } | Self::Cosine { steps, .. }) = *self;
        if steps > 100_000 {
            return Err(Error::Sampling(format!("a noise schedule of {steps} times; 100,000 are the most")));
        }
        match *self {
            Self::Linear { steps, start, end } => Schedule::linear(steps, start, end),
            Self::Cosine { steps, offset } => Schedule::cosine(steps, offset),
        }
    }
}

/// What a denoiser predicts of `x = sqrt(alpha_bar) picture + sqrt(1 - alpha_bar) noise`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Prediction {
    /// The noise (Ho et al. 2020, arXiv 2006.11239).
    Noise,
    /// `sqrt(alpha_bar) noise - sqrt(1 - alpha_bar) picture` (Salimans and Ho 2022, arXiv 2202.00512).
    Velocity,
}
