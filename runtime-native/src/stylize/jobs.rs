//! Which pictures are to be done, and where each result goes.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};

use easel_runtime::files::picture_format;
use image::{ImageFormat, ImageReader};
use walkdir::WalkDir;

use super::{Existing, Plan};
use crate::output::Output;
use crate::{Error, Result};

/// How deep pictures may lie below a folder.
const DEEPEST: usize = 64;

/// A picture to be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Job {
    pub input: PathBuf,
    pub output: PathBuf,
    pub format: ImageFormat,
}

/// What the inputs come down to.
#[derive(Debug, Default)]
pub(super) struct Jobs {
    /// In the order in which they were named, those of a folder by name.
    pub to_do: Vec<Job>,
    /// Their results are there already.
    pub skipped: Vec<Job>,
    /// Inputs that are none, and why.
    pub failed: Vec<(PathBuf, String)>,
}

impl Jobs {
    pub fn len(&self) -> usize {
        self.to_do.len() + self.skipped.len() + self.failed.len()
    }
}

/// Finds the pictures. One that cannot be read, and one whose result in a folder would replace an input or another
/// result, is listed and does not stop the rest. Fails where the one result that was named would replace an input, and
/// where a result is there already and that is not allowed.
pub(super) fn collect(plan: &Plan) -> Result<Jobs> {
    let mut jobs = Jobs::default();
    let mut pictures = vec![];
    for input in &plan.inputs {
        match fs::metadata(input) {
            Err(error) => jobs.failed.push((input.clone(), format!("cannot read: {error}"))),
            Ok(found) if found.is_dir() => {
                if let Output::Picture(path, _) = &plan.output {
                    return Err(Error::Impossible(format!(
                        "{}: it names one picture, and {} is a folder; give a folder",
                        path.display(),
                        input.display()
                    )));
                }
                walk(input, plan.output.path(), &mut pictures, &mut jobs.failed);
            }
            // To look into a pipe would wait for whoever writes to it.
            Ok(found) if !found.is_file() => jobs.failed.push((input.clone(), "not a file".into())),
            Ok(_) => {
                let name = input.file_name().map_or_else(|| PathBuf::from("picture"), PathBuf::from);
                pictures.push((input.clone(), name));
            }
        }
    }
    let inputs: HashMap<Identity, PathBuf> =
        pictures.iter().filter_map(|(input, _)| Some((identity(input)?, input.clone()))).collect();
    let mut outputs: HashMap<PathBuf, PathBuf> = HashMap::new();
    let mut there = vec![];
    for (input, name) in pictures {
        let job = job(input, &name, plan);
        if let Some(same) = identity(&job.output).and_then(|identity| inputs.get(&identity)) {
            let (result, same) = (job.output.display(), same.display());
            if let Output::Picture(..) = plan.output {
                return Err(Error::Impossible(format!(
                    "{result}: the result would replace the input {same}; give another -o"
                )));
            }
            let why = format!("its result {result} would replace the input {same}; give another -o");
            jobs.failed.push((job.input, why));
            continue;
        }
        if let Some(other) = outputs.get(&job.output) {
            // Else it is named twice: alone, and by the folder it is in.
            if identity(other) != identity(&job.input) {
                let way_out = if plan.format.is_some() { "leave --format away" } else { "give it another -o" };
                let (result, other) = (job.output.display(), other.display());
                let why = format!("{result} would be the result of {other} too; rename one, or {way_out}");
                jobs.failed.push((job.input, why));
            }
            continue;
        }
        outputs.insert(job.output.clone(), job.input.clone());
        if plan.existing != Existing::Overwrite && job.output.symlink_metadata().is_ok() {
            there.push(job);
        } else {
            jobs.to_do.push(job);
        }
    }
    if plan.existing == Existing::Refuse
        && let Some(first) = there.first()
    {
        let more = if there.len() > 1 { format!(" (and {} more)", there.len() - 1) } else { String::new() };
        return Err(Error::Impossible(format!(
            "{}: it is there already{more}; --overwrite replaces it, --skip-existing leaves it",
            first.output.display()
        )));
    }
    jobs.skipped = there;
    Ok(jobs)
}

