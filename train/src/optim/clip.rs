//! Gradient clipping.

use candle_core::backprop::GradStore;
use candle_core::{CpuStorage, DType, Storage, Tensor};

use crate::{Error, Param, Result};

/// Scales the gradients of these parameters so that their norm, taken over all of them as one vector, is at most
/// `largest`. Gives the norm before clipping (Pascanu et al. 2012, arXiv 1211.5063).
///
/// The factor is `min(1, largest / (norm + 1e-6))`, as in PyTorch. Fails without changes where a gradient is NaN or
/// infinite; the error names its parameter.
pub fn by_norm(gradients: &mut GradStore, params: &[Param], largest: f64) -> Result<f64> {
    if largest <= 0.0 || largest.is_nan() {
        return Err(Error::Config(format!("the norm to clip gradients to is {largest}; give a number above 0")));
    }
    let mut squares = 0.0;
    for param in params {
        let Some(gradient) = gradients.get(param.var()) else { continue };
        let square = sum_of_squares(&gradient.detach())?;
        if !square.is_finite() {
            return Err(Error::Run(format!("the gradient of `{}` is not finite", param.name())));
        }
        squares += square;
    }
    let norm = squares.sqrt();
    let factor = largest / (norm + 1e-6);
    if factor < 1.0 {
        map_gradients(gradients, params, |gradient| gradient * factor)?;
    }
    Ok(norm)
}

/// Clamps every element of the gradients of these parameters to [-largest, largest]. NaN stays NaN.
pub fn by_value(gradients: &mut GradStore, params: &[Param], largest: f64) -> Result<()> {
    if largest <= 0.0 || largest.is_nan() {
        return Err(Error::Config(format!("the value to clip gradients to is {largest}; give a number above 0")));
    }
    map_gradients(gradients, params, |gradient| gradient.clamp(-largest, largest))
}

fn map_gradients(
    gradients: &mut GradStore,
    params: &[Param],
    to: impl Fn(&Tensor) -> candle_core::Result<Tensor>,
) -> Result<()> {
    for param in params {
        if let Some(gradient) = gradients.remove(param.var()) {
            gradients.insert(param.var(), to(&gradient.detach())?);
        }
    }
    Ok(())
}

/// The sum of squares, on the CPU in float64 and in one pass.
fn sum_of_squares(tensor: &Tensor) -> Result<f64> {
    let tensor = tensor.contiguous()?;
    {
        let (storage, layout) = tensor.storage_and_layout();
        if let (Storage::Cpu(storage), Some((start, end))) = (&*storage, layout.contiguous_offsets()) {
            match storage {
                CpuStorage::F32(values) => {
                    return Ok(values[start..end].iter().map(|value| f64::from(*value).powi(2)).sum());
                }
                CpuStorage::F64(values) => return Ok(values[start..end].iter().map(|value| value * value).sum()),
                _ => {}
            }
        }
    }
    Ok(tensor.to_dtype(DType::F64)?.sqr()?.sum_all()?.to_scalar()?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Params;
    use crate::param::Init;
    use candle_core::Device;
    use easel_runtime::Random;

    /// Parameters `a` and `b` whose gradients are 3 and 4 times these factors, and `c` without one.
    fn case(factors: [f32; 2]) -> (Vec<Param>, GradStore) {
        let params = Params::new(DType::F32, &Device::Cpu, Random::new(1, 0));
        let all = ["a", "b", "c"].map(|name| params.root().trained(name, &[1], Init::Constant(1.0)).unwrap());
        let factor = |value: f32| Tensor::new(&[value], &Device::Cpu).unwrap();
        let a = (all[0].tensor() * factor(3.0 * factors[0])).unwrap();
        let b = (all[1].tensor() * factor(4.0 * factors[1])).unwrap();
        let gradients = (a + b).unwrap().sum_all().unwrap().backward().unwrap();
        (all.to_vec(), gradients)
    }

    fn values(params: &[Param], gradients: &GradStore) -> Vec<f32> {
        params.iter().filter_map(|param| Some(gradients.get(param.var())?.to_vec1::<f32>().unwrap()[0])).collect()
    }

    #[test]
    fn the_norm_is_over_all_parameters() {
        let (params, mut gradients) = case([1.0, -1.0]);
        assert_eq!(by_norm(&mut gradients, &params, 6.0).unwrap(), 5.0);
        assert_eq!(values(&params, &gradients), [3.0, -4.0]);
        assert_eq!(by_norm(&mut gradients, &params, 1.0).unwrap(), 5.0);
        for (found, expected) in values(&params, &gradients).iter().zip([0.6, -0.8]) {
            assert!((found - expected).abs() < 1e-6, "{found} {expected}");
        }
    }

    #[test]
    fn what_is_not_finite_is_named() {
        for bad in [f32::NAN, f32::INFINITY] {
            let (params, mut gradients) = case([1.0, bad]);
            let error = by_norm(&mut gradients, &params, 1.0).unwrap_err().to_string();
            assert!(error.contains("`b` is not finite"), "{error}");
            assert_eq!(values(&params, &gradients)[0], 3.0);
        }
    }

    #[test]
    fn values_are_clamped() {
        let (params, mut gradients) = case([1.0, -1.0]);
        by_value(&mut gradients, &params, 3.5).unwrap();
        assert_eq!(values(&params, &gradients), [3.0, -3.5]);
    }
}
