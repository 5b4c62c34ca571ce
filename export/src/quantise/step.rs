//! Numbers in eight bits: `real = scale * (stored - zero)` (Jacob et al. 2018, arXiv 1712.05877, equation 1).

use super::kernel::Kernel;

/// The largest stored weight. Seven bits and not eight: CPUs without VNNI add pairs of products of an unsigned and a
/// signed byte in 16 bits, which `2 * 255 * 63` does not fill, so every CPU computes the same.
pub(super) const LARGEST_WEIGHT: f64 = 63.0;

/// The largest bias in steps, half of what 32 bits hold: the products need room, too.
const LARGEST_BIAS: f64 = (1 << 30) as f64;

/// How real numbers are stored as unsigned bytes; 0 is stored exactly.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Step {
    /// The distance between two neighbours.
    pub scale: f32,
    /// What stands for 0.
    pub zero: u8,
}

impl Step {
    /// A picture's own levels, from 0 to 1.
    pub const LEVELS: Self = Self { scale: 1.0 / 255.0, zero: 0 };
    /// From -1 to 1 (and one step beyond, which nothing needs).
    pub const SIGNED: Self = Self { scale: 1.0 / 127.0, zero: 128 };

    /// For numbers from `low` to `high`; others are stored as the nearest of these.
    pub fn within([low, high]: [f32; 2]) -> Self {
        let (low, high) = (low.min(0.0), high.max(0.0));
        // A channel that never spoke has no range.
        let scale = ((high - low) / 255.0).max(1e-12);
        Self { scale, zero: (-low / scale).round() as u8 }
    }
}

/// A convolution's weights as signed bytes, with a scale for each output channel, and its bias in the products' steps.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Stored {
    pub weights: Vec<i8>,
    pub scales: Vec<f32>,
    pub bias: Vec<i32>,
    pub bias_scales: Vec<f32>,
}

impl Stored {
    /// For inputs of a scale.
    pub fn new(kernel: &Kernel, bias: &[f64], input: f32) -> Self {
        let largest = |output| kernel.of_output(output).iter().fold(0f64, |most, value| most.max(value.abs()));
        // A channel of little weight still needs steps that its bias can be counted in.
        let for_bias = |output: usize| bias[output].abs() / (LARGEST_BIAS * f64::from(input));
        let scale = |output| (largest(output) / LARGEST_WEIGHT).max(for_bias(output)).max(1e-12) as f32;
        let scales: Vec<f32> = (0..kernel.outputs).map(scale).collect();
        let round = |output: usize| {
            let scale = f64::from(scales[output]);
            kernel
                .of_output(output)
                .iter()
                .map(move |value| (value / scale).round().clamp(-LARGEST_WEIGHT, LARGEST_WEIGHT) as i8)
        };
        let weights = (0..kernel.outputs).flat_map(round).collect();
        let bias_scales: Vec<f32> = scales.iter().map(|scale| scale * input).collect();
        let bias = bias.iter().zip(&bias_scales).map(|(bias, &scale)| (bias / f64::from(scale)).round() as i32);
        Self { weights, bias: bias.collect(), scales, bias_scales }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use easel_runtime::Random;

    #[test]
    fn steps_hold_zero_and_their_range() {
        for ends in Random::new(1, 0).uniforms(200, 0.0, 100.0).chunks_exact(2) {
            let (low, high) = (-ends[0], ends[1]);
            let Step { scale, zero } = Step::within([low, high]);
            let there_and_back = |value: f32| {
                let stored = (value / scale + f32::from(zero)).round().clamp(0.0, 255.0);
                scale * (stored - f32::from(zero))
            };
            assert_eq!(there_and_back(0.0), 0.0);
            for part in [0.0, 0.2, 0.7, 1.0] {
                let value = low + part * (high - low);
                assert!((there_and_back(value) - value).abs() <= 1.01 * scale, "{value} of {low} to {high}");
            }
        }
        assert_eq!(Step::within([2.0, 5.1]), Step { scale: 0.02, zero: 0 });
    }

    #[test]
    fn weights_are_off_by_half_a_step_at_most() {
        let values = vec![0.5, -0.25, 0.1, 0.0, 3.0, -6.3, 1e-3, 2.0, 0.0, 0.0, 0.0, 0.0];
        let kernel = Kernel { outputs: 3, inputs: 4, side: 1, values };
        let stored = Stored::new(&kernel, &[1.0, -2.0, 0.5], 0.01);
        assert!((stored.scales[1] - 0.1).abs() < 1e-6);
        for (at, &weight) in stored.weights.iter().enumerate() {
            let scale = f64::from(stored.scales[at / 4]);
            assert!((f64::from(weight) * scale - kernel.values[at]).abs() <= 0.501 * scale, "{at}");
            assert!(weight.unsigned_abs() <= 63);
        }
        let silent = Kernel { outputs: 1, inputs: 1, side: 1, values: vec![0.0] };
        let stored_bias = Stored::new(&silent, &[0.7], 0.01);
        let bias = f64::from(stored_bias.bias[0]) * f64::from(stored_bias.bias_scales[0]);
        assert!((bias - 0.7).abs() < 1e-6, "{bias}");
        assert_eq!((stored.weights[0], stored.weights[5], stored.bias[1]), (63, -63, -2000));
    }
}
