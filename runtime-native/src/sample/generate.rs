//! Pictures from a generator, and walks from one to the next.

use easel_pictures::save_picture;
use easel_runtime::card::PictureSize;
use easel_runtime::grid::GridShape;
use easel_runtime::resize::enlarge;
use easel_runtime::{ModelCard, Picture, Tensor, generator};
use image::ImageFormat;

use super::film::{self, Film};
use super::latents::Latents;
use super::sheet::{Layout, check_size};
use super::{Plan, Subject, Target};
use crate::cli::{self, Progress};
use crate::{Error, Model, ModelFile, Result};

/// The pictures that are computed at once, unless told, and the pixels that they have at most: a generator of 16 channels
/// takes some 400 bytes for each.
const MOST_AT_ONCE: usize = 64;
const PIXELS_AT_ONCE: usize = 1 << 20;

/// Frames in a second where `--fps` does not say: 4 hundredths each, which is how GIF counts.
const DEFAULT_FPS: u32 = 25;

/// Makes the pictures and writes them. Everything that can be known to fail is tried before the first is computed.
pub fn run(plan: &Plan, file: ModelFile) -> Result<()> {
    let (path, card) = (file.path.clone(), file.card.clone());
    let in_model = |source| Error::Model { path: path.clone(), source };
    let latents = Latents::new(&card, &plan.subject).map_err(in_model)?;
    if let Some(flag) = plan.denoising.flag() {
        return Err(Error::Impossible(format!(
            "{}: {flag} is for a denoiser, and this model is a generator; leave it away",
            path.display()
        )));
    }
    let (output, count) = (plan.output.path(), latents.count());
    let layout = Layout::Grid(plan.grid.unwrap_or_else(|| GridShape::square(count)));
    let prepared = plan.output.prepare()?;
    let mut model = file.load(&plan.options)?;
    cli::announce(&model.engine);

    let [one, many] = match plan.subject {
        Subject::Walk { .. } => ["frame", "frames"],
        _ => ["picture", "pictures"],
    };
    let mut progress = Progress::new(count as u64, many);
    let mut scale = 1;
    let batch = plan.batch.unwrap_or_else(|| default_batch(&card));
    let batches = (0..count).step_by(batch).map(|first| {
        let z = latents.batch(first, batch.min(count - first)).map_err(in_model)?;
        let pictures = generate(&mut model, &z).map_err(in_model)?;
        if first == 0 {
            scale = plan.scale.unwrap_or_else(|| default_scale(&plan.target, &pictures[0]));
            check(plan, &layout, &pictures[0], scale)?;
        }
        progress.advance(pictures.len() as u64);
        Ok::<_, Error>(pictures.into_iter().map(move |picture| enlarge(&picture, scale)))
    });
    match plan.target {
        Target::Picture(_) => {
            let mut pictures = Vec::new();
            for batch in batches {
                pictures.extend(batch?);
            }
            save_picture(output, &layout.compose(pictures)?)?;
        }
        Target::Folder => {
            let mut names = (0..count).map(|index| latents.file_name(index));
            for batch in batches {
                for (picture, name) in batch?.zip(&mut names) {
                    save_picture(&output.join(name), &picture)?;
                }
            }
        }
        Target::Animation { format, fps } => {
            let mut film = Film::new(output, format, fps.unwrap_or(DEFAULT_FPS));
            for batch in batches {
                for frame in batch? {
                    film.add(&frame, 1)?;
                }
            }
            film.finish()?;
        }
    }
    drop(progress);
    prepared.keep();
    let what = if count == 1 { one } else { many };
    eprintln!("wrote {count} {what} to {}", output.display());
    Ok(())
}

fn generate(model: &mut Model, z: &Tensor) -> easel_runtime::Result<Vec<Picture>> {
    Picture::from_batch(&pollster::block_on(generator::generate(&mut model.engine, z))?)
}

fn default_batch(card: &ModelCard) -> usize {
    match card.picture.as_ref().map(|picture| picture.size) {
        Some(PictureSize::Fixed { height, width }) => (PIXELS_AT_ONCE / (height * width)).clamp(1, MOST_AT_ONCE),
        _ => 1,
    }
}

fn default_scale(target: &Target, first: &Picture) -> usize {
    match target {
        Target::Animation { .. } => film::default_scale([first.width as u128, first.height as u128]),
        _ => 1,
    }
}

/// Fails where what is written would be larger than its format or the memory allows.
fn check(plan: &Plan, layout: &Layout, first: &Picture, scale: usize) -> Result<()> {
    let enlarged = [first.width, first.height].map(|side| side as u128 * scale as u128);
    let smaller = "make --scale smaller";
    let (words, format, size) = match plan.target {
        Target::Picture(format) => (["the grid", "ask for fewer, or give a folder"], format, layout.size(enlarged)),
        Target::Folder => (["each", smaller], ImageFormat::Png, enlarged),
        Target::Animation { format, .. } => (["each frame", smaller], format.picture_format(), enlarged),
    };
    check_size(plan.output.path(), format, size, first.channels, words)
}
