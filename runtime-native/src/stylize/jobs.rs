//! Which pictures are to be done, and where each result goes.

use std::collections::{BTreeSet, HashMap};
use std::path::{Path, PathBuf};

use easel_pictures::picture_format;
use image::{ImageFormat, ImageReader};

use super::identity::{Identity, identity};
use super::inputs::{Input, Inputs};
use super::plan::{Existing, Plan, Target, is_standard};
use crate::output::Output;
use crate::{Error, Result};

/// A result that is to be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Job {
    /// The picture's file, or that of standard input.
    pub input: PathBuf,
    /// The result's file, or that of standard output.
    pub output: PathBuf,
    /// The result's format; that of the picture on standard output where nobody says.
    pub format: Option<ImageFormat>,
    /// Which model makes it; none where all together do.
    pub style: Option<usize>,
}

/// What the inputs come down to.
#[derive(Debug, Default)]
pub(super) struct Jobs {
    /// Model by model, for each in the order in which the pictures were named.
    pub to_do: Vec<Job>,
    /// Their results are there already.
    pub skipped: Vec<Job>,
    /// Inputs that are none, and why.
    pub failed: Vec<(PathBuf, String)>,
    /// Links that lead to a folder which was looked through already.
    pub loops: Vec<PathBuf>,
}

impl Jobs {
    pub fn len(&self) -> usize {
        self.to_do.len() + self.skipped.len() + self.failed.len()
    }

    /// The folders where results go.
    pub fn folders(&self) -> BTreeSet<&Path> {
        let files = self.to_do.iter().map(|job| &job.output).filter(|output| !is_standard(output));
        files.filter_map(|output| output.parent()).collect()
    }
}

/// Finds the pictures. One that cannot be read, and one whose result in a folder would replace an input or another
/// result, is listed and does not stop the rest. Fails where the one result that was named would replace an input or be
/// that of several, and where a result is there already and that is not allowed.
pub(super) fn collect(plan: &Plan) -> Result<Jobs> {
    let results = match &plan.target {
        Target::Place(Output::Folder(folder)) => Some(folder.as_path()),
        _ => None,
    };
    let Inputs { pictures, failed, loops } = Inputs::find(&plan.inputs, results);
    if results.is_none() && pictures.len() + failed.len() > 1 {
        let target = plan.target.describe();
        return Err(Error::Impossible(format!("{target}: it takes one result, and there are several; give a folder")));
    }
    let mut jobs = Jobs { failed, loops, ..Jobs::default() };
    let inputs: HashMap<Identity, PathBuf> =
        pictures.iter().filter_map(|input| Some((identity(&input.path)?, input.path.clone()))).collect();
    let styles = if plan.is_separate() { (0..plan.styles.len()).map(Some).collect() } else { vec![None] };
    let mut outputs: HashMap<PathBuf, PathBuf> = HashMap::new();
    let mut all = vec![];
    for (style, input) in styles.iter().flat_map(|style| pictures.iter().map(move |input| (*style, input))) {
        let job = job(input, style, plan);
        let skips = plan.existing == Existing::Skip && is_there(&job);
        // A result of an earlier run beside its picture.
        if skips && identity(&job.output) == identity(&job.input) {
            all.push(job);
            continue;
        }
        if let Some(same) = identity(&job.output).filter(|_| !skips).and_then(|identity| inputs.get(&identity)) {
            let (result, same) = (job.output.display(), same.display());
            if results.is_none() {
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
        all.push(job);
    }
    if let Some(shard) = plan.shard {
        let mut at = 0..;
        all.retain(|_| at.next().is_some_and(|at: usize| at % shard.of == shard.index));
        // Else each share would report them.
        if shard.index > 0 {
            jobs.failed.clear();
        }
    }
    (jobs.skipped, jobs.to_do) = all.into_iter().partition(|job| plan.existing != Existing::Overwrite && is_there(job));
    if plan.existing == Existing::Refuse
        && let Some(first) = jobs.skipped.first()
    {
        let more = jobs.skipped.len() - 1;
        let more = if more > 0 { format!(" (and {more} more)") } else { String::new() };
        return Err(Error::Impossible(format!(
            "{}: it is there already{more}; --overwrite replaces it, --skip-existing leaves it",
            first.output.display()
        )));
    }
    Ok(jobs)
}

fn is_there(job: &Job) -> bool {
    !is_standard(&job.output) && job.output.symlink_metadata().is_ok()
}

fn job(input: &Input, style: Option<usize>, plan: &Plan) -> Job {
    let (output, format) = match &plan.target {
        Target::Film(path) => (path.clone(), None),
        Target::Standard => (PathBuf::from("-"), plan.format.as_ref().and_then(ImageFormat::from_extension)),
        Target::Place(Output::Picture(path, format)) => (path.clone(), Some(*format)),
        Target::Place(Output::Folder(folder)) => {
            let folder = style.map_or_else(|| folder.clone(), |style| folder.join(&plan.styles[style].name));
            let output = folder.join(result_name(&input.path, &input.below, plan.format.as_deref()));
            let format = picture_format(&output).expect("results have names of pictures");
            (output, Some(format))
        }
    };
    Job { input: input.path.clone(), output, format, style }
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
            Some(ImageFormat::Gif) => "gif",
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_keep_their_names() {
        let name = |name: &str, format| result_name(Path::new("/nowhere"), Path::new(name), format);
        assert_eq!(name("a/b.jpeg", None), Path::new("a/b.jpeg"));
        assert_eq!(name("a/b.GIF", None), Path::new("a/b.GIF"));
        assert_eq!(name("b.tiff", Some("webp")), Path::new("b.webp"));
        assert_eq!(name("scan 1.5", None), Path::new("scan 1.5.png"));
        assert_eq!(name("scan", Some("jpg")), Path::new("scan.jpg"));
    }
}
