//! Precision and recall of generated pictures (Kynkäänniemi et al. 2019, arXiv 1904.06991, equation 2).
//!
//! The manifold of a set is the union of balls around its pictures, each as large as the distance to the
//! [`NEIGHBOURS`]-th nearest picture of the set. Precision is the share of generated pictures on the manifold of the real
//! ones, a measure of quality; recall the share of real pictures on the manifold of the generated ones, a measure of
//! coverage.

use rayon::prelude::*;

use super::features::{Features, squared_distance};

/// Which neighbour's distance is the radius of a picture's ball.
pub const NEIGHBOURS: usize = 3;

/// The share of pictures that lie on the manifold of others, from 0 to 1. Both have the same number of features.
pub fn covered(pictures: &Features, manifold: &Features) -> f64 {
    let radii: Vec<f32> = (0..manifold.count()).into_par_iter().map(|at| squared_radius(manifold, at)).collect();
    let inside = |at: &usize| {
        let picture = pictures.row(*at);
        (0..manifold.count()).any(|other| squared_distance(picture, manifold.row(other)) <= radii[other])
    };
    (0..pictures.count()).into_par_iter().filter(inside).count() as f64 / pictures.count() as f64
}

/// The squared radius of a picture's ball: the distance to its [`NEIGHBOURS`]-th nearest neighbour, or to the farthest
/// where there are fewer.
fn squared_radius(set: &Features, at: usize) -> f32 {
    let others = (0..set.count()).filter(|&other| other != at);
    let mut distances: Vec<f32> = others.map(|other| squared_distance(set.row(at), set.row(other))).collect();
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
        // The third nearest neighbours are 3, 2, 2, 3 and 9 away.
        let set = line(&[0.0, 1.0, 2.0, 3.0, 10.0]);
        let radii: Vec<f32> = (0..5).map(|at| squared_radius(&set, at)).collect();
        assert_eq!(radii, [9.0, 4.0, 4.0, 9.0, 81.0]);
        assert_eq!(covered(&line(&[-3.0, -3.1, 5.9, 19.5, 1.5]), &set), 0.6);
    }

    #[test]
    fn few_modes_have_precision_without_recall() {
        let real = line(&[0.0, 0.1, 0.2, 0.3, 5.0, 5.1, 5.2, 5.3]);
        let generated = line(&[0.05, 0.06, 0.07, 0.08, 0.09, 0.1, 0.11, 0.12]);
        assert_eq!(covered(&generated, &real), 1.0);
        assert!(covered(&real, &generated) <= 0.5);
        assert_eq!(covered(&real, &real), 1.0);
    }
}
