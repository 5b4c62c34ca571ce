//! Helpers of the tests of the program.

#![allow(dead_code)]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use easel_train::run::Checkpoint;
use easel_train::run::checkpoint::steps;

pub const PROGRAM: &str = env!("CARGO_BIN_EXE_train");

/// Runs the program to its end.
pub fn train(arguments: &[&str]) -> Output {
    Command::new(PROGRAM).args(arguments).output().expect("the program starts")
}

pub fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

pub fn utf8(path: &Path) -> &str {
    path.to_str().expect("temporary folders have plain names")
}

/// The one-line message of a failure with status 1, which prints nothing on stdout.
pub fn failure(output: &Output) -> String {
    let error = text(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{error}");
    assert!(output.stdout.is_empty());
    assert!(!error.contains("panicked"), "{error}");
    let lines: Vec<_> = error.lines().filter(|line| line.starts_with("error: ")).collect();
    assert_eq!(lines.len(), 1, "{error}");
    assert_eq!(error.lines().last(), Some(lines[0]), "{error}");
    lines[0].to_string()
}

/// The stderr and stdout of a success.
pub fn success(output: &Output) -> (String, String) {
    let said = text(&output.stderr);
    assert!(output.status.success(), "{said}");
    (said, text(&output.stdout))
}

/// An IDX file.
pub fn idx(sizes: &[u32], elements: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0, 0, 8, sizes.len() as u8];
    sizes.iter().for_each(|size| bytes.extend(size.to_be_bytes()));
    bytes.extend(elements);
    bytes
}

/// A folder of MNIST's files with drawn digits: a number of training and of test pictures.
pub fn digits(folder: &Path, training: u32, test: u32) {
    let format = easel_train::data::PictureFormat { channels: 1, height: 28, width: 28 };
    fs::create_dir_all(folder).unwrap();
    for (set, count, seed) in [("train", training, 5), ("t10k", test, 6)] {
        let drawn = easel_train::data::synthetic::digits(count as usize, seed, format);
        let labels: Vec<u8> = drawn.labels.iter().map(|&label| label as u8).collect();
        fs::write(folder.join(format!("{set}-images-idx3-ubyte")), idx(&[count, 28, 28], &drawn.pixels)).unwrap();
        fs::write(folder.join(format!("{set}-labels-idx1-ubyte")), idx(&[count], &labels)).unwrap();
    }
}

/// The names in a folder.
pub fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<_> =
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

/// The newest checkpoint, which has to be readable.
pub fn latest(run: &Path) -> Checkpoint {
    let (latest, unreadable) = Checkpoint::latest(&run.join("checkpoints")).unwrap();
    assert!(unreadable.is_empty(), "{unreadable:?}");
    latest
}

/// The steps of all checkpoints, the newest first; each has to be readable.
pub fn checkpoints(run: &Path) -> Vec<u64> {
    let found = steps(&run.join("checkpoints")).unwrap();
    found
        .into_iter()
        .map(|(step, path)| {
            assert_eq!(Checkpoint::load(&path).unwrap().record.step, step);
            step
        })
        .collect()
}

/// Every tensor of a checkpoint by name, as bits.
pub fn bits(checkpoint: &Checkpoint) -> BTreeMap<String, Vec<u64>> {
    let tensors = checkpoint.weights.iter().chain(&checkpoint.state);
    tensors
        .map(|(name, tensor)| {
            let values = tensor.to_dtype(candle_core::DType::F64).unwrap().flatten_all().unwrap();
            (name.clone(), values.to_vec1::<f64>().unwrap().into_iter().map(f64::to_bits).collect())
        })
        .collect()
}

/// The lines of `stats.jsonl` without timings.
pub fn stats(run: &Path) -> Vec<serde_json::Value> {
    fs::read_to_string(run.join("stats.jsonl"))
        .unwrap()
        .lines()
        .map(|line| {
            let mut line: serde_json::Value = serde_json::from_str(line).unwrap();
            let object = line.as_object_mut().unwrap();
            let mut number = |name: &str| object.remove(name).unwrap().as_f64().unwrap();
            assert!(number("steps_per_second") > 0.0 && number("seconds") > 0.0);
            assert!((0.0..=1.0).contains(&number("model_fraction")));
            line
        })
        .collect()
}

/// The steps of those lines.
pub fn stats_steps(run: &Path) -> Vec<u64> {
    stats(run).iter().map(|line| line["step"].as_u64().unwrap()).collect()
}

/// The folder of a run that has ended well.
pub fn run_folder(output: &Output) -> PathBuf {
    PathBuf::from(success(output).1.trim_end())
}
