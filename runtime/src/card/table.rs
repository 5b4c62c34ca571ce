//! Models of tables.

use serde::{Deserialize, Serialize};

/// What a model tells from a row of a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "task", rename_all = "kebab-case")]
pub enum Task {
    /// A number, in the target's own unit.
    Regression,
    /// A class.
    Classification {
        /// The number of classes. The card's names, where it has some, are as many.
        class_count: usize,
    },
}

/// The names of a table's columns.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Columns {
    /// Those that a model is given, in its order.
    pub features: Vec<String>,
    /// The one that it tells.
    pub target: String,
}
