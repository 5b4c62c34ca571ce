//! The page: `web/dist` out of `runtime-wasm` and `web/`.
//!
//! Every step is repeated only when what it reads has changed: a stamp beside its output holds the hash of its inputs.

use anyhow::{Context, Result, bail, ensure};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use easel_runtime::ModelCard;
use easel_runtime::card::{Distribution, Kind};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use walkdir::WalkDir;

use crate::files::{self, hash, hex};

const TARGET: &str = "wasm32-unknown-unknown";

/// The builds of ONNX Runtime that the page chooses from: without WebGPU, with it, and with it for browsers whose
/// WebAssembly cannot wait for a promise (no JSPI).
const ORT_FILES: [&str; 6] = [
    "ort-wasm-simd-threaded.mjs",
    "ort-wasm-simd-threaded.wasm",
    "ort-wasm-simd-threaded.jspi.mjs",
    "ort-wasm-simd-threaded.jspi.wasm",
    "ort-wasm-simd-threaded.asyncify.mjs",
    "ort-wasm-simd-threaded.asyncify.wasm",
];

/// One line of `models/index.json` in the built page, a list of the models it offers. Of each kind the first is what a
/// tab begins with.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ModelEntry {
    /// What `?model=` and `-m` call it.
    pub name: String,
    /// The file in the same folder.
    pub file: String,
    /// The card's title.
    pub title: String,
    /// The file's size.
    pub bytes: u64,
    /// The file's SHA-256, hexadecimal: what it is kept under once it was downloaded.
    pub sha256: String,
    /// `generator`, `denoiser` or `stylizer`.
    pub kind: String,
    /// What a generator's latent vectors are drawn from: `normal` or `uniform`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub latent: Option<String>,
    /// The file of the picture that the card has of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sample: Option<String>,
}

/// Builds the page and gives its folder, which any file server can serve. The models of the project's `models/` are
/// in it; models that were added before stay.
pub fn build(root: &Path) -> Result<PathBuf> {
    let web = root.join("web");
    let dist = web.join("dist");
    packages(&web)?;
    wasm_target()?;
    let module = compile(root)?;
    bindings(&web, &module)?;
    bundle(&web, &dist)?;
    let mut shipped: Vec<PathBuf> = WalkDir::new(root.join("models"))
        .max_depth(1)
        .into_iter()
        .filter_map(|entry| Some(entry.ok()?.into_path()))
        .filter(|path| path.extension().is_some_and(|extension| extension == "onnx"))
        .collect();
    shipped.sort();
    for model in shipped {
        let name = model.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let (bytes, card) = read_model(&model)?;
        // What makes no pictures ships for the programs.
        if !matches!(card.kind, Kind::Classifier { .. } | Kind::Tabular { .. }) {
            put_model(&dist, &bytes, card, &name, usize::MAX)?;
        }
    }
    files::list(&dist)?;
    Ok(dist)
}

/// Puts a model on the built page under a name, in place of one that had it: the one that is loaded at the start.
pub fn add_model(dist: &Path, model: &Path, name: &str) -> Result<()> {
    let (bytes, card) = read_model(model)?;
    put_model(dist, &bytes, card, name, 0)?;
    files::list(dist)
}

fn read_model(model: &Path) -> Result<(Vec<u8>, ModelCard)> {
    let bytes = fs::read(model).with_context(|| format!("{}: cannot be read", model.display()))?;
    let card = ModelCard::from_model(&bytes).with_context(|| model.display().to_string())?;
    Ok((bytes, card))
}

fn put_model(dist: &Path, bytes: &[u8], card: ModelCard, name: &str, place: usize) -> Result<()> {
    let folder = dist.join("models");
    fs::create_dir_all(&folder)?;
    let sample = card.sample.as_ref().map(|_| format!("{name}.jpg"));
    if let (Some(file), Some(sample)) = (&sample, &card.sample) {
        let picture = BASE64_STANDARD.decode(&sample.base64).with_context(|| format!("{name}: the card's sample"))?;
        fs::write(folder.join(file), picture)?;
    }
    let entry = ModelEntry {
        name: name.into(),
        file: format!("{name}.onnx"),
        kind: card.kind.name().into(),
        latent: card.latent().ok().map(|latent| distribution(latent.distribution).into()),
        title: card.title,
        bytes: bytes.len() as u64,
        sha256: hash(bytes),
        sample,
    };
    fs::write(folder.join(&entry.file), bytes)?;

    let index = folder.join("index.json");
    let mut entries: Vec<ModelEntry> = match fs::read(&index) {
        // Lines of an older build, which said less, are left out.
        Ok(json) => serde_json::from_slice::<Vec<serde_json::Value>>(&json)
            .with_context(|| index.display().to_string())?
            .into_iter()
            .filter_map(|line| serde_json::from_value(line).ok())
            .collect(),
        Err(error) if error.kind() == ErrorKind::NotFound => vec![],
        Err(error) => return Err(error).with_context(|| index.display().to_string()),
    };
    match entries.iter_mut().find(|known| known.name == entry.name) {
        Some(known) => *known = entry,
        None => entries.insert(place.min(entries.len()), entry),
    }
    entries.retain(|entry| folder.join(&entry.file).is_file());
    fs::write(&index, serde_json::to_string_pretty(&entries)? + "\n")?;
    Ok(())
}

