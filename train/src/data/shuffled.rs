//! The order in which a run takes a set's pictures.

use easel_runtime::Random;
use serde::{Deserialize, Serialize};

use crate::run::streams;

/// An endless stream of indices: every epoch is the whole set in a new random order, and the next begins where one
/// ends, so a batch may hold the end of one epoch and the beginning of the next.
///
/// The order of an epoch depends on the seed, the epoch and the set's size alone.
#[derive(Debug, Clone)]
pub struct Shuffled {
    state: ShuffledState,
    order: Vec<u32>,
}

/// A place in the stream, from which it goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ShuffledState {
    /// The seed.
    pub seed: u64,
    /// The epoch, from 0.
    pub epoch: u64,
    /// How many indices the epoch has given.
    pub position: u64,
}

impl Shuffled {
    /// The stream of a seed over `len` pictures, from its beginning.
    ///
    /// # Panics
    /// Where `len` is 0.
    pub fn new(len: usize, seed: u64) -> Self {
        Self::from_state(len, ShuffledState { seed, epoch: 0, position: 0 })
    }

    /// Goes on where [`Shuffled::state`] was taken over a set of the same size.
    ///
    /// # Panics
    /// Where `len` is 0 or above `u32::MAX`.
    pub fn from_state(len: usize, state: ShuffledState) -> Self {
        assert!(len > 0, "an order needs something to order");
        let len = u32::try_from(len).expect("a set has at most u32::MAX pictures");
        let mut shuffled = Self { state, order: (0..len).collect() };
        shuffled.shuffle();
        shuffled
    }

    /// The place in the stream.
    pub fn state(&self) -> ShuffledState {
        self.state
    }

    /// The next `count` indices.
    pub fn take(&mut self, count: usize) -> Vec<u32> {
        let mut indices = Vec::with_capacity(count);
        while indices.len() < count {
            if self.state.position as usize >= self.order.len() {
                self.state = ShuffledState { epoch: self.state.epoch + 1, position: 0, ..self.state };
                self.shuffle();
            }
            let rest = &self.order[self.state.position as usize..];
            let taken = rest.len().min(count - indices.len());
            indices.extend(&rest[..taken]);
            self.state.position += taken as u64;
        }
        indices
    }

    fn shuffle(&mut self) {
        self.order.sort_unstable();
        Random::new(self.state.seed, streams::DATA_ORDER + self.state.epoch).shuffle(&mut self.order);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_epoch_has_every_picture_once() {
        let mut shuffled = Shuffled::new(10, 1);
        let mut epochs: Vec<u32> = [7, 7, 6].iter().flat_map(|&count| shuffled.take(count)).collect();
        assert_ne!(epochs[..10], epochs[10..]);
        for epoch in epochs.chunks_mut(10) {
            epoch.sort_unstable();
            assert_eq!(epoch, (0..10).collect::<Vec<u32>>());
        }
    }

    #[test]
    fn goes_on_from_a_state() {
        let mut shuffled = Shuffled::new(13, 5);
        for _ in 0..9 {
            shuffled.take(4);
            let mut again = Shuffled::from_state(13, shuffled.state());
            assert_eq!(again.take(30), shuffled.clone().take(30));
        }
    }

    #[test]
    fn a_batch_may_be_larger_than_the_set() {
        let batch = Shuffled::new(3, 0).take(10);
        assert_eq!(batch.iter().filter(|index| **index == 2).count(), 3);
    }

    #[test]
    fn seeds_differ() {
        assert_ne!(Shuffled::new(50, 1).take(50), Shuffled::new(50, 2).take(50));
    }
}
