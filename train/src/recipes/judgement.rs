//! How well a classifier does on labelled pictures.

use candle_core::{DType, Device, Tensor};

use crate::data::Pictures;
use crate::losses::{CrossEntropy, Reduction};
use crate::metrics::features::images;
use crate::networks::lenet::Lenet;
use crate::{Error, Result};

/// Pictures that are judged at once.
const BATCH: usize = 250;

/// A classifier's answers on a set.
#[derive(Debug, Clone, PartialEq)]
pub struct Judgement {
    /// The mean cross-entropy, in nats.
    pub loss: f64,
    /// How often a class (the row) was answered with each class.
    pub confusion: Vec<Vec<u64>>,
}

impl Judgement {
    /// The pictures.
    pub fn count(&self) -> u64 {
        self.confusion.iter().flatten().sum()
    }

    /// The pictures that were answered rightly.
    pub fn right(&self) -> u64 {
        (0..self.confusion.len()).map(|class| self.confusion[class][class]).sum()
    }

    /// The part that was answered rightly, in [0, 1].
    pub fn accuracy(&self) -> f64 {
        self.right() as f64 / self.count() as f64
    }

    /// The most frequent wrong answers, the most frequent first: the class, the answer, how often.
    pub fn mistakes(&self) -> Vec<(usize, usize, u64)> {
        let cells = self
            .confusion
            .iter()
            .enumerate()
            .flat_map(|(class, row)| row.iter().enumerate().map(move |(answer, &count)| (class, answer, count)));
        let mut mistakes: Vec<_> = cells.filter(|(class, answer, count)| class != answer && *count > 0).collect();
        mistakes.sort_by_key(|&(class, answer, count)| (std::cmp::Reverse(count), class, answer));
        mistakes
    }
}

/// Has a classifier answer every picture of a set, at least one, brought to what it takes. Fails on a label that is none
/// of its classes.
pub fn judge(network: &Lenet, pictures: &Pictures, device: &Device) -> Result<Judgement> {
    let mut tally = Tally::new(network.sizes().classes);
    let all: Vec<u32> = (0..pictures.len() as u32).collect();
    for indices in all.chunks(BATCH) {
        let images = images(pictures, indices, network, device)?;
        let labels: Vec<u32> = indices.iter().map(|&index| pictures.labels[index as usize]).collect();
        tally.add(&network.classify(&images)?, &labels).map_err(|error| in_set(&pictures.name, error))?;
    }
    Ok(tally.judgement())
}

/// An error that names the set it was met in.
pub(super) fn in_set(name: &str, error: Error) -> Error {
    Error::Data(format!("{name}: {error}"))
}

/// Answers that are being counted.
pub(super) struct Tally {
    loss: f64,
    confusion: Vec<Vec<u64>>,
}

impl Tally {
    pub fn new(classes: usize) -> Self {
        Self { loss: 0.0, confusion: vec![vec![0; classes]; classes] }
    }

    /// Counts the answers of logits `[batch, classes]`. Fails on a label that is no class.
    pub fn add(&mut self, logits: &Tensor, labels: &[u32]) -> Result<()> {
        let classes = self.confusion.len();
        if let Some(label) = labels.iter().find(|label| **label as usize >= classes) {
            return Err(Error::Data(format!("label {label}, but there are {classes} classes")));
        }
        let logits = logits.detach();
        let answers = logits.argmax(1)?.to_vec1::<u32>()?;
        for (label, answer) in labels.iter().zip(answers) {
            self.confusion[*label as usize][answer as usize] += 1;
        }
        let labels = Tensor::new(labels, logits.device())?;
        let sum = CrossEntropy { reduction: Reduction::Sum, ..CrossEntropy::default() }.compute(&logits, &labels)?;
        self.loss += sum.to_dtype(DType::F64)?.to_scalar::<f64>()?;
        Ok(())
    }

    pub fn judgement(self) -> Judgement {
        let count = self.confusion.iter().flatten().sum::<u64>() as f64;
        Judgement { loss: self.loss / count, confusion: self.confusion }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts() {
        let judgement = Judgement { loss: 0.0, confusion: vec![vec![5, 1, 0], vec![2, 3, 2], vec![0, 0, 7]] };
        assert_eq!((judgement.count(), judgement.right(), judgement.accuracy()), (20, 15, 0.75));
        assert_eq!(judgement.mistakes(), [(1, 0, 2), (1, 2, 2), (0, 1, 1)]);
    }
}
