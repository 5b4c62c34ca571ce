//! A convolutional variational autoencoder (Kingma and Welling 2013, arXiv 1312.6114). The decoder is what is exported.

use std::collections::BTreeMap;

use candle_core::Tensor;
use easel_runtime::card::{Architecture, Distribution, Latent};

use crate::nn::{Conv2d, ConvTranspose2d, Linear, LinearOptions};
use crate::param::Scope;
use crate::value::{Conv2dConfig, ConvTranspose2dConfig};
use crate::{Error, Result, Value};

/// The decoder's architecture name.
pub const ARCHITECTURE: &str = "vae-decoder";

/// Pictures' sides are multiples of this: three layers halve or double them.
pub const MULTIPLE: usize = 8;

/// The kernel of every convolution. It is a multiple of the stride, so a transposed one covers its output evenly and
/// leaves no checkerboard.
const KERNEL: usize = 4;
const STRIDE: usize = 2;
const PADDING: usize = 1;

/// The encoder's log-variance is clamped to this range, a standard deviation from 5e-5 to 148: without a bound its
/// exponential overflows when a large learning rate takes it too far.
const LOG_VARIANCE: [f32; 2] = [-20.0, 10.0];

/// The sizes of both halves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sizes {
    /// Elements of the latent vector.
    pub z_dim: usize,
    /// Channels at half the picture's side; they double at each of two further halvings.
    pub base_channels: usize,
    /// The picture's channels: 1 (grey) or 3 (RGB).
    pub channels: usize,
    /// The picture's height and width, a multiple of [`MULTIPLE`].
    pub side: usize,
}

impl Default for Sizes {
    fn default() -> Self {
        Self { z_dim: 10, base_channels: 16, channels: 1, side: 32 }
    }
}

impl Sizes {
    /// The sizes by name.
    pub fn architecture(&self) -> Architecture {
        super::architecture(
            ARCHITECTURE,
            &[
                ("z_dim", self.z_dim),
                ("base_channels", self.base_channels),
                ("channels", self.channels),
                ("side", self.side),
            ],
        )
    }

    /// What the decoder takes.
    pub fn latent(&self) -> Latent {
        Latent { dim: self.z_dim, distribution: Distribution::Normal }
    }

    /// The picture's channels, height and width.
    pub fn picture(&self) -> [usize; 3] {
        [self.channels, self.side, self.side]
    }

    pub(super) fn read(architecture: &Architecture) -> Result<Self> {
        let size = |name| super::size(architecture, name);
        Ok(Self {
            z_dim: size("z_dim")?,
            base_channels: size("base_channels")?,
            channels: size("channels")?,
            side: size("side")?,
        })
    }

    /// Tells a decoder by its first and last layer.
    pub(super) fn recognise(shapes: &BTreeMap<String, Vec<usize>>) -> Option<Self> {
        let [features, z_dim] = shapes.get("fc.weight")?[..] else { return None };
        let [base_channels, channels, KERNEL, KERNEL] = shapes.get("deconv3.weight")?[..] else { return None };
        let side = MULTIPLE * features.checked_div(4 * base_channels)?.isqrt();
        let sizes = Self { z_dim, base_channels, channels, side };
        (shapes.len() == 8 && sizes.smallest().iter().product::<usize>() == features).then_some(sizes)
    }

    /// The shape of the smallest feature map, which both halves have beside the latent vector.
    fn smallest(&self) -> [usize; 3] {
        let side = self.side / MULTIPLE;
        [4 * self.base_channels, side, side]
    }

    fn check(&self) -> Result<()> {
        let Self { z_dim, base_channels, channels, side } = *self;
        let whole = side > 0 && side.is_multiple_of(MULTIPLE);
        if whole && z_dim > 0 && base_channels > 0 && matches!(channels, 1 | 3) {
            return Ok(());
        }
        Err(Error::Config(format!(
            "a VAE with {z_dim} latent elements and {base_channels} base channels for pictures of {channels} channels, \
             {side}x{side}: give it one latent element and one base channel at least, pictures of 1 or 3 channels, and a \
             side that is a multiple of {MULTIPLE}"
        )))
    }
}

