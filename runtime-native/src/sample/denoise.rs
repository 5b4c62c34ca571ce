//! Draws pictures of classes with a denoiser, and animates how they emerge from noise.

use std::ops::{Range, RangeInclusive};

use easel_runtime::Picture;
use easel_runtime::denoiser::{Denoiser, SampleRequest};
use easel_runtime::predictor::OnHost;
use easel_runtime::resize::enlarge;
use image::ImageFormat;

use super::animation_file::{self, AnimationFile};
use super::batches::{self, Batches};
use super::draws::Draws;
use super::layout::{Layout, MAX_BYTES, check_size};
use super::names;
use super::plan::{SamplePlan, Target};
use super::report::{Content, Report};
use crate::cli::{self, Progress};
use crate::device::OnDevice;
use crate::error::{Error, Result};
use crate::model::ModelFile;

/// The most steps that an animation shows, the seconds that it takes by default, the range of its default frames per
/// second, and how long it holds the last frame.
const MOST_STEPS_SHOWN: usize = 100;
const SECONDS: u32 = 3;
const FPS: RangeInclusive<u32> = 5..=25;
const SECONDS_HELD: f64 = 1.5;

/// Draws the pictures and writes them. Everything that can be checked beforehand is. Returns what was written.
pub fn run(plan: &SamplePlan, file: ModelFile, report: &Report) -> Result<String> {
    let (path, card) = (file.path.clone(), file.card.clone());
    let in_model = |source| Error::model(&path, source);
    let denoiser = Denoiser::new(&card).map_err(in_model)?;
    let draws = Draws::new(&path, &card, &denoiser, &plan.selection, &plan.denoiser.classes)?;
    let request = requests(plan, &denoiser, &draws);
    let steps = request(0..1).steps;
    denoiser.check(&request(0..1)).map_err(in_model)?;
    let layout = draws.layout(plan.grid)?;
    let shown = if plan.denoiser.animate { shown(steps) } else { vec![] };
    let (output, count) = (plan.output.path(), draws.count());
    let scale = scale(plan, &denoiser, &layout, count * (shown.len() + 1))?;
    let prepared = plan.output.prepare()?;
    let mut model = file.load(&plan.engine)?;
    let engine = cli::EngineNames::of(&model.engine);
    cli::announce(&engine, 1, "pictures");
    report.begin(&card.title, engine, prepared);

    let enlarged = |pictures: Vec<Picture>| pictures.iter().map(|picture| enlarge(picture, scale)).collect::<Vec<_>>();
    let in_folder = plan.target == Target::Folder && !plan.denoiser.animate;
    let mut frames = vec![Vec::new(); shown.len() + 1];
    let mut progress = Progress::new((count * steps) as u64, "picture steps");
    let size = plan.batch.unwrap_or_else(|| batches::default_size(&card));
    let batches = Batches { denoiser: &denoiser, request, count, shown: &shown };
    let keep = |pictures: Range<usize>, mut batch: Vec<Vec<Picture>>| {
        if in_folder {
            for (index, picture) in pictures.zip(enlarged(batch.swap_remove(0))) {
                report.save(&output.join(draws.path(index)), &picture, 1, ImageFormat::Png)?;
            }
        } else {
            frames.iter_mut().zip(batch).for_each(|(frame, pictures)| frame.extend(pictures));
        }
        Ok(())
    };
    let sampled = match model.engine.on_device() {
        Some(engine) => OnDevice::new(engine)
            .map_err(Error::from)
            .and_then(|mut model| pollster::block_on(batches.run(&mut model, size, &mut progress, keep))),
        None => pollster::block_on(batches.run(&mut OnHost(&mut model.engine), size, &mut progress, keep)),
    };
    sampled.map_err(|error| error.in_file(&path))?;
    drop(progress);

    let frame_count = frames.len();
    if !in_folder {
        write(plan, report, count, frames.into_iter().map(|frame| layout.compose(enlarged(frame))))?;
    }
    Ok(match (plan.denoiser.animate, count) {
        (true, _) => format!("{frame_count} frames"),
        (false, 1) => "1 picture".into(),
        (false, _) => format!("{count} pictures"),
    })
}

