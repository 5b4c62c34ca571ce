//! `cargo xtask bench infer`: the cost of models on a CPU, compared with other engines', and of whole programs.
//!
//! Easel's engine and ONNX Runtime run in `runtime-native/examples/bench_infer`, the other engines in
//! `xtask/python/bench_infer.py`.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};
use clap::Parser;
use easel_console::{print, tell};
use tempfile::TempDir;

use super::contest::{self, Entrant, Goals, OURS, Row};
use super::job::{self, Content, Input};
use super::side::Side;
use super::{machine, report};
use crate::python::{self, Environment};
use crate::workspace::Workspace;
use crate::{process, setup};

#[derive(Parser)]
pub struct Options {
    /// Number of measurements of each engine
    #[arg(long, value_name = "N", default_value_t = 7, value_parser = clap::value_parser!(u32).range(1..))]
    repeats: u32,
    /// CPU threads for each engine, several numbers with commas; with this option the table is not saved [default: 1,2]
    #[arg(long, value_name = "N", value_delimiter = ',', value_parser = clap::value_parser!(u32).range(1..))]
    threads: Vec<u32>,
    /// Measure one case only, and print the table without saving it
    #[arg(long, value_name = "NAME", value_parser = names())]
    case: Option<String>,
}

/// A model file.
#[derive(Clone, Copy, Debug)]
pub enum Model {
    Shipped(&'static str),
    /// A style network of width 32 with random weights.
    Width32,
}

/// The file of a model in `models`.
pub fn shipped(workspace: &Workspace, name: &str) -> PathBuf {
    workspace.root.join("models").join(name).with_extension("onnx")
}

/// A model with its inputs.
pub struct Case {
    pub name: &'static str,
    pub about: &'static str,
    pub model: Model,
    pub inputs: &'static [Input],
    /// Runs in one measurement, for about half a second.
    pub runs: u32,
    goals: Goals,
}

const WIDTH_16: Goals = &[("ONNX Runtime", 0.5), ("ncnn", 0.75)];
const WIDTH_32: Goals = &[("ONNX Runtime", 0.6), ("ncnn", 0.9)];
const SMALL: Goals = &[("ONNX Runtime", 0.8)];
const COLD: Goals = &[("Python, onnxruntime", 0.45)];

const WAVE: Model = Model::Shipped("wave");
const DENOISER: Model = Model::Shipped("ddpm-mnist");
const PROGAN: Model = Model::Shipped("progan-scenes");

macro_rules! picture {
    ($height:literal, $width:literal) => {
        &[Input { name: "image", shape: &[1, 3, $height, $width], content: Content::Picture }]
    };
}

macro_rules! noisy_digits {
    ($batch:literal) => {
        &[
            Input { name: "x", shape: &[$batch, 1, 32, 32], content: Content::Noise },
            Input { name: "t", shape: &[$batch], content: Content::Counts(1000) },
            Input { name: "label", shape: &[$batch], content: Content::Counts(10) },
        ]
    };
}

macro_rules! latents {
    ($batch:literal) => {
        &[Input { name: "z", shape: &[$batch, 64], content: Content::Noise }]
    };
}

#[rustfmt::skip]
pub const CASES: [Case; 9] = [
    Case { name: "wave-256", about: "style, width 16, 256x256", model: WAVE, inputs: picture!(256, 256), runs: 8, goals: WIDTH_16 },
    Case { name: "wave-512", about: "style, width 16, 512x512", model: WAVE, inputs: picture!(512, 512), runs: 2, goals: WIDTH_16 },
    Case { name: "wave-hd", about: "style, width 16, 1920x1080", model: WAVE, inputs: picture!(1080, 1920), runs: 1, goals: WIDTH_16 },
    Case { name: "width32-256", about: "style, width 32, 256x256", model: Model::Width32, inputs: picture!(256, 256), runs: 2, goals: WIDTH_32 },
    Case { name: "width32-512", about: "style, width 32, 512x512", model: Model::Width32, inputs: picture!(512, 512), runs: 1, goals: WIDTH_32 },
    Case { name: "denoiser-1", about: "denoiser, base 16, batch 1", model: DENOISER, inputs: noisy_digits!(1), runs: 200, goals: SMALL },
    Case { name: "denoiser-16", about: "denoiser, base 16, batch 16", model: DENOISER, inputs: noisy_digits!(16), runs: 15, goals: SMALL },
    Case { name: "progan-1", about: "ProGAN, width 48, batch 1", model: PROGAN, inputs: latents!(1), runs: 150, goals: SMALL },
    Case { name: "progan-16", about: "ProGAN, width 48, batch 16", model: PROGAN, inputs: latents!(16), runs: 10, goals: SMALL },
];

/// A whole program, from its start to a written file.
struct Program {
    name: &'static str,
    about: &'static str,
    /// The project's program, and the shortest one in Python.
    scripts: [&'static str; 2],
    model: &'static str,
    /// The input, if it takes one, and the output.
    files: &'static [&'static str],
}

const PROGRAMS: [Program; 2] = [
    Program {
        name: "stylize",
        about: "`stylize` of a 512x512 JPEG, from cold",
        scripts: ["stylize", "shortest_stylize.py"],
        model: "wave",
        files: &["photo.jpg", "result.jpg"],
    },
    Program {
        name: "sample",
        about: "`sample` of one digit, from cold",
        scripts: ["sample", "shortest_sample.py"],
        model: "gan-mnist",
        files: &["digit.png"],
    },
];

fn names() -> Vec<&'static str> {
    CASES.iter().map(|case| case.name).chain(PROGRAMS.iter().map(|program| program.name)).collect()
}

