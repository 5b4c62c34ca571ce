//! ONNX Runtime itself behind the `Engine` trait. Needs its library: `cargo xtask setup`.

mod common;

use easel_native::stylize::{IoOptions, Stylizer};
use easel_native::{Dimension, EngineOptions, Error, Model, OrtEngine};
use easel_runtime::tensor::Data;
use easel_runtime::{Device, Engine, Tensor, generator};

fn on_cpu() -> EngineOptions {
    EngineOptions { device: Device::Cpu, threads: Some(1), ..EngineOptions::default() }
}

fn load(model: &[u8]) -> OrtEngine {
    OrtEngine::load(model, &on_cpu()).unwrap_or_else(|error| panic!("{error}"))
}

#[test]
fn computes_what_the_graph_says() {
    let mut engine = load(&common::generator());
    let z = generator::latents(&common::generator_card(), 3, 0, 5).unwrap();
    let image = pollster::block_on(generator::generate(&mut engine, &z)).unwrap();
    assert_eq!(image.shape(), [5, 1, 2, 2]);
    for (&pixel, &z) in image.as_f32().unwrap().iter().zip(z.as_f32().unwrap()) {
        assert!((pixel - 1.0 / (1.0 + (-z).exp())).abs() < 1e-6, "sigmoid({z}) came out as {pixel}");
    }
}

#[test]
fn says_what_it_is() {
    let engine = load(&common::generator());
    let version = easel_native::onnxruntime_version().unwrap();
    assert_eq!(engine.describe(), format!("ONNX Runtime {version} on CPU, 1 thread"));
    assert_eq!(engine.note(), None);
    let [input] = engine.inputs() else { panic!("{:?}", engine.inputs()) };
    assert_eq!((input.name.as_str(), input.element.as_str(), input.optional), ("z", "float32", false));
    assert_eq!(input.dims, [Dimension::Named("batch".into()), Dimension::Fixed(4)]);
    assert_eq!(engine.outputs()[0].to_string(), "image float32 [batch, 1, 2, 2]");
}

#[test]
fn every_element_type_goes_in_and_out_and_initializers_can_be_overridden() {
    let mut engine = load(&common::switch());
    let listed: Vec<_> = engine.inputs().iter().map(|input| (input.name.as_str(), input.optional)).collect();
    assert_eq!(listed, [("x", false), ("label", false), ("use_given", true), ("replacement", true)]);

    let x = Tensor::new([2], vec![0.5f32, 0.25]).unwrap();
    let label = Tensor::new([2], vec![7i64, i64::MIN]).unwrap();
    let mut run = |more: &[(&str, &Tensor)]| {
        let inputs = [&[("x", &x), ("label", &label)], more].concat();
        let outputs = engine.run_blocking(&inputs).unwrap();
        let names: Vec<_> = outputs.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["given", "label_out", "use_given_out"]);
        assert_eq!(outputs[1].1, label);
        (outputs[0].1.clone(), outputs[2].1.data().clone())
    };
    assert_eq!(run(&[]), (x.clone(), Data::Bool(vec![false])));

    let yes = Tensor::new([1], vec![true]).unwrap();
    let minus_ones = Tensor::new([2], vec![-1f32, -1.0]).unwrap();
    assert_eq!(run(&[("use_given", &yes)]), (minus_ones, Data::Bool(vec![true])));
    let nine = Tensor::new([1], vec![9f32]).unwrap();
    let nines = Tensor::new([2], vec![9f32, 9.0]).unwrap();
    assert_eq!(run(&[("replacement", &nine), ("use_given", &yes)]).0, nines);
}

#[test]
fn an_empty_batch_stays_empty() {
    let mut engine = load(&common::switch());
    let x = Tensor::new([0], Vec::<f32>::new()).unwrap();
    let label = Tensor::new([0], Vec::<i64>::new()).unwrap();
    let outputs = engine.run_blocking(&[("x", &x), ("label", &label)]).unwrap();
    assert_eq!((&outputs[0].1, &outputs[1].1), (&x, &label));
}

