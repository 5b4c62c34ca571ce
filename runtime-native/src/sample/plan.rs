//! What a command line of `sample` comes down to.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use easel_runtime::grid::GridShape;
use image::ImageFormat;

use super::Args;
use super::animation::AnimationFormat;
use crate::Options;
use crate::output::Output;

/// Pictures where neither `-n` nor `--grid` says how many.
const DEFAULT_COUNT: u32 = 64;

/// Frames in a second where `--fps` does not say: 4 hundredths each, which is how GIF counts.
const DEFAULT_FPS: u32 = 25;

/// The frames of the longest walk: an hour at 25 a second.
const MOST_FRAMES: u64 = 90_000;

/// What is to be done, with every default filled in.
#[derive(Debug, Clone)]
pub struct Plan {
    /// The model's file or name.
    pub model: PathBuf,
    /// The pictures.
    pub subject: Subject,
    /// What they become.
    pub target: Target,
    /// Where that goes.
    pub output: Output,
    /// The factor by which every picture is enlarged; without one, animations of small pictures are.
    pub scale: Option<usize>,
    /// How many at once; without it as many as memory is sure to hold.
    pub batch: Option<usize>,
    /// How the model is run.
    pub options: Options,
}

/// Which pictures.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Subject {
    /// The first pictures of a seed.
    Seed {
        /// The seed.
        seed: u64,
        /// How many.
        count: usize,
    },
    /// The first picture of each seed.
    Seeds(Vec<u64>),
    /// The way past the first picture of each seed.
    Walk {
        /// The seeds, two at least.
        seeds: Vec<u64>,
        /// Frames from one to the next.
        steps: usize,
        /// Whether it goes back to the first.
        closed: bool,
    },
}

/// What the pictures become.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// One picture.
    Grid(ImageFormat, GridShape),
    /// A file each.
    Folder,
    /// One moving picture.
    Animation {
        /// Its format.
        format: AnimationFormat,
        /// Frames in a second.
        fps: u32,
    },
}

impl Plan {
    /// Fails on flags that do not go together; that is misuse.
    pub fn from_args(args: &Args) -> Result<Self, String> {
        let (subject, output, target) = match args.walk.walk {
            Some(steps) => walk(args, steps)?,
            None => pictures(args)?,
        };
        Ok(Self {
            model: args.model.clone(),
            subject,
            target,
            output,
            scale: args.scale.map(|scale| scale as usize),
            batch: args.batch.map(|batch| batch as usize),
            options: args.engine.options(),
        })
    }
}

fn pictures(args: &Args) -> Result<(Subject, Output, Target), String> {
    if AnimationFormat::from_path(&args.output) == Some(AnimationFormat::Gif) {
        return Err(format!("{}: a gif moves; add --seeds LIST --walk FRAMES, or write png", args.output.display()));
    }
    let output = Output::from_path(&args.output)?;
    if let (Output::Folder(folder), Some(_)) = (&output, args.grid) {
        return Err(format!(
            "--grid makes one picture, and {} names a folder; end the name in .png, or leave --grid away",
            folder.display()
        ));
    }
    let shape = args.grid.map(|grid| GridShape { columns: grid.columns as usize, rows: grid.rows as usize });
    let room = shape.map(|shape| shape.columns as u64 * shape.rows as u64);
    let given = args.seeds.as_ref().map(|seeds| seeds.0.len() as u64).or(args.count.map(u64::from));
    let count = match (given, room) {
        (Some(count), Some(room)) if count > room => {
            let flag = if args.seeds.is_some() { "--seeds" } else { "-n" };
            return Err(format!(
                "{count} pictures do not fit a grid that holds {room}; make it larger or {flag} smaller"
            ));
        }
        (Some(count), _) => count,
        (None, Some(room)) => room.min(u32::MAX.into()),
        (None, None) => DEFAULT_COUNT.into(),
    } as usize;
    let subject = match &args.seeds {
        Some(seeds) => Subject::Seeds(seeds.0.clone()),
        None => Subject::Seed { seed: args.seed, count },
    };
    let target = match &output {
        Output::Picture(_, format) => Target::Grid(*format, shape.unwrap_or_else(|| GridShape::square(count))),
        Output::Folder(_) => Target::Folder,
    };
    if let (Subject::Seeds(seeds), Target::Folder) = (&subject, &target) {
        let mut seen = HashSet::new();
        if let Some(twice) = seeds.iter().find(|&seed| !seen.insert(seed)) {
            return Err(format!("--seeds names {twice} twice, and a folder has one picture of a seed; name it once"));
        }
    }
    Ok((subject, output, target))
}

