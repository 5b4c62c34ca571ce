//! The conditional denoiser: a U-Net (Ronneberger et al. 2015, arXiv 1505.04597) that predicts the noise in a picture
//! (Ho et al. 2020, arXiv 2006.11239), conditioned on the timestep and the label.

mod block;
mod folded;
mod task;
mod timestep;

use std::collections::BTreeMap;

use candle_core::Tensor;
use easel_runtime::card::Architecture;
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use self::block::Block;
use self::folded::fold;
pub use self::folded::{FOLDED, Folded};
pub use self::task::DenoisingTask;
use self::timestep::TimestepTable;
use super::{architecture, size};
use crate::nn::{Conv2d, ConvTranspose2d, ConvTranspose2dOptions, Embedding, Linear, LinearOptions, Pass};
use crate::param::{Param, Scope};
use crate::value::{Conv2dConfig, ConvTranspose2dConfig, Pool2dConfig};
use crate::{Error, Result, Value};

/// The architecture's name in a checkpoint and a model card.
pub const ARCHITECTURE: &str = "denoiser";

/// Height and width are multiples of this, since the network downsamples four times.
pub const MULTIPLE: usize = 16;

/// The largest height and width of pictures.
pub const LARGEST: usize = 1024;

/// The most channels at the full size.
pub const WIDEST: usize = 1 << 12;

/// The largest of the other sizes.
pub const MOST: usize = 1 << 17;

/// The number of downsamplings.
const LEVELS: usize = 4;

/// Where the timestep and the label condition the network.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[cfg_attr(feature = "cli", derive(clap::ValueEnum))]
pub enum Conditioning {
    /// Its input has the condition as additional constant channels; the timestep is encoded as `t / timesteps`.
    Input,
    /// A scale and a shift after the first norm of every block (FiLM: Perez et al. 2017, arXiv 1709.07871; as in
    /// Dhariwal and Nichol 2021, arXiv 2105.05233); the timestep is encoded as sinusoids (Vaswani et al. 2017, arXiv
    /// 1706.03762).
    EveryBlock,
}

/// The network's sizes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sizes {
    /// 1 (grey) or 3 (RGB).
    pub channels: usize,
    /// The number of labels, including the null label if there is one.
    pub labels: usize,
    /// The number of timesteps of the diffusion.
    pub timesteps: usize,
    /// Channels at the full size; they double at each downsampling.
    pub base_channels: usize,
    /// Elements of the condition: the timestep's embedding plus the label's.
    pub embedding_size: usize,
    /// Units of the hidden layer of the timestep's embedding.
    pub hidden: usize,
    /// Where the condition enters the network.
    pub conditioning: Conditioning,
}

impl Default for Sizes {
    fn default() -> Self {
        Self {
            channels: 1,
            labels: 10,
            timesteps: 1000,
            base_channels: 64,
            embedding_size: 128,
            hidden: 64,
            conditioning: Conditioning::Input,
        }
    }
}

impl Sizes {
    /// Fails where a size is 0 or too large, or pictures are neither grey nor RGB.
    fn check(&self) -> Result<()> {
        let Self { channels, labels, timesteps, base_channels, embedding_size, hidden, .. } = *self;
        let others = [labels, timesteps, embedding_size, hidden].into_iter().all(|size| (1..=MOST).contains(&size));
        if matches!(channels, 1 | 3) && others && (1..=WIDEST).contains(&base_channels) {
            return Ok(());
        }
        Err(Error::Config(format!(
            "a denoiser cannot have the sizes {self:?}; give 1 or 3 channels, 1 to {WIDEST} base channels, and 1 to {MOST} of everything else"
        )))
    }

    /// The number of channels after `level` downsamplings.
    fn width(&self, level: usize) -> usize {
        self.base_channels << level
    }

    /// The architecture, as a checkpoint or a card records it.
    pub fn architecture(&self) -> Architecture {
        let Self { channels, labels, timesteps, base_channels, embedding_size, hidden, conditioning } = *self;
        let mut architecture = architecture(
            ARCHITECTURE,
            &[
                ("channels", channels),
                ("labels", labels),
                ("times", timesteps),
                ("base", base_channels),
                ("embedding", embedding_size),
                ("hidden", hidden),
            ],
        );
        let conditioning = match conditioning {
            Conditioning::Input => "input",
            Conditioning::EveryBlock => "every-block",
        };
        architecture.sizes.insert("conditioning".into(), conditioning.into());
        architecture
    }

