//! A classifier: `image [batch, channel, 32, 32] -> logits [batch, classes]`.

use candle_core::{Device, Tensor};
use easel_runtime::Random;
use easel_runtime::card::{Kind, PictureFormat, PictureSize};
use easel_train::Result;
use easel_train::networks::lenet::{Lenet, SIDE};

use crate::exportable::{Exportable, NamedTensors};
use crate::graph::Graph;
use crate::proto::Dim;

impl Exportable for Lenet {
    fn title(&self) -> String {
        "LeNet".into()
    }

    fn kind(&self) -> Kind {
        Kind::Classifier { class_count: self.sizes().classes }
    }

    fn picture(&self) -> Option<PictureFormat> {
        let size = PictureSize::Fixed { height: SIDE, width: SIDE };
        Some(PictureFormat { channels: self.sizes().channels, size })
    }

    fn record(&self, graph: &Graph) -> Result<()> {
        let picture = [self.sizes().channels, SIDE, SIDE].map(Dim::Fixed);
        let image = graph.input("image", &[&[Dim::Named("batch")], &picture[..]].concat());
        let dims = [Dim::Named("batch"), Dim::Fixed(self.sizes().classes)];
        graph.output("logits", &self.classify(&image)?, &dims);
        Ok(())
    }

    fn test_inputs(&self) -> Result<Vec<NamedTensors>> {
        let channels = self.sizes().channels;
        [1, 3, 16]
            .into_iter()
            .map(|batch| {
                let values = Random::new(batch as u64, 0).uniforms(batch * channels * SIDE * SIDE, 0.0, 1.0);
                Ok(vec![("image", Tensor::from_vec(values, (batch, channels, SIDE, SIDE), &Device::Cpu)?)])
            })
            .collect()
    }

    fn compute(&self, inputs: &[(&'static str, Tensor)]) -> Result<NamedTensors> {
        Ok(vec![("logits", self.classify(&inputs[0].1)?)])
    }
}
