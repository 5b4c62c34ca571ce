//! The settings of a training, each declared once.
//!
//! A recipe's configuration is a struct that [`settings!`](crate::settings!) declares. One declaration gives the fields in
//! Rust, the keys of a TOML file and, with the feature `cli`, the flags with their help. Settings that recipes share are
//! in [`Shared`], [`Epochs`] and [`Sampling`], which a recipe flattens into its own.
//!
//! Values come in layers: flags override a file, which overrides a preset ([`Layers`]).

mod check;
mod declare;
#[cfg(feature = "cli")]
mod flags;
mod layers;
mod shared;

pub use check::{above_zero, decay, finite_from_zero, fraction, one_of, within};
#[cfg(feature = "cli")]
pub use flags::{defaults, parser};
pub(crate) use layers::table_of;
pub use layers::{Layers, text, to_text};
pub use shared::{Epochs, Sampling, Shared};

use serde::Serialize;
use serde::de::DeserializeOwned;

/// A struct that [`settings!`](crate::settings!) declared.
pub trait Settings: Clone + Serialize + DeserializeOwned {
    /// The names of all settings, in the order of their declaration, flattened ones last.
    fn names() -> Vec<Name>;
}

/// The name of a setting in a file. The flag has the same name with hyphens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Name {
    /// The field: `ema_decay`.
    pub name: &'static str,
    /// Names of earlier versions, which are still accepted.
    pub former: &'static [&'static str],
}
