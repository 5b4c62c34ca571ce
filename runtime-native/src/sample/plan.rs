//! What a command line of `sample` comes down to.

use std::collections::HashSet;
use std::path::PathBuf;

use easel_pictures::animation::AnimationFormat;
use easel_runtime::denoiser::Sampler;
use easel_runtime::grid::GridShape;
use image::ImageFormat;

use super::Args;
use crate::Options;
use crate::output::Output;

/// The frames of the longest walk: an hour at 25 a second.
const MOST_FRAMES: u64 = 90_000;

/// What is to be done, as far as it does not depend on the model.
#[derive(Debug, Clone)]
pub struct Plan {
    /// The model's file or name.
    pub model: PathBuf,
    /// The pictures.
    pub subject: Subject,
    /// How they lie in one, where that was said.
    pub grid: Option<GridShape>,
    /// What they become.
    pub target: Target,
    /// What only a denoiser can be asked for.
    pub denoising: Denoising,
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
        /// How many, of each class where there are classes; without a number it depends on the model.
        count: Option<usize>,
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
    Picture(ImageFormat),
    /// A file each.
    Folder,
    /// One moving picture.
    Animation {
        /// Its format.
        format: AnimationFormat,
        /// Frames in a second, where that was said.
        fps: Option<u32>,
    },
}

/// What only a denoiser can be asked for.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Denoising {
    /// The classes, by names, numbers and ranges; none stands for all.
    pub classes: Vec<String>,
    /// The way from noise to a picture.
    pub sampler: Option<Sampler>,
    /// How many steps it takes.
    pub steps: Option<usize>,
    /// How far the class is followed.
    pub guidance: Option<f64>,
    /// Whether the way is shown.
    pub animate: bool,
}

impl Denoising {
    /// The first of these flags that was given.
    pub fn flag(&self) -> Option<&'static str> {
        let given = [
            (!self.classes.is_empty(), "--class"),
            (self.sampler.is_some(), "--sampler"),
            (self.steps.is_some(), "--steps"),
            (self.guidance.is_some(), "--guidance"),
            (self.animate, "--animate"),
        ];
        given.into_iter().find(|(given, _)| *given).map(|(_, flag)| flag)
    }
}

impl Plan {
    /// Fails on flags that do not go together; that is misuse.
    pub fn from_args(args: &Args) -> Result<Self, String> {
        let subject = match args.moving.walk {
            Some(steps) => walk(args, steps)?,
            None => pictures(args)?,
        };
        let (output, target) =
            if args.moving.walk.is_some() || args.moving.animate { moving(args)? } else { still(args)? };
        let folder_of_pictures = target == Target::Folder && !args.moving.animate;
        if let (Subject::Seeds(seeds), true) = (&subject, folder_of_pictures) {
            let mut seen = HashSet::new();
            if let Some(twice) = seeds.iter().find(|&seed| !seen.insert(seed)) {
                return Err(format!(
                    "--seeds names {twice} twice, and a folder has one picture of a seed; name it once"
                ));
            }
        }
        Ok(Self {
            model: args.model.clone(),
            subject,
            grid: args.grid.map(GridShape::from),
            target,
            denoising: denoising(args)?,
            output,
            scale: args.scale.map(|scale| scale as usize),
            batch: args.batch.map(|batch| batch as usize),
            options: args.engine.options(),
        })
    }
}

fn pictures(args: &Args) -> Result<Subject, String> {
    let room = args.grid.map(|grid| u64::from(grid.columns) * u64::from(grid.rows));
    let given = args.seeds.as_ref().map(|seeds| seeds.0.len() as u64).or(args.count.map(u64::from));
    if let (Some(count), Some(room)) = (given, room)
        && count > room
    {
        let flag = if args.seeds.is_some() { "--seeds" } else { "-n" };
        return Err(format!("{count} pictures do not fit a grid that holds {room}; make it larger or {flag} smaller"));
    }
    Ok(match &args.seeds {
        Some(seeds) => Subject::Seeds(seeds.0.clone()),
        None => Subject::Seed { seed: args.seed, count: given.or(room).map(|count| count as usize) },
    })
}

fn walk(args: &Args, steps: u32) -> Result<Subject, String> {
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
    Ok(Subject::Walk { seeds, steps: steps as usize, closed: !args.moving.one_way })
}

fn still(args: &Args) -> Result<(Output, Target), String> {
    let path = &args.output;
    if AnimationFormat::from_path(path) == Some(AnimationFormat::Gif) {
        return Err(format!(
            "{}: a gif moves; add --seeds LIST --walk FRAMES, or --animate with a denoiser, or write png",
            path.display()
        ));
    }
    let output = Output::from_path(path)?;
    let target = match &output {
        Output::Folder(_) if args.grid.is_some() => {
            return Err(format!(
                "--grid makes one picture, and {} names a folder; end the name in .png, or leave --grid away",
                path.display()
            ));
        }
        Output::Folder(_) => Target::Folder,
        Output::Picture(_, format) => Target::Picture(*format),
    };
    Ok((output, target))
}

