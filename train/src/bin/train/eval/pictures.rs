//! A folder of made pictures.

use std::path::Path;

use anyhow::Result;
use easel_pictures::open;
use easel_train::data::{self, PictureFiles, PictureFormat, Source};
use easel_train::networks::lenet::SIDE;
use easel_train::recipes::lenet::relabelled;
use serde_json::json;

use super::judge::{Judge, Made, limited};

/// Reads a folder of class folders of pictures, or of pictures. They get the size of the first that can be read.
pub fn read(folder: &Path, judge: &Judge) -> Result<Made> {
    let channels = judge.channels();
    let files = PictureFiles::open(folder, channels)?.files;
    let first = files.iter().find_map(|(file, _)| open(file).ok());
    let (width, height) = first.map_or((SIDE, SIDE), |first| (first.width() as usize, first.height() as usize));
    let pictures = data::load(&Source::Path(folder.into()), limited(PictureFormat { channels, height, width }))?;
    pictures.warning().into_iter().for_each(|line| eprintln!("warning: {line}"));
    let about = folder.display().to_string();
    // Pictures without class folders are one class of the folder's name.
    let labelled = pictures.classes != [pictures.name.clone()];
    let pictures = if labelled { relabelled(pictures, &about, judge.classes())? } else { pictures };
    let about = folder.file_name().map_or(about, |name| name.to_string_lossy().into_owned());
    Ok(Made { pictures, labelled, about, facts: json!({ "height": height, "width": width }) })
}
