//! Measures flicker: how much a result changes where its video hardly does.

use serde_json::{Value, json};

use super::similarity::{Similarity, similarity_of_levels};

/// A cell of a video hardly changes if its root mean square difference is at most this many levels of 255, like the noise
/// of a poor camera.
const SMALL_CHANGE: f32 = 16.0;

/// The flicker of a video and of its result: the mean absolute change of a channel from one frame to the next, in levels
/// of 255, along the video's motion and in those parts where the video hardly changes. It is the warping error of Lai et
/// al. 2018 (arXiv 1808.00449) with absolute in place of squared differences, so that it is in levels.
///
/// A still video without camera noise has none. Changes above the threshold, at a cut or where something appears, are not
/// counted.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Flicker {
    video: f64,
    result: f64,
    counted: u64,
    all: u64,
}

impl Flicker {
    /// Adds a frame: of the video and of the result, its pixels and those of the frame before, motion-compensated.
    pub fn add(&mut self, width: usize, similarity: &Similarity, video: (&[u8], &[u8]), result: (&[u8], &[f32])) {
        let least = similarity_of_levels(SMALL_CHANGE);
        let pixels = video.0.chunks_exact(3).zip(video.1.chunks_exact(3));
        let results = result.0.chunks_exact(3).zip(result.1.chunks_exact(3));
        let (mut of_video, mut of_result) = (0u64, 0f64);
        for (at, ((video, video_before), (result, result_before))) in pixels.zip(results).enumerate() {
            self.all += 1;
            if similarity.of_cell(at % width, at / width) >= least {
                self.counted += 1;
                of_video += video.iter().zip(video_before).map(|(a, b)| u64::from(a.abs_diff(*b))).sum::<u64>();
                let change = |(a, b): (&u8, &f32)| f64::from((f32::from(*a) - b).abs());
                of_result += result.iter().zip(result_before).map(change).sum::<f64>();
            }
        }
        self.video += of_video as f64;
        self.result += of_result;
    }

    /// The flicker of the result and of the video; none if all of the video changes.
    pub fn levels(&self) -> Option<(f64, f64)> {
        let mean = |sum: f64| sum / (3.0 * self.counted as f64);
        (self.counted > 0).then(|| (mean(self.result), mean(self.video)))
    }

    /// The part of the video that hardly changes, from 0 to 1.
    pub fn share(&self) -> f64 {
        self.counted as f64 / self.all.max(1) as f64
    }

    /// The value for `--json`.
    pub fn to_json(self) -> Value {
        let rounded = |number: f64| (number * 1000.0).round() / 1000.0;
        self.levels().map_or(Value::Null, |(result, video)| {
            json!({ "result": rounded(result), "film": rounded(video), "share": rounded(self.share()) })
        })
    }
}
