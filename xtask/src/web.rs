//! The page: `web/dist`, built from `runtime-wasm` and `web`.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use easel_console::tell;
use easel_runtime::ModelCard;
use easel_runtime::card::{Distribution, Kind};
use serde::{Deserialize, Serialize};
use walkdir::WalkDir;

use crate::digest::sha256;
use crate::stamp::Inputs;
use crate::workspace::{WASM, Workspace};
use crate::{files, folder, process};

/// The builds of ONNX Runtime that the page chooses from: without WebGPU, with it, and with it for browsers whose
/// WebAssembly cannot wait for a promise (no JSPI). Each is a loader, `.mjs`, and a module, `.wasm`.
const ORT_BUILDS: [&str; 3] =
    ["ort-wasm-simd-threaded", "ort-wasm-simd-threaded.jspi", "ort-wasm-simd-threaded.asyncify"];

/// A build of `runtime-wasm`. A browser loads the first that it can run: `runtime-wasm/npm/builds.js` finds it.
struct Build {
    /// Its folder in `web/src/wasm` and in the npm package.
    name: &'static str,
    /// The target features of Rust, beyond those of all browsers that the page supports.
    features: &'static str,
    /// The options of `wasm-opt` that allow them.
    allowed: &'static [&'static str],
}

/// The builds, the quickest first.
const BUILDS: [Build; 3] = [
    Build { name: "relaxed", features: "+simd128,+relaxed-simd", allowed: &["--enable-simd", "--enable-relaxed-simd"] },
    Build { name: "simd", features: "+simd128", allowed: &["--enable-simd"] },
    Build { name: "plain", features: "", allowed: &[] },
];

/// The declarations of types, the same for all builds, and where they lie beside the builds' folders.
pub const TYPES: &str = "easel_wasm.d.ts";

/// The names of the builds' folders.
pub fn builds() -> impl Iterator<Item = &'static str> {
    BUILDS.iter().map(|build| build.name)
}

/// An entry of `models/index.json`, the built page's list of models. Each tab starts with the first of its kind.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ModelEntry {
    /// Its name in `?model=` and for `-m`.
    pub name: String,
    /// The file in the same folder.
    pub file: String,
    /// The card's title.
    pub title: String,
    /// The file's size.
    pub bytes: u64,
    /// The file's SHA-256, hexadecimal; the page's cache uses it as the key.
    pub sha256: String,
    /// `generator`, `denoiser` or `stylizer`.
    pub kind: String,
    /// The distribution of a generator's latent vectors: `normal` or `uniform`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub latent: Option<String>,
    /// The file of the card's sample picture.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sample: Option<String>,
}

/// Builds the page and returns its folder, which any file server can serve. It holds the project's `models`, and keeps
/// those that [`add_model`] has added.
pub fn build(workspace: &Workspace) -> Result<PathBuf> {
    let web = workspace.root.join("web");
    let dist = web.join("dist");
    packages(&web)?;
    for build in &BUILDS {
        // The builds' modules have one path, so the bindings of each are made before the next is compiled.
        bindings(&web, build, &compile(workspace, build)?)?;
    }
    let wasm = web.join("src/wasm");
    fs::copy(wasm.join(BUILDS[0].name).join(TYPES), wasm.join(TYPES))?;
    bundle(workspace, &dist)?;
    let mut shipped: Vec<PathBuf> = WalkDir::new(workspace.root.join("models"))
        .max_depth(1)
        .into_iter()
        .filter_map(|entry| Some(entry.ok()?.into_path()))
        .filter(|path| path.extension().is_some_and(|extension| extension == "onnx"))
        .collect();
    shipped.sort();
    for model in shipped {
        let name = model.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let (bytes, card) = read_model(&model)?;
        // The page has a use only for models that make pictures.
        if !matches!(card.kind, Kind::Classifier { .. } | Kind::Tabular { .. }) {
            put_model(&dist, &bytes, card, &name, usize::MAX)?;
        }
    }
    files::list(&dist)?;
    Ok(dist)
}