/// The engines in Python.
const PEERS: [(&str, &str, Environment); 2] =
    [("OpenVINO", "openvino", python::BENCH_OPENVINO), ("ncnn", "ncnn", python::BENCH_NCNN)];

/// Measures, prints the table, and saves it in `docs/performance.md`.
pub fn infer(workspace: &Workspace, options: &Options) -> Result<()> {
    setup::Part::OnnxRuntime { gpu: false }.install(workspace)?;
    process::run(workspace.cargo("build").args(["--release", "--bins", "--examples"]))?;
    let bench = Bench::new(workspace)?;
    let threads = if options.threads.is_empty() { &[1, 2] } else { &options.threads[..] };
    let chosen = |name: &str| options.case.as_ref().is_none_or(|case| case == name);
    let mut rows: Vec<Row> = Vec::new();
    let mut add = |new: Vec<Row>| {
        new.iter().for_each(|row| tell!("{}", row.line()));
        rows.extend(new);
    };
    for case in CASES.iter().filter(|case| chosen(case.name)) {
        for &threads in threads {
            let rounds = [case.runs, options.repeats];
            add(contest::run(case.about, threads, bench.engines(case, threads)?, case.goals, rounds)?);
        }
    }
    for program in PROGRAMS.iter().filter(|program| chosen(program.name)) {
        for &threads in threads {
            add(contest::run(program.about, threads, bench.programs(program, threads)?, COLD, [3, options.repeats])?);
        }
    }
    let mut versions = vec![format!("ONNX Runtime {}", crate::onnxruntime::VERSION)];
    let pinned = |(engine, package, environment): &(&str, &str, Environment)| {
        Some(format!("{engine} {}", environment.version(package)?))
    };
    versions.extend(PEERS.iter().filter_map(pinned));
    let table = format!(
        "{}. {}, {}. {} measurements of each engine in turn.\n\n{}",
        machine::describe(),
        machine::rustc(),
        versions.join(", "),
        options.repeats,
        contest::table(&rows)
    );
    print(format_args!("{table}\n"))?;
    if options.case.is_none() && options.threads.is_empty() {
        report::save(workspace, "infer", &table)?;
    }
    Ok(())
}

/// The programs and files that the cases share.
struct Bench<'a> {
    workspace: &'a Workspace,
    /// Removed when this is dropped.
    folder: TempDir,
}

