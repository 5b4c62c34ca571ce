//! Pictures of a class from a denoiser, and how they come out of the noise.

use std::ops::{Range, RangeInclusive};
use std::path::Path;

use easel_pictures::save_picture;
use easel_runtime::Picture;
use easel_runtime::denoiser::{Denoiser, Request, Sampler};
use easel_runtime::predictor::OnHost;
use easel_runtime::resize::enlarge;
use image::ImageFormat;

use super::batches::{self, Batches};
use super::drawing::Drawing;
use super::film::{self, Film};
use super::sheet::{Layout, MAX_BYTES, check_size};
use super::{Plan, Target, names};
use crate::cli::{self, Progress};
use crate::output::{self, Prepared};
use crate::{Error, ModelFile, OnDevice, Result};

/// An animation shows so many steps at most, in about so many seconds unless told, and then what came out of them.
const MOST_STEPS_SHOWN: usize = 100;
const SECONDS: u32 = 3;
const FPS: RangeInclusive<u32> = 5..=25;
const SECONDS_HELD: f64 = 1.5;

/// Makes the pictures and writes them. Everything that can be known to fail is tried before the first is computed.
pub fn run(plan: &Plan, file: ModelFile) -> Result<()> {
    let (path, card) = (file.path.clone(), file.card.clone());
    let in_model = |source| Error::Model { path: path.clone(), source };
    let denoiser = Denoiser::new(&card).map_err(in_model)?;
    let drawing = Drawing::new(&card, &denoiser, &plan.subject, &plan.denoising.classes).map_err(in_model)?;
    let request = requests(plan, &denoiser, &drawing);
    let steps = request(0..1).steps;
    denoiser.check(&request(0..1)).map_err(in_model)?;
    let layout = drawing.layout(plan.grid).map_err(in_model)?;
    let shown = if plan.denoising.animate { shown(steps) } else { vec![] };
    let (output, count) = (plan.output.path(), drawing.count());
    let scale = scale(plan, &denoiser, &layout, count * (shown.len() + 1))?;
    let prepared = plan.output.prepare()?;
    let mut model = file.load(&plan.options)?;
    cli::announce(&model.engine);

    let enlarged = |pictures: Vec<Picture>| pictures.iter().map(|picture| enlarge(picture, scale)).collect::<Vec<_>>();
    let in_folder = plan.target == Target::Folder && !plan.denoising.animate;
    let mut sheets = vec![Vec::new(); shown.len() + 1];
    let mut progress = Progress::new((count * steps) as u64, "picture steps");
    let size = plan.batch.unwrap_or_else(|| batches::default_size(&card));
    let batches = Batches { denoiser: &denoiser, request, count, shown: &shown };
    let keep = |pictures: Range<usize>, mut made: Vec<Vec<Picture>>| {
        if in_folder {
            for (index, picture) in pictures.zip(enlarged(made.swap_remove(0))) {
                save(&output.join(drawing.path(index)), &picture)?;
            }
        } else {
            sheets.iter_mut().zip(made).for_each(|(sheet, made)| sheet.extend(made));
        }
        Ok(())
    };
    let engine = &mut model.engine;
    let made = if engine.is_on_device() {
        OnDevice::new(engine)
            .map_err(Error::from)
            .and_then(|mut model| pollster::block_on(batches.run(&mut model, size, &mut progress, keep)))
    } else {
        pollster::block_on(batches.run(&mut OnHost(engine), size, &mut progress, keep))
    };
    made.map_err(|error| error.in_file(&path))?;
    drop(progress);

    let frames = sheets.len();
    if !in_folder {
        write(plan, sheets.into_iter().map(|sheet| layout.compose(enlarged(sheet))))?;
    }
    prepared.keep();
    let made = match (plan.denoising.animate, count) {
        (true, _) => format!("{frames} frames"),
        (false, 1) => "1 picture".into(),
        (false, _) => format!("{count} pictures"),
    };
    eprintln!("wrote {made} to {}", output.display());
    Ok(())
}

