//! Stylizers in int8: the file, and the program.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use candle_core::{DType, Device, Tensor as CandleTensor};
use easel_export::Error;
use easel_export::export::{ExportOptions, ExportedModel, export, export_int8};
use easel_export::quantise::{CalibrationSet, PictureDifference};
use easel_native::{EngineOptions, OrtEngine};
use easel_runtime::card::Provenance;
use easel_runtime::onnx::statistics_outputs;
use easel_runtime::stylizer::statistics::gather;
use easel_runtime::{ModelCard, Random, Tensor};
use easel_scenes::scene;
use easel_train::networks::gan;
use easel_train::networks::style::{Sizes, Stylizer};
use easel_train::{Params, Weights};

fn params() -> Params {
    Params::new(DType::F32, &Device::Cpu, Random::new(5, 0))
}

fn pictures() -> CalibrationSet {
    CalibrationSet::split((0..12).map(|at| scene(0, at, 48, 72).0)).unwrap()
}

fn engine(model: &[u8]) -> OrtEngine {
    OrtEngine::load(model, &EngineOptions { threads: Some(1), ..Default::default() }).unwrap()
}

fn stylized(engine: &mut OrtEngine, image: &Tensor) -> Tensor {
    engine.run_blocking(&[("image", image)]).unwrap().remove(0).1
}

/// A small network in float32 and in int8.
fn both(pictures: &CalibrationSet) -> [ExportedModel; 2] {
    let network = Stylizer::new(params().root(), Sizes { width: 4 }).unwrap();
    let (architecture, options) = (network.sizes().architecture(), ExportOptions::default());
    let whole = export(&network, architecture.clone(), Provenance::default(), &options).unwrap();
    let int8 = export_int8(&network, architecture, Provenance::default(), pictures, 30.0, &options);
    [whole, int8.unwrap_or_else(|error| panic!("{error}"))]
}

#[test]
fn the_card_holds_the_evaluation() {
    let pictures = pictures();
    let [whole, int8] = both(&pictures);
    assert!(both(&pictures)[1].bytes == int8.bytes);
    assert_eq!(ModelCard::from_model(&int8.bytes).unwrap(), int8.card);
    let found = int8.card.verification.int8.unwrap();
    assert_eq!((found.calibrated_on, found.evaluated_on), (8, 4));

    let [mut float32, mut bytes] = [&whole, &int8].map(|file| engine(&file.bytes));
    let pairs: Vec<_> = pictures
        .evaluation
        .iter()
        .map(|picture| (stylized(&mut float32, picture), stylized(&mut bytes, picture)))
        .collect();
    let difference = PictureDifference::between(pairs.iter().map(|(a, b)| (a, b))).unwrap();
    assert!(
        (difference.psnr - found.psnr).abs() < 0.01 && (difference.worst_psnr - found.worst_psnr).abs() < 0.01,
        "{difference:?}"
    );
    assert!(pollster::block_on(easel_runtime::golden::check(&mut bytes, &int8.card)).unwrap().unwrap() < 1e-3);
    assert!(int8.card.sample.is_some());
}

#[test]
fn the_error_of_a_low_psnr_holds_it() {
    let network = Stylizer::new(params().root(), Sizes { width: 4 }).unwrap();
    let (architecture, options) = (network.sizes().architecture(), ExportOptions::default());
    let error = export_int8(&network, architecture, Provenance::default(), &pictures(), 99.0, &options).err().unwrap();
    let Error::LowPsnr { psnr, min, pictures } = error else { panic!("{error}") };
    assert!((30.0..99.0).contains(&psnr) && min == 99.0 && pictures == 4, "{psnr}");
}

