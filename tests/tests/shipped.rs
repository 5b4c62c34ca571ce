//! The models that ship.

use std::fs;

use easel_export::verify::verify_file;
use easel_runtime::ModelCard;
use easel_runtime::card::Kind;
use easel_train::networks::progan::FOLDED;

#[test]
fn every_model_computes_what_its_weights_say() {
    let folder = easel_tests::data::root().join("models");
    let (mut stylizers, mut grown) = (0, 0);
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|extension| extension != "onnx") {
            continue;
        }
        let (bytes, name) = (fs::read(&path).unwrap(), path.display());
        let card = ModelCard::from_model(&bytes).unwrap_or_else(|error| panic!("{name}: {error}"));
        let found = verify_file(&bytes, None).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert!(found.max_difference <= 1e-4, "{name}: {}", found.max_difference);
        assert!(card.licence != "unknown" && card.provenance.steps.is_some(), "{name}: {card:?}");
        if card.architecture.name == FOLDED {
            grown += 1;
            assert!(bytes.len() < 2_000_000, "{name}: {} bytes", bytes.len());
        }
        if card.kind == Kind::Stylizer {
            stylizers += 1;
            assert!(bytes.len() < 1_000_000, "{name}: {} bytes", bytes.len());
            assert!(card.sample.is_some() && card.provenance.style.is_some(), "{name}");
            assert!(card.verification.rounding.is_some_and(|by| by < 0.01), "{name}");
        }
    }
    assert!(stylizers >= 3 && grown >= 1, "{stylizers} styles, {grown} generators that grew");
}
