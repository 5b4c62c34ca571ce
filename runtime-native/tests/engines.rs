//! The engines of the programs: that they agree, and which one is taken.

mod common;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use common::{FLOAT, Graph, node, value};
use easel_native::{EngineChoice, EngineOptions, Error, NativeEngine};
use easel_runtime::{Device, Tensor};
use image::{Rgb, RgbImage};
use serde_json::Value;
use tempfile::TempDir;

const STYLIZE: &str = env!("CARGO_BIN_EXE_stylize");
const SAMPLE: &str = env!("CARGO_BIN_EXE_sample");
const CLASSIFY: &str = env!("CARGO_BIN_EXE_classify");

fn run(program: impl AsRef<Path>, folder: &TempDir, flags: &str) -> Output {
    let mut command = Command::new(program.as_ref());
    command.args(flags.split_whitespace()).current_dir(folder.path()).output().unwrap()
}

/// The last line of a run with `--json`.
fn last_line(program: &str, folder: &TempDir, flags: &str) -> Value {
    let output = run(program, folder, &format!("{flags} --json"));
    assert!(output.status.success(), "{flags}: {}", stderr(&output));
    serde_json::from_str(String::from_utf8(output.stdout).unwrap().lines().last().unwrap()).unwrap()
}

fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

fn shipped(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../models").join(name)
}

/// A folder with shipped models, a picture, and `sine.onnx`, which Easel's engine cannot run.
fn folder() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for name in ["wave.onnx", "gan-mnist.onnx", "ddpm-mnist.onnx", "lenet-mnist.onnx"] {
        fs::copy(shipped(name), folder.path().join(name)).unwrap();
    }
    let scene =
        |x: u32, y: u32| Rgb([(x * 255 / 301) as u8, (y * 255 / 218) as u8, (((x / 7) ^ (y / 5)) * 9 % 256) as u8]);
    RgbImage::from_fn(301, 218, scene).save(folder.path().join("a.png")).unwrap();
    fs::write(folder.path().join("sine.onnx"), sine()).unwrap();
    folder
}

/// A model of another program, whose operator is unusual.
fn sine() -> Vec<u8> {
    let dims = ["1", "3", "h", "w"];
    let graph = Graph {
        nodes: vec![node("Sin", &["x"], "wavy")],
        initializers: vec![],
        inputs: vec![value("x", FLOAT, &dims)],
        outputs: vec![value("wavy", FLOAT, &dims)],
    };
    common::model(&graph, None)
}

/// The largest difference of two pictures of a folder in levels of 255.
fn difference(folder: &TempDir, a: &str, b: &str) -> u8 {
    let [a, b] = [a, b].map(|name| image::open(folder.path().join(name)).unwrap().to_rgb8());
    assert_eq!(a.dimensions(), b.dimensions());
    a.as_raw().iter().zip(b.as_raw()).map(|(a, b)| a.abs_diff(*b)).max().unwrap()
}

#[test]
fn engines_draw_the_same_pictures_and_are_named() {
    let folder = folder();
    let runs = [
        (STYLIZE, "a.png -m wave.onnx"),
        (STYLIZE, "a.png -m wave.onnx --tile 64"),
        (STYLIZE, "a.png -m wave.onnx --tile 100 --statistics exact"),
        (STYLIZE, "a.png -m wave.onnx --max-size 77 --strength 0.7 --threads 1 --memory 1GB"),
        (SAMPLE, "-m gan-mnist.onnx -n 4 --seed 3"),
        (SAMPLE, "-m ddpm-mnist.onnx --class 7 -n 1 --steps 4"),
    ];
    for (program, flags) in runs {
        for engine in ["easel", "onnxruntime"] {
            let last = last_line(program, &folder, &format!("{flags} --device cpu --engine {engine} -o {engine}.png"));
            let summary = &last["summary"];
            assert_eq!(summary["engine_name"], engine, "{flags}");
            let words = if engine == "easel" { "Easel " } else { "ONNX Runtime " };
            assert!(summary["engine"].as_str().unwrap().starts_with(words), "{summary}");
        }
        let differs = difference(&folder, "easel.png", "onnxruntime.png");
        assert!(differs <= 1, "{flags}: {differs}");
        fs::remove_file(folder.path().join("easel.png")).unwrap();
        fs::remove_file(folder.path().join("onnxruntime.png")).unwrap();
    }
    let classify = |engine| last_line(CLASSIFY, &folder, &format!("a.png -m lenet-mnist.onnx --engine {engine}"));
    let [ours, theirs] = ["easel", "onnxruntime"].map(classify);
    assert_eq!((&ours["engine_name"], &theirs["engine_name"]), (&"easel".into(), &"onnxruntime".into()));
    assert_eq!(ours["classes"][0]["label"], theirs["classes"][0]["label"]);
    let [ours, theirs] = [ours, theirs].map(|line| line["classes"][0]["probability"].as_f64().unwrap());
    assert!((ours - theirs).abs() < 1e-4, "{ours} {theirs}");
}

