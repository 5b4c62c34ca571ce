//! Cross-entropy from logits: PyTorch's `CrossEntropyLoss`. Its golden cases are `loss/cross_entropy_*`.

use candle_core::Tensor;

use super::Reduction;
use super::labels::{Labels, class_weights};
use super::nll::reduce_weighted;
use super::pieces::{check_shape, constant_like, keep};
use crate::{Error, Result};

/// `x - ln(sum of exp(x))` along a dimension, without overflow. Fails where the dimension has no elements.
pub fn log_softmax(x: &Tensor, dim: usize) -> Result<Tensor> {
    if x.dim(dim)? == 0 {
        return Err(Error::Data(format!(
            "log_softmax: the input has shape {:?}, which has no elements along dimension {dim}",
            x.dims()
        )));
    }
    if x.elem_count() == 0 {
        return Ok(x.clone());
    }
    // The derivative does not depend on what is subtracted.
    let shifted = x.broadcast_sub(&x.detach().max_keepdim(dim)?)?;
    Ok(shifted.broadcast_sub(&shifted.exp()?.sum_keepdim(dim)?.log()?)?)
}

/// The mean of `-ln softmax(x)[y]` over logits x of `[batch, classes, ...]` and labels y of `[batch, ...]`, of any
/// integer type. Fails on a label that is not a class.
pub fn cross_entropy(logits: &Tensor, labels: &Tensor) -> Result<Tensor> {
    CrossEntropy::default().compute(logits, labels)
}

/// `-sum of w[c] q[c] ln softmax(x)[c]` over the classes c, for logits x of `[batch, classes, ...]`.
///
/// q is `1 - label_smoothing` at the label's class plus `label_smoothing / classes` at every class (Szegedy et al.
/// 2015, arXiv 1512.00567), or given probabilities, smoothed likewise.
#[doc(alias = "CrossEntropyLoss")]
#[derive(Debug, Clone, Default)]
pub struct CrossEntropy {
    /// The weights w of the classes; 1 by default.
    pub weight: Option<Tensor>,
    /// A label whose elements have loss and weight 0; none by default (PyTorch's default is -100).
    pub ignore_index: Option<i64>,
    /// The part of q that is spread evenly over all classes, in [0, 1]; 0 by default.
    pub label_smoothing: f64,
    /// The reduction. The mean over labels is weighted: the sum over the sum of `w[y]`; that over probabilities is not.
    pub reduction: Reduction,
}

const NAME: &str = "cross_entropy";

impl CrossEntropy {
    /// The loss of labels, `[batch, ...]`. Fails on a label that is not a class.
    pub fn compute(&self, logits: &Tensor, labels: &Tensor) -> Result<Tensor> {
        self.check()?;
        let labels = Labels::new(NAME, labels, logits, self.ignore_index)?;
        let weights = labels.weights(NAME, self.weight.as_ref(), logits)?;
        let log_probabilities = log_softmax(logits, 1)?;
        let mut values = (labels.pick(&log_probabilities)?.neg()? * &weights)?;
        if self.label_smoothing > 0.0 {
            let all = self.weighted(&log_probabilities)?.sum(1)?;
            let share = self.label_smoothing / logits.dim(1)? as f64;
            values = ((values * (1.0 - self.label_smoothing))? - (all * share)?)?;
        }
        if let Some(counted) = &labels.counted {
            values = keep(counted, &values)?;
        }
        reduce_weighted(self.reduction, values, &weights)
    }

    /// The loss of probabilities of the logits' shape. None is ignored.
    pub fn compute_probabilities(&self, logits: &Tensor, probabilities: &Tensor) -> Result<Tensor> {
        self.check()?;
        check_shape(NAME, "probabilities", logits, probabilities)?;
        if logits.rank() < 2 {
            return Err(Error::Data(format!(
                "{NAME}: the input has shape {:?}, not [batch, classes, ...]",
                logits.dims()
            )));
        }
        let share = self.label_smoothing / logits.dim(1)? as f64;
        let target = constant_like(probabilities, logits)?.affine(1.0 - self.label_smoothing, share)?;
        let log_probabilities = self.weighted(&log_softmax(logits, 1)?)?;
        self.reduction.of((log_probabilities * target)?.sum(1)?.neg()?)
    }

    fn weighted(&self, log_probabilities: &Tensor) -> Result<Tensor> {
        let Some(weight) = &self.weight else { return Ok(log_probabilities.clone()) };
        let weight = class_weights(NAME, weight, log_probabilities)?;
        let mut dims = vec![1; log_probabilities.rank()];
        dims[1] = weight.elem_count();
        Ok(log_probabilities.broadcast_mul(&weight.reshape(dims)?)?)
    }

    fn check(&self) -> Result<()> {
        if (0.0..=1.0).contains(&self.label_smoothing) {
            return Ok(());
        }
        Err(Error::Config(format!("{NAME}: label_smoothing is {}; give a number from 0 to 1", self.label_smoothing)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::activation::sigmoid;
    use crate::ops::finite_differences::{check, normal};
    use candle_core::{DType, Device, Var};

    #[test]
    fn derivatives() {
        let labels = Tensor::new(&[[2i64, 0], [-1, 1]], &Device::Cpu).unwrap();
        let logits = [normal(&[2, 3, 2], 1)];
        let weight = Some(normal(&[3], 2).sqr().unwrap());
        let loss = CrossEntropy { weight, ignore_index: Some(-1), label_smoothing: 0.1, reduction: Reduction::Mean };
        check(&logits, |t| loss.compute(&t[0], &labels));
        check(&logits, |t| loss.compute_probabilities(&t[0], &sigmoid(&normal(&[2, 3, 2], 3))?));
        check(&logits, |t| log_softmax(&t[0], 2));
    }

    #[test]
    fn labels_are_of_any_integer_type() {
        let logits = normal(&[4, 3], 1);
        let labels = Tensor::new(&[2u32, 0, 1, 1], &Device::Cpu).unwrap();
        let losses = [DType::U8, DType::U32, DType::I64]
            .map(|dtype| cross_entropy(&logits, &labels.to_dtype(dtype).unwrap()).unwrap().to_scalar::<f64>().unwrap());
        assert!(losses.iter().all(|loss| *loss == losses[0]));
        let error = cross_entropy(&logits, &labels.to_dtype(DType::F32).unwrap()).unwrap_err().to_string();
        assert!(error.contains("whole numbers"), "{error}");
    }

    #[test]
    fn a_label_out_of_range_is_an_error() {
        let logits = normal(&[2, 3], 1);
        for bad in [3i64, -1, -100] {
            let error = cross_entropy(&logits, &Tensor::new(&[0, bad], &Device::Cpu).unwrap()).unwrap_err().to_string();
            assert!(error.contains(&format!("the label at [1] is {bad}, but there are 3 classes")), "{error}");
        }
        let error = cross_entropy(&logits, &Tensor::new(&[0i64], &Device::Cpu).unwrap()).unwrap_err().to_string();
        assert!(error.contains("it has to be [2]"), "{error}");
    }

    #[test]
    fn large_logits_do_not_overflow() {
        let x = Var::new(&[[1e4f32, 0.0, -1e4]], &Device::Cpu).unwrap();
        let loss = cross_entropy(&x, &Tensor::new(&[1i64], &Device::Cpu).unwrap()).unwrap();
        assert_eq!(loss.to_scalar::<f32>().unwrap(), 1e4);
        let gradient = loss.backward().unwrap().get(&x).unwrap().to_vec2::<f32>().unwrap();
        assert_eq!(gradient, [[1.0, -1.0, 0.0]]);
    }
}
