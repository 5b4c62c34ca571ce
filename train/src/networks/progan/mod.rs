//! ProGAN (Karras et al. 2017, arXiv 1710.10196): a generator and a critic that grow together from 4x4 to any power of two.
//!
//! They differ from the published networks: the generator has a second 3x3 convolution at 4x4, the critic has none
//! there, its from-RGB layers and its last convolution have no activation, and the latent vector is not normalised.

mod architecture;
mod critic;
mod equalised;
mod folded;
mod generator;

pub use architecture::ARCHITECTURE;
pub use critic::Critic;
pub use folded::{FOLDED, Folded};
pub use generator::Generator;

use crate::{Error, Result};

/// Height and width at step 0.
pub const SMALLEST: usize = 4;
/// The largest height and width.
pub const LARGEST: usize = 1024;

/// The slope of every leaky ReLU.
const SLOPE: f64 = 0.2;

/// The divisors of the channels at each step's resolution.
const DIVISORS: [usize; 9] = [1, 1, 1, 1, 2, 4, 4, 8, 16];

/// The sizes of both networks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sizes {
    /// Elements of the latent vector.
    pub z_dim: usize,
    /// Channels from 4x4 to 32x32; fewer above.
    pub width: usize,
    /// 3 (RGB) or 1 (grey).
    pub channels: usize,
    /// Height and width of the last step.
    pub resolution: usize,
}

impl Default for Sizes {
    fn default() -> Self {
        Self { z_dim: 128, width: 128, channels: 3, resolution: 128 }
    }
}

impl Sizes {
    /// The last step: that of the full resolution. Fails on invalid sizes.
    pub fn last_step(&self) -> Result<usize> {
        let Self { z_dim, width, channels, resolution } = *self;
        if !resolution.is_power_of_two() || !(SMALLEST..=LARGEST).contains(&resolution) {
            let above = resolution.clamp(SMALLEST, LARGEST).next_power_of_two();
            let below = if above > resolution { (above / 2).max(SMALLEST) } else { above };
            let nearest = if below == above { above.to_string() } else { format!("{below} or {above}") };
            return Err(Error::Config(format!(
                "the resolution is {resolution}, not a power of two from 4 to {LARGEST}; the nearest is {nearest}"
            )));
        }
        let step = (resolution / SMALLEST).ilog2() as usize;
        if width < DIVISORS[step] || z_dim == 0 || !matches!(channels, 1 | 3) {
            return Err(Error::Config(format!(
                "a ProGAN of {z_dim} latent elements, {width} channels and pictures of {channels} channels; give at least 1 latent element, at least {} channels for {resolution}x{resolution}, and pictures of 1 or 3",
                DIVISORS[step]
            )));
        }
        Ok(step)
    }

    /// The channels at the full resolution, the fewest. Fails as [`Sizes::last_step`] does.
    pub fn narrowest(&self) -> Result<usize> {
        Ok(self.width_at(self.last_step()?))
    }

    /// The channels at a step's resolution.
    fn width_at(&self, step: usize) -> usize {
        self.width / DIVISORS[step]
    }
}

/// A stage of the growth of both networks.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Stage {
    /// The resolution's step: pictures are `4 * 2^step` pixels high and wide.
    pub step: usize,
    /// The share of the step's own block, in (0, 1]; the rest is the step below, upsampled. At 1 the fade is over; step 0
    /// has no fade.
    pub alpha: f64,
}

impl Stage {
    /// A step without a fade.
    pub fn grown(step: usize) -> Self {
        Self { step, alpha: 1.0 }
    }

    /// The pictures' height and width.
    pub fn resolution(&self) -> usize {
        SMALLEST << self.step
    }

    /// The shares of the step's own block and of the one below; `None` outside of a fade.
    fn fade(&self) -> Option<[f64; 2]> {
        (self.step > 0 && self.alpha < 1.0).then_some([self.alpha, 1.0 - self.alpha])
    }

    fn check(&self, blocks: usize) -> Result<()> {
        if self.step < blocks && (0.0..=1.0).contains(&self.alpha) {
            return Ok(());
        }
        Err(Error::Config(format!(
            "the stage is step {} with alpha {}; give a step up to {} and an alpha from 0 to 1",
            self.step,
            self.alpha,
            blocks - 1
        )))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn other_resolutions_are_refused_with_the_nearest() {
        let refusal = |resolution| Sizes { resolution, ..Default::default() }.last_step().unwrap_err().to_string();
        assert!(refusal(100).contains("64 or 128"), "{}", refusal(100));
        assert!(refusal(2048).ends_with("is 1024"), "{}", refusal(2048));
        assert!(refusal(3).ends_with("is 4"), "{}", refusal(3));
        assert!(refusal(0).ends_with("is 4"), "{}", refusal(0));
        assert_eq!(Sizes { resolution: 1024, ..Default::default() }.last_step().unwrap(), 8);
        assert_eq!(Sizes { resolution: 4, ..Default::default() }.last_step().unwrap(), 0);
        assert!(Sizes { width: 8, resolution: 1024, ..Default::default() }.last_step().is_err());
    }
}
