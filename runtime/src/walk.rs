//! Latent walks: interpolation from one latent vector to the next in even steps.
//!
//! A generator is trained only on vectors from its distribution. Normal vectors of many elements lie close to a sphere
//! around 0, and a straight line between two of them leaves it: its midpoint has 0.7 of their length, and pictures there
//! look washed out. Normal vectors are therefore interpolated along the sphere (White 2016, "Sampling Generative
//! Networks", arXiv 1609.04468), and uniform ones, which fill a cube, along a straight line.

use crate::card::{Distribution, Latent};
use crate::{Error, Result, Tensor};

/// Below this angle or length, directions are lost in rounding.
const TINY: f64 = 1e-9;

/// Linear interpolation from `a` to `b`, at `t` in [0, 1].
pub fn lerp(a: &[f32], b: &[f32], t: f64) -> Vec<f32> {
    combine(a, 1.0 - t, b, t)
}

/// Spherical interpolation from `a` to `b`, at `t` in [0, 1]: the direction follows the shorter great arc at constant
/// speed (Shoemake 1985, "Animating Rotation with Quaternion Curves"), and the length changes linearly. At 0 and 1 the
/// result is `a` and `b`.
///
/// Without a unique arc, as between opposite vectors, the result is that of [`lerp`].
pub fn slerp(a: &[f32], b: &[f32], t: f64) -> Vec<f32> {
    let length = |values: &mut dyn Iterator<Item = f64>| libm::sqrt(values.map(|value| value * value).sum());
    let (a_length, b_length) =
        (length(&mut a.iter().map(|&x| f64::from(x))), length(&mut b.iter().map(|&x| f64::from(x))));
    if a_length < TINY || b_length < TINY {
        return lerp(a, b, t);
    }
    let units = || a.iter().zip(b).map(|(&a, &b)| (f64::from(a) / a_length, f64::from(b) / b_length));
    // Unlike the arc cosine, this is accurate near 0 and 180 degrees too.
    let angle = 2.0 * libm::atan2(length(&mut units().map(|(a, b)| a - b)), length(&mut units().map(|(a, b)| a + b)));
    let sine = libm::sin(angle);
    if sine < TINY {
        return lerp(a, b, t);
    }
    let radius = a_length + t * (b_length - a_length);
    let share = |angle: f64, length: f64| libm::sin(angle) / sine * (radius / length);
    combine(a, share((1.0 - t) * angle, a_length), b, share(t * angle, b_length))
}

fn combine(a: &[f32], a_share: f64, b: &[f32], b_share: f64) -> Vec<f32> {
    a.iter().zip(b).map(|(&a, &b)| (f64::from(a) * a_share + f64::from(b) * b_share) as f32).collect()
}

/// A walk through latent vectors, its stops, with a number of interpolation steps from each to the next. Each stop is a
/// frame itself. Frames can be computed independently, and have the same bits on every target.
#[derive(Debug, Clone)]
pub struct Walk {
    distribution: Distribution,
    stops: Tensor,
    steps: usize,
    len: usize,
}

impl Distribution {
    /// Interpolates from `a` to `b` at `t` in [0, 1]: by [`slerp`] for a normal distribution, by [`lerp`] for a uniform one.
    /// At 0 the result is exactly `a`.
    pub fn between(self, a: &[f32], b: &[f32], t: f64) -> Vec<f32> {
        match self {
            _ if t == 0.0 => a.to_vec(),
            Self::Normal => slerp(a, b, t),
            Self::Uniform { .. } => lerp(a, b, t),
        }
    }
}

impl Walk {
    /// A walk through `stops [count, dim]`, at least two, with `steps` steps from each to the next. A closed walk continues
    /// from the last stop to the first and ends one step before it, so that it loops seamlessly.
    ///
    /// Fails if the shape is not that of the model's latent vectors, or there are fewer than two stops or no steps.
    pub fn new(latent: &Latent, stops: Tensor, steps: usize, closed: bool) -> Result<Self> {
        let &[count, dim] = stops.shape() else {
            return Err(Error::Shape(format!("expected latent vectors [count, dim], found {:?}", stops.shape())));
        };
        stops.as_f32()?;
        if dim != latent.dim {
            return Err(Error::Shape(format!("the latent vectors have {dim} elements, the model's {}", latent.dim)));
        }
        if count < 2 || steps == 0 {
            return Err(Error::Sampling(format!(
                "a walk through {count} latent vectors with {steps} steps each; it needs at least two vectors and one step"
            )));
        }
        let legs = if closed { count } else { count - 1 };
        let len = legs
            .checked_mul(steps)
            .and_then(|frames| frames.checked_add(usize::from(!closed)))
            .ok_or_else(|| Error::Sampling(format!("a walk of {legs} legs with {steps} frames each is too long")))?;
        Ok(Self { distribution: latent.distribution, stops, steps, len })
    }

    /// The number of frames.
    #[expect(clippy::len_without_is_empty, reason = "a walk has frames")]
    pub fn len(&self) -> usize {
        self.len
    }

