//! How good what a model makes was found to be.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// A measurement of what a model makes, as `train eval --json` writes it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Evaluation {
    /// What was measured, for people: `DDIM, 50 steps`.
    pub about: String,
    /// The data that it was compared with.
    pub data: String,
    /// The number of pictures.
    pub count: u64,
    /// How many of them a distance was measured on, where these were fewer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub compared: Option<u64>,
    /// The results by name.
    pub metrics: BTreeMap<String, Measured>,
}

/// A number that was measured.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Measured {
    /// The number.
    pub value: f64,
    /// What real pictures get in place of the model's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub floor: Option<f64>,
    /// What noise gets.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ceiling: Option<f64>,
    /// The number's standard deviation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub spread: Option<f64>,
}
