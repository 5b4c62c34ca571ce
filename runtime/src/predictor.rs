//! What a denoiser is asked through.

use crate::samplers::Linear;
use crate::{Engine, Error, Result, Tensor};

/// A denoiser's model and the tensors that go into it and come out of it, wherever they lie.
#[allow(async_fn_in_trait)]
pub trait Predictor {
    /// Pictures in noise space.
    type Value: Linear;

    /// Takes noise to where the model is.
    fn place(&mut self, x: Tensor) -> Result<Self::Value>;

    /// Runs the model once on `x [batch, channel, height, width]`, and `t` and `label [batch]` of int64. The prediction has
    /// the shape of x; fails where it has not, or the engine reports an error.
    async fn predict(&mut self, x: &Self::Value, t: &Tensor, label: &Tensor) -> Result<Self::Value>;
}

/// Any engine: what goes in and comes out lies in the program's memory.
pub struct OnHost<'a, E>(pub &'a mut E);

impl<E: Engine> Predictor for OnHost<'_, E> {
    type Value = Tensor;

    fn place(&mut self, x: Tensor) -> Result<Tensor> {
        Ok(x)
    }

    async fn predict(&mut self, x: &Tensor, t: &Tensor, label: &Tensor) -> Result<Tensor> {
        let outputs = self.0.run(&[("x", x), ("t", t), ("label", label)]).await?;
        let (_, prediction) = outputs
            .into_iter()
            .find(|(name, _)| name == "prediction")
            .ok_or_else(|| Error::Engine("the model has no output named `prediction`".into()))?;
        check_shape(x.shape(), prediction.shape())?;
        Ok(prediction)
    }
}

/// Fails where a prediction is not of x's shape.
pub fn check_shape(x: &[usize], prediction: &[usize]) -> Result<()> {
    if x == prediction {
        return Ok(());
    }
    Err(Error::Shape(format!("a picture of {x:?} gave a prediction of {prediction:?}")))
}
