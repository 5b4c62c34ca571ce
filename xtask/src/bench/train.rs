//! `cargo xtask bench train`: the cost of a training step, compared with PyTorch's.
//!
//! Two programs, `train/examples/bench` and `xtask/python/bench_train.py`, take the same steps on the same weights and
//! inputs. They take turns, so neither is timed while the other computes.

use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result, ensure};
use clap::Parser;
use easel_console::{print, tell};

use super::case::{CASES, Case};
use super::report::{self, Row};
use super::side::Side;
use crate::workspace::Workspace;
use crate::{process, python};

#[derive(Parser)]
pub struct Options {
    /// Number of measurements of each case
    #[arg(long, value_name = "N", default_value_t = 7, value_parser = clap::value_parser!(u32).range(1..))]
    repeats: u32,
    /// CPU threads for each program
    #[arg(long, value_name = "N", default_value_t = 2, value_parser = clap::value_parser!(u32).range(1..))]
    threads: u32,
    /// Measure one case only, and print the table without saving it
    #[arg(long, value_name = "NAME", value_parser = CASES.map(|case| case.name))]
    case: Option<String>,
    /// A Python interpreter with PyTorch [default: one that is fetched into .tools]
    #[arg(long, value_name = "PROGRAM")]
    python: Option<PathBuf>,
}

/// Measures, prints the table, and saves it in `docs/performance.md`.
pub fn train(workspace: &Workspace, options: &Options) -> Result<()> {
    fs::create_dir_all(&workspace.tools)?;
    let python = match &options.python {
        Some(python) => python.clone(),
        None => python::BENCH.install(workspace)?,
    };
    process::run(workspace.cargo("build").args([
        "--release",
        "-p",
        "easel-train",
        "--features",
        "cli",
        "--example",
        "bench",
    ]))?;
    let program = workspace.target.join("release/examples/bench");
    let folder = tempfile::Builder::new().prefix("bench-").tempdir_in(&workspace.tools)?;
    process::run(workspace.command(&program).arg("write").arg(folder.path()))?;

    let mut rows = Vec::new();
    let mut versions = None;
    for case in CASES.iter().filter(|case| options.case.as_ref().is_none_or(|name| name == case.name)) {
        let threads = options.threads.to_string();
        let mut ours = workspace.command(&program);
        ours.arg("run").arg(folder.path()).arg(case.name).arg(&threads);
        let mut theirs = workspace.command(&python);
        theirs.arg(workspace.root.join("xtask/python/bench_train.py")).arg(folder.path()).arg(case.name).arg(&threads);
        // PyTorch's idle threads would otherwise spin, and count as CPU time.
        theirs.env("OMP_NUM_THREADS", &threads).env("OMP_WAIT_POLICY", "passive");
        let mut sides = [Side::start(&mut ours)?, Side::start(&mut theirs)?];
        versions = Some(sides[1].version().to_string());
        let row = measure(case, &mut sides, options.repeats)?;
        tell!("{}", row.line());
        rows.push(row);
    }
    let versions = versions.context("no case was measured")?;
    let table = report::table(&rows, options.threads, options.repeats, &versions);
    print(format_args!("{table}\n"))?;
    if options.case.is_none() {
        report::save(workspace, "train", &table)?;
    }
    Ok(())
}

fn measure(case: &Case, sides: &mut [Side; 2], repeats: u32) -> Result<Row> {
    // The first steps allocate memory and choose kernels. Their losses show that both programs compute the same.
    let [ours, theirs] = sides;
    for first in [true, false] {
        let losses = [ours.steps(1)?.loss, theirs.steps(1)?.loss];
        let difference = (losses[0] - losses[1]).abs();
        ensure!(
            !first || difference <= 1e-3 * losses[1].abs().max(1e-2),
            "{}: the first loss is {} here and {} in PyTorch: the two programs compute different things",
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
