//! Adam's step in one pass over memory.

use rayon::prelude::*;

use super::Float;
use super::vectorised::vectorised;

/// Elements that one thread takes at a time.
const CHUNK: usize = 1 << 15;

/// The numbers of a step.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct AdamStep {
    /// The decay of the mean.
    pub beta1: f64,
    /// The decay of the mean square.
    pub beta2: f64,
    /// What values are multiplied by: 1, or less with decoupled weight decay.
    pub keep: f64,
    /// The learning rate, divided by the mean's correction.
    pub step: f64,
    /// 1 over the mean square's correction.
    pub shrink: f64,
    /// Added to the root.
    pub eps: f64,
}

/// `m = beta1 m + (1 - beta1) g`, `v = beta2 v + (1 - beta2) g^2`, `p = keep p - step m / (sqrt(shrink v) + eps)`.
///
/// # Panics
/// Where the lengths differ.
pub fn step<T: Float>(constants: &AdamStep, [params, means, squares]: [&mut [T]; 3], gradient: &[T]) {
    assert!([means.len(), squares.len(), gradient.len()] == [params.len(); 3]);
    let moments = means.par_chunks_mut(CHUNK).zip(squares.par_chunks_mut(CHUNK));
    let chunks = params.par_chunks_mut(CHUNK).zip(moments).zip(gradient.par_chunks(CHUNK));
    chunks.for_each(|((params, (means, squares)), gradient)| run(constants, params, means, squares, gradient));
}

vectorised! {
    fn run[T: Float](constants: &AdamStep, params: &mut [T], means: &mut [T], squares: &mut [T], gradient: &[T]) {
        let AdamStep { beta1, beta2, keep, step, shrink, eps } = *constants;
        let [keep, step, shrink, eps] = [keep, step, shrink, eps].map(T::from_f64);
        let [new1, new2] = [1.0 - beta1, 1.0 - beta2].map(T::from_f64);
        let [beta1, beta2] = [beta1, beta2].map(T::from_f64);
        let moments = means.iter_mut().zip(squares);
        for ((param, (mean, square)), g) in params.iter_mut().zip(moments).zip(gradient) {
            *mean = beta1 * *mean + new1 * *g;
            *square = beta2 * *square + new2 * (*g * *g);
            *param = *param * keep - step * *mean / ((*square * shrink).sqrt() + eps);
        }
    }
}
