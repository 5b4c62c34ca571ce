//! Instance norm and batch norm by the statistics of their input.

use std::any::Any;
use std::sync::{Arc, OnceLock};

use candle_core::{CpuStorage, CustomOp3, Layout, Shape, Tensor};

use super::activation::{leaky_relu, masked};
use super::channels::per_channel;
use super::{if_tracked, keeps_graph, on_floats};
use crate::Result;
use easel_kernels::gradients::Float;
pub use easel_kernels::gradients::norm::Over;
use easel_kernels::gradients::norm::{self as kernel, NormShape, Statistics, Then};

/// `(x - mean) / sqrt(variance + epsilon) * weight + bias` of x `[batch, channel, height, width]`, with weight and bias
/// `[channel]`. The variance is the biased one. Comes with the means and variances, one a group in [`Over`]'s order,
/// which have no gradient.
pub fn normalise(
    x: &Tensor,
    weight: &Tensor,
    bias: &Tensor,
    epsilon: f64,
    over: Over,
) -> Result<(Tensor, [Tensor; 2])> {
    normalise_activated(x, weight, bias, epsilon, over, None)
}

/// [`normalise`], then [`leaky_relu`] with this slope, if there is one: in one pass, and without a copy of what it is
/// applied to.
pub fn normalise_activated(
    x: &Tensor,
    weight: &Tensor,
    bias: &Tensor,
    epsilon: f64,
    over: Over,
    slope: Option<f64>,
) -> Result<(Tensor, [Tensor; 2])> {
    let (batch, channels, height, width) = x.dims4()?;
    if !x.device().is_cpu() {
        let (output, statistics) = plain(x, weight, bias, epsilon, over)?;
        let output = slope.map_or_else(|| Ok(output.clone()), |slope| leaky_relu(&output, slope))?;
        return Ok((output, statistics));
    }
    let shape = NormShape { batch, channels, plane: height * width, over };
    let statistics = Arc::new(OnceLock::new());
    let norm = Norm { shape, epsilon, slope, statistics: statistics.clone() };
    let output = x.contiguous()?.apply_op3(&weight.contiguous()?, &bias.contiguous()?, norm)?;
    let found = statistics.get().expect("the forward pass is over");
    let column = |index: usize| -> candle_core::Result<Tensor> {
        if let Some(statistics) = found.downcast_ref::<Statistics<f32>>() {
            let values: Vec<f32> = statistics.moments.iter().map(|moments| moments[index]).collect();
            return Tensor::new(values, x.device());
        }
        let statistics = found.downcast_ref::<Statistics<f64>>().expect("norms are of float32 or float64");
        let values: Vec<f64> = statistics.moments.iter().map(|moments| moments[index]).collect();
        Tensor::new(values, x.device())
    };
    Ok((output, [column(0)?, column(1)?]))
}

type Found = Arc<OnceLock<Box<dyn Any + Send + Sync>>>;

struct Norm {
    shape: NormShape,
    epsilon: f64,
    /// That of the activation.
    slope: Option<f64>,
    statistics: Found,
}

impl CustomOp3 for Norm {
    fn name(&self) -> &'static str {
        "norm"
    }

    fn cpu_fwd(
        &self,
        x: &CpuStorage,
        x_layout: &Layout,
        w: &CpuStorage,
        w_layout: &Layout,
        b: &CpuStorage,
        b_layout: &Layout,
    ) -> candle_core::Result<(CpuStorage, Shape)> {
        let result = on_floats!(self.name(), [x = (x, x_layout), w = (w, w_layout), b = (b, b_layout)], {
            if w.len() != self.shape.channels || b.len() != self.shape.channels {
                candle_core::bail!("a norm of {} channels on {}", w.len(), self.shape.channels);
            }
            let statistics = kernel::statistics(&self.shape, x, self.epsilon);
            let output = kernel::forward(&self.shape, x, &statistics, &self.then(w, b));
            // One forward pass belongs to one node, so this is set once.
            let _ = self.statistics.set(Box::new(statistics));
            output
        });
        Ok((result, x_layout.shape().clone()))
    }

    fn bwd(
        &self,
        x: &Tensor,
        w: &Tensor,
        b: &Tensor,
        y: &Tensor,
        gradient: &Tensor,
    ) -> candle_core::Result<(Option<Tensor>, Option<Tensor>, Option<Tensor>)> {
        let [of_x, of_w, of_b] = if keeps_graph() {
            let gradient = match self.slope {
                Some(slope) => masked(gradient, y, slope)?,
                None => gradient.clone(),
            };
            plain_gradients(x, w, &gradient, self.epsilon, self.shape.over)?
        } else {
            self.gradients(x, w, b, gradient)?
        };
        Ok((if_tracked(x, || Ok(of_x))?, if_tracked(w, || Ok(of_w))?, if_tracked(b, || Ok(of_b))?))
    }
}

impl Norm {
    fn then<'a, T: Float>(&self, weight: &'a [T], bias: &'a [T]) -> Then<'a, T> {
        Then { weight, bias, slope: T::from_f64(self.slope.unwrap_or(1.0)) }
    }

