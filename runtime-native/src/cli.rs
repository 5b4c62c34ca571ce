//! What the programs share: engine options, misuse, the exit status, progress.

use std::fmt;
use std::io::{IsTerminal, stderr};
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::process::ExitCode;
use std::str::FromStr;
use std::time::{Duration, Instant};

use clap::error::ErrorKind;
use clap::{Args, Command};
use easel_console::{Messages, tell};
use easel_runtime::{Device, Engine};
use indicatif::{ProgressBar, ProgressStyle};
use tracing::level_filters::LevelFilter;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

use crate::engine::{EngineChoice, EngineOptions, NativeEngine};
use crate::error::Result;

/// The options for running a model.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Engine")]
pub struct EngineArgs {
    /// What runs the model: easel (Easel's own engine, on the CPU), onnxruntime, or auto (ONNX Runtime on CUDA, Easel's engine
    /// on the CPU, and ONNX Runtime for models that it cannot run)
    #[arg(long, value_name = "auto|easel|onnxruntime", default_value_t)]
    pub engine: EngineChoice,

    /// Where to compute: auto (CUDA if it works, or else the CPU), cpu, cuda, cuda:N
    #[arg(long, value_name = "DEVICE", default_value_t)]
    pub device: Device,

    /// CPU threads; auto: one for each core
    #[arg(long, value_name = "auto|N", default_value_t, value_parser = auto_or(1..=1024))]
    pub threads: Auto<u32>,

    /// Use ONNX Runtime with this shared library, or that in this folder, in place of the first one found: in
    /// ORT_DYLIB_PATH, beside the program, in .tools/, on the system's library path
    #[arg(long, value_name = "PATH")]
    pub ort_lib: Option<PathBuf>,

    /// Print more on stderr, including ONNX Runtime's messages
    #[arg(short, long)]
    pub verbose: bool,
}

impl EngineArgs {
    /// The options as the engine takes them. With `--verbose`, turns messages on. Fails on options that do not go together.
    pub fn options(&self) -> Result<EngineOptions, Misuse> {
        if self.engine == EngineChoice::Easel {
            if let Device::Cuda(_) = self.device {
                let reason = format!("--engine easel computes on the CPU only; remove it, or --device {}", self.device);
                return Err(Misuse::new("--engine", reason));
            }
            if self.ort_lib.is_some() {
                return Err(Misuse::new("--ort-lib", "--ort-lib is for --engine onnxruntime, not easel; remove it"));
            }
        }
        if self.verbose {
            let shown = tracing_subscriber::fmt()
                .with_writer(|| Messages)
                .with_ansi(stderr().is_terminal())
                .without_time()
                .with_target(false)
                .with_max_level(LevelFilter::INFO)
                .finish()
                .with(Targets::new().with_default(LevelFilter::WARN).with_target("easel_native", LevelFilter::INFO));
            let _ = shown.try_init();
        }
        let threads = self.threads.value().map(|threads| threads as usize);
        Ok(EngineOptions { engine: self.engine, library: self.ort_lib.clone(), device: self.device, threads })
    }
}

/// An option's value, or `auto`, which leaves it to the program.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Auto<T> {
    /// The program chooses.
    #[default]
    Auto,
    /// The user's value.
    Value(T),
}

impl<T> Auto<T> {
    /// The user's value, if there is one.
    pub fn value(self) -> Option<T> {
        match self {
            Self::Auto => None,
            Self::Value(value) => Some(value),
        }
    }
}

impl<T: fmt::Display> fmt::Display for Auto<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Auto => f.write_str("auto"),
            Self::Value(value) => value.fmt(f),
        }
    }
}

impl<T: FromStr> FromStr for Auto<T> {
    type Err = T::Err;

    fn from_str(text: &str) -> Result<Self, T::Err> {
        if text == "auto" { Ok(Self::Auto) } else { text.parse().map(Self::Value) }
    }
}

