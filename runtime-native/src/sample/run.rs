//! The work of `sample`.

use easel_runtime::card::PictureSize;
use easel_runtime::grid::{BACKGROUND, GAP, GridShape, grid};
use easel_runtime::resize::enlarge;
use easel_runtime::{ModelCard, Picture, Tensor, files, generator};
use image::ImageFormat;

use super::animation::Animation;
use super::latents::Latents;
use super::{Plan, Subject, Target};
use crate::cli::{self, Progress};
use crate::{Error, Model, ModelFile, Result, find_model};

/// The largest picture that is put together in memory, and the longest animation.
const MAX_BYTES: u128 = 1 << 30;

/// The pictures that are computed at once, unless told, and the pixels that they have at most: a generator of 16 channels
/// takes some 400 bytes for each.
const MOST_AT_ONCE: usize = 64;
const PIXELS_AT_ONCE: usize = 1 << 20;

/// How long an animation's longer side is at least, unless told: viewers blur what they enlarge themselves.
const ANIMATION_SIDE: usize = 256;

/// Makes the pictures and writes them. Everything that can be known to fail is tried before the first is computed.
pub fn run(plan: &Plan) -> Result<()> {
    let path = find_model(&plan.model)?;
    let file = ModelFile::read(&path)?;
    let card = file.card.clone();
    let in_model = |source| Error::Model { path: path.clone(), source };
    let latents = Latents::new(&card, &plan.subject).map_err(in_model)?;
    let (output, count) = (plan.output.path(), latents.count());
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
            check_size(plan, &pictures[0], scale)?;
        }
        progress.advance(pictures.len() as u64);
        Ok::<_, Error>(pictures.into_iter().map(move |picture| enlarge(&picture, scale)))
    });
    match plan.target {
        Target::Grid(_, shape) => {
            let mut pictures = Vec::new();
            for batch in batches {
                pictures.extend(batch?);
            }
            files::save_picture(output, &sheet(pictures, shape)?)?;
        }
        Target::Folder => {
            let mut names = (0..count).map(|index| latents.file_name(index));
            for batch in batches {
                for (picture, name) in batch?.zip(&mut names) {
                    files::save_picture(&output.join(name), &picture)?;
                }
            }
        }
        Target::Animation { format, fps } => {
            let mut animation = Animation::new(format, fps);
            for batch in batches {
                for frame in batch? {
                    let length = animation.push(&frame)?;
                    if length as u128 > MAX_BYTES {
                        return Err(Error::Impossible(format!(
                            "{}: the animation would be longer than 1 GiB; ask for fewer frames, a smaller --scale, or a folder",
                            output.display()
                        )));
                    }
                }
            }
            files::write_atomically(output, &animation.finish()?)?;
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

/// All pictures in one; a single one without an edge.
fn sheet(mut pictures: Vec<Picture>, shape: GridShape) -> Result<Picture> {
    match pictures.len() {
        1 if shape.columns * shape.rows == 1 => Ok(pictures.remove(0)),
        _ => Ok(grid(&pictures, shape, GAP, BACKGROUND)?),
    }
}

fn default_batch(card: &ModelCard) -> usize {
    match card.picture.size {
        PictureSize::Fixed { height, width } => (PIXELS_AT_ONCE / (height * width)).clamp(1, MOST_AT_ONCE),
        PictureSize::Any { .. } => 1,
    }
}

fn default_scale(target: &Target, first: &Picture) -> usize {
    match target {
        Target::Animation { .. } => ANIMATION_SIDE.div_ceil(first.width.max(first.height)),
        _ => 1,
    }
}

/// Fails where what is written would be larger than its format or the memory allows.
fn check_size(plan: &Plan, first: &Picture, scale: usize) -> Result<()> {
    let enlarged = [first.width, first.height].map(|side| side as u128 * scale as u128);
    let smaller = "make --scale smaller";
    let (what, format, [width, height], advice) = match plan.target {
        Target::Grid(format, GridShape { columns, rows }) => {
            let side = |pictures: usize, pixels: u128| pictures as u128 * (pixels + GAP as u128) + GAP as u128;
            (
                "the grid",
                format,
                [side(columns, enlarged[0]), side(rows, enlarged[1])],
                "ask for fewer, or give a folder",
            )
        }
        Target::Folder => ("each", ImageFormat::Png, enlarged, smaller),
        Target::Animation { format, .. } => ("each frame", format.picture_format(), enlarged, smaller),
    };
    let longest = match format {
        ImageFormat::WebP => (1 << 14) - 1,
        ImageFormat::Jpeg | ImageFormat::Gif => (1 << 16) - 1,
        _ => i32::MAX as u128,
    };
    if width.max(height) > longest || width * height * first.channels as u128 > MAX_BYTES {
        return Err(Error::Impossible(format!(
            "{}: {what} would be a picture of {width}x{height}, too large; {advice}",
            plan.output.path().display()
        )));
    }
    Ok(())
}
