//! Affine quantisation to eight bits: `real = scale * (quantised - zero_point)` (Jacob et al. 2018, arXiv 1712.05877,
//! equation 1).

use super::kernel::Kernel;

/// The largest quantised weight. Seven bits rather than eight: CPUs without VNNI add pairs of products of an unsigned and
/// a signed byte in 16 bits, which `2 * 255 * 63` does not overflow, so every CPU computes the same.
const MAX_WEIGHT: f64 = 63.0;

/// The largest quantised bias, half of what 32 bits hold, to leave room for the sum of products.
const MAX_BIAS: f64 = (1 << 30) as f64;

/// The quantisation of a tensor to unsigned bytes; 0 is exact.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct QuantParams {
    /// The difference between two adjacent values.
    pub scale: f32,
    /// The quantised value of 0.
    pub zero_point: u8,
}

impl QuantParams {
    /// The 256 levels of a picture in `[0, 1]`.
    pub const PICTURE: Self = Self { scale: 1.0 / 255.0, zero_point: 0 };
    /// Values in `[-1, 1]`.
    pub const SIGNED: Self = Self { scale: 1.0 / 127.0, zero_point: 128 };

    /// For values in `[low, high]`; others are clipped.
    pub fn of_range([low, high]: [f32; 2]) -> Self {
        let (low, high) = (low.min(0.0), high.max(0.0));
        // A channel that is always 0 has an empty range.
        let scale = ((high - low) / 255.0).max(1e-12);
        Self { scale, zero_point: (-low / scale).round() as u8 }
    }
}

/// A convolution's weights as signed bytes, with a scale for each output channel, and its bias as 32-bit integers with the
/// scale of the products.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct QuantisedWeights {
    pub weights: Vec<i8>,
    pub scales: Vec<f32>,
    pub bias: Vec<i32>,
    pub bias_scales: Vec<f32>,
}

impl QuantisedWeights {
    /// Quantises the weights for inputs of a scale.
    pub fn new(kernel: &Kernel, bias: &[f64], input_scale: f32) -> Self {
        let largest = |output| kernel.of_output(output).iter().fold(0f64, |most, value| most.max(value.abs()));
        // A channel of small weights needs a scale in which its bias fits as well.
        let for_bias = |output: usize| bias[output].abs() / (MAX_BIAS * f64::from(input_scale));
        let scale = |output| (largest(output) / MAX_WEIGHT).max(for_bias(output)).max(1e-12) as f32;
        let scales: Vec<f32> = (0..kernel.outputs).map(scale).collect();
        let round = |output: usize| {
            let scale = f64::from(scales[output]);
            kernel
                .of_output(output)
                .iter()
                .map(move |value| (value / scale).round().clamp(-MAX_WEIGHT, MAX_WEIGHT) as i8)
        };
        let weights = (0..kernel.outputs).flat_map(round).collect();
        let bias_scales: Vec<f32> = scales.iter().map(|scale| scale * input_scale).collect();
        let bias = bias.iter().zip(&bias_scales).map(|(bias, &scale)| (bias / f64::from(scale)).round() as i32);
        Self { weights, bias: bias.collect(), scales, bias_scales }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use easel_runtime::Random;

    #[test]
    fn zero_is_exact_and_the_range_is_covered() {
        for ends in Random::new(1, 0).uniforms(200, 0.0, 100.0).chunks_exact(2) {
            let (low, high) = (-ends[0], ends[1]);
            let QuantParams { scale, zero_point } = QuantParams::of_range([low, high]);
            let round_trip = |value: f32| {
                let quantised = (value / scale + f32::from(zero_point)).round().clamp(0.0, 255.0);
                scale * (quantised - f32::from(zero_point))
            };
            assert_eq!(round_trip(0.0), 0.0);
            for part in [0.0, 0.2, 0.7, 1.0] {
                let value = low + part * (high - low);
                assert!((round_trip(value) - value).abs() <= 1.01 * scale, "{value} of {low} to {high}");
            }
        }
        assert_eq!(QuantParams::of_range([2.0, 5.1]), QuantParams { scale: 0.02, zero_point: 0 });
    }

    #[test]
    fn weights_are_rounded_to_the_nearest() {
        let values = vec![0.5, -0.25, 0.1, 0.0, 3.0, -6.3, 1e-3, 2.0, 0.0, 0.0, 0.0, 0.0];
        let kernel = Kernel { outputs: 3, inputs: 4, side: 1, values };
        let quantised = QuantisedWeights::new(&kernel, &[1.0, -2.0, 0.5], 0.01);
        assert!((quantised.scales[1] - 0.1).abs() < 1e-6);
        for (at, &weight) in quantised.weights.iter().enumerate() {
            let scale = f64::from(quantised.scales[at / 4]);
            assert!((f64::from(weight) * scale - kernel.values[at]).abs() <= 0.501 * scale, "{at}");
            assert!(weight.unsigned_abs() <= 63);
        }
        let silent = Kernel { outputs: 1, inputs: 1, side: 1, values: vec![0.0] };
        let of_silent = QuantisedWeights::new(&silent, &[0.7], 0.01);
        let bias = f64::from(of_silent.bias[0]) * f64::from(of_silent.bias_scales[0]);
        assert!((bias - 0.7).abs() < 1e-6, "{bias}");
        assert_eq!((quantised.weights[0], quantised.weights[5], quantised.bias[1]), (63, -63, -2000));
    }
}
