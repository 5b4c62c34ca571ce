//! Normalisation of pictures by channel.

use crate::{Error, Result};

/// `(value - mean) / deviation`, each channel with its own.
#[derive(Debug, Clone, PartialEq)]
pub struct Normalise {
    mean: Vec<f32>,
    deviation: Vec<f32>,
}

impl Normalise {
    /// The means and standard deviations of the channels of pictures in `[0, 1]`. Fails where the lengths differ or a
    /// deviation is not above 0.
    pub fn new(mean: &[f32], deviation: &[f32]) -> Result<Self> {
        let positive = deviation.iter().all(|value| *value > 0.0 && value.is_finite());
        if mean.len() != deviation.len() || !positive || mean.iter().any(|value| !value.is_finite()) {
            return Err(Error::Config(format!(
                "cannot normalise by means {mean:?} and deviations {deviation:?}; give as many of each, and \
                 deviations above 0"
            )));
        }
        Ok(Self { mean: mean.to_vec(), deviation: deviation.to_vec() })
    }

    /// `[0, 1]` becomes `[-1, 1]`.
    pub fn symmetric(channels: usize) -> Self {
        Self { mean: vec![0.5; channels], deviation: vec![0.5; channels] }
    }

    /// The number of channels.
    pub fn channels(&self) -> usize {
        self.mean.len()
    }

    /// Normalises pictures `[batch, channel, ...]` with `plane` values in a channel of a picture.
    pub fn apply(&self, values: &mut [f32], plane: usize) {
        let channels = self.mean.iter().zip(&self.deviation).cycle();
        for (values, (mean, deviation)) in values.chunks_exact_mut(plane).zip(channels) {
            values.iter_mut().for_each(|value| *value = (*value - mean) / deviation);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_channel_by_its_own() {
        let mut values = [0.0, 1.0, 0.5, 0.25, 1.0, 0.0, 0.5, 0.5];
        Normalise::new(&[0.5, 0.25], &[0.5, 0.25]).unwrap().apply(&mut values, 2);
        assert_eq!(values, [-1.0, 1.0, 1.0, 0.0, 1.0, -1.0, 1.0, 1.0]);
        let mut values = [0.0, 0.5, 1.0];
        Normalise::symmetric(3).apply(&mut values, 1);
        assert_eq!(values, [-1.0, 0.0, 1.0]);
    }

    #[test]
    fn nonsense_is_refused() {
        assert!(Normalise::new(&[0.5], &[0.0]).is_err());
        assert!(Normalise::new(&[0.5, 0.5], &[0.5]).is_err());
        assert!(Normalise::new(&[f32::NAN], &[0.5]).is_err());
    }
}
