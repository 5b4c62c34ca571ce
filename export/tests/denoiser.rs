//! The denoiser, as trained and folded.

use std::collections::BTreeMap;

use candle_core::{DType, Device, Tensor};
use easel_export::export::{ExportOptions, export};
use easel_export::verify::verify_file;
use easel_export::{Storage, fold, models};
use easel_native::{EngineOptions, OrtEngine};
use easel_runtime::Random;
use easel_runtime::card::{BetaSchedule, Kind, PictureFormat, PictureSize, Prediction, Provenance};
use easel_runtime::denoiser::Denoiser as Sampled;
use easel_train::networks::denoiser::{Conditioning, Denoiser, DenoisingTask, Sizes};
use easel_train::nn::Eval;
use easel_train::{Params, Weights};

/// A network without parameters of 0 or 1, which would hide errors, and its weights.
fn weights(conditioning: Conditioning, channels: usize) -> (Denoiser, Weights) {
    let params = Params::new(DType::F32, &Device::Cpu, Random::new(5, 0));
    let sizes =
        Sizes { channels, labels: 4, base_channels: 4, embedding_size: 6, hidden: 5, conditioning, timesteps: 50 };
    let network = Denoiser::new(params.root(), sizes).unwrap();
    for (index, param) in params.all().iter().enumerate().filter(|(_, param)| param.dims().len() == 1) {
        let values = Random::new(index as u64, 1).uniforms(param.dims()[0], 0.2, 0.9);
        param.var().set(&Tensor::from_vec(values, param.dims(), &Device::Cpu).unwrap()).unwrap();
    }
    let schedule = BetaSchedule::Cosine { steps: 50, offset: 0.008 };
    let task = DenoisingTask { schedule, prediction: Prediction::Velocity, null_label: Some(3), side: 48 };
    let architecture = task.architecture(&sizes);
    (network, Weights { architecture, provenance: Provenance::default(), tensors: params.to_tensors() })
}

#[test]
fn the_file_predicts_what_was_trained() {
    for (conditioning, channels) in [(Conditioning::Input, 3), (Conditioning::EveryBlock, 1)] {
        let (network, weights) = weights(conditioning, channels);
        let model = models::of_network(&weights.network().unwrap()).unwrap();
        let architecture = fold::fold(&weights).unwrap().architecture;
        let options =
            ExportOptions { classes: ["cat", "dog", "owl"].map(String::from).to_vec(), ..ExportOptions::default() };
        let file = export(&*model, architecture, Provenance::default(), &options).unwrap();

        let size = PictureSize::Fixed { height: 48, width: 48 };
        assert_eq!(file.card.picture, Some(PictureFormat { channels, size }));
        let Kind::Denoiser { class_count, prediction, null_label, .. } = file.card.kind else { panic!("another kind") };
        assert_eq!((class_count, prediction, null_label), (3, Prediction::Velocity, Some(3)));
        assert_eq!(file.card.classes, options.classes);
        let sampled = Sampled::new(&file.card).unwrap();
        assert_eq!((sampled.schedule.steps(), sampled.picture), (50, [channels, 48, 48]));
        assert!(verify_file(&file.bytes, None).unwrap().max_difference < 2e-5);

        let x = Random::new(9, 0).normals(3 * channels * 48 * 48);
        let (t, label) = (vec![49i64, 0, 7], vec![0i64, 3, 2]);
        let given = [
            ("x", easel_runtime::Tensor::new([3, channels, 48, 48], x.clone()).unwrap()),
            ("t", easel_runtime::Tensor::new([3], t.clone()).unwrap()),
            ("label", easel_runtime::Tensor::new([3], label.clone()).unwrap()),
        ];
        let mut engine = OrtEngine::load(&file.bytes, &EngineOptions::default()).unwrap();
        let found = engine.run_blocking(&given.each_ref().map(|(name, tensor)| (*name, tensor))).unwrap().remove(0).1;
        let x = Tensor::from_vec(x, (3, channels, 48, 48), &Device::Cpu).unwrap();
        let ints = |values: Vec<i64>| Tensor::from_vec(values, 3, &Device::Cpu).unwrap();
        let expected = network.forward(&x, &ints(t), &ints(label), &mut Eval).unwrap();
        let expected = expected.flatten_all().unwrap().to_vec1::<f32>().unwrap();
        for (found, expected) in found.as_f32().unwrap().iter().zip(expected) {
            assert!((found - expected).abs() < 2e-5 * expected.abs().max(1.0), "{conditioning:?}: {found} {expected}");
        }
    }
}

#[test]
fn half_precision_halves_the_file() {
    let (_, weights) = weights(Conditioning::EveryBlock, 1);
    let kept = fold::fold(&weights).unwrap();
    let file = |weights: &Weights, storage| {
        let model = models::of_network(&weights.network().unwrap()).unwrap();
        let options = ExportOptions { storage, ..ExportOptions::default() };
        export(&*model, kept.architecture.clone(), Provenance::default(), &options).unwrap()
    };
    let stored = Storage::Half.round(&kept).unwrap();
    let (whole, half) = (file(&kept, Storage::Float32), file(&stored, Storage::Half));
    let values: usize = kept.tensors.values().filter(|tensor| tensor.rank() > 1).map(Tensor::elem_count).sum();
    let saved = whole.bytes.len() - half.bytes.len();
    // Each rounded weight has a Cast.
    assert!((2 * values - 200 * kept.tensors.len()..2 * values).contains(&saved), "{saved} of {values} values");
    let read = Weights::from_model(&half.bytes, &half.card).unwrap();
    let numbers = |tensors: &BTreeMap<String, Tensor>| -> Vec<Vec<f32>> {
        tensors.values().map(|tensor| tensor.flatten_all().unwrap().to_vec1().unwrap()).collect()
    };
    assert_eq!(numbers(&read.tensors), numbers(&stored.tensors));
}
