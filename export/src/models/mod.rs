//! The kinds of model that can be exported: how each is recorded, described and tried out.

mod classifier;
mod denoiser;
mod generator;
mod mlp;
mod progan;
mod stylizer;
mod vae;

use candle_core::Tensor;
use easel_runtime::card::{Kind, PictureFormat};
use easel_train::Result;
use easel_train::networks::Network;

use crate::Graph;
use denoiser::{Told, Trained};
use progan::Grown;

/// A network as a model: what the exporter needs to know of it. Implement it to export a network of your own.
pub trait Exportable {
    /// A title for people.
    fn title(&self) -> String;

    /// What the card says of the model's input and output.
    fn kind(&self) -> Kind;

    /// The pictures at the model's border; none unless told.
    fn picture(&self) -> Option<PictureFormat> {
        None
    }

    /// What a difference of outputs is measured in: 1 unless told, for pictures and logits.
    fn unit(&self) -> Result<f64> {
        Ok(1.0)
    }

    /// Records the model, its inputs and its outputs.
    fn record(&self, graph: &Graph) -> Result<()>;

    /// Inputs to verify the export with, by name: at least three sets with different shapes, the same each time.
    fn trials(&self) -> Result<Vec<Vec<(&'static str, Tensor)>>>;

    /// What the network itself computes for one of them: the outputs by name, in the graph's order.
    fn compute(&self, inputs: &[(&'static str, Tensor)]) -> Result<Vec<(&'static str, Tensor)>>;
}

/// The model that a network of this project is exported as. It shares the network's weights. Fails where there is none.
pub fn of_network(network: &Network) -> Result<Box<dyn Exportable>> {
    Ok(match network {
        Network::Gan(generator) => Box::new(generator.clone()),
        Network::Progan { generator, stage } => Box::new(Grown { generator: generator.clone(), stage: *stage }),
        Network::ProganFolded(generator) => Box::new(generator.clone()),
        Network::Style(stylizer) => stylizer.clone(),
        Network::Lenet(lenet) => Box::new(lenet.clone()),
        Network::Mlp(mlp) => Box::new(mlp.clone()),
        Network::Vae(decoder) => Box::new(decoder.clone()),
        Network::Denoiser { network, task } => Box::new(Trained::new(network, *task)?),
        Network::DenoiserFolded { network, task } => Box::new(Told { network: (**network).clone(), task: *task }),
    })
}
