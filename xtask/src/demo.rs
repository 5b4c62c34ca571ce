//! `cargo xtask demo`: the whole way from pictures to a page that draws new ones.

use std::fs;
use std::path::{self, Path, PathBuf};

use anyhow::{Result, bail};
use clap::Args;

use crate::house::House;
use crate::programs::{self, SYNTHETIC, Training};
use crate::setup::Part;
use crate::{serve, web};

/// How many digits the demo draws, and from which seed: the page starts with the same.
const DIGITS: usize = 64;
const SEED: u64 = 1;

/// The drawn scene that is stylized, and the shipped style.
const SCENE: u64 = 1;
const STYLE: &str = "models/wave.onnx";

/// What to train on, and where the products go.
#[derive(Args)]
pub struct Options {
    /// A folder with MNIST's files or of class folders of pictures, or a list of pictures; `synthetic`: digits that the
    /// project draws
    #[arg(long, value_name = "DIR|synthetic", default_value = "synthetic", hide_default_value = true)]
    data: PathBuf,
    /// Steps of training: 15000 if not given, three or four minutes on two cores
    #[arg(long, value_name = "N")]
    steps: Option<u64>,
    /// Seed of everything random in the training
    #[arg(long, value_name = "N", default_value_t = 0)]
    seed: u64,
    /// Folder for the run, the model and the picture: `demo` in the repository if not given
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// End when the page is built
    #[arg(long)]
    no_serve: bool,
    /// Port to serve the page at; the next free one where it is taken
    #[arg(long, value_name = "N", default_value_t = 8000)]
    port: u16,
}

/// Runs the demo.
pub fn run(house: &House, options: Options) -> Result<()> {
    let data = match options.data {
        drawn if drawn == Path::new(SYNTHETIC) => drawn,
        named => path::absolute(named)?,
    };
    if data != Path::new(SYNTHETIC) && !data.exists() {
        bail!("{}: there is no such folder; name one with MNIST's files, or leave --data out", data.display());
    }
    let out = options.out.map_or_else(|| Ok(house.root.join("demo")), path::absolute)?;
    fs::create_dir_all(&out)?;
    let (model, picture) = (out.join("gan.onnx"), out.join("digits.png"));

    let steps = if options.no_serve { 7 } else { 8 };
    let heading = |number: usize, what: &str| eprintln!("\n[{number}/{steps}] {what}");
    heading(1, "set-up");
    for part in [Part::OnnxRuntime { gpu: false }, Part::WasmTarget, Part::Node] {
        part.install(house)?;
    }
    heading(2, "build the programs (minutes, the first time)");
    programs::build(house)?;
    heading(3, "train a GAN to draw digits");
    let training = Training { data, steps: options.steps, seed: options.seed, out: out.join("runs") };
    let run = programs::train(house, &training)?;
    heading(4, "export it as one ONNX file, and verify that");
    programs::export(house, &run, &model)?;
    heading(5, "sample it with ONNX Runtime");
    programs::sample(house, &model, DIGITS, SEED, &picture)?;
    heading(6, "draw a landscape and stylize it with a model that ships");
    let (scene, stylized) = (out.join("scene.png"), out.join("stylized.png"));
    programs::scene(house, SCENE, &scene)?;
    programs::stylize(house, &scene, &house.root.join(STYLE), &stylized)?;
    heading(7, "build the page");
    let dist = web::build(&house.root)?;
    web::add_model(&dist, &model, "gan")?;

    eprintln!();
    let products = [("run", &run), ("model", &model), ("digits", &picture), ("scene", &scene), ("stylized", &stylized)];
    for (what, path) in products.into_iter().chain([("page", &dist)]) {
        println!("{what:<8} {}", house.shown(path));
    }
    if options.no_serve {
        return Ok(());
    }
    heading(8, "serve the page: open the address in a browser");
    serve::run(&dist, options.port)
}