/// Adds a folder's pictures with their paths below it, but for those of the folder where the results go.
fn walk(folder: &Path, results: &Path, pictures: &mut Vec<(PathBuf, PathBuf)>, failed: &mut Vec<(PathBuf, String)>) {
    let results = results.canonicalize().ok();
    let before = pictures.len() + failed.len();
    let is_results = |path: &Path| results.is_some() && path.canonicalize().ok() == results;
    let entries = WalkDir::new(folder).follow_links(true).max_depth(DEEPEST).sort_by_file_name().into_iter();
    for entry in
        entries.filter_entry(|entry| entry.depth() == 0 || !entry.file_type().is_dir() || !is_results(entry.path()))
    {
        match entry {
            Err(error) => {
                let place = error.path().unwrap_or(folder).to_owned();
                let why = error.io_error().map_or_else(|| error.to_string(), std::io::Error::to_string);
                failed.push((place, format!("cannot read: {why}")));
            }
            Ok(entry) if entry.file_type().is_file() && is_picture(entry.path()) => {
                let below = entry.path().strip_prefix(folder).unwrap_or(entry.path()).to_owned();
                pictures.push((entry.into_path(), below));
            }
            Ok(_) => {}
        }
    }
    if pictures.len() + failed.len() == before {
        failed.push((folder.to_owned(), "no pictures in this folder (jpg, png, webp, bmp, tiff, gif)".into()));
    }
}

fn is_picture(path: &Path) -> bool {
    let hidden = path.file_name().is_some_and(|name| name.to_string_lossy().starts_with('.'));
    !hidden && ImageFormat::from_path(path).is_ok_and(|format| format.reading_enabled())
}

fn job(input: PathBuf, name: &Path, plan: &Plan) -> Job {
    match &plan.output {
        Output::Picture(path, format) => Job { input, output: path.clone(), format: *format },
        Output::Folder(folder) => {
            let name = result_name(&input, name, plan.format.as_deref());
            let output = folder.join(name);
            let format = picture_format(&output).expect("results have names of pictures");
            Job { input, output, format }
        }
    }
}

/// The input's name, ending in a format that can be written: the one asked for, its own, or png.
fn result_name(input: &Path, name: &Path, format: Option<&str>) -> PathBuf {
    if format.is_none() && picture_format(name).is_ok() {
        return name.to_owned();
    }
    let extension = format.unwrap_or_else(|| {
        let content = ImageReader::open(input).ok().and_then(|reader| reader.with_guessed_format().ok()?.format());
        match content {
            Some(ImageFormat::Jpeg) => "jpg",
            Some(ImageFormat::WebP) => "webp",
            Some(ImageFormat::Bmp) => "bmp",
            Some(ImageFormat::Tiff) => "tiff",
            _ => "png",
        }
    });
    match ImageFormat::from_path(name) {
        Ok(_) => name.with_extension(extension),
        // What follows the last dot is a part of the name.
        Err(_) => {
            let mut name = name.as_os_str().to_owned();
            name.push(".");
            name.push(extension);
            name.into()
        }
    }
}

#[cfg(unix)]
type Identity = (u64, u64);

/// What two names of one file have in common, links of both kinds included. `None` for what is not there.
#[cfg(unix)]
fn identity(path: &Path) -> Option<Identity> {
    use std::os::unix::fs::MetadataExt;
    fs::metadata(path).ok().map(|found| (found.dev(), found.ino()))
}

#[cfg(not(unix))]
type Identity = PathBuf;

#[cfg(not(unix))]
fn identity(path: &Path) -> Option<Identity> {
    path.canonicalize().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_keep_their_names() {
        let name = |name: &str, format| result_name(Path::new("/nowhere"), Path::new(name), format);
        assert_eq!(name("a/b.jpeg", None), Path::new("a/b.jpeg"));
        assert_eq!(name("a/b.GIF", None), Path::new("a/b.png"));
        assert_eq!(name("b.tiff", Some("webp")), Path::new("b.webp"));
        assert_eq!(name("scan 1.5", None), Path::new("scan 1.5.png"));
        assert_eq!(name("scan", Some("jpg")), Path::new("scan.jpg"));
    }
}
