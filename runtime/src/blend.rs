//! Weighted means of 8-bit pictures.

use crate::{Error, Result};

/// A weighted mean of byte arrays of equal length, such as the pixels of pictures of one size, added one at a time.
#[derive(Debug, Clone)]
pub struct Blend {
    /// Each sum starts at 0.5, so that truncation rounds it to the nearest byte.
    sums: Vec<f32>,
}

impl Blend {
    /// A blend of arrays of `len` bytes.
    pub fn new(len: usize) -> Self {
        Self { sums: vec![0.5; len] }
    }

    /// Adds an array with its weight; all weights together should add up to 1. Fails if the array has another length.
    pub fn add(&mut self, bytes: &[u8], weight: f32) -> Result<()> {
        if bytes.len() != self.sums.len() {
            return Err(Error::Shape(format!("{} bytes do not fit a blend of {}", bytes.len(), self.sums.len())));
        }
        for (sum, &byte) in self.sums.iter_mut().zip(bytes) {
            *sum += weight * f32::from(byte);
        }
        Ok(())
    }

    /// The mean, rounded to the nearest byte.
    pub fn finish(self) -> Vec<u8> {
        self.sums.into_iter().map(|sum| sum as u8).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn blend(layers: &[(f32, [u8; 4])]) -> Vec<u8> {
        let mut blend = Blend::new(4);
        for (weight, bytes) in layers {
            blend.add(bytes, *weight).unwrap();
        }
        blend.finish()
    }

    #[test]
    fn known_means() {
        assert_eq!(blend(&[(0.2, [255, 0, 10, 255]), (0.8, [0, 255, 20, 255])]), [51, 204, 18, 255]);
        let three = [(0.5, [1, 2, 3, 255]), (0.25, [3, 2, 1, 255]), (0.25, [8, 9, 0, 255])];
        assert_eq!(blend(&three), [3, 4, 2, 255]);
        assert_eq!(blend(&[(1.0, [1, 2, 3, 4])]), [1, 2, 3, 4]);
        assert!(Blend::new(4).add(&[0; 3], 1.0).is_err());
    }
}
