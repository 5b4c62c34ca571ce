//! The denoiser as it is exported.

use std::collections::BTreeMap;

use candle_core::{DType, Device, Tensor};
use easel_runtime::Random;
use easel_runtime::card::Architecture;

use super::block::Block;
use super::timestep::rows;
use super::{Conditioning, Denoiser, DenoisingTask, LEVELS, Sizes};
use crate::nn::{BatchNorm2dOptions, Conv2d, Embedding, Eval};
use crate::param::Scope;
use crate::value::{Conv2dConfig, Pool2dConfig};
use crate::{Error, Params, Result, Value};

/// The architecture's name.
pub const FOLDED: &str = "denoiser-folded";

/// A denoiser in fewer operations: norms are folded into the convolutions, a table of embedded timesteps replaces the
/// layers that compute them, transposed convolutions, whose windows do not overlap, become 1x1 convolutions, and the
/// condition's planes are replaced by the first convolution's output for them.
///
/// The weights are named after those that they are computed from.
#[derive(Clone)]
pub struct Folded {
    timestep: Embedding,
    label: Embedding,
    down: Vec<Block>,
    bridge: Block,
    up: Vec<(Conv2d, Block)>,
    last: Conv2d,
    sizes: Sizes,
}

impl Folded {
    /// Fails where no network has such sizes.
    pub fn new(scope: Scope, sizes: Sizes) -> Result<Self> {
        sizes.check()?;
        let Sizes { channels, labels, timesteps, embedding_size, conditioning, .. } = sizes;
        let block_condition = (conditioning == Conditioning::EveryBlock).then_some(embedding_size);
        let width = |level: usize| sizes.width(level);
        let block = |name: String, inputs, outputs| Block::folded(scope.sub(name), inputs, outputs, block_condition);
        let pixel =
            |name: String, inputs, outputs| Conv2d::new(scope.sub(name), inputs, outputs, 1, Conv2dConfig::default());
        let down = |level: usize| {
            let name = format!("enc{}", level + 1);
            match (level, conditioning) {
                (0, Conditioning::Input) => Block::folded_planes(scope.sub(name), channels, width(0), embedding_size),
                (0, Conditioning::EveryBlock) => block(name, channels, width(0)),
                _ => block(name, width(level - 1), width(level)),
            }
        };
        let up = |level: usize| {
            let up = pixel(format!("upconv{}", level + 1), width(level + 1), 4 * width(level))?;
            Ok((up, block(format!("dec{}", level + 1), width(level + 1), width(level))?))
        };
        Ok(Self {
            timestep: Embedding::new(scope.sub("time_embed"), timesteps, embedding_size)?,
            label: Embedding::new(scope.sub("label_embed"), labels, embedding_size)?,
            down: (0..LEVELS).map(down).collect::<Result<_>>()?,
            bridge: block("bridge".into(), width(LEVELS - 1), width(LEVELS))?,
            up: (0..LEVELS).map(up).collect::<Result<_>>()?,
            last: pixel("final".into(), width(0), channels)?,
            sizes,
        })
    }

    /// Folds a denoiser.
    pub fn of(network: &Denoiser) -> Result<Self> {
        let params = Params::new(DType::F32, &Device::Cpu, Random::new(0, 0));
        let folded = Self::new(params.root(), network.sizes())?;
        params.load(&network.fold()?)?;
        Ok(folded)
    }

    /// The sizes of the denoiser that was folded.
    pub fn sizes(&self) -> Sizes {
        self.sizes
    }

    /// The architecture, with the sizes and the task.
    pub fn architecture(&self, task: &DenoisingTask) -> Architecture {
        Architecture { name: FOLDED.into(), ..task.architecture(&self.sizes) }
    }

