//! A variational autoencoder's decoder: `z [batch, z_dim] -> image [batch, channel, height, width]`.

use candle_core::Tensor;
use easel_runtime::card::{Kind, PictureFormat};
use easel_train::Result;
use easel_train::networks::vae::Decoder;

use super::generator;
use crate::exportable::{Exportable, NamedTensors};
use crate::graph::Graph;

impl Exportable for Decoder {
    fn title(&self) -> String {
        "Variational autoencoder".into()
    }

    fn kind(&self) -> Kind {
        Kind::Generator { latent: self.sizes().latent() }
    }

    fn picture(&self) -> Option<PictureFormat> {
        Some(generator::format(self.sizes().picture()))
    }

    fn record(&self, graph: &Graph) -> Result<()> {
        generator::record(graph, self.sizes().z_dim, self.sizes().picture(), |z| self.pictures(z))
    }

    fn test_inputs(&self) -> Result<Vec<NamedTensors>> {
        generator::latents(&self.sizes().latent(), [1, 3, 16])
    }

    fn compute(&self, inputs: &[(&'static str, Tensor)]) -> Result<NamedTensors> {
        Ok(vec![("image", self.pictures(&inputs[0].1)?)])
    }
}