#[test]
fn a_file_that_easels_engine_cannot_run_goes_to_the_other() {
    let folder = folder();
    let summary = last_line(STYLIZE, &folder, "a.png -m sine.onnx -o a.jpg --device cpu")["summary"].take();
    let engine = summary["engine"].as_str().unwrap();
    assert!(["ONNX Runtime", "`wavy`", "Sin"].iter().all(|fact| engine.contains(fact)), "{engine}");
    assert_eq!(summary["engine_name"], "onnxruntime");
    let output = run(STYLIZE, &folder, "a.png -m sine.onnx -o b.jpg --engine easel");
    assert_eq!(output.status.code(), Some(1));
    let error = stderr(&output);
    let facts = ["error: sine.onnx: ", "`wavy`", "Sin", "--engine onnxruntime"];
    assert!(facts.iter().all(|fact| error.contains(fact)) && error.lines().count() == 1, "{error}");
    match NativeEngine::load(&sine(), &EngineOptions { engine: EngineChoice::Easel, ..EngineOptions::default() }) {
        Err(Error::Unsupported { path: None, reason, .. }) => assert!(reason.contains("Sin"), "{reason}"),
        other => panic!("{other:?}"),
    }
}

#[test]
fn options_that_do_not_go_together_are_misuse() {
    let folder = folder();
    for (program, input) in [
        (STYLIZE, "a.png -m wave.onnx -o b.png"),
        (STYLIZE, "--doctor"),
        (SAMPLE, "-m gan-mnist.onnx -o b.png"),
        (CLASSIFY, "-m lenet-mnist.onnx a.png"),
    ] {
        for (flags, named) in [
            ("--engine easel --device cuda", "--device"),
            ("--engine easel --device cuda:1", "cuda:1"),
            ("--engine easel --ort-lib .", "--ort-lib"),
            ("--engine fast", "--engine"),
        ] {
            let output = run(program, &folder, &format!("{input} {flags}"));
            let error = stderr(&output);
            assert!(output.status.code() == Some(2) && error.contains(named), "{input} {flags}: {error}");
        }
    }
    assert!(!folder.path().join("b.png").exists());
    let options = EngineOptions { engine: EngineChoice::Easel, device: Device::Cuda(0), ..EngineOptions::default() };
    let error = NativeEngine::load(&common::generator(), &options).unwrap_err();
    assert!(matches!(error, Error::EngineOnCpu { device: Device::Cuda(0) }), "{error}");
}

/// A program that was installed alone: no folder `.tools` above it, and no variable that names a library.
#[cfg(unix)]
#[test]
fn programs_need_nothing_beside_them() {
    let folder = folder();
    // Another process writes them; see `alone` of the tests of `sample`.
    let alone = |program: &str| {
        let copy = folder.path().join(Path::new(program).file_name().unwrap());
        assert!(Command::new("cp").arg(program).arg(&copy).status().unwrap().success());
        let folder = folder.path().to_owned();
        move |flags: &str| {
            let mut command = Command::new(&copy);
            command.args(flags.split_whitespace()).current_dir(&folder).env_remove("ORT_DYLIB_PATH").output().unwrap()
        }
    };
    let (stylize, sample, classify) = (alone(STYLIZE), alone(SAMPLE), alone(CLASSIFY));
    for output in [
        stylize("a.png -m wave.onnx -o b.jpg --max-size 64 --device cpu"),
        sample("-m gan-mnist.onnx -n 1 -o digit.png --device cpu"),
        classify("digit.png -m lenet-mnist.onnx --device cpu"),
        stylize("--doctor --device cpu -m wave.onnx"),
    ] {
        assert!(output.status.success(), "{}", stderr(&output));
    }
    // Only the system can have a library here.
    let output = stylize("a.png -m sine.onnx -o c.jpg");
    if !output.status.success() {
        let error = stderr(&output);
        let facts = ["error: sine.onnx: ", "`wavy`", "Sin", "ONNX Runtime", "ORT_DYLIB_PATH", "--ort-lib"];
        assert!(facts.iter().all(|fact| error.contains(fact)) && error.lines().count() == 1, "{error}");
        assert!(String::from_utf8(stylize("--doctor").stdout).unwrap().contains("library          none"));
    }
}

#[test]
fn easels_engine_takes_what_onnx_runtime_does() {
    let options = EngineOptions { engine: EngineChoice::Easel, threads: Some(1), ..EngineOptions::default() };
    let mut engine = NativeEngine::load(&common::generator(), &options).unwrap();
    assert_eq!((engine.name(), engine.note(), engine.is_on_device()), ("easel", None, false));
    assert_eq!(engine.inputs()[0].to_string(), "z float32 [batch, 4]");
    assert_eq!(engine.outputs()[0].to_string(), "image float32 [batch, 1, 2, 2]");
    let good = Tensor::new([3, 4], (0..12).map(|at| at as f32 / 4.0 - 1.0).collect::<Vec<_>>()).unwrap();
    let image = engine.run_blocking(&[("z", &good)]).unwrap().remove(0).1;
    assert_eq!(image.shape(), [3, 1, 2, 2]);
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
            easel_runtime::Error::Engine(reason) | easel_runtime::Error::Shape(reason) => {
                assert!(reason.contains(fact) && !reason.contains('\n'), "{reason}");
            }
            other => panic!("{other}"),
        }
    }
    engine.keep_memory(false);
    assert_eq!(engine.run_blocking(&[("z", &good)]).unwrap()[0].1, image);
}
