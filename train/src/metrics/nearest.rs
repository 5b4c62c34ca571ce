//! Near copies of training pictures: whether a model memorises them.

use rayon::prelude::*;

use super::features::{Features, squared_distance};

/// The share of unseen real pictures that count as near copies. A picture that is as close to a training picture as the
/// closest hundredth of real pictures that the model never saw may be a copy.
pub const NEAR: f64 = 0.01;

/// A picture's nearest neighbour among the training pictures.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Neighbour {
    /// Its index.
    pub index: usize,
    /// The squared distance of the features.
    pub squared_distance: f32,
}

/// The nearest training picture of each picture. Both sets have the same number of features.
pub fn neighbours(pictures: &Features, training: &Features) -> Vec<Neighbour> {
    let find = |at: usize| {
        let all = (0..training.count()).map(|index| Neighbour {
            index,
            squared_distance: squared_distance(pictures.row(at), training.row(index)),
        });
        all.min_by(|a, b| a.squared_distance.total_cmp(&b.squared_distance)).expect("there are two pictures at least")
    };
    (0..pictures.count()).into_par_iter().map(find).collect()
}

/// The squared distance up to which a picture counts as a near copy: that of the closest [`NEAR`] of unseen real pictures.
pub fn threshold(unseen: &[Neighbour]) -> f32 {
    let mut distances: Vec<f32> = unseen.iter().map(|neighbour| neighbour.squared_distance).collect();
    let place = ((distances.len() as f64 * NEAR).ceil() as usize).clamp(1, distances.len()) - 1;
    *distances.select_nth_unstable_by(place, f32::total_cmp).1
}

/// The share of near copies, from 0 to 1.
pub fn near(neighbours: &[Neighbour], threshold: f32) -> f64 {
    let near = neighbours.iter().filter(|neighbour| neighbour.squared_distance <= threshold);
    near.count() as f64 / neighbours.len() as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use easel_runtime::Random;

    #[test]
    fn copies_are_found() {
        let mut random = Random::new(1, 0);
        let (width, count) = (6, 300);
        let mut sample = || Features::new(random.normals(count * width), width).unwrap();
        let (training, unseen, generated) = (sample(), sample(), sample());
        let limit = threshold(&neighbours(&unseen, &training));
        let share = |pictures: &Features| near(&neighbours(pictures, &training), limit);
        assert_eq!(share(&unseen), NEAR);
        assert!(share(&generated) < 0.06);
        // Half of them copied, with a little noise.
        let copied = training.values()[..150 * width].iter().map(|value| value + 1e-4);
        let half = copied.chain(generated.values()[150 * width..].iter().copied()).collect();
        let half = Features::new(half, width).unwrap();
        assert!((0.5..0.56).contains(&share(&half)), "{}", share(&half));
        assert!(neighbours(&half, &training)[..150].iter().enumerate().all(|(at, found)| found.index == at));
    }
}
