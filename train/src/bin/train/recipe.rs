//! `train gan`, `train lenet`, ..: a recipe as a subcommand.

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Result;
use clap::builder::PossibleValue;
use clap::parser::ValueSource;
use clap::{Arg, ArgAction, ArgGroup, ArgMatches, Args, Command, value_parser};
use easel_console::{interrupt, print, quoted_path, tell};
use easel_runtime::text::escaped;
use easel_train::recipes::Recipe;
use easel_train::run::estimate::{Estimate, PhaseEstimate, duration};
use easel_train::run::{Event, Outcome, Plan};
use easel_train::settings::{Layers, defaults, to_text};
use easel_train::training::{dry_run, layers_of};
use easel_train::{TrainOptions, train};

use crate::progress::Progress;

/// What the first Ctrl-C tells.
const STOPPING: &str = "interrupted: finishing this step and writing a checkpoint; press again to quit at once";

/// A recipe as a subcommand.
pub struct Entry {
    /// Its name.
    pub name: &'static str,
    /// The subcommand. Of the program's arguments it only reads `--preset`, since help shows the preset's values.
    pub command: fn(&[OsString]) -> Command,
    /// Trains and gives the exit status.
    pub run: fn(&[OsString], &ArgMatches) -> Result<ExitCode>,
    /// Compares its help with its presets.
    #[cfg(test)]
    check_help: fn(),
}

impl Entry {
    pub const fn of<R: Recipe + Args>() -> Self {
        Self {
            name: R::NAME,
            command: command::<R>,
            run: run::<R>,
            #[cfg(test)]
            check_help: tests::check_help::<R>,
        }
    }
}

fn command<R: Recipe + Args>(arguments: &[OsString]) -> Command {
    command_with(&preset::<R>(arguments))
}

/// The settings of the named preset, or of the first.
fn preset<R: Recipe>(arguments: &[OsString]) -> R {
    let mut arguments = arguments.iter().filter_map(|argument| argument.to_str());
    let named = arguments.find_map(|argument| argument.strip_prefix("--preset")).and_then(|rest| match rest {
        "" => arguments.next(),
        rest => rest.strip_prefix('='),
    });
    named.and_then(R::preset).unwrap_or_else(R::defaults)
}

/// The subcommand whose flags default to these settings.
fn command_with<R: Recipe + Args>(settings: &R) -> Command {
    let (name, first) = (R::NAME, R::PRESETS[0].name);
    let presets = R::PRESETS.iter().map(|preset| PossibleValue::new(preset.name).help(preset.about));
    let preset =
        Arg::new("preset").long("preset").value_name("PRESET").help("Settings to start from").default_value(first);
    let preset = preset.value_parser(presets.collect::<Vec<_>>()).conflicts_with("resume");
    let resume = Arg::new("resume").long("resume").value_name("RUN").help("Resume a run from its newest checkpoint");
    let resume = resume.value_parser(value_parser!(PathBuf)).conflicts_with_all(R::FIXED);
    let out = Arg::new("out").long("out").value_name("DIR").help("The folder in which the run's folder is made");
    let out = out.value_parser(value_parser!(PathBuf)).default_value("runs").conflicts_with("resume");
    let config = Arg::new("config").long("config").value_name("F.toml").conflicts_with("resume");
    let config = config.value_parser(value_parser!(PathBuf));
    let config = config.help("A file of settings, which override the preset's and are overridden by flags");
    let dry_run = Arg::new("dry_run").long("dry-run").action(ArgAction::SetTrue);
    let dry_run =
        dry_run.help("Check everything, print the resolved settings and an estimate of time and memory; write nothing");

    let longest = R::EXAMPLES.iter().map(|(line, _)| line.len()).max().unwrap_or(0).min(48);
    let example = |(line, what): &(&str, &str)| format!("\n  train {name} {line:longest$}   {what}");
    let examples: String = R::EXAMPLES.iter().map(example).collect();
    let details = R::DETAILS;
    let about = format!(
        "{}.\n\n{details}\n\nThe run's folder, OUT/NNNNN-{name}-DATA, holds the resolved settings (config.toml), the losses \
         (stats.jsonl and TensorBoard events), samples where there are some (samples/) and checkpoints (checkpoints/), which \
         export-onnx turns into a model file. Its path is printed on stdout at the end.",
        R::ABOUT
    );
    let command = Command::new(name).args([preset, resume, out, config, dry_run]);
    let command = R::augment_args(command)
        .about(R::ABOUT)
        .long_about(about)
        .after_help(format!("Examples:{examples}"))
        .mut_arg("data", |flag| flag.help(format!("The training data: {}", R::DATA)).display_order(0))
        .group(ArgGroup::new("origin").args(["data", "config", "resume"]).multiple(true).required(true));
    defaults(command, settings).expect("presets are plain values")
}

