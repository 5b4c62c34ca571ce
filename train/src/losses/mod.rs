//! Losses, one a file, with PyTorch's formulas, options and defaults, and its derivatives at their kinks.
//!
//! | PyTorch | here | of |
//! |---|---|---|
//! | `BCELoss` | [`Bce`] | probabilities and targets in [0, 1] |
//! | `BCEWithLogitsLoss` | [`BceWithLogits`], [`bce_with_logits`] | logits and targets in [0, 1] |
//! | `CosineEmbeddingLoss` | [`CosineEmbedding`] | two vectors, similar or not |
//! | `CrossEntropyLoss` | [`CrossEntropy`], [`cross_entropy`] | logits and labels, or probabilities |
//! | `CTCLoss` | [`Ctc`] | log-probabilities at every step and shorter sequences of labels |
//! | `HingeEmbeddingLoss` | [`HingeEmbedding`] | distances of similar or dissimilar pairs |
//! | `HuberLoss` | [`Huber`] | numbers |
//! | `KLDivLoss` | [`KlDiv`] | log-probabilities and probabilities |
//! | `L1Loss` | [`l1`] | numbers |
//! | `MarginRankingLoss` | [`MarginRanking`] | two scores, and which should be higher |
//! | `MSELoss` | [`mse`] | numbers |
//! | `MultiLabelMarginLoss` | [`multi_label_margin`] | scores and several labels |
//! | `MultiMarginLoss` | [`MultiMargin`] | scores and a label |
//! | `NLLLoss` | [`Nll`] | log-probabilities and labels |
//! | `PoissonNLLLoss` | [`PoissonNll`] | rates or their logarithms, and counts |
//! | `SmoothL1Loss` | [`SmoothL1`] | numbers |
//! | `SoftMarginLoss` | [`soft_margin`] | scores and signs |
//! | `TripletMarginLoss` | [`TripletMargin`] | an anchor, a positive and a negative |
//!
//! All take every [`Reduction`]. NaN in the input makes the loss NaN. For an empty batch, the sum is 0 and the mean is
//! NaN, as is the mean where all labels are ignored. Shapes that do not fit, labels that are not a class and invalid
//! options are errors.
//!
//! A target is a constant without a gradient, unless a loss's documentation says that both arguments have gradients.

mod bce;
mod bce_with_logits;
mod cosine_embedding;
mod cross_entropy;
mod ctc;
pub mod gan;
mod hinge_embedding;
mod huber;
mod kl_div;
mod l1;
mod labels;
mod margin_ranking;
mod mse;
mod multi_label_margin;
mod multi_margin;
mod nll;
pub mod perceptual;
mod pieces;
mod poisson_nll;
mod smooth_l1;
mod soft_margin;
pub mod total_variation;
mod triplet_margin;
pub mod vae;
mod view;
pub mod wgan_gp;

use candle_core::Tensor;
use serde::{Deserialize, Serialize};

use crate::Result;

pub use bce::Bce;
pub use bce_with_logits::{BceWithLogits, bce_with_logits};
pub use cosine_embedding::CosineEmbedding;
pub use cross_entropy::{CrossEntropy, cross_entropy, log_softmax};
pub use ctc::{Ctc, CtcTargets};
pub use hinge_embedding::HingeEmbedding;
pub use huber::Huber;
pub use kl_div::KlDiv;
pub use l1::l1;
pub use margin_ranking::MarginRanking;
pub use mse::mse;
pub use multi_label_margin::multi_label_margin;
pub use multi_margin::MultiMargin;
pub use nll::Nll;
pub use poisson_nll::PoissonNll;
pub use smooth_l1::SmoothL1;
pub use soft_margin::soft_margin;
pub use triplet_margin::TripletMargin;

/// How a loss's values are reduced.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reduction {
    /// Not at all.
    None,
    /// Their mean.
    #[default]
    Mean,
    /// Their sum.
    Sum,
    /// Their sum divided by the size of the first dimension.
    BatchMean,
}

impl Reduction {
    /// Reduces values to a scalar, or keeps them.
    pub fn of(self, values: Tensor) -> Result<Tensor> {
        Ok(match self {
            Self::None => values,
            Self::Mean => values.mean_all()?,
            Self::Sum => values.sum_all()?,
            Self::BatchMean => (values.sum_all()? / values.dim(0)? as f64)?,
        })
    }
}

#[cfg(test)]
mod tests;
