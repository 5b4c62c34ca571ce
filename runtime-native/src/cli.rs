//! What the programs share: the flags that choose an engine, how an end is reported, progress.

use std::io::{IsTerminal, stderr};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use clap::Args;
use easel_runtime::{Device, Engine};
use indicatif::{ProgressBar, ProgressStyle};
use tracing::level_filters::LevelFilter;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

use crate::{Options, OrtEngine, Result};

/// The flags that say how a model is run.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Engine")]
pub struct EngineArgs {
    /// Where to compute: auto (CUDA where it works, else the CPU), cpu, cuda, cuda:N
    #[arg(long, value_name = "DEVICE", default_value_t)]
    pub device: Device,

    /// Threads on the CPU [default: as many as there are cores]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub threads: Option<u16>,

    /// ONNX Runtime's shared library, or the folder it is in [default: ORT_DYLIB_PATH, beside the program, .tools/, the system's]
    #[arg(long, value_name = "PATH")]
    pub ort_lib: Option<PathBuf>,

    /// Say more on stderr, ONNX Runtime's own messages too
    #[arg(short, long)]
    pub verbose: bool,
}

impl EngineArgs {
    /// The flags as the engine takes them. With `--verbose`, messages are shown from now on.
    pub fn options(&self) -> Options {
        if self.verbose {
            let shown = tracing_subscriber::fmt()
                .with_writer(stderr)
                .with_ansi(stderr().is_terminal())
                .without_time()
                .with_target(false)
                .with_max_level(LevelFilter::INFO)
                .finish()
                .with(Targets::new().with_default(LevelFilter::WARN).with_target("easel_native", LevelFilter::INFO));
            let _ = shown.try_init();
        }
        Options { library: self.ort_lib.clone(), device: self.device, threads: self.threads.map(usize::from) }
    }
}

/// Says on stderr which engine is in use, and why not a better one.
pub fn announce(engine: &OrtEngine) {
    let note = engine.note().map(|note| format!(" ({note})")).unwrap_or_default();
    eprintln!("engine: {}{note}", engine.describe());
}

/// A program's exit status; an error goes to stderr as one line.
pub fn finish(result: Result<()>) -> ExitCode {
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

/// A write beyond `ulimit -f` is then an error, as on a full disk, and does not end the process.
pub fn outlive_file_limits() {
    #[cfg(unix)]
    // SAFETY: ignoring a signal installs no handler, so nothing of this process can run at a bad moment.
    unsafe {
        libc::signal(libc::SIGXFSZ, libc::SIG_IGN);
    }
}

/// How often a line is printed where stderr is no terminal.
const LINE_EVERY: Duration = Duration::from_secs(5);

/// Progress on stderr: a bar on a terminal, now and then a line elsewhere. The bar goes away when this is dropped.
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
    /// Progress over `total` pieces of `what`.
    pub fn new(total: u64, what: &'static str) -> Self {
        let bar = stderr().is_terminal().then(|| {
            let template = "{bar:32} {human_pos}/{human_len} {msg}, {per_sec}, {eta} left";
            let style = ProgressStyle::with_template(template).expect("the template is well-formed");
            ProgressBar::new(total).with_style(style).with_message(what)
        });
        let now = Instant::now();
        Self { bar, what, done: 0, total, started: now, printed: now }
    }

    /// Says something on stderr, above the bar.
    pub fn say(&self, line: &str) {
        match &self.bar {
            Some(bar) => bar.suspend(|| eprintln!("{line}")),
            None => eprintln!("{line}"),
        }
    }

    /// Counts pieces that are done.
    pub fn advance(&mut self, pieces: u64) {
        self.reach(self.done + pieces);
    }

    /// Says how many pieces are done, which can be fewer than before.
    pub fn reach(&mut self, done: u64) {
        self.done = done;
        if let Some(bar) = &self.bar {
            bar.set_position(self.done);
        } else if self.printed.elapsed() >= LINE_EVERY && self.done < self.total {
            self.printed = Instant::now();
            let rate = self.done as f64 / self.started.elapsed().as_secs_f64();
            let left = (self.total - self.done) as f64 / rate;
            eprintln!("{}/{} {}, {rate:.1}/s, {left:.0} s left", self.done, self.total, self.what);
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
