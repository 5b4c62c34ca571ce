//! What the shipped classifier says of real digits when it evaluates pictures.

use candle_core::Device;
use easel_runtime::ModelCard;
use easel_tests::data::{real, root};
use easel_train::Weights;
use easel_train::data::{self, Source};
use easel_train::metrics::classifier_input::format;
use easel_train::metrics::{SampleSets, classification, frechet};
use easel_train::networks::Network;
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
    let evaluation = classification::evaluate(&classifier, &test, &Device::Cpu).unwrap();
    assert!(evaluation.confusion.accuracy() > 0.99, "{}", evaluation.confusion.accuracy());
    // None of these is in the test set.
    let first: Vec<u32> = (0..1000).collect();
    let training = data::load(&source, format(&classifier)).unwrap().subset(&first);
    let sets = SampleSets::draw(&training, &test, &classifier, &Device::Cpu, 0).unwrap();
    assert_eq!(sets.count(), 1000);
    let found = sets.metric("frechet", frechet::distance).unwrap();
    let (baseline, noise) = (found.baseline.unwrap(), found.noise_baseline.unwrap());
    assert!(found.value < 3.0 * baseline && 30.0 * baseline < noise, "{found:?}");
}