#[test]
fn any_size_and_batch() {
    let [whole, int8] = both(&pictures());
    let [mut float32, mut bytes] = [&whole, &int8].map(|file| engine(&file.bytes));
    for shape in [[1, 3, 1, 1], [1, 3, 5, 9], [2, 3, 61, 83]] {
        let image = Tensor::new(shape, Random::new(2, 0).uniforms(shape.iter().product(), 0.0, 1.0)).unwrap();
        let (expected, found) = (stylized(&mut float32, &image), stylized(&mut bytes, &image));
        assert_eq!(expected.shape(), found.shape());
        let psnr = PictureDifference::between([(&expected, &found)]).unwrap().psnr;
        assert!(psnr > 20.0, "{shape:?}: {psnr}");
    }
}

#[test]
fn statistics_are_those_of_float32_and_can_be_fed() {
    let pictures = pictures();
    let image = &pictures.evaluation[0];
    let with_statistics = |file: &ExportedModel| {
        let outputs = statistics_outputs(&file.bytes).unwrap().unwrap();
        let mut found = engine(&[&file.bytes[..], &outputs].concat()).run_blocking(&[("image", image)]).unwrap();
        let stylized = found.remove(0).1;
        (stylized, gather(&found).unwrap())
    };
    let [whole, int8] = both(&pictures);
    let ((_, expected), (own, statistics)) = (with_statistics(&whole), with_statistics(&int8));
    // Standard deviations, since a variance would double the relative error.
    let channels = expected.shape()[1];
    for (at, (a, b)) in expected.as_f32().unwrap().iter().zip(statistics.as_f32().unwrap()).enumerate() {
        let deviation = expected.as_f32().unwrap()[channels + at % channels].sqrt();
        let difference = if at < channels { a - b } else { a.sqrt() - b.sqrt() };
        assert!(difference.abs() < 0.1 * deviation + 1e-3, "{at}: {a} and {b}");
    }
    let mut engine = engine(&int8.bytes);
    let switch = Tensor::new([], vec![true]).unwrap();
    let mut fed = |statistics: &Tensor| {
        let inputs = [("image", image), ("use_statistics", &switch), ("statistics", statistics)];
        engine.run_blocking(&inputs).unwrap().remove(0).1
    };
    let again = PictureDifference::between([(&own, &fed(&statistics))]).unwrap();
    assert!(again.psnr > 45.0, "{again:?}");
    let doubled = statistics.as_f32().unwrap().iter().map(|value| 2.0 * value).collect::<Vec<_>>();
    let other = fed(&Tensor::new(statistics.shape(), doubled).unwrap());
    assert!(PictureDifference::between([(&own, &other)]).unwrap().psnr < 40.0);
}

struct Folder(tempfile::TempDir);

impl Folder {
    fn at(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn run(&self, args: &str) -> Output {
        let mut program = Command::new(env!("CARGO_BIN_EXE_export-onnx"));
        program.args(args.split(' ')).current_dir(self.0.path()).output().unwrap()
    }

    fn says(&self, args: &str) -> String {
        let output = self.run(args);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }

    /// The one line that begins with `error:`, with status 1.
    fn refuses(&self, args: &str) -> String {
        let output = self.run(args);
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "{stderr}");
        let errors: Vec<_> = stderr.lines().filter(|line| line.starts_with("error: ")).collect();
        assert!(errors.len() == 1 && !stderr.contains("panicked"), "{stderr}");
        errors[0].to_string()
    }
}

fn save(path: &Path, architecture: easel_runtime::card::Architecture, params: &Params, outlier: Option<f32>) {
    let mut tensors = params.to_tensors();
    if let Some(outlier) = outlier {
        // One weight so large that the others of its channel are rounded to 0.
        let weight = tensors.get_mut("unsample.6.weight").unwrap();
        let mut values = weight.flatten_all().unwrap().to_vec1::<f32>().unwrap();
        (0..3).for_each(|channel| values[channel * 81] = outlier);
        *weight = CandleTensor::from_vec(values, weight.dims(), &Device::Cpu).unwrap();
    }
    std::fs::write(path, Weights { architecture, provenance: Provenance::default(), tensors }.to_bytes().unwrap())
        .unwrap();
}

