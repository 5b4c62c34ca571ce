//! A generator's distance from real pictures and its diversity, without a classifier.

use easel_runtime::Random;
use rayon::prelude::*;

use super::measurement::Measurement;
use super::ms_ssim::ms_ssim;
use super::pixels::planar;
use super::sliced_wasserstein::{Profile, SlicedWasserstein};
use crate::data::collate::one_format;
use crate::data::{Dataset, PictureFormat, Sample};
use crate::run::streams;
use crate::{Error, Result};

/// The most pixels of a set: both sets, in three channels and twice over, take less than a gigabyte.
const MOST_PIXELS: usize = 1 << 26;

/// Compares a generator's pictures with real ones of the same format, as often as wanted: what depends on the real
/// pictures alone is computed once.
///
/// The distance between sets depends on their size. So the real pictures are split into two sets of equal size: the
/// reference set, and a second one, whose distance from it is the baseline. As many generated pictures are compared with
/// the reference set. The same pictures and seed give the same numbers, with any number of threads.
#[derive(Debug, Clone)]
pub struct MetricTracker {
    format: PictureFormat,
    count: usize,
    swd: SlicedWasserstein,
    reference: Profile,
    swd_baseline: Option<Vec<f64>>,
    ms_ssim_baseline: Option<f64>,
}

impl MetricTracker {
    /// Draws twice `count` real pictures, or all where there are fewer, or as many as fit in a gigabyte, and computes the
    /// baselines. A single picture is the reference set by itself, and then there is no baseline. Fails where there are
    /// no pictures, where one cannot be read, and where they differ in size or channels.
    pub fn new(real: &dyn Dataset<Item = Sample>, count: usize, seed: u64) -> Result<Self> {
        let mut drawn: Vec<usize> = (0..real.len()).collect();
        Random::new(seed, streams::METRICS).shuffle(&mut drawn);
        let read = |&index: &usize| real.item(index, &mut Random::new(seed, streams::METRICS + 1 + index as u64));
        let pixels =
            drawn.first().map_or(Ok(1), |index| read(index).map(|one| one.picture.width * one.picture.height))?;
        let count = count.min(drawn.len() / 2).min(MOST_PIXELS / pixels).max(1);
        drawn.truncate(2 * count);
        let samples = drawn.par_iter().map(read).collect::<Result<Vec<_>>>()?;
        let format = one_format(&samples)?;
        let pictures: Vec<Vec<u8>> = samples.iter().map(|sample| planar(&sample.picture)).collect();
        let pictures: Vec<&[u8]> = pictures.iter().map(Vec::as_slice).collect();
        let (first, second) = pictures.split_at(count);
        let swd = SlicedWasserstein::new(format, seed);
        let reference = swd.profile(first);
        let swd_baseline = (!second.is_empty()).then(|| reference.distances(&swd.profile(second)));
        Ok(Self { format, count, swd, reference, swd_baseline, ms_ssim_baseline: ms_ssim(&pictures, format) })
    }

    /// The number of generated pictures that are compared.
    pub fn count(&self) -> usize {
        self.count
    }

    /// Measures the first [`MetricTracker::count`] of a generator's pictures, which are in random order and each
    /// `[channel, row, column]`, as [`bytes`](super::pixels::bytes) gives them: `swd_HEIGHT` of each level, `swd` and, of
    /// two pictures at least, `ms_ssim`. Fails where there are fewer pictures.
    pub fn measure(&self, pictures: &[u8]) -> Result<Vec<Measurement>> {
        let pictures: Vec<_> = pictures.chunks_exact(self.format.len()).take(self.count).collect();
        if pictures.len() < self.count {
            return Err(Error::Data(format!(
                "{} generated pictures are too few for a reference set of {1}; generate {1}",
                pictures.len(),
                self.count
            )));
        }
        let distances = self.swd.profile(&pictures).distances(&self.reference);
        let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len() as f64;
        let levels = self.swd.levels().iter().zip(&distances).enumerate().map(|(level, ([height, _], &value))| {
            let baseline = self.swd_baseline.as_ref().map(|baseline| baseline[level]);
            Measurement::new(format!("swd_{height}"), value, baseline)
        });
        let swd = Measurement::new("swd", mean(&distances), self.swd_baseline.as_deref().map(mean));
        let similarity = ms_ssim(&pictures, self.format);
        let similarity = similarity.map(|value| Measurement::new("ms_ssim", value, self.ms_ssim_baseline));
        Ok(levels.chain([swd]).chain(similarity).collect())
    }

    /// [`MetricTracker::measure`] with noise baselines: the scores of pictures whose values are independent and uniform.
    pub fn measure_beside_noise(&self, pictures: &[u8], seed: u64) -> Result<Vec<Measurement>> {
        let mut measurements = self.measure(pictures)?;
        let mut noise = vec![0; self.count * self.format.len()];
        let mut random = Random::new(seed, streams::SAMPLES);
        noise.fill_with(|| random.below(256) as u8);
        for (measurement, noise) in measurements.iter_mut().zip(self.measure(&noise)?) {
            measurement.noise_baseline = Some(noise.value);
        }
        Ok(measurements)
    }
}

#[cfg(test)]
mod tests;
