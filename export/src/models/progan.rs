//! ProGAN's generator at one stage of its growth: `z [batch, z_dim] -> image [batch, channel, height, width]`.

use candle_core::{Device, Tensor};
use easel_runtime::Random;
use easel_runtime::card::{Kind, PictureFormat, PictureSize};
use easel_train::Result;
use easel_train::networks::progan::{Folded, Generator, Sizes, Stage};

use crate::exportable::{Exportable, NamedTensors};
use crate::graph::Graph;
use crate::proto::Dim;

/// A generator as it was trained. The graph is that of the folded network, so verification covers the folding too.
pub struct UnfoldedModel {
    pub generator: Generator,
    pub stage: Stage,
}

impl Exportable for UnfoldedModel {
    fn title(&self) -> String {
        TITLE.into()
    }

    fn kind(&self) -> Kind {
        kind(self.generator.sizes())
    }

    fn picture(&self) -> Option<PictureFormat> {
        picture(self.generator.sizes(), self.stage)
    }

    fn record(&self, graph: &Graph) -> Result<()> {
        Folded::of(&self.generator, self.stage)?.record(graph)
    }

    fn test_inputs(&self) -> Result<Vec<NamedTensors>> {
        test_inputs(self.generator.sizes())
    }

    fn compute(&self, inputs: &[(&'static str, Tensor)]) -> Result<NamedTensors> {
        Ok(vec![("image", self.generator.pictures(&inputs[0].1, self.stage)?)])
    }
}

impl Exportable for Folded {
    fn title(&self) -> String {
        TITLE.into()
    }

    fn kind(&self) -> Kind {
        kind(self.sizes())
    }

    fn picture(&self) -> Option<PictureFormat> {
        picture(self.sizes(), self.stage())
    }

    fn record(&self, graph: &Graph) -> Result<()> {
        let z = graph.input("z", &[Dim::Named("batch"), Dim::Fixed(self.sizes().z_dim)]);
        let (channels, side) = (self.sizes().channels, self.stage().resolution());
        let dims = [Dim::Named("batch"), Dim::Fixed(channels), Dim::Fixed(side), Dim::Fixed(side)];
        graph.output("image", &self.pictures(&z)?, &dims);
        Ok(())
    }

    fn test_inputs(&self) -> Result<Vec<NamedTensors>> {
        test_inputs(self.sizes())
    }

    fn compute(&self, inputs: &[(&'static str, Tensor)]) -> Result<NamedTensors> {
        Ok(vec![("image", self.pictures(&inputs[0].1)?)])
    }
}

const TITLE: &str = "ProGAN";

fn kind(sizes: Sizes) -> Kind {
    Kind::Generator { latent: sizes.latent() }
}

fn picture(sizes: Sizes, stage: Stage) -> Option<PictureFormat> {
    let side = stage.resolution();
    Some(PictureFormat { channels: sizes.channels, size: PictureSize::Fixed { height: side, width: side } })
}

fn test_inputs(sizes: Sizes) -> Result<Vec<NamedTensors>> {
    [1, 2, 5]
        .into_iter()
        .map(|batch| {
            let values = Random::new(batch as u64, 0).normals(batch * sizes.z_dim);
            Ok(vec![("z", Tensor::from_vec(values, (batch, sizes.z_dim), &Device::Cpu)?)])
        })
        .collect()
}
