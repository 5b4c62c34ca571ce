//! `train eval`.

mod classifier;
mod contact_sheet;
mod denoiser;
mod evaluator;
mod generator;
mod pictures;
mod report;
mod table;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Result, bail};
use easel_console::interrupt::on_interrupt;
use easel_console::{print, quoted_path, tell};
use easel_runtime::polarity::Invert;
use easel_runtime::text::one_line;
use easel_runtime::{Device, PolarityMatcher};
use easel_train::data::{PictureFormat, Source};
use easel_train::networks::{Network, lenet, mlp};
use easel_train::run::device;
use easel_train::threads;
use easel_train::weights::{self, WeightsFile};
use serde_json::json;

use denoiser::SamplingArgs;
use evaluator::{Comparison, Evaluator, class_names};
use generator::Generator;

/// How many pictures of a generator are evaluated by default.
const COUNT: u32 = 2048;

/// The same of a denoiser, which takes longer.
const DENOISER_COUNT: u32 = 1000;

/// Evaluate a classifier, a network for tables, a generator, a denoiser or a folder of pictures
///
/// Classifier (LeNet): accuracy, loss and confusion matrix on labelled pictures. A folder of MNIST's files provides its
/// test set (t10k), `synthetic` the digits that `train lenet --data synthetic` validates on, and any other data all of its
/// pictures. Classes are matched by name.
///
/// Network for tables (MLP): accuracy, loss and confusion matrix, or R2, RMSE and MAE, on every row of a table that has
/// the columns of the training table.
///
/// Generator (GAN, ProGAN), with its EMA weights and at the resolution that it has grown to: the sliced Wasserstein
/// distance from real pictures, level by level from fine to coarse, and MS-SSIM, which shows how similar its pictures are
/// to each other. If the classifier knows the data's classes, also a denoiser's metrics except accuracy, since a generator
/// is not conditioned on a class.
///
/// Denoiser (DDPM), with its EMA weights: it draws as many pictures of each class. Accuracy is the share that a classifier
/// assigns to the right class. The Fréchet and the kernel distance of the classifier's features measure how far the
/// pictures are from real ones, precision their quality, recall their coverage, balance their class distribution, and
/// with --training, near the share of near copies.
///
/// Folder of pictures, from any source: a denoiser's metrics, with accuracy where there is a subfolder for each class,
/// named after it.
///
/// Pictures are compared with a reference set of real ones, from the data's test set where it has one. Each metric stands
/// beside its baseline, the score of other real pictures, and its noise baseline, the score of noise.
#[derive(clap::Args)]
#[command(after_help = "Examples:
  train eval runs/00003-lenet-mnist --data mnist/
  train eval runs/00003-lenet-mnist/checkpoints/004690 --data my-digits/ --json
  train eval runs/00004-progan-mnist --data mnist/ -n 4096
  train eval runs/00009-mlp-flowers --data more-flowers.csv
  train eval runs/00005-progan-clothing --data clothing/ --class dress
  train eval runs/00006-ddpm-mnist --data mnist/ --sampler ddim --steps 50
  train eval runs/00007-ddpm-pets --data pets/ --classifier runs/00008-lenet-pets
  train eval runs/00006-ddpm-mnist --data mnist/ --training mnist/ --contact-sheet nearest.png
  train eval gan-mnist.onnx --data mnist/ -n 5000
  train eval pictures/ --data mnist/                   pictures/0/a.png, pictures/1/b.png, ...")]
