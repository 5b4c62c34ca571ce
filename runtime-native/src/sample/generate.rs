//! Draws pictures with a generator, and walks from one to the next.

use easel_runtime::card::PictureSize;
use easel_runtime::grid::GridShape;
use easel_runtime::resize::enlarge;
use easel_runtime::{ModelCard, Picture, Tensor, generator};
use image::ImageFormat;

use super::animation_file::{self, AnimationFile};
use super::latents::Latents;
use super::layout::{Layout, check_size};
use super::plan::{SamplePlan, Selection, Target};
use super::report::{Content, Report};
use crate::cli::{self, Progress};
use crate::error::{Error, Result};
use crate::model::{Model, ModelFile};

/// The largest default batch, in pictures and in pixels: a generator of 16 base channels takes some 400 bytes a pixel.
const LARGEST_DEFAULT: usize = 64;
const MOST_PIXELS: usize = 1 << 20;

/// The default frames per second: 4 hundredths of a second each, the unit of GIF.
const DEFAULT_FPS: u32 = 25;

/// Draws the pictures and writes them. Everything that can be checked beforehand is. Returns what was written.
pub fn run(plan: &SamplePlan, file: ModelFile, report: &Report) -> Result<String> {
    let (path, card) = (file.path.clone(), file.card.clone());
    let in_model = |source| Error::model(&path, source);
    let latents = Latents::new(&card, &plan.selection).map_err(in_model)?;
    if let Some(option) = plan.denoiser.first_given() {
        let reason = "is for a denoiser, and this model is a generator; remove it".into();
        return Err(Error::InapplicableOption { path, option, reason });
    }
    let (output, count) = (plan.output.path(), latents.count());
    let layout = Layout::Grid(plan.grid.unwrap_or_else(|| GridShape::square(count)));
    let prepared = plan.output.prepare()?;
    let mut model = file.load(&plan.engine)?;
    let engine = cli::EngineNames::of(&model.engine);
    cli::announce(&engine, 1, "pictures");
    report.begin(&card.title, engine, prepared);

    let [one, many] = match plan.selection {
        Selection::Walk { .. } => ["frame", "frames"],
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
        Target::Picture(format) => {
            let mut pictures = Vec::new();
            for batch in batches {
                pictures.extend(batch?);
            }
            report.save(output, &layout.compose(pictures)?, count, format)?;
        }
        Target::Folder => {
            let mut names = (0..count).map(|index| latents.file_name(index));
            for batch in batches {
                for (picture, name) in batch?.zip(&mut names) {
                    report.save(&output.join(name), &picture, 1, ImageFormat::Png)?;
                }
            }
        }
        Target::Animation { format, fps } => {
            let mut file = AnimationFile::new(output, format, fps.unwrap_or(DEFAULT_FPS));
            let mut size = [0, 0];
            for batch in batches {
                for frame in batch? {
                    size = [frame.width, frame.height];
                    file.add(&frame, 1)?;
                }
            }
            let content = Content { size, pictures: count, frames: Some(count) };
            report.write(output, &file.finish()?, &content)?;
        }
    }
    drop(progress);
    Ok(format!("{count} {}", if count == 1 { one } else { many }))
}

fn generate(model: &mut Model, z: &Tensor) -> easel_runtime::Result<Vec<Picture>> {
    Picture::from_batch(&pollster::block_on(generator::generate(&mut model.engine, z))?)
}

fn default_batch(card: &ModelCard) -> usize {
    match card.picture.as_ref().map(|picture| picture.size) {
        Some(PictureSize::Fixed { height, width }) => (MOST_PIXELS / (height * width)).clamp(1, LARGEST_DEFAULT),
        _ => 1,
    }
}

fn default_scale(target: &Target, first: &Picture) -> usize {
    match target {
        Target::Animation { .. } => animation_file::default_scale([first.width as u128, first.height as u128]),
        _ => 1,
    }
}

/// Fails if the result would be larger than its format or memory allows.
fn check(plan: &SamplePlan, layout: &Layout, first: &Picture, scale: usize) -> Result<()> {
    let enlarged = [first.width, first.height].map(|side| side as u128 * scale as u128);
    let smaller = "make --scale smaller";
    let (words, format, size) = match plan.target {
        Target::Picture(format) => (["the grid", "ask for fewer, or give a folder"], format, layout.size(enlarged)),
        Target::Folder => (["each", smaller], ImageFormat::Png, enlarged),
        Target::Animation { format, .. } => (["each frame", smaller], format.picture_format(), enlarged),
    };
    check_size(plan.output.path(), format, size, first.channels, words)
}
