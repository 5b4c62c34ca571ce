//! `cargo xtask test`: every test and check, step by step, with a table at the end.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use clap::Args;
use easel_console::tell;

use crate::counting::{self, CargoTest};
use crate::programs::{self, SYNTHETIC, Training};
use crate::report::{Counts, Report};
use crate::setup::Part;
use crate::workspace::{NATIVE, Workspace};
use crate::{browser, check, deny, msrv, npm, outside, package, process, python, web};

/// What to test.
#[derive(Args)]
pub struct Options {
    /// Also run the tests that are marked as ignored, which take minutes each, and build every crate from its package
    #[arg(long)]
    deep: bool,
    #[arg(help = filter_help())]
    filter: Vec<String>,
}

fn filter_help() -> String {
    format!("Steps ({}), or parts of the names of Rust tests", STEPS.map(|step| step.name).join(" "))
}

/// One step, and the steps whose results it uses.
struct Step {
    name: &'static str,
    about: &'static str,
    needs: &'static [&'static str],
    run: fn(&Plan, &mut Counts) -> Result<()>,
}

#[rustfmt::skip]
const STEPS: [Step; 14] = [
    Step { name: "build", about: "programs and tests", needs: &[], run: build },
    Step { name: "rust", about: "Rust's tests, goldens and parity among them", needs: &["build"], run: rust },
    Step { name: "xtask", about: "the tests of cargo xtask itself", needs: &[], run: xtask },
    Step { name: "model", about: "a GAN is trained and exported, twice to the same bytes", needs: &["build"], run: model },
    Step { name: "python", about: "ONNX's checker, and the documentation's Python examples", needs: &["model"], run: in_python },
    Step { name: "web", about: "the page and the npm package are built", needs: &[], run: page },
    Step { name: "browser", about: "the page in Chromium", needs: &["model", "web"], run: in_browser },
    Step { name: "outside", about: "another project trains and exports with the crates", needs: &[], run: |plan, counts| outside::check(plan.workspace, counts) },
    Step { name: "package", about: "the crates as a registry would receive them", needs: &[], run: |plan, counts| package::check(plan.workspace, plan.deep, counts) },
    Step { name: "fmt", about: "formatting", needs: &[], run: |plan, counts| check::fmt(plan.workspace, counts) },
    Step { name: "clippy", about: "lints", needs: &[], run: |plan, counts| check::clippy(plan.workspace, counts) },
    Step { name: "doc", about: "documentation and its links", needs: &[], run: |plan, counts| check::doc(plan.workspace, counts) },
    Step { name: "msrv", about: "no dependency needs a newer Rust than rust-version", needs: &[], run: |plan, counts| msrv::check(plan.workspace, counts) },
    Step { name: "deny", about: "licences and sources of dependencies", needs: &[], run: |plan, counts| deny::check(plan.workspace, counts) },
];

/// The steps that run Rust tests by name.
const BY_TEST: [&str; 2] = ["rust", "xtask"];

/// The steps of `cargo xtask check`.
const CHECKS: [&str; 5] = ["fmt", "clippy", "doc", "msrv", "deny"];

/// The options that the steps read, and the folder for their files.
struct Plan<'a> {
    workspace: &'a Workspace,
    deep: bool,
    tests: Vec<String>,
    folder: PathBuf,
}

impl Plan<'_> {
    fn model(&self) -> PathBuf {
        self.folder.join("gan.onnx")
    }
}

/// `cargo xtask check`.
pub fn check(workspace: &Workspace) -> ExitCode {
    run(workspace, Options { deep: false, filter: CHECKS.map(String::from).to_vec() })
}

