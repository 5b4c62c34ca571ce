//! A stylizer: `image [batch, 3, height, width] -> stylized`, any size.

use candle_core::{Device, Tensor};
use easel_runtime::Random;
use easel_runtime::card::{Kind, PictureFormat, PictureSize};
use easel_train::Result;
use easel_train::networks::style::{AT_LEAST, MULTIPLE, Stylizer};

use crate::exportable::{Exportable, NamedTensors};
use crate::graph::Graph;
use crate::proto::Dim;

impl Exportable for Stylizer {
    fn title(&self) -> String {
        "Stylizer".into()
    }

    fn kind(&self) -> Kind {
        Kind::Stylizer
    }

    fn picture(&self) -> Option<PictureFormat> {
        Some(PictureFormat { channels: 3, size: PictureSize::Any { multiple: MULTIPLE, at_least: AT_LEAST } })
    }

    fn record(&self, graph: &Graph) -> Result<()> {
        let dims = [Dim::Named("batch"), Dim::Fixed(3), Dim::Named("height"), Dim::Named("width")];
        let image = graph.input("image", &dims);
        graph.output("stylized", &self.stylize(&image)?, &dims);
        Ok(())
    }

    fn test_inputs(&self) -> Result<Vec<NamedTensors>> {
        [(1, 1, 1), (1, 5, 9), (1, 61, 83), (2, 96, 72)]
            .into_iter()
            .map(|(batch, height, width)| {
                let values = Random::new((height * width) as u64, 0).uniforms(batch * 3 * height * width, 0.0, 1.0);
                Ok(vec![("image", Tensor::from_vec(values, (batch, 3, height, width), &Device::Cpu)?)])
            })
            .collect()
    }

    fn compute(&self, inputs: &[(&'static str, Tensor)]) -> Result<NamedTensors> {
        Ok(vec![("stylized", self.stylize(&inputs[0].1)?)])
    }
}