/// Pictures to the normal distribution of their latent vectors, `q(z | x)`: three strided convolutions, and a linear layer
/// for the mean and for the logarithm of the variance, which is diagonal.
#[derive(Debug, Clone)]
pub struct Encoder {
    convs: [Conv2d; 3],
    mean: Linear,
    log_variance: Linear,
}

impl Encoder {
    /// Parameters `conv1`, `conv2`, `conv3`, `mean` and `log_variance`, each `weight` and `bias`. Fails where no network
    /// has such sizes.
    pub fn new(scope: Scope, sizes: Sizes) -> Result<Self> {
        sizes.check()?;
        let (base, features) = (sizes.base_channels, sizes.smallest().iter().product());
        let config = Conv2dConfig { stride: STRIDE, padding: PADDING, ..Conv2dConfig::default() };
        let conv = |name, inputs, outputs| Conv2d::new(scope.sub(name), inputs, outputs, KERNEL, config);
        let linear = |name| Linear::new(scope.sub(name), features, sizes.z_dim, LinearOptions::default());
        Ok(Self {
            convs: [
                conv("conv1", sizes.channels, base)?,
                conv("conv2", base, 2 * base)?,
                conv("conv3", 2 * base, 4 * base)?,
            ],
            mean: linear("mean")?,
            log_variance: linear("log_variance")?,
        })
    }

    /// The mean and the log-variance, both `[batch, z_dim]`, for pictures `[batch, channel, height, width]` in `[0, 1]`.
    pub fn forward<V: Value>(&self, pictures: &V) -> Result<[V; 2]> {
        let mut x = pictures.clone();
        for conv in &self.convs {
            x = conv.forward(&x)?.relu()?;
        }
        let x = x.flatten()?;
        let [low, high] = LOG_VARIANCE;
        Ok([self.mean.forward(&x)?, self.log_variance.forward(&x)?.clamp(low, high)?])
    }
}

/// Latent vectors to pictures: a linear layer and three transposed convolutions.
#[derive(Debug, Clone)]
pub struct Decoder {
    fc: Linear,
    deconvs: [ConvTranspose2d; 3],
    sizes: Sizes,
}

impl Decoder {
    /// Parameters `fc`, `deconv1`, `deconv2` and `deconv3`, each `weight` and `bias`. Fails where no network has such
    /// sizes.
    pub fn new(scope: Scope, sizes: Sizes) -> Result<Self> {
        sizes.check()?;
        let (base, features) = (sizes.base_channels, sizes.smallest().iter().product());
        let config = ConvTranspose2dConfig { stride: STRIDE, padding: PADDING, ..ConvTranspose2dConfig::default() };
        let deconv = |name, inputs, outputs| ConvTranspose2d::new(scope.sub(name), inputs, outputs, KERNEL, config);
        Ok(Self {
            fc: Linear::new(scope.sub("fc"), sizes.z_dim, features, LinearOptions::default())?,
            deconvs: [
                deconv("deconv1", 4 * base, 2 * base)?,
                deconv("deconv2", 2 * base, base)?,
                deconv("deconv3", base, sizes.channels)?,
            ],
            sizes,
        })
    }

    /// The sizes it was made with.
    pub fn sizes(&self) -> Sizes {
        self.sizes
    }

    /// Logits `[batch, channel, height, width]` of the pixels for `z [batch, z_dim]`. The loss takes them, so that
    /// nothing overflows.
    pub fn logits<V: Value>(&self, z: &V) -> Result<V> {
        let [first, second, last] = &self.deconvs;
        let x = self.fc.forward(z)?.relu()?.unflatten(self.sizes.smallest())?;
        let x = second.forward(&first.forward(&x)?.relu()?)?.relu()?;
        last.forward(&x)
    }

    /// Pictures `[batch, channel, height, width]` in `[0, 1]`: what is exported.
    pub fn pictures<V: Value>(&self, z: &V) -> Result<V> {
        self.logits(z)?.sigmoid()
    }
}

