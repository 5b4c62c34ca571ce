//! ProGAN's generator at one stage of its growth: `z [batch, z_dim] -> image [batch, channel, height, width]`.

use candle_core::Tensor;
use easel_runtime::card::{Kind, PictureFormat};
use easel_train::Result;
use easel_train::networks::progan::{Folded, Generator, Sizes, Stage};

use super::generator;
use crate::exportable::{Exportable, NamedTensors};
use crate::graph::Graph;

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
        let side = self.stage().resolution();
        generator::record(graph, self.sizes().z_dim, [self.sizes().channels, side, side], |z| self.pictures(z))
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
    Some(generator::format([sizes.channels, stage.resolution(), stage.resolution()]))
}

fn test_inputs(sizes: Sizes) -> Result<Vec<NamedTensors>> {
    generator::latents(&sizes.latent(), [1, 2, 5])
}
