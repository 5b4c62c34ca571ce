//! The interface between samplers and a denoiser's model.

use crate::samplers::SamplerTensor;
use crate::{Engine, Error, Result, Tensor};

/// A denoiser's model, with tensors that stay on its device between sampling steps.
#[allow(async_fn_in_trait)]
pub trait Predictor {
    /// A batch of noisy pictures on the model's device.
    type Value: SamplerTensor;

    /// Copies a tensor to the model's device.
    fn to_device(&mut self, x: Tensor) -> Result<Self::Value>;

    /// Runs the model once on `x [batch, channel, height, width]` and int64 `t [batch]` and `label [batch]`. The prediction
    /// has the shape of x. Fails if it has another, or the engine reports an error.
    async fn predict(&mut self, x: &Self::Value, t: &Tensor, label: &Tensor) -> Result<Self::Value>;
}

/// Any engine, with tensors in host memory.
pub struct OnHost<'a, E>(pub &'a mut E);

impl<E: Engine> Predictor for OnHost<'_, E> {
    type Value = Tensor;

    fn to_device(&mut self, x: Tensor) -> Result<Tensor> {
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

/// Fails if a prediction's shape is not that of x.
pub fn check_shape(x: &[usize], prediction: &[usize]) -> Result<()> {
    if x == prediction {
        return Ok(());
    }
    Err(Error::Shape(format!("the model returned a prediction of shape {prediction:?} for x of shape {x:?}")))
}