fn distribution(distribution: Distribution) -> &'static str {
    match distribution {
        Distribution::Uniform { .. } => "uniform",
        Distribution::Normal => "normal",
    }
}

/// Installs the npm packages that `package-lock.json` names. Their install scripts don't run: none is needed.
///
/// The browser tests need them too.
pub fn packages(web: &Path) -> Result<()> {
    let inputs = Inputs::default().file(&web.join("package.json"))?.file(&web.join("package-lock.json"))?;
    inputs.once(&web.join("node_modules/.easel-packages"), || {
        eprintln!("web: npm packages");
        run(Command::new("npm").args(["ci", "--ignore-scripts", "--no-audit", "--no-fund"]).current_dir(web))
            .context("install Node.js 20 or later with npm")
    })
}

fn wasm_target() -> Result<()> {
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let found = Command::new(rustc).args(["--print", "target-libdir", "--target", TARGET]).output()?;
    if Path::new(String::from_utf8_lossy(&found.stdout).trim()).is_dir() {
        return Ok(());
    }
    eprintln!("web: Rust target {TARGET}");
    run(Command::new("rustup").args(["target", "add", TARGET]))
        .with_context(|| format!("Rust's library for {TARGET} is missing; install it the way Rust was installed"))
}

/// Compiles the crate and gives the module's path.
fn compile(root: &Path) -> Result<PathBuf> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(cargo)
        .args(["build", "--profile", "wasm", "--package", "easel-wasm", "--target", TARGET])
        .arg("--message-format=json-render-diagnostics")
        .current_dir(root)
        .stderr(Stdio::inherit())
        .output()?;
    ensure!(output.status.success(), "easel-wasm does not compile for {TARGET}");
    output
        .stdout
        .split(|&byte| byte == b'\n')
        .filter_map(|line| serde_json::from_slice::<serde_json::Value>(line).ok())
        .flat_map(|message| message["filenames"].as_array().cloned().unwrap_or_default())
        .filter_map(|file| Some(PathBuf::from(file.as_str()?)))
        .find(|file| file.file_name().is_some_and(|name| name == "easel_wasm.wasm"))
        .context("cargo built no easel_wasm.wasm")
}

/// Writes the module and its JavaScript and TypeScript sides to `web/src/wasm`.
fn bindings(web: &Path, module: &Path) -> Result<()> {
    let out = web.join("src/wasm");
    let inputs = Inputs::default().file(module)?.file(&web.join("package-lock.json"))?;
    inputs.once(&out.join(".stamp"), || {
        eprintln!("web: bindings of {}", module.display());
        remove_folder(&out)?;
        wasm_bindgen_cli_support::Bindgen::new()
            .input_path(module)
            .web(true)?
            .typescript(true)
            .remove_producers_section(true)
            .generate(&out)?;
        let wasm = out.join("easel_wasm_bg.wasm");
        run(Command::new("node")
            .arg(web.join("node_modules/binaryen/bin/wasm-opt"))
            .args(["-O3", "--strip-debug", "--enable-bulk-memory", "--enable-reference-types", "--enable-multivalue"])
            .args(["--enable-mutable-globals", "--enable-nontrapping-float-to-int", "--enable-sign-ext"])
            .arg(&wasm)
            .arg("-o")
            .arg(&wasm))
    })
}

