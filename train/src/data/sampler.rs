//! The items of an epoch, their order, and their grouping into batches.
//!
//! A sampler is a pure function of the epoch's number. So a position in the data is just the number of an epoch and of a
//! batch, and does not depend on threads.

use easel_runtime::Random;

use crate::run::streams;
use crate::{Error, Result};

/// The order of an epoch.
pub trait Sampler: Send + Sync + 'static {
    /// The indices of an epoch, numbered from 0.
    fn order(&self, epoch: u64) -> Vec<u32>;
}

/// The batches of an epoch.
pub trait BatchSampler: Send + Sync + 'static {
    /// The indices of each batch of an epoch, numbered from 0. No batch is empty, and all epochs have the same number of batches.
    fn batches(&self, epoch: u64) -> Vec<Vec<u32>>;
}

/// `0..len`, every epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sequential(pub usize);

impl Sampler for Sequential {
    fn order(&self, _: u64) -> Vec<u32> {
        all(self.0)
    }
}

/// `0..len` in a new random order each epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shuffle {
    /// The number of items.
    pub len: usize,
    /// The seed of the orders.
    pub seed: u64,
}

impl Sampler for Shuffle {
    fn order(&self, epoch: u64) -> Vec<u32> {
        let mut order = all(self.len);
        shuffle(&mut order, self.seed, epoch);
        order
    }
}

/// A subset of the items, in the given order or, with a seed, in a new random one each epoch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subset {
    /// The items.
    pub indices: Vec<u32>,
    /// Shuffles with this seed.
    pub seed: Option<u64>,
}

impl Sampler for Subset {
    fn order(&self, epoch: u64) -> Vec<u32> {
        let mut order = self.indices.clone();
        if let Some(seed) = self.seed {
            shuffle(&mut order, seed, epoch);
        }
        order
    }
}

/// Draws items with replacement, with probabilities proportional to their weights.
#[derive(Debug, Clone, PartialEq)]
pub struct Weighted {
    cumulative: Vec<f64>,
    count: usize,
    seed: u64,
}

impl Weighted {
    /// `count` items an epoch. Fails on a weight that is negative or NaN, and where all are 0.
    pub fn new(weights: &[f64], count: usize, seed: u64) -> Result<Self> {
        if let Some((index, weight)) =
            weights.iter().enumerate().find(|(_, weight)| !(weight.is_finite() && **weight >= 0.0))
        {
            return Err(Error::Config(format!("the weight of item {index} is {weight}; give numbers from 0 up")));
        }
        let cumulative: Vec<f64> = weights
            .iter()
            .scan(0.0, |sum, weight| {
                *sum += weight;
                Some(*sum)
            })
            .collect();
        match cumulative.last() {
            Some(sum) if *sum > 0.0 && sum.is_finite() => Ok(Self { cumulative, count, seed }),
            _ => Err(Error::Config("the weights of the items are all 0; give some above 0".into())),
        }
    }

    /// All classes equally often, whatever the number of their items: the weight of an item is 1 over the number of items
    /// with its label.
    pub fn balanced(labels: &[u32], count: usize, seed: u64) -> Result<Self> {
        let mut sizes = std::collections::BTreeMap::new();
        labels.iter().for_each(|label| *sizes.entry(label).or_insert(0u32) += 1);
        let weights: Vec<f64> = labels.iter().map(|label| 1.0 / f64::from(sizes[label])).collect();
        Self::new(&weights, count, seed)
    }
}

impl Sampler for Weighted {
    fn order(&self, epoch: u64) -> Vec<u32> {
        let mut random = Random::new(self.seed, streams::DATA_ORDER + epoch);
        let sum = self.cumulative[self.cumulative.len() - 1];
        let draw = |_| {
            // 48 bits, so that each of millions of items can be drawn.
            let unit = (f64::from(random.next_u32()) + random.unit()) / (f64::from(u32::MAX) + 1.0);
            self.cumulative.partition_point(|&upto| upto <= unit * sum).min(self.cumulative.len() - 1) as u32
        };
        (0..self.count).map(draw).collect()
    }
}

/// Consecutive items of a sampler's order as batches.
pub struct Batches<S> {
    sampler: S,
    size: usize,
    last: Last,
}

/// Batches of one size across the boundaries of passes over the data: a batch may hold the end of one pass and the
/// beginning of the next.
///
/// An epoch of this sampler has the number of batches of a pass, rounded up.
pub struct Continuous<S> {
    sampler: S,
    len: usize,
    size: usize,
}

impl<S: Sampler> Continuous<S> {
    /// Batches of `size` items over orders of `len`.
    ///
    /// # Panics
    /// Where either is 0.
    pub fn new(sampler: S, len: usize, size: usize) -> Self {
        assert!(len > 0 && size > 0, "a batch needs items");
        Self { sampler, len, size }
    }

    /// The batches of an epoch.
    pub fn count(&self) -> u64 {
        self.len.div_ceil(self.size) as u64
    }

    /// The epoch, and the batch in it, that begin after this many items.
    pub fn after(&self, items: u64) -> (u64, u64) {
        let batch = items / self.size as u64;
        (batch / self.count(), batch % self.count())
    }
}

impl<S: Sampler> BatchSampler for Continuous<S> {
    fn batches(&self, epoch: u64) -> Vec<Vec<u32>> {
        let count = self.count() as usize * self.size;
        let first = epoch * count as u64;
        let (pass, skipped) = (first / self.len as u64, (first % self.len as u64) as usize);
        let items = (pass..).flat_map(|pass| self.sampler.order(pass)).skip(skipped).take(count);
        items.collect::<Vec<_>>().chunks(self.size).map(<[u32]>::to_vec).collect()
    }
}