    /// See [`Denoiser::forward`](super::Denoiser::forward).
    pub fn forward<V: Value>(&self, x: &V, t: &V, label: &V) -> Result<V> {
        let mut condition = self.timestep.forward(t)?.add(&self.label.forward(label)?)?;
        if self.sizes.conditioning == Conditioning::EveryBlock {
            condition = condition.silu()?;
        }
        let mut x = x.clone();
        let mut skipped = Vec::with_capacity(LEVELS);
        for block in &self.down {
            let kept = block.forward(&x, &condition, &mut Eval)?;
            x = kept.max_pool2d(Pool2dConfig::new(2))?;
            skipped.push(kept);
        }
        x = self.bridge.forward(&x, &condition, &mut Eval)?;
        for ((up, block), kept) in self.up.iter().zip(&skipped).rev() {
            x = block.forward(&up.forward(&x)?.pixel_shuffle2x()?.concat(kept)?, &condition, &mut Eval)?;
        }
        self.last.forward(&x)
    }
}

/// The weights of the [`Folded`] denoiser, from those of a denoiser of these sizes. Fails where one is missing.
pub fn fold(sizes: &Sizes, weights: &BTreeMap<String, Tensor>) -> Result<BTreeMap<String, Tensor>> {
    let mut folding = Folding { weights, folded: BTreeMap::new() };
    folding.time(sizes)?;
    folding.keep(|name| name.starts_with("label_embed.") || name.starts_with("final."));
    folding.keep(|name| name.contains(".scale.") || name.contains(".shift."));
    let names = |stem: &'static str| (1..=LEVELS).map(move |level| format!("{stem}{level}"));
    for block in names("enc").chain(names("dec")).chain(["bridge".to_string()]) {
        folding.norm(&block, [0, 1])?;
        folding.norm(&block, [3, 4])?;
    }
    for up in names("upconv") {
        folding.doubling(&up)?;
    }
    if sizes.conditioning == Conditioning::Input {
        folding.planes(sizes)?;
    }
    let round = |(name, tensor): (String, Tensor)| Ok((name, tensor.to_dtype(DType::F32)?));
    folding.folded.into_iter().map(round).collect()
}

/// Everything is computed in float64 and rounded once.
struct Folding<'a> {
    weights: &'a BTreeMap<String, Tensor>,
    folded: BTreeMap<String, Tensor>,
}

