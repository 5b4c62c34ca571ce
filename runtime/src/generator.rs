//! Generating pictures from latent vectors.

use crate::card::{Distribution, Latent};
use crate::{Engine, Error, ModelCard, Random, Result, Tensor};

/// The latent vectors of the pictures `first .. first + count` of a seed, `[count, dim]`.
///
/// Picture i uses stream i of the seed, so it does not depend on the batch.
pub fn latents(card: &ModelCard, seed: u64, first: u64, count: usize) -> Result<Tensor> {
    draw(card, (first..).take(count).map(|stream| (seed, stream)))
}

/// The latent vectors of the first picture of each seed, `[seeds, dim]`.
pub fn latents_of_seeds(card: &ModelCard, seeds: &[u64]) -> Result<Tensor> {
    draw(card, seeds.iter().map(|&seed| (seed, 0)))
}

/// One latent vector for each pair of a seed and a stream.
fn draw(card: &ModelCard, streams: impl Iterator<Item = (u64, u64)>) -> Result<Tensor> {
    let latent = card.latent()?;
    let values: Vec<f32> = streams.flat_map(|(seed, stream)| latent.draw(seed, stream)).collect();
    Tensor::new([values.len() / latent.dim, latent.dim], values)
}

impl Latent {
    /// The latent vector of a stream of a seed.
    pub fn draw(&self, seed: u64, stream: u64) -> Vec<f32> {
        let mut random = Random::new(seed, stream);
        match self.distribution {
            Distribution::Uniform { low, high } => random.uniforms(self.dim, low, high),
            Distribution::Normal => random.normals(self.dim),
        }
    }
}

/// Runs a generator: `z [batch, dim]` becomes pictures `[batch, channel, height, width]` in `[0, 1]`.
pub async fn generate<E: Engine>(engine: &mut E, z: &Tensor) -> Result<Tensor> {
    let outputs = engine.run(&[("z", z)]).await?;
    let (_, image) = outputs
        .into_iter()
        .find(|(name, _)| name == "image")
        .ok_or_else(|| Error::Engine("the model has no output named `image`".into()))?;
    let [count, ..] = image.nchw()?;
    if count != z.shape()[0] {
        return Err(Error::Shape(format!("the model returned {count} pictures for {} latent vectors", z.shape()[0])));
    }
    Ok(image)
}
