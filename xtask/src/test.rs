//! `cargo xtask test`: everything that can be checked, step by step, with a table at the end.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use clap::Args;

use crate::counting::{self, CargoTest};
use crate::house::House;
use crate::programs::{self, SYNTHETIC, Training};
use crate::report::{Counts, Report};
use crate::setup::Part;
use crate::{browser, check, deny, npm, process, python, web};

/// What to test.
#[derive(Args)]
pub struct Options {
    /// Also the tests that are marked as ignored, which take minutes each
    #[arg(long)]
    deep: bool,
    /// Steps (build rust xtask model python web browser fmt clippy doc deny), or parts of names of Rust tests
    filter: Vec<String>,
}

/// One step: the steps whose products it needs, and what it does.
struct Step {
    name: &'static str,
    about: &'static str,
    needs: &'static [&'static str],
    run: fn(&Plan, &mut Counts) -> Result<()>,
}

#[rustfmt::skip]
const STEPS: [Step; 11] = [
    Step { name: "build", about: "programs and tests", needs: &[], run: build },
    Step { name: "rust", about: "Rust's tests, goldens and parity among them", needs: &["build"], run: rust },
    Step { name: "xtask", about: "the chores' own tests", needs: &[], run: xtask },
    Step { name: "model", about: "a GAN is trained and exported, twice to the same bytes", needs: &["build"], run: model },
    Step { name: "python", about: "ONNX's checker, and the documentation's lines of Python", needs: &["model"], run: in_python },
    Step { name: "web", about: "the page and the npm package are built", needs: &[], run: page },
    Step { name: "browser", about: "the page in Chromium", needs: &["model", "web"], run: in_browser },
    Step { name: "fmt", about: "formatting", needs: &[], run: |plan, counts| check::fmt(plan.house, counts) },
    Step { name: "clippy", about: "lints", needs: &[], run: |plan, counts| check::clippy(plan.house, counts) },
    Step { name: "doc", about: "documentation builds, its links hold", needs: &[], run: |plan, counts| check::doc(plan.house, counts) },
    Step { name: "deny", about: "licences and sources of dependencies", needs: &[], run: |plan, counts| deny::check(plan.house, counts) },
];

/// The steps that names of tests choose.
const BY_TEST: [&str; 2] = ["rust", "xtask"];

/// What was asked for, and where its products go.
struct Plan<'a> {
    house: &'a House,
    deep: bool,
    tests: Vec<String>,
    folder: PathBuf,
}

impl Plan<'_> {
    fn model(&self) -> PathBuf {
        self.folder.join("gan.onnx")
    }
}

