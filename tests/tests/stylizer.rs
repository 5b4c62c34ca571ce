//! The style network with PyTorch's weights as one file of dynamic size, in ONNX Runtime.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use candle_core::{DType, Device, Tensor};
use easel_export::export::{ExportOptions, export};
use easel_export::verify::{network_difference, verify_file};
use easel_export::{NormForm, Storage, models};
use easel_native::{EngineOptions, OrtEngine};
use easel_runtime::Random;
use easel_runtime::card::Provenance;
use easel_tests::golden::folder;
use easel_train::networks::style::{IMAGENET_MEAN, IMAGENET_STD, Sizes, Stylizer};
use easel_train::{Params, Result, Value, Weights};

/// Between two engines, on the same pixels.
const TOLERANCE: f32 = 1e-3;

fn to_runtime(tensor: &Tensor) -> easel_runtime::Tensor {
    easel_runtime::Tensor::new(tensor.dims(), tensor.flatten_all().unwrap().to_vec1::<f32>().unwrap()).unwrap()
}

fn worst(found: &easel_runtime::Tensor, expected: &Tensor) -> f32 {
    assert_eq!(found.shape(), expected.dims());
    let expected = expected.flatten_all().unwrap().to_vec1::<f32>().unwrap();
    found.as_f32().unwrap().iter().zip(expected).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max)
}

#[test]
fn pytorchs_weights_run_at_any_size() -> Result<()> {
    let case = folder("style")?.into_iter().find(|case| case.kind() == "style/imfw").expect("the case is committed");
    let params = Params::new(DType::F32, &Device::Cpu, Random::new(0, 0));
    let network = Stylizer::new(params.root(), Sizes { width: case.number("width") })?;
    params.load(&case.weights(""))?;
    for norms in [NormForm::Statistics, NormForm::Operator] {
        let options = ExportOptions { norms, ..ExportOptions::default() };
        let file = export(&network, network.sizes().architecture(), Provenance::default(), &options)
            .unwrap_or_else(|error| panic!("{error}"));
        let mut engine = OrtEngine::load(&file.bytes, &EngineOptions::default()).unwrap();
        let mut run = |image: &Tensor| engine.run_blocking(&[("image", &to_runtime(image))]).unwrap().remove(0).1;

        for (height, width) in [(1, 1), (5, 9), (61, 83), (96, 72)] {
            let values = Random::new(7, 0).uniforms(3 * height * width, 0.0, 1.0);
            let image = Tensor::from_vec(values, (1, 3, height, width), &Device::Cpu)?;
            let difference = worst(&run(&image), &network.stylize(&image)?);
            assert!(difference < TOLERANCE, "{width}x{height}: {difference}");
        }
        // At multiples of 4 nothing is padded, and PyTorch's own numbers must come out.
        for name in ["1x64x64", "1x96x72"] {
            let image = case.input(name).channel_affine(&IMAGENET_STD, &IMAGENET_MEAN)?;
            let expected = case.output(name).channel_affine(&IMAGENET_STD, &IMAGENET_MEAN)?;
            let difference = worst(&run(&image), &Value::clamp(&expected, 0.0, 1.0)?);
            assert!(difference < TOLERANCE, "{name}: {difference}");
        }
    }
    Ok(())
}

#[test]
fn half_stored_weights_halve_the_file() -> Result<()> {
    let case = folder("style")?.into_iter().find(|case| case.kind() == "style/imfw").expect("the case is committed");
    let sizes = Sizes { width: case.number("width") };
    let provenance = Provenance::default();
    let weights =
        Weights { architecture: sizes.architecture(), provenance: provenance.clone(), tensors: case.weights("") };
    let stored = Storage::Half.round(&weights).unwrap();
    let (network, rounded) = (weights.network()?, stored.network()?);
    let rounding = network_difference(&*models::of_network(&network)?, &*models::of_network(&rounded)?).unwrap();
    assert!((1e-6..0.02).contains(&rounding), "{rounding}");

    let file = |network, storage, rounding| {
        let options = ExportOptions { storage, rounding, ..ExportOptions::default() };
        export(&*models::of_network(network).unwrap(), sizes.architecture(), provenance.clone(), &options).unwrap()
    };
    let full = file(&network, Storage::Float32, None);
    let half = file(&rounded, Storage::Half, Some(rounding));
    // What is not weights is the same in both: the graph and the card with its picture.
    let values: usize = weights.tensors.values().filter(|tensor| tensor.rank() > 1).map(Tensor::elem_count).sum();
    let saved = full.bytes.len() - half.bytes.len();
    assert!((saved as f64 / (2 * values) as f64 - 1.0).abs() < 0.1, "{saved} bytes of {values} values");
    assert!(half.card.verification.max_difference < 1e-4 && half.card.verification.rounding.is_some());
    assert!(verify_file(&half.bytes, None).unwrap().max_difference < 1e-4);
    for (name, tensor) in Weights::from_model(&half.bytes, &half.card).unwrap().tensors {
        let values = |tensor: &Tensor| tensor.flatten_all().unwrap().to_vec1::<f32>().unwrap();
        assert_eq!(values(&tensor), values(&stored.tensors[&name]), "{name}");
    }

    let sample = half.card.sample.expect("a stylizer has a sample");
    let picture = image::load_from_memory(&BASE64_STANDARD.decode(sample.base64).unwrap()).unwrap();
    assert_eq!((sample.media_type.as_str(), picture.width(), picture.height()), ("image/jpeg", 256, 192));
    Ok(())
}