/// Writes a sheet, or what it looked like from the noise on.
fn write(plan: &Plan, mut sheets: impl ExactSizeIterator<Item = Result<Picture>>) -> Result<()> {
    let (output, last) = (plan.output.path(), sheets.len() - 1);
    match plan.target {
        Target::Picture(_) => sheets.try_for_each(|sheet| Ok(save_picture(output, &sheet?)?)),
        Target::Folder => {
            for (index, sheet) in sheets.enumerate() {
                save_picture(&output.join(names::of_number(index as u64, last as u64)), &sheet?)?;
            }
            Ok(())
        }
        Target::Animation { format, fps } => {
            let fps = fps.unwrap_or((sheets.len() as u32 / SECONDS).clamp(*FPS.start(), *FPS.end()));
            let mut film = Film::new(output, format, fps);
            for (index, sheet) in sheets.enumerate() {
                let held = if index == last { (SECONDS_HELD * f64::from(fps)).ceil() as u16 } else { 1 };
                film.add(&sheet?, held)?;
            }
            film.finish()
        }
    }
}

/// The request for some of the pictures.
fn requests(plan: &Plan, denoiser: &Denoiser, drawing: &Drawing) -> impl Fn(Range<usize>) -> Request {
    let sampler = plan.denoising.sampler.unwrap_or(Sampler::DpmSolver);
    let steps = plan.denoising.steps.unwrap_or_else(|| denoiser.usual_steps(&sampler));
    let guidance = plan.denoising.guidance.unwrap_or_else(|| denoiser.usual_guidance());
    move |pictures| Request { draws: pictures.map(|index| drawing.draw(index)).collect(), sampler, steps, guidance }
}

/// The steps that an animation shows before the last: the noise, and then evenly some.
fn shown(steps: usize) -> Vec<usize> {
    let count = steps.min(MOST_STEPS_SHOWN);
    (0..count).map(|index| index * steps / count).collect()
}

/// By how much pictures are enlarged. Fails where what is written would be larger than its format or the memory allows,
/// of which `kept` pictures take a part until then.
fn scale(plan: &Plan, denoiser: &Denoiser, layout: &Layout, kept: usize) -> Result<usize> {
    let [channels, height, width] = denoiser.picture;
    let picture = [width, height].map(|side| side as u128);
    let scale = plan.scale.unwrap_or_else(|| match plan.target {
        Target::Animation { .. } => film::default_scale(layout.size(picture)),
        _ => 1,
    });
    let enlarged = picture.map(|side| side * scale as u128);
    let output = plan.output.path();
    let (fewer, smaller) = ("ask for fewer, or give a folder", "ask for fewer, or make --scale smaller");
    let (words, format, size) = match plan.target {
        Target::Picture(format) => (["the sheet", fewer], format, layout.size(enlarged)),
        Target::Animation { format, .. } => (["each frame", smaller], format.picture_format(), layout.size(enlarged)),
        Target::Folder if plan.denoising.animate => (["each frame", smaller], ImageFormat::Png, layout.size(enlarged)),
        Target::Folder => {
            check_size(output, ImageFormat::Png, enlarged, channels, ["each", "make --scale smaller"])?;
            return Ok(scale);
        }
    };
    check_size(output, format, size, channels, words)?;
    if kept as u128 * picture[0] * picture[1] * channels as u128 > MAX_BYTES {
        return Err(Error::Impossible(format!(
            "{}: {kept} pictures of all steps are more than memory should hold; ask for fewer",
            output.display()
        )));
    }
    Ok(scale)
}

/// Writes a picture into its class's folder, which is made where it is missing.
fn save(path: &Path, picture: &Picture) -> Result<()> {
    let folder = path.parent().map(output::create_folder).transpose()?;
    save_picture(path, picture)?;
    folder.into_iter().for_each(Prepared::keep);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_animation_shows_some_steps() {
        assert_eq!(shown(3), [0, 1, 2]);
        let some = shown(1000);
        assert_eq!((some.len(), some[0], some[1], some[99]), (100, 0, 10, 990));
        assert!(shown(150).is_sorted_by(|a, b| a < b));
    }
}
