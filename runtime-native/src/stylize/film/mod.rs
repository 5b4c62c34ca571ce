//! Films: ffmpeg takes them apart and puts them together, and the frames go through the lanes.

mod container;
mod ffmpeg;
mod flicker;
mod frames;
mod likeness;
mod motion;
mod probe;
mod steady;
mod tone;
mod work;

use std::io::{self, Write};
use std::path::Path;
use std::time::Instant;

use easel_files::{AtomicFile, remove_abandoned};
use serde_json::{Value, json};

use self::flicker::Flicker;
use self::probe::Film;
use self::steady::Steady;
use self::tone::Tone;
use self::work::Work;
use super::gate::Gate;
use super::identity::identity;
use super::lane::Lane;
use super::memory::{Facts, Footprint, PROGRAM, Settings, Tiling, tiling};
use super::plan::{Existing, Plan, StatisticsOf};
use super::report::RESIZED;
use super::run::{Opened, open_all};
use crate::cli::Progress;
use crate::engine::cores;
use crate::memory::free_bytes;
use crate::{Error, Result, find_model};

pub(super) use container::{Container, NAMES};
pub(super) use ffmpeg::GET;

/// Frames that a lane has at most, results included, and those beside, of which the one before has four bytes a channel.
const FRAMES_A_LANE: usize = 6;
const FRAMES_BESIDE: usize = 16;

/// ffmpeg's version, where it is installed, and ffprobe too.
pub(super) fn version() -> Option<String> {
    let said = |program| ffmpeg::command(program).arg("-version").output().ok().filter(|said| said.status.success());
    let said = said("ffprobe").and(said("ffmpeg"))?;
    let text = String::from_utf8_lossy(&said.stdout).into_owned();
    Some(text.split(" Copyright").next().unwrap_or_default().trim().to_string())
}

/// Stylizes the plan's one film.
pub(super) fn run(plan: &Plan, output: &Path) -> Result<()> {
    let input = plan.inputs[0].as_path();
    let began = Instant::now();
    let print = |line: Value| {
        if plan.json {
            // Where nobody reads any more, the film is made all the same.
            let _ = writeln!(io::stdout(), "{line}");
        }
    };
    let about = |status: &str| json!({ "input": input.to_string_lossy(), "output": output.to_string_lossy(), "status": status });
    let ms = || began.elapsed().as_millis() as u64;
    let summary = |done: u8, skipped: u8, opened: &Opened| {
        json!({ "summary": {
            "done": done, "skipped": skipped, "failed": 0, "ms": ms(), "models": opened.titles, "engine": opened.engine,
        }})
    };
    let made = is_wanted(plan, input, output).and_then(|wanted| wanted.then(|| make(plan, input, output)).transpose());
    match made {
        Ok(Some(Made { width, height, frames, tiles, fps, flicker, opened })) => {
            let mut line = about("done");
            for (key, value) in [
                ("width", json!(width)),
                ("height", json!(height)),
                ("frames", json!(frames)),
                ("fps", json!(fps)),
                ("tiles", json!(tiles)),
                ("ms", json!(ms())),
                ("flicker", flicker.to_json()),
            ] {
                line[key] = value;
            }
            print(line);
            print(summary(1, 0, &opened));
            let seconds = began.elapsed().as_secs_f64();
            let rate = frames as f64 / seconds;
            eprintln!("wrote {frames} frames to {} in {seconds:.1} s, {rate:.1}/s", output.display());
            if let Some((result, film)) = flicker.levels() {
                let share = 100.0 * flicker.share();
                let hint = if plan.steady { "" } else { "; --steady makes it less" };
                eprintln!(
                    "flicker: {result:.2} levels of 255 in the {share:.0} % that hardly change, the film's own {film:.2}{hint}"
                );
            }
            Ok(())
        }
        Ok(None) => {
            print(about("skipped"));
            print(json!({ "summary": { "done": 0, "skipped": 1, "failed": 0, "ms": ms() } }));
            eprintln!("{}: it is there already; skipped", output.display());
            Ok(())
        }
        Err(error) => {
            let mut line = about("failed");
            line["error"] = json!(error.to_string());
            print(line);
            print(json!({ "summary": { "done": 0, "failed": 1, "ms": ms(), "error": error.to_string() } }));
            Err(error)
        }
    }
}

/// What became of a film.
struct Made {
    width: usize,
    height: usize,
    frames: u64,
    /// Those of a frame.
    tiles: usize,
    fps: f64,
    flicker: Flicker,
    opened: Opened,
}

/// Whether the result is to be made; false where it is there and that is well.
fn is_wanted(plan: &Plan, input: &Path, output: &Path) -> Result<bool> {
    let unfit = |what: String| Err(Error::Impossible(what));
    let named = output.display();
    if let Err(error) = input.metadata() {
        return unfit(format!("{}: cannot read: {error}", input.display()));
    }
    if identity(output).is_some_and(|there| Some(there) == identity(input)) {
        return unfit(format!("{named}: the result would replace the input {}; give another -o", input.display()));
    }
    if output.symlink_metadata().is_ok() {
        match plan.existing {
            Existing::Skip => return Ok(false),
            Existing::Overwrite => {}
            Existing::Refuse => {
                let ways = "--overwrite replaces it, --skip-existing leaves it";
                return unfit(format!("{named}: it is there already; {ways}"));
            }
        }
    }
    Ok(true)
}

