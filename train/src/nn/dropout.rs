//! Dropout.

use candle_core::Tensor;
use easel_runtime::Random;

use crate::{Error, Result};

/// Dropout (Srivastava et al. 2014): in training, every element is set to 0 with probability `p` and
/// otherwise multiplied by `1 / (1 - p)`. In evaluation it does nothing.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Dropout {
    p: f64,
}

impl Dropout {
    /// Fails where `p` is not a probability.
    pub fn new(p: f64) -> Result<Self> {
        if !(0.0..=1.0).contains(&p) {
            return Err(Error::Config(format!("dropout: p is {p}; give a probability from 0 to 1")));
        }
        Ok(Self { p })
    }

    /// Drops elements, drawing one number of `random` for each.
    pub fn train(&self, x: &Tensor, random: &mut Random) -> Result<Tensor> {
        let kept = if self.p < 1.0 { 1.0 / (1.0 - self.p) } else { 0.0 };
        let mask: Vec<f32> =
            (0..x.elem_count()).map(|_| if random.unit() < self.p { 0.0 } else { kept as f32 }).collect();
        let mask = Tensor::from_vec(mask, x.shape(), x.device())?.to_dtype(x.dtype())?;
        Ok((x * mask)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use candle_core::{DType, Device, Var};

    #[test]
    fn drops_its_share_and_keeps_the_mean() {
        let x = Var::ones(20_000, DType::F32, &Device::Cpu).unwrap();
        let dropout = Dropout::new(0.25).unwrap();
        let run = |seed| dropout.train(x.as_tensor(), &mut Random::new(seed, 0)).unwrap();
        let y = run(1);
        let values = y.to_vec1::<f32>().unwrap();
        let dropped = values.iter().filter(|value| **value == 0.0).count();
        assert!((4_800..5_200).contains(&dropped), "{dropped}");
        assert!(values.iter().all(|value| *value == 0.0 || (value - 4.0 / 3.0).abs() < 1e-6));
        assert_eq!(run(1).to_vec1::<f32>().unwrap(), values);
        assert_ne!(run(2).to_vec1::<f32>().unwrap(), values);
        let gradient = y.sum_all().unwrap().backward().unwrap().remove(&x).unwrap();
        assert_eq!(gradient.to_vec1::<f32>().unwrap(), values);
    }

    #[test]
    fn all_or_nothing() {
        let x = Tensor::ones(9, DType::F32, &Device::Cpu).unwrap();
        let run = |p| Dropout::new(p).unwrap().train(&x, &mut Random::new(1, 0)).unwrap().to_vec1::<f32>().unwrap();
        assert_eq!(run(0.0), [1.0; 9]);
        assert_eq!(run(1.0), [0.0; 9]);
        assert!(Dropout::new(1.5).is_err() && Dropout::new(f64::NAN).is_err());
    }
}
