//! A network in training as an engine, so that samplers run it like a model file.

use candle_core::Device;
use easel_runtime::tensor::Data;
use easel_runtime::{Engine, Error, Result, Tensor};

use crate::networks::denoiser::Denoiser;
use crate::nn::Eval;

/// The denoiser with its current weights.
pub struct DenoiserEngine<'a> {
    /// The network.
    pub network: &'a Denoiser,
    /// Its device.
    pub device: &'a Device,
}

impl DenoiserEngine<'_> {
    fn predict(&self, inputs: &[(&str, &Tensor)]) -> crate::Result<Tensor> {
        let input = |wanted: &str| {
            let (_, tensor) = inputs.iter().find(|(name, _)| *name == wanted).expect("the sampler gives every input");
            match tensor.data() {
                Data::F32(values) => candle_core::Tensor::from_slice(values, tensor.shape(), self.device),
                Data::I64(values) => candle_core::Tensor::from_slice(values, tensor.shape(), self.device),
                Data::Bool(_) | Data::F16(_) | Data::U8(_) => unreachable!("a denoiser takes floats and integers"),
            }
        };
        let prediction = self.network.forward(&input("x")?, &input("t")?, &input("label")?, &mut Eval)?;
        let values: Vec<f32> = prediction.flatten_all()?.to_vec1()?;
        Tensor::new(prediction.dims(), values).map_err(|error| crate::Error::Run(error.to_string()))
    }
}

impl Engine for DenoiserEngine<'_> {
    fn describe(&self) -> String {
        "candle".into()
    }

    async fn run(&mut self, inputs: &[(&str, &Tensor)]) -> Result<Vec<(String, Tensor)>> {
        let prediction = self.predict(inputs).map_err(|error| Error::Engine(error.to_string()))?;
        Ok(vec![("prediction".into(), prediction)])
    }
}