impl<'a> Bench<'a> {
    fn new(workspace: &'a Workspace) -> Result<Self> {
        let folder = tempfile::Builder::new().prefix("bench-").tempdir_in(&workspace.tools)?;
        Ok(Self { workspace, folder })
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The engines with a case's model and inputs.
    fn engines(&self, case: &Case, threads: u32) -> Result<Vec<Entrant>> {
        let folder = self.path(&format!("{}-{threads}", case.name));
        fs::create_dir_all(&folder)?;
        let inputs = job::write_inputs(case.inputs, &folder)?;
        let [model, plain] = self.model(case.model)?;
        let entrant = |engine, name: &str, model: &Path, command: Result<Command>| -> Result<Entrant> {
            let [job, output] = job::write(&folder.join(name), model, &inputs, threads)?;
            let side = command.and_then(|mut command| {
                // Idle threads of OpenMP would otherwise spin, and count as CPU time.
                let command = command.env("OMP_NUM_THREADS", threads.to_string()).env("OMP_WAIT_POLICY", "passive");
                Side::start(command.arg(name).arg(job))
            });
            Ok(Entrant { engine, side, output: Some(output) })
        };
        let mut entrants = Vec::new();
        for (engine, name) in [(OURS, "easel"), ("ONNX Runtime", "onnxruntime")] {
            let program = self.workspace.command(self.workspace.target.join("release/examples/bench_infer"));
            entrants.push(entrant(engine, name, &model, Ok(program))?);
        }
        for (engine, name, environment) in PEERS {
            let command = self.python(&environment, "bench_infer.py");
            entrants.push(entrant(engine, name, &plain, command)?);
        }
        Ok(entrants)
    }

    /// The project's program and the one in Python, with the same files.
    fn programs(&self, program: &Program, threads: u32) -> Result<Vec<Entrant>> {
        let [ours, theirs] = program.scripts;
        let model = shipped(self.workspace, program.model);
        let files: Vec<PathBuf> = program.files.iter().map(|name| self.path(name)).collect();
        let (output, input) = files.split_last().context("a program writes a file")?;
        if let [photo] = input
            && !photo.is_file()
        {
            let mut draw = self.workspace.program("train");
            process::run(draw.args(["scenes", "--first", "1", "--size", "512x512", "-o"]).arg(photo))?;
        }
        let cold = |command: Result<Command>| -> Result<Side> {
            let command = command?;
            let mut timer = self.workspace.command("python3");
            timer.arg(self.workspace.root.join("xtask/python/bench_program.py"));
            Side::start(timer.arg(command.get_program()).args(command.get_args()))
        };
        let mut easel = self.workspace.program(ours);
        easel.args(input).arg("-m").arg(&model).arg("-o").arg(output).arg("--threads").arg(threads.to_string());
        easel.args((ours == "stylize").then_some("--overwrite")).args((ours == "sample").then_some("-n1"));
        let script = self.python(&python::BENCH_ONNXRUNTIME, theirs).map(|mut script| {
            script.arg(&model).args(input).arg(output).arg(threads.to_string());
            script
        });
        let entrants = [(OURS, Ok(easel)), ("Python, onnxruntime", script)];
        Ok(entrants.map(|(engine, command)| Entrant { engine, side: cold(command), output: None }).into())
    }

    fn python(&self, environment: &Environment, script: &str) -> Result<Command> {
        let mut command = self.workspace.command(environment.install(self.workspace)?);
        command.arg(self.workspace.root.join("xtask/python").join(script));
        Ok(command)
    }

    /// A model's file as it is, and in the form that more engines can read.
    fn model(&self, model: Model) -> Result<[PathBuf; 2]> {
        let (name, file) = match model {
            Model::Shipped(name) => (name, shipped(self.workspace, name)),
            Model::Width32 => ("width32", self.path("width32.onnx")),
        };
        let export = |source: &Path, options: &[&str], file: &Path| {
            process::run(self.workspace.program("export-onnx").arg(source).args(options).arg("-o").arg(file))
        };
        if !file.is_file() {
            // One of the cases of `bench train`.
            let mut write = self.workspace.command(self.workspace.target.join("release/examples/bench"));
            process::run(write.arg("write").arg(self.folder.path()))?;
            export(&self.path("style.safetensors"), &["--part", "w"], &file)?;
        }
        let plain = self.path(&format!("{name}-plain.onnx"));
        if !plain.is_file() {
            export(&file, &["--plain", "--plain-norm"], &plain)?;
        }
        Ok([file, plain])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options() {
        let options = Options::try_parse_from(["infer", "--threads", "1,4", "--case", "stylize"]).unwrap();
        assert_eq!((options.threads, options.repeats), (vec![1, 4], 7));
        for wrong in [["--threads", "0"], ["--repeats", "0"], ["--case", "nothing"]] {
            assert!(Options::try_parse_from(["infer", wrong[0], wrong[1]]).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn names_are_unique_and_goals_are_of_engines() {
        let mut names = names();
        let count = names.len();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), count);
        let engines: Vec<&str> = PEERS.map(|(engine, ..)| engine).into_iter().chain(["ONNX Runtime"]).collect();
        for (engine, goal) in CASES.iter().flat_map(|case| case.goals) {
            assert!(engines.contains(engine) && (0.0..1.0).contains(goal), "{engine}");
        }
    }
}
