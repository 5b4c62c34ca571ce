//! Runs `classify`.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use easel_console::interrupt::{on_interrupt, quit};
use easel_console::{Results, tell};
use easel_pictures::{decode, fit};
use easel_runtime::card::{PictureFormat, PictureSize};
use easel_runtime::classifier::{ClassProbability, class_count, class_name, classify};
use easel_runtime::{ModelCard, PolarityMatcher, Tensor};
use serde_json::json;

use super::args::Args;
use crate::cli::{self, EngineNames, Progress};
use crate::engine::EngineOptions;
use crate::error::{Error, Result, printed};
use crate::left_out;
use crate::model::{ModelFile, find_model};
use crate::stylize::inputs::{Inputs, ignoring_case};
use crate::stylize::reading;

/// Classifies the pictures in the order in which they were named, those of a folder by name. What cannot be read is
/// reported, and fails the run at the end. With `--json`, an error that ends the run is the last line.
pub fn run(args: &Args, options: &EngineOptions) -> Result<()> {
    let output = Arc::new(Mutex::new(Output { results: Results::new(), json: args.json, count: 0 }));
    let shared = output.clone();
    on_interrupt(move || {
        // It stays locked until the process ends, so no line follows.
        let mut output = lock(&shared);
        output.error("interrupted");
        tell!("interrupted; classified {} pictures", output.count);
        quit()
    });
    let classified = classify_all(args, options, &output);
    let mut output = lock(&output);
    match &classified {
        // Each has its line.
        Ok(()) | Err(Error::UnreadablePictures { .. }) => {}
        Err(error) => output.error(&error.to_string()),
    }
    classified.and(printed(output.results.finish()))
}

/// What is printed on stdout.
struct Output {
    results: Results,
    json: bool,
    /// How many pictures have a line.
    count: usize,
}

impl Output {
    /// Prints an error that ends the run.
    fn error(&mut self, error: &str) {
        if self.json {
            self.results.line(json!({ "path": null, "error": error }));
        }
    }
}

fn lock(output: &Mutex<Output>) -> MutexGuard<'_, Output> {
    output.lock().unwrap_or_else(PoisonError::into_inner)
}

fn classify_all(args: &Args, options: &EngineOptions, output: &Mutex<Output>) -> Result<()> {
    let path = find_model(&args.model)?;
    let file = ModelFile::read(&path)?;
    let in_model = |source| Error::model(&path, source);
    class_count(&file.card).map_err(in_model)?;
    let &PictureFormat { channels, size } = file.card.pictures().map_err(in_model)?;
    let PictureSize::Fixed { height, width } = size else {
        return Err(in_model(easel_runtime::Error::BadCard("a classifier takes pictures of one size".into())));
    };
    let format = [channels, height, width];
    let mut polarity = PolarityMatcher::new(args.invert, file.card.provenance.border, channels);
    let found = Inputs::find(&args.pictures, None);
    let failed = found.failed.into_iter().map(|(path, why)| (path, Err(why)));
    let pictures: Vec<_> = failed.chain(found.pictures.into_iter().map(|input| (input.path, Ok(())))).collect();
    let mut model = file.load(options)?;
    let engine = EngineNames::of(&model.engine);
    cli::announce(&engine, 1, "pictures");
    for link in &found.loops {
        tell!("note: {}: a link to a folder that was searched already; skipped", link.display());
    }
    for (pattern, first, count) in &found.other_case {
        tell!("note: {}: {}", pattern.display(), ignoring_case(first, *count));
    }

    let mut unreadable = 0;
    left_out::notes(&found.left_out).for_each(|note| tell!("{note}"));
    for file in found.left_out.iter().filter(|_| args.json) {
        let line = json!({ "path": file.path.to_string_lossy(), "left_out": file.to_string() });
        lock(output).results.line(line);
    }
    let mut progress = Progress::new(pictures.len() as u64, "pictures");
    for chunk in pictures.chunks(args.batch as usize) {
        // The picture, and whether it was inverted.
        let mut read = |(path, found): &(PathBuf, Result<(), String>)| {
            found.clone()?;
            let decoded = decode(&reading::read(path)?).map_err(|error| format!("cannot be read: {error}"))?;
            let mut pixels = fit(&decoded.picture, format);
            let inverted = polarity.apply(&mut pixels, [height, width]);
            Ok::<_, String>((pixels, inverted))
        };
        let read: Vec<_> = chunk.iter().map(&mut read).collect();
        let pixels = read.iter().flatten().flat_map(|(pixels, _)| pixels);
        let values: Vec<f32> = pixels.map(|&byte| f32::from(byte) / 255.0).collect();
        let count = values.len() / format.iter().product::<usize>();
        let mut answers = vec![];
        if count > 0 {
            let batch = Tensor::new([count, format[0], height, width], values)?;
            answers = pollster::block_on(classify(&mut model.engine, &model.card, &batch)).map_err(in_model)?;
        }
        let mut answers = answers.into_iter();
        for ((path, _), read) in chunk.iter().zip(read) {
            let inverted = read.as_ref().is_ok_and(|(_, inverted)| *inverted);
            let answer = read.map(|_| answers.next().expect("a picture that was read has an answer"));
            if let Err(why) = &answer {
                unreadable += 1;
                progress.say(&format!("warning: {}: {why}", path.display()));
            }
            let line = if args.json {
                let mut line = as_json(path, &answer, &model.card, args.top as usize);
                if answer.is_ok() {
                    line["engine_name"] = json!(engine.name);
                }
                if inverted {
                    line["inverted"] = json!(true);
                }
                Some(line.to_string())
            } else {
                answer.ok().map(|answer| as_text(path, &answer, &model.card, args.top as usize))
            };
            if let Some(line) = line {
                let mut output = lock(output);
                output.results.line(line);
                output.count += 1;
                // Nobody reads any more, as in `classify ... | head`, or it cannot be written.
                if !output.results.is_open() {
                    return Ok(());
                }
            }
        }
        progress.advance(chunk.len() as u64);
    }
    drop(progress);
    polarity.notes().iter().for_each(|note| tell!("note: {note}"));
    match unreadable {
        0 => Ok(()),
        failed => Err(Error::UnreadablePictures { failed, total: pictures.len() }),
    }
}

fn as_text(path: &Path, answers: &[ClassProbability], card: &ModelCard, top: usize) -> String {
    let class = |answer: &ClassProbability| {
        format!("  {} {:.1} %", class_name(card, answer.label), 100.0 * f64::from(answer.probability))
    };
    format!("{}{}", path.display(), answers.iter().take(top).map(class).collect::<String>())
}

fn as_json(
    path: &Path,
    answers: &Result<Vec<ClassProbability>, String>,
    card: &ModelCard,
    top: usize,
) -> serde_json::Value {
    let class = |answer: &ClassProbability| json!({ "label": answer.label, "name": class_name(card, answer.label), "probability": answer.probability });
    let path = path.to_string_lossy();
    match answers {
        Ok(answers) => json!({ "path": path, "classes": answers.iter().take(top).map(class).collect::<Vec<_>>() }),
        Err(why) => json!({ "path": path, "error": why }),
    }
}
