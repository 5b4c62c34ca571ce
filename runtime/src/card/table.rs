//! Models of tables.

use serde::{Deserialize, Serialize};

/// What a model predicts from a row of a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "task", rename_all = "kebab-case")]
pub enum TabularTask {
    /// A number, in the target's unit.
    Regression,
    /// A class.
    Classification {
        /// The number of classes. If the card has class names, there are as many.
        class_count: usize,
    },
}

/// The names of a table's columns.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Columns {
    /// The feature columns, in the model's order.
    pub features: Vec<String>,
    /// The target column.
    pub target: String,
}
