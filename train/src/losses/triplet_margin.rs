//! The triplet margin loss (Balntas et al. 2016, "Learning local feature descriptors with triplets").
//!
//! PyTorch's `TripletMarginLoss`. Its golden cases are `loss/triplet_margin_*`.

use candle_core::{D, Tensor};

use super::Reduction;
use super::pieces::{abs, check_shape, clamp_at_0, keep};
use crate::{Error, Result};

/// `max(0, margin + d(anchor, positive) - d(anchor, negative))` for vectors along the last dimension. All three
/// arguments have one shape and gradients. `d(x, y)` is the p-norm of `x - y + eps`; its derivative is 0 where it is 0.
#[doc(alias = "TripletMarginLoss")]
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TripletMargin {
    /// The margin by which the negative should be farther away; 1 by default.
    pub margin: f64,
    /// The norm's degree, at least 1; 2 by default.
    pub p: f64,
    /// Added to every element of a difference; 1e-6 by default.
    pub eps: f64,
    /// Whether `d(positive, negative)` takes the place of `d(anchor, negative)` where it is smaller; false by default.
    pub swap: bool,
    /// The reduction.
    pub reduction: Reduction,
}

impl Default for TripletMargin {
    fn default() -> Self {
        Self { margin: 1.0, p: 2.0, eps: 1e-6, swap: false, reduction: Reduction::default() }
    }
}

impl TripletMargin {
    /// The loss.
    pub fn compute(&self, anchor: &Tensor, positive: &Tensor, negative: &Tensor) -> Result<Tensor> {
        check_shape("triplet_margin", "positive", anchor, positive)?;
        check_shape("triplet_margin", "negative", anchor, negative)?;
        if !(self.p >= 1.0 && self.p.is_finite()) {
            return Err(Error::Config(format!("triplet_margin: p is {}; give a number of at least 1", self.p)));
        }
        let near = self.distance(anchor, positive)?;
        let mut far = self.distance(anchor, negative)?;
        if self.swap {
            far = far.minimum(&self.distance(positive, negative)?)?;
        }
        self.reduction.of(clamp_at_0(&((near - far)? + self.margin)?)?)
    }

    fn distance(&self, x: &Tensor, y: &Tensor) -> Result<Tensor> {
        let difference = ((x - y)? + self.eps)?;
        let powers = match self.p {
            1.0 => return Ok(abs(&difference)?.sum(D::Minus1)?),
            2.0 => difference.sqr()?,
            p => abs(&difference)?.powf(p)?,
        };
        let sum = powers.sum(D::Minus1)?;
        // The root's derivative is infinite at 0: there the root of 1 is taken and discarded.
        let some = sum.detach().ne(0f64)?;
        let safe = some.where_cond(&sum, &sum.ones_like()?)?;
        keep(&some, &if self.p == 2.0 { safe.sqrt()? } else { safe.powf(1.0 / self.p)? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::finite_differences::{check, normal};
    use candle_core::{Device, Var};

    #[test]
    fn derivatives() {
        let points = [1, 2, 3].map(|seed| normal(&[5, 4], seed));
        for (p, swap) in [(1.0, true), (2.0, false), (2.0, true), (3.0, true)] {
            let loss = TripletMargin { p, swap, margin: 1.5, ..Default::default() };
            check(&points, |t| loss.compute(&t[0], &t[1], &t[2]));
        }
    }

    #[test]
    fn equal_points_have_finite_gradients() {
        let loss = TripletMargin { eps: 0.0, ..Default::default() };
        let x = Var::new(&[[1.0, 2.0]], &Device::Cpu).unwrap();
        let gradients = loss.compute(&x, &x.detach(), &x.detach()).unwrap().backward().unwrap();
        assert_eq!(gradients.get(&x).unwrap().to_vec2::<f64>().unwrap(), [[0.0, 0.0]]);
    }
}