/// Parses `auto` or a whole number of a range.
pub fn auto_or(range: RangeInclusive<u32>) -> impl Fn(&str) -> Result<Auto<u32>, String> + Clone {
    move |text| {
        let number = text.parse().ok().filter(|number| range.contains(number)).map(Auto::Value);
        let auto = (text == "auto").then_some(Auto::Auto);
        auto.or(number).ok_or_else(|| match range.end() {
            &u32::MAX => format!("expected auto or a whole number from {}", range.start()),
            end => format!("expected auto or a whole number from {} to {end}", range.start()),
        })
    }
}

/// Arguments that are valid by themselves but not together.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{reason}")]
pub struct Misuse {
    /// The argument that is wrong, as it is written on the command line: `--grid`, `INPUT`.
    pub argument: &'static str,
    /// What is wrong, and what to do.
    pub reason: String,
}

impl Misuse {
    pub(crate) fn new(argument: &'static str, reason: impl Into<String>) -> Self {
        Self { argument, reason: reason.into() }
    }

    /// Prints it with the command's usage and ends the program with status 2.
    pub fn exit(self, mut command: Command) -> ! {
        easel_console::exit(&command.error(ErrorKind::ValueValidation, self))
    }
}

/// What the engine in use is called.
#[derive(Debug, Clone)]
pub(crate) struct EngineNames {
    /// As on the command line: `onnxruntime`.
    pub name: &'static str,
    /// With its processor, and why no other is used: `ONNX Runtime 1.31.1 on CPU, 2 threads (no CUDA: ..)`.
    pub description: String,
}

impl EngineNames {
    pub fn of(engine: &NativeEngine) -> Self {
        let note = engine.note().map(|note| format!(" ({note})")).unwrap_or_default();
        Self { name: engine.name(), description: format!("{}{note}", engine.describe()) }
    }
}

/// Prints the engine on stderr, and how many `things` it computes at a time if that is more than one.
pub(crate) fn announce(engine: &EngineNames, count: usize, things: &str) {
    let at_a_time = if count > 1 { format!(", {count} {things} at a time") } else { String::new() };
    tell!("engine: {}{at_a_time}", engine.description);
}

/// A program's exit status. Prints an error on stderr, as one line.
pub fn finish(result: Result<()>) -> ExitCode {
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => easel_console::fail(error),
    }
}

/// How often a line is printed if stderr is not a terminal.
const LINE_EVERY: Duration = Duration::from_secs(5);

/// Progress on stderr: a bar on a terminal, and a line every few seconds elsewhere. Dropping it clears the bar.
#[derive(Debug)]
pub struct Progress {
    bar: Option<ProgressBar>,
    what: &'static str,
    done: u64,
    total: u64,
    started: Instant,
    printed: Instant,
}

impl Progress {
    /// Progress over `total` items; `what` names them.
    pub fn new(total: u64, what: &'static str) -> Self {
        let bar = stderr().is_terminal().then(|| {
            let template = "{bar:32} {human_pos}/{human_len} {msg}, {per_sec}, {eta} left";
            let style = ProgressStyle::with_template(template).expect("the template is well-formed");
            ProgressBar::new(total).with_style(style).with_message(what)
        });
        let now = Instant::now();
        Self { bar, what, done: 0, total, started: now, printed: now }
    }

    /// Prints a line on stderr, above the bar.
    pub fn say(&self, line: &str) {
        match &self.bar {
            Some(bar) => bar.suspend(|| tell!("{line}")),
            None => tell!("{line}"),
        }
    }

    /// Counts items that are done.
    pub fn advance(&mut self, items: u64) {
        self.reach(self.done + items);
    }

    /// Sets how many items are done, which may be fewer than before.
    pub fn reach(&mut self, done: u64) {
        self.done = done;
        if let Some(bar) = &self.bar {
            bar.set_position(self.done);
        } else if self.printed.elapsed() >= LINE_EVERY && self.done < self.total {
            self.printed = Instant::now();
            let rate = self.done as f64 / self.started.elapsed().as_secs_f64();
            let left = (self.total - self.done) as f64 / rate;
            tell!("{}/{} {}, {rate:.1}/s, {left:.0} s left", self.done, self.total, self.what);
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}
