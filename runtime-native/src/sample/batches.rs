//! A denoiser's pictures, as many at once as memory holds.

use std::ops::Range;

use easel_runtime::card::PictureSize;
use easel_runtime::denoiser::{self, Denoiser, Request};
use easel_runtime::samplers::Linear;
use easel_runtime::{Error, ModelCard, Picture, Predictor, Result};

use crate::cli::Progress;
use crate::memory::free_bytes;

/// The pictures that are computed at once, unless told. On a CPU more are no faster.
const MOST_AT_ONCE: usize = 64;

/// What a picture's pixel takes for each channel of the network's width while it is computed. Measured with ONNX Runtime:
/// 0.8 MB for a picture of 32x32 at width 16.
const BYTES_A_PIXEL_AND_CHANNEL: usize = 50;

/// The width of a denoiser that does not tell its own.
const CLASSIC_WIDTH: usize = 64;

/// The part of the free memory that pictures may take.
const SHARE: usize = 2;

/// As many pictures as half of the free memory is estimated to hold.
pub fn default_size(card: &ModelCard) -> usize {
    let base = card.architecture.sizes.get("base").and_then(|base| usize::try_from(base.as_u64()?).ok());
    let Some(PictureSize::Fixed { height, width }) = card.picture.as_ref().map(|picture| picture.size) else {
        return 1;
    };
    let pixels = height * width;
    let picture = pixels.saturating_mul(BYTES_A_PIXEL_AND_CHANNEL).saturating_mul(base.unwrap_or(CLASSIC_WIDTH).max(1));
    (free_bytes() / SHARE / picture).clamp(1, MOST_AT_ONCE)
}

/// What is to be computed.
pub struct Batches<'a, R> {
    pub denoiser: &'a Denoiser,
    /// The request for some of the pictures.
    pub request: R,
    /// How many pictures there are.
    pub count: usize,
    /// The steps after which x is handed out too, rising.
    pub shown: &'a [usize],
}

impl<R: Fn(Range<usize>) -> Request> Batches<'_, R> {
    /// Computes `size` pictures at a time, and where the engine has no memory for so many, half of them from then on.
    /// `done` is given what a batch looked like after each of the steps that are shown, and at last its pictures.
    pub async fn run<P: Predictor>(
        &self,
        model: &mut P,
        mut size: usize,
        progress: &mut Progress,
        mut done: impl FnMut(Range<usize>, Vec<Vec<Picture>>) -> crate::Result<()>,
    ) -> crate::Result<()> {
        let mut first = 0;
        while first < self.count {
            let pictures = first..self.count.min(first + size);
            match self.batch(model, pictures.clone(), progress).await {
                Err(Error::OutOfMemory(_)) if pictures.len() > 1 => {
                    size = pictures.len() / 2;
                    progress.say(&format!("no memory for {} pictures at once; going on with {size}", pictures.len()));
                }
                made => {
                    done(pictures.clone(), made?)?;
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
    ) -> Result<Vec<Vec<Picture>>> {
        let request = (self.request)(pictures.clone());
        let mut frames = Vec::new();
        let made = self.denoiser.sample_on(model, &request, |step| {
            progress.reach((pictures.start * step.of + pictures.len() * step.done) as u64);
            if self.shown.contains(&step.done) {
                let seen = step.x.to_tensor().and_then(|x| denoiser::pictures(&x));
                frames.push(seen.and_then(|seen| Picture::from_batch(&seen)));
            }
        });
        let made = Picture::from_batch(&made.await?)?;
        frames.into_iter().chain([Ok(made)]).collect()
    }
}

#[cfg(test)]
mod tests {
    use easel_runtime::card::Prediction;
    use easel_runtime::denoiser::{Draw, Sampler};
    use easel_runtime::predictor::OnHost;
    use easel_runtime::{Engine, Schedule, Tensor};

    use super::*;

    /// Takes half of what it sees for noise. The first runs have memory for so many pictures each, and all others for as
    /// many as the last.
    struct Hungry {
        holds: Vec<usize>,
        runs: Vec<usize>,
    }

    impl Engine for Hungry {
        fn describe(&self) -> String {
            "hungry".into()
        }

        async fn run(&mut self, inputs: &[(&str, &Tensor)]) -> Result<Vec<(String, Tensor)>> {
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

    fn run(holds: &[usize], size: usize) -> (crate::Result<()>, Vec<Picture>, Vec<usize>) {
        let denoiser = Denoiser {
            classes: 10,
            schedule: Schedule::linear(10, 1e-3, 0.2).unwrap(),
            prediction: Prediction::Noise,
            null_label: None,
            picture: [1, 2, 2],
        };
        let draw = |index: usize| Draw { label: index, seed: 1, number: 0 };
        let request = |pictures: Range<usize>| Request {
            draws: pictures.map(draw).collect(),
            sampler: Sampler::Ddim { eta: 1.0 },
            steps: 2,
            guidance: 1.0,
        };
        let batches = Batches { denoiser: &denoiser, request, count: 10, shown: &[0, 1] };
        let mut engine = Hungry { holds: holds.to_vec(), runs: vec![] };
        let mut made = Vec::new();
        let mut progress = Progress::new(20, "picture steps");
        let result =
            pollster::block_on(batches.run(&mut OnHost(&mut engine), size, &mut progress, |pictures, frames| {
                assert_eq!((pictures.start, frames.len()), (made.len(), 3));
                assert!(frames.iter().all(|frame| frame.len() == pictures.len()) && frames[0] != frames[2]);
                made.extend(frames[2].clone());
                Ok(())
            }));
        (result, made, engine.runs)
    }

    #[test]
    fn half_a_batch_where_memory_is_short() {
        let (result, all, runs) = run(&[10], 64);
        result.unwrap();
        assert_eq!((all.len(), runs), (10, vec![10, 10]));
        // Short from the beginning, then in the middle of a batch.
        let (result, made, runs) = run(&[4, 4, 4, 4, 1, 1, 1], 10);
        result.unwrap();
        assert_eq!(made, all);
        assert_eq!(runs[..3], [10, 5, 2]);
        let (result, made, runs) = run(&[4, 4, 4, 3, 1], 4);
        result.unwrap();
        assert_eq!((made, &runs[..6]), (all, &[4, 4, 4, 4, 2, 1][..]));
    }

    #[test]
    fn one_picture_that_does_not_fit_is_an_error() {
        let (result, made, runs) = run(&[0], 8);
        assert_eq!((result.unwrap_err().to_string(), made.len(), runs), ("full".into(), 0, vec![8, 4, 2, 1]));
    }
}
