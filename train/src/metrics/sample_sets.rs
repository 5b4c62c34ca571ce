//! Generated pictures, a reference set and both baselines as a classifier sees them.

use candle_core::Device;
use easel_runtime::Random;

use super::classifier_input::format;
use super::features::Features;
use super::manifold::covered;
use super::measurement::Measurement;
use super::nearest::{self, Neighbour};
use super::{balance, frechet, kernel};
use crate::data::Pictures;
use crate::networks::lenet::Lenet;
use crate::run::streams;
use crate::{Error, Result};

/// The features of four sets of the same size, since distances depend on the size.
#[derive(Debug, Clone)]
pub struct SampleSets {
    /// The pictures that are evaluated.
    pub generated: Features,
    /// Real pictures, which all others are compared with.
    pub reference: Features,
    /// Other real pictures.
    pub baseline: Features,
    /// Pictures whose values are independent and uniform.
    pub noise: Features,
    /// The indices of the generated pictures in their set.
    pub generated_indices: Vec<u32>,
    /// The indices of the baseline's pictures in the real set.
    pub baseline_indices: Vec<u32>,
}

/// The nearest training pictures of [`SampleSets`], in their order.
#[derive(Debug, Clone)]
pub struct TrainingNeighbours {
    /// Those of the generated pictures.
    pub generated: Vec<Neighbour>,
    /// Those of real pictures that the model never saw.
    pub baseline: Vec<Neighbour>,
    /// Those of noise.
    pub noise: Vec<Neighbour>,
    /// The [`threshold`](nearest::threshold) of other real pictures that the model never saw.
    pub threshold: f32,
}

impl SampleSets {
    /// Draws sets at random that are as large as possible, with at most half of the real pictures each. The same pictures
    /// and seed give the same sets. Fails for fewer than 2 generated or 4 real pictures.
    pub fn draw(generated: &Pictures, real: &Pictures, classifier: &Lenet, device: &Device, seed: u64) -> Result<Self> {
        let count = generated.len().min(real.len() / 2);
        if count < 2 {
            return Err(Error::Data(format!(
                "{}: {} real pictures and {} to evaluate are too few; give at least 4 and 2",
                real.name,
                real.len(),
                generated.len()
            )));
        }
        let mut random = Random::new(seed, streams::METRICS);
        let mut shuffled = |pictures: &Pictures| {
            let mut order: Vec<u32> = (0..pictures.len() as u32).collect();
            random.shuffle(&mut order);
            order
        };
        let (mut generated_indices, real_indices) = (shuffled(generated), shuffled(real));
        generated_indices.truncate(count);
        let baseline_indices = real_indices[count..2 * count].to_vec();
        let mut noise = real.subset(&real_indices[..count]).fitted(format(classifier));
        noise.pixels.fill_with(|| random.below(256) as u8);
        let features = |pictures: &Pictures| Features::of(pictures, classifier, device);
        Ok(Self {
            generated: features(&generated.subset(&generated_indices))?,
            reference: features(&real.subset(&real_indices[..count]))?,
            baseline: features(&real.subset(&baseline_indices))?,
            noise: features(&noise)?,
            generated_indices,
            baseline_indices,
        })
    }

    /// The number of pictures in each set.
    pub fn count(&self) -> usize {
        self.generated.count()
    }

    /// All metrics that the features allow: `frechet`, `kernel`, `precision`, `recall` and `balance`.
    pub fn measure(&self) -> Result<Vec<Measurement>> {
        let kernel = Measurement {
            std: Some(kernel::distance(&self.generated, &self.reference)?.std),
            ..self.metric("kernel", |sample, reference| Ok(kernel::distance(sample, reference)?.mean))?
        };
        Ok(vec![
            self.metric("frechet", frechet::distance)?,
            kernel,
            self.metric("precision", |sample, reference| Ok(covered(sample, reference)))?,
            self.metric("recall", |sample, reference| Ok(covered(reference, sample)))?,
            self.metric("balance", |sample, reference| Ok(balance::distance(sample, reference)))?,
        ])
    }

    /// One metric: a function of a set and the reference set.
    pub fn metric(&self, name: &str, metric: impl Fn(&Features, &Features) -> Result<f64>) -> Result<Measurement> {
        let score = |sample: &Features| metric(sample, &self.reference);
        let measurement = Measurement::new(name, score(&self.generated)?, Some(score(&self.baseline)?));
        Ok(Measurement { noise_baseline: Some(score(&self.noise)?), ..measurement })
    }

    /// The nearest training picture of each picture. Fails where the real pictures are among the training pictures.
    pub fn neighbours(&self, training: &Features) -> Result<TrainingNeighbours> {
        let of = |sample: &Features| nearest::neighbours(sample, training);
        let threshold = nearest::threshold(&of(&self.reference));
        if threshold == 0.0 {
            return Err(Error::Data(
                "the real pictures are among the training pictures, so near copies cannot be detected; give real pictures that \
                 the model never saw"
                    .into(),
            ));
        }
        let [generated, baseline, noise] = [&self.generated, &self.baseline, &self.noise].map(of);
        Ok(TrainingNeighbours { generated, baseline, noise, threshold })
    }
}

impl TrainingNeighbours {
    /// `near`, the share of near copies.
    pub fn measure(&self) -> Measurement {
        let share = |neighbours: &[Neighbour]| nearest::near(neighbours, self.threshold);
        let measurement = Measurement::new("near", share(&self.generated), Some(share(&self.baseline)));
        Measurement { noise_baseline: Some(share(&self.noise)), ..measurement }
    }
}
