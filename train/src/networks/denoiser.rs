//! The conditional denoiser: a U-Net (Ronneberger et al. 2015, arXiv 1505.04597) that predicts the noise in a picture
//! (Ho et al. 2020, arXiv 2006.11239), told the time and the label by constant planes beside its input.

use candle_core::{DType, Tensor};

use crate::nn::{
    Activation, BatchNorm2d, BatchNorm2dOptions, Conv2d, ConvTranspose2d, ConvTranspose2dOptions, Embedding, Linear,
    LinearOptions, Pass, Sequential,
};
use crate::param::Scope;
use crate::value::{Conv2dConfig, ConvTranspose2dConfig, Pool2dConfig};
use crate::{Error, Result, Value};

/// Height and width are multiples of this, since the network halves them four times.
pub const MULTIPLE: usize = 16;

/// The halvings.
const LEVELS: usize = 4;

/// The network's sizes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sizes {
    /// 1 (grey) or 3 (RGB).
    pub channels: usize,
    /// The number of labels.
    pub classes: usize,
    /// Channels at the full size; twice as many at each halving.
    pub base: usize,
    /// Elements of the condition: the embedded time plus the embedded label.
    pub embedding: usize,
    /// Width of the time's hidden layer.
    pub hidden: usize,
}

impl Default for Sizes {
    fn default() -> Self {
        Self { channels: 1, classes: 10, base: 64, embedding: 128, hidden: 64 }
    }
}

/// The denoiser.
#[derive(Clone)]
pub struct Denoiser {
    time: [Linear; 2],
    label: Embedding,
    down: Vec<Sequential>,
    bridge: Sequential,
    /// From the full size to the smallest, as the names count.
    up: Vec<(ConvTranspose2d, Sequential)>,
    last: Conv2d,
    sizes: Sizes,
}

/// Twice a 3x3 convolution, batch norm and ReLU.
fn double_conv(scope: Scope, inputs: usize, outputs: usize) -> Result<Sequential> {
    let same = Conv2dConfig { padding: 1, ..Default::default() };
    Ok(Sequential::new(scope.sub("conv"))
        .add(|scope| Conv2d::new(scope, inputs, outputs, 3, same))?
        .add(|scope| BatchNorm2d::new(scope, outputs, BatchNorm2dOptions::default()))?
        .then(Activation::Relu)
        .add(|scope| Conv2d::new(scope, outputs, outputs, 3, same))?
        .add(|scope| BatchNorm2d::new(scope, outputs, BatchNorm2dOptions::default()))?
        .then(Activation::Relu))
}

impl Denoiser {
    /// Parameters `time_embed.{0, 2}`, `label_embed`, `enc{1..4}.conv`, `bridge.conv`, `upconv{4..1}`, `dec{4..1}.conv`
    /// and `final`. Fails where a size is 0, or pictures are neither grey nor RGB.
    pub fn new(scope: Scope, sizes: Sizes) -> Result<Self> {
        let Sizes { channels, classes, base, embedding, hidden } = sizes;
        if !matches!(channels, 1 | 3) || [classes, base, embedding, hidden].contains(&0) {
            return Err(Error::Config(format!(
                "there is no denoiser of {sizes:?}: give it 1 or 3 channels, and at least 1 of everything else"
            )));
        }
        let width = |level: usize| base << level;
        let time = scope.sub("time_embed");
        let doubling = ConvTranspose2dConfig { stride: 2, ..Default::default() };
        Ok(Self {
            time: [
                Linear::new(time.sub(0), 1, hidden, LinearOptions::default())?,
                Linear::new(time.sub(2), hidden, embedding, LinearOptions::default())?,
            ],
            label: Embedding::new(scope.sub("label_embed"), classes, embedding)?,
            down: (0..LEVELS)
                .map(|level| {
                    let inputs = if level == 0 { channels + embedding } else { width(level - 1) };
                    double_conv(scope.sub(format!("enc{}", level + 1)), inputs, width(level))
                })
                .collect::<Result<_>>()?,
            bridge: double_conv(scope.sub("bridge"), width(LEVELS - 1), width(LEVELS))?,
            up: (0..LEVELS)
                .map(|level| {
                    let name = scope.sub(format!("upconv{}", level + 1));
                    let options = ConvTranspose2dOptions::from(doubling);
                    let up = ConvTranspose2d::new(name, width(level + 1), width(level), 2, options)?;
                    let convs = double_conv(scope.sub(format!("dec{}", level + 1)), width(level + 1), width(level))?;
                    Ok((up, convs))
                })
                .collect::<Result<_>>()?,
            last: Conv2d::new(scope.sub("final"), base, channels, 1, Conv2dConfig::default())?,
            sizes,
        })
    }

    /// The sizes it was made with.
    pub fn sizes(&self) -> Sizes {
        self.sizes
    }

    /// The noise in x `[batch, channels, height, width]`, height and width being multiples of [`MULTIPLE`], at `time`
    /// `[batch, 1]` (see [`time`]) and for `label [batch]` of int64.
    pub fn forward<V: Value>(&self, x: &V, time: &V, label: &V, pass: &mut impl Pass<V>) -> Result<V> {
        let [first, second] = &self.time;
        let time = second.forward(&first.forward(time)?.silu()?)?;
        let condition = time.add(&self.label.forward(label)?)?;
        let mut x = x.concat(&condition.expand_like(x)?)?;
        let mut skipped = Vec::with_capacity(LEVELS);
        for convs in &self.down {
            let kept = convs.forward(&x, pass)?;
            x = kept.max_pool2d(Pool2dConfig::new(2))?;
            skipped.push(kept);
        }
        x = self.bridge.forward(&x, pass)?;
        for ((up, convs), kept) in self.up.iter().zip(&skipped).rev() {
            x = convs.forward(&up.forward(&x)?.concat(kept)?, pass)?;
        }
        self.last.forward(&x)
    }
}

/// What the denoiser is told of time: `t / steps` as `[batch, 1]`, for `t [batch]` of int64 in `0..steps`.
pub fn time(t: &Tensor, steps: usize, dtype: DType) -> Result<Tensor> {
    Ok((t.to_dtype(dtype)? / steps as f64)?.unsqueeze(1)?)
}