/// Runs the steps and prints the table. A step that fails stops only those that need it; the status is then 1.
pub fn run(workspace: &Workspace, options: Options) -> ExitCode {
    let (steps, tests): (Vec<_>, Vec<_>) =
        options.filter.into_iter().partition(|word| STEPS.iter().any(|step| step.name == word));
    let chosen = chosen(&steps, !tests.is_empty());
    let plan = Plan { workspace, deep: options.deep, tests, folder: workspace.target.join("test") };
    let mut report = Report::default();
    for step in STEPS.iter().filter(|step| chosen.contains(&step.name)) {
        let missing = step.needs.iter().find(|need| report.has_failed(need));
        report.step(step.name, step.about, |counts| match missing {
            Some(missing) => bail!("not run, because `{missing}` failed"),
            None => (step.run)(&plan, counts),
        });
    }
    report.finish()
}

/// The named steps, those that run the named tests, and the steps they need. All steps if nothing is named.
fn chosen(named: &[String], tests: bool) -> Vec<&'static str> {
    if named.is_empty() && !tests {
        return STEPS.iter().map(|step| step.name).collect();
    }
    let mut chosen: Vec<&str> = if tests { BY_TEST.to_vec() } else { Vec::new() };
    for step in STEPS.iter().rev() {
        if chosen.contains(&step.name) || named.iter().any(|name| name == step.name) {
            chosen.push(step.name);
            chosen.extend(step.needs);
        }
    }
    chosen
}

/// Builds everything that later steps run, at once: built one by one, the crates would enable different features of their
/// dependencies, and those would be compiled twice.
fn build(plan: &Plan, _counts: &mut Counts) -> Result<()> {
    let mut cargo = plan.workspace.cargo("build");
    process::run(cargo.args(["--release", "--bins", "--tests"]).args(NATIVE).args(["--exclude", "xtask"]))
}

fn rust(plan: &Plan, counts: &mut Counts) -> Result<()> {
    Part::OnnxRuntime { gpu: false }.install(plan.workspace)?;
    if let Err(error) = Part::Ffmpeg.install(plan.workspace) {
        tell!("note: {error:#}; the tests of films will be skipped");
    }
    cargo_test(plan, counts, &[&NATIVE[..], &["--exclude", "xtask"]].concat())
}

/// A step of its own, so that the build of the others does not replace this program while it runs.
fn xtask(plan: &Plan, counts: &mut Counts) -> Result<()> {
    cargo_test(plan, counts, &["-p", "xtask"])
}

fn cargo_test(plan: &Plan, counts: &mut Counts, packages: &[&str]) -> Result<()> {
    let mut cargo = plan.workspace.cargo("test");
    cargo.args(["--release", "--no-fail-fast"]).args(packages).args(["--", "--show-output"]);
    if plan.deep {
        cargo.arg("--include-ignored");
    }
    let mut reader = CargoTest::default();
    let status = process::watch(cargo.args(&plan.tests), |line| reader.line(line))?;
    *counts = reader.counts;
    process::succeeded(&cargo, status)
}

/// A few hundred steps are enough: the digits need not be good, but the file must be correct.
fn model(plan: &Plan, counts: &mut Counts) -> Result<()> {
    Part::OnnxRuntime { gpu: false }.install(plan.workspace)?;
    if plan.folder.exists() {
        fs::remove_dir_all(&plan.folder)?;
    }
    fs::create_dir_all(&plan.folder)?;
    let training = Training { data: SYNTHETIC.into(), steps: Some(300), seed: 1, out: plan.folder.join("runs") };
    let run = programs::train(plan.workspace, &training)?;
    let again = plan.folder.join("again.onnx");
    programs::export(plan.workspace, &run, &plan.model())?;
    programs::export(plan.workspace, &run, &again)?;
    if fs::read(plan.model())? != fs::read(&again)? {
        bail!("{}: two exports differ", run.display());
    }
    fs::remove_file(again)?;
    counts.passed += 1;
    Ok(())
}

