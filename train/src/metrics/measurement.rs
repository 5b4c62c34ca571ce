//! A metric's value beside its baselines.

/// A metric's value and what other pictures score in place of the evaluated ones. All numbers are finite.
#[derive(Debug, Clone, PartialEq)]
pub struct Measurement {
    /// The metric's name.
    pub name: String,
    /// The score of the evaluated pictures.
    pub value: f64,
    /// The score of other real pictures, where there are enough.
    pub baseline: Option<f64>,
    /// The score of noise, where it was computed.
    pub noise_baseline: Option<f64>,
    /// The standard deviation of `value`, where it is known.
    pub std: Option<f64>,
}

impl Measurement {
    /// A value and its baseline alone.
    pub fn new(name: impl Into<String>, value: f64, baseline: Option<f64>) -> Self {
        Self { name: name.into(), value, baseline, noise_baseline: None, std: None }
    }
}

/// Measurements as a run's statistics record them: `NAME`, and `NAME_baseline` where there is one.
pub fn records(measurements: &[Measurement]) -> Vec<(String, f64)> {
    let pair = |measurement: &Measurement| {
        let baseline = measurement.baseline.map(|baseline| (format!("{}_baseline", measurement.name), baseline));
        std::iter::once((measurement.name.clone(), measurement.value)).chain(baseline)
    };
    measurements.iter().flat_map(pair).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_baseline_follows_its_value() {
        let measurements = [Measurement::new("swd", 3.0, Some(2.0)), Measurement::new("ms_ssim", 0.5, None)];
        let recorded = [("swd", 3.0), ("swd_baseline", 2.0), ("ms_ssim", 0.5)];
        assert_eq!(records(&measurements), recorded.map(|(name, value)| (name.to_string(), value)));
    }
}