fn run<R: Recipe + Args>(arguments: &[OsString], matches: &ArgMatches) -> Result<ExitCode> {
    let path = |name| matches.get_one::<PathBuf>(name);
    let mut layers = match path("resume") {
        Some(run) => layers_of::<R>(run)?,
        None => Layers::new(&preset::<R>(arguments), R::EXCLUSIVE)?,
    };
    if let Some(file) = path("config") {
        layers.file::<R>(file)?;
    }
    let typed: Vec<&str> = matches
        .ids()
        .map(|id| id.as_str())
        .filter(|id| matches.value_source(id) == Some(ValueSource::CommandLine))
        .collect();
    layers.typed(&R::from_arg_matches(matches)?, &typed)?;
    let config: R = layers.resolve()?;
    let options = match path("resume") {
        Some(run) => TrainOptions::resume(run),
        None => TrainOptions::new(path("out").expect("it has a default")),
    };
    if matches.get_flag("dry_run") {
        return report_dry_run(config, options);
    }
    start(config, options)
}

fn start<R: Recipe>(config: R, options: TrainOptions) -> Result<ExitCode> {
    let mut progress: Option<Progress> = None;
    let callback = move |event: &Event<'_>| match event {
        Event::Started { folder, step, steps, phases } => {
            let from = if *step > 0 { format!(" from step {step}") } else { String::new() };
            tell!("{}{from}", folder.display());
            progress = Some(Progress::new(*steps, *step).with_phases(phases.to_vec()));
        }
        Event::Step { step, stage, losses } => {
            progress.iter_mut().for_each(|progress| progress.update(*step, stage, losses));
        }
        Event::Evaluated { line, .. } => progress.iter().for_each(|progress| progress.say(line)),
        other => print_event(other),
    };
    let run = train(config, options.on_event(callback).interrupted_by(interrupt::flag(STOPPING)))?;
    let (name, path) = (R::NAME, run.folder.display());
    match run.outcome {
        Outcome::Finished => print(format_args!("{path}\n"))?,
        Outcome::AlreadyFinished => {
            print_finished(run.step, run.steps);
        }
        Outcome::Interrupted => {
            tell!(
                "stopped after step {} of {}; resume with: train {name} --resume {}",
                run.step,
                run.steps,
                quoted_path(&run.folder)
            );
            return Ok(ExitCode::from(interrupt::STATUS));
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn print_event(event: &Event<'_>) {
    match event {
        Event::Warning(line) => tell!("warning: {}", escaped(line)),
        Event::Ready(line) => tell!("{}", escaped(line)),
        _ => {}
    }
}

fn report_dry_run<R: Recipe>(config: R, options: TrainOptions) -> Result<ExitCode> {
    let (config, plan, done, estimate) = dry_run(config, options.on_event(print_event))?;
    print(to_text(&config)?)?;
    match done >= plan.steps {
        true => print_finished(done, plan.steps),
        false => tell!("{}", describe(&estimate, &plan, done)),
    }
    tell!("dry run: nothing was written");
    Ok(ExitCode::SUCCESS)
}

fn print_finished(done: u64, steps: u64) {
    tell!("the run has done {done} steps, and {steps} are asked for; to train longer, set --steps N");
}

fn describe(estimate: &Estimate, plan: &Plan, done: u64) -> String {
    let left = plan.steps - done;
    let milliseconds = |time: Duration| format!("{:.3} ms", 1e3 * time.as_secs_f64());
    let phase = |phase: &PhaseEstimate| {
        let evaluation = match phase.evaluations {
            0 => String::new(),
            times => format!(", {} for each of {times} evaluations", milliseconds(phase.evaluation)),
        };
        format!("{} a step{evaluation}", milliseconds(phase.step))
    };
    let (phases, each) = match &estimate.phases[..] {
        [one] => (String::new(), format!(" ({})", phase(one))),
        several => {
            let line = |of: &PhaseEstimate| format!("{}: {} steps, {}\n", of.name, of.steps, phase(of));
            (several.iter().map(line).collect(), String::new())
        }
    };
    let megabytes = |bytes: u64| format!("{:.1} MB", bytes as f64 / 1e6);
    format!(
        "{phases}{left} steps would take about {}{each}, {} of memory, and {} of disk for each of up to {} checkpoints",
        duration(estimate.total.as_secs_f64()),
        estimate.memory.map_or("an unknown amount".into(), megabytes),
        megabytes(estimate.checkpoint),
        plan.keep + 1,
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::RECIPES;
    use easel_train::recipes::gan::GanConfig;

    /// What a command's help shows as the default of each flag.
    fn shown(help: &str) -> Vec<(String, String)> {
        let mut flag = String::new();
        let mut shown = vec![];
        for line in help.lines().map(str::trim) {
            if line.starts_with("--") {
                flag = line.split_whitespace().next().unwrap_or_default().trim_start_matches('-').replace('-', "_");
            }
            if let Some(value) = line.split("[default: ").nth(1) {
                shown.push((flag.clone(), value.trim_end_matches(']').to_string()));
            }
        }
        shown
    }

    pub fn check_help<R: Recipe + Args>() {
        for preset in R::PRESETS {
            let arguments = [format!("--preset={}", preset.name).into()];
            let mut command = command::<R>(&arguments).term_width(1000);
            command.clone().debug_assert();
            let help = command.render_long_help().to_string();
            assert!(help.contains("Examples:"));
            for prose in ["unless", "by default", "with the preset"] {
                assert!(!help.contains(prose), "{}: `{prose}`", R::NAME);
            }
            let resolved: toml::Table = to_text(&(preset.settings)()).unwrap().parse().unwrap();
            let shown = shown(&help);
            let mut compared = 0;
            for (flag, value) in &shown {
                let key = if flag == "class" { "classes" } else { flag };
                let Some(expected) = resolved.get(key) else { continue };
                let expected = expected.to_string().replace(['"', '[', ']', ' '], "");
                assert_eq!(value, &expected, "{} --preset {}: --{flag}", R::NAME, preset.name);
                compared += 1;
            }
            let settable = resolved.values().filter(|value| value.as_array().is_none_or(|list| !list.is_empty()));
            assert_eq!(compared, settable.count(), "{}: {shown:?}", R::NAME);
        }
    }

    #[test]
    fn help_shows_what_is_resolved() {
        RECIPES.iter().for_each(|entry| (entry.check_help)());
    }

    #[test]
    fn presets_are_found_in_arguments() {
        for arguments in [&["gan", "--preset", "quick"][..], &["--preset=quick", "--steps", "9"]] {
            let arguments: Vec<OsString> = arguments.iter().map(OsString::from).collect();
            assert_eq!(preset::<GanConfig>(&arguments), GanConfig::quick());
        }
        assert_eq!(preset::<GanConfig>(&["--preset".into()]), GanConfig::classic());
    }

    #[test]
    fn former_flags_still_work() {
        let command = command::<easel_train::recipes::ddpm::DdpmConfig>(&[]);
        let line =
            "ddpm --data x --average 0.5 --base 8 --noise cosine --label-dropout 0.2 --lr-shape linear --min-snr 5";
        let matches = command.try_get_matches_from(line.split(' ')).unwrap();
        assert_eq!(matches.get_one::<f64>("ema_decay"), Some(&0.5));
        assert_eq!(matches.get_one::<usize>("base_channels"), Some(&8));
        assert_eq!(matches.get_one::<f64>("condition_dropout"), Some(&0.2));
    }
}
