//! Tensor arithmetic for samplers.

use crate::{Error, Result, Tensor};

/// A float32 tensor on any device, with the operations that samplers need.
pub trait SamplerTensor: Sized {
    /// The linear combination of one to three tensors of one shape, summed from the first to the last. Fails if shapes
    /// differ.
    fn combine(terms: &[(f64, &Self)]) -> Result<Self>;

    /// A tensor of the same shape on the same device. Fails if the number of values differs.
    fn with_values(&self, values: Vec<f32>) -> Result<Self>;

    /// A copy in host memory.
    fn to_tensor(&self) -> Result<Tensor>;
}

impl SamplerTensor for Tensor {
    fn combine(terms: &[(f64, &Self)]) -> Result<Self> {
        let [(factor, first), rest @ ..] = terms else {
            return Err(Error::Shape("a sum needs a term".into()));
        };
        let factor = *factor as f32;
        let mut sum: Vec<f32> = first.as_f32()?.iter().map(|value| factor * value).collect();
        for (factor, term) in rest {
            if term.shape() != first.shape() {
                let (one, other) = (first.shape(), term.shape());
                return Err(Error::Shape(format!("tensors of {one:?} and {other:?} cannot be added")));
            }
            let factor = *factor as f32;
            sum.iter_mut().zip(term.as_f32()?).for_each(|(sum, value)| *sum += factor * value);
        }
        Self::new(first.shape(), sum)
    }

    fn with_values(&self, values: Vec<f32>) -> Result<Self> {
        Self::new(self.shape(), values)
    }

    fn to_tensor(&self) -> Result<Tensor> {
        Ok(self.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn terms_add_up() {
        let of = |values: &[f32]| Tensor::new([1, values.len()], values.to_vec()).unwrap();
        let (a, b) = (of(&[1.0, 2.0]), of(&[10.0, 20.0]));
        assert_eq!(Tensor::combine(&[(2.0, &a), (-0.5, &b), (1.0, &a)]).unwrap(), of(&[-2.0, -4.0]));
        assert!(Tensor::combine(&[]).is_err());
        assert!(Tensor::combine(&[(1.0, &a), (1.0, &of(&[1.0]))]).unwrap_err().to_string().contains("[1, 2]"));
        assert!(a.with_values(vec![1.0]).is_err());
    }
}
