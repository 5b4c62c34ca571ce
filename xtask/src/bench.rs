//! `cargo xtask bench train`: what a training step costs, beside PyTorch's.
//!
//! Two programs take the same steps on the same weights and inputs, in turn: `train/examples/bench` and
//! `xtask/python/bench_train.py`. Neither is timed while the other works.

mod machine;
mod report;
mod side;

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result, ensure};
use clap::Parser;

use crate::house::House;
use crate::process;
use report::Row;
use side::Side;

const REQUIREMENTS: &str = include_str!("../python/bench-requirements.txt");

/// A network to take steps of.
struct Case {
    name: &'static str,
    /// What is timed, for people.
    what: &'static str,
    /// Steps of one measurement: about a second.
    steps: usize,
    /// The ratio of CPU times that the project means to keep to, where it has set itself one.
    target: Option<f64>,
}

const CASES: [Case; 5] = [
    Case { name: "lenet", what: "LeNet, batch 128", steps: 50, target: None },
    Case {
        name: "style",
        what: "style network (width 32) with its loss through VGG16, batch 4 of 256x256",
        steps: 1,
        target: Some(2.0),
    },
    Case { name: "denoiser", what: "denoiser (base 64), batch 16 of 32x32", steps: 1, target: Some(2.5) },
    Case {
        name: "critic",
        what: "ProGAN critic (128 channels) with gradient penalty, batch 16 of 32x32",
        steps: 1,
        target: Some(2.0),
    },
    Case { name: "critic-plain", what: "the same critic without the penalty", steps: 2, target: None },
];

#[derive(Parser)]
pub struct Options {
    /// Measurements of each case
    #[arg(long, value_name = "N", default_value_t = 7, value_parser = clap::value_parser!(u32).range(1..))]
    repeats: u32,
    /// CPU threads of either side
    #[arg(long, value_name = "N", default_value_t = 2, value_parser = clap::value_parser!(u32).range(1..))]
    threads: u32,
    /// One case alone: lenet, style, denoiser, critic or critic-plain; the table is shown and not kept
    #[arg(long, value_name = "NAME", value_parser = CASES.map(|case| case.name))]
    case: Option<String>,
    /// A Python interpreter that has PyTorch, in place of one that is fetched into .tools
    #[arg(long, value_name = "PROGRAM")]
    python: Option<PathBuf>,
}

/// Measures, shows the table, and keeps it in `docs/performance.md`.
pub fn train(house: &House, options: &Options) -> Result<()> {
    fs::create_dir_all(&house.tools)?;
    let python = match &options.python {
        Some(python) => python.clone(),
        None => environment(house)?,
    };
    process::run(house.cargo().args(["build", "--release", "-p", "easel-train", "--example", "bench"]))?;
    let program = house.target.join("release/examples/bench");
    let folder = tempfile::Builder::new().prefix("bench-").tempdir_in(&house.tools)?;
    process::run(house.command(&program).arg("write").arg(folder.path()))?;

    let mut rows = Vec::new();
    let mut versions = None;
    for case in CASES.iter().filter(|case| options.case.as_ref().is_none_or(|name| name == case.name)) {
        let threads = options.threads.to_string();
        let mut ours = house.command(&program);
        ours.arg("run").arg(folder.path()).arg(case.name).arg(&threads);
        let mut theirs = house.command(&python);
        theirs.arg(house.root.join("xtask/python/bench_train.py")).arg(folder.path()).arg(case.name).arg(&threads);
        // Threads of PyTorch that wait would else spin, and count as busy.
        theirs.env("OMP_NUM_THREADS", &threads).env("OMP_WAIT_POLICY", "passive");
        let mut sides = [Side::start(&mut ours)?, Side::start(&mut theirs)?];
        versions = Some(sides[1].version().to_string());
        let row = measure(case, &mut sides, options.repeats)?;
        eprintln!("{}", row.line());
        rows.push(row);
    }
    let versions = versions.context("there is no such case")?;
    let table = report::table(&rows, options.threads, options.repeats, &versions);
    println!("{table}");
    if options.case.is_none() {
        report::keep(&house.root.join("docs/performance.md"), &table)?;
    }
    Ok(())
}

fn measure(case: &Case, sides: &mut [Side; 2], repeats: u32) -> Result<Row> {
    // The first steps fetch memory and choose kernels. Their losses show that both sides compute the same.
    let [ours, theirs] = sides;
    for first in [true, false] {
        let losses = [ours.steps(1)?.loss, theirs.steps(1)?.loss];
        let difference = (losses[0] - losses[1]).abs();
        ensure!(
            !first || difference <= 1e-3 * losses[1].abs().max(1e-2),
            "{}: the first loss is {} here and {} in PyTorch: this is not the same computation",
            case.name,
            losses[0],
            losses[1]
        );
    }
    let mut times = Vec::new();
    for _ in 0..repeats {
        times.push([ours.steps(case.steps)?, theirs.steps(case.steps)?]);
    }
    Ok(Row::new(case, &times))
}

/// The interpreter of the environment `.tools/bench-python`, made where there is none.
fn environment(house: &House) -> Result<PathBuf> {
    let folder = house.tools.join("bench-python");
    let python = folder.join("bin/python");
    if fs::read_to_string(folder.join("stamp")).is_ok_and(|stamp| stamp == REQUIREMENTS) && process::is_program(&python)
    {
        return Ok(python);
    }
    eprintln!("bench: fetching PyTorch from PyPI (2 GB where it offers the build for NVIDIA GPUs alone)");
    if folder.exists() {
        fs::remove_dir_all(&folder)?;
    }
    let mut venv = Command::new("python3");
    process::capture(venv.args(["-m", "venv"]).arg(&folder))
        .context("python3 with venv is needed; install it (Debian: apt-get install python3-venv)")?;
    let mut pip = Command::new(&python);
    pip.args(["-m", "pip", "install", "--quiet", "--only-binary=:all:", "--requirement"]);
    process::capture(pip.arg(house.root.join("xtask/python/bench-requirements.txt")))
        .context("cannot fetch PyTorch; name an interpreter that has it with --python")?;
    // Written last: an environment without it was interrupted and is made again.
    fs::write(folder.join("stamp"), REQUIREMENTS)?;
    Ok(python)
}
