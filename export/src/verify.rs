//! Verification: a file computes what its network computes.

use std::path::Path;

use candle_core::{DType, Tensor};
use easel_native::{EngineChoice, EngineOptions, NativeEngine, OrtEngine};
use easel_runtime::card::Verification;
use easel_runtime::{Device, Engine, ModelCard, golden};
use easel_train::Weights;

use crate::error::{Error, Result};
use crate::exportable::Exportable;
use crate::models;

/// The largest difference that is allowed between a file's and a network's outputs, relative to
/// [`Exportable::output_scale`] or to the largest element of the output, whichever is larger.
pub const TOLERANCE: f64 = 1e-4;

/// ONNX Runtime with a model and one thread, so that results repeat.
pub(crate) fn engine(model: &[u8], library: Option<&Path>) -> Result<OrtEngine> {
    let library = library.map(Path::to_path_buf);
    let options = EngineOptions { library, device: Device::Cpu, threads: Some(1), ..EngineOptions::default() };
    Ok(OrtEngine::load(model, &options)?)
}

/// Runs a model file in ONNX Runtime and its network in candle on the same inputs, both with one thread. `library` is
/// ONNX Runtime's, where it is not in one of the usual places.
///
/// Fails with [`Error::OutputCount`], [`Error::OutputName`] or [`Error::OutputShape`], and with
/// [`Error::OutputDifference`] where an element differs by more than [`TOLERANCE`].
///
/// ```
/// use candle_core::{DType, Device};
/// use easel_export::export::{ExportOptions, export};
/// use easel_export::{Error, verify::verify};
/// use easel_train::Params;
/// use easel_train::networks::gan::{Generator, Sizes};
///
/// let generator = |seed| {
///     let params = Params::new(DType::F32, &Device::Cpu, easel_runtime::Random::new(seed, 0));
///     Generator::new(params.root(), Sizes { z_dim: 3, hidden: 4, picture: [1, 2, 2] })
/// };
/// let network = generator(1)?;
/// let file = export(&network, network.sizes().architecture(), Default::default(), &ExportOptions::default())?;
/// assert!(verify(&file.bytes, &network, None)?.max_difference < 1e-5);
/// let error = verify(&file.bytes, &generator(2)?, None).unwrap_err();
/// assert!(matches!(error, Error::OutputDifference { output, .. } if output == "image"));
/// # Ok::<(), Error>(())
/// ```
pub fn verify(model: &[u8], network: &dyn Exportable, library: Option<&Path>) -> Result<Verification> {
    let mut engine = engine(model, library)?;
    let name = format!("ONNX Runtime {}", engine.version());
    verify_in(&mut engine, name, network)
}

/// The same in an engine that has loaded the file.
fn verify_in(engine: &mut impl Engine, name: String, network: &dyn Exportable) -> Result<Verification> {
    let mut verification = Verification { engine: name, ..Verification::default() };
    let scale = network.output_scale()?;
    for inputs in network.test_inputs()? {
        let fed = inputs.iter().map(|(name, tensor)| Ok((*name, to_runtime(tensor)?))).collect::<Result<Vec<_>>>()?;
        let named = fed.iter().map(|(name, tensor)| (*name, tensor)).collect::<Vec<_>>();
        let found = pollster::block_on(engine.run(&named))?;
        let expected = network.compute(&inputs)?;
        if found.len() != expected.len() {
            return Err(Error::OutputCount { found: found.len(), expected: expected.len() });
        }
        for ((name, expected), (found_name, found)) in expected.iter().zip(&found) {
            if name != found_name {
                return Err(Error::OutputName { found: found_name.clone(), expected: name.to_string() });
            }
            let difference = compare(name, expected, found, scale)?;
            verification.max_difference = verification.max_difference.max(difference);
        }
        verification.shapes.extend(fed.iter().map(|(_, tensor)| tensor.shape().to_vec()));
    }
    Ok(verification)
}

/// Verifies a model file against candle with the weights in the file itself.
///
/// Fails as [`verify`] does, with [`Error::CardMismatch`] where the card describes another model, and with
/// [`Error::Int8Model`] for an int8 model, which does not hold its network's weights.
pub fn verify_file(model: &[u8], library: Option<&Path>) -> Result<Verification> {
    verify(model, &*network_of(model)?, library)
}

/// [`verify_file`] in Easel's own engine in place of ONNX Runtime. Fails with [`Error::Native`] if it cannot run the file.
pub fn verify_in_easel(model: &[u8]) -> Result<Verification> {
    let options = EngineOptions { engine: EngineChoice::Easel, threads: Some(1), ..EngineOptions::default() };
    let mut engine = NativeEngine::load(model, &options)?;
    verify_in(&mut engine, concat!("Easel ", env!("CARGO_PKG_VERSION")).into(), &*network_of(model)?)
}

