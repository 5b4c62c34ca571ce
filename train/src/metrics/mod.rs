//! What a generator's pictures are like beside real ones: how far away, and how different from each other.
//!
//! A [`Watch`] measures a generator again and again, and gives each number beside its floor, what real pictures get
//! against other real ones:
//! - `swd_32`, `swd_16`, ...: the [sliced Wasserstein distance](sliced_wasserstein) on each level of detail by its
//!   height, times 1000 as it is published, and `swd`, their mean. The nearer to the floor the better; a collapsed
//!   generator's is several times that on every level.
//! - `ms_ssim`: the [similarity](mod@ms_ssim) of pictures of one set. Well above the floor they are too much alike; below it
//!   they differ more than real ones do, as noise does.
//!
//! [`Samples`](features::Samples) are pictures as a classifier sees them, beside real ones and noise:
//! - `frechet`: the [Fréchet distance](frechet), and `kernel`, the [kernel distance](kernel). The nearer to the floor the
//!   better.
//! - `precision` and `recall`: [how many](manifold) lie where real ones do, and how many real ones lie where they do. The
//!   nearer to the floor the better.
//! - `balance`: how far the [shares of the classes](balance) are from the real ones'.
//! - `near`: [how many](nearest) are as near to a picture of the training data as hardly any real ones are.

pub mod balance;
pub mod features;
pub mod frechet;
pub mod kernel;
pub mod manifold;
pub mod ms_ssim;
pub mod nearest;
pub mod pyramid;
pub mod sliced_wasserstein;

use candle_core::{DType, Tensor};
use easel_runtime::{Picture, Random};
use rayon::prelude::*;

use self::ms_ssim::ms_ssim;
use self::sliced_wasserstein::{Profile, SlicedWasserstein};
use crate::data::collate::one_format;
use crate::data::{Dataset, PictureFormat, Sample};
use crate::run::streams;
use crate::{Error, Result};

/// The most pixels that a sample has: both, in three channels and twice over, take less than a gigabyte.
const MOST_PIXELS: usize = 1 << 26;

/// A number, and what others get in place of the judged pictures. All are finite.
#[derive(Debug, Clone, PartialEq)]
pub struct Measure {
    /// The metric's name.
    pub name: String,
    /// The judged pictures'.
    pub value: f64,
    /// Real pictures', where there are enough.
    pub floor: Option<f64>,
    /// Noise's, where that is known.
    pub ceiling: Option<f64>,
    /// The standard deviation of the judged pictures' number, where it is known.
    pub spread: Option<f64>,
}

/// Measures as a run's statistics have them, without ceilings: the floor of `NAME` is `NAME_floor`.
pub fn records(measures: &[Measure]) -> Vec<(String, f64)> {
    let pair = |measure: &Measure| {
        let floor = measure.floor.map(|floor| (format!("{}_floor", measure.name), floor));
        std::iter::once((measure.name.clone(), measure.value)).chain(floor)
    };
    measures.iter().flat_map(pair).collect()
}

/// Compares a generator's pictures with real ones of the same format. What depends on the real ones alone is computed
/// once.
///
/// The distance between samples depends on their size. Therefore the real pictures are cut into two samples, and the
/// generator's and the second one, which gives the floor, are both compared with the first and of its size. The same
/// pictures and seed give the same numbers, with any number of threads.
#[derive(Debug, Clone)]
pub struct Watch {
    format: PictureFormat,
    count: usize,
    swd: SlicedWasserstein,
    reals: Profile,
    swd_floors: Option<Vec<f64>>,
    ms_ssim_floor: Option<f64>,
}

