//! Activation functions.

use candle_core::{CpuStorage, CustomOp1, CustomOp2, Layout, Shape, Tensor};

use super::{is_tracked, keeps_graph, on_floats};
use crate::Result;
use easel_kernels::gradients::{Float, pointwise};

/// `max(x, 0)`; the derivative at 0 is 0.
pub fn relu(x: &Tensor) -> Result<Tensor> {
    leaky_relu(x, 0.0)
}

/// x where x is positive, else `slope` x; the derivative at 0 is `slope`.
pub fn leaky_relu(x: &Tensor, slope: f64) -> Result<Tensor> {
    if x.device().is_cpu() { Ok(x.contiguous()?.apply_op1(LeakyRelu { slope })?) } else { plain_leaky_relu(x, slope) }
}

/// `1 / (1 + exp(-x))`.
pub fn sigmoid(x: &Tensor) -> Result<Tensor> {
    smooth(x, Smooth::Sigmoid)
}

/// The hyperbolic tangent.
pub fn tanh(x: &Tensor) -> Result<Tensor> {
    smooth(x, Smooth::Tanh)
}

/// `x / (1 + exp(-x))` (Hendrycks and Gimpel 2016, arXiv 1606.08415).
pub fn silu(x: &Tensor) -> Result<Tensor> {
    smooth(x, Smooth::Silu)
}

fn smooth(x: &Tensor, function: Smooth) -> Result<Tensor> {
    if x.device().is_cpu() { Ok(x.contiguous()?.apply_op1(function)?) } else { Ok(function.plain(x)?) }
}

struct LeakyRelu {
    slope: f64,
}

/// The gradient of [`LeakyRelu`]: linear in it, with the sign of x as a mask.
struct Masked {
    slope: f64,
}

impl CustomOp1 for LeakyRelu {
    fn name(&self) -> &'static str {
        "leaky-relu"
    }

    fn cpu_fwd(&self, x: &CpuStorage, layout: &Layout) -> candle_core::Result<(CpuStorage, Shape)> {
        let result = on_floats!(self.name(), [x = (x, layout)], leaky(x, self.slope));
        Ok((result, layout.shape().clone()))
    }

    fn bwd(&self, x: &Tensor, _: &Tensor, gradient: &Tensor) -> candle_core::Result<Option<Tensor>> {
        masked(gradient, x, self.slope).map(Some)
    }
}

impl CustomOp2 for Masked {
    fn name(&self) -> &'static str {
        "leaky-relu-gradient"
    }

    fn cpu_fwd(
        &self,
        gradient: &CpuStorage,
        gradient_layout: &Layout,
        x: &CpuStorage,
        x_layout: &Layout,
    ) -> candle_core::Result<(CpuStorage, Shape)> {
        let result = on_floats!(
            self.name(),
            [gradient = (gradient, gradient_layout), x = (x, x_layout)],
            mask(gradient, x, self.slope)
        );
        Ok((result, x_layout.shape().clone()))
    }

    fn bwd(
        &self,
        _: &Tensor,
        x: &Tensor,
        _: &Tensor,
        gradient: &Tensor,
    ) -> candle_core::Result<(Option<Tensor>, Option<Tensor>)> {
        Ok((Some(masked(gradient, x, self.slope)?), None))
    }
}

fn leaky<T: Float>(x: &[T], slope: f64) -> Vec<T> {
    let slope = T::from_f64(slope);
    pointwise::map(x, |x| if x > T::ZERO { x } else { x * slope })
}

/// The gradient of a [`leaky_relu`], given that of its value, and the argument or anything of its sign.
pub(super) fn masked(gradient: &Tensor, x: &Tensor, slope: f64) -> candle_core::Result<Tensor> {
    gradient.contiguous()?.apply_op2(&x.detach(), Masked { slope })
}

fn mask<T: Float>(gradient: &[T], x: &[T], slope: f64) -> Vec<T> {
    let slope = T::from_f64(slope);
    pointwise::zip(gradient, x, |g, x| if x > T::ZERO { g } else { g * slope })
}

fn plain_leaky_relu(x: &Tensor, slope: f64) -> Result<Tensor> {
    let positive = x.detach().gt(0f64)?.to_dtype(x.dtype())?;
    Ok((x * ((positive * (1.0 - slope))? + slope)?)?)
}

/// A function whose derivative follows from its argument and its value.
#[derive(Debug, Clone, Copy)]
enum Smooth {
    Sigmoid,
    Tanh,
    Silu,
}

impl Smooth {
    fn value<T: Float>(self, x: T) -> T {
        match self {
            Self::Sigmoid => logistic(x),
            Self::Tanh => x.tanh(),
            Self::Silu => x * logistic(x),
        }
    }

    fn derivative<T: Float>(self, x: T, y: T) -> T {
        match self {
            Self::Sigmoid => y * (T::ONE - y),
            Self::Tanh => T::ONE - y * y,
            Self::Silu => {
                let s = logistic(x);
                s + y * (T::ONE - s)
            }
        }
    }

