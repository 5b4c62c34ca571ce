//! Optimisers, learning-rate schedules, gradient clipping and averaged weights.
//!
//! An optimiser is [`Grouped`] over a [`Rule`]: the groups, the state and what happens to a parameter without a
//! gradient are the same for all of them, the rule is one optimiser's formula and constants.

mod adagrad;
mod adam;
mod averaged;
pub mod clip;
mod grouped;
mod passes;
mod rmsprop;
mod schedule;
mod sgd;

pub use adagrad::{Adagrad, AdagradConfig};
pub use adam::{Adam, AdamConfig};
pub use averaged::{Averaged, AveragedConfig};
pub use grouped::{Group, Grouped, Optimizer, Rule, Step};
pub use rmsprop::{RmsProp, RmsPropConfig};
pub use schedule::{Schedule, Shape};
pub use sgd::{Sgd, SgdConfig};
