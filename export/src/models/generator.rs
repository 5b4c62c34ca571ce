//! The vanilla GAN's generator: `z [batch, z_dim] -> image [batch, channel, height, width]`.

use candle_core::{Device, Tensor};
use easel_runtime::Random;
use easel_runtime::card::{Kind, PictureFormat, PictureSize};
use easel_train::Result;
use easel_train::networks::gan::Generator;

use crate::exportable::{Exportable, NamedTensors};
use crate::graph::Graph;
use crate::proto::Dim;

impl Exportable for Generator {
    fn title(&self) -> String {
        "Vanilla GAN".into()
    }

    fn kind(&self) -> Kind {
        Kind::Generator { latent: self.sizes().latent() }
    }

    fn picture(&self) -> Option<PictureFormat> {
        let [channels, height, width] = self.sizes().picture;
        Some(PictureFormat { channels, size: PictureSize::Fixed { height, width } })
    }

    fn record(&self, graph: &Graph) -> Result<()> {
        let z = graph.input("z", &[Dim::Named("batch"), Dim::Fixed(self.sizes().z_dim)]);
        let [channels, height, width] = self.sizes().picture.map(Dim::Fixed);
        graph.output("image", &self.pictures(&z)?, &[Dim::Named("batch"), channels, height, width]);
        Ok(())
    }

    fn test_inputs(&self) -> Result<Vec<NamedTensors>> {
        let z_dim = self.sizes().z_dim;
        [1, 3, 64]
            .into_iter()
            .map(|batch| {
                let values = Random::new(batch as u64, 0).uniforms(batch * z_dim, -1.0, 1.0);
                Ok(vec![("z", Tensor::from_vec(values, (batch, z_dim), &Device::Cpu)?)])
            })
            .collect()
    }

    fn compute(&self, inputs: &[(&'static str, Tensor)]) -> Result<NamedTensors> {
        Ok(vec![("image", self.pictures(&inputs[0].1)?)])
    }
}
