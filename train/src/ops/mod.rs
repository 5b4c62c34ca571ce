//! Operations with correct first and second derivatives.
//!
//! On the CPU, each is a candle CustomOp over one of the [kernels](easel_kernels::gradients), and its derivative consists of
//! operations of the same family. On other devices, each has a reference implementation of candle's own operations, chosen
//! so that the gradients are correct; the kernels are tested against it.
//!
//! Second derivatives need candle to keep the graph of a gradient: the environment variable
//! `CANDLE_GRAD_DO_NOT_DETACH`, read once by each thread.

pub mod activation;
pub mod bilinear;
pub mod channels;
pub mod conv2d;
pub mod gram;
mod linear_map;
pub mod norm;
pub mod pad2d;
pub mod pool2d;
pub mod resample;

use std::cell::Cell;

use candle_core::{Layout, Tensor, bail};

use crate::{Error, Result};

/// The variable that makes candle keep the graph of a gradient.
pub(crate) const KEEP_GRAPH: &str = "CANDLE_GRAD_DO_NOT_DETACH";

/// Whether gradients of this thread keep their graph. candle reads the variable once in each thread.
pub(crate) fn keeps_graph() -> bool {
    thread_local! {
        static KEPT: bool = std::env::var(KEEP_GRAPH).is_ok_and(|value| !value.is_empty() && value != "0");
    }
    KEPT.with(|kept| *kept)
}

/// Fails unless this thread can differentiate gradients: the second derivative of x^3 at 2 must be 12.
///
/// Call it at the start of a program that needs second derivatives, after setting `CANDLE_GRAD_DO_NOT_DETACH` to 1
/// before the first gradient of the thread.
pub fn check_second_order() -> Result<()> {
    let x = candle_core::Var::new(2f64, &candle_core::Device::Cpu)?;
    let cube = (x.as_tensor() * x.as_tensor())?.mul(&x)?;
    let first = cube.backward()?.remove(&x);
    let second = first.and_then(|first| first.backward().ok()?.get(&x)?.to_scalar::<f64>().ok());
    match second {
        Some(second) if (second - 12.0).abs() < 1e-12 => Ok(()),
        _ => Err(Error::Run(format!(
            "this thread cannot differentiate gradients; use `threads::on_own_threads`, or set {KEEP_GRAPH}=1"
        ))),
    }
}

thread_local! {
    static WITHOUT_WEIGHTS: Cell<bool> = const { Cell::new(false) };
}

/// Runs a backward pass in which convolutions give zeros as the gradients of their weights and biases, which saves time
/// where only the gradient of the input is needed. Second derivatives through it are complete.
pub fn without_weight_gradients<R>(pass: impl FnOnce() -> R) -> R {
    struct Restore(bool);
    impl Drop for Restore {
        fn drop(&mut self) {
            WITHOUT_WEIGHTS.set(self.0);
        }
    }
    let _restore = Restore(WITHOUT_WEIGHTS.replace(true));
    pass()
}

/// The gradient of a convolution's weight or bias, if it needs one.
fn of_weight(
    weight: &Tensor,
    gradient: impl FnOnce() -> candle_core::Result<Tensor>,
) -> candle_core::Result<Option<Tensor>> {
    // Zeros, as candle cannot do without the gradient of a tensor that was computed.
    if_tracked(weight, || if WITHOUT_WEIGHTS.get() { weight.zeros_like() } else { gradient() })
}

/// Whether a tensor takes part in the graph: a variable, or computed from one.
fn is_tracked(tensor: &Tensor) -> bool {
    // `detach` returns the same tensor where it has no graph.
    tensor.detach().id() != tensor.id()
}

/// The gradient of an argument that needs one.
fn if_tracked(
    argument: &Tensor,
    gradient: impl FnOnce() -> candle_core::Result<Tensor>,
) -> candle_core::Result<Option<Tensor>> {
    is_tracked(argument).then(gradient).transpose()
}

/// A dense tensor's elements.
fn dense<'a, T>(values: &'a [T], layout: &Layout) -> candle_core::Result<&'a [T]> {
    match layout.contiguous_offsets() {
        Some((start, end)) => Ok(&values[start..end]),
        None => bail!("a dense tensor is needed, this one has strides {:?}", layout.stride()),
    }
}

/// Runs `$body` on the elements of some CPU storages, which must all be float32 or all float64, and wraps its result.
macro_rules! on_floats {
    ($name:expr, [$($slice:ident = ($storage:expr, $layout:expr)),+], $body:expr) => {
        match ($($storage,)+) {
            ($(candle_core::CpuStorage::F32($slice),)+) => {
                $(let $slice = $crate::ops::dense($slice, $layout)?;)+
                candle_core::CpuStorage::F32($body)
            }
            ($(candle_core::CpuStorage::F64($slice),)+) => {
                $(let $slice = $crate::ops::dense($slice, $layout)?;)+
                candle_core::CpuStorage::F64($body)
            }
            _ => candle_core::bail!("{}: float32 or float64 tensors of one type are needed", $name),
        }
    };
}
use on_floats;

#[cfg(test)]
pub(crate) mod finite_differences;
