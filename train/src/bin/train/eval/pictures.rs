//! A folder of pictures.

use std::path::Path;

use anyhow::Result;
use easel_pictures::open;
use easel_train::data::{self, PictureFiles, PictureFormat, Source};
use easel_train::networks::lenet::SIDE;
use easel_train::recipes::lenet::relabelled;
use serde_json::json;

use super::evaluator::{Evaluator, GeneratedSet, limited};
use super::report;

/// Reads a folder of class folders of pictures, or of pictures. They get the size of the first that can be read.
pub fn read(folder: &Path, evaluator: &Evaluator) -> Result<GeneratedSet> {
    let channels = evaluator.channels();
    // MNIST's files are no picture files.
    let files = PictureFiles::open(folder, channels).map_or_else(|_| vec![], |found| found.files);
    let first = files.iter().find_map(|(file, _)| open(file).ok());
    let (width, height) = first.map_or((SIDE, SIDE), |first| (first.width() as usize, first.height() as usize));
    let pictures = data::load(&Source::Path(folder.into()), limited(PictureFormat { channels, height, width }))?;
    report::tell_about(&pictures);
    let about = folder.display().to_string();
    let labelled = !pictures.about.unclassified;
    let pictures = if labelled { relabelled(pictures, &about, evaluator.classes())? } else { pictures };
    let about = folder.file_name().map_or(about, |name| name.to_string_lossy().into_owned());
    Ok(GeneratedSet { pictures, labelled, about, facts: json!({ "height": height, "width": width }) })
}