    /// By candle's operations. The logistic function goes by the hyperbolic tangent: an exponential would overflow, and
    /// its gradient with it.
    fn plain(self, x: &Tensor) -> candle_core::Result<Tensor> {
        let sigmoid = || (x * 0.5)?.tanh()?.affine(0.5, 0.5);
        match self {
            Self::Sigmoid => sigmoid(),
            Self::Tanh => x.tanh(),
            Self::Silu => x * sigmoid()?,
        }
    }

    /// The derivative by candle's operations, for gradients that are differentiated again.
    fn plain_derivative(self, x: &Tensor, y: &Tensor) -> candle_core::Result<Tensor> {
        match self {
            Self::Sigmoid => y * (1.0 - y)?,
            Self::Tanh => 1.0 - y.sqr()?,
            Self::Silu => {
                let s = Self::Sigmoid.plain(x)?;
                &s + (y * (1.0 - &s)?)?
            }
        }
    }
}

fn logistic<T: Float>(x: T) -> T {
    T::ONE / (T::ONE + (-x).exp())
}

impl CustomOp1 for Smooth {
    fn name(&self) -> &'static str {
        match self {
            Self::Sigmoid => "sigmoid",
            Self::Tanh => "tanh",
            Self::Silu => "silu",
        }
    }

    fn cpu_fwd(&self, x: &CpuStorage, layout: &Layout) -> candle_core::Result<(CpuStorage, Shape)> {
        let result = on_floats!(self.name(), [x = (x, layout)], pointwise::map(x, |x| self.value(x)));
        Ok((result, layout.shape().clone()))
    }

    fn bwd(&self, x: &Tensor, y: &Tensor, gradient: &Tensor) -> candle_core::Result<Option<Tensor>> {
        if keeps_graph() && is_tracked(x) {
            return (gradient * self.plain_derivative(x, y)?).map(Some);
        }
        let slope = x.detach().apply_op2_no_bwd(&y.detach(), &Slope(*self))?;
        (gradient * slope).map(Some)
    }
}

/// The derivative at every element, from argument and value.
struct Slope(Smooth);

impl CustomOp2 for Slope {
    fn name(&self) -> &'static str {
        "slope"
    }

    fn cpu_fwd(
        &self,
        x: &CpuStorage,
        x_layout: &Layout,
        y: &CpuStorage,
        y_layout: &Layout,
    ) -> candle_core::Result<(CpuStorage, Shape)> {
        let result = on_floats!(
            self.name(),
            [x = (x, x_layout), y = (y, y_layout)],
            pointwise::zip(x, y, |x, y| self.0.derivative(x, y))
        );
        Ok((result, x_layout.shape().clone()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::finite_differences::{assert_same, check, normal};
    use candle_core::{Device, Var};

    #[test]
    fn derivatives() {
        let x = [normal(&[3, 4], 1)];
        check(&x, |t| relu(&t[0]));
        check(&x, |t| leaky_relu(&t[0], 0.2));
        assert_same(&x, |t| leaky_relu(&t[0], 0.2), |t| plain_leaky_relu(&t[0], 0.2));
        for function in [Smooth::Sigmoid, Smooth::Tanh, Smooth::Silu] {
            check(&x, |t| smooth(&t[0], function));
            assert_same(&x, |t| smooth(&t[0], function), |t| Ok(function.plain(&t[0])?));
        }
    }

    #[test]
    fn the_kink_is_pytorchs() {
        let slope_at_0 = |function: &dyn Fn(&Tensor) -> Result<Tensor>| {
            let x = Var::new(&[0f32], &Device::Cpu).unwrap();
            let gradients = function(&x).unwrap().backward().unwrap();
            gradients.get(&x).unwrap().to_vec1::<f32>().unwrap()[0]
        };
        assert_eq!(slope_at_0(&relu), 0.0);
        assert_eq!(slope_at_0(&|x| leaky_relu(x, 0.2)), 0.2);
    }

    #[test]
    fn gradients_vanish_far_out() {
        for function in [Smooth::Sigmoid, Smooth::Tanh] {
            for form in [|f: Smooth, x: &Tensor| smooth(x, f), |f: Smooth, x: &Tensor| Ok(f.plain(x)?)] {
                let x = Var::new(&[-1e4f32, -100.0, 100.0, 1e4], &Device::Cpu).unwrap();
                let gradients = form(function, &x).unwrap().backward().unwrap();
                assert_eq!(gradients.get(&x).unwrap().to_vec1::<f32>().unwrap(), [0.0; 4], "{function:?}");
            }
        }
    }

    #[test]
    fn nothing_overflows() {
        let ends = Tensor::new(&[-1e4f32, 0.0, 1e4], &Device::Cpu).unwrap();
        let values = |result: Result<Tensor>| result.unwrap().to_vec1::<f32>().unwrap();
        assert_eq!(values(sigmoid(&ends)), [0.0, 0.5, 1.0]);
        assert_eq!(values(tanh(&ends)), [-1.0, 0.0, 1.0]);
        assert_eq!(values(silu(&ends)), [0.0, 0.0, 1e4]);
    }
}