    /// From a checkpoint or a card. Fails where a size is missing or out of range.
    pub fn read(from: &Architecture) -> Result<Self> {
        let conditioning = match from.sizes.get("conditioning").and_then(Json::as_str) {
            Some("input") => Conditioning::Input,
            Some("every-block") => Conditioning::EveryBlock,
            _ => {
                return Err(Error::Checkpoint(format!(
                    "the architecture {ARCHITECTURE} needs a `conditioning`, `input` or `every-block`"
                )));
            }
        };
        Ok(Self {
            channels: size(from, "channels")?,
            labels: size(from, "labels")?,
            timesteps: size(from, "times")?,
            base_channels: size(from, "base")?,
            embedding_size: size(from, "embedding")?,
            hidden: size(from, "hidden")?,
            conditioning,
        })
    }

    /// Recognises a denoiser by its layers. Weights do not show the number of timesteps: the published 1000 is assumed.
    pub fn recognise(shapes: &BTreeMap<String, Vec<usize>>) -> Option<Self> {
        let [hidden, encoding] = shapes.get("time_embed.0.weight")?[..] else { return None };
        let [labels, embedding_size] = shapes.get("label_embed.weight")?[..] else { return None };
        let [channels, base_channels, 1, 1] = shapes.get("final.weight")?[..] else { return None };
        let conditioning = match shapes.contains_key("enc1.scale.weight") {
            true => Conditioning::EveryBlock,
            false => Conditioning::Input,
        };
        let sizes = Self { channels, labels, base_channels, embedding_size, hidden, conditioning, ..Self::default() };
        (sizes.check().is_ok() && encoding == timestep::width(&sizes)).then_some(sizes)
    }
}

/// The sizes and the task of a checkpoint or a card. Fails where one is missing or out of range, or they do not fit each
/// other.
pub fn read(from: &Architecture) -> Result<(Sizes, DenoisingTask)> {
    let (sizes, task) = (Sizes::read(from)?, DenoisingTask::read(from)?);
    sizes.check().and_then(|()| task.check(&sizes)).map(|()| (sizes, task))
}

/// The denoiser.
#[derive(Clone)]
pub struct Denoiser {
    timesteps: TimestepTable,
    embed: [Linear; 2],
    label: Embedding,
    down: Vec<Block>,
    bridge: Block,
    /// From the full size to the smallest, in the order of the names' numbers.
    up: Vec<(ConvTranspose2d, Block)>,
    last: Conv2d,
    sizes: Sizes,
    /// The parameters of all layers, by name.
    params: BTreeMap<String, Param>,
}

impl Denoiser {
    /// Parameters `time_embed.{0, 2}`, `label_embed`, `enc{1..4}`, `bridge`, `upconv{4..1}`, `dec{4..1}` and `final`; in a
    /// block `conv.{0, 1, 3, 4}` and, where it is conditioned, `scale` and `shift`. Fails where a size is 0 or too large,
    /// or pictures are neither grey nor RGB.
    pub fn new(scope: Scope, sizes: Sizes) -> Result<Self> {
        sizes.check()?;
        let Sizes { channels, labels, embedding_size, hidden, conditioning, .. } = sizes;
        let width = |level: usize| sizes.width(level);
        let embed = scope.sub("time_embed");
        let (condition_planes, block_condition) = match conditioning {
            Conditioning::Input => (embedding_size, None),
            Conditioning::EveryBlock => (0, Some(embedding_size)),
        };
        let block = |name: String, inputs, outputs| Block::new(scope.sub(name), inputs, outputs, block_condition);
        let doubling = ConvTranspose2dOptions::from(ConvTranspose2dConfig { stride: 2, ..Default::default() });
        Ok(Self {
            timesteps: TimestepTable::new(&scope, &sizes)?,
            embed: [
                Linear::new(embed.sub(0), timestep::width(&sizes), hidden, LinearOptions::default())?,
                Linear::new(embed.sub(2), hidden, embedding_size, LinearOptions::default())?,
            ],
            label: Embedding::new(scope.sub("label_embed"), labels, embedding_size)?,
            down: (0..LEVELS)
                .map(|level| {
                    let inputs = if level == 0 { channels + condition_planes } else { width(level - 1) };
                    block(format!("enc{}", level + 1), inputs, width(level))
                })
                .collect::<Result<_>>()?,
            bridge: block("bridge".into(), width(LEVELS - 1), width(LEVELS))?,
            up: (0..LEVELS)
                .map(|level| {
                    let name = scope.sub(format!("upconv{}", level + 1));
                    let up = ConvTranspose2d::new(name, width(level + 1), width(level), 2, doubling)?;
                    Ok((up, block(format!("dec{}", level + 1), width(level + 1), width(level))?))
                })
                .collect::<Result<_>>()?,
            last: Conv2d::new(scope.sub("final"), width(0), channels, 1, Conv2dConfig::default())?,
            sizes,
            params: scope.made(),
        })
    }

