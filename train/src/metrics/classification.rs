//! A classifier's answers against labels.

use candle_core::{DType, Device, Tensor};

use super::classifier_input;
use crate::data::Pictures;
use crate::losses::{CrossEntropy, Reduction};
use crate::networks::lenet::Lenet;
use crate::{Error, Result};

/// How often each class (the row) was predicted as each class (the column).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfusionMatrix(Vec<Vec<u64>>);

impl ConfusionMatrix {
    /// Zeros for some classes.
    pub fn new(classes: usize) -> Self {
        Self(vec![vec![0; classes]; classes])
    }

    /// The rows, one a class.
    pub fn rows(&self) -> &[Vec<u64>] {
        &self.0
    }

    /// The number of predictions.
    pub fn count(&self) -> u64 {
        self.0.iter().flatten().sum()
    }

    /// The number of correct predictions.
    pub fn correct(&self) -> u64 {
        self.0.iter().enumerate().map(|(class, row)| row[class]).sum()
    }

    /// The share of correct predictions, in [0, 1].
    pub fn accuracy(&self) -> f64 {
        self.correct() as f64 / self.count() as f64
    }

    /// The wrong predictions as class, predicted class and count, the most frequent first.
    pub fn mistakes(&self) -> Vec<(usize, usize, u64)> {
        let mut mistakes = vec![];
        for (class, row) in self.0.iter().enumerate() {
            let wrong = row.iter().enumerate().filter(|(predicted, count)| *predicted != class && **count > 0);
            mistakes.extend(wrong.map(|(predicted, &count)| (class, predicted, count)));
        }
        mistakes.sort_by_key(|&(class, predicted, count)| (std::cmp::Reverse(count), class, predicted));
        mistakes
    }
}

/// The evaluation of a classifier on a labelled set.
#[derive(Debug, Clone, PartialEq)]
pub struct Classification {
    /// The mean cross-entropy, in nats.
    pub loss: f64,
    /// The predictions.
    pub confusion: ConfusionMatrix,
}

impl Classification {
    /// Of batches of logits `[batch, classes]` and their labels, at least one. Fails on a label that is not one of the
    /// classes; `name` is the set's, for the message.
    pub fn of<'a>(
        name: &str,
        classes: usize,
        batches: impl IntoIterator<Item = Result<(Tensor, &'a [u32])>>,
    ) -> Result<Self> {
        let cross_entropy = CrossEntropy { reduction: Reduction::Sum, ..CrossEntropy::default() };
        let mut confusion = ConfusionMatrix::new(classes);
        let mut loss = 0.0;
        for batch in batches {
            let (logits, labels) = batch?;
            if let Some(label) = labels.iter().find(|label| **label as usize >= classes) {
                return Err(Error::Data(format!(
                    "{name}: label {label}, but the network has {classes} classes; give data with those classes"
                )));
            }
            let logits = logits.detach();
            for (label, predicted) in labels.iter().zip(logits.argmax(1)?.to_vec1::<u32>()?) {
                confusion.0[*label as usize][predicted as usize] += 1;
            }
            let sum = cross_entropy.compute(&logits, &Tensor::new(labels, logits.device())?)?;
            loss += sum.to_dtype(DType::F64)?.to_scalar::<f64>()?;
        }
        Ok(Self { loss: loss / confusion.count() as f64, confusion })
    }
}

/// Evaluates a classifier, which is on the device, on at least one labelled picture. Pictures are converted to its input
/// format. Fails on a label that is not one of its classes.
pub fn evaluate(network: &Lenet, pictures: &Pictures, device: &Device) -> Result<Classification> {
    let batches = classifier_input::batches(pictures, network, device);
    let predicted = batches.map(|batch| batch.and_then(|(images, labels)| Ok((network.classify(&images)?, labels))));
    Classification::of(&pictures.name, network.sizes().classes, predicted)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts() {
        let confusion = ConfusionMatrix(vec![vec![5, 1, 0], vec![2, 3, 2], vec![0, 0, 7]]);
        assert_eq!((confusion.count(), confusion.correct(), confusion.accuracy()), (20, 15, 0.75));
        assert_eq!(confusion.mistakes(), [(1, 0, 2), (1, 2, 2), (0, 1, 1)]);
    }

    #[test]
    fn batches_add_up() {
        let logits = |rows: &[f32]| Tensor::from_slice(rows, (rows.len() / 2, 2), &Device::Cpu).unwrap();
        let batches = [Ok((logits(&[0.0, 0.0, 0.0, 2.0]), &[0, 1][..])), Ok((logits(&[3.0, 1.0]), &[1][..]))];
        let Classification { loss, confusion } = Classification::of("letters", 2, batches).unwrap();
        assert_eq!(confusion.rows(), [[1, 0], [1, 1]]);
        // ln(1 + e^0), ln(1 + e^-2) and ln(1 + e^2).
        let mean = (2f64.ln() + (-2f64).exp().ln_1p() + 2f64.exp().ln_1p()) / 3.0;
        assert!((loss - mean).abs() < 1e-6, "{loss} {mean}");
        let error = Classification::of("letters", 2, [Ok((logits(&[0.0, 0.0]), &[2][..]))]).unwrap_err();
        assert!(matches!(&error, Error::Data(text) if text.starts_with("letters: label 2")), "{error:?}");
    }
}