/// Adds a model to the built page, before all others; one of the same name is replaced.
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
        sha256: sha256(bytes),
        sample,
    };
    fs::write(folder.join(&entry.file), bytes)?;

    let index = folder.join("index.json");
    let mut entries: Vec<ModelEntry> = match fs::read(&index) {
        // Entries of an older build, which lack a field, are dropped.
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

/// Installs the npm packages that `package-lock.json` names. Their install scripts do not run: none is needed.
fn packages(web: &Path) -> Result<()> {
    let inputs = Inputs::default().file(&web.join("package.json"))?.file(&web.join("package-lock.json"))?;
    inputs.once(&web.join("node_modules/.easel-packages"), || {
        tell!("web: npm packages");
        process::run(Command::new("npm").args(["ci", "--ignore-scripts", "--no-audit", "--no-fund"]).current_dir(web))
    })
}

/// Compiles the crate and returns the module's path.
fn compile(workspace: &Workspace, build: &Build) -> Result<PathBuf> {
    let flags = if build.features.is_empty() { String::new() } else { format!("-Ctarget-feature={}", build.features) };
    let output = workspace
        .cargo("build")
        .args(["--profile", "wasm"])
        .args(WASM)
        .arg("--message-format=json-render-diagnostics")
        // Takes precedence over flags for the machine's own processor, which WebAssembly does not have.
        .env("CARGO_ENCODED_RUSTFLAGS", flags)
        .stderr(Stdio::inherit())
        .output()?;
    ensure!(output.status.success(), "easel-wasm does not compile ({})", build.name);
    output
        .stdout
        .split(|&byte| byte == b'\n')
        .filter_map(|line| serde_json::from_slice::<serde_json::Value>(line).ok())
        .flat_map(|message| message["filenames"].as_array().cloned().unwrap_or_default())
        .filter_map(|file| Some(PathBuf::from(file.as_str()?)))
        .find(|file| file.file_name().is_some_and(|name| name == "easel_wasm.wasm"))
        .context("cargo built no easel_wasm.wasm")
}

/// Writes the module and its JavaScript and TypeScript bindings to the build's folder in `web/src/wasm`.
fn bindings(web: &Path, build: &Build, module: &Path) -> Result<()> {
    let out = web.join("src/wasm").join(build.name);
    let inputs = Inputs::default().file(module)?.file(&web.join("package-lock.json"))?;
    inputs.once(&out.join(".stamp"), || {
        tell!("web: bindings of {} ({})", module.display(), build.name);
        folder::remove(&out)?;
        wasm_bindgen_cli_support::Bindgen::new()
            .input_path(module)
            .web(true)?
            .typescript(true)
            .remove_producers_section(true)
            .generate(&out)?;
        let wasm = out.join("easel_wasm_bg.wasm");
        process::run(
            Command::new("node")
                .arg(web.join("node_modules/binaryen/bin/wasm-opt"))
                .args([
                    "-O3",
                    "--strip-debug",
                    "--enable-bulk-memory",
                    "--enable-reference-types",
                    "--enable-multivalue",
                ])
                .args(["--enable-mutable-globals", "--enable-nontrapping-float-to-int", "--enable-sign-ext"])
                .args(build.allowed)
                .arg(&wasm)
                .arg("-o")
                .arg(&wasm),
        )
    })
}

/// Checks the types, bundles the TypeScript, and copies everything that the page fetches beside it.
fn bundle(workspace: &Workspace, dist: &Path) -> Result<()> {
    let web = &workspace.root.join("web");
    let mut inputs = Inputs::default().folder(&web.join("src"))?.folder(&web.join("static"))?;
    inputs = inputs.file(&workspace.root.join("runtime-wasm/npm/builds.js"))?;
    for file in ["package-lock.json", "tsconfig.json", "tsconfig.worker.json", "tsconfig.sw.json"] {
        inputs = inputs.file(&web.join(file))?;
    }
    inputs.once(&dist.join(".stamp"), || {
        tell!("web: types");
        for project in ["tsconfig.json", "tsconfig.worker.json", "tsconfig.sw.json"] {
            process::run(
                Command::new("node")
                    .args(["node_modules/typescript/bin/tsc", "--noEmit", "--project", project])
                    .current_dir(web),
            )?;
        }
        tell!("web: {}", dist.display());
        let (scripts, ort) = (dist.join("js"), dist.join("ort"));
        folder::remove(&scripts)?;
        folder::remove(&ort)?;
        process::run(
            Command::new("node")
                .args(["node_modules/esbuild/bin/esbuild", "src/main.ts", "src/easel.ts", "src/worker.ts"])
                .args(["--bundle", "--splitting", "--format=esm", "--target=es2022", "--minify", "--log-level=warning"])
                // Builds of onnxruntime-web that load ONNX Runtime from beside the page, not from inside a script.
                .arg("--conditions=onnxruntime-web-use-extern-wasm")
                .arg(format!("--outdir={}", scripts.display()))
                .current_dir(web),
        )?;
        // A service worker's scope is its own folder, and not all browsers allow it to be a module.
        process::run(
            Command::new("node")
                .args(["node_modules/esbuild/bin/esbuild", "src/sw.ts", "--bundle", "--format=iife"])
                .args(["--target=es2022", "--minify", "--log-level=warning"])
                .arg(format!("--outfile={}", dist.join(files::BUNDLED_SERVICE_WORKER).display()))
                .current_dir(web),
        )?;
        for build in builds() {
            let module = web.join("src/wasm").join(build).join("easel_wasm_bg.wasm");
            fs::copy(module, scripts.join(format!("easel-{build}.wasm")))?;
        }
        let builds = web.join("node_modules/onnxruntime-web/dist");
        for build in ORT_BUILDS {
            folder::copy_into(&builds.join(format!("{build}.wasm")), &ort)?;
            // Not every server knows that `.mjs` is JavaScript, and a browser runs no module of another type.
            fs::copy(builds.join(format!("{build}.mjs")), ort.join(format!("{build}.js")))?;
        }
        let fixed = web.join("static");
        for entry in WalkDir::new(&fixed) {
            let entry = entry?;
            let folder = entry.path().strip_prefix(&fixed)?.parent();
            if let (true, Some(folder)) = (entry.file_type().is_file(), folder) {
                folder::copy_into(entry.path(), &dist.join(folder))?;
            }
        }
        Ok(())
    })
}