fn walk(args: &Args, steps: u32) -> Result<(Subject, Output, Target), String> {
    let seeds = args.seeds.as_ref().map_or_else(Vec::new, |seeds| seeds.0.clone());
    if seeds.len() < 2 {
        return Err("a walk goes from seed to seed; give --seeds two at least".into());
    }
    let frames = seeds.len() as u64 * u64::from(steps);
    if frames > MOST_FRAMES {
        return Err(format!(
            "a walk of {frames} frames is too long, {MOST_FRAMES} are the most; give fewer seeds or frames"
        ));
    }
    let path = &args.output;
    let (output, target) = match AnimationFormat::from_path(path) {
        Some(format) => (
            Output::Picture(path.clone(), format.picture_format()),
            Target::Animation { format, fps: args.walk.fps.unwrap_or(DEFAULT_FPS) },
        ),
        None => (frames_folder(path, args.walk.fps)?, Target::Folder),
    };
    Ok((Subject::Walk { seeds, steps: steps as usize, closed: !args.walk.one_way }, output, target))
}

fn frames_folder(path: &Path, fps: Option<u32>) -> Result<Output, String> {
    let name = path.display();
    match Output::from_path(path) {
        Ok(Output::Folder(_)) if fps.is_some() => Err(format!(
            "--fps is for an animation, and {name} names a folder of frames; end the name in .gif or .webp"
        )),
        Ok(folder @ Output::Folder(_)) => Ok(folder),
        _ => Err(format!("{name}: a walk is written as gif or webp, or as a folder of frames")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    fn plan(flags: &str) -> Result<Plan, String> {
        let words = ["sample", "-m", "m.onnx"].into_iter().chain(flags.split_whitespace());
        Plan::from_args(&Args::try_parse_from(words).map_err(|error| error.to_string())?)
    }

    #[test]
    fn count_and_grid_settle_each_other() {
        let settled = |flags| {
            let plan = plan(flags).unwrap();
            let count = match plan.subject {
                Subject::Seed { count, .. } => count,
                Subject::Seeds(seeds) => seeds.len(),
                Subject::Walk { .. } => panic!("nobody asked for a walk"),
            };
            let grid = match plan.target {
                Target::Grid(_, grid) => Some((grid.columns, grid.rows)),
                _ => None,
            };
            (count, grid)
        };
        assert_eq!(settled("-o a.png"), (64, Some((8, 8))));
        assert_eq!(settled("-o a.png -n 5"), (5, Some((3, 2))));
        assert_eq!(settled("-o a.png --grid 5x2"), (10, Some((5, 2))));
        assert_eq!(settled("-o a.png -n 7 --grid 5x2 --batch 3"), (7, Some((5, 2))));
        assert_eq!(settled("-o folder -n 100"), (100, None));
        assert_eq!(settled("-o a.webp --seeds 1-5,9"), (6, Some((3, 2))));
        assert_eq!(settled("-o a.png --seeds 1-5 --grid 7x1"), (5, Some((7, 1))));
        assert_eq!(settled("-o folder --seeds 4,9"), (2, None));
    }

    #[test]
    fn a_walk_goes_by_the_extension() {
        let walk = |flags| {
            let plan = plan(flags).unwrap();
            let Subject::Walk { seeds, steps, closed } = plan.subject else { panic!("{flags}: no walk") };
            (seeds, steps, closed, plan.target)
        };
        let gif = Target::Animation { format: AnimationFormat::Gif, fps: 25 };
        assert_eq!(walk("-o a.GIF --seeds 1-3 --walk 5"), (vec![1, 2, 3], 5, true, gif));
        let webp = Target::Animation { format: AnimationFormat::WebP, fps: 12 };
        assert_eq!(walk("-o a.webp --seeds 4,2 --walk 1 --fps 12 --one-way"), (vec![4, 2], 1, false, webp));
        assert_eq!(walk("-o frames --seeds 1,1 --walk 9"), (vec![1, 1], 9, true, Target::Folder));
    }

    #[test]
    fn misuse_is_refused() {
        for flags in [
            "-o a.png -n 0",
            "-o a.png -n -1",
            "-o a.png -n 11 --grid 5x2",
            "-o a.png --grid 5",
            "-o a.png --grid 0x5",
            "-o a.png --grid 99999999999x1",
            "-o folder --grid 5x2",
            "-o a.gif",
            "-o a.png --batch 0",
            "-o a.png --scale 0",
            "-o a.png --scale 65",
            "-o a.png --threads 0",
            "-o a.png --device gpu",
            "-n 3",
            "-o a.png --seeds 8-1",
            "-o a.png --seeds 1-9999999999",
            "-o a.png --seeds 1-3 --seed 1",
            "-o a.png --seeds 1-3 -n 3",
            "-o a.png --seeds 1-11 --grid 5x2",
            "-o folder --seeds 1-3,2",
            "-o a.gif --walk 5",
            "-o a.gif --seeds 1 --walk 5",
            "-o a.png --seeds 1-3 --walk 5",
            "-o a.gif --seeds 1-3 --walk 0",
            "-o a.gif --seeds 1-1000 --walk 1000",
            "-o a.gif --seeds 1-3 --walk 5 --fps 0",
            "-o a.gif --seeds 1-3 --walk 5 --fps 51",
            "-o folder --seeds 1-3 --walk 5 --fps 10",
            "-o a.gif --seeds 1-3 --walk 5 --grid 2x2",
            "-o a.png --seeds 1-3 --one-way",
            "-o a.png --fps 10",
        ] {
            assert!(plan(flags).is_err(), "{flags}");
        }
    }
}
