//! The shipped classifier, in ONNX Runtime, on data that it was not trained on.

use easel_native::{EngineOptions, Model};
use easel_runtime::classifier::{class_name, classify};
use easel_runtime::polarity::Invert;
use easel_runtime::{ModelCard, PolarityMatcher, Tensor};
use easel_tests::data::{real, root};
use easel_train::data::{PictureFormat, Pictures, idx, mnist_files, synthetic};

const FORMAT: PictureFormat = PictureFormat { channels: 1, height: 32, width: 32 };

/// The part of the pictures that the shipped classifier tells rightly, by the classes' names.
fn accuracy(pictures: &Pictures) -> f64 {
    let mut model = Model::open(&root().join("models/lenet-mnist.onnx"), &EngineOptions::default()).unwrap();
    let all: Vec<u32> = (0..pictures.len() as u32).collect();
    let mut right = 0;
    for indices in all.chunks(500) {
        let batch = Tensor::new([indices.len(), 1, FORMAT.height, FORMAT.width], pictures.batch(indices)).unwrap();
        let answers = pollster::block_on(classify(&mut model.engine, &model.card, &batch)).unwrap();
        right += indices
            .iter()
            .zip(answers)
            .filter(|(index, answers)| {
                let label = pictures.labels[**index as usize] as usize;
                class_name(&model.card, answers[0].label) == pictures.classes[label]
            })
            .count();
    }
    right as f64 / pictures.len() as f64
}

/// Whether the shipped classifier's pictures would be inverted, of each picture as it is and in negative.
fn inverted(pictures: &Pictures) -> [usize; 2] {
    let model = std::fs::read(root().join("models/lenet-mnist.onnx")).unwrap();
    let border = ModelCard::from_model(&model).unwrap().provenance.border;
    [0, 255].map(|mask| {
        let mut polarity = PolarityMatcher::new(Invert::Auto, border, FORMAT.channels);
        for index in 0..pictures.len() {
            let mut pixels: Vec<u8> = pictures.pixels_of(index).iter().map(|value| value ^ mask).collect();
            polarity.apply(&mut pixels, [FORMAT.height, FORMAT.width]);
        }
        polarity.inverted()
    })
}

#[test]
fn mnists_test_pictures() {
    let Some(folder) = real("mnist") else { return };
    let files = mnist_files::find_set(&folder, "t10k").unwrap().expect("the test set is there");
    let pictures = idx::load(&files, "mnist".into(), FORMAT).unwrap();
    assert_eq!(pictures.len(), 10_000);
    let accuracy = accuracy(&pictures);
    assert!(accuracy >= 0.99, "{accuracy}");
    assert_eq!(inverted(&pictures), [0, 10_000]);
}

/// Digits that nobody wrote by hand are further away, but still digits.
#[test]
fn drawn_digits() {
    let pictures = synthetic::digits(1_000, 3, FORMAT);
    let accuracy = accuracy(&pictures);
    assert!(accuracy > 0.8, "{accuracy}");
    assert_eq!(inverted(&pictures), [0, 1_000]);
}
