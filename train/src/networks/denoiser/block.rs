//! The denoiser's block.

use crate::nn::{BatchNorm2d, BatchNorm2dOptions, Conv2d, Linear, LinearOptions, Pass};
use crate::param::Scope;
use crate::value::Conv2dConfig;
use crate::{Result, Value};

/// How the condition `[batch, embedding_size]`, the embedded timestep and label, enters a block.
#[derive(Debug, Clone)]
pub enum BlockConditioning {
    /// It does not.
    None,
    /// The first norm's output x becomes `x (1 + scale) + shift`, both linear in the condition.
    ScaleAndShift([Linear; 2]),
    /// Adds the first convolution's output for constant planes of the condition. It is linear in the condition and
    /// constant except along the edges, where the zero padding begins: `[outputs * 3 * 3]`, for the first, the inner and
    /// the last row, and likewise for the columns.
    Planes(Linear),
}

/// A 3x3 convolution, batch norm and ReLU, twice.
#[derive(Debug, Clone)]
pub struct Block {
    pub(super) convs: [Conv2d; 2],
    pub(super) norms: Option<[BatchNorm2d; 2]>,
    pub(super) conditioning: BlockConditioning,
    width: usize,
}

impl Block {
    /// Parameters `conv.{0, 1, 3, 4}` and, where a condition of `embedding` elements enters it, `scale` and `shift`.
    pub fn new(scope: Scope, inputs: usize, outputs: usize, embedding: Option<usize>) -> Result<Self> {
        let layers = scope.sub("conv");
        let norm = |number: usize| BatchNorm2d::new(layers.sub(number), outputs, BatchNorm2dOptions::default());
        let convs = [conv(&scope, 0, inputs, outputs)?, conv(&scope, 3, outputs, outputs)?];
        let norms = Some([norm(1)?, norm(4)?]);
        let conditioning =
            embedding.map_or(Ok(BlockConditioning::None), |embedding| scale_and_shift(&scope, embedding, outputs))?;
        Ok(Self { convs, norms, conditioning, width: outputs })
    }

    /// The same with the norms folded into the convolutions: parameters `conv.{0, 3}`, `scale` and `shift`.
    pub fn folded(scope: Scope, inputs: usize, outputs: usize, embedding: Option<usize>) -> Result<Self> {
        let convs = [conv(&scope, 0, inputs, outputs)?, conv(&scope, 3, outputs, outputs)?];
        let conditioning =
            embedding.map_or(Ok(BlockConditioning::None), |embedding| scale_and_shift(&scope, embedding, outputs))?;
        Ok(Self { convs, norms: None, conditioning, width: outputs })
    }

    /// The same for a block whose input had planes of a condition as additional channels; a parameter `planes` replaces
    /// them.
    pub fn folded_planes(scope: Scope, inputs: usize, outputs: usize, embedding: usize) -> Result<Self> {
        let planes =
            Linear::new(scope.sub("planes"), embedding, outputs * 9, LinearOptions { init: None, bias: false })?;
        Ok(Self { conditioning: BlockConditioning::Planes(planes), ..Self::folded(scope, inputs, outputs, None)? })
    }

    /// `[batch, inputs, height, width]` to `[batch, outputs, height, width]`.
    pub fn forward<V: Value>(&self, x: &V, condition: &V, pass: &mut impl Pass<V>) -> Result<V> {
        let mut x = self.convs[0].forward(x)?;
        if let BlockConditioning::Planes(planes) = &self.conditioning {
            x = x.add(&planes.forward(condition)?.unflatten([self.width, 3, 3])?.stretch_like(&x)?)?;
        }
        x = match (&self.conditioning, &self.norms) {
            (BlockConditioning::ScaleAndShift([scale, shift]), norms) => {
                if let Some(norms) = norms {
                    x = pass.batch_norm2d(&norms[0], &x)?;
                }
                let by_channel = |layer: &Linear| layer.forward(condition)?.unflatten([self.width, 1, 1]);
                x.mul(&by_channel(scale)?.shift(1.0)?)?.add(&by_channel(shift)?)?.relu()?
            }
            (_, Some(norms)) => pass.batch_norm2d_relu(&norms[0], &x)?,
            (_, None) => x.relu()?,
        };
        match &self.norms {
            Some(norms) => pass.batch_norm2d_relu(&norms[1], &self.convs[1].forward(&x)?),
            None => self.convs[1].forward_relu(&x),
        }
    }
}

fn conv(scope: &Scope, number: usize, inputs: usize, outputs: usize) -> Result<Conv2d> {
    let same = Conv2dConfig { padding: 1, ..Default::default() };
    Conv2d::new(scope.sub("conv").sub(number), inputs, outputs, 3, same)
}

fn scale_and_shift(scope: &Scope, embedding: usize, outputs: usize) -> Result<BlockConditioning> {
    let linear = |name| Linear::new(scope.sub(name), embedding, outputs, LinearOptions::default());
    Ok(BlockConditioning::ScaleAndShift([linear("scale")?, linear("shift")?]))
}