    /// All three at once, without a graph.
    fn gradients(&self, x: &Tensor, w: &Tensor, b: &Tensor, gradient: &Tensor) -> candle_core::Result<[Tensor; 3]> {
        let gradient = gradient.contiguous()?;
        let (x_storage, x_layout) = x.storage_and_layout();
        let (w_storage, w_layout) = w.storage_and_layout();
        let (b_storage, b_layout) = b.storage_and_layout();
        let (g_storage, g_layout) = gradient.storage_and_layout();
        let found = self.statistics.get().expect("the forward pass came before");
        use candle_core::Storage::Cpu;
        let (Cpu(x_cpu), Cpu(w_cpu), Cpu(b_cpu), Cpu(g_cpu)) = (&*x_storage, &*w_storage, &*b_storage, &*g_storage)
        else {
            candle_core::bail!("the norm's kernel is for the CPU");
        };
        macro_rules! on {
            ($float:ty, $x:expr, $w:expr, $b:expr, $g:expr) => {{
                let statistics = found.downcast_ref::<Statistics<$float>>().expect("one type forth and back");
                let then = self.then(super::dense($w, w_layout)?, super::dense($b, b_layout)?);
                let (x_values, g_values) = (super::dense($x, x_layout)?, super::dense($g, g_layout)?);
                let [of_x, of_w, of_b] = kernel::backward(&self.shape, x_values, statistics, &then, g_values);
                Ok([
                    Tensor::from_vec(of_x, x.shape(), x.device())?,
                    Tensor::from_vec(of_w, w.shape(), w.device())?,
                    Tensor::from_vec(of_b, w.shape(), w.device())?,
                ])
            }};
        }
        use CpuStorage::{F32, F64};
        match (x_cpu, w_cpu, b_cpu, g_cpu) {
            (F32(x), F32(w), F32(b), F32(g)) => on!(f32, x, w, b, g),
            (F64(x), F64(w), F64(b), F64(g)) => on!(f64, x, w, b, g),
            _ => candle_core::bail!("{}: float32 or float64 tensors of one type are needed", self.name()),
        }
    }
}

fn mean_over(x: &Tensor, over: Over) -> candle_core::Result<Tensor> {
    match over {
        Over::Picture => x.mean_keepdim((2, 3)),
        Over::Batch => x.mean_keepdim((0, 2, 3)),
    }
}

fn plain(x: &Tensor, weight: &Tensor, bias: &Tensor, epsilon: f64, over: Over) -> Result<(Tensor, [Tensor; 2])> {
    let mean = mean_over(x, over)?;
    let centred = x.broadcast_sub(&mean)?;
    let variance = mean_over(&centred.sqr()?, over)?;
    let normal = centred.broadcast_div(&(&variance + epsilon)?.sqrt()?)?;
    let output = normal.broadcast_mul(&per_channel(weight)?)?.broadcast_add(&per_channel(bias)?)?;
    Ok((output, [mean.flatten_all()?.detach(), variance.flatten_all()?.detach()]))
}

/// The gradients of input, weight and bias by operations that have gradients themselves.
fn plain_gradients(
    x: &Tensor,
    weight: &Tensor,
    gradient: &Tensor,
    epsilon: f64,
    over: Over,
) -> candle_core::Result<[Tensor; 3]> {
    let centred = x.broadcast_sub(&mean_over(x, over)?)?;
    let deviation = (mean_over(&centred.sqr()?, over)? + epsilon)?.sqrt()?;
    let y = centred.broadcast_div(&deviation)?;
    let h = gradient.broadcast_mul(&per_channel(weight)?)?;
    let spread = y.broadcast_mul(&mean_over(&(&h * &y)?, over)?)?;
    let of_x = (h.broadcast_sub(&mean_over(&h, over)?)? - spread)?.broadcast_div(&deviation)?;
    Ok([of_x, (gradient * &y)?.sum((0, 2, 3))?, gradient.sum((0, 2, 3))?])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::finite_differences::{assert_same, check, normal};

    #[test]
    fn derivatives() {
        let arguments = [normal(&[2, 3, 2, 3], 1), normal(&[3], 2), normal(&[3], 3)];
        for over in [Over::Picture, Over::Batch] {
            let run = |t: &[Tensor]| Ok(normalise(&t[0], &t[1], &t[2], 1e-3, over)?.0);
            check(&arguments, run);
            assert_same(&arguments, run, |t| Ok(plain(&t[0], &t[1], &t[2], 1e-3, over)?.0));
            for slope in [0.0, 0.2] {
                let run = |t: &[Tensor]| Ok(normalise_activated(&t[0], &t[1], &t[2], 1e-3, over, Some(slope))?.0);
                check(&arguments, run);
                assert_same(&arguments, run, |t| leaky_relu(&plain(&t[0], &t[1], &t[2], 1e-3, over)?.0, slope));
            }
        }
    }

    #[test]
    fn statistics_come_out() {
        let x = normal(&[4, 3, 5, 5], 1);
        let (weight, bias) = (normal(&[3], 2), normal(&[3], 3));
        for over in [Over::Picture, Over::Batch] {
            let (_, fast) = normalise(&x, &weight, &bias, 1e-5, over).unwrap();
            let (_, plain) = plain(&x, &weight, &bias, 1e-5, over).unwrap();
            for (fast, plain) in fast.iter().zip(&plain) {
                let difference = (fast - plain).unwrap().abs().unwrap().max(0).unwrap().to_scalar::<f64>().unwrap();
                assert!(difference < 1e-12, "{over:?}: {difference}");
            }
        }
    }
}
