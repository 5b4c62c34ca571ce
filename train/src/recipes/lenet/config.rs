//! The settings of the classifier.

use crate::data::PictureFormat;
use crate::networks::lenet::SIDE;
use crate::optim::LrSchedule;
use crate::settings::{Epochs, Shared, finite_from_zero, fraction, one_of, within};
use crate::{Result, settings};

settings! {
    /// The settings of the classifier.
    pub struct LenetConfig {
        /// What pictures are converted to: 1 (grey) or 3 (RGB) channels
        #[arg(value_name = "1|3")]
        pub channels: usize,
        /// The number of classes, if more than the data has
        #[arg(value_name = "N")]
        pub classes: Option<usize>,
        /// AdamW's decoupled weight decay
        #[arg(value_name = "X")]
        pub weight_decay: f64,
        /// Augmentation: shift training pictures by up to N pixels
        #[arg(value_name = "N")]
        pub shift: u32,
        /// The part held out for validation if the data has no test set
        #[was("held-out")]
        #[arg(value_name = "X")]
        pub validation_split: f64,
        ..epochs: Epochs,
        ..shared: Shared,
    }
}

impl LenetConfig {
    /// 12 epochs: above 99 % on MNIST.
    pub fn classic() -> Self {
        Self {
            channels: 1,
            classes: None,
            weight_decay: 0.01,
            shift: 2,
            validation_split: 0.1,
            epochs: Epochs { batch: 128, epochs: Some(12) },
            shared: Shared {
                threads: 1,
                lr: 2e-3,
                lr_schedule: LrSchedule::Cosine,
                ema_decay: 0.998,
                log_every: 100,
                ..Shared::default()
            },
        }
    }

    /// 2 epochs: a first try.
    pub fn quick() -> Self {
        Self { epochs: Epochs { batch: 128, epochs: Some(2) }, ..Self::classic() }
    }

    pub(super) fn check(&self) -> Result<()> {
        self.epochs.check(self.shared.steps)?;
        one_of("channels", self.channels, &[1, 3])?;
        within("classes", self.classes.unwrap_or(1), 1..=1 << 16)?;
        finite_from_zero("weight_decay", self.weight_decay)?;
        within("shift", self.shift, 0..=SIDE as u32 - 1)?;
        fraction("validation_split", self.validation_split)
    }

    /// The format of pictures.
    pub fn format(&self) -> PictureFormat {
        PictureFormat { channels: self.channels, height: SIDE, width: SIDE }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Error;

    #[test]
    fn nonsense_is_named() {
        let classic = LenetConfig::classic;
        let refused = |config: LenetConfig| match config.check().unwrap_err() {
            Error::Setting { name, .. } => name,
            other => panic!("{other:?}"),
        };
        classic().check().unwrap();
        assert_eq!(refused(LenetConfig { channels: 2, ..classic() }), "channels");
        assert_eq!(refused(LenetConfig { shift: 32, ..classic() }), "shift");
        assert_eq!(refused(LenetConfig { classes: Some(0), ..classic() }), "classes");
        assert_eq!(refused(LenetConfig { validation_split: 1.0, ..classic() }), "validation_split");
        let neither = Epochs { batch: 1, epochs: None };
        assert!(matches!(LenetConfig { epochs: neither, ..classic() }.check(), Err(Error::Config(_))));
    }
}
