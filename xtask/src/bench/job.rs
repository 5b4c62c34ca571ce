//! A model and its inputs, written for the programs that run it.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use easel_runtime::Random;
use serde_json::{Value, json};

/// One of a model's inputs.
#[derive(Debug)]
pub struct Input {
    pub name: &'static str,
    pub shape: &'static [usize],
    pub content: Content,
}

/// What an input holds.
#[derive(Clone, Copy, Debug)]
pub enum Content {
    /// Float32 in `[0, 1]`: slow waves, different in each channel, with noise on them.
    Picture,
    /// Float32, normally distributed.
    Noise,
    /// The int64 numbers from 0 to this one, without it, in turn.
    Counts(usize),
}

impl Input {
    fn type_name(&self) -> &'static str {
        match self.content {
            Content::Picture | Content::Noise => "float32",
            Content::Counts(_) => "int64",
        }
    }

    /// The elements in little-endian bytes. They are the same each time.
    fn bytes(&self) -> Vec<u8> {
        let count = self.shape.iter().product();
        let mut random = Random::new(0, 0);
        match self.content {
            Content::Picture => {
                let (width, plane) = (self.shape[3], self.shape[2] * self.shape[3]);
                let element = |index: usize| {
                    let [channel, row, column] =
                        [index / plane, index % plane / width, index % width].map(|it| it as f32);
                    let wave = (column / 23.0 + channel).sin() * (row / 31.0).cos();
                    0.5 + 0.3 * wave + random.uniform(-0.15, 0.15)
                };
                (0..count).map(element).flat_map(f32::to_le_bytes).collect()
            }
            Content::Noise => random.normals(count).into_iter().flat_map(f32::to_le_bytes).collect(),
            Content::Counts(end) => (0..count).flat_map(|index| ((index % end) as i64).to_le_bytes()).collect(),
        }
    }
}

/// Writes the inputs as `FOLDER/NAME.bin`, and returns their description for [`write()`].
pub fn write_inputs(inputs: &[Input], folder: &Path) -> Result<Value> {
    let mut described = Vec::new();
    for input in inputs {
        let file = folder.join(format!("{}.bin", input.name));
        fs::write(&file, input.bytes()).with_context(|| file.display().to_string())?;
        described.push(json!({ "name": input.name, "type": input.type_name(), "shape": input.shape, "file": file }));
    }
    Ok(described.into())
}

/// Writes an engine's job into a folder of its own, which it may use. Returns the job's file, and the one for the first
/// output's float32 elements.
pub fn write(folder: &Path, model: &Path, inputs: &Value, threads: u32) -> Result<[PathBuf; 2]> {
    fs::create_dir_all(folder)?;
    let [job, output] = ["job.json", "output.bin"].map(|name| folder.join(name));
    let content = json!({ "model": model, "inputs": inputs, "threads": threads, "folder": folder, "output": output });
    fs::write(&job, content.to_string()).with_context(|| job.display().to_string())?;
    Ok([job, output])
}

/// The greatest difference between two files of float32 elements; infinity if they have different sizes or if an element
/// is not a number.
pub fn worst_difference(files: [&Path; 2]) -> Result<f64> {
    let read = |file: &Path| -> Result<Vec<f32>> {
        let bytes = fs::read(file).with_context(|| file.display().to_string())?;
        Ok(bytes.as_chunks().0.iter().map(|chunk| f32::from_le_bytes(*chunk)).collect())
    };
    let [one, other] = [read(files[0])?, read(files[1])?];
    if one.len() != other.len() {
        return Ok(f64::INFINITY);
    }
    let differences = one.iter().zip(&other).map(|(one, other)| f64::from((one - other).abs()));
    Ok(differences.fold(0.0, |worst, next| if next.is_nan() { f64::INFINITY } else { worst.max(next) }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_job_says_where_its_inputs_are() {
        let folder = tempfile::tempdir().unwrap();
        let inputs = [
            Input { name: "image", shape: &[1, 3, 4, 8], content: Content::Picture },
            Input { name: "label", shape: &[5], content: Content::Counts(3) },
        ];
        let described = write_inputs(&inputs, folder.path()).unwrap();
        let [job, _] = write(&folder.path().join("easel"), Path::new("m.onnx"), &described, 2).unwrap();
        let job: Value = serde_json::from_slice(&fs::read(job).unwrap()).unwrap();
        let bytes = |input: usize| fs::read(job["inputs"][input]["file"].as_str().unwrap()).unwrap();
        assert_eq!(job["inputs"][0]["shape"], json!([1, 3, 4, 8]));
        let picture: Vec<f32> = bytes(0).as_chunks().0.iter().map(|chunk| f32::from_le_bytes(*chunk)).collect();
        assert_eq!(picture.len(), 96);
        assert!(picture.iter().all(|value| (0.0..=1.0).contains(value)));
        let labels: Vec<i64> = bytes(1).as_chunks().0.iter().map(|chunk| i64::from_le_bytes(*chunk)).collect();
        assert_eq!((labels, &job["threads"]), (vec![0, 1, 2, 0, 1], &json!(2)));
    }

    #[test]
    fn differences() {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, values: &[f32]| {
            let file = folder.path().join(name);
            fs::write(&file, values.iter().flat_map(|value| value.to_le_bytes()).collect::<Vec<_>>()).unwrap();
            file
        };
        let one = write("one", &[1.0, 2.0]);
        for (other, expected) in [(&[1.5, 1.75][..], 0.5), (&[f32::NAN, 2.0], f64::INFINITY), (&[1.0], f64::INFINITY)] {
            assert_eq!(worst_difference([&one, &write("other", other)]).unwrap(), expected, "{other:?}");
        }
    }
}
