//! `cargo xtask demo`: from training pictures to a page that draws new ones.

use std::fs;
use std::path::{self, Path, PathBuf};

use anyhow::{Result, bail};
use clap::Args;
use easel_console::{print, tell};

use crate::programs::{self, SYNTHETIC, Training};
use crate::setup::Part;
use crate::workspace::Workspace;
use crate::{serve, web};

/// The number of digits that the demo draws, and their seed: the page starts with the same ones.
const DIGITS: usize = 64;
const SEED: u64 = 1;

/// The number of the landscape that is stylized, and the style.
const SCENE: u64 = 1;
const STYLE: &str = "models/wave.onnx";

/// What to train on, and where to write the results.
#[derive(Args)]
pub struct Options {
    /// MNIST's folder, a folder of class folders, or a list of pictures [default: synthetic, digits that the project
    /// draws]
    #[arg(long, value_name = "DIR|synthetic", default_value = "synthetic", hide_default_value = true)]
    data: PathBuf,
    /// Training steps [default: 15000, three or four minutes on two cores]
    #[arg(long, value_name = "N")]
    steps: Option<u64>,
    /// Seed of the training
    #[arg(long, value_name = "N", default_value_t = 0)]
    seed: u64,
    /// Folder for the run, the model and the pictures [default: demo, in the repository]
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Stop when the page is built
    #[arg(long)]
    no_serve: bool,
    /// Port for the page; if it is in use, the next free one
    #[arg(long, value_name = "N", default_value_t = 8000)]
    port: u16,
}

/// Runs the demo.
pub fn run(workspace: &Workspace, options: Options) -> Result<()> {
    let data = match options.data {
        drawn if drawn == Path::new(SYNTHETIC) => drawn,
        named => path::absolute(named)?,
    };
    if data != Path::new(SYNTHETIC) && !data.exists() {
        bail!("{}: no such file or folder; give MNIST's folder, or remove --data", data.display());
    }
    let out = options.out.map_or_else(|| Ok(workspace.root.join("demo")), path::absolute)?;
    fs::create_dir_all(&out)?;
    let (model, picture) = (out.join("gan.onnx"), out.join("digits.png"));

    let steps = if options.no_serve { 7 } else { 8 };
    let heading = |number: usize, what: &str| tell!("\n[{number}/{steps}] {what}");
    heading(1, "set-up");
    for part in [Part::OnnxRuntime { gpu: false }, Part::WasmTarget, Part::Node] {
        part.install(workspace)?;
    }
    heading(2, "build the programs (this takes minutes the first time)");
    programs::build(workspace)?;
    heading(3, "train a GAN to draw digits");
    let training = Training { data, steps: options.steps, seed: options.seed, out: out.join("runs") };
    let run = programs::train(workspace, &training)?;
    heading(4, "export it as one ONNX file, and verify the file");
    programs::export(workspace, &run, &model)?;
    heading(5, "sample it");
    programs::sample(workspace, &model, DIGITS, SEED, &picture)?;
    heading(6, "draw a landscape, and stylize it with a model that ships");
    let (scene, stylized) = (out.join("scene.png"), out.join("stylized.png"));
    programs::scene(workspace, SCENE, &scene)?;
    programs::stylize(workspace, &scene, &workspace.root.join(STYLE), &stylized)?;
    heading(7, "build the page");
    let dist = web::build(workspace)?;
    web::add_model(&dist, &model, "gan")?;

    tell!();
    let products = [("run", &run), ("model", &model), ("digits", &picture), ("scene", &scene), ("stylized", &stylized)];
    for (what, path) in products.into_iter().chain([("page", &dist)]) {
        print(format_args!("{what:<8} {}\n", workspace.shown(path)))?;
    }
    if options.no_serve {
        return Ok(());
    }
    heading(8, "serve the page: open the address in a browser");
    serve::run(&dist, options.port)
}