pub struct Args {
    /// A run, whose newest checkpoint is evaluated, a checkpoint, a model file, or a folder of pictures
    #[arg(value_name = "RUN|CHECKPOINT|FILE|PICTURES")]
    run: PathBuf,
    /// The part of a file of another program that holds the weights: `ema`, `state_dict.generator`
    #[arg(long, value_name = "KEY")]
    part: Option<String>,
    /// The table, or the real pictures: a folder with MNIST's files, a folder of class folders, a text file of `path
    /// label` lines, `synthetic` for drawn digits, `scenes` or `scenes:N` for drawn landscapes
    #[arg(long, value_name = "DIR|FILE|synthetic|scenes")]
    data: String,
    /// Generator, denoiser: how many pictures to draw; a generator's are compared with as many real ones, at most half of
    /// the data [default: 2048; denoiser: 1000]
    #[arg(short = 'n', long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1 << 20))]
    count: Option<u32>,
    /// Pictures: the seed of those that are drawn, and of the sets that are taken from the data [default: 0]
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
    /// Generator: compare with real pictures of these classes only
    #[arg(long = "class", value_name = "NAME", num_args = 1..)]
    classes: Vec<String>,
    #[command(flatten)]
    sampling: SamplingArgs,
    /// Pictures: the classifier, as a run or a checkpoint of `train lenet` or a file of its weights [default: the built-in
    /// one, of MNIST's digits]
    #[arg(long, value_name = "RUN|CHECKPOINT|F.onnx|F.safetensors")]
    classifier: Option<PathBuf>,
    /// Whether to invert pictures for the classifier: auto (those that are dark on light where its training pictures were light
    /// on dark, or the reverse: each picture for a classifier, whole sets for generated pictures), on, off
    #[arg(long, value_name = "auto|on|off", default_value_t)]
    invert: Invert,
    /// Pictures: what the model was trained on, as --data, to find near copies of it
    #[arg(long, value_name = "DIR|FILE|synthetic|scenes")]
    training: Option<Source>,
    /// Draw a contact sheet of the pictures that are closest to one of --training, each above that one, and of real pictures
    #[arg(long, alias = "sheet", value_name = "FILE.png", requires = "training")]
    contact_sheet: Option<PathBuf>,
    /// auto, cpu, cuda or cuda:N; auto takes a GPU where there is one
    #[arg(long, value_name = "DEVICE", default_value_t)]
    device: Device,
    /// CPU threads [default: 1; generator, denoiser: all]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    threads: Option<u16>,
    /// Print one JSON object instead
    ///
    /// The same shape for every network: `about`, `data`, `count` (of pictures or rows), `metrics`, `compared` (how many
    /// pictures the distances are of, where not all), `made` (how pictures were drawn), `classes` (names), and `confusion`
    /// (a row for each class, a column for each predicted class) or `answers` (how many pictures are predicted as each
    /// class). Each of `metrics` has `value`, and where known `floor` (its baseline), `ceiling` (its noise baseline) and
    /// `spread` (its standard deviation). `export-onnx --evaluation` reads this; docs/evaluation.md describes it.
    #[arg(long)]
    json: bool,
}

/// Evaluates, prints the result and gives the exit status. With `--json`, what ends it early is printed too.
pub fn eval(args: Args) -> Result<ExitCode> {
    let run = args.run.to_string_lossy().into_owned();
    let ended = move |why: &str| print(format_args!("{}\n", json!({ "file": run, "error": why })));
    if !args.json {
        return evaluate(args);
    }
    let interrupted = ended.clone();
    on_interrupt(move || {
        tell!("interrupted");
        let _ = interrupted("interrupted");
    });
    let evaluated = evaluate(args);
    if let Err(error) = &evaluated {
        ended(&one_line(&format!("{error:#}")))?;
    }
    evaluated
}

fn evaluate(args: Args) -> Result<ExitCode> {
    let source: Source = args.data.parse()?;
    args.contact_sheet.as_deref().map(contact_sheet::check).transpose()?;
    let text = if weights::is_at(&args.run) {
        args.model(weights::open_part(&args.run, args.part.as_deref())?, &source)?
    } else if args.run.is_dir() {
        args.pictures(&source)?
    } else {
        let path = args.run.display();
        bail!("{path}: not found; give a run, a checkpoint, a model file or a folder of pictures");
    };
    print(text)?;
    Ok(ExitCode::SUCCESS)
}

