//! The loss of a variational autoencoder: the negative evidence lower bound (Kingma and Welling 2013, arXiv 1312.6114,
//! equation 10) with the weight beta on its divergence (Higgins et al. 2017, "beta-VAE"). Its golden cases are `vae/*`.

use candle_core::Tensor;

use super::pieces::check_shape;
use super::{BceWithLogits, Reduction};
use crate::Result;

/// The loss and its two terms, each a scalar: sums over a picture's elements, means over the batch.
pub struct VaeLoss {
    /// `-E ln p(x | z)`.
    pub reconstruction: Tensor,
    /// `KL(q(z | x) || p(z))`.
    pub divergence: Tensor,
    /// `reconstruction + beta * divergence`.
    pub total: Tensor,
}

impl VaeLoss {
    /// The loss for logits `[batch, channel, height, width]` of pictures of that shape in `[0, 1]`, with one draw of z for
    /// each picture from the distribution of this mean and log-variance, both `[batch, z_dim]`. A pixel is a Bernoulli
    /// variable whose probability the picture gives.
    pub fn new(logits: &Tensor, pictures: &Tensor, [mean, log_variance]: [&Tensor; 2], beta: f64) -> Result<Self> {
        let bernoulli = BceWithLogits { reduction: Reduction::BatchMean, ..BceWithLogits::default() };
        let reconstruction = bernoulli.compute(logits, pictures)?;
        let divergence = gaussian_kl(mean, log_variance)?;
        let total = (&reconstruction + (&divergence * beta)?)?;
        Ok(Self { reconstruction, divergence, total })
    }
}

/// `KL(N(mean, exp(log_variance)) || N(0, 1)) = 1/2 sum(exp(log_variance) + mean^2 - 1 - log_variance)`, summed over the
/// latent elements of `[batch, z_dim]`, its mean over the batch (appendix B of the paper).
pub fn gaussian_kl(mean: &Tensor, log_variance: &Tensor) -> Result<Tensor> {
    check_shape("gaussian_kl", "log-variance", mean, log_variance)?;
    let values = ((log_variance.exp()? + mean.sqr()?)? - (log_variance + 1.0)?)?;
    Reduction::BatchMean.of((values * 0.5)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::activation::sigmoid;
    use crate::ops::finite_differences::{check, normal};
    use candle_core::Device;

    #[test]
    fn derivatives() {
        let pictures = sigmoid(&normal(&[2, 1, 2, 3], 1)).unwrap();
        check(&[normal(&[2, 1, 2, 3], 2), normal(&[2, 4], 3), normal(&[2, 4], 4)], |t| {
            Ok(VaeLoss::new(&t[0], &pictures, [&t[1], &t[2]], 0.7)?.total)
        });
    }

    /// The definition, `E[ln q(z) - ln p(z)]` for z of q, as a sum over a fine grid.
    #[test]
    fn the_divergence_is_that_of_the_definition() {
        for (mean, log_variance) in [(0.0f64, 0.0f64), (0.8, -1.2), (-2.0, 0.6)] {
            let deviation = (log_variance / 2.0).exp();
            let log_density = |z: f64, mean: f64, deviation: f64| {
                -0.5 * ((z - mean) / deviation).powi(2) - (deviation * std::f64::consts::TAU.sqrt()).ln()
            };
            let step = 1e-3;
            let expected: f64 = (-20_000..=20_000)
                .map(|at| {
                    let z = f64::from(at) * step;
                    let log_q = log_density(z, mean, deviation);
                    step * log_q.exp() * (log_q - log_density(z, 0.0, 1.0))
                })
                .sum();
            let [mean, log_variance] = [mean, log_variance].map(|x| Tensor::new(&[[x]], &Device::Cpu).unwrap());
            let found = gaussian_kl(&mean, &log_variance).unwrap().to_scalar::<f64>().unwrap();
            assert!((found - expected).abs() < 1e-9, "{found} {expected}");
        }
    }

    #[test]
    fn terms_are_sums_over_a_picture_and_means_over_the_batch() {
        let zeros = |dims: &[usize]| Tensor::zeros(dims, candle_core::DType::F64, &Device::Cpu).unwrap();
        let (logits, ones) = (zeros(&[3, 1, 2, 2]), zeros(&[3, 5]).affine(0.0, 1.0).unwrap());
        let loss = VaeLoss::new(&logits, &logits, [&ones, &zeros(&[3, 5])], 4.0).unwrap();
        let [reconstruction, divergence, total] =
            [loss.reconstruction, loss.divergence, loss.total].map(|term| term.to_scalar::<f64>().unwrap());
        assert!((reconstruction - 4.0 * 2f64.ln()).abs() < 1e-12, "{reconstruction}");
        assert_eq!((divergence, total), (2.5, reconstruction + 10.0));
        assert!(gaussian_kl(&ones, &zeros(&[3, 1])).is_err());
    }
}
