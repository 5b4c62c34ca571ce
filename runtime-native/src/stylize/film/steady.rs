//! Results that hold still where their film does, and how still they are.

use easel_runtime::Picture;

use super::flicker::Flicker;
use super::likeness::{ALPHA, Likeness};
use super::motion::{Grey, Motion};

/// The part of a result that the one before is where nothing changes at all. Of noise a quarter is left then,
/// sqrt((1 - k) / (1 + k)), and of what was there a second ago a twentieth, at 24 frames a second.
const KEEP: f32 = 0.88;

/// How fast the blend ends with the squared change of the result: flicker is mostly below 30 levels of 255. A model may
/// make much of what is hardly there, and without this a faint thing that moves would leave a trail.
const RESULT_ALPHA: f32 = 5.0;

/// Follows a film and its result from frame to frame.
///
/// To hold still, each result is blended with the one before, brought along the film's motion, by the film's likeness to
/// itself and the result's: a recursive filter, by which what Ruder et al. 2016 ("Artistic Style Transfer for Videos", arXiv 1604.08610,
/// the temporal consistency loss) ask of a result, to be the one before, warped, where nothing new comes to light, is met
/// after the fact. Where the film changes nothing is blended, and nothing stays behind.
pub(super) struct Steady {
    /// Whether results are blended, or only measured.
    blends: bool,
    before: Option<Before>,
    pub flicker: Flicker,
}

struct Before {
    film: Picture,
    grey: Grey,
    motion: Option<Motion>,
    /// What was given, before it was rounded.
    result: Vec<f32>,
}

impl Steady {
    pub fn new(blends: bool) -> Self {
        Self { blends, before: None, flicker: Flicker::default() }
    }

    /// The result for the next frame of the film, of which this was made.
    pub fn next(&mut self, film: Picture, mut made: Picture) -> Picture {
        let grey = Grey::of(&film);
        let mut motion = None;
        let mut result: Vec<f32> = made.pixels.iter().map(|&value| f32::from(value)).collect();
        if let Some(before) = &self.before {
            let found = Motion::find(&grey, &before.grey, before.motion.as_ref());
            let film_before = found.follow(&before.film.pixels, 3);
            let result_before = found.follow(&before.result, 3);
            let likeness = Likeness::of(&film, &film_before, ALPHA);
            if self.blends {
                let given: Vec<u8> = result_before.iter().map(|&value| rounded(value)).collect();
                let of_result = Likeness::of(&made, &given, RESULT_ALPHA);
                blend(&mut result, &result_before, film.width, [&likeness, &of_result]);
                made.pixels = result.iter().map(|&value| rounded(value)).collect();
            }
            let (film_pair, result_pair) =
                ((&film.pixels[..], &film_before[..]), (&made.pixels[..], &result_before[..]));
            self.flicker.add(film.width, &likeness, film_pair, result_pair);
            motion = Some(found);
        }
        self.before = Some(Before { film, grey, motion, result });
        made
    }
}

fn blend(result: &mut [f32], before: &[f32], width: usize, likeness: [&Likeness; 2]) {
    for (at, (now, then)) in result.chunks_exact_mut(3).zip(before.chunks_exact(3)).enumerate() {
        let like = likeness.map(|likeness| likeness.between_cells(at % width, at / width));
        let share = KEEP * like[0] * like[1];
        now.iter_mut().zip(then).for_each(|(now, then)| *now += share * (then - *now));
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

    /// A film that pans over a pattern, or stands still, with a dark square that crosses it.
    fn film(frame: usize, pan: usize) -> Picture {
        let mut film = pattern(10 + pan * frame, 20, SIZE.0, SIZE.1);
        for y in 24..40 {
            for x in 6 * frame..6 * frame + 12 {
                film.pixels[3 * (y * SIZE.0 + x)..][..3].fill(10);
            }
        }
        film
    }

    /// The film's negative, with noise: the flicker, and the last frame less the negative without noise.
    fn run(blends: bool, pan: usize) -> (f64, Vec<i32>) {
        let mut steady = Steady::new(blends);
        let mut random = Random::new(3, 1);
        let (mut given, mut clean) = (vec![], vec![]);
        for frame in 0..12 {
            let film = film(frame, pan);
            clean = film.pixels.iter().map(|value| 255 - value).collect();
            let noisy = |value: &u8| (i32::from(*value) + random.below(41) as i32 - 20).clamp(0, 255) as u8;
            let made = Picture { pixels: clean.iter().map(noisy).collect(), ..film.clone() };
            given = steady.next(film, made).pixels;
        }
        let (result, film) = steady.flicker.levels().unwrap();
        assert!(film < 3.0, "{film}");
        assert!(steady.flicker.share() > 0.5, "{}", steady.flicker.share());
        (result, given.iter().zip(&clean).map(|(a, b)| i32::from(*a) - i32::from(*b)).collect())
    }

    #[test]
    fn flicker_goes_and_no_ghosts_come() {
        for pan in [0, 2] {
            let (loose, _) = run(false, pan);
            let (steady, errors) = run(true, pan);
            assert!(loose > 10.0 && steady < 0.35 * loose, "{pan}: {loose} {steady}");
            // Where the square was some frames ago it is no more.
            let trail = |at: &usize| (24..40).contains(&(at / SIZE.0)) && (0..60).contains(&(at % SIZE.0));
            let trail: Vec<i32> = (0..SIZE.0 * SIZE.1).filter(trail).map(|at| errors[3 * at]).collect();
            let mean = trail.iter().sum::<i32>() as f64 / trail.len() as f64;
            assert!(mean.abs() < 2.0 && trail.iter().all(|error| error.abs() <= 30), "{pan}: {mean} {trail:?}");
        }
    }
}
