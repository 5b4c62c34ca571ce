//! Seeded random numbers that are the same bits on every target.
//!
//! Uniform numbers are ChaCha8's output. Normal numbers are computed from them by the Box-Muller transform
//! (Box and Muller 1958, "A Note on the Generation of Random Normal Deviates") in float64 with the `libm` crate:
//! the `ln` and `cos` of different systems differ in the last bits.

use rand_chacha::ChaCha8Rng;
use rand_core::{Rng, SeedableRng};
use serde::{Deserialize, Serialize};

/// A seeded generator with independent streams.
///
/// Numbers of different streams of one seed do not overlap, so each use (weights, noise, the order of the data, each
/// picture of a batch) has its own stream and does not affect the others.
#[derive(Debug, Clone)]
pub struct Random {
    seed: u64,
    chacha: ChaCha8Rng,
}

/// A generator's state, to continue its sequence from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct RandomState {
    /// The seed.
    pub seed: u64,
    /// The stream.
    pub stream: u64,
    /// The number of 32-bit words drawn from the stream.
    pub words: u64,
}

impl Random {
    /// A generator at the start of a stream of a seed. The seed is the ChaCha key's first eight bytes, little-endian; the rest is 0.
    pub fn new(seed: u64, stream: u64) -> Self {
        let mut key = [0u8; 32];
        key[..8].copy_from_slice(&seed.to_le_bytes());
        let mut chacha = ChaCha8Rng::from_seed(key);
        chacha.set_stream(stream);
        Self { seed, chacha }
    }

    /// Continues from where [`Random::state`] was called.
    pub fn from_state(state: RandomState) -> Self {
        let mut random = Self::new(state.seed, state.stream);
        random.chacha.set_word_pos(u128::from(state.words));
        random
    }

    /// The current state. It holds for the first 2^64 words of a stream.
    pub fn state(&self) -> RandomState {
        RandomState { seed: self.seed, stream: self.chacha.get_stream(), words: self.chacha.get_word_pos() as u64 }
    }

    /// 32 random bits.
    pub fn next_u32(&mut self) -> u32 {
        self.chacha.next_u32()
    }

    /// An integer in `0..bound`, without bias (Lemire 2019, "Fast Random Integer Generation in an Interval").
    ///
    /// # Panics
    /// If `bound` is 0.
    pub fn below(&mut self, bound: u32) -> u32 {
        assert!(bound > 0, "the bound must be above 0");
        let threshold = bound.wrapping_neg() % bound;
        loop {
            let product = u64::from(self.next_u32()) * u64::from(bound);
            if product as u32 >= threshold {
                return (product >> 32) as u32;
            }
        }
    }

    /// A number in the open interval (0, 1), one of 2^24 evenly spaced.
    pub fn unit(&mut self) -> f64 {
        (f64::from(self.next_u32() >> 8) + 0.5) / f64::from(1u32 << 24)
    }

    /// A number in the open interval (low, high).
    pub fn uniform(&mut self, low: f32, high: f32) -> f32 {
        (f64::from(low) + self.unit() * (f64::from(high) - f64::from(low))) as f32
    }

    /// `count` numbers in the open interval (low, high).
    pub fn uniforms(&mut self, count: usize, low: f32, high: f32) -> Vec<f32> {
        (0..count).map(|_| self.uniform(low, high)).collect()
    }

    /// `count` independent standard normal numbers. They are generated in pairs; an odd count drops the last one.
    pub fn normals(&mut self, count: usize) -> Vec<f32> {
        let mut values = Vec::with_capacity(count + 1);
        while values.len() < count {
            let radius = libm::sqrt(-2.0 * libm::log(self.unit()));
            let angle = std::f64::consts::TAU * self.unit();
            values.push((radius * libm::cos(angle)) as f32);
            values.push((radius * libm::sin(angle)) as f32);
        }
        values.truncate(count);
        values
    }

    /// Shuffles the elements (Fisher-Yates).
    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            let other = self.below(last as u32 + 1) as usize;
            items.swap(last, other);
        }
    }
}

/// A test vector for all targets: the seed, the stream, and the bits of the first four normal numbers as float32.
pub const KNOWN_NORMALS: (u64, u64, [u32; 4]) = (1, 2, [0xbee0_1e3e, 0x3edc_e181, 0x3efb_2c52, 0x3ecf_60b6]);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_answers() {
        let (seed, stream, bits) = KNOWN_NORMALS;
        let normals = Random::new(seed, stream).normals(4);
        assert_eq!(normals.iter().map(|n| n.to_bits()).collect::<Vec<_>>(), bits);
    }

    #[test]
    fn moments() {
        let mut random = Random::new(3, 0);
        let n = 200_000;
        let normals = random.normals(n);
        let mean = normals.iter().map(|&x| f64::from(x)).sum::<f64>() / n as f64;
        let variance = normals.iter().map(|&x| f64::from(x).powi(2)).sum::<f64>() / n as f64 - mean * mean;
        let fourth = normals.iter().map(|&x| f64::from(x).powi(4)).sum::<f64>() / n as f64;
        assert!(mean.abs() < 0.01, "mean {mean}");
        assert!((variance - 1.0).abs() < 0.02, "variance {variance}");
        assert!((fourth - 3.0).abs() < 0.1, "fourth moment {fourth}");
        let uniforms = random.uniforms(n, -1.0, 1.0);
        assert!(uniforms.iter().all(|u| *u > -1.0 && *u < 1.0));
        assert!((uniforms.iter().map(|&u| f64::from(u)).sum::<f64>() / n as f64).abs() < 0.01);
    }

    #[test]
    fn continues_from_a_state() {
        let mut random = Random::new(9, 4);
        random.uniforms(37, 0.0, 1.0);
        let mut again = Random::from_state(random.state());
        assert_eq!(random.normals(20), again.normals(20));
        assert_eq!(random.state(), again.state());
    }

    #[test]
    fn streams_differ() {
        assert_ne!(Random::new(1, 0).next_u32(), Random::new(1, 1).next_u32());
    }

    #[test]
    fn below_covers_its_range() {
        let mut random = Random::new(5, 0);
        let mut seen = [0u32; 7];
        (0..7_000).for_each(|_| seen[random.below(7) as usize] += 1);
        assert!(seen.iter().all(|&count| (850..1150).contains(&count)), "{seen:?}");
    }

    #[test]
    fn shuffle_is_a_permutation() {
        let mut items: Vec<u32> = (0..100).collect();
        Random::new(1, 0).shuffle(&mut items);
        assert_ne!(items, (0..100).collect::<Vec<_>>());
        items.sort_unstable();
        assert_eq!(items, (0..100).collect::<Vec<_>>());
    }
}
