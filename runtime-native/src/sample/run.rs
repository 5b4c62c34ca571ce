//! The work of `sample`.

use std::path::Path;

use easel_runtime::grid::{BACKGROUND, GAP, grid};
use easel_runtime::{Picture, files, generator};
use image::ImageFormat;

use super::Plan;
use crate::cli::{self, Progress};
use crate::output::Output;
use crate::{Error, Model, ModelFile, Result, find_model};

/// The largest picture that is put together in memory.
const MAX_SHEET_BYTES: u128 = 1 << 30;

/// Makes the pictures and writes them. Everything that can be known to fail is tried before the first is computed.
pub fn run(plan: &Plan) -> Result<()> {
    let path = find_model(&plan.model)?;
    let file = ModelFile::read(&path)?;
    let in_model = |source| Error::Model { path: path.clone(), source };
    file.card.latent().map_err(in_model)?;
    let prepared = plan.output.prepare()?;
    let mut model = file.load(&plan.options)?;
    cli::announce(&model.engine);

    let mut progress = Progress::new(u64::from(plan.count), "pictures");
    match &plan.output {
        Output::Picture(path, format) => {
            let mut pictures = Vec::new();
            for batch in batches(plan) {
                let made = generate(&mut model, plan, batch).map_err(in_model)?;
                if pictures.is_empty() {
                    check_sheet(plan, path, *format, &made[0])?;
                }
                progress.advance(made.len() as u64);
                pictures.extend(made);
            }
            files::save_picture(path, &sheet(pictures, plan)?)?;
        }
        Output::Folder(folder) => {
            let digits = plan.count.saturating_sub(1).to_string().len().max(5);
            for batch in batches(plan) {
                for (picture, index) in generate(&mut model, plan, batch).map_err(in_model)?.iter().zip(batch.0..) {
                    files::save_picture(&folder.join(format!("{index:0digits$}.png")), picture)?;
                    progress.advance(1);
                }
            }
        }
    }
    drop(progress);
    prepared.keep();
    let plural = if plan.count == 1 { "" } else { "s" };
    eprintln!("wrote {} picture{plural} to {}", plan.count, plan.output.path().display());
    Ok(())
}

/// The first picture and the number of pictures of each batch.
fn batches(plan: &Plan) -> impl Iterator<Item = (u64, usize)> {
    let (count, batch) = (u64::from(plan.count), plan.batch as usize);
    (0..count).step_by(batch).map(move |first| (first, batch.min((count - first) as usize)))
}

fn generate(model: &mut Model, plan: &Plan, (first, count): (u64, usize)) -> easel_runtime::Result<Vec<Picture>> {
    let z = generator::latents(&model.card, plan.seed, first, count)?;
    let image = pollster::block_on(generator::generate(&mut model.engine, &z))?;
    Picture::from_batch(&image)
}

/// All pictures in one; a single one without an edge.
fn sheet(mut pictures: Vec<Picture>, plan: &Plan) -> Result<Picture> {
    match pictures.len() {
        1 if plan.grid.columns * plan.grid.rows == 1 => Ok(pictures.remove(0)),
        _ => Ok(grid(&pictures, plan.grid, GAP, BACKGROUND)?),
    }
}

/// Fails where all pictures in one would be larger than the format or the memory allows.
fn check_sheet(plan: &Plan, path: &Path, format: ImageFormat, first: &Picture) -> Result<()> {
    let side = |pictures: usize, pixels: usize| pictures as u128 * (pixels + GAP) as u128 + GAP as u128;
    let (width, height) = (side(plan.grid.columns, first.width), side(plan.grid.rows, first.height));
    let longest = match format {
        ImageFormat::WebP => (1 << 14) - 1,
        ImageFormat::Jpeg => (1 << 16) - 1,
        _ => i32::MAX as u128,
    };
    if width.max(height) > longest || width * height * first.channels as u128 > MAX_SHEET_BYTES {
        return Err(Error::Impossible(format!(
            "{}: the grid would be a picture of {width}x{height}, too large; ask for fewer, or give a folder",
            path.display()
        )));
    }
    Ok(())
}
