//! Optimisers, learning-rate schedules, gradient clipping and the EMA of weights.
//!
//! An optimiser is [`Grouped`] over a [`Rule`]: groups, state and the handling of parameters without a gradient
//! are the same for all, and the rule is one optimiser's formula and constants.
//!
//! | PyTorch | here |
//! |---|---|
//! | `Adagrad` | [`Adagrad`] |
//! | `Adam`, with `amsgrad` | [`Adam`] with an [`AdamConfig`] |
//! | `AdamW` | [`Adam`] with [`AdamConfig::decoupled`] |
//! | `RMSprop`, centred and with momentum | [`RmsProp`] |
//! | `SGD`, with momentum, dampening, Nesterov | [`Sgd`] |
//! | `param_groups`, `add_param_group` | [`Group`], [`Grouped::add_group`] |
//! | `clip_grad_norm_` | [`clip`] |

mod adagrad;
mod adam;
pub mod clip;
mod ema;
mod grouped;
mod passes;
mod rmsprop;
mod schedule;
mod sgd;

pub use adagrad::{Adagrad, AdagradConfig};
pub use adam::{Adam, AdamConfig};
pub use ema::{Ema, EmaConfig};
pub use grouped::{Group, Grouped, Optimizer, Rule, Step};
pub use rmsprop::{RmsProp, RmsPropConfig};
pub use schedule::{LrSchedule, Schedule, Shape};
pub use sgd::{Sgd, SgdConfig};