/// Runs the steps, whatever became of those before, and prints the table. The status is 1 where any failed.
pub fn run(house: &House, options: Options) -> ExitCode {
    let (steps, tests): (Vec<_>, Vec<_>) =
        options.filter.into_iter().partition(|word| STEPS.iter().any(|step| step.name == word));
    let chosen = chosen(&steps, !tests.is_empty());
    let plan = Plan { house, deep: options.deep, tests, folder: house.target.join("test") };
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

/// The steps named, those that run the tests named, and what they need; all where nothing is named.
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

/// Everything that the steps below run, in one go: built apart, the crates would ask their dependencies for different
/// features, and those would be compiled twice.
fn build(plan: &Plan, _counts: &mut Counts) -> Result<()> {
    let mut cargo = plan.house.cargo();
    process::run(
        cargo.args(["build", "--release", "--bins", "--tests"]).args(check::NATIVE).args(["--exclude", "xtask"]),
    )
}

fn rust(plan: &Plan, counts: &mut Counts) -> Result<()> {
    Part::OnnxRuntime { gpu: false }.install(plan.house)?;
    if let Err(error) = Part::Ffmpeg.install(plan.house) {
        eprintln!("note: {error:#}; the tests of films are skipped");
    }
    cargo_test(plan, counts, &[&check::NATIVE[..], &["--exclude", "xtask"]].concat())
}

/// Apart from the others: this program is running, and must not be built anew.
fn xtask(plan: &Plan, counts: &mut Counts) -> Result<()> {
    cargo_test(plan, counts, &["-p", "xtask"])
}

fn cargo_test(plan: &Plan, counts: &mut Counts, packages: &[&str]) -> Result<()> {
    let mut cargo = plan.house.cargo();
    cargo.args(["test", "--release", "--no-fail-fast"]).args(packages).args(["--", "--show-output"]);
    if plan.deep {
        cargo.arg("--include-ignored");
    }
    let mut reader = CargoTest::default();
    let status = process::watch(cargo.args(&plan.tests), |line| reader.line(line))?;
    *counts = reader.counts;
    process::judged(&cargo, status)
}

/// A few hundred steps: the digits need not be good, the file must be right.
fn model(plan: &Plan, counts: &mut Counts) -> Result<()> {
    Part::OnnxRuntime { gpu: false }.install(plan.house)?;
    if plan.folder.exists() {
        fs::remove_dir_all(&plan.folder)?;
    }
    fs::create_dir_all(&plan.folder)?;
    let training = Training { data: SYNTHETIC.into(), steps: Some(300), seed: 1, out: plan.folder.join("runs") };
    let run = programs::train(plan.house, &training)?;
    let again = plan.folder.join("again.onnx");
    programs::export(plan.house, &run, &plan.model())?;
    programs::export(plan.house, &run, &again)?;
    if fs::read(plan.model())? != fs::read(&again)? {
        bail!("{run}: exported twice, to different bytes", run = run.display());
    }
    fs::remove_file(again)?;
    counts.passed += 1;
    Ok(())
}

fn in_python(plan: &Plan, counts: &mut Counts) -> Result<()> {
    Part::Python.install(plan.house)?;
    let python = python::installed(plan.house).context("the Python environment is not there")?;
    programs::flowers(plan.house, &plan.folder)?;
    let mut checks = plan.house.command(python);
    checks.arg(plan.house.root.join("xtask/python/check_model.py"));
    checks.args(["README.md", "docs/your-own-network.md"].map(|document| plan.house.root.join(document)));
    // The lines in the documents name their models as the commands there leave them, and run beside them.
    checks.current_dir(&plan.folder).env("PYTHONDONTWRITEBYTECODE", "1");
    let status = process::watch(&mut checks, |line| {
        counts.passed += usize::from(line.starts_with("ok "));
        counts.failed += usize::from(line.starts_with("not ok "));
        true
    })?;
    process::judged(&checks, status)
}

fn page(plan: &Plan, counts: &mut Counts) -> Result<()> {
    Part::Node.install(plan.house)?;
    Part::WasmTarget.install(plan.house)?;
    web::build(&plan.house.root)?;
    npm::pack(&plan.house.root, &plan.house.target)?;
    counts.passed += 1;
    Ok(())
}

/// The tests in `web/tests`, which serve the page with this run's model in place of its own.
fn in_browser(plan: &Plan, counts: &mut Counts) -> Result<()> {
    Part::Browser.install(plan.house)?;
    let chrome = browser::installed()?.context("Chromium is not there")?;
    // What the model must draw in every engine, computed natively.
    let reference = |model: &Path, name: &str| -> Result<PathBuf> {
        let path = plan.folder.join(name);
        process::run(plan.house.program("reference").arg(model).arg(&path))?;
        Ok(path)
    };
    let progan = plan.house.root.join("models/progan-scenes.onnx");
    let denoiser = plan.house.root.join("models/ddpm-mnist.onnx");
    let stylizer = plan.house.root.join("models/wave.onnx");
    let (gan, progan) = (reference(&plan.model(), "reference.json")?, reference(&progan, "progan.json")?);
    let sampled = reference(&denoiser, "denoiser.json")?;
    let stylized = reference(&stylizer, "wave.json")?;

    let mut files: Vec<_> = fs::read_dir(plan.house.root.join("web/tests"))?
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.file_stem().is_some_and(|stem| stem.to_string_lossy().ends_with(".test")))
        .collect();
    files.sort();
    let mut node = plan.house.command("node");
    node.current_dir(plan.house.root.join("web")).args(["--test", "--test-reporter=spec"]).args(files);
    node.env("CHROME", chrome).env("EASEL_DIST", plan.house.root.join("web/dist"));
    node.env("EASEL_MODEL", plan.model()).env("EASEL_REFERENCE", gan).env("EASEL_PROGAN_REFERENCE", progan);
    node.env("EASEL_DENOISER", denoiser).env("EASEL_DENOISER_REFERENCE", sampled);
    node.env("EASEL_STYLIZER_REFERENCE", stylized).env("EASEL_PACKAGE", plan.house.target.join("npm"));
    let status = process::watch(&mut node, |line| {
        counting::node_test(counts, line);
        true
    })?;
    process::judged(&node, status)?;
    if counts.passed == 0 {
        bail!("web/tests: no test was run");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_brings_what_it_needs() {
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
    fn needs_come_before_what_needs_them() {
        for (index, step) in STEPS.iter().enumerate() {
            for need in step.needs {
                assert!(STEPS[..index].iter().any(|earlier| earlier.name == *need), "{}: {need}", step.name);
            }
        }
    }
}
