//! The proof that a file computes what the network computes.

use std::path::Path;

use candle_core::{DType, Tensor};
use easel_native::{EngineOptions, OrtEngine};
use easel_runtime::card::Verification;
use easel_runtime::{Device, ModelCard, golden};
use easel_train::Weights;

use crate::models::{self, Exportable};
use crate::{Error, Result};

/// The largest difference that an export may show, as a part of the outputs' unit.
pub const TOLERANCE: f64 = 1e-4;

/// ONNX Runtime with the model and one thread, so that what it gives repeats.
pub(crate) fn engine(model: &[u8], library: Option<&Path>) -> Result<OrtEngine> {
    let options = EngineOptions { library: library.map(Path::to_path_buf), device: Device::Cpu, threads: Some(1) };
    Ok(OrtEngine::load(model, &options)?)
}

/// Runs a model file in ONNX Runtime and the network in candle on the same inputs.
///
/// Both use one thread, so that what is found repeats. Fails where an output is missing, has another shape, or is
/// anywhere more than [`TOLERANCE`] off; the message names the output and the worst place.
pub fn verify(model: &[u8], network: &dyn Exportable, library: Option<&Path>) -> Result<Verification> {
    let mut engine = engine(model, library)?;
    let mut verification =
        Verification { engine: format!("ONNX Runtime {}", engine.version()), ..Verification::default() };
    let unit = network.unit()?;
    for inputs in network.trials()? {
        let given = inputs.iter().map(|(name, tensor)| Ok((*name, to_runtime(tensor)?))).collect::<Result<Vec<_>>>()?;
        let found = engine.run_blocking(&given.iter().map(|(name, tensor)| (*name, tensor)).collect::<Vec<_>>())?;
        let expected = network.compute(&inputs)?;
        if found.len() != expected.len() {
            return Err(Error::Verification(format!(
                "the file has {} outputs, the network {}",
                found.len(),
                expected.len()
            )));
        }
        for ((name, expected), (found_name, found)) in expected.iter().zip(&found) {
            if name != found_name {
                return Err(Error::Verification(format!("the output `{name}` is named `{found_name}` in the file")));
            }
            let difference = compare(name, expected, found, unit)?;
            verification.max_difference = verification.max_difference.max(difference);
        }
        verification.shapes.extend(given.iter().map(|(_, tensor)| tensor.shape().to_vec()));
    }
    Ok(verification)
}

/// Verifies a finished file against candle with the weights that the file itself holds. Fails, too, where the card says
/// other things of the model than these, and for an int8 model, which does not hold the network's weights.
pub fn verify_file(model: &[u8], library: Option<&Path>) -> Result<Verification> {
    let card = ModelCard::from_model(model)?;
    if card.verification.int8.is_some() {
        return Err(Error::Verification("an int8 model does not hold the weights of its network".into()));
    }
    let weights = Weights::from_model(model, &card)?;
    let network = models::of_network(&weights.network()?)?;
    if (network.kind(), network.picture()) != (card.kind, card.picture) {
        return Err(Error::Verification("the card describes another model than the file's own weights make".into()));
    }
    verify(model, &*network, library)
}

/// What can be told of an int8 model without the network that it was made of: how far what it computes is from the
/// golden output in its card. Fails where that is too far, and where the card has none.
pub fn golden_of_int8(model: &[u8], library: Option<&Path>) -> Result<f32> {
    let card = ModelCard::from_model(model)?;
    let apart = pollster::block_on(golden::check(&mut engine(model, library)?, &card))?;
    apart.ok_or_else(|| Error::Verification("its card has no golden output; export it again".into()))
}

fn to_runtime(tensor: &Tensor) -> Result<easel_runtime::Tensor> {
    let shape = tensor.dims().to_vec();
    let flat = tensor.flatten_all()?;
    Ok(match tensor.dtype() {
        DType::I64 => easel_runtime::Tensor::new(shape, flat.to_vec1::<i64>()?)?,
        _ => easel_runtime::Tensor::new(shape, flat.to_dtype(DType::F32)?.to_vec1::<f32>()?)?,
    })
}

fn compare(name: &str, expected: &Tensor, found: &easel_runtime::Tensor, unit: f64) -> Result<f64> {
    if expected.dims() != found.shape() {
        return Err(Error::Verification(format!(
            "the output `{name}` has shape {:?} in ONNX Runtime and {:?} in candle",
            found.shape(),
            expected.dims()
        )));
    }
    let expected = expected.to_dtype(DType::F32)?.flatten_all()?.to_vec1::<f32>()?;
    let found_values = found.as_f32()?;
    let mut worst = (0, 0.0);
    for (at, (expected, found)) in expected.iter().zip(found_values).enumerate() {
        let difference = f64::from(expected - found).abs() / unit;
        if difference > worst.1 || difference.is_nan() {
            worst = (at, difference);
        }
        if difference.is_nan() {
            break;
        }
    }
    let (at, difference) = worst;
    // Written so that NaN fails.
    if difference <= TOLERANCE {
        return Ok(difference);
    }
    let allowed = TOLERANCE * unit;
    Err(Error::Verification(format!(
        "the file differs from the network: output `{name}`{:?} is {} in candle and {} in ONNX Runtime (at most {allowed:e} apart is allowed)",
        index(at, found.shape()),
        expected[at],
        found_values[at]
    )))
}

/// The position of a flat offset in a shape.
fn index(mut offset: usize, shape: &[usize]) -> Vec<usize> {
    let mut index = vec![0; shape.len()];
    for (place, &dim) in index.iter_mut().zip(shape).rev() {
        *place = offset % dim;
        offset /= dim;
    }
    index
}

#[cfg(test)]
mod tests {
    use super::*;
    use candle_core::Device as CandleDevice;

    #[test]
    fn the_worst_place_is_named() {
        let expected = Tensor::zeros((1, 1, 2, 3), DType::F32, &CandleDevice::Cpu).unwrap();
        let found = |values: Vec<f32>| easel_runtime::Tensor::new([1, 1, 2, 3], values).unwrap();
        assert!(compare("image", &expected, &found(vec![9e-5; 6]), 1.0).unwrap() > 8e-5);
        assert!(compare("prediction", &expected, &found(vec![0.5; 6]), 1e4).unwrap() == 5e-5);
        let error = compare("image", &expected, &found(vec![0., 1e-3, 0., 0., 0.5, 0.]), 1.0).unwrap_err().to_string();
        assert!(error.contains("`image`[0, 0, 1, 1]") && error.contains("0.5"), "{error}");
        let nan = found(vec![0., 0., f32::NAN, 0., 0., 0.]);
        let error = compare("image", &expected, &nan, 1.0).unwrap_err().to_string();
        assert!(error.contains("[0, 0, 0, 2]"), "{error}");
        let other = easel_runtime::Tensor::new([1, 6], vec![0f32; 6]).unwrap();
        assert!(compare("image", &expected, &other, 1.0).unwrap_err().to_string().contains("shape"));
    }
}