impl Watch {
    /// Draws twice `count` of the real pictures, or all where there are fewer or what a gigabyte holds, and computes the
    /// floors. A single picture
    /// is compared with a single one of the generator's and has no floor. Fails where there is none, where one cannot be
    /// read, and where they differ in size or channels.
    pub fn new(reals: &dyn Dataset<Item = Sample>, count: usize, seed: u64) -> Result<Self> {
        let mut drawn: Vec<usize> = (0..reals.len()).collect();
        Random::new(seed, streams::METRICS).shuffle(&mut drawn);
        let read = |&index: &usize| reals.item(index, &mut Random::new(seed, streams::METRICS + 1 + index as u64));
        let pixels =
            drawn.first().map_or(Ok(1), |index| read(index).map(|one| one.picture.width * one.picture.height))?;
        let count = count.min(drawn.len() / 2).min(MOST_PIXELS / pixels).max(1);
        drawn.truncate(2 * count);
        let samples = drawn.par_iter().map(read).collect::<Result<Vec<_>>>()?;
        let format = one_format(&samples)?;
        let pictures: Vec<Vec<u8>> = samples.iter().map(|sample| planes(&sample.picture)).collect();
        let pictures: Vec<&[u8]> = pictures.iter().map(Vec::as_slice).collect();
        let (first, second) = pictures.split_at(count);
        let swd = SlicedWasserstein::new(format, seed);
        let reals = swd.profile(first);
        let swd_floors = (!second.is_empty()).then(|| reals.distances(&swd.profile(second)));
        Ok(Self { format, count, swd, reals, swd_floors, ms_ssim_floor: ms_ssim(&pictures, format) })
    }

    /// The generator's pictures that are compared.
    pub fn count(&self) -> usize {
        self.count
    }

    /// Measures a generator's pictures, one after the other, in random order and each `[channel, row, column]`
    /// ([`bytes`] gives them): [`Watch::count`] of them, what comes after those is left alone. A single one has no
    /// `ms_ssim`. Fails where there are fewer.
    pub fn measure(&self, pictures: &[u8]) -> Result<Vec<Measure>> {
        let pictures: Vec<_> = pictures.chunks_exact(self.format.len()).take(self.count).collect();
        if pictures.len() < self.count {
            return Err(Error::Data(format!(
                "{} pictures of the generator's are too few: its floor is that of {}; make as many",
                pictures.len(),
                self.count
            )));
        }
        let distances = self.swd.profile(&pictures).distances(&self.reals);
        let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len() as f64;
        let (value, floor) = (mean(&distances), self.swd_floors.as_deref().map(mean));
        let swd = Measure { name: "swd".into(), value, floor, ceiling: None, spread: None };
        let levels = self.swd.levels().iter().zip(&distances).enumerate().map(|(level, ([height, _], &value))| {
            let floor = self.swd_floors.as_ref().map(|floors| floors[level]);
            Measure { name: format!("swd_{height}"), value, floor, ceiling: None, spread: None }
        });
        let similarity = ms_ssim(&pictures, self.format).map(|value| {
            let floor = self.ms_ssim_floor;
            Measure { name: "ms_ssim".into(), value, floor, ceiling: None, spread: None }
        });
        Ok(levels.chain([swd]).chain(similarity).collect())
    }
}

/// A picture as `[channel, row, column]`.
fn planes(picture: &Picture) -> Vec<u8> {
    let channels = picture.channels;
    (0..channels).flat_map(|channel| picture.pixels[channel..].iter().step_by(channels).copied()).collect()
}

/// The values of pictures `[batch, channel, row, column]` in [0, 1] as bytes, rounded and clamped as in a file. Fails
/// where one is not finite.
pub fn bytes(pictures: &Tensor) -> Result<Vec<u8>> {
    rounded(&pictures.to_dtype(DType::F32)?.flatten_all()?.to_vec1::<f32>()?)
}

/// The same of values that are on the CPU.
pub fn rounded(values: &[f32]) -> Result<Vec<u8>> {
    if let Some(value) = values.iter().find(|value| !value.is_finite()) {
        return Err(Error::Run(format!("a generated picture holds {value}: nothing can be measured")));
    }
    Ok(values.iter().map(|value| (value * 255.0 + 0.5) as u8).collect())
}

#[cfg(test)]
mod tests;
