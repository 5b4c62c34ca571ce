//! Augmentation before the perceptual loss.

use candle_core::Tensor;
use easel_runtime::Random;

use crate::Result;
use crate::ops::bilinear::{Enlarged, enlarge};

/// The augmentation of pictures before the loss network sees them: random enlargement and random shift. A network whose
/// first convolution has stride 2 weighs even and odd pixels differently, which leads to periodic artefacts. With a new
/// factor and a new shift in each step, all pixels weigh the same.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct View {
    /// The smallest and the largest factor by which output, content and style are enlarged (bilinear, rounded to whole
    /// pixels), at least 1. If they differ, one of [`FACTORS`] evenly spaced factors is drawn uniformly.
    pub enlarge: [f64; 2],
    /// The largest shift in pixels. The enlargement is padded by this many rows and columns of its reflection: as many as
    /// the shift at the top and the left, the others at the bottom and the right. Cropping would shift pictures too, but
    /// then the loss would not see the edges.
    pub jitter: usize,
}

/// The number of factors from one end of [`View::enlarge`] to the other, both ends included.
pub const FACTORS: usize = 4;

/// A random draw of a [`View`]: the same augmentation for all pictures of a step.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ViewSample {
    /// The index of the factor in [`View::factors`].
    pub factor: usize,
    /// Rows added at the top and columns added at the left, each from 0 to the jitter.
    pub shift: [usize; 2],
}

impl View {
    /// No augmentation.
    pub const PLAIN: Self = Self { enlarge: [1.0, 1.0], jitter: 0 };

    /// The factors, the smallest first.
    pub fn factors(&self) -> Vec<f64> {
        let [from, to] = self.enlarge;
        let count = if from == to { 1 } else { FACTORS };
        let part = |index: usize| index as f64 / (count - 1).max(1) as f64;
        (0..count).map(|index| from + (to - from) * part(index)).collect()
    }

    /// Draws a factor and a shift.
    pub fn sample(&self, random: &mut Random) -> ViewSample {
        let factor = random.below(self.factors().len() as u32) as usize;
        ViewSample { factor, shift: [(); 2].map(|()| random.below(self.jitter as u32 + 1) as usize) }
    }

    /// Augments pictures `[batch, channel, height, width]`. Fails where the jitter is as large as a side.
    pub fn apply(&self, pictures: &Tensor, sample: ViewSample) -> Result<Tensor> {
        if *self == Self::PLAIN {
            return Ok(pictures.clone());
        }
        let (_, _, height, width) = pictures.dims4()?;
        let size = [height, width].map(|pixels| enlarged(pixels, self.factors()[sample.factor]));
        let [rows, columns] = [0, 1].map(|side| {
            let before = sample.shift[side];
            -(before as isize)..(size[side] + self.jitter - before) as isize
        });
        enlarge(pictures, &Enlarged { size, rows, columns })
    }
}

fn enlarged(pixels: usize, factor: f64) -> usize {
    (pixels as f64 * factor).round() as usize
}

#[cfg(test)]
mod tests {
    use super::*;
    use candle_core::Device;

    fn picture() -> Tensor {
        let values = Random::new(1, 0).uniforms(3 * 8 * 8, -2.0, 2.5);
        Tensor::from_vec(values, (1, 3, 8, 8), &Device::Cpu).unwrap()
    }

    #[test]
    fn shifts_keep_the_whole_enlargement() {
        let view = View { enlarge: [2.0, 2.0], jitter: 3 };
        let at = |shift| ViewSample { factor: 0, shift };
        let picture = picture();
        let whole = View { enlarge: [2.0, 2.0], jitter: 0 }.apply(&picture, at([0, 0])).unwrap();
        let shifted = view.apply(&picture, at([1, 3])).unwrap();
        assert_eq!((whole.dim(3).unwrap(), shifted.dims()), (16, &[1, 3, 19, 19][..]));
        let inner = shifted.narrow(2, 1, 16).unwrap().narrow(3, 3, 16).unwrap();
        let values = |x: &Tensor| x.flatten_all().unwrap().to_vec1::<f32>().unwrap();
        assert_eq!(values(&inner), values(&whole));
        let mut random = Random::new(5, 0);
        let shifts: Vec<_> = (0..200).flat_map(|_| view.sample(&mut random).shift).collect();
        assert!((0..=3).all(|shift| shifts.contains(&shift)) && shifts.iter().all(|shift| *shift <= 3));
        assert_eq!(values(&View::PLAIN.apply(&picture, at([0, 0])).unwrap()), values(&picture));
    }

    #[test]
    fn factors_are_drawn_uniformly() {
        let view = View { enlarge: [1.0, 2.5], jitter: 0 };
        assert_eq!((view.factors(), View::PLAIN.factors()), (vec![1.0, 1.5, 2.0, 2.5], vec![1.0]));
        let mut random = Random::new(5, 0);
        let mut found = [0; FACTORS];
        (0..200).for_each(|_| found[view.sample(&mut random).factor] += 1);
        assert!(found.iter().all(|count| *count > 20), "{found:?}");
        let side = |factor| view.apply(&picture(), ViewSample { factor, shift: [0, 0] }).unwrap().dim(2).unwrap();
        assert_eq!([0, 1, 2, 3].map(side), [8, 12, 16, 20]);
    }
}
