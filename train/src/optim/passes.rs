//! Element-wise updates in place: one pass over memory on the CPU, tensor operations on other devices.

use std::cell::Cell;

use candle_core::{CpuStorage, InplaceOp1, InplaceOp2, InplaceOp3, Layout, Tensor, Var, bail};

use crate::Result;
use easel_kernels::gradients::Float;

/// `to = of(to, a)` at every element.
pub(super) trait Pass2 {
    /// The name in messages.
    const NAME: &'static str;

    /// The new value of one element.
    fn element<T: Float>(&self, to: T, a: T) -> T;

    /// The same by tensor operations: for any device.
    fn plain(&self, to: &Tensor, a: &Tensor) -> candle_core::Result<Tensor>;

    /// Updates a variable. The tensors are dense and of one type, float32 or float64.
    fn run(&self, to: &Var, a: &Tensor) -> Result<()>
    where
        Self: Sized,
    {
        match to.device().is_cpu() {
            true => Ok(to.inplace_op2(a, &Fused(self))?),
            false => Ok(to.set(&self.plain(&to.as_detached_tensor(), &a.detach())?)?),
        }
    }
}

/// `to = of(to, a, b)` at every element.
pub(super) trait Pass3 {
    /// The name in messages.
    const NAME: &'static str;

    /// The new value of one element.
    fn element<T: Float>(&self, to: T, a: T, b: T) -> T;

    /// The same by tensor operations: for any device.
    fn plain(&self, to: &Tensor, a: &Tensor, b: &Tensor) -> candle_core::Result<Tensor>;

    /// Updates a variable. The tensors are dense and of one type, float32 or float64.
    fn run(&self, to: &Var, a: &Tensor, b: &Tensor) -> Result<()>
    where
        Self: Sized,
    {
        match to.device().is_cpu() {
            true => Ok(to.inplace_op3(a, b, &Fused(self))?),
            false => Ok(to.set(&self.plain(&to.as_detached_tensor(), &a.detach(), &b.detach())?)?),
        }
    }
}

struct Fused<'a, P>(&'a P);

impl<P: Pass2> InplaceOp2 for Fused<'_, P> {
    fn name(&self) -> &'static str {
        P::NAME
    }

    fn cpu_fwd(&self, to: &mut CpuStorage, to_at: &Layout, a: &CpuStorage, a_at: &Layout) -> candle_core::Result<()> {
        macro_rules! run {
            ($to:expr, $a:expr) => {{
                let pairs = elements_mut($to, to_at)?.iter_mut().zip(elements($a, a_at)?);
                pairs.for_each(|(to, a)| *to = self.0.element(*to, *a));
            }};
        }
        match (to, a) {
            (CpuStorage::F32(to), CpuStorage::F32(a)) => run!(to, a),
            (CpuStorage::F64(to), CpuStorage::F64(a)) => run!(to, a),
            _ => bail!("{}: float32 or float64 tensors of one type are needed", P::NAME),
        }
        Ok(())
    }
}

impl<P: Pass3> InplaceOp3 for Fused<'_, P> {
    fn name(&self) -> &'static str {
        P::NAME
    }

    fn cpu_fwd(
        &self,
        to: &mut CpuStorage,
        to_at: &Layout,
        a: &CpuStorage,
        a_at: &Layout,
        b: &CpuStorage,
        b_at: &Layout,
    ) -> candle_core::Result<()> {
        macro_rules! run {
            ($to:expr, $a:expr, $b:expr) => {{
                let others = elements($a, a_at)?.iter().zip(elements($b, b_at)?);
                let all = elements_mut($to, to_at)?.iter_mut().zip(others);
                all.for_each(|(to, (a, b))| *to = self.0.element(*to, *a, *b));
            }};
        }
        match (to, a, b) {
            (CpuStorage::F32(to), CpuStorage::F32(a), CpuStorage::F32(b)) => run!(to, a, b),
            (CpuStorage::F64(to), CpuStorage::F64(a), CpuStorage::F64(b)) => run!(to, a, b),
            _ => bail!("{}: float32 or float64 tensors of one type are needed", P::NAME),
        }
        Ok(())
    }
}

fn range(layout: &Layout) -> candle_core::Result<(usize, usize)> {
    match layout.contiguous_offsets() {
        Some(range) => Ok(range),
        None => bail!("the optimiser needs dense tensors"),
    }
}

