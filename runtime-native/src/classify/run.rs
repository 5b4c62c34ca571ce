//! Runs `classify`.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use easel_pictures::{fit, open};
use easel_runtime::card::{PictureFormat, PictureSize};
use easel_runtime::classifier::{ClassProbability, class_count, class_name, classify};
use easel_runtime::{ModelCard, Tensor};
use serde_json::json;
use walkdir::WalkDir;

use super::args::Args;
use crate::cli::{self, Progress};
use crate::error::{Error, Result};
use crate::left_out::{self, LeftOut};
use crate::model::{ModelFile, find_model};

/// The deepest level of folders that is searched.
const DEEPEST: usize = 64;

/// Classifies the pictures in the order in which they were named, those of a folder by name. A picture that cannot be
/// read is reported, and fails the run at the end.
pub fn run(args: &Args) -> Result<()> {
    let path = find_model(&args.model)?;
    let file = ModelFile::read(&path)?;
    let in_model = |source| Error::model(&path, source);
    class_count(&file.card).map_err(in_model)?;
    let &PictureFormat { channels, size } = file.card.pictures().map_err(in_model)?;
    let PictureSize::Fixed { height, width } = size else {
        return Err(in_model(easel_runtime::Error::BadCard("a classifier takes pictures of one size".into())));
    };
    let format = [channels, height, width];
    let (pictures, left_out) = pictures(&args.pictures)?;
    let mut model = file.load(&args.engine.options())?;
    cli::announce(&cli::describe(&model.engine), 1, "pictures");

    let mut unreadable = 0;
    let mut out = io::BufWriter::new(io::stdout().lock());
    left_out::notes(&left_out).for_each(|note| eprintln!("{note}"));
    for file in left_out.iter().filter(|_| args.json) {
        let line = json!({ "path": file.path.to_string_lossy(), "left_out": file.to_string() });
        match writeln!(out, "{line}") {
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => return Ok(()),
            written => written.map_err(|error| cannot_print(&error))?,
        }
    }
    let mut progress = Progress::new(pictures.len() as u64, "pictures");
    for paths in pictures.chunks(args.batch as usize) {
        let read = |path: &PathBuf| open(path).map(|picture| fit(&picture, format)).map_err(|error| error.to_string());
        let read: Vec<_> = paths.iter().map(read).collect();
        let values: Vec<f32> = read.iter().flatten().flatten().map(|&byte| f32::from(byte) / 255.0).collect();
        let count = values.len() / format.iter().product::<usize>();
        let mut answers = vec![];
        if count > 0 {
            let batch = Tensor::new([count, format[0], height, width], values)?;
            answers = pollster::block_on(classify(&mut model.engine, &model.card, &batch)).map_err(in_model)?;
        }
        let mut answers = answers.into_iter();
        for (path, read) in paths.iter().zip(read) {
            let answer = read.map(|_| answers.next().expect("a picture that was read has an answer"));
            if let Err(why) = &answer {
                unreadable += 1;
                eprintln!("warning: {}: cannot be read: {why}", path.display());
            }
            let line = if args.json {
                Some(as_json(path, &answer, &model.card, args.top as usize).to_string())
            } else {
                answer.ok().map(|answer| as_text(path, &answer, &model.card, args.top as usize))
            };
            match line.map_or(Ok(()), |line| writeln!(out, "{line}")) {
                // Nobody reads any more: `classify ... | head`.
                Err(error) if error.kind() == io::ErrorKind::BrokenPipe => return Ok(()),
                written => written.map_err(|error| cannot_print(&error))?,
            }
        }
        progress.advance(paths.len() as u64);
    }
    drop(progress);
    match out.flush() {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            return Err(cannot_print(&error));
        }
        _ => {}
    }
    match unreadable {
        0 => Ok(()),
        failed => Err(Error::UnreadablePictures { failed, total: pictures.len() }),
    }
}

fn cannot_print(error: &io::Error) -> Error {
    Error::write(Path::new("stdout"), "cannot write", error)
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

/// The pictures that were named and those in the folders that were named, and the other files in these folders. Fails if a
/// path does not exist or a folder has no pictures.
fn pictures(named: &[PathBuf]) -> Result<(Vec<PathBuf>, Vec<LeftOut>)> {
    let (mut pictures, mut left_out) = (vec![], vec![]);
    for path in named {
        let found = path.metadata().map_err(|error| Error::read(path, error))?;
        if !found.is_dir() {
            pictures.push(path.clone());
            continue;
        }
        let before = pictures.len();
        for entry in WalkDir::new(path).follow_links(true).max_depth(DEEPEST).sort_by_file_name() {
            let entry = entry.map_err(|error| {
                let place = error.path().unwrap_or(path).to_owned();
                Error::read(&place, error.into())
            })?;
            if !entry.file_type().is_file() || entry.file_name().to_string_lossy().starts_with('.') {
                continue;
            }
            match LeftOut::check(entry.path()) {
                Some(file) => left_out.push(file),
                None => pictures.push(entry.into_path()),
            }
        }
        if pictures.len() == before {
            left_out::notes(&left_out).for_each(|note| eprintln!("{note}"));
            return Err(Error::NoPictures { path: path.clone() });
        }
    }
    Ok((pictures, left_out))
}