#[test]
fn inputs_that_do_not_fit_are_errors_of_one_line() {
    let mut engine = load(&common::generator());
    let good = Tensor::new([1, 4], vec![0f32; 4]).unwrap();
    let wide = Tensor::new([1, 5], vec![0f32; 5]).unwrap();
    let integers = Tensor::new([1, 4], vec![0i64; 4]).unwrap();
    let cases: [(&[(&str, &Tensor)], &str); 4] = [
        (&[], "`z`"),
        (&[("z", &good), ("label", &good)], "`label`"),
        (&[("z", &wide)], "4"),
        (&[("z", &integers)], "int64"),
    ];
    for (inputs, fact) in cases {
        match engine.run_blocking(inputs).unwrap_err() {
            easel_runtime::Error::Engine(reason) => {
                assert!(reason.contains(fact) && !reason.contains('\n'), "{reason}");
            }
            other => panic!("{other}"),
        }
    }
    assert!(engine.run_blocking(&[("z", &good)]).is_ok(), "an error does not spoil the engine");
}

#[test]
fn a_graph_that_cannot_be_run_is_an_error() {
    let mut graph = common::generator_graph();
    graph.nodes[0] = common::node("Sigmoidal", &["z"], "s");
    let bytes = common::model(&graph, Some(&common::generator_card().to_json()));
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.onnx");
    std::fs::write(&path, bytes).unwrap();
    for device in [Device::Cpu, Device::Auto, Device::Cuda(0)] {
        let error = Model::open(&path, &EngineOptions { device, ..on_cpu() }).unwrap_err();
        assert!(!error.to_string().contains('\n'), "{error}");
        match error {
            Error::Model { path: named, source: easel_runtime::Error::Engine(reason) } => {
                assert!(named == path && reason.contains("Sigmoidal"), "{device}: {reason}");
            }
            other => panic!("{device}: {other}"),
        }
    }
}

#[test]
fn a_file_opens_with_its_card() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.onnx");
    std::fs::write(&path, common::generator()).unwrap();
    let mut model = Model::open(&path, &on_cpu()).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(model.card, common::generator_card());
    let z = generator::latents(&model.card, 1, 0, 1).unwrap();
    assert!(model.engine.run_blocking(&[("z", &z)]).is_ok());
}

#[test]
fn one_process_has_one_library() {
    let _first = load(&common::generator());
    let other = EngineOptions { library: Some("elsewhere/libonnxruntime.so".into()), ..on_cpu() };
    let error = OrtEngine::load(&common::generator(), &other).unwrap_err();
    assert!(matches!(error, Error::LibraryAlreadyLoaded { .. }), "{error}");
}

#[test]
fn a_model_of_another_kind_says_which() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.onnx");
    std::fs::write(&path, common::generator()).unwrap();
    match Stylizer::open(&path, IoOptions::default(), &on_cpu()).unwrap_err() {
        Error::WrongKind { path: named, found, wanted } => {
            assert_eq!((named, found, wanted), (path.clone(), "generator", "stylizer"));
        }
        other => panic!("{other}"),
    }
    std::fs::write(&path, common::negative(true)).unwrap();
    let io = IoOptions { bgr: true, ..IoOptions::default() };
    match Stylizer::open(&path, io, &on_cpu()).unwrap_err() {
        Error::InapplicableOption { path: named, option, .. } => assert_eq!((named, option), (path.clone(), "--bgr")),
        other => panic!("{other}"),
    }
    std::fs::write(&path, common::switch()).unwrap();
    match Stylizer::open(&path, IoOptions::default(), &on_cpu()).unwrap_err() {
        Error::ModelInterface { path: named, reason } => assert!(named == path && reason.contains("label int64 [n]")),
        other => panic!("{other}"),
    }
}

#[test]
fn a_device_that_is_not_there_is_an_error() {
    let options = EngineOptions { device: Device::Cuda(999), ..on_cpu() };
    match OrtEngine::load(&common::generator(), &options).unwrap_err() {
        Error::DeviceUnavailable { device, .. } => assert_eq!(device, Device::Cuda(999)),
        other => panic!("{other}"),
    }
}