/// What to do about a smaller last batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Last {
    Keep,
    Drop,
    /// Filled up to this many items.
    Fill(usize),
}

impl<S: Sampler> Batches<S> {
    /// Batches of `size` items; the epoch's last one may be smaller.
    ///
    /// # Panics
    /// Where `size` is 0.
    pub fn new(sampler: S, size: usize) -> Self {
        assert!(size > 0, "a batch needs items");
        Self { sampler, size, last: Last::Keep }
    }

    /// Drops a smaller last batch.
    pub fn drop_last(self) -> Self {
        Self { last: Last::Drop, ..self }
    }

    /// Fills up a smaller last batch with items from the beginning of the epoch, repeated where there are too few.
    pub fn fill_last(self) -> Self {
        Self { last: Last::Fill(self.size), ..self }
    }

    /// Fills up a last batch of fewer than `least` items in the same way, and keeps any other smaller last batch. For networks
    /// that cannot train on a single item, as with batch norm.
    pub fn at_least(self, least: usize) -> Self {
        Self { last: Last::Fill(least), ..self }
    }
}

impl<S: Sampler> BatchSampler for Batches<S> {
    fn batches(&self, epoch: u64) -> Vec<Vec<u32>> {
        let order = self.sampler.order(epoch);
        let mut batches: Vec<Vec<u32>> = order.chunks(self.size).map(<[u32]>::to_vec).collect();
        match (self.last, batches.last_mut()) {
            (Last::Drop, Some(last)) if last.len() < self.size => drop(batches.pop()),
            (Last::Fill(least), Some(last)) => last.extend(order.iter().cycle().take(least.saturating_sub(last.len()))),
            _ => {}
        }
        batches
    }
}

fn all(len: usize) -> Vec<u32> {
    (0..u32::try_from(len).expect("a set has at most u32::MAX items")).collect()
}

fn shuffle(order: &mut [u32], seed: u64, epoch: u64) {
    Random::new(seed, streams::DATA_ORDER + epoch).shuffle(order);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn continuous_batches_run_on_into_the_next_order() {
        let sampler = Shuffle { len: 13, seed: 7 };
        let stream: Vec<u32> = (0..9).flat_map(|epoch| sampler.order(epoch)).collect();
        let batches = Continuous::new(sampler, 13, 5);
        let found: Vec<u32> = (0..6).flat_map(|epoch| batches.batches(epoch)).flatten().collect();
        assert_eq!(batches.count(), 3);
        assert_eq!(found, stream[..90]);
        assert_eq!(batches.after(35), (2, 1));
        // A batch may be larger than the data.
        assert_eq!(Continuous::new(Sequential(2), 2, 5).batches(1), [[1, 0, 1, 0, 1]]);
    }

    #[test]
    fn batches_group() {
        let batches = Batches::new(Sequential(7), 3);
        assert_eq!(batches.batches(0), [vec![0, 1, 2], vec![3, 4, 5], vec![6]]);
        assert_eq!(batches.drop_last().batches(5), [[0, 1, 2], [3, 4, 5]]);
        assert!(Batches::new(Sequential(2), 3).drop_last().batches(0).is_empty());
        assert_eq!(Batches::new(Sequential(4), 3).fill_last().batches(0), [[0, 1, 2], [3, 0, 1]]);
        assert_eq!(Batches::new(Sequential(1), 3).fill_last().batches(0), [[0, 0, 0]]);
        let at_least = |len| Batches::new(Sequential(len), 3).at_least(2).batches(0);
        assert_eq!((at_least(4), at_least(1)), (vec![vec![0, 1, 2], vec![3, 0]], vec![vec![0, 0]]));
        assert_eq!(at_least(5), [vec![0, 1, 2], vec![3, 4]]);
    }

    #[test]
    fn subsets() {
        let subset = Subset { indices: vec![5, 1, 9], seed: None };
        assert_eq!(subset.order(3), [5, 1, 9]);
        let subset = Subset { indices: (10..30).collect(), seed: Some(1) };
        let (mut first, second) = (subset.order(0), subset.order(1));
        assert_ne!(first, second);
        first.sort_unstable();
        assert_eq!(first, subset.indices);
    }

    #[test]
    fn weights_are_frequencies() {
        let sampler = Weighted::new(&[0.0, 1.0, 3.0, 0.0], 8_000, 4).unwrap();
        let order = sampler.order(0);
        let count = |index| order.iter().filter(|drawn| **drawn == index).count();
        assert_eq!((count(0), count(3)), (0, 0));
        assert!((1_800..2_200).contains(&count(1)), "{}", count(1));
        assert_ne!(order, sampler.order(1));
        let labels = [0, 0, 0, 0, 0, 0, 0, 1];
        let rare = Weighted::balanced(&labels, 8_000, 1).unwrap().order(0);
        let rare = rare.iter().filter(|index| **index == 7).count();
        assert!((3_800..4_200).contains(&rare), "{rare}");
        assert!(Weighted::new(&[1.0, f64::NAN], 1, 0).unwrap_err().to_string().contains("item 1 is NaN"));
        assert!(Weighted::new(&[0.0], 1, 0).is_err() && Weighted::new(&[], 1, 0).is_err());
    }
}