impl Args {
    fn model(&self, file: WeightsFile, source: &Source) -> Result<String> {
        file.unreadable.iter().for_each(|why| tell!("warning: {why}"));
        file.notes.iter().for_each(|note| tell!("note: {note}"));
        let weights = file.weights()?;
        let WeightsFile { path, classes, columns, .. } = file;
        let border = weights.provenance.border;
        let is_small = [lenet::ARCHITECTURE, mlp::ARCHITECTURE].contains(&weights.architecture.name.as_str());
        let all = if is_small { 1 } else { std::thread::available_parallelism().map_or(1, usize::from) };
        let device = self.start(all)?;
        let seed = self.seed.unwrap_or_default();
        let generator = |generator| {
            let flags = ["-n", "--seed", "--class", "--classifier", "--invert", "--training", "--contact-sheet"];
            self.allow("a generator", &flags)?;
            let options = generator::Options {
                source,
                classes: &self.classes,
                count: self.count.unwrap_or(COUNT) as usize,
                seed,
                classifier: self.classifier.as_deref(),
                invert: self.invert,
                training: self.training.as_ref(),
                contact_sheet: self.contact_sheet.as_deref(),
            };
            generator::eval(&path, &generator, &options, &device, self.json)
        };
        match Network::on(&weights.architecture, &weights.tensors, &device)? {
            Network::Lenet(network) => {
                self.allow("a classifier", &["--invert"])?;
                let classes = class_names(&classes, network.sizes().classes);
                let polarity = PolarityMatcher::new(self.invert, border, network.sizes().channels);
                classifier::eval(&path, &network, &classes, source, polarity, &device, self.json)
            }
            Network::Mlp(network) => {
                self.allow("a network for tables", &[])?;
                table::eval(&path, &network, &classes, columns.as_ref(), source, &device, self.json)
            }
            Network::Gan(network) => generator(Generator::Gan(network)),
            Network::Progan { generator: network, stage } => generator(Generator::Progan(network, stage)),
            Network::ProganFolded(network) => generator(Generator::Folded(network)),
            Network::Denoiser { network, task } => {
                let sampling = ["-n", "--seed", "--sampler", "--steps", "--eta", "--guidance"];
                let pictures = ["--classifier", "--invert", "--training", "--contact-sheet"];
                self.allow("a denoiser", &[&sampling[..], &pictures].concat())?;
                let options = denoiser::Options {
                    network: &network,
                    task,
                    classes: &classes,
                    device: &device,
                    sampling: &self.sampling,
                    count: self.count.unwrap_or(DENOISER_COUNT) as usize,
                    seed,
                };
                let evaluator = Evaluator::open(self.classifier.as_deref(), self.invert, &device)?;
                let comparison = self.comparison(&evaluator, source, options.format())?;
                evaluator.report(options.draw(&path, &evaluator)?, &comparison, self.json)
            }
            Network::Vae(network) => generator(Generator::Vae(network)),
            Network::DenoiserFolded { .. } => {
                bail!(
                    "{}: the model file of a denoiser is evaluated by its pictures; draw them with `sample -m {} -o DIR` and \
                     evaluate that folder",
                    path.display(),
                    quoted_path(&path)
                );
            }
            Network::Style(_) => bail!(
                "{}: a {} has no metrics; give a classifier, a generator, a denoiser or a network for tables",
                self.run.display(),
                weights.architecture.name
            ),
        }
    }

    fn pictures(&self, source: &Source) -> Result<String> {
        self.allow("a folder of pictures", &["--seed", "--classifier", "--invert", "--training", "--contact-sheet"])?;
        let device = self.start(1)?;
        let evaluator = Evaluator::open(self.classifier.as_deref(), self.invert, &device)?;
        let generated = pictures::read(&self.run, &evaluator)?;
        let comparison = self.comparison(&evaluator, source, generated.pictures.format)?;
        evaluator.report(generated, &comparison, self.json)
    }

    /// What pictures of a format are compared with.
    fn comparison(&self, evaluator: &Evaluator, source: &Source, format: PictureFormat) -> Result<Comparison<'_>> {
        let training = self.training.as_ref().map(|source| evaluator.training_pictures(source, format));
        Ok(Comparison {
            real: evaluator.real_pictures(source, format)?,
            training: training.transpose()?,
            contact_sheet: self.contact_sheet.as_deref(),
            seed: self.seed.unwrap_or_default(),
        })
    }

    /// Limits the threads to --threads or the default, and opens the device.
    fn start(&self, default_threads: usize) -> Result<candle_core::Device> {
        threads::limit(self.threads.map_or(default_threads, usize::from));
        Ok(device::open(self.device)?)
    }

    /// Fails on flags that do not apply to what is evaluated.
    fn allow(&self, subject: &str, flags: &[&str]) -> Result<()> {
        let SamplingArgs { sampler, steps, eta, guidance } = &self.sampling;
        let given = [
            ("--part", self.part.is_some() && subject == "a folder of pictures"),
            ("-n", self.count.is_some()),
            ("--seed", self.seed.is_some()),
            ("--class", !self.classes.is_empty()),
            ("--sampler", sampler.is_some()),
            ("--steps", steps.is_some()),
            ("--eta", eta.is_some()),
            ("--guidance", guidance.is_some()),
            ("--classifier", self.classifier.is_some()),
            ("--invert", self.invert != Invert::Auto),
            ("--training", self.training.is_some()),
            ("--contact-sheet", self.contact_sheet.is_some()),
        ];
        let wrong: Vec<&str> =
            given.iter().filter(|(flag, given)| *given && !flags.contains(flag)).map(|(flag, _)| *flag).collect();
        if wrong.is_empty() {
            return Ok(());
        }
        let flags = wrong.join(", ");
        bail!(
            "{}: {subject} takes no {flags}; remove {}",
            self.run.display(),
            if wrong.len() == 1 { "it" } else { "them" }
        )
    }
}
