//! Metrics of classifiers, of networks for tables, and of generated pictures.
//!
//! Against known answers:
//! - [`classification`]: confusion matrix, accuracy and mean cross-entropy of a classifier on labelled pictures.
//! - [`regression`]: RMSE, MAE and R² of predicted numbers.
//! - [`table`]: whichever of the two a network for tables needs.
//!
//! Of generated pictures, against a reference set of real ones. Each number is a [`Measurement`]: beside it stands its
//! baseline, what other real pictures score, and where known its noise baseline, what noise scores.
//!
//! [`MetricTracker`] needs no classifier and evaluates a generator again and again:
//! - `swd_32`, `swd_16`, ...: the [sliced Wasserstein distance](sliced_wasserstein) at each level of a Laplacian pyramid,
//!   named by its height, times 1000 as in the paper; `swd` is the mean. The closer to the baseline the better. A
//!   collapsed generator is several times above it on every level.
//! - `ms_ssim`: the [similarity](mod@ms_ssim) between pictures of one set. Well above the baseline the pictures lack
//!   diversity; below it they differ more than real ones do, as noise does.
//!
//! [`SampleSets`] compares what a classifier extracts from pictures, its [features](Features):
//! - `frechet` and `kernel`: the [Fréchet](frechet) and the [kernel distance](kernel). The closer to the baseline the
//!   better.
//! - `precision` and `recall`: the share of generated pictures on the [manifold] of the real ones, and the
//!   reverse. The closer to the baseline the better.
//! - `balance`: how far the [class distribution](balance) is from that of the real pictures.
//! - `near`: the share of [near copies](nearest) of training pictures.

pub mod balance;
pub mod classification;
pub mod classifier_input;
pub mod features;
pub mod frechet;
pub mod kernel;
pub mod manifold;
pub mod measurement;
pub mod ms_ssim;
pub mod nearest;
pub mod pixels;
pub mod pyramid;
pub mod regression;
pub mod sample_sets;
pub mod sliced_wasserstein;
pub mod table;
#[cfg(test)]
mod test_pictures;
pub mod tracker;

pub use classification::{Classification, ConfusionMatrix};
pub use features::Features;
pub use measurement::{Measurement, records};
pub use pixels::{bytes, rounded};
pub use regression::Regression;
pub use sample_sets::SampleSets;
pub use table::{TableEvaluation, evaluate_table};
pub use tracker::MetricTracker;