fn in_python(plan: &Plan, counts: &mut Counts) -> Result<()> {
    Part::Python.install(plan.workspace)?;
    let python = python::CHECKS.installed(plan.workspace).context("the Python environment is missing")?;
    programs::flowers(plan.workspace, &plan.folder)?;
    let mut checks = plan.workspace.command(python);
    checks.arg(plan.workspace.root.join("xtask/python/check_model.py"));
    checks.args(["README.md", "docs/your-own-network.md"].map(|document| plan.workspace.root.join(document)));
    // The documents' examples expect their models in the current folder.
    checks.current_dir(&plan.folder).env("PYTHONDONTWRITEBYTECODE", "1");
    let status = process::watch(&mut checks, |line| {
        counts.passed += usize::from(line.starts_with("ok "));
        counts.failed += usize::from(line.starts_with("not ok "));
        true
    })?;
    process::succeeded(&checks, status)
}

fn page(plan: &Plan, counts: &mut Counts) -> Result<()> {
    Part::Node.install(plan.workspace)?;
    Part::WasmTarget.install(plan.workspace)?;
    web::build(plan.workspace)?;
    npm::pack(plan.workspace)?;
    counts.passed += 1;
    Ok(())
}

/// The tests in `web/tests`. They serve the page with the model of this run.
fn in_browser(plan: &Plan, counts: &mut Counts) -> Result<()> {
    Part::Browser.install(plan.workspace)?;
    let chrome = browser::installed()?.context("Chromium is missing")?;
    // What a model must draw in every engine, computed natively.
    let reference = |model: &Path, name: &str| -> Result<PathBuf> {
        let path = plan.folder.join(name);
        process::run(plan.workspace.program("reference").arg(model).arg(&path))?;
        Ok(path)
    };
    let progan = plan.workspace.root.join("models/progan-scenes.onnx");
    let denoiser = plan.workspace.root.join("models/ddpm-mnist.onnx");
    let stylizer = plan.workspace.root.join("models/wave.onnx");
    let (gan, progan) = (reference(&plan.model(), "reference.json")?, reference(&progan, "progan.json")?);
    let sampled = reference(&denoiser, "denoiser.json")?;
    let stylized = reference(&stylizer, "wave.json")?;

    let mut files: Vec<_> = fs::read_dir(plan.workspace.root.join("web/tests"))?
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.file_stem().is_some_and(|stem| stem.to_string_lossy().ends_with(".test")))
        .collect();
    files.sort();
    let mut node = plan.workspace.command("node");
    node.current_dir(plan.workspace.root.join("web")).args(["--test", "--test-reporter=spec"]).args(files);
    node.env("CHROME", chrome).env("EASEL_DIST", plan.workspace.root.join("web/dist"));
    node.env("EASEL_MODEL", plan.model()).env("EASEL_REFERENCE", gan).env("EASEL_PROGAN_REFERENCE", progan);
    node.env("EASEL_DENOISER", denoiser).env("EASEL_DENOISER_REFERENCE", sampled);
    node.env("EASEL_STYLIZER_REFERENCE", stylized).env("EASEL_PACKAGE", plan.workspace.target.join("npm"));
    let status = process::watch(&mut node, |line| {
        counting::node_test(counts, line);
        true
    })?;
    process::succeeded(&node, status)?;
    if counts.passed == 0 {
        bail!("web/tests: no test ran");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_adds_the_steps_it_needs() {
        let named = |names: &[&str], tests| {
            let names: Vec<_> = names.iter().map(|name| name.to_string()).collect();
            let chosen = chosen(&names, tests);
            STEPS.iter().map(|step| step.name).filter(|name| chosen.contains(name)).collect::<Vec<_>>()
        };
        assert_eq!(named(&["browser"], false), ["build", "model", "web", "browser"]);
        assert_eq!(named(&[], true), ["build", "rust", "xtask"]);
        assert_eq!(named(&["fmt"], false), ["fmt"]);
        assert_eq!(named(&[], false).len(), STEPS.len());
    }

    #[test]
    fn steps_come_after_those_they_need() {
        for (index, step) in STEPS.iter().enumerate() {
            for need in step.needs {
                assert!(STEPS[..index].iter().any(|earlier| earlier.name == *need), "{}: {need}", step.name);
            }
        }
    }
}
