//! Which pictures are to be done, and where each result goes.

use std::collections::{BTreeSet, HashMap};
use std::path::{Path, PathBuf};

use easel_pictures::{Content, FileFormat, Header, identify as identify_content, is_picture_name, picture_format};
use image::ImageFormat;

use super::identity::{Identity, identity};
use super::inputs::{Input, Inputs};
use super::options::{ExistingResults, is_standard};
use super::plan::{Destination, StylizePlan};
use super::reading::read;
use super::tiling::Footprint;
use crate::error::{Error, Result};
use crate::left_out::LeftOut;
use crate::output::Output;

/// A result to make.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Job {
    /// The picture's or video's file, or `-` for standard input.
    pub input: PathBuf,
    /// The result's file, or `-` for standard output.
    pub output: PathBuf,
    /// The result's format; on standard output by default that of the picture.
    pub format: Option<ImageFormat>,
    /// The number of its model; none if all models are blended.
    pub style: Option<usize>,
}

/// All jobs of a plan.
#[derive(Debug, Default)]
pub(super) struct Jobs {
    /// Model by model, for each in the order in which the pictures were named.
    pub to_do: Vec<Job>,
    /// Jobs whose results exist.
    pub skipped: Vec<Job>,
    /// Inputs without a job, and why.
    pub failed: Vec<(PathBuf, String)>,
    /// Links to folders that were searched already.
    pub loops: Vec<PathBuf>,
    /// Inputs that are taken for results of an earlier run, each with the input whose result it is.
    pub beside: Vec<(PathBuf, PathBuf)>,
    /// Files in folders that are not pictures that can be read.
    pub left_out: Vec<LeftOut>,
    /// Patterns that match more files if the case of letters is ignored: the first one, and how many.
    pub other_case: Vec<(PathBuf, PathBuf, usize)>,
}

impl Jobs {
    pub fn len(&self) -> usize {
        self.to_do.len() + self.skipped.len() + self.failed.len()
    }

    /// The folders of the results.
    pub fn folders(&self) -> BTreeSet<&Path> {
        let files = self.to_do.iter().map(|job| &job.output).filter(|output| !is_standard(output));
        files.filter_map(|output| output.parent()).collect()
    }
}

