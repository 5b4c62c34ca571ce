//! From a network to a file that other engines run.

use std::collections::HashMap;

use candle_core::{DType, Device, Tensor};
use easel_export::export::{ExportOptions, ExportedModel, export};
use easel_export::verify::verify_file;
use easel_export::{Dim, Error, Exportable, Graph, NamedTensors, NormForm, Storage};
use easel_native::{EngineOptions, OrtEngine};
use easel_runtime::card::{Kind, PictureFormat, Provenance};
use easel_runtime::{ModelCard, Random};
use easel_train::networks::gan::{self, Generator};
use easel_train::networks::lenet::{self, Lenet};
use easel_train::networks::style::{self, Stylizer};
use easel_train::{Params, Result, Value};

fn params() -> Params {
    Params::new(DType::F32, &Device::Cpu, Random::new(5, 0))
}

fn small_gan() -> Generator {
    Generator::new(params().root(), gan::Sizes { z_dim: 6, hidden: 16, picture: [1, 4, 5] }).unwrap()
}

fn small_stylizer() -> Stylizer {
    Stylizer::new(params().root(), style::Sizes { width: 4 }).unwrap()
}

fn exported(
    network: &dyn Exportable,
    architecture: easel_runtime::card::Architecture,
    norms: NormForm,
) -> ExportedModel {
    export(network, architecture, Provenance::default(), &ExportOptions { norms, ..ExportOptions::default() }).unwrap()
}

#[test]
fn a_generator_is_the_same_file_each_time_and_carries_its_card() {
    let network = small_gan();
    let export = || exported(&network, network.sizes().architecture(), NormForm::default());
    let first = export();
    assert_eq!(first.bytes, export().bytes);
    assert_eq!(ModelCard::from_model(&first.bytes).unwrap(), first.card);
    assert!(first.card.verification.max_difference < 1e-5);
    assert_eq!(first.card.verification.shapes, [[1, 6], [3, 6], [64, 6]]);
}

#[test]
fn candle_onnx_evaluates_the_generator_too() {
    let network = small_gan();
    let file = exported(&network, network.sizes().architecture(), NormForm::default());
    let model = <candle_onnx::onnx::ModelProto as prost::Message>::decode(&file.bytes[..]).unwrap();
    let z = Tensor::from_vec(Random::new(1, 0).uniforms(12, -1.0, 1.0), (2, 6), &Device::Cpu).unwrap();
    let outputs = candle_onnx::simple_eval(&model, HashMap::from([("z".to_string(), z.clone())])).unwrap();
    let difference = (&outputs["image"] - network.pictures(&z).unwrap()).unwrap().abs().unwrap();
    assert!(difference.flatten_all().unwrap().max(0).unwrap().to_scalar::<f32>().unwrap() < 1e-6);
}

#[test]
fn a_file_is_verified_by_the_weights_inside_it() {
    let network = small_stylizer();
    for norms in [NormForm::Statistics, NormForm::Operator] {
        let file = exported(&network, network.sizes().architecture(), norms);
        assert!(verify_file(&file.bytes, None).unwrap().max_difference < 1e-4);
        // A weight that is changed inside the file changes both sides; a constant outside the network does not.
        let text = file.bytes.windows(4).position(|bytes| bytes == 0.485f32.to_le_bytes()).unwrap();
        let mut changed = file.bytes.clone();
        changed[text..text + 4].copy_from_slice(&0.6f32.to_le_bytes());
        let error = verify_file(&changed, None).unwrap_err();
        assert!(matches!(error, Error::OutputDifference { output, .. } if output == "stylized"));
    }
}

#[test]
fn a_classifier_carries_its_classes_and_its_normalisation() {
    let sizes = lenet::Sizes { channels: 3, classes: 2 };
    let network = Lenet::new(params().root(), sizes).unwrap();
    let with = |classes: &[&str]| {
        let classes = classes.iter().map(|class| class.to_string()).collect();
        let options = ExportOptions { classes, ..ExportOptions::default() };
        export(&network, sizes.architecture(), Provenance::default(), &options)
    };
    let file = with(&["cat", "dog"]).unwrap();
    assert_eq!(file.card.kind, Kind::Classifier { class_count: 2 });
    assert_eq!(ModelCard::from_model(&file.bytes).unwrap().classes, ["cat", "dog"]);
    assert!(verify_file(&file.bytes, None).unwrap().max_difference < 1e-4);
    assert!(with(&[]).unwrap().card.classes.is_empty());
    assert!(matches!(with(&["cat"]), Err(Error::ClassCount { names: 1, network: 2 })));

    let mut engine = OrtEngine::load(&file.bytes, &EngineOptions::default()).unwrap();
    // The network's preprocessing maps middle grey to 0.
    let grey = easel_runtime::Tensor::new([1, 3, 32, 32], vec![0.5f32; 3 * 32 * 32]).unwrap();
    let found = engine.run_blocking(&[("image", &grey)]).unwrap().remove(0).1.into_f32().unwrap();
    let zeros = Tensor::zeros((1, 3, 32, 32), DType::F32, &Device::Cpu).unwrap();
    let expected = network.forward(&zeros).unwrap().flatten_all().unwrap().to_vec1::<f32>().unwrap();
    assert!(found.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-5));
}

