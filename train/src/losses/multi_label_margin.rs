//! The margin loss of several labels.
//!
//! PyTorch's `MultiLabelMarginLoss`. Its golden cases are `loss/multi_label_margin_*`.

use candle_core::Tensor;

use super::Reduction;
use super::pieces::{check_shape, constant, integers, place};
use crate::ops::activation::relu;
use crate::{Error, Result};

/// `1 / classes * sum of max(0, 1 - x[y] + x[c])` over the labels y and the other classes c, for scores of
/// `[batch, classes]`. A row of the labels, of the same shape, holds the classes of one example, ended by -1 where
/// there are fewer than classes. The derivative at the kink is 0. Fails on a label that is not a class.
#[doc(alias = "MultiLabelMarginLoss")]
pub fn multi_label_margin(input: &Tensor, labels: &Tensor, reduction: Reduction) -> Result<Tensor> {
    const NAME: &str = "multi_label_margin";
    check_shape(NAME, "labels", input, labels)?;
    let &[batch, classes] = input.dims() else {
        return Err(Error::Data(format!("{NAME}: the input has shape {:?}, not [batch, classes]", input.dims())));
    };
    if classes == 0 {
        return Err(Error::Data(format!("{NAME}: the input has shape {:?}, which has no classes", input.dims())));
    }
    let values = integers(NAME, "labels", labels)?;
    let mut times = vec![0.0; batch * classes];
    for (example, times) in times.chunks_mut(classes).enumerate() {
        let first = example * classes;
        for (at, label) in values[first..][..classes].iter().enumerate().take_while(|(_, label)| **label != -1) {
            let times = usize::try_from(*label).ok().and_then(|label| times.get_mut(label)).ok_or_else(|| {
                Error::Data(format!(
                    "{NAME}: the label at {:?} is {label}, but there are {classes} classes; labels go from 0 to {}, and \
                     -1 ends a row",
                    place(first + at, input.dims()),
                    classes - 1
                ))
            })?;
            *times += 1.0;
        }
    }
    let none = times.iter().map(|times| f64::from(*times == 0.0)).collect();
    let times = constant(times, &[batch, classes, 1], input)?;
    let none = constant(none, &[batch, 1, classes], input)?;
    let lead = input.unsqueeze(2)?.broadcast_sub(&input.unsqueeze(1)?)?;
    let behind = relu(&(1.0 - lead)?)?.broadcast_mul(&times)?.broadcast_mul(&none)?;
    reduction.of((behind.sum((1, 2))? / classes as f64)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::finite_differences::{check, normal};
    use candle_core::Device;

    #[test]
    fn derivatives() {
        let labels = Tensor::new(&[[3i64, 0, -1, 1], [-1, 0, 0, 0], [0, 1, 2, 3]], &Device::Cpu).unwrap();
        check(&[normal(&[3, 4], 1)], |t| multi_label_margin(&t[0], &labels, Reduction::None));
        let bad = Tensor::new(&[[3i64, 4, -1, -1]], &Device::Cpu).unwrap();
        let error = multi_label_margin(&normal(&[1, 4], 1), &bad, Reduction::Sum).unwrap_err().to_string();
        assert!(error.contains("the label at [0, 1] is 4"), "{error}");
    }
}
