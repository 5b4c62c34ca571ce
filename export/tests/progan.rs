//! ProGAN's generator at any stage of its growth.

use std::collections::BTreeMap;

use candle_core::{DType, Device, Tensor};
use easel_export::export::{ExportOptions, ExportedModel, export};
use easel_export::verify::verify_file;
use easel_export::{Error, Storage, fold, growth, inspect, models};
use easel_native::{EngineOptions, OrtEngine};
use easel_runtime::Random;
use easel_runtime::card::{Distribution, Kind, Latent, PictureFormat, PictureSize, Provenance};
use easel_train::networks::progan::{Generator, Sizes, Stage};
use easel_train::{Params, Weights};

fn generator(sizes: Sizes) -> (Generator, BTreeMap<String, Tensor>) {
    let params = Params::new(DType::F32, &Device::Cpu, Random::new(5, 0));
    let generator = Generator::new(params.root(), sizes).unwrap();
    for (index, param) in params.all().iter().enumerate().filter(|(_, param)| param.dims().len() == 1) {
        // Biases are initially 0, which would hide a wrong scale.
        let values = Random::new(index as u64, 1).uniforms(param.dims()[0], -0.5, 0.5);
        param.var().set(&Tensor::from_vec(values, param.dims(), &Device::Cpu).unwrap()).unwrap();
    }
    (generator, params.to_tensors())
}

/// Weights that have grown to 32x32 of 64x64 and are fading.
fn weights(channels: usize) -> (Generator, Weights) {
    let sizes = Sizes { z_dim: 12, width: 16, channels, resolution: 64 };
    let (generator, tensors) = generator(sizes);
    let architecture = sizes.architecture(Stage { step: 3, alpha: 0.4 });
    (generator, Weights { architecture, provenance: Provenance::default(), tensors })
}

fn exported(weights: &Weights) -> ExportedModel {
    let network = models::of_network(&weights.network().unwrap()).unwrap();
    let architecture = fold::fold(weights).unwrap().architecture;
    export(&*network, architecture, Provenance::default(), &ExportOptions::default()).unwrap()
}

fn at(weights: &Weights, resolution: Option<usize>, alpha: Option<f64>) -> easel_export::Result<Weights> {
    growth::at_stage(weights.clone(), resolution, alpha)
}

#[test]
fn every_stage_computes_what_was_trained() {
    for channels in [1, 3] {
        let (generator, weights) = weights(channels);
        for (resolution, alpha, step, expected_alpha) in [
            (None, None, 3, 0.4),
            (None, Some(1.0), 3, 1.0),
            (Some(32), Some(0.05), 3, 0.05),
            (Some(32), None, 3, 0.4),
            (Some(16), None, 2, 1.0),
            (Some(8), Some(0.7), 1, 0.7),
            (Some(4), None, 0, 1.0),
        ] {
            let file = exported(&at(&weights, resolution, alpha).unwrap());
            let stage = Stage { step, alpha: expected_alpha };
            let side = stage.resolution();
            let size = PictureSize::Fixed { height: side, width: side };
            assert_eq!(file.card.picture, Some(PictureFormat { channels, size }));
            let latent = Latent { dim: 12, distribution: Distribution::Normal };
            assert_eq!(file.card.kind, Kind::Generator { latent });
            assert!(verify_file(&file.bytes, None).unwrap().max_difference < 1e-5);

            let z = Random::new(9, 0).normals(7 * 12);
            let given = easel_runtime::Tensor::new([7, 12], z.clone()).unwrap();
            let mut engine = OrtEngine::load(&file.bytes, &EngineOptions::default()).unwrap();
            let found = engine.run_blocking(&[("z", &given)]).unwrap().remove(0).1;
            assert_eq!(found.shape(), [7, channels, side, side]);
            let z = Tensor::from_vec(z, (7, 12), &Device::Cpu).unwrap();
            let raw = generator.forward(&z, stage).unwrap().flatten_all().unwrap().to_vec1::<f32>().unwrap();
            for (found, raw) in found.as_f32().unwrap().iter().zip(raw) {
                let expected = (raw / 2.0 + 0.5).clamp(0.0, 1.0);
                assert!((found - expected).abs() < 2e-5, "{stage:?}: {found} for {expected}");
            }
        }
    }
}

#[test]
fn folded_operations_are_not_in_the_file() {
    let (_, weights) = weights(3);
    let described = |resolution, alpha| {
        let file = exported(&at(&weights, Some(resolution), alpha).unwrap());
        let kept = Weights::from_model(&file.bytes, &file.card).unwrap();
        let names: Vec<_> = kept.tensors.into_keys().filter(|name| name.ends_with("conv.weight")).collect();
        let text = inspect::describe_model(&file.bytes).unwrap();
        let operators = text.lines().find(|line| line.starts_with("operators")).unwrap().to_string();
        (operators, names)
    };
    let (operators, names) = described(8, None);
    assert_eq!(
        operators,
        "operators    5 Add, 5 Conv, 5 Div, 1 Gemm, 5 LeakyRelu, 5 Mul, 5 ReduceMean, 1 Reshape, 1 Resize, 1 Sigmoid, 5 Sqrt"
    );
    let layers = ["prog_blocks.0.conv1", "prog_blocks.0.conv2", "prog_blocks.1.conv1", "prog_blocks.1.conv2"];
    let layers: Vec<_> =
        layers.into_iter().chain(["rgb_layers.1"]).map(|layer| format!("{layer}.conv.weight")).collect();
    assert_eq!(names, layers);
    let (operators, names) = described(8, Some(0.5));
    assert!(operators.contains("6 Add, 6 Conv") && operators.contains("5 Mul"), "{operators}");
    assert!(names.contains(&"rgb_layers.0.conv.weight".to_string()));
    let (operators, _) = described(4, None);
    assert!(operators.contains("1 Clip") && !operators.contains("Sigmoid"), "{operators}");
}

#[test]
fn half_stored_it_is_the_rounded_network() {
    let (_, weights) = weights(3);
    let kept = fold::fold(&weights).unwrap();
    let stored = models::of_network(&Storage::Half.round(&kept).unwrap().network().unwrap()).unwrap();
    let options = ExportOptions { storage: Storage::Half, ..ExportOptions::default() };
    let half = export(&*stored, kept.architecture, Provenance::default(), &options).unwrap();
    assert!(half.bytes.len() < exported(&weights).bytes.len() * 6 / 10);
    assert!(verify_file(&half.bytes, None).unwrap().max_difference < 1e-5);
}

#[test]
fn other_stages_are_refused() {
    let (_, weights) = weights(1);
    for side in [64, 20] {
        let Err(Error::NotGrown { resolution, grown }) = at(&weights, Some(side), None) else { panic!("it has grown") };
        assert_eq!((resolution, &grown[..]), (side, &[4, 8, 16, 32][..]));
    }
    assert!(matches!(at(&weights, Some(4), Some(0.5)), Err(Error::NoFade { alpha: 0.5 })));
    assert_eq!(at(&weights, None, None).unwrap().architecture, weights.architecture);
}
