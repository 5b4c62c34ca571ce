//! The denoiser: `x [batch, channel, side, side], t [batch], label [batch] -> prediction` of x's shape.

use candle_core::{Device, Tensor};
use easel_runtime::Random;
use easel_runtime::card::{BetaSchedule, Kind, PictureFormat, PictureSize};
use easel_train::Result;
use easel_train::networks::denoiser::{Denoiser, DenoisingTask, Folded};
use easel_train::nn::Eval;

use crate::exportable::{Exportable, NamedTensors};
use crate::graph::Graph;
use crate::proto::Dim;

/// A denoiser as it was trained. The graph is that of the folded network, so verification covers the folding too.
pub struct UnfoldedModel {
    network: Denoiser,
    folded: FoldedModel,
}

impl UnfoldedModel {
    /// Folds the network.
    pub fn new(network: &Denoiser, task: DenoisingTask) -> Result<Self> {
        Ok(Self { network: network.clone(), folded: FoldedModel { network: Folded::of(network)?, task } })
    }
}

impl Exportable for UnfoldedModel {
    fn title(&self) -> String {
        self.folded.title()
    }

    fn kind(&self) -> Kind {
        self.folded.kind()
    }

    fn picture(&self) -> Option<PictureFormat> {
        self.folded.picture()
    }

    fn record(&self, graph: &Graph) -> Result<()> {
        self.folded.record(graph)
    }

    fn test_inputs(&self) -> Result<Vec<NamedTensors>> {
        self.folded.test_inputs()
    }

    fn compute(&self, inputs: &[(&'static str, Tensor)]) -> Result<NamedTensors> {
        let [(_, x), (_, t), (_, label)] = inputs else { unreachable!("a denoiser has three inputs") };
        Ok(vec![("prediction", self.network.forward(x, t, label, &mut Eval)?)])
    }
}

/// A folded denoiser with its task.
pub struct FoldedModel {
    pub network: Folded,
    pub task: DenoisingTask,
}

impl Exportable for FoldedModel {
    fn title(&self) -> String {
        "DDPM".into()
    }

    fn kind(&self) -> Kind {
        let DenoisingTask { schedule, prediction, null_label, .. } = self.task;
        Kind::Denoiser { class_count: self.task.classes(&self.network.sizes()), schedule, prediction, null_label }
    }

    fn picture(&self) -> Option<PictureFormat> {
        let side = self.task.side;
        let size = PictureSize::Fixed { height: side, width: side };
        Some(PictureFormat { channels: self.network.sizes().channels, size })
    }

    fn record(&self, graph: &Graph) -> Result<()> {
        let batch = Dim::Named("batch");
        let dims =
            [batch, Dim::Fixed(self.network.sizes().channels), Dim::Fixed(self.task.side), Dim::Fixed(self.task.side)];
        let x = graph.input("x", &dims);
        let (t, label) = (graph.int_input("t", &[batch]), graph.int_input("label", &[batch]));
        graph.output("prediction", &self.network.forward(&x, &t, &label)?, &dims);
        Ok(())
    }

    fn test_inputs(&self) -> Result<Vec<NamedTensors>> {
        let (sizes, side) = (self.network.sizes(), self.task.side);
        let (BetaSchedule::Linear { steps, .. } | BetaSchedule::Cosine { steps, .. }) = self.task.schedule;
        [1, 2, 5]
            .into_iter()
            .map(|batch| {
                let mut random = Random::new(batch as u64, 0);
                let x = random.normals(batch * sizes.channels * side * side);
                // Evenly from 0 to the last one.
                let spaced = |count: usize, at: usize| (at * (count - 1) / (batch - 1).max(1)) as i64;
                let ints = |count| Tensor::from_iter((0..batch).map(|at| spaced(count, at)), &Device::Cpu);
                let x = Tensor::from_vec(x, (batch, sizes.channels, side, side), &Device::Cpu)?;
                Ok(vec![("x", x), ("t", ints(steps)?), ("label", ints(sizes.labels)?)])
            })
            .collect()
    }

    fn compute(&self, inputs: &[(&'static str, Tensor)]) -> Result<NamedTensors> {
        let [(_, x), (_, t), (_, label)] = inputs else { unreachable!("a denoiser has three inputs") };
        Ok(vec![("prediction", self.network.forward(x, t, label)?)])
    }
}