/// Finds the pictures. One that cannot be read, and one whose result in a folder would replace an input or another
/// result, is listed and does not stop the rest. Fails if the only result would replace an input or be that of several
/// pictures, and if a result exists and may not.
pub(super) fn collect(plan: &StylizePlan) -> Result<Jobs> {
    let folder = match &plan.destination {
        Destination::Pictures(Output::Folder(folder)) => Some(folder.as_path()),
        _ => None,
    };
    let Inputs { pictures, failed, loops, left_out, other_case } = Inputs::find(&plan.inputs, folder);
    if folder.is_none() && pictures.len() + failed.len() > 1 {
        return Err(Error::SeveralResults { output: plan.destination.describe() });
    }
    let mut jobs = Jobs { failed, loops, left_out, other_case, ..Jobs::default() };
    let inputs: HashMap<Identity, PathBuf> =
        pictures.iter().filter_map(|input| Some((identity(&input.path)?, input.path.clone()))).collect();
    let styles = if plan.is_separate() { (0..plan.styles.len()).map(Some).collect() } else { vec![None] };
    let mut outputs: HashMap<PathBuf, PathBuf> = HashMap::new();
    let mut all = vec![];
    let wanted =
        styles.iter().flat_map(|style| pictures.iter().map(move |input| job(input, *style, plan))).collect::<Vec<_>>();
    let from_others = wanted.iter().filter_map(|job| {
        let is = identity(&job.output).filter(|is| Some(*is) != identity(&job.input))?;
        Some((is, job.input.clone()))
    });
    let sources: HashMap<Identity, PathBuf> = from_others.collect();
    for job in wanted {
        let is = identity(&job.output).filter(|_| !is_standard(&job.output));
        // A result that is an input too: the result of an earlier run beside its picture, or a picture of its own.
        let replaced = is.as_ref().and_then(|is| inputs.get(is));
        let earlier = is.as_ref().and_then(|is| sources.get(is)).filter(|source| {
            let skips = plan.existing == ExistingResults::Skip && replaced.is_some();
            skips && can_be_result(plan, source, &job.output)
        });
        if let Some(source) = earlier
            && identity(&job.input) == is
        {
            jobs.beside.push((job.input.clone(), source.clone()));
            all.push(job);
            continue;
        }
        if let Some(same) = replaced.filter(|_| earlier.is_none()) {
            if folder.is_none() {
                return Err(Error::OutputIsInput { output: job.output, input: same.clone() });
            }
            let (result, same) = (job.output.display(), same.display());
            let why = format!("its result {result} would replace the input {same}; give another -o");
            jobs.failed.push((job.input, why));
            continue;
        }
        if let Some(other) = outputs.get(&job.output) {
            // The same file may be named twice: by itself and by its folder.
            if identity(other) != identity(&job.input) {
                let advice = if plan.format.is_some() { "remove --format" } else { "give it another -o" };
                let (result, other) = (job.output.display(), other.display());
                let why = format!("{result} would be the result of {other} too; rename one, or {advice}");
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
        // Inputs without a job are reported by the first shard alone.
        if shard.index > 0 {
            jobs.failed.clear();
            jobs.left_out.clear();
        }
    }
    (jobs.skipped, jobs.to_do) =
        all.into_iter().partition(|job| plan.existing != ExistingResults::Overwrite && exists(job));
    match jobs.skipped.first() {
        Some(first) if plan.existing == ExistingResults::Refuse => {
            Err(Error::OutputExists { path: first.output.clone(), more: jobs.skipped.len() - 1 })
        }
        _ => Ok(jobs),
    }
}

/// Whether a picture can be the result of another: it is not older, and has its size, reduced to `--max-size`.
fn can_be_result(plan: &StylizePlan, source: &Path, result: &Path) -> bool {
    let written = |path: &Path| path.metadata().ok()?.modified().ok();
    if written(result) < written(source) {
        return false;
    }
    let size = |path: &Path, max_size: Option<u32>| {
        let header = Header::read(&read(path).ok()?).ok()?;
        let footprint = Footprint::new(&header, max_size, ImageFormat::Png, false);
        Some((footprint.width, footprint.height))
    };
    let wanted = size(source, plan.max_size);
    wanted.is_some() && wanted == size(result, None)
}

fn exists(job: &Job) -> bool {
    !is_standard(&job.output) && job.output.symlink_metadata().is_ok()
}

fn job(input: &Input, style: Option<usize>, plan: &StylizePlan) -> Job {
    let (output, format) = match &plan.destination {
        Destination::Video(path) => (path.clone(), None),
        Destination::Standard => (PathBuf::from("-"), plan.format.as_ref().and_then(ImageFormat::from_extension)),
        Destination::Pictures(Output::Picture(path, format)) => (path.clone(), Some(*format)),
        Destination::Pictures(Output::Folder(folder)) => {
            let folder = style.map_or_else(|| folder.clone(), |style| folder.join(&plan.styles[style].name));
            let output = folder.join(result_name(&input.path, &input.below, plan.format.as_deref()));
            let format = picture_format(&output).expect("results have names of pictures");
            (output, Some(format))
        }
    };
    Job { input: input.path.clone(), output, format, style }
}

/// The input's name with the extension of a format that can be written: `format`, its own, or png.
fn result_name(input: &Path, name: &Path, format: Option<&str>) -> PathBuf {
    if format.is_none() && picture_format(name).is_ok() {
        return name.to_owned();
    }
    let extension = format.unwrap_or_else(|| {
        let written = match identify_content(input) {
            Ok(Content::Picture(FileFormat::Written(format))) => format,
            _ => ImageFormat::Png,
        };
        match written {
            ImageFormat::Jpeg => "jpg",
            ImageFormat::WebP => "webp",
            ImageFormat::Bmp => "bmp",
            ImageFormat::Tiff => "tiff",
            ImageFormat::Gif => "gif",
            _ => "png",
        }
    });
    match is_picture_name(name) || ImageFormat::from_path(name).is_ok() {
        true => name.with_extension(extension),
        // What follows the last dot is not an extension.
        false => {
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
        assert_eq!(name("IMG_1.HEIC", None), Path::new("IMG_1.png"));
        let folder = tempfile::tempdir().unwrap();
        let photo = folder.path().join("photo");
        std::fs::write(&photo, b"\xff\xd8\xff\xe0").unwrap();
        for input in ["a.JPE", "a.jpg_large", "a"] {
            assert_eq!(result_name(&photo, Path::new(input), None), Path::new("a.jpg"), "{input}");
        }
    }
}
