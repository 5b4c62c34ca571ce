//! Samples a denoiser's pictures in batches that fit into memory.

use std::ops::Range;

use easel_runtime::card::PictureSize;
use easel_runtime::denoiser::{self, Denoiser, SampleRequest};
use easel_runtime::samplers::SamplerTensor;
use easel_runtime::{Error, ModelCard, Picture, Predictor};

use crate::cli::Progress;
use crate::error::Result;
use crate::memory::free_bytes;

/// The largest default batch. On a CPU larger ones are no faster.
const LARGEST_DEFAULT: usize = 64;

/// The bytes that a pixel takes for each of the network's base channels. Measured with ONNX Runtime: 0.8 MB for a picture
/// of 32x32 with 16 base channels.
const BYTES_PER_PIXEL_AND_CHANNEL: usize = 50;

/// The base channels of a denoiser whose card does not have them.
const USUAL_CHANNELS: usize = 64;

/// Pictures may take one part in this many of the free memory.
const MEMORY_DIVISOR: usize = 2;

/// The default batch: as many pictures as half of the free memory is estimated to hold.
pub fn default_size(card: &ModelCard) -> usize {
    let base = card.architecture.sizes.get("base").and_then(|base| usize::try_from(base.as_u64()?).ok());
    let Some(PictureSize::Fixed { height, width }) = card.picture.as_ref().map(|picture| picture.size) else {
        return 1;
    };
    let pixels = height * width;
    let picture =
        pixels.saturating_mul(BYTES_PER_PIXEL_AND_CHANNEL).saturating_mul(base.unwrap_or(USUAL_CHANNELS).max(1));
    (free_bytes() / MEMORY_DIVISOR / picture).clamp(1, LARGEST_DEFAULT)
}

/// The pictures to sample.
pub struct Batches<'a, R> {
    pub denoiser: &'a Denoiser,
    /// Makes the request for a range of the pictures.
    pub request: R,
    /// How many pictures there are.
    pub count: usize,
    /// The steps after which x is passed on too, in rising order.
    pub shown: &'a [usize],
}

impl<R: Fn(Range<usize>) -> SampleRequest> Batches<'_, R> {
    /// Samples `size` pictures at a time, and half of that from then on if the engine runs out of memory. Calls `done` for
    /// each batch with its pictures after each of the `shown` steps and at the end.
    pub async fn run<P: Predictor>(
        &self,
        model: &mut P,
        mut size: usize,
        progress: &mut Progress,
        mut done: impl FnMut(Range<usize>, Vec<Vec<Picture>>) -> Result<()>,
    ) -> Result<()> {
        let mut first = 0;
        while first < self.count {
            let pictures = first..self.count.min(first + size);
            match self.batch(model, pictures.clone(), progress).await {
                Err(Error::OutOfMemory(_)) if pictures.len() > 1 => {
                    size = pictures.len() / 2;
                    progress.say(&format!(
                        "not enough memory for {} pictures at once; continuing with {size}",
                        pictures.len()
                    ));
                }
                sampled => {
                    done(pictures.clone(), sampled?)?;
                    first = pictures.end;
                }
            }
        }
        Ok(())
    }

    async fn batch<P: Predictor>(
        &self,
        model: &mut P,
        pictures: Range<usize>,
        progress: &mut Progress,
    ) -> easel_runtime::Result<Vec<Vec<Picture>>> {
        let request = (self.request)(pictures.clone());
        let mut frames = Vec::new();
        let sampled = self.denoiser.sample_on(model, &request, |step| {
            progress.reach((pictures.start * step.of + pictures.len() * step.done) as u64);
            if self.shown.contains(&step.done) {
                let shown = step.x.to_tensor().and_then(|x| denoiser::pictures(&x));
                frames.push(shown.and_then(|shown| Picture::from_batch(&shown)));
            }
        });
        let sampled = Picture::from_batch(&sampled.await?)?;
        frames.into_iter().chain([Ok(sampled)]).collect()
    }
}

#[cfg(test)]
mod tests {
    use easel_runtime::card::Prediction;
    use easel_runtime::denoiser::{Draw, Sampler};
    use easel_runtime::predictor::OnHost;
    use easel_runtime::{Engine, Schedule, Tensor};

    use super::*;

    /// Predicts that half of its input is noise. Each run has memory for the next number of pictures in `holds`, and later
    /// ones for the last.
    struct Hungry {
        holds: Vec<usize>,
        runs: Vec<usize>,
    }

    impl Engine for Hungry {
        fn describe(&self) -> String {
            "hungry".into()
        }

        async fn run(&mut self, inputs: &[(&str, &Tensor)]) -> easel_runtime::Result<Vec<(String, Tensor)>> {
            let [(_, x), ..] = inputs else { panic!("{inputs:?}") };
            let count = x.shape()[0];
            self.runs.push(count);
            let holds = if self.holds.len() > 1 { self.holds.remove(0) } else { self.holds[0] };
            if count > holds {
                return Err(Error::OutOfMemory("full".into()));
            }
            let halves = x.as_f32()?.iter().map(|x| 0.5 * x).collect::<Vec<_>>();
            Ok(vec![("prediction".into(), Tensor::new(x.shape(), halves)?)])
        }
    }

    fn run(holds: &[usize], size: usize) -> (Result<()>, Vec<Picture>, Vec<usize>) {
        let denoiser = Denoiser {
            classes: 10,
            schedule: Schedule::linear(10, 1e-3, 0.2).unwrap(),
            prediction: Prediction::Noise,
            null_label: None,
            picture: [1, 2, 2],
        };
        let draw = |index: usize| Draw { label: index, seed: 1, number: 0 };
        let request = |pictures: Range<usize>| SampleRequest {
            draws: pictures.map(draw).collect(),
            sampler: Sampler::Ddim { eta: 1.0 },
            steps: 2,
            guidance: 1.0,
        };
        let batches = Batches { denoiser: &denoiser, request, count: 10, shown: &[0, 1] };
        let mut engine = Hungry { holds: holds.to_vec(), runs: vec![] };
        let mut sampled = Vec::new();
        let mut progress = Progress::new(20, "picture steps");
        let result =
            pollster::block_on(batches.run(&mut OnHost(&mut engine), size, &mut progress, |pictures, frames| {
                assert_eq!((pictures.start, frames.len()), (sampled.len(), 3));
                assert!(frames.iter().all(|frame| frame.len() == pictures.len()) && frames[0] != frames[2]);
                sampled.extend(frames[2].clone());
                Ok(())
            }));
        (result, sampled, engine.runs)
    }

    #[test]
    fn the_batch_is_halved_if_memory_runs_out() {
        let (result, all, runs) = run(&[10], 64);
        result.unwrap();
        assert_eq!((all.len(), runs), (10, vec![10, 10]));
        // Memory runs out at the beginning, then in the middle of a batch.
        let (result, sampled, runs) = run(&[4, 4, 4, 4, 1, 1, 1], 10);
        result.unwrap();
        assert_eq!(sampled, all);
        assert_eq!(runs[..3], [10, 5, 2]);
        let (result, sampled, runs) = run(&[4, 4, 4, 3, 1], 4);
        result.unwrap();
        assert_eq!((sampled, &runs[..6]), (all, &[4, 4, 4, 4, 2, 1][..]));
    }

    #[test]
    fn one_picture_that_does_not_fit_is_an_error() {
        let (result, sampled, runs) = run(&[0], 8);
        assert!(matches!(result, Err(crate::Error::OutOfMemory { path: None, reason }) if reason == "full"));
        assert_eq!((sampled.len(), runs), (0, vec![8, 4, 2, 1]));
    }
}