impl Folding<'_> {
    fn take(&self, name: &str) -> Result<Tensor> {
        let tensor = self.weights.get(name);
        Ok(tensor.ok_or_else(|| Error::Checkpoint(format!("`{name}` is missing")))?.to_dtype(DType::F64)?)
    }

    fn put(&mut self, name: String, tensor: Tensor) {
        self.folded.insert(name, tensor);
    }

    fn keep(&mut self, wanted: impl Fn(&str) -> bool) {
        let kept = self.weights.iter().filter(|(name, _)| wanted(name));
        self.folded.extend(kept.map(|(name, tensor)| (name.clone(), tensor.clone())));
    }

    fn time(&mut self, sizes: &Sizes) -> Result<()> {
        let linear = |x: &Tensor, layer: usize| -> Result<Tensor> {
            let weight = self.take(&format!("time_embed.{layer}.weight"))?;
            Ok(x.matmul(&weight.t()?)?.broadcast_add(&self.take(&format!("time_embed.{layer}.bias"))?)?)
        };
        let table = Tensor::from_vec(
            rows(sizes),
            (sizes.timesteps, super::timestep::width(sizes)),
            self.take("label_embed.weight")?.device(),
        )?;
        let hidden = linear(&table.to_dtype(DType::F64)?, 0)?;
        let table = linear(&Value::silu(&hidden)?, 2)?;
        self.put("time_embed.weight".into(), table);
        Ok(())
    }

    fn norm(&mut self, block: &str, [conv, norm]: [usize; 2]) -> Result<()> {
        let (conv, norm) = (format!("{block}.conv.{conv}"), |part: &str| format!("{block}.conv.{norm}.{part}"));
        let variance = (self.take(&norm("running_var"))? + BatchNorm2dOptions::default().epsilon)?;
        let gain = (self.take(&norm("weight"))? / variance.sqrt()?)?;
        let weight = self.take(&format!("{conv}.weight"))?;
        let weight = weight.broadcast_mul(&gain.reshape(((), 1, 1, 1))?)?;
        let bias = (self.take(&format!("{conv}.bias"))? - self.take(&norm("running_mean"))?)?;
        let bias = ((bias * gain)? + self.take(&norm("bias"))?)?;
        self.put(format!("{conv}.weight"), weight);
        self.put(format!("{conv}.bias"), bias);
        Ok(())
    }

    /// From `[in, out, 2, 2]` to `[out * 2 * 2, in, 1, 1]`.
    fn doubling(&mut self, up: &str) -> Result<()> {
        let weight = self.take(&format!("{up}.weight"))?;
        let weight = weight.flatten_from(1)?.t()?.contiguous()?.unsqueeze(2)?.unsqueeze(3)?;
        let bias = self.take(&format!("{up}.bias"))?.unsqueeze(1)?.repeat((1, 4))?.flatten_all()?;
        self.put(format!("{up}.weight"), weight);
        self.put(format!("{up}.bias"), bias);
        Ok(())
    }

    /// Splits the first convolution, whose norm was folded, into that over the picture and that over the planes.
    fn planes(&mut self, sizes: &Sizes) -> Result<()> {
        const NAME: &str = "enc1.conv.0.weight";
        let weight = self.folded.remove(NAME).expect("its norm was folded");
        let over_picture = weight.narrow(1, 0, sizes.channels)?.contiguous()?;
        let over_planes = weight.narrow(1, sizes.channels, sizes.embedding_size)?;
        // Which of the kernel's three rows (or columns) lie on the picture at its first, its others and its last.
        const INSIDE: [[usize; 2]; 3] = [[1, 2], [0, 3], [0, 2]];
        let mut sums = Vec::with_capacity(9);
        for [row, rows] in INSIDE {
            for [column, columns] in INSIDE {
                sums.push(over_planes.narrow(2, row, rows)?.narrow(3, column, columns)?.sum((2, 3))?);
            }
        }
        // [out, 9, embedding]
        let planes = Tensor::stack(&sums, 1)?.flatten(0, 1)?;
        self.put(NAME.into(), over_picture);
        self.put("enc1.planes.weight".into(), planes);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nn::Train;

    #[test]
    fn predicts_the_same() {
        for conditioning in [Conditioning::Input, Conditioning::EveryBlock] {
            let sizes = Sizes {
                channels: 3,
                base_channels: 3,
                embedding_size: 5,
                hidden: 4,
                conditioning,
                ..Default::default()
            };
            let params = Params::new(DType::F32, &Device::Cpu, Random::new(1, 0));
            let network = Denoiser::new(params.root().sub("inside"), sizes).unwrap();
            let x = Tensor::from_vec(Random::new(3, 0).normals(2 * 3 * 16 * 32), (2, 3, 16, 32), &Device::Cpu).unwrap();
            let ints = |values: [i64; 2]| Tensor::new(&values, &Device::Cpu).unwrap();
            let (t, label) = (ints([10, 900]), ints([0, 9]));
            // Statistics other than the initial ones.
            let mut random = Random::new(4, 0);
            let mut pass = Train::new(&mut random);
            network.forward(&x, &t, &label, &mut pass).unwrap();
            pass.store_statistics().unwrap();
            let expected = network.forward(&x, &t, &label, &mut Eval).unwrap();
            let found = Folded::of(&network).unwrap().forward(&x, &t, &label).unwrap();
            let difference = (found - expected).unwrap().abs().unwrap().max_all().unwrap();
            let difference = difference.to_scalar::<f32>().unwrap();
            assert!(difference < 1e-5, "{conditioning:?} {difference}");
        }
    }
}
