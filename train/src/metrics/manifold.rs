//! How much of one set of pictures lies where another does (Kynkäänniemi et al. 2019, arXiv 1904.06991, equation 2).
//!
//! A set's manifold is all that is no farther from one of its pictures than that one's [`NEIGHBOURS`]-th nearest within
//! the set. Precision is the share of made pictures in the manifold of the real ones, how good they are; recall the
//! share of real ones in that of the made, how much they leave out.

use rayon::prelude::*;

use super::features::Features;
use super::nearest::squared;

/// Which neighbour's distance is the radius of a picture's part of the manifold.
pub const NEIGHBOURS: usize = 3;

/// The share of some pictures that lie in the manifold of others, from 0 to 1. Both have the same features.
pub fn covered(pictures: &Features, manifold: &Features) -> f64 {
    let radii: Vec<f32> = (0..manifold.count()).into_par_iter().map(|at| radius(manifold, at)).collect();
    let inside = |at: &usize| {
        let picture = pictures.row(*at);
        (0..manifold.count()).any(|other| squared(picture, manifold.row(other)) <= radii[other])
    };
    (0..pictures.count()).into_par_iter().filter(inside).count() as f64 / pictures.count() as f64
}

/// The squared distance to the n-th nearest other picture; of fewer pictures to the farthest.
fn radius(set: &Features, at: usize) -> f32 {
    let mut distances: Vec<f32> =
        (0..set.count()).filter(|&other| other != at).map(|other| squared(set.row(at), set.row(other))).collect();
    let place = (NEIGHBOURS - 1).min(distances.len() - 1);
    *distances.select_nth_unstable_by(place, f32::total_cmp).1
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(points: &[f32]) -> Features {
        Features::new(points.to_vec(), 1).unwrap()
    }

    #[test]
    fn known_by_hand() {
        // The radii of 0, 1, 2, 3, 10 with three neighbours: 3, 2, 2, 3, 9.
        let set = line(&[0.0, 1.0, 2.0, 3.0, 10.0]);
        let radii: Vec<f32> = (0..5).map(|at| radius(&set, at)).collect();
        assert_eq!(radii, [9.0, 4.0, 4.0, 9.0, 81.0]);
        assert_eq!(covered(&line(&[-3.0, -3.1, 5.9, 19.5, 1.5]), &set), 0.6);
    }

    #[test]
    fn few_modes_are_precise_and_miss_the_rest() {
        let real = line(&[0.0, 0.1, 0.2, 0.3, 5.0, 5.1, 5.2, 5.3]);
        let made = line(&[0.05, 0.06, 0.07, 0.08, 0.09, 0.1, 0.11, 0.12]);
        assert_eq!(covered(&made, &real), 1.0);
        assert!(covered(&real, &made) <= 0.5);
        assert_eq!(covered(&real, &real), 1.0);
    }
}