    /// The sizes it was made with.
    pub fn sizes(&self) -> Sizes {
        self.sizes
    }

    /// Its weights as [`Folded`] has them.
    pub fn fold(&self) -> Result<BTreeMap<String, Tensor>> {
        let weights = self.params.iter().map(|(name, param)| (name.clone(), param.tensor().detach()));
        fold(&self.sizes, &weights.collect())
    }

    /// The prediction for noisy pictures x `[batch, channels, height, width]`, height and width multiples of
    /// [`MULTIPLE`], at timesteps `t [batch]` and for labels `label [batch]`, both int64 and below the sizes' numbers.
    pub fn forward<V: Value>(&self, x: &V, t: &V, label: &V, pass: &mut impl Pass<V>) -> Result<V> {
        let [first, second] = &self.embed;
        let timestep = second.forward(&first.forward(&self.timesteps.forward(t)?)?.silu()?)?;
        let condition = timestep.add(&self.label.forward(label)?)?;
        let (mut x, condition) = match self.sizes.conditioning {
            Conditioning::Input => (x.concat(&condition.expand_like(x)?)?, condition),
            Conditioning::EveryBlock => (x.clone(), condition.silu()?),
        };
        let mut skipped = Vec::with_capacity(LEVELS);
        for block in &self.down {
            let kept = block.forward(&x, &condition, pass)?;
            x = kept.max_pool2d(Pool2dConfig::new(2))?;
            skipped.push(kept);
        }
        x = self.bridge.forward(&x, &condition, pass)?;
        for ((up, block), kept) in self.up.iter().zip(&skipped).rev() {
            x = block.forward(&up.forward(&x)?.concat(kept)?, &condition, pass)?;
        }
        self.last.forward(&x)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::networks::Network;
    use crate::nn::Eval;
    use crate::{Params, Weights};
    use candle_core::{DType, Device};
    use easel_runtime::Random;

    #[test]
    fn is_recognised_without_metadata() {
        for conditioning in [Conditioning::Input, Conditioning::EveryBlock] {
            let params = Params::new(DType::F32, &Device::Cpu, Random::new(1, 0));
            let sizes = Sizes {
                channels: 3,
                labels: 4,
                base_channels: 2,
                embedding_size: 7,
                hidden: 3,
                conditioning,
                timesteps: 1000,
            };
            Denoiser::new(params.root(), sizes).unwrap();
            let mut weights = params.to_tensors();
            // PyTorch counts batches.
            weights.insert("enc1.conv.1.num_batches_tracked".into(), Tensor::new(3i64, &Device::Cpu).unwrap());
            let weights = Weights::recognise(weights).unwrap();
            let Network::Denoiser { network, task } = weights.network().unwrap() else { panic!("another network") };
            assert_eq!((network.sizes(), task), (sizes, DenoisingTask::classic()));
        }
    }

    #[test]
    fn timestep_and_label_condition_every_block() {
        let params = Params::new(DType::F32, &Device::Cpu, Random::new(1, 0));
        let sizes =
            Sizes { base_channels: 2, embedding_size: 6, conditioning: Conditioning::EveryBlock, ..Default::default() };
        let network = Denoiser::new(params.root(), sizes).unwrap();
        assert_eq!(params.all().iter().filter(|param| param.name().ends_with("shift.weight")).count(), 9);
        assert_eq!(Sizes::read(&sizes.architecture()).unwrap(), sizes);
        let x = Tensor::from_vec(Random::new(2, 0).normals(16 * 32), (1, 1, 16, 32), &Device::Cpu).unwrap();
        let run = |t: i64, label: i64| {
            let of = |value| Tensor::new(&[value], &Device::Cpu).unwrap();
            let y = network.forward(&x, &of(t), &of(label), &mut Eval).unwrap();
            assert_eq!(y.dims(), x.dims());
            y.flatten_all().unwrap().to_vec1::<f32>().unwrap()
        };
        assert_eq!(run(999, 9), run(999, 9));
        assert_ne!(run(999, 9), run(998, 9));
        assert_ne!(run(999, 9), run(999, 8));
    }
}