/// Writes the pictures in one, or an animation of them.
fn write(
    plan: &SamplePlan,
    report: &Report,
    pictures: usize,
    mut frames: impl ExactSizeIterator<Item = Result<Picture>>,
) -> Result<()> {
    let (output, last) = (plan.output.path(), frames.len() - 1);
    match plan.target {
        Target::Picture(format) => frames.try_for_each(|frame| report.save(output, &frame?, pictures, format)),
        Target::Folder => {
            for (index, frame) in frames.enumerate() {
                let path = output.join(names::of_number(index as u64, last as u64));
                report.save(&path, &frame?, pictures, ImageFormat::Png)?;
            }
            Ok(())
        }
        Target::Animation { format, fps } => {
            let fps = fps.unwrap_or((frames.len() as u32 / SECONDS).clamp(*FPS.start(), *FPS.end()));
            let mut file = AnimationFile::new(output, format, fps);
            let mut size = [0, 0];
            for (index, frame) in frames.enumerate() {
                let frame = frame?;
                size = [frame.width, frame.height];
                let held = if index == last { (SECONDS_HELD * f64::from(fps)).ceil() as u16 } else { 1 };
                file.add(&frame, held)?;
            }
            let content = Content { size, pictures, frames: Some(last + 1) };
            report.write(output, &file.finish()?, &content)
        }
    }
}

/// Makes the request for a range of the pictures.
fn requests(plan: &SamplePlan, denoiser: &Denoiser, draws: &Draws) -> impl Fn(Range<usize>) -> SampleRequest {
    let sampler = plan.denoiser.sampler;
    let steps = plan.denoiser.steps.unwrap_or_else(|| denoiser.default_steps(&sampler));
    let guidance = plan.denoiser.guidance.unwrap_or_else(|| denoiser.default_guidance());
    move |pictures| SampleRequest { draws: pictures.map(|index| draws.draw(index)).collect(), sampler, steps, guidance }
}

/// The steps that an animation shows before the last: step 0, the noise, and others evenly spaced.
fn shown(steps: usize) -> Vec<usize> {
    let count = steps.min(MOST_STEPS_SHOWN);
    (0..count).map(|index| index * steps / count).collect()
}

/// The scale of the pictures. Fails if the result, or the `kept` pictures until then, would be larger than the format or
/// memory allows.
fn scale(plan: &SamplePlan, denoiser: &Denoiser, layout: &Layout, kept: usize) -> Result<usize> {
    let [channels, height, width] = denoiser.picture;
    let picture = [width, height].map(|side| side as u128);
    let scale = plan.scale.unwrap_or_else(|| match plan.target {
        Target::Animation { .. } => animation_file::default_scale(layout.size(picture)),
        _ => 1,
    });
    let enlarged = picture.map(|side| side * scale as u128);
    let output = plan.output.path();
    let (fewer, smaller) = ("ask for fewer, or give a folder", "ask for fewer, or make --scale smaller");
    let (words, format, size) = match plan.target {
        Target::Picture(format) => (["the grid", fewer], format, layout.size(enlarged)),
        Target::Animation { format, .. } => (["each frame", smaller], format.picture_format(), layout.size(enlarged)),
        Target::Folder if plan.denoiser.animate => (["each frame", smaller], ImageFormat::Png, layout.size(enlarged)),
        Target::Folder => {
            check_size(output, ImageFormat::Png, enlarged, channels, ["each", "make --scale smaller"])?;
            return Ok(scale);
        }
    };
    check_size(output, format, size, channels, words)?;
    if kept as u128 * picture[0] * picture[1] * channels as u128 > MAX_BYTES {
        let what = format!("{kept} pictures of all steps would take more than 1 GiB of memory");
        return Err(Error::TooLarge { path: output.to_owned(), what, advice: "ask for fewer" });
    }
    Ok(scale)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_animation_shows_evenly_spaced_steps() {
        assert_eq!(shown(3), [0, 1, 2]);
        let some = shown(1000);
        assert_eq!((some.len(), some[0], some[1], some[99]), (100, 0, 10, 990));
        assert!(shown(150).is_sorted_by(|a, b| a < b));
    }
}
