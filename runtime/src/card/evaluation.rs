//! Evaluation results.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// An evaluation of a model's output, as `train eval --json` writes it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Evaluation {
    /// What was evaluated: `DDIM, 50 steps`.
    pub about: String,
    /// The reference set.
    pub data: String,
    /// The number of pictures.
    pub count: u64,
    /// The number of pictures that distances were measured on, if fewer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub compared: Option<u64>,
    /// The results by name.
    pub metrics: BTreeMap<String, MetricValue>,
}

/// The value of a metric.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct MetricValue {
    /// The value.
    pub value: f64,
    /// The baseline: the value of real pictures in place of the model's.
    #[serde(rename = "floor", default, skip_serializing_if = "Option::is_none")]
    pub baseline: Option<f64>,
    /// The noise baseline: the value of noise in place of the model's pictures.
    #[serde(rename = "ceiling", default, skip_serializing_if = "Option::is_none")]
    pub noise_baseline: Option<f64>,
    /// The standard deviation of the value.
    #[serde(rename = "spread", default, skip_serializing_if = "Option::is_none")]
    pub std: Option<f64>,
}
