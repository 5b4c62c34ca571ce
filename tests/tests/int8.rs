//! The shipped stylizers in eight bits: how near, and how much faster.

// Together with what `cargo xtask bench train` measures.
#[path = "../../train/examples/bench/clock.rs"]
mod clock;

use std::fs;

use clock::Clock;
use easel_export::export::{ExportOptions, ExportedModel, export, export_int8};
use easel_export::models;
use easel_export::quantise::{CalibrationSet, MIN_PSNR};
use easel_native::{EngineOptions, OrtEngine};
use easel_runtime::{ModelCard, Tensor};
use easel_scenes::scene;
use easel_tests::data::{real, root};
use easel_train::data::Source;
use easel_train::networks::{Network, style};
use easel_train::{Params, Weights};

/// The most CPU time that eight bits may take, of that of float32.
const MOST: f64 = 0.55;
/// Runs of each, in turn.
const RUNS: usize = 7;

fn in_both(weights: &Weights, pictures: &CalibrationSet, least: f64) -> [ExportedModel; 2] {
    let network = weights.network().unwrap();
    let (architecture, provenance) = (weights.architecture.clone(), weights.provenance.clone());
    let whole = export(
        &*models::of_network(&network).unwrap(),
        architecture.clone(),
        provenance.clone(),
        &ExportOptions::default(),
    );
    let Network::Style(stylizer) = network else { panic!("{} is no stylizer", architecture.name) };
    let int8 = export_int8(&stylizer, architecture, provenance, pictures, least, &ExportOptions::default());
    [whole.unwrap(), int8.unwrap_or_else(|error| panic!("{error}"))]
}

/// The CPU time of the second model over that of the first at 512x512 with one thread: each one's least.
fn ratio(models: &[ExportedModel; 2]) -> f64 {
    let options = EngineOptions { threads: Some(1), ..Default::default() };
    let mut engines = [0, 1].map(|at| OrtEngine::load(&models[at].bytes, &options).unwrap());
    let image = scene(0, 7, 512, 512).0.to_tensor();
    let time = |engine: &mut OrtEngine, image: &Tensor| {
        let clock = Clock::start();
        engine.run_blocking(&[("image", image)]).unwrap();
        clock.passed().0
    };
    let mut least = [f64::INFINITY; 2];
    // The first runs fetch memory.
    for run in 0..=RUNS {
        for (engine, least) in engines.iter_mut().zip(&mut least) {
            let taken = time(engine, &image);
            *least = least.min(if run == 0 { f64::INFINITY } else { taken });
        }
    }
    least[1] / least[0]
}

/// One test, since the time is the whole process's.
#[test]
#[ignore = "takes minutes"]
fn eight_bits_are_near_and_take_half_the_time() {
    let Some(photos) = real("photos") else { return };
    let pictures = CalibrationSet::read(&Source::Path(photos)).unwrap();
    let row = |name: &str, models: &[ExportedModel; 2]| {
        let (int8, ratio) = (models[1].card.verification.int8.unwrap(), ratio(models));
        let sizes = [0, 1].map(|at| models[at].bytes.len() as f64 / 1e6);
        println!(
            "| {name} | {:.1} dB | {:.1} dB | {ratio:.2} | {:.2} MB | {:.2} MB |",
            int8.psnr, int8.worst_psnr, sizes[0], sizes[1]
        );
        assert!(ratio <= MOST, "{name}: {ratio}");
        int8
    };
    for name in ["wave", "starry-night", "scream"] {
        let bytes = fs::read(root().join(format!("models/{name}.onnx"))).unwrap();
        let weights = Weights::from_model(&bytes, &ModelCard::from_model(&bytes).unwrap()).unwrap();
        let int8 = row(name, &in_both(&weights, &pictures, MIN_PSNR));
        assert!(int8.worst_psnr >= MIN_PSNR, "{name}: {int8:?}");
    }
    let params = Params::new(candle_core::DType::F32, &candle_core::Device::Cpu, easel_runtime::Random::new(1, 0));
    let sizes = style::Sizes { width: 32 };
    style::Stylizer::new(params.root(), sizes).unwrap();
    let weights =
        Weights { architecture: sizes.architecture(), provenance: Default::default(), tensors: params.to_tensors() };
    row("width 32, untrained", &in_both(&weights, &pictures, f64::NEG_INFINITY));
}
