//! Pictures from latent vectors.

use crate::card::Distribution;
use crate::{Engine, Error, ModelCard, Random, Result, Tensor};

/// The latent vectors of the pictures `first .. first + count` of a seed, `[count, dim]`.
///
/// Picture i takes stream i of the seed, so it is the same whatever the batch it is made in.
pub fn latents(card: &ModelCard, seed: u64, first: u64, count: usize) -> Result<Tensor> {
    let latent = card.latent()?;
    let mut values = Vec::with_capacity(count * latent.dim);
    for index in 0..count as u64 {
        let mut random = Random::new(seed, first + index);
        values.extend(match latent.distribution {
            Distribution::Uniform { low, high } => random.uniforms(latent.dim, low, high),
            Distribution::Normal => random.normals(latent.dim),
        });
    }
    Tensor::new([count, latent.dim], values)
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
        return Err(Error::Shape(format!("{} latent vectors gave {count} pictures", z.shape()[0])));
    }
    Ok(image)
}
