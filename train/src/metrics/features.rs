//! What a classifier extracts from pictures: vectors whose distances mean something.

use candle_core::Device;

use super::classifier_input;
use crate::data::Pictures;
use crate::networks::lenet::{Lenet, WIDTH};
use crate::{Error, Result};

/// The features of at least two pictures. All are finite.
#[derive(Debug, Clone, PartialEq)]
pub struct Features {
    values: Vec<f32>,
    width: usize,
    predictions: Vec<u32>,
}

impl Features {
    /// `values` is `[picture, feature]`, with `width` features a picture. Fails for fewer than two pictures, and on NaN
    /// and infinity.
    pub fn new(values: Vec<f32>, width: usize) -> Result<Self> {
        let count = values.len() / width;
        if count < 2 {
            return Err(Error::Data(format!("{count} pictures are too few to compare; give at least 2")));
        }
        if values.iter().any(|value| !value.is_finite()) {
            return Err(Error::Run("the classifier's features contain NaN or infinity; use another classifier".into()));
        }
        Ok(Self { values, width, predictions: Vec::new() })
    }

    /// Those of pictures by a classifier, which is on the device, with its predictions. Pictures are converted to its
    /// [input format](classifier_input::format).
    pub fn of(pictures: &Pictures, classifier: &Lenet, device: &Device) -> Result<Self> {
        let mut values = Vec::with_capacity(pictures.len() * WIDTH);
        let mut predictions = Vec::with_capacity(pictures.len());
        for batch in classifier_input::batches(pictures, classifier, device) {
            let features = classifier.features(&batch?.0)?.detach();
            predictions.extend(classifier.decide(&features)?.argmax(1)?.to_vec1::<u32>()?);
            values.extend(features.flatten_all()?.to_vec1::<f32>()?);
        }
        Ok(Self::new(values, WIDTH)?.with_predictions(predictions))
    }

    /// With the class that the classifier predicts for each picture.
    pub fn with_predictions(self, predictions: Vec<u32>) -> Self {
        Self { predictions, ..self }
    }

    /// The class that the classifier predicts for each picture; empty where it was not asked.
    pub fn predictions(&self) -> &[u32] {
        &self.predictions
    }

    /// How many pictures are predicted as each of the classes.
    pub fn class_counts(&self, classes: usize) -> Vec<u64> {
        let mut counts = vec![0; classes];
        self.predictions.iter().for_each(|class| counts[*class as usize] += 1);
        counts
    }

    /// The features of one picture.
    pub fn row(&self, picture: usize) -> &[f32] {
        &self.values[picture * self.width..][..self.width]
    }

    /// The number of pictures.
    pub fn count(&self) -> usize {
        self.values.len() / self.width
    }

    /// The number of features a picture.
    pub fn width(&self) -> usize {
        self.width
    }

    /// `[picture, feature]`.
    pub fn values(&self) -> &[f32] {
        &self.values
    }

    /// Fails unless both sets have the same number of features.
    pub(super) fn check_comparable(&self, other: &Self) -> Result<()> {
        let (width, other) = (self.width, other.width);
        if width == other {
            return Ok(());
        }
        Err(Error::Data(format!("{width} features cannot be compared with {other}; use one classifier for both sets")))
    }
}

/// The squared distance between two rows.
pub fn squared_distance(a: &[f32], b: &[f32]) -> f32 {
    a.iter().zip(b).map(|(a, b)| (a - b) * (a - b)).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_compared_is_refused() {
        let error = Features::new(vec![0.0; 8], 8).unwrap_err();
        assert!(matches!(&error, Error::Data(text) if text.starts_with("1 pictures")), "{error:?}");
        for value in [f32::NAN, f32::INFINITY] {
            let error = Features::new(vec![value; 16], 8).unwrap_err();
            assert!(matches!(error, Error::Run(_)), "{error:?}");
        }
        let [eight, four] = [8, 4].map(|width| Features::new(vec![0.0; 16], width).unwrap());
        let error = eight.check_comparable(&four).unwrap_err();
        assert!(matches!(&error, Error::Data(text) if text.contains('8') && text.contains('4')), "{error:?}");
        assert!(eight.check_comparable(&eight).is_ok());
    }
}
