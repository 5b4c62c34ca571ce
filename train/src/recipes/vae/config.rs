//! The settings of the variational autoencoder.

use crate::data::PictureFormat;
use crate::networks::vae::{MULTIPLE, Sizes};
use crate::optim::LrSchedule;
use crate::settings::{Epochs, Sampling, Shared, finite_from_zero, one_of, within};
use crate::{Error, Result, settings};

/// The largest height and width of pictures.
const LARGEST: usize = 256;

settings! {
    /// The settings of the variational autoencoder.
    pub struct VaeConfig {
        /// Height and width that pictures are resized to, a multiple of 8
        #[arg(value_name = "N")]
        pub size: usize,
        /// What pictures are converted to: 1 (grey) or 3 (RGB) channels
        #[arg(value_name = "1|3")]
        pub channels: usize,
        /// Channels at half the size; they double at each of two further halvings
        #[arg(value_name = "N")]
        pub base_channels: usize,
        /// Elements of the latent vector, standard normal
        #[arg(value_name = "N")]
        pub z_dim: usize,
        /// Weight of the KL divergence: above 1 latent vectors are nearer to noise, below 1 reconstructions sharper
        #[arg(value_name = "X")]
        pub beta: f64,
        ..epochs: Epochs,
        ..sampling: Sampling,
        ..shared: Shared,
    }
}

impl VaeConfig {
    /// 30 epochs of MNIST.
    pub fn classic() -> Self {
        Self {
            size: 32,
            channels: 1,
            base_channels: 32,
            z_dim: 10,
            beta: 1.0,
            epochs: Epochs { batch: 128, epochs: Some(30) },
            sampling: Sampling { sample_every: Some(500) },
            shared: Shared { lr: 1e-3, lr_schedule: LrSchedule::Cosine, log_every: 100, ..Shared::default() },
        }
    }

    /// A narrower network and fewer steps, for one CPU core.
    pub fn light() -> Self {
        let classic = Self::classic();
        Self {
            base_channels: 16,
            epochs: Epochs { batch: 128, epochs: None },
            shared: Shared { steps: Some(6_000), ..classic.shared },
            ..classic
        }
    }

    /// A first look.
    pub fn quick() -> Self {
        let light = Self::light();
        Self {
            epochs: Epochs { batch: 64, epochs: None },
            shared: Shared { steps: Some(2_000), lr: 2e-3, ema_decay: 0.99, ..light.shared },
            ..light
        }
    }

    pub(super) fn check(&self) -> Result<()> {
        self.epochs.check(self.shared.steps)?;
        one_of("channels", self.channels, &[1, 3])?;
        within("base_channels", self.base_channels, 1..=1 << 10)?;
        within("z_dim", self.z_dim, 1..=1 << 12)?;
        finite_from_zero("beta", self.beta)?;
        if self.size.is_multiple_of(MULTIPLE) && (MULTIPLE..=LARGEST).contains(&self.size) {
            return Ok(());
        }
        let expected = format!("a multiple of {MULTIPLE} from {MULTIPLE} to {LARGEST}");
        Err(Error::Setting { name: "size", value: self.size.to_string(), expected })
    }

    /// What pictures are brought to.
    pub fn format(&self) -> PictureFormat {
        PictureFormat { channels: self.channels, height: self.size, width: self.size }
    }

    /// The network's sizes.
    pub fn sizes(&self) -> Sizes {
        Sizes { z_dim: self.z_dim, base_channels: self.base_channels, channels: self.channels, side: self.size }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nonsense_is_named() {
        let light = VaeConfig::light;
        let refused = |config: VaeConfig| match config.check().unwrap_err() {
            Error::Setting { name, .. } => name,
            other => panic!("{other:?}"),
        };
        [VaeConfig::classic(), light(), VaeConfig::quick()].iter().for_each(|config| config.check().unwrap());
        assert_eq!(refused(VaeConfig { size: 28, ..light() }), "size");
        assert_eq!(refused(VaeConfig { channels: 2, ..light() }), "channels");
        assert_eq!(refused(VaeConfig { z_dim: 0, ..light() }), "z_dim");
        assert_eq!(refused(VaeConfig { beta: f64::NAN, ..light() }), "beta");
    }
}