/// The network of a file, with the file's weights.
fn network_of(model: &[u8]) -> Result<Box<dyn Exportable>> {
    let card = ModelCard::from_model(model)?;
    if card.verification.int8.is_some() {
        return Err(Error::Int8Model);
    }
    let weights = Weights::from_model(model, &card)?;
    let network = models::of_network(&weights.network()?)?;
    if (network.kind(), network.picture()) != (card.kind, card.picture) {
        return Err(Error::CardMismatch);
    }
    Ok(network)
}

/// The largest difference between a model file's output and the golden output in its card, for int8 models.
///
/// Fails where the difference is too large, and with [`Error::NoGoldenOutput`].
pub fn golden_difference(model: &[u8], library: Option<&Path>) -> Result<f32> {
    let card = ModelCard::from_model(model)?;
    let difference = pollster::block_on(golden::check(&mut engine(model, library)?, &card))?;
    difference.ok_or(Error::NoGoldenOutput)
}

/// The largest difference between the outputs of two networks on the inputs of verification, relative to
/// [`Exportable::output_scale`].
pub fn network_difference(one: &dyn Exportable, other: &dyn Exportable) -> Result<f64> {
    let mut largest = 0f64;
    for inputs in one.test_inputs()? {
        for ((_, a), (_, b)) in one.compute(&inputs)?.iter().zip(&other.compute(&inputs)?) {
            let differences = (a - b)?.abs()?.flatten_all()?.to_vec1::<f32>()?;
            largest = differences.into_iter().map(f64::from).fold(largest, f64::max);
        }
    }
    Ok(largest / one.output_scale()?)
}

fn to_runtime(tensor: &Tensor) -> Result<easel_runtime::Tensor> {
    let shape = tensor.dims().to_vec();
    let flat = tensor.flatten_all()?;
    Ok(match tensor.dtype() {
        DType::I64 => easel_runtime::Tensor::new(shape, flat.to_vec1::<i64>()?)?,
        _ => easel_runtime::Tensor::new(shape, flat.to_dtype(DType::F32)?.to_vec1::<f32>()?)?,
    })
}

/// The largest difference of an element, relative to `scale`.
fn compare(output: &str, expected: &Tensor, found: &easel_runtime::Tensor, scale: f64) -> Result<f64> {
    if expected.dims() != found.shape() {
        return Err(Error::OutputShape {
            output: output.into(),
            found: found.shape().to_vec(),
            expected: expected.dims().to_vec(),
        });
    }
    let expected = expected.to_dtype(DType::F32)?.flatten_all()?.to_vec1::<f32>()?;
    let values = found.as_f32()?;
    let mut worst = (0, 0.0);
    for (at, (expected, found)) in expected.iter().zip(values).enumerate() {
        let difference = f64::from(expected - found).abs() / scale;
        if difference > worst.1 || difference.is_nan() {
            worst = (at, difference);
        }
        if difference.is_nan() {
            break;
        }
    }
    let (at, difference) = worst;
    // float32 has some seven digits: the error of a sum grows with its terms.
    let largest = expected.iter().filter(|value| value.is_finite()).fold(0f32, |most, value| most.max(value.abs()));
    let allowed = TOLERANCE * scale.max(largest.into());
    // Written so that NaN fails.
    if difference * scale <= allowed {
        return Ok(difference);
    }
    Err(Error::OutputDifference {
        output: output.into(),
        index: index(at, found.shape()),
        found: values[at],
        expected: expected[at],
        allowed,
    })
}

/// The index of a flat offset in a shape.
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
    fn the_worst_element_is_named() {
        let expected = Tensor::zeros((1, 1, 2, 3), DType::F32, &CandleDevice::Cpu).unwrap();
        let found = |values: Vec<f32>| easel_runtime::Tensor::new([1, 1, 2, 3], values).unwrap();
        assert!(compare("image", &expected, &found(vec![9e-5; 6]), 1.0).unwrap() > 8e-5);
        assert_eq!(compare("prediction", &expected, &found(vec![0.5; 6]), 1e4).unwrap(), 5e-5);
        let logits = Tensor::full(1000f32, (1, 1, 2, 3), &CandleDevice::Cpu).unwrap();
        assert!(compare("logits", &logits, &found(vec![1000.05; 6]), 1.0).is_ok());
        assert!(compare("logits", &logits, &found(vec![1000.2; 6]), 1.0).is_err());
        let worst = |values| match compare("image", &expected, &found(values), 1.0) {
            Err(Error::OutputDifference { output, index, found, .. }) => (output, index, found),
            other => panic!("{other:?}"),
        };
        let (output, index, value) = worst(vec![0., 1e-3, 0., 0., 0.5, 0.]);
        assert_eq!((output.as_str(), &index[..], value), ("image", &[0, 0, 1, 1][..], 0.5));
        let (_, index, value) = worst(vec![0., 0., f32::NAN, 0., 0., 0.]);
        assert!(index == [0, 0, 0, 2] && value.is_nan());
        let other = easel_runtime::Tensor::new([1, 6], vec![0f32; 6]).unwrap();
        let error = compare("image", &expected, &other, 1.0).unwrap_err();
        assert!(matches!(error, Error::OutputShape { found, .. } if found == [1, 6]));
    }
}
