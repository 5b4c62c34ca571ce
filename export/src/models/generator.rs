//! The vanilla GAN's generator, and what all generators share: `z [batch, z_dim] -> image [batch, channel, height, width]`.

use candle_core::{Device, Tensor};
use easel_runtime::Random;
use easel_runtime::card::{Distribution, Kind, Latent, PictureFormat, PictureSize};
use easel_train::Result;
use easel_train::networks::gan::Generator;

use crate::exportable::{Exportable, NamedTensors};
use crate::graph::Graph;
use crate::proto::Dim;
use crate::symbol::Symbol;

impl Exportable for Generator {
    fn title(&self) -> String {
        "Vanilla GAN".into()
    }

    fn kind(&self) -> Kind {
        Kind::Generator { latent: self.sizes().latent() }
    }

    fn picture(&self) -> Option<PictureFormat> {
        Some(format(self.sizes().picture))
    }

    fn record(&self, graph: &Graph) -> Result<()> {
        record(graph, self.sizes().z_dim, self.sizes().picture, |z| self.pictures(z))
    }

    fn test_inputs(&self) -> Result<Vec<NamedTensors>> {
        latents(&self.sizes().latent(), [1, 3, 64])
    }

    fn compute(&self, inputs: &[(&'static str, Tensor)]) -> Result<NamedTensors> {
        Ok(vec![("image", self.pictures(&inputs[0].1)?)])
    }
}

/// Records a generator of pictures with this channel, height and width.
pub(super) fn record(
    graph: &Graph,
    z_dim: usize,
    picture: [usize; 3],
    pictures: impl FnOnce(&Symbol) -> Result<Symbol>,
) -> Result<()> {
    let z = graph.input("z", &[Dim::Named("batch"), Dim::Fixed(z_dim)]);
    let [channels, height, width] = picture.map(Dim::Fixed);
    graph.output("image", &pictures(&z)?, &[Dim::Named("batch"), channels, height, width]);
    Ok(())
}

/// The format of pictures with this channel, height and width.
pub(super) fn format([channels, height, width]: [usize; 3]) -> PictureFormat {
    PictureFormat { channels, size: PictureSize::Fixed { height, width } }
}

/// Batches of latent vectors of these sizes to verify an export with.
pub(super) fn latents(latent: &Latent, batches: [usize; 3]) -> Result<Vec<NamedTensors>> {
    batches
        .into_iter()
        .map(|batch| {
            let (mut random, count) = (Random::new(batch as u64, 0), batch * latent.dim);
            let values = match latent.distribution {
                Distribution::Uniform { low, high } => random.uniforms(count, low, high),
                Distribution::Normal => random.normals(count),
            };
            Ok(vec![("z", Tensor::from_vec(values, (batch, latent.dim), &Device::Cpu)?)])
        })
        .collect()
}
