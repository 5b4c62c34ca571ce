//! `cargo xtask bench web`: the cost of models in WebAssembly, in Node.js, compared with other engines'.

use std::fs;

use anyhow::Result;
use clap::Parser;
use easel_console::{print, tell};

use super::contest::{self, Entrant};
use super::infer::{CASES, Case, Model, shipped};
use super::side::Side;
use super::{job, machine, report};
use crate::workspace::Workspace;
use crate::{npm, process, setup, web};

#[derive(Parser)]
pub struct Options {
    /// Number of measurements of each engine
    #[arg(long, value_name = "N", default_value_t = 7, value_parser = clap::value_parser!(u32).range(1..))]
    repeats: u32,
    /// Threads for each engine; with another number than 1 the table is not saved
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
    threads: u32,
    /// Measure one case only, and print the table without saving it
    #[arg(long, value_name = "NAME", value_parser = cases().map(|(case, _)| case.name).collect::<Vec<_>>())]
    case: Option<String>,
}

/// The engines, and their names in `xtask/node/bench_web.mjs`.
const ENGINES: [(&str, &str); 2] = [(contest::OURS, "easel"), ("onnxruntime-web", "onnxruntime-web")];

/// The project's goal for each case.
const GOALS: contest::Goals = &[("onnxruntime-web", 0.45)];

/// The cases with a shipped model, and its name; without the largest picture, which takes seconds.
fn cases() -> impl Iterator<Item = (&'static Case, &'static str)> {
    CASES.iter().filter(|case| case.name != "wave-hd").filter_map(|case| match case.model {
        Model::Shipped(model) => Some((case, model)),
        Model::Width32 => None,
    })
}

/// Measures, prints the table, and saves it in `docs/performance.md`.
pub fn web(workspace: &Workspace, options: &Options) -> Result<()> {
    setup::Part::Node.install(workspace)?;
    let folder = workspace.root.join("web");
    setup::Part::WasmTarget.install(workspace)?;
    web::build(workspace)?;
    let package = npm::unpacked(workspace)?;
    let temporary = tempfile::Builder::new().prefix("bench-").tempdir_in(&workspace.tools)?;
    let mut rows = Vec::new();
    let mut versions: Vec<String> = Vec::new();
    for (case, model) in cases().filter(|(case, _)| options.case.as_ref().is_none_or(|name| name == case.name)) {
        let own = temporary.path().join(case.name);
        fs::create_dir_all(&own)?;
        let inputs = job::write_inputs(case.inputs, &own)?;
        let mut entrants = Vec::new();
        for (engine, name) in ENGINES {
            let [job, output] = job::write(&own.join(name), &shipped(workspace, model), &inputs, options.threads)?;
            let mut node = workspace.command("node");
            node.arg(workspace.root.join("xtask/node/bench_web.mjs")).arg(name).arg(job).current_dir(&folder);
            node.env("EASEL_PACKAGE", &package);
            let side = Side::start(&mut node);
            let version = side.as_ref().map(|side| format!("{engine} {}", side.version()));
            versions.extend(version.ok().filter(|version| !versions.contains(version)));
            entrants.push(Entrant { engine, side, output: Some(output) });
        }
        // A tab takes two to three times as long as a program.
        let rounds = [case.runs.div_ceil(3), options.repeats];
        let new = contest::run(case.about, options.threads, entrants, GOALS, rounds)?;
        new.iter().for_each(|row| tell!("{}", row.line()));
        rows.extend(new);
    }
    let node = process::capture(workspace.command("node").arg("--version"))?;
    let table = format!(
        "{}. Node.js {}, {}. {} measurements of each engine in turn.\n\n{}",
        machine::describe(),
        node.trim().trim_start_matches('v'),
        versions.join(", "),
        options.repeats,
        contest::table(&rows)
    );
    print(format_args!("{table}\n"))?;
    if options.case.is_none() && options.threads == 1 {
        report::save(workspace, "web", &table)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options() {
        let options = Options::try_parse_from(["web", "--case", "wave-256", "--repeats", "3"]).unwrap();
        assert_eq!((options.case.as_deref(), options.threads, options.repeats), (Some("wave-256"), 1, 3));
        assert!(Options::try_parse_from(["web", "--case", "stylize"]).is_err());
        assert!(Options::try_parse_from(["web", "--threads", "0"]).is_err());
    }
}
