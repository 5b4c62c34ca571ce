//! The forward diffusion and the loss of a denoiser.

use candle_core::{DType, Tensor};
use easel_runtime::Schedule;
use easel_runtime::card::Prediction;

use crate::Result;

/// The diffusion of pictures `[batch, channel, height, width]` in `[-1, 1]`, each with a timestep of its own.
#[derive(Debug, Clone)]
pub struct Diffusion {
    /// The beta schedule.
    pub schedule: Schedule,
    /// What the network predicts.
    pub prediction: Prediction,
    /// Min-SNR weighting: the limit of a timestep's signal-to-noise ratio in the weight of its loss (Hang et al. 2023,
    /// arXiv 2303.09556). Without it all timesteps have the same weight.
    pub min_snr: Option<f64>,
}

impl Diffusion {
    /// `sqrt(alpha_bar) picture + sqrt(1 - alpha_bar) noise` (Ho et al. 2020, arXiv 2006.11239, equation 4).
    pub fn noisy(&self, pictures: &Tensor, noise: &Tensor, timesteps: &[usize]) -> Result<Tensor> {
        self.mixed(pictures, f64::sqrt, noise, |bar| (1.0 - bar).sqrt(), timesteps)
    }

    /// The mean squared error of a prediction, weighted by timestep.
    pub fn loss(&self, predicted: &Tensor, pictures: &Tensor, noise: &Tensor, timesteps: &[usize]) -> Result<Tensor> {
        let target = match self.prediction {
            Prediction::Noise => noise.clone(),
            Prediction::Velocity => self.mixed(pictures, |bar| -(1.0 - bar).sqrt(), noise, f64::sqrt, timesteps)?,
        };
        let squares = (predicted - target)?.sqr()?;
        let Some(most) = self.min_snr else { return Ok(squares.mean_all()?) };
        let weight = |bar: f64| {
            let ratio = bar / (1.0 - bar);
            // The squared error of the picture is that of the noise divided by the ratio, or of the velocity by the ratio
            // plus 1.
            ratio.min(most) / if self.prediction == Prediction::Noise { ratio } else { ratio + 1.0 }
        };
        Ok(squares.broadcast_mul(&self.at(timesteps, weight, &squares)?)?.mean_all()?)
    }

    fn mixed(
        &self,
        pictures: &Tensor,
        of_pictures: impl Fn(f64) -> f64,
        noise: &Tensor,
        of_noise: impl Fn(f64) -> f64,
        timesteps: &[usize],
    ) -> Result<Tensor> {
        let pictures = pictures.broadcast_mul(&self.at(timesteps, of_pictures, pictures)?)?;
        Ok((pictures + noise.broadcast_mul(&self.at(timesteps, of_noise, noise)?)?)?)
    }

    /// A function of alpha-bar at each picture's timestep, `[batch, 1, 1, 1]`.
    fn at(&self, timesteps: &[usize], of: impl Fn(f64) -> f64, like: &Tensor) -> Result<Tensor> {
        let values: Vec<f64> = timesteps.iter().map(|&t| of(self.schedule.alpha_bars()[t])).collect();
        let values = Tensor::from_vec(values, (timesteps.len(), 1, 1, 1), &candle_core::Device::Cpu)?;
        Ok(values.to_dtype(DType::F32)?.to_device(like.device())?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use candle_core::Device;
    use easel_runtime::Random;

    #[test]
    fn both_predictions_weigh_the_pictures_error_alike() {
        let normals = |seed| Tensor::from_vec(Random::new(seed, 0).normals(2 * 4), (2, 1, 2, 2), &Device::Cpu).unwrap();
        let (pictures, noise, wrong) = (normals(1), normals(2), (normals(3) * 0.1).unwrap());
        let timesteps = [20, 700];
        let diffusion = |prediction| Diffusion {
            schedule: Schedule::linear(1000, 1e-4, 0.02).unwrap(),
            prediction,
            min_snr: Some(5.0),
        };
        let schedule = diffusion(Prediction::Noise).schedule;
        let noisy = diffusion(Prediction::Noise).noisy(&pictures, &noise, &timesteps).unwrap();
        // The same estimate of the picture, expressed as either prediction.
        let guess = (&pictures + wrong).unwrap();
        let by = |of: &dyn Fn(f64) -> f64, tensor: &Tensor| {
            let of: Vec<f32> = timesteps.iter().map(|&t| of(schedule.alpha_bars()[t]) as f32).collect();
            tensor.broadcast_mul(&Tensor::from_vec(of, (2, 1, 1, 1), &Device::Cpu).unwrap()).unwrap()
        };
        let as_noise =
            (by(&|bar| 1.0 / (1.0 - bar).sqrt(), &noisy) - by(&|bar| (bar / (1.0 - bar)).sqrt(), &guess)).unwrap();
        let as_velocity = (by(&f64::sqrt, &as_noise) - by(&|bar| (1.0 - bar).sqrt(), &guess)).unwrap();
        let loss = |prediction, predicted: &Tensor| {
            let loss = diffusion(prediction).loss(predicted, &pictures, &noise, &timesteps).unwrap();
            loss.to_scalar::<f32>().unwrap()
        };
        let (a, b) = (loss(Prediction::Noise, &as_noise), loss(Prediction::Velocity, &as_velocity));
        assert!(a > 1e-3 && (a - b).abs() < 1e-3 * a, "{a} {b}");
        assert_eq!(loss(Prediction::Noise, &noise), 0.0);
    }

    #[test]
    fn a_signal_counts_no_more_than_told() {
        let schedule = Schedule::linear(1000, 1e-4, 0.02).unwrap();
        let loss = |min_snr, time| {
            let diffusion = Diffusion { schedule: schedule.clone(), prediction: Prediction::Noise, min_snr };
            let [noise, wrong] = [0f32, 2.0].map(|value| Tensor::full(value, (1, 1, 2, 2), &Device::Cpu).unwrap());
            diffusion.loss(&wrong, &noise, &noise, &[time]).unwrap().to_scalar::<f32>().unwrap()
        };
        let ratio = |time: usize| schedule.alpha_bars()[time] / (1.0 - schedule.alpha_bars()[time]);
        assert!(ratio(20) > 5.0 && ratio(700) < 5.0);
        assert_eq!([loss(None, 20), loss(None, 700), loss(Some(5.0), 700)], [4.0; 3]);
        let expected = 4.0 * 5.0 / ratio(20) as f32;
        assert!((loss(Some(5.0), 20) / expected - 1.0).abs() < 1e-5);
    }
}