/// Both halves, as they are trained.
#[derive(Debug, Clone)]
pub struct Vae {
    /// Pictures to latent distributions.
    pub encoder: Encoder,
    /// Latent vectors to pictures.
    pub decoder: Decoder,
}

impl Vae {
    /// Parameters `encoder.*` and `decoder.*`. Fails where no network has such sizes.
    pub fn new(scope: Scope, sizes: Sizes) -> Result<Self> {
        let encoder = Encoder::new(scope.sub("encoder"), sizes)?;
        Ok(Self { encoder, decoder: Decoder::new(scope.sub("decoder"), sizes)? })
    }
}

/// The decoder's weights among those of a [`Vae`], under the decoder's own names.
pub fn decoder_weights(weights: BTreeMap<String, Tensor>) -> BTreeMap<String, Tensor> {
    let own = |(name, tensor): (String, Tensor)| Some((name.strip_prefix("decoder.")?.to_string(), tensor));
    weights.into_iter().filter_map(own).collect()
}

/// The reparametrisation trick (equation 4 of the paper): `mean + exp(log_variance / 2) noise`, all of one shape, which
/// is a draw from the distribution for standard normal noise, and is differentiated by mean and log-variance.
pub fn reparameterise(mean: &Tensor, log_variance: &Tensor, noise: &Tensor) -> Result<Tensor> {
    Ok((mean + ((log_variance * 0.5)?.exp()? * noise)?)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Params;
    use crate::networks::recognise;
    use candle_core::{DType, Device};
    use easel_runtime::Random;

    fn params() -> Params {
        Params::new(DType::F32, &Device::Cpu, Random::new(1, 0))
    }

    #[test]
    fn pictures_go_in_and_come_out_in_their_own_shape() {
        for sizes in [
            Sizes { z_dim: 3, base_channels: 2, channels: 1, side: 8 },
            Sizes { z_dim: 5, base_channels: 3, channels: 3, side: 24 },
        ] {
            let params = params();
            let vae = Vae::new(params.root(), sizes).unwrap();
            let [channels, height, width] = sizes.picture();
            let pictures = Tensor::ones((2, channels, height, width), DType::F32, &Device::Cpu).unwrap();
            let [mean, log_variance] = vae.encoder.forward(&pictures).unwrap();
            assert_eq!((mean.dims(), log_variance.dims()), (&[2, sizes.z_dim][..], &[2, sizes.z_dim][..]));
            assert_eq!(vae.decoder.pictures(&mean).unwrap().dims(), pictures.dims());

            let exported = decoder_weights(params.to_tensors());
            let shapes = exported.into_iter().map(|(name, tensor)| (name, tensor.dims().to_vec())).collect();
            assert_eq!(recognise(&shapes).unwrap(), sizes.architecture());
            assert_eq!(Sizes::read(&sizes.architecture()).unwrap(), sizes);
        }
    }

    #[test]
    fn the_log_variance_is_bounded() {
        let params = params();
        let encoder = Encoder::new(params.root(), Sizes { side: 8, ..Sizes::default() }).unwrap();
        for (bias, bound) in [(-1e30f32, -20.0), (1e30, 10.0)] {
            let param = params.all().into_iter().find(|param| param.name() == "log_variance.bias").unwrap();
            param.var().set(&Tensor::full(bias, param.dims(), &Device::Cpu).unwrap()).unwrap();
            let pictures = Tensor::zeros((1, 1, 8, 8), DType::F32, &Device::Cpu).unwrap();
            let [_, log_variance] = encoder.forward(&pictures).unwrap();
            assert!(log_variance.flatten_all().unwrap().to_vec1::<f32>().unwrap().iter().all(|value| *value == bound));
        }
    }

    #[test]
    fn impossible_sizes_are_refused() {
        for sizes in [
            Sizes { side: 28, ..Sizes::default() },
            Sizes { side: 0, ..Sizes::default() },
            Sizes { channels: 2, ..Sizes::default() },
            Sizes { z_dim: 0, ..Sizes::default() },
        ] {
            assert!(matches!(Vae::new(params().root(), sizes), Err(Error::Config(_))), "{sizes:?}");
        }
    }
}
