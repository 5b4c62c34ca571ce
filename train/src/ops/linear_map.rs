//! Linear maps of one tensor. The gradient of a map is its adjoint and the reverse, so one definition gives derivatives
//! of all orders.

use std::sync::Arc;

use candle_core::{CpuStorage, CustomOp1, Layout, Shape, Tensor};

use super::on_floats;
use easel_kernels::gradients::Float;

/// A linear map by its kernel and its adjoint's.
pub(super) trait LinearMap: Send + Sync + 'static {
    /// The map's name in messages.
    const NAME: &'static str;
    /// The argument's dimensions.
    fn input_dims(&self) -> Vec<usize>;
    /// The result's dimensions.
    fn output_dims(&self) -> Vec<usize>;
    /// The map.
    fn forward<T: Float>(&self, input: &[T]) -> Vec<T>;
    /// Its adjoint.
    fn adjoint<T: Float>(&self, output: &[T]) -> Vec<T>;
}

/// Applies a linear map to a tensor on the CPU.
pub(super) fn apply<M: LinearMap>(map: Arc<M>, x: &Tensor) -> candle_core::Result<Tensor> {
    debug_assert_eq!(x.dims(), map.input_dims());
    x.contiguous()?.apply_op1(Forward(map))
}

/// Applies the adjoint of a linear map to a tensor on the CPU.
pub(super) fn apply_adjoint<M: LinearMap>(map: Arc<M>, x: &Tensor) -> candle_core::Result<Tensor> {
    debug_assert_eq!(x.dims(), map.output_dims());
    x.contiguous()?.apply_op1(Adjoint(map))
}

struct Forward<M>(Arc<M>);
struct Adjoint<M>(Arc<M>);

impl<M: LinearMap> CustomOp1 for Forward<M> {
    fn name(&self) -> &'static str {
        M::NAME
    }

    fn cpu_fwd(&self, storage: &CpuStorage, layout: &Layout) -> candle_core::Result<(CpuStorage, Shape)> {
        let result = on_floats!(M::NAME, [x = (storage, layout)], self.0.forward(x));
        Ok((result, self.0.output_dims().into()))
    }

    fn bwd(&self, _: &Tensor, _: &Tensor, gradient: &Tensor) -> candle_core::Result<Option<Tensor>> {
        apply_adjoint(self.0.clone(), gradient).map(Some)
    }
}

impl<M: LinearMap> CustomOp1 for Adjoint<M> {
    fn name(&self) -> &'static str {
        M::NAME
    }

    fn cpu_fwd(&self, storage: &CpuStorage, layout: &Layout) -> candle_core::Result<(CpuStorage, Shape)> {
        let result = on_floats!(M::NAME, [x = (storage, layout)], self.0.adjoint(x));
        Ok((result, self.0.input_dims().into()))
    }

    fn bwd(&self, _: &Tensor, _: &Tensor, gradient: &Tensor) -> candle_core::Result<Option<Tensor>> {
        apply(self.0.clone(), gradient).map(Some)
    }
}