fn moving(args: &Args) -> Result<(Output, Target), String> {
    let (path, fps) = (&args.output, args.moving.fps);
    if let Some(format) = AnimationFormat::from_path(path) {
        return Ok((Output::Picture(path.clone(), format.picture_format()), Target::Animation { format, fps }));
    }
    let name = path.display();
    match Output::from_path(path) {
        Ok(Output::Folder(_)) if fps.is_some() => Err(format!(
            "--fps is for an animation, and {name} names a folder of frames; end the name in .gif or .webp"
        )),
        Ok(folder @ Output::Folder(_)) => Ok((folder, Target::Folder)),
        _ => {
            let what = if args.moving.animate { "an animation" } else { "a walk" };
            Err(format!("{name}: {what} is written as gif or webp, or as a folder of frames"))
        }
    }
}

fn denoising(args: &Args) -> Result<Denoising, String> {
    let given = &args.denoiser;
    let sampler = match (given.sampler, given.eta) {
        (Some(Sampler::Ddim { .. }), Some(eta)) => Some(Sampler::Ddim { eta }),
        (Some(other), Some(_)) => return Err(format!("--eta is for --sampler ddim, not {other}; leave it away")),
        (sampler, _) => sampler,
    };
    Ok(Denoising {
        classes: given.classes.clone(),
        sampler,
        steps: given.steps.map(|steps| steps as usize),
        guidance: given.guidance,
        animate: args.moving.animate,
    })
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
                Subject::Seeds(seeds) => Some(seeds.len()),
                Subject::Walk { .. } => panic!("nobody asked for a walk"),
            };
            (count, plan.grid.map(|grid| (grid.columns, grid.rows)), plan.target == Target::Folder)
        };
        assert_eq!(settled("-o a.png"), (None, None, false));
        assert_eq!(settled("-o a.png -n 5"), (Some(5), None, false));
        assert_eq!(settled("-o a.png --grid 5x2"), (Some(10), Some((5, 2)), false));
        assert_eq!(settled("-o a.png -n 7 --grid 5x2 --batch 3"), (Some(7), Some((5, 2)), false));
        assert_eq!(settled("-o folder -n 100"), (Some(100), None, true));
        assert_eq!(settled("-o a.webp --seeds 1-5,9"), (Some(6), None, false));
        assert_eq!(settled("-o a.png --seeds 1-5 --grid 7x1"), (Some(5), Some((7, 1)), false));
        assert_eq!(settled("-o folder --seeds 4,9"), (Some(2), None, true));
    }

    #[test]
    fn a_walk_goes_by_the_extension() {
        let walk = |flags| {
            let plan = plan(flags).unwrap();
            let Subject::Walk { seeds, steps, closed } = plan.subject else { panic!("{flags}: no walk") };
            (seeds, steps, closed, plan.target)
        };
        let gif = Target::Animation { format: AnimationFormat::Gif, fps: None };
        assert_eq!(walk("-o a.GIF --seeds 1-3 --walk 5"), (vec![1, 2, 3], 5, true, gif));
        let webp = Target::Animation { format: AnimationFormat::WebP, fps: Some(12) };
        assert_eq!(walk("-o a.webp --seeds 4,2 --walk 1 --fps 12 --one-way"), (vec![4, 2], 1, false, webp));
        assert_eq!(walk("-o frames --seeds 1,1 --walk 9"), (vec![1, 1], 9, true, Target::Folder));
    }

    #[test]
    fn a_denoiser_has_flags_of_its_own() {
        let plain = plan("-o a.png -n 3 --seed 2").unwrap();
        assert_eq!((&plain.denoising, plain.denoising.flag()), (&Denoising::default(), None));
        let asked = plan("-o a.png --class 3,7-9 --sampler ddim --eta 0.5 --steps 50 --guidance -1.5").unwrap();
        let expected = Denoising {
            classes: vec!["3".into(), "7-9".into()],
            sampler: Some(Sampler::Ddim { eta: 0.5 }),
            steps: Some(50),
            guidance: Some(-1.5),
            animate: false,
        };
        assert_eq!((asked.denoising.flag(), asked.denoising), (Some("--class"), expected));
        let animated = plan("-o a.gif --animate --class 3 --grid 4x2 --fps 9").unwrap();
        assert_eq!(animated.target, Target::Animation { format: AnimationFormat::Gif, fps: Some(9) });
        assert_eq!(animated.subject, Subject::Seed { seed: 1, count: Some(8) });
        assert_eq!(plan("-o frames --animate --seeds 1,1").unwrap().target, Target::Folder);
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
            "-o a.png --animate",
            "-o folder --animate --fps 10",
            "-o a.gif --animate --fps 0",
            "-o a.gif --animate --seeds 1-3 --walk 5",
            "-o a.gif --class 3 --seeds 1-3 --walk 5",
            "-o a.gif --guidance 2 --seeds 1-3 --walk 5",
            "-o a.png --sampler euler",
            "-o a.png --eta 0.5",
            "-o a.png --sampler dpm-solver --eta 0.5",
            "-o a.png --steps 0",
            "-o a.png --guidance much",
        ] {
            assert!(plan(flags).is_err(), "{flags}");
        }
    }
}