/// Checks the types, bundles the TypeScript and puts everything that the page fetches beside it.
fn bundle(web: &Path, dist: &Path) -> Result<()> {
    let mut inputs = Inputs::default().folder(&web.join("src"))?.folder(&web.join("static"))?;
    for file in ["package-lock.json", "tsconfig.json", "tsconfig.worker.json", "tsconfig.sw.json"] {
        inputs = inputs.file(&web.join(file))?;
    }
    inputs.once(&dist.join(".stamp"), || {
        eprintln!("web: types");
        for project in ["tsconfig.json", "tsconfig.worker.json", "tsconfig.sw.json"] {
            run(Command::new("node")
                .args(["node_modules/typescript/bin/tsc", "--noEmit", "--project", project])
                .current_dir(web))?;
        }
        eprintln!("web: {}", dist.display());
        let (scripts, ort) = (dist.join("js"), dist.join("ort"));
        remove_folder(&scripts)?;
        remove_folder(&ort)?;
        run(Command::new("node")
            .args(["node_modules/esbuild/bin/esbuild", "src/main.ts", "src/easel.ts", "src/worker.ts"])
            .args(["--bundle", "--splitting", "--format=esm", "--target=es2022", "--minify", "--log-level=warning"])
            // The builds of onnxruntime-web that take ONNX Runtime from beside the page, not from inside a script.
            .arg("--conditions=onnxruntime-web-use-extern-wasm")
            .arg(format!("--outdir={}", scripts.display()))
            .current_dir(web))?;
        // Its scope is the folder that it lies in; not all browsers let it be a module.
        run(Command::new("node")
            .args(["node_modules/esbuild/bin/esbuild", "src/sw.ts", "--bundle", "--format=iife"])
            .args(["--target=es2022", "--minify", "--log-level=warning"])
            .arg(format!("--outfile={}", dist.join(files::BUNDLED_SERVICE_WORKER).display()))
            .current_dir(web))?;
        copy(&web.join("src/wasm/easel_wasm_bg.wasm"), &scripts)?;
        for file in ORT_FILES {
            copy(&web.join("node_modules/onnxruntime-web/dist").join(file), &ort)?;
        }
        let fixed = web.join("static");
        for entry in WalkDir::new(&fixed) {
            let entry = entry?;
            let folder = entry.path().strip_prefix(&fixed)?.parent();
            if let (true, Some(folder)) = (entry.file_type().is_file(), folder) {
                copy(entry.path(), &dist.join(folder))?;
            }
        }
        Ok(())
    })
}

/// Copies a file into a folder, which is made.
pub fn copy(file: &Path, folder: &Path) -> Result<()> {
    fs::create_dir_all(folder)?;
    fs::copy(file, folder.join(file.file_name().context("a file has a name")?))
        .with_context(|| format!("{}: cannot be copied to {}", file.display(), folder.display()))?;
    Ok(())
}

/// Removes a folder with all that is in it, where there is one.
pub fn remove_folder(folder: &Path) -> Result<()> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(error).with_context(|| folder.display().to_string()),
        _ => Ok(()),
    }
}

/// Runs a program whose output the user is to see.
pub fn run(command: &mut Command) -> Result<()> {
    // The caller's standard output may be its result.
    let program = command.get_program().to_string_lossy().into_owned();
    let status = match command.stdout(std::io::stderr()).status() {
        Ok(status) => status,
        Err(error) if error.kind() == ErrorKind::NotFound => bail!("{program}: not found"),
        Err(error) => return Err(error).context(program),
    };
    let arguments: Vec<_> = command.get_args().map(|argument| argument.to_string_lossy()).collect();
    ensure!(status.success(), "{program} {}: {status}", arguments.join(" "));
    Ok(())
}

/// What a step reads.
#[derive(Default)]
struct Inputs(Sha256);

impl Inputs {
    fn text(mut self, text: &str) -> Self {
        self.0.update((text.len() as u64).to_le_bytes());
        self.0.update(text);
        self
    }

    fn file(self, path: &Path) -> Result<Self> {
        let bytes = fs::read(path).with_context(|| format!("{}: cannot be read", path.display()))?;
        let mut named = self.text(&path.to_string_lossy());
        named.0.update((bytes.len() as u64).to_le_bytes());
        named.0.update(&bytes);
        Ok(named)
    }

    fn folder(mut self, path: &Path) -> Result<Self> {
        for entry in WalkDir::new(path).sort_by_file_name() {
            let entry = entry?;
            if entry.file_type().is_file() {
                self = self.file(entry.path())?;
            }
        }
        Ok(self)
    }

    /// Does the step unless the stamp says that it was done with the same inputs.
    fn once(self, stamp: &Path, step: impl FnOnce() -> Result<()>) -> Result<()> {
        let hash = hex(&self.0.finalize());
        if fs::read_to_string(stamp).is_ok_and(|found| found == hash) {
            return Ok(());
        }
        let _ = fs::remove_file(stamp);
        step()?;
        fs::write(stamp, hash).with_context(|| format!("{}: cannot be written", stamp.display()))
    }
}
