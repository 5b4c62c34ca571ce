//! The diffusion process that a denoiser was trained on: the beta schedule, and what the network predicts.

use serde::{Deserialize, Serialize};

use crate::{Error, Result, Schedule};

/// A beta schedule by its formula.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(tag = "formula", rename_all = "kebab-case")]
pub enum BetaSchedule {
    /// See [`Schedule::linear`].
    Linear {
        /// The number of timesteps.
        steps: usize,
        /// The first beta.
        start: f64,
        /// The last beta.
        end: f64,
    },
    /// See [`Schedule::cosine`].
    Cosine {
        /// The number of timesteps.
        steps: usize,
        /// The offset that keeps the first betas from vanishing.
        offset: f64,
    },
}

impl BetaSchedule {
    /// The schedule's values at every timestep. Fails if the parameters are invalid, or there are more than 100,000
    /// timesteps.
    pub fn schedule(&self) -> Result<Schedule> {
        let (Self::Linear { steps, .. } | Self::Cosine { steps, .. }) = *self;
        if steps > 100_000 {
            return Err(Error::Sampling(format!(
                "a beta schedule of {steps} timesteps; at most 100,000 are supported"
            )));
        }
        match *self {
            Self::Linear { steps, start, end } => Schedule::linear(steps, start, end),
            Self::Cosine { steps, offset } => Schedule::cosine(steps, offset),
        }
    }
}

/// What a denoiser predicts from `x = sqrt(alpha_bar) picture + sqrt(1 - alpha_bar) noise`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Prediction {
    /// The noise, epsilon (Ho et al. 2020, arXiv 2006.11239).
    Noise,
    /// The velocity v, `sqrt(alpha_bar) noise - sqrt(1 - alpha_bar) picture` (Salimans and Ho 2022, arXiv 2202.00512).
    Velocity,
}
