//! The engine against ONNX Runtime, on every model that ships and on what export-onnx can write.

use std::sync::Arc;

use easel_engine::{Level, Model, Session, SessionOptions};
use easel_native::{EngineOptions, OrtEngine};
use easel_runtime::onnx::{Dimension, ValueInfo, statistics_outputs};
use easel_runtime::tensor::Data;
use easel_runtime::{Random, Tensor};

fn session(model: &[u8], level: Level) -> Session {
    let model = Model::load(model, level).unwrap_or_else(|error| panic!("{error}"));
    Session::new(Arc::new(model), &SessionOptions { threads: Some(1) }).unwrap()
}

fn shipped(name: &str) -> Vec<u8> {
    let path = easel_tests::data::root().join("models").join(format!("{name}.onnx"));
    std::fs::read(path).unwrap()
}

/// An input of a kind that the model takes; `sizes` are those of its named dimensions.
fn input(info: &ValueInfo, sizes: [usize; 3], seed: u64) -> Tensor {
    let [batch, height, width] = sizes;
    let size = |(axis, dim): (usize, &Dimension)| match dim {
        Dimension::Fixed(size) => *size,
        Dimension::Named(_) => [batch, 3, height, width][axis],
    };
    let dims: Vec<_> = info.dims.iter().enumerate().map(size).collect();
    let count = dims.iter().product();
    let mut random = Random::new(seed, 0);
    let data: Data = match info.element.as_str() {
        "int64" => random.uniforms(count, 0.0, 10.0).into_iter().map(|value| value as i64).collect::<Vec<_>>().into(),
        _ if info.name == "image" => random.uniforms(count, 0.0, 1.0).into(),
        _ => random.normals(count).into(),
    };
    Tensor::new(dims, data).unwrap()
}

/// Compares all outputs for some sizes, and returns the largest difference.
fn compare(model: &[u8], level: Level, sizes: &[[usize; 3]], more: &[(&str, Tensor)]) -> f32 {
    let mut reference = OrtEngine::load(model, &EngineOptions { threads: Some(1), ..EngineOptions::default() }).unwrap();
    let mut session = session(model, level);
    let mut worst = 0f32;
    for &sizes in sizes {
        let infos: Vec<_> = session.model().inputs().iter().filter(|info| !info.optional).cloned().collect();
        let tensors: Vec<_> =
            infos.iter().zip(7..).map(|(info, seed)| (info.name.as_str(), input(info, sizes, seed))).collect();
        let inputs: Vec<_> = tensors.iter().chain(more).map(|(name, tensor)| (*name, tensor)).collect();
        let wanted = reference.run_blocking(&inputs).unwrap();
        // Twice: the second run finds the memory as the first one leaves it.
        session.run_blocking(&inputs).unwrap_or_else(|error| panic!("{sizes:?}: {error}"));
        let found = session.run_blocking(&inputs).unwrap();
        assert_eq!(found.len(), wanted.len());
        for ((name, wanted), (own, found)) in wanted.iter().zip(&found) {
            assert_eq!((name, wanted.shape()), (own, found.shape()), "{sizes:?}");
            let pairs = wanted.as_f32().unwrap().iter().zip(found.as_f32().unwrap());
            let apart = pairs.map(|(a, b)| (a - b).abs() / a.abs().max(1.0)).fold(0f32, |worst, apart| if apart.is_nan() { f32::NAN } else { worst.max(apart) });
            assert!(apart <= 1e-4, "{name} at {sizes:?}: {apart}");
            worst = worst.max(apart);
        }
    }
    worst
}

#[test]
fn generators_classifiers_and_denoisers_match() {
    for name in ["gan-mnist", "lenet-mnist", "progan-scenes", "ddpm-mnist"] {
        for level in Level::available() {
            let worst = compare(&shipped(name), level, &[[1, 0, 0], [3, 0, 0]], &[]);
            println!("{name}, {level:?}: {worst:e}");
        }
    }
}

/// The statistics of a picture, as the model takes them.
fn statistics_of(model: &[u8], sizes: [usize; 3]) -> Tensor {
    let mut session = session(model, Level::detect());
    let image = input(&session.model().inputs()[0].clone(), sizes, 1);
    let found = session.run_blocking(&[("image", &image)]).unwrap();
    let of = |prefix: &str| found.iter().filter(|(name, _)| name.starts_with(prefix)).flat_map(|(_, tensor)| tensor.as_f32().unwrap().to_vec()).collect::<Vec<_>>();
    let rows = [of("statistics.mean."), of("statistics.variance.")].concat();
    Tensor::new([2, rows.len() / 2], rows).unwrap()
}

#[test]
fn stylizers_match_at_any_size() {
    let sizes = [[1, 1, 1], [1, 5, 9], [1, 61, 83], [3, 16, 40], [2, 96, 72]];
    for name in ["wave", "scream", "starry-night"] {
        let mut model = shipped(name);
        let worst = compare(&model, Level::detect(), &sizes, &[]);
        model.extend(statistics_outputs(&model).unwrap().unwrap());
        let with_statistics = compare(&model, Level::detect(), &sizes, &[]);
        let statistics = statistics_of(&model, [1, 90, 120]);
        let given = [("use_statistics", Tensor::new([], vec![true]).unwrap()), ("statistics", statistics)];
        let fed = compare(&model, Level::detect(), &sizes, &given);
        println!("{name}: {worst:e}, {with_statistics:e}, {fed:e}");
    }
}