fn folder() -> Folder {
    let folder = Folder(tempfile::tempdir().unwrap());
    std::fs::create_dir_all(folder.at("photos/more")).unwrap();
    for at in 0..9 {
        let picture = scene(0, at, 40, 48).0;
        let name = if at < 7 { format!("photos/{at}.png") } else { format!("photos/more/{at}.png") };
        image::save_buffer(folder.at(&name), &picture.pixels, 48, 40, image::ColorType::Rgb8).unwrap();
    }
    let (sizes, params) = (Sizes { width: 4 }, params());
    Stylizer::new(params.root(), sizes).unwrap();
    save(&folder.at("style.safetensors"), sizes.architecture(), &params, None);
    save(&folder.at("odd.safetensors"), sizes.architecture(), &params, Some(3.0));
    folder
}

#[test]
fn a_model_is_quantised() {
    let folder = folder();
    folder.says("style.safetensors -o whole.onnx --title Waves --licence CC0-1.0");
    let line = folder.says("whole.onnx -o int8.onnx --int8 --calibrate photos");
    assert!(line.contains("dB PSNR from float32 on 3 pictures"), "{line}");
    let card = ModelCard::from_model(&std::fs::read(folder.at("int8.onnx")).unwrap()).unwrap();
    assert_eq!((card.title.as_str(), card.licence.as_str()), ("Waves", "CC0-1.0"));
    let int8 = card.verification.int8.unwrap();
    assert!(line.contains(&format!("{:.2} dB", int8.psnr)), "{line}");

    let text = folder.says("inspect int8.onnx");
    assert!(text.contains("stored       in int8") && text.contains("calibrated on 6 others"), "{text}");
    let line = folder.says("verify int8.onnx");
    assert!(line.contains("golden output"), "{line}");
    assert!(folder.refuses("verify int8.onnx --update").contains("int8.onnx: "));
    assert!(folder.refuses("int8.onnx -o again.onnx").contains("int8.onnx: "));
}

#[test]
fn a_low_psnr_is_refused() {
    let folder = folder();
    let line = folder.refuses("odd.safetensors -o int8.onnx --int8 --calibrate photos");
    assert!(line.contains("odd.safetensors: ") && line.contains("--force"), "{line}");
    assert!(!folder.at("int8.onnx").exists());
    folder.says("odd.safetensors -o int8.onnx --int8 --calibrate photos --force");
    let card = ModelCard::from_model(&std::fs::read(folder.at("int8.onnx")).unwrap()).unwrap();
    assert!(card.verification.int8.unwrap().psnr < 30.0, "{card:?}");
}

#[test]
fn unsuitable_pictures_and_networks_are_named() {
    let folder = folder();
    let with = |calibrate: &str| folder.refuses(&format!("style.safetensors -o m.onnx --int8 --calibrate {calibrate}"));
    let error = with("photos/more");
    assert!(error.contains("photos/more: 2 ") && error.contains("at least 8"), "{error}");
    assert!(with("nowhere").contains("nowhere: "));
    let (sizes, generator) = (gan::Sizes { z_dim: 3, hidden: 4, picture: [1, 2, 2] }, params());
    gan::Generator::new(generator.root(), sizes).unwrap();
    save(&folder.at("gan.safetensors"), sizes.architecture(), &generator, None);
    let line = folder.refuses("gan.safetensors -o m.onnx --int8 --calibrate photos");
    assert!(line.contains("gan.safetensors: --int8") && line.contains("generator"), "{line}");
    for misuse in ["--int8", "--calibrate photos", "--force", "--int8 --calibrate photos --half"] {
        let output = folder.run(&format!("style.safetensors -o m.onnx {misuse}"));
        assert_eq!(output.status.code(), Some(2), "{misuse}");
    }
    assert!(!folder.at("m.onnx").exists());
}
