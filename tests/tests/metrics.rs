//! What the shipped classifier makes of real digits when it judges others.

use candle_core::Device;
use easel_runtime::ModelCard;
use easel_tests::data::{real, root};
use easel_train::Weights;
use easel_train::data::{self, Source};
use easel_train::metrics::features::{Samples, format};
use easel_train::metrics::frechet;
use easel_train::networks::Network;
use easel_train::recipes::judgement::judge;
use easel_train::recipes::lenet::load_test;

#[test]
fn real_digits_are_near_and_noise_is_far() {
    let Some(mnist) = real("mnist") else { return };
    let bytes = std::fs::read(root().join("models/lenet-mnist.onnx")).unwrap();
    let card = ModelCard::from_model(&bytes).unwrap();
    let network = Weights::from_model(&bytes, &card).unwrap().network().unwrap();
    let Network::Lenet(classifier) = network else { panic!("another network came back") };
    let source = Source::Path(mnist);
    let test = load_test(&source, format(&classifier), &card.classes).unwrap();
    assert!(judge(&classifier, &test, &Device::Cpu).unwrap().accuracy() > 0.99);
    // None of these was in the test set.
    let first: Vec<u32> = (0..1000).collect();
    let training = data::load(&source, format(&classifier)).unwrap().subset(&first);
    let samples = Samples::draw(&training, &test, &classifier, &Device::Cpu, 0).unwrap();
    assert_eq!(samples.count(), 1000);
    let found = samples.measure("frechet", frechet::distance).unwrap();
    let (floor, ceiling) = (found.floor.unwrap(), found.ceiling.unwrap());
    assert!(found.value < 3.0 * floor && 30.0 * floor < ceiling, "{found:?}");
}
