//! The models that ship.

use std::fs;

use easel_export::verify::verify_file;
use easel_native::{EngineOptions, Model, OrtEngine};
use easel_runtime::card::Kind;
use easel_runtime::classifier::classify;
use easel_runtime::denoiser::{Denoiser, Draw, SampleRequest, Sampler};
use easel_runtime::{ModelCard, golden};
use easel_train::networks::progan::FOLDED;

#[test]
fn every_model_computes_what_its_weights_say() {
    let folder = easel_tests::data::root().join("models");
    let (mut stylizers, mut grown, mut denoisers) = (0, 0, 0);
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|extension| extension != "onnx") {
            continue;
        }
        let (bytes, name) = (fs::read(&path).unwrap(), path.display());
        let card = ModelCard::from_model(&bytes).unwrap_or_else(|error| panic!("{name}: {error}"));
        let found = verify_file(&bytes, None).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert!(found.max_difference <= 1e-4, "{name}: {}", found.max_difference);
        let mut engine = OrtEngine::load(&bytes, &EngineOptions::default()).unwrap();
        let golden = pollster::block_on(golden::check(&mut engine, &card)).unwrap_or_else(|e| panic!("{name}: {e}"));
        assert!(golden.is_some_and(|apart| apart < 1e-3), "{name}: {golden:?}");
        assert!(card.licence != "unknown" && card.provenance.steps.is_some(), "{name}: {card:?}");
        if card.architecture.name == FOLDED {
            grown += 1;
            assert!(bytes.len() < 2_000_000, "{name}: {} bytes", bytes.len());
        }
        if matches!(card.kind, Kind::Denoiser { .. }) {
            denoisers += 1;
            assert!(bytes.len() < 5_000_000, "{name}: {} bytes", bytes.len());
            assert!(!card.evaluations.is_empty(), "{name}");
        }
        if card.kind == Kind::Stylizer {
            stylizers += 1;
            assert!(bytes.len() < 1_000_000, "{name}: {} bytes", bytes.len());
            assert!(card.sample.is_some() && card.provenance.style.is_some(), "{name}");
            assert!(card.verification.rounding.is_some_and(|by| by < 0.01), "{name}");
        }
    }
    assert!(
        stylizers >= 3 && grown >= 1 && denoisers >= 1,
        "{stylizers} styles, {grown} generators that grew, {denoisers} denoisers"
    );
}

#[test]
fn the_denoiser_draws_the_digit_that_is_asked_for() {
    let open = |name| {
        let path = easel_tests::data::root().join("models").join(name);
        Model::open(&path, &EngineOptions::default()).unwrap()
    };
    let (mut model, mut judge) = (open("ddpm-mnist.onnx"), open("lenet-mnist.onnx"));
    let denoiser = Denoiser::new(&model.card).unwrap();
    let draws: Vec<_> = (0..200).map(|at| Draw { label: at % 10, seed: 5, number: at as u32 / 10 }).collect();
    let (steps, guidance) = (denoiser.default_steps(&Sampler::DpmSolver), denoiser.default_guidance());
    let request = SampleRequest { draws: draws.clone(), sampler: Sampler::DpmSolver, steps, guidance };
    let pictures = pollster::block_on(denoiser.sample(&mut model.engine, &request, |_| {})).unwrap();
    let answers = pollster::block_on(classify(&mut judge.engine, &judge.card, &pictures)).unwrap();
    let right = draws.iter().zip(&answers).filter(|(draw, answers)| answers[0].label == draw.label).count();
    assert!(right >= 190, "{right} of 200");
}