fn make(plan: &Plan, input: &Path, output: &Path) -> Result<Made> {
    let paths = plan.styles.iter().map(|style| find_model(&style.model)).collect::<Result<Vec<_>>>()?;
    let film = probe::probe(input)?;
    let (width, height) = size(&film, plan.max_size);
    let all = plan.options.threads.filter(|&threads| threads > 0).unwrap_or_else(cores);
    let mut first = Lane::new(plan, &paths, 1);
    let opened = open_all(plan, &mut first)?;
    let count = if opened.on_device { 1 } else { all };
    let side_by_side = if count > 1 { format!(", {count} frames at a time") } else { String::new() };
    eprintln!("engine: {}{side_by_side}", opened.engine);
    let mut lanes = vec![first];
    lanes.extend((1..count).map(|_| Lane::new(plan, &paths, 1)));

    let (tilings, room) = tilings(plan, &opened.facts, (width, height), count)
        .map_err(|why| Error::Impossible(format!("{}: {why}", input.display())))?;
    let gate = Gate::new(room);
    let container = Container::of(output).expect("the plan's film is one");
    let file = AtomicFile::new(output)?;
    output.parent().into_iter().for_each(remove_abandoned);
    let place = file.temporary_path().to_owned();
    let work = Work::new(file);
    let mut decoder = work.start(input, &mut ffmpeg::decoder(input, &film, (width, height)))?;
    let mut encoder = work.start(
        input,
        &mut ffmpeg::encoder(
            input,
            &film,
            (width, height),
            &ffmpeg::file(&place),
            container,
            plan.quality.jpeg,
            !plan.strip,
        ),
    )?;
    let source = decoder.stdout.take().expect("it is piped");
    let mut sink = encoder.stdin.take().expect("it is piped");

    let tone = plan.steady.then(|| Tone::new(film.rate.per_second()));
    let mut steady = Steady::new(plan.steady);
    let mut progress = Progress::new(film.frames(), "frames");
    let mut tiles = 0;
    let mut broken = false;
    let ran = frames::run(
        source,
        (width, height),
        lanes,
        &tilings,
        &gate,
        tone.as_ref(),
        |frames::Made { film, made, told }| {
            // Frames have one size, so what is said of the first holds for all.
            if tiles == 0 {
                let warning = told.warning.map(|warning| format!("warning: {}: {warning}", input.display()));
                warning.iter().for_each(|line| progress.say(line));
                if told.resized {
                    progress.say(RESIZED);
                }
            }
            tiles = told.tiles;
            progress.advance(1);
            let result = steady.next(film, made);
            sink.write_all(&result.pixels).inspect_err(|_| broken = true).map_err(Error::Io)
        },
    );
    drop(progress);
    drop(sink);
    let decoded = |why: &str| Error::Impossible(format!("{}: {why}", input.display()));
    let cannot = |why: &str| Error::Impossible(format!("{}: cannot write: {why}", output.display()));
    let frames = match ran {
        // Why the encoder reads no more is what it said.
        Err(_) if broken => return Err(cannot(&ffmpeg::reason(&work.wait(encoder)?.1, &place))),
        Err(error) => return Err(decoded(&error.to_string())),
        Ok(frames) => frames,
    };
    let (status, said) = work.wait(decoder)?;
    if frames == 0 || !status.success() {
        return Err(decoded(&ffmpeg::reason(&said, input)));
    }
    if frames + frames / 50 + 1 < film.frames() {
        eprintln!(
            "warning: {}: only {frames} of about {} frames could be decoded, and the result is shorter",
            input.display(),
            film.frames()
        );
    }
    let (status, said) = work.wait(encoder)?;
    if !status.success() {
        return Err(cannot(&ffmpeg::reason(&said, &place)));
    }
    work.finish()?;
    Ok(Made { width, height, frames, tiles, fps: film.rate.per_second(), flicker: steady.flicker, opened })
}

/// The tiles of all frames for each model, and what the models may take together.
///
/// Without a limit, tiles are those of a single picture, whatever the number of lanes is, and so is the result.
fn tilings(
    plan: &Plan,
    facts: &[Facts],
    (width, height): (usize, usize),
    lanes: usize,
) -> Result<(Vec<Tiling>, usize), String> {
    let frame = 3 * width * height;
    let (computing, room) = match plan.tiles.memory {
        None => (2 * frame, free_bytes() / 8 * 3),
        Some(limit) => {
            let all = frame * (FRAMES_A_LANE * lanes + FRAMES_BESIDE);
            (all, limit.saturating_sub(PROGRAM + all))
        }
    };
    let footprint = Footprint { width, height, decoding: 0, computing, encoding: 0 };
    // What is averaged over time takes the place of each frame's own.
    let statistics = if plan.steady { StatisticsOf::Thumbnail } else { plan.tiles.statistics };
    let settings = Settings { statistics, ..plan.tiles };
    let tilings = facts.iter().map(|facts| tiling(facts, &footprint, &settings)).collect::<Result<_, _>>()?;
    Ok((tilings, room))
}

/// The result's size: even, as H.264 with one colour for four pixels has it, and at most `max_size` a side.
fn size(film: &Film, max_size: Option<u32>) -> (usize, usize) {
    let long = film.width.max(film.height);
    let even = |side: usize| (side / 2 * 2).max(2);
    match max_size.map(|size| size as usize).filter(|&size| size < long) {
        None => (even(film.width), even(film.height)),
        Some(size) => {
            let side = |side: usize| even((side * size + long / 2) / long);
            (side(film.width), side(film.height))
        }
    }
}
