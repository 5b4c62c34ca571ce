//! What a classifier decides by, of pictures and of what they are to be compared with: distances between pictures that
//! mean something to the classifier.

use candle_core::{Device, Tensor};
use easel_runtime::Random;

use super::manifold::covered;
use super::nearest::Neighbours;
use super::{Measure, balance, frechet, kernel, nearest};
use crate::data::{PictureFormat, Pictures};
use crate::networks::lenet::{self, Lenet, WIDTH};
use crate::run::streams;
use crate::{Error, Result};

/// Pictures that are looked at once.
const BATCH: usize = 250;

/// What a classifier's pictures are like.
pub fn format(classifier: &Lenet) -> PictureFormat {
    PictureFormat { channels: classifier.sizes().channels, height: lenet::SIDE, width: lenet::SIDE }
}

/// Some of the pictures as a classifier, which is on the device, takes them: `[batch, channels, 32, 32]` in [0, 1].
pub fn images(pictures: &Pictures, indices: &[u32], classifier: &Lenet, device: &Device) -> Result<Tensor> {
    let format = format(classifier);
    let shape = (indices.len(), format.channels, format.height, format.width);
    Ok(Tensor::from_vec(pictures.batch_as(indices, format), shape, device)?)
}

/// The features of pictures, at least two. All are finite.
#[derive(Debug, Clone, PartialEq)]
pub struct Features {
    values: Vec<f32>,
    width: usize,
    answers: Vec<u32>,
}

impl Features {
    /// `values` is `[picture, feature]`, of `width` features each. Fails where these are fewer than two pictures, and
    /// where one is not finite.
    pub fn new(values: Vec<f32>, width: usize) -> Result<Self> {
        let count = values.len() / width;
        if count < 2 {
            return Err(Error::Data(format!("{count} pictures have no spread that could be compared; give more")));
        }
        if values.iter().any(|value| !value.is_finite()) {
            return Err(Error::Run("the classifier's features are not all finite: nothing can be measured".into()));
        }
        Ok(Self { values, width, answers: Vec::new() })
    }

    /// Those that a classifier, which is on the device, has of pictures, which are brought to its [`format()`].
    pub fn of(pictures: &Pictures, classifier: &Lenet, device: &Device) -> Result<Self> {
        let all: Vec<u32> = (0..pictures.len() as u32).collect();
        let mut values = Vec::with_capacity(all.len() * WIDTH);
        let mut answers = Vec::with_capacity(all.len());
        for indices in all.chunks(BATCH) {
            let features = classifier.features(&images(pictures, indices, classifier, device)?)?.detach();
            answers.extend(classifier.decide(&features)?.argmax(1)?.to_vec1::<u32>()?);
            values.extend(features.flatten_all()?.to_vec1::<f32>()?);
        }
        Ok(Self::new(values, WIDTH)?.answered(answers))
    }

    /// With the class that the classifier takes each picture for.
    pub fn answered(self, answers: Vec<u32>) -> Self {
        Self { answers, ..self }
    }

    /// The class that the classifier takes each picture for, where it was asked.
    pub fn answers(&self) -> &[u32] {
        &self.answers
    }

    /// The features of one picture.
    pub fn row(&self, picture: usize) -> &[f32] {
        &self.values[picture * self.width..][..self.width]
    }

    /// The number of pictures.
    pub fn count(&self) -> usize {
        self.values.len() / self.width
    }

    /// The number of features of each.
    pub fn width(&self) -> usize {
        self.width
    }

    /// `[picture, feature]`.
    pub fn values(&self) -> &[f32] {
        &self.values
    }
}

/// Pictures that are judged and what they are compared with, all as a classifier sees them, and as many of each: a
/// distance between samples depends on their sizes.
#[derive(Debug, Clone)]
pub struct Samples {
    /// The judged ones.
    pub judged: Features,
    /// Real ones, which all others are compared with.
    pub real: Features,
    /// Other real ones.
    pub other: Features,
    /// Noise: each value of each pixel by itself, all equally likely.
    pub noise: Features,
    /// Which of the pictures the judged ones are.
    pub judged_indices: Vec<u32>,
    /// Which of the real pictures the other ones are.
    pub other_indices: Vec<u32>,
}

impl Samples {
    /// Draws as many as possible, at most half of the real pictures, at random. The same pictures and seed give the same
    /// samples. Fails where two of each cannot be drawn.
    pub fn draw(judged: &Pictures, real: &Pictures, classifier: &Lenet, device: &Device, seed: u64) -> Result<Self> {
        let count = judged.len().min(real.len() / 2);
        if count < 2 {
            return Err(Error::Data(format!(
                "{} pictures beside {} real ones from {} are too few: give 2 and 4 at least",
                judged.len(),
                real.len(),
                real.name
            )));
        }
        let mut random = Random::new(seed, streams::METRICS);
        let mut shuffled = |pictures: &Pictures| {
            let mut order: Vec<u32> = (0..pictures.len() as u32).collect();
            random.shuffle(&mut order);
            order
        };
        let (mut judged_indices, reals) = (shuffled(judged), shuffled(real));
        judged_indices.truncate(count);
        let other_indices = reals[count..2 * count].to_vec();
        let mut noise = real.subset(&reals[..count]).fitted(format(classifier));
        noise.pixels.fill_with(|| random.below(256) as u8);
        let features = |pictures: &Pictures| Features::of(pictures, classifier, device);
        Ok(Self {
            judged: features(&judged.subset(&judged_indices))?,
            real: features(&real.subset(&reals[..count]))?,
            other: features(&real.subset(&other_indices))?,
            noise: features(&noise)?,
            judged_indices,
            other_indices,
        })
    }

    /// How many pictures each sample has.
    pub fn count(&self) -> usize {
        self.judged.count()
    }

    /// What a classifier's features tell, of the judged pictures beside the real ones.
    pub fn measures(&self) -> Result<Vec<Measure>> {
        let kernel = Measure {
            spread: Some(kernel::distance(&self.judged, &self.real)?.spread),
            ..self.measure("kernel", |sample, real| Ok(kernel::distance(sample, real)?.mean))?
        };
        Ok(vec![
            self.measure("frechet", frechet::distance)?,
            kernel,
            self.measure("precision", |sample, real| Ok(covered(sample, real)))?,
            self.measure("recall", |sample, real| Ok(covered(real, sample)))?,
            self.measure("balance", |sample, real| Ok(balance::distance(sample, real)))?,
        ])
    }

    /// The training picture that is nearest to each. Fails where the real pictures are among these themselves.
    pub fn neighbours(&self, training: &Features) -> Result<Neighbours> {
        let of = |sample: &Features| nearest::nearest(sample, training);
        let limit = nearest::threshold(&of(&self.real));
        if limit == 0.0 {
            return Err(Error::Data(
                "the real pictures are among those of the training data, so they cannot tell what is a copy: give real \
                 ones that the model never saw"
                    .into(),
            ));
        }
        Ok(Neighbours { judged: of(&self.judged), other: of(&self.other), noise: of(&self.noise), limit })
    }

    /// A distance from the real pictures: that of the judged ones, of other real ones (the floor) and of noise (the
    /// ceiling).
    pub fn measure(&self, name: &str, distance: impl Fn(&Features, &Features) -> Result<f64>) -> Result<Measure> {
        let from_real = |sample: &Features| distance(sample, &self.real);
        Ok(Measure {
            name: name.into(),
            value: from_real(&self.judged)?,
            floor: Some(from_real(&self.other)?),
            ceiling: Some(from_real(&self.noise)?),
            spread: None,
        })
    }
}
