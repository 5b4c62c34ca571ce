//! How near pictures are to those that a model was trained on: whether it remembers them rather than makes new ones.

use rayon::prelude::*;

use super::Measure;
use super::features::Features;

/// The share of real pictures that count as near: what is as near to a training picture as the nearest hundredth of
/// real pictures that the model never saw is suspected to be a copy.
pub const NEAR: f64 = 0.01;

/// The nearest training picture of a picture.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Nearest {
    /// Its index.
    pub index: usize,
    /// The squared distance of the features.
    pub squared: f32,
}

/// The nearest training pictures of [samples](super::features::Samples), in their order.
#[derive(Debug, Clone)]
pub struct Neighbours {
    /// Those of the judged pictures.
    pub judged: Vec<Nearest>,
    /// Those of real ones that the model never saw.
    pub other: Vec<Nearest>,
    /// Those of noise.
    pub noise: Vec<Nearest>,
    /// The [`threshold`] of other real ones that it never saw.
    pub limit: f32,
}

impl Neighbours {
    /// How many pictures are suspiciously near to a training picture.
    pub fn near(&self) -> Measure {
        let share = |pictures: &[Nearest]| near(pictures, self.limit);
        Measure {
            name: "near".into(),
            value: share(&self.judged),
            floor: Some(share(&self.other)),
            ceiling: Some(share(&self.noise)),
            spread: None,
        }
    }
}

/// The squared distance of two pictures' features.
pub fn squared(a: &[f32], b: &[f32]) -> f32 {
    a.iter().zip(b).map(|(a, b)| (a - b) * (a - b)).sum()
}

/// The nearest training picture of each picture. Both have the same features.
pub fn nearest(pictures: &Features, training: &Features) -> Vec<Nearest> {
    let find = |at: usize| {
        let all = (0..training.count())
            .map(|index| Nearest { index, squared: squared(pictures.row(at), training.row(index)) });
        all.min_by(|a, b| a.squared.total_cmp(&b.squared)).expect("features are of two pictures at least")
    };
    (0..pictures.count()).into_par_iter().map(find).collect()
}

/// The distance within which a picture counts as near: that of the nearest [`NEAR`] of unseen real ones.
pub fn threshold(unseen: &[Nearest]) -> f32 {
    let mut distances: Vec<f32> = unseen.iter().map(|nearest| nearest.squared).collect();
    let place = ((distances.len() as f64 * NEAR).ceil() as usize).clamp(1, distances.len()) - 1;
    *distances.select_nth_unstable_by(place, f32::total_cmp).1
}

/// The share of pictures that are no farther from a training picture than that, from 0 to 1.
pub fn near(pictures: &[Nearest], threshold: f32) -> f64 {
    pictures.iter().filter(|nearest| nearest.squared <= threshold).count() as f64 / pictures.len() as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use easel_runtime::Random;

    #[test]
    fn copies_are_found_out() {
        let mut random = Random::new(1, 0);
        let (width, count) = (6, 300);
        let mut sample = || Features::new(random.normals(count * width), width).unwrap();
        let (training, unseen, made) = (sample(), sample(), sample());
        let limit = threshold(&nearest(&unseen, &training));
        let share = |pictures: &Features| near(&nearest(pictures, &training), limit);
        assert_eq!(share(&unseen), NEAR);
        assert!(share(&made) < 0.06);
        // Half of them copied, with a little noise.
        let copied = training.values()[..150 * width].iter().map(|value| value + 1e-4);
        let half = copied.chain(made.values()[150 * width..].iter().copied()).collect();
        let half = Features::new(half, width).unwrap();
        assert!((0.5..0.56).contains(&share(&half)), "{}", share(&half));
        assert!(nearest(&half, &training)[..150].iter().enumerate().all(|(at, found)| found.index == at));
    }
}
