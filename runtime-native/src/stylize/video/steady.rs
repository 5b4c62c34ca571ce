//! Blends results over time, and measures their flicker.

use easel_runtime::Picture;

use super::flicker::Flicker;
use super::motion::{Grey, Motion};
use super::similarity::{ALPHA, Similarity};

/// The weight of the result before where nothing changes. It leaves a quarter of the noise, sqrt((1 - k) / (1 + k)), and a
/// twentieth of what was there a second ago, at 24 frames per second.
const KEEP: f32 = 0.88;

/// How fast the blend ends with the squared change of the result; flicker is mostly below 30 levels of 255. A model may
/// amplify a faint thing, which would leave a trail without this when it moves.
const RESULT_ALPHA: f32 = 5.0;

/// A recursive filter over a video's results, or only a measurement of their flicker.
///
/// Each result is blended with the motion-compensated result before, weighted by the similarity of the video's two frames
/// and that of the two results. It meets the temporal consistency loss of Ruder et al. 2016 ("Artistic Style Transfer for
/// Videos", arXiv 1604.08610) after the fact: a result equals the warped one before except where something new appears.
pub(super) struct FlickerFilter {
    /// Whether results are blended, or only measured.
    blends: bool,
    before: Option<Before>,
    pub flicker: Flicker,
}

struct Before {
    video: Picture,
    grey: Grey,
    motion: Option<Motion>,
    /// The blended result, before it was rounded.
    result: Vec<f32>,
}

impl FlickerFilter {
    pub fn new(blends: bool) -> Self {
        Self { blends, before: None, flicker: Flicker::default() }
    }

    /// Filters the result of the next frame.
    pub fn next(&mut self, video: Picture, mut stylized: Picture) -> Picture {
        let grey = Grey::of(&video);
        let mut motion = None;
        let mut result: Vec<f32> = stylized.pixels.iter().map(|&value| f32::from(value)).collect();
        if let Some(before) = &self.before {
            let found = Motion::find(&grey, &before.grey, before.motion.as_ref());
            let video_before = found.compensate(&before.video.pixels, 3);
            let result_before = found.compensate(&before.result, 3);
            let similarity = Similarity::of(&video, &video_before, ALPHA);
            if self.blends {
                let given: Vec<u8> = result_before.iter().map(|&value| rounded(value)).collect();
                let of_result = Similarity::of(&stylized, &given, RESULT_ALPHA);
                blend(&mut result, &result_before, video.width, [&similarity, &of_result]);
                stylized.pixels = result.iter().map(|&value| rounded(value)).collect();
            }
            let (video_pair, result_pair) =
                ((&video.pixels[..], &video_before[..]), (&stylized.pixels[..], &result_before[..]));
            self.flicker.add(video.width, &similarity, video_pair, result_pair);
            motion = Some(found);
        }
        self.before = Some(Before { video, grey, motion, result });
        stylized
    }
}

fn blend(result: &mut [f32], before: &[f32], width: usize, similarity: [&Similarity; 2]) {
    for (at, (now, then)) in result.chunks_exact_mut(3).zip(before.chunks_exact(3)).enumerate() {
        let [video, result] = similarity.map(|similarity| similarity.between_cells(at % width, at / width));
        let weight = KEEP * video * result;
        now.iter_mut().zip(then).for_each(|(now, then)| *now += weight * (then - *now));
    }
}

fn rounded(value: f32) -> u8 {
    (value + 0.5) as u8
}

#[cfg(test)]
mod tests {
    use super::super::motion::tests::pattern;
    use super::*;
    use easel_runtime::Random;

    const SIZE: (usize, usize) = (96, 64);

    /// A video that pans over a pattern, or is still, with a dark square that crosses it.
    fn video(frame: usize, pan: usize) -> Picture {
        let mut video = pattern(10 + pan * frame, 20, SIZE.0, SIZE.1);
        for y in 24..40 {
            for x in 6 * frame..6 * frame + 12 {
                video.pixels[3 * (y * SIZE.0 + x)..][..3].fill(10);
            }
        }
        video
    }

    /// Filters the video's negative with noise: the flicker, and the last frame minus the negative without noise.
    fn run(blends: bool, pan: usize) -> (f64, Vec<i32>) {
        let mut filter = FlickerFilter::new(blends);
        let mut random = Random::new(3, 1);
        let (mut given, mut clean) = (vec![], vec![]);
        for frame in 0..12 {
            let video = video(frame, pan);
            clean = video.pixels.iter().map(|value| 255 - value).collect();
            let noise = |value: &u8| (i32::from(*value) + random.below(41) as i32 - 20).clamp(0, 255) as u8;
            let noisy = Picture { pixels: clean.iter().map(noise).collect(), ..video.clone() };
            given = filter.next(video, noisy).pixels;
        }
        let (result, video) = filter.flicker.levels().unwrap();
        assert!(video < 3.0, "{video}");
        assert!(filter.flicker.share() > 0.5, "{}", filter.flicker.share());
        (result, given.iter().zip(&clean).map(|(a, b)| i32::from(*a) - i32::from(*b)).collect())
    }

    #[test]
    fn flicker_is_reduced_without_ghosting() {
        for pan in [0, 2] {
            let (loose, _) = run(false, pan);
            let (steady, errors) = run(true, pan);
            assert!(loose > 10.0 && steady < 0.35 * loose, "{pan}: {loose} {steady}");
            // The square leaves no trail.
            let trail = |at: &usize| (24..40).contains(&(at / SIZE.0)) && (0..60).contains(&(at % SIZE.0));
            let trail: Vec<i32> = (0..SIZE.0 * SIZE.1).filter(trail).map(|at| errors[3 * at]).collect();
            let mean = trail.iter().sum::<i32>() as f64 / trail.len() as f64;
            assert!(mean.abs() < 2.0 && trail.iter().all(|error| error.abs() <= 30), "{pan}: {mean} {trail:?}");
        }
    }
}
