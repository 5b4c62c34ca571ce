//! How pictures are shown to the network that judges them.

use candle_core::Tensor;
use easel_runtime::Random;

use crate::Result;
use crate::ops::bilinear::{Enlarged, enlarge};

/// How pictures are shown to the network that judges them: enlarged and then moved. A network whose first convolution
/// takes every other pixel judges these unevenly, which breeds patterns of the period that it prefers. Enlarged by
/// another factor and moved by another shift in each step, all pixels weigh the same and no period is preferred.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct View {
    /// Output, content and style are enlarged by a factor between these (bilinear), to whole pixels; at least 1. Between
    /// two different ones there are [`FACTORS`], each as likely as the others.
    pub enlarge: [f64; 2],
    /// The enlargement is surrounded by so many rows and columns of its reflection: as many as the shift at the top and
    /// the left, the others at the bottom and the right. Cutting rows off would also move the rest, but then nobody
    /// judged the border.
    pub jitter: usize,
}

/// The number of factors between the ends of [`View::enlarge`], the ends among them.
pub const FACTORS: usize = 4;

/// One look at pictures through a [`View`].
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Look {
    /// Which of the view's factors.
    pub factor: usize,
    /// Rows and columns that are added at the top and the left: each from 0 to the jitter.
    pub shift: [usize; 2],
}

impl View {
    /// Pictures as they are.
    pub const PLAIN: Self = Self { enlarge: [1.0, 1.0], jitter: 0 };

    /// The factors, the smallest first.
    pub fn factors(&self) -> Vec<f64> {
        let [from, to] = self.enlarge;
        let count = if from == to { 1 } else { FACTORS };
        let place = |number: usize| number as f64 / (count - 1).max(1) as f64;
        (0..count).map(|number| from + (to - from) * place(number)).collect()
    }

    /// A factor and a shift.
    pub fn random_look(&self, random: &mut Random) -> Look {
        let factor = random.below(self.factors().len() as u32) as usize;
        Look { factor, shift: [(); 2].map(|()| random.below(self.jitter as u32 + 1) as usize) }
    }

    /// Shows pictures `[batch, channel, height, width]`. Fails where the jitter is as large as a side.
    pub fn show(&self, pictures: &Tensor, look: Look) -> Result<Tensor> {
        if *self == Self::PLAIN {
            return Ok(pictures.clone());
        }
        let (_, _, height, width) = pictures.dims4()?;
        let size = [height, width].map(|pixels| enlarged(pixels, self.factors()[look.factor]));
        let [rows, columns] = [0, 1].map(|side| {
            let before = look.shift[side];
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
    fn views_move_the_whole_enlargement() {
        let view = View { enlarge: [2.0, 2.0], jitter: 3 };
        let at = |shift| Look { factor: 0, shift };
        let picture = picture();
        let whole = View { enlarge: [2.0, 2.0], jitter: 0 }.show(&picture, at([0, 0])).unwrap();
        let shown = view.show(&picture, at([1, 3])).unwrap();
        assert_eq!((whole.dim(3).unwrap(), shown.dims()), (16, &[1, 3, 19, 19][..]));
        let inner = shown.narrow(2, 1, 16).unwrap().narrow(3, 3, 16).unwrap();
        let values = |x: &Tensor| x.flatten_all().unwrap().to_vec1::<f32>().unwrap();
        assert_eq!(values(&inner), values(&whole));
        let mut random = Random::new(5, 0);
        let shifts: Vec<_> = (0..200).flat_map(|_| view.random_look(&mut random).shift).collect();
        assert!((0..=3).all(|shift| shifts.contains(&shift)) && shifts.iter().all(|shift| *shift <= 3));
        assert_eq!(values(&View::PLAIN.show(&picture, at([0, 0])).unwrap()), values(&picture));
    }

    #[test]
    fn factors_take_turns() {
        let view = View { enlarge: [1.0, 2.5], jitter: 0 };
        assert_eq!((view.factors(), View::PLAIN.factors()), (vec![1.0, 1.5, 2.0, 2.5], vec![1.0]));
        let mut random = Random::new(5, 0);
        let mut found = [0; FACTORS];
        (0..200).for_each(|_| found[view.random_look(&mut random).factor] += 1);
        assert!(found.iter().all(|count| *count > 20), "{found:?}");
        let side = |factor| view.show(&picture(), Look { factor, shift: [0, 0] }).unwrap().dim(2).unwrap();
        assert_eq!([0, 1, 2, 3].map(side), [8, 12, 16, 20]);
    }
}