    /// The latent vectors of the frames `first .. first + count`, `[count, dim]`. Fails if there are not as many.
    pub fn frames(&self, first: usize, count: usize) -> Result<Tensor> {
        if first.checked_add(count).is_none_or(|end| end > self.len) {
            return Err(Error::Sampling(format!("{count} frames from frame {first} of a walk of {} frames", self.len)));
        }
        let dim = self.stops.shape()[1];
        Tensor::new([count, dim], (first..first + count).flat_map(|index| self.frame(index)).collect::<Vec<_>>())
    }

    fn frame(&self, index: usize) -> Vec<f32> {
        let (count, dim) = (self.stops.shape()[0], self.stops.shape()[1]);
        let stops = self.stops.as_f32().expect("checked by Walk::new");
        let stop = |stop: usize| &stops[stop % count * dim..][..dim];
        let (leg, step) = (index / self.steps, index % self.steps);
        self.distribution.between(stop(leg), stop(leg + 1), step as f64 / self.steps as f64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Random;

    fn close(found: &[f32], expected: &[f32]) {
        assert!(found.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-6), "{found:?} for {expected:?}");
    }

    fn length(values: &[f32]) -> f64 {
        values.iter().map(|&value| f64::from(value).powi(2)).sum::<f64>().sqrt()
    }

    #[test]
    fn known_points() {
        let half = std::f32::consts::FRAC_1_SQRT_2;
        close(&slerp(&[1.0, 0.0], &[0.0, 1.0], 0.5), &[half, half]);
        close(&slerp(&[1.0, 0.0], &[0.0, 1.0], 1.0 / 3.0), &[0.75f32.sqrt(), 0.5]);
        // From length 2 to length 4 it is 3 halfway.
        close(&slerp(&[2.0, 0.0], &[0.0, 4.0], 0.5), &[3.0 * half, 3.0 * half]);
        // The shorter way round.
        close(&slerp(&[half, half], &[half, -half], 0.5), &[1.0, 0.0]);
        close(&lerp(&[1.0, -4.0], &[3.0, 0.0], 0.25), &[1.5, -3.0]);
    }

    #[test]
    fn begins_and_ends_with_the_vectors_themselves() {
        let (a, b) = (Random::new(1, 0).normals(512), Random::new(2, 0).normals(512));
        assert_eq!(slerp(&a, &b, 0.0), a);
        assert_eq!(slerp(&a, &b, 1.0), b);
    }

    #[test]
    fn slerp_keeps_length_and_angular_speed() {
        let (a, b) = (Random::new(1, 0).normals(128), Random::new(2, 0).normals(128));
        let points: Vec<_> = (0..=8).map(|step| slerp(&a, &b, f64::from(step) / 8.0)).collect();
        let cosine = |a: &[f32], b: &[f32]| {
            a.iter().zip(b).map(|(&a, &b)| f64::from(a) * f64::from(b)).sum::<f64>() / length(a) / length(b)
        };
        for pair in points.windows(2) {
            assert!((cosine(&pair[0], &pair[1]) - cosine(&points[0], &points[1])).abs() < 1e-6);
        }
        assert!((length(&points[4]) - (length(&a) + length(&b)) / 2.0).abs() < 1e-5);
        assert!(length(&lerp(&a, &b, 0.5)) < 0.8 * length(&a));
    }

    #[test]
    fn vectors_without_an_arc_are_joined_by_a_line() {
        for (a, b) in [([1.0, 2.0], [-1.0, -2.0]), ([0.0, 0.0], [1.0, 2.0]), ([1.0, 2.0], [1.0, 2.0])] {
            close(&slerp(&a, &b, 0.25), &lerp(&a, &b, 0.25));
        }
    }

    fn walk(distribution: Distribution, steps: usize, closed: bool) -> Walk {
        let stops = Tensor::new([3, 2], vec![1.0f32, 0.0, 0.0, 1.0, -1.0, 0.0]).unwrap();
        Walk::new(&Latent { dim: 2, distribution }, stops, steps, closed).unwrap()
    }

    #[test]
    fn passes_every_stop() {
        let uniform = Distribution::Uniform { low: -1.0, high: 1.0 };
        let open = walk(uniform, 2, false);
        assert_eq!(open.len(), 5);
        let frames = open.frames(0, 5).unwrap().into_f32().unwrap();
        assert_eq!(frames, [1.0, 0.0, 0.5, 0.5, 0.0, 1.0, -0.5, 0.5, -1.0, 0.0]);
        let closed = walk(uniform, 2, true);
        assert_eq!(closed.len(), 6);
        assert_eq!(closed.frames(4, 2).unwrap().into_f32().unwrap(), [-1.0, 0.0, 0.0, 0.0]);
        assert!(closed.frames(4, 3).is_err());
        let half = std::f32::consts::FRAC_1_SQRT_2;
        close(walk(Distribution::Normal, 2, true).frames(1, 1).unwrap().as_f32().unwrap(), &[half, half]);
    }

    #[test]
    fn invalid_walks_are_rejected() {
        let latent = Latent { dim: 2, distribution: Distribution::Normal };
        let stops = |shape: [usize; 2]| Tensor::new(shape, vec![0f32; shape[0] * shape[1]]).unwrap();
        for (shape, steps) in [([1, 2], 5), ([2, 3], 5), ([2, 2], 0), ([3, 2], usize::MAX)] {
            assert!(Walk::new(&latent, stops(shape), steps, true).is_err(), "{shape:?}, {steps} steps");
        }
    }
}