pub(super) fn elements<'a, T>(values: &'a [T], layout: &Layout) -> candle_core::Result<&'a [T]> {
    let (start, end) = range(layout)?;
    Ok(&values[start..end])
}

pub(super) fn elements_mut<'a, T>(values: &'a mut [T], layout: &Layout) -> candle_core::Result<&'a mut [T]> {
    let (start, end) = range(layout)?;
    Ok(&mut values[start..end])
}

/// Calls `work` with a variable's storage on the CPU.
pub(super) fn change(
    variable: &Var,
    work: impl FnOnce(&mut CpuStorage, &Layout) -> candle_core::Result<()>,
) -> candle_core::Result<()> {
    struct Change<F>(Cell<Option<F>>);

    impl<F: FnOnce(&mut CpuStorage, &Layout) -> candle_core::Result<()>> InplaceOp1 for Change<F> {
        fn name(&self) -> &'static str {
            "change"
        }

        fn cpu_fwd(&self, storage: &mut CpuStorage, layout: &Layout) -> candle_core::Result<()> {
            let work = self.0.take().expect("it is called once");
            work(storage, layout)
        }
    }

    variable.inplace_op1(&Change(Cell::new(Some(work))))
}

/// `to = decay to + (1 - decay) a`.
pub(super) struct MovingMean {
    pub decay: f64,
}

impl Pass2 for MovingMean {
    const NAME: &'static str = "moving-mean";

    fn element<T: Float>(&self, to: T, a: T) -> T {
        T::from_f64(self.decay) * to + T::from_f64(1.0 - self.decay) * a
    }

    fn plain(&self, to: &Tensor, a: &Tensor) -> candle_core::Result<Tensor> {
        (to * self.decay)? + (a * (1.0 - self.decay))?
    }
}

/// `to = decay to + (1 - decay) a^2`.
pub(super) struct MovingSquare {
    pub decay: f64,
}

impl Pass2 for MovingSquare {
    const NAME: &'static str = "moving-square";

    fn element<T: Float>(&self, to: T, a: T) -> T {
        T::from_f64(self.decay) * to + T::from_f64(1.0 - self.decay) * (a * a)
    }

    fn plain(&self, to: &Tensor, a: &Tensor) -> candle_core::Result<Tensor> {
        (to * self.decay)? + (a.sqr()? * (1.0 - self.decay))?
    }
}

/// `to = max(to, a)`.
pub(super) struct Largest;

impl Pass2 for Largest {
    const NAME: &'static str = "largest";

    fn element<T: Float>(&self, to: T, a: T) -> T {
        if to >= a { to } else { a }
    }

    fn plain(&self, to: &Tensor, a: &Tensor) -> candle_core::Result<Tensor> {
        to.maximum(a)
    }
}

/// Compares the fused and the plain form of a pass on the CPU.
#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use candle_core::Device;

    fn tensor(scale: f64) -> Tensor {
        let values: Vec<f64> = (0..50).map(|i| scale * (0.1 + (f64::from(i) * 0.7 + scale).sin().abs())).collect();
        Tensor::new(values, &Device::Cpu).unwrap()
    }

    fn assert_equal(fused: &Var, plain: &Tensor) {
        let difference = (fused.as_detached_tensor() - plain).unwrap().abs().unwrap().max(0).unwrap();
        assert!(difference.to_scalar::<f64>().unwrap() < 1e-14);
    }

    pub(in crate::optim) fn assert_same2(pass: impl Pass2) {
        let (to, a) = (tensor(0.5), tensor(0.3));
        let fused = Var::from_tensor(&to).unwrap();
        pass.run(&fused, &a).unwrap();
        assert_equal(&fused, &pass.plain(&to, &a).unwrap());
    }

    pub(in crate::optim) fn assert_same3(pass: impl Pass3) {
        let (to, a, b) = (tensor(0.5), tensor(0.3), tensor(0.2));
        let fused = Var::from_tensor(&to).unwrap();
        pass.run(&fused, &a, &b).unwrap();
        assert_equal(&fused, &pass.plain(&to, &a, &b).unwrap());
    }

    #[test]
    fn fused_equals_plain() {
        assert_same2(MovingMean { decay: 0.9 });
        assert_same2(MovingSquare { decay: 0.99 });
        assert_same2(Largest);
    }
}
