//! The multi-class margin loss (Crammer and Singer 2001).
//!
//! PyTorch's `MultiMarginLoss`. Its golden cases are `loss/multi_margin_*`.

use candle_core::Tensor;

use super::Reduction;
use super::labels::Labels;
use crate::ops::activation::relu;
use crate::{Error, Result};

/// `w[y] / classes * sum of max(0, margin - x[y] + x[c])^p` over the classes c other than y, for scores x of
/// `[batch, classes]` and labels y of `[batch]`. The derivative at the kink is 0.
#[doc(alias = "MultiMarginLoss")]
#[derive(Debug, Clone)]
pub struct MultiMargin {
    /// The degree, 1 or 2; 1 by default.
    pub p: u32,
    /// The margin by which the label's class should lead; 1 by default.
    pub margin: f64,
    /// The weights w of the classes; 1 by default.
    pub weight: Option<Tensor>,
    /// The reduction; its mean is not weighted.
    pub reduction: Reduction,
}

impl Default for MultiMargin {
    fn default() -> Self {
        Self { p: 1, margin: 1.0, weight: None, reduction: Reduction::default() }
    }
}

impl MultiMargin {
    /// The loss. Fails on a label that is not a class.
    pub fn compute(&self, input: &Tensor, labels: &Tensor) -> Result<Tensor> {
        let labels = Labels::new("multi_margin", labels, input, None)?;
        let (_, classes) = input.dims2()?;
        let lead = labels.pick(input)?.unsqueeze(1)?.broadcast_sub(input)?;
        let behind = relu(&lead.affine(-1.0, self.margin)?)?;
        let behind = match self.p {
            1 => behind,
            2 => behind.sqr()?,
            p => return Err(Error::Config(format!("multi_margin: p is {p}; give 1 or 2"))),
        };
        let others = (1.0 - labels.one_hot(classes)?.to_dtype(input.dtype())?)?;
        let values = ((behind * others)?.sum(1)? / classes as f64)?;
        self.reduction.of((values * labels.weights("multi_margin", self.weight.as_ref(), input)?)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::finite_differences::{check, normal};
    use candle_core::Device;

    #[test]
    fn derivatives() {
        let labels = Tensor::new(&[0u32, 2, 1, 1], &Device::Cpu).unwrap();
        for p in [1, 2] {
            let weight = Some(normal(&[3], 2).sqr().unwrap());
            let loss = MultiMargin { p, margin: 0.7, weight, ..Default::default() };
            check(&[normal(&[4, 3], 1)], |t| loss.compute(&t[0], &labels));
        }
    }
}