/// Tiles are stylized with the statistics of the whole picture.
#[test]
fn fed_statistics_replace_the_pictures_own() {
    let network = small_stylizer();
    let file = exported(&network, network.sizes().architecture(), NormForm::Statistics);
    let mut engine = OrtEngine::load(&file.bytes, &EngineOptions { threads: Some(1), ..Default::default() }).unwrap();
    assert_eq!(engine.inputs().iter().filter(|input| !input.optional).count(), 1);
    let channels = 4 + 8 + 16 + 8 + 4;
    let image = easel_runtime::Tensor::new([1, 3, 16, 16], Random::new(1, 0).uniforms(3 * 256, 0.0, 1.0)).unwrap();
    let fed = easel_runtime::Tensor::new([2, channels], [vec![0f32; channels], vec![1.0; channels]].concat()).unwrap();
    let switch = |on| easel_runtime::Tensor::new([], vec![on]).unwrap();
    let mut run = |inputs: &[(&str, &easel_runtime::Tensor)]| engine.run_blocking(inputs).unwrap().remove(0).1;
    let own = run(&[("image", &image)]);
    let off = run(&[("image", &image), ("use_statistics", &switch(false)), ("statistics", &fed)]);
    let on = run(&[("image", &image), ("use_statistics", &switch(true)), ("statistics", &fed)]);
    assert_eq!(own, off);
    assert_ne!(own, on);
}

/// A network of another crate.
struct Inverter {
    gain: f32,
    recorded_gain: f32,
}

impl Inverter {
    fn forward<V: Value>(&self, image: &V, gain: f32) -> Result<V> {
        image.channel_affine(&[-gain; 3], &[1.0; 3])?.clamp(0.0, 1.0)
    }
}

impl Exportable for Inverter {
    fn title(&self) -> String {
        "Inverter".into()
    }

    fn kind(&self) -> Kind {
        Kind::Stylizer
    }

    fn picture(&self) -> Option<PictureFormat> {
        small_stylizer().picture()
    }

    fn record(&self, graph: &Graph) -> Result<()> {
        let dims = [Dim::Named("batch"), Dim::Fixed(3), Dim::Named("height"), Dim::Named("width")];
        let image = graph.input("image", &dims);
        graph.output("stylized", &self.forward(&image, self.recorded_gain)?, &dims);
        Ok(())
    }

    fn test_inputs(&self) -> Result<Vec<NamedTensors>> {
        small_stylizer().test_inputs()
    }

    fn compute(&self, inputs: &[(&'static str, Tensor)]) -> Result<NamedTensors> {
        Ok(vec![("stylized", self.forward(&inputs[0].1, self.gain)?)])
    }
}

#[test]
fn a_network_of_another_crate_exports_and_a_wrong_graph_is_refused() {
    let architecture = || easel_runtime::card::Architecture { name: "inverter".into(), sizes: Default::default() };
    let right = Inverter { gain: 0.9, recorded_gain: 0.9 };
    assert_eq!(exported(&right, architecture(), NormForm::default()).card.title, "Inverter");
    let wrong = Inverter { gain: 0.9, recorded_gain: 0.901 };
    let error = export(&wrong, architecture(), Provenance::default(), &ExportOptions::default()).err().unwrap();
    let Error::OutputDifference { index, found, expected, .. } = error else { panic!("{error}") };
    assert!(index.len() == 4 && (f64::from(found - expected).abs() - 1e-3).abs() < 1e-3, "{found} {expected}");
}

#[test]
fn a_weight_beyond_float16_is_named() {
    let params = params();
    let sizes = gan::Sizes { z_dim: 6, hidden: 16, picture: [1, 4, 5] };
    let network = Generator::new(params.root(), sizes).unwrap();
    let weight = params.all().into_iter().find(|param| param.dims().len() == 2).unwrap();
    weight.var().set(&Tensor::full(1e6f32, weight.dims(), &Device::Cpu).unwrap()).unwrap();
    let options = ExportOptions { storage: Storage::Half, ..ExportOptions::default() };
    let error = export(&network, sizes.architecture(), Provenance::default(), &options).err().unwrap();
    let Error::Float16Overflow { parameter, value } = error else { panic!("{error}") };
    assert_eq!((parameter.as_str(), value), (weight.name(), f32::INFINITY));
}
