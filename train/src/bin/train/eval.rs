//! `train eval`.

mod classifier;
mod denoiser;
mod generator;
mod judge;
mod pictures;
mod report;
mod sheet;
mod subject;
mod table;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Result, bail};
use easel_runtime::Device;
use easel_train::data::{PictureFormat, Source};
use easel_train::networks::{Network, lenet, mlp};
use easel_train::run::device;
use easel_train::threads;


use denoiser::Sampling;
use generator::Generator;
use judge::{Beside, Judge, Made, named};
use subject::Subject;

/// How many of a generator's pictures are measured unless told, and how many of a denoiser's, which take longer.
const COUNT: u32 = 2048;
const COUNT_OF_DENOISER: u32 = 1000;

/// Judge a classifier on labelled pictures, a network on a table, or a generator, a denoiser or a folder of pictures
/// beside real ones
///
/// A classifier: its accuracy, the accuracy on each class and which classes it takes for which. A folder of MNIST's
/// files gives its test set (t10k), `synthetic` the digits that `train lenet --data synthetic` validates with, everything
/// else all of its pictures. Classes are matched by name.
///
/// A generator (GAN, ProGAN), its averaged weights at the resolution that it has reached: the sliced Wasserstein
/// distance to the data, which it was trained on or other, level by level from fine to coarse, and how much its pictures
/// are alike (MS-SSIM). Where a classifier knows the data, the one of digits that is built in or the one that --classifier
/// names, also what follows, but for accuracy: nobody asked for a class.
///
/// A denoiser (DDPM), its averaged weights: equally many pictures of each class are drawn, and a classifier says how many
/// of them are what they should be, how far they are from real ones (the Fréchet and the kernel distance of its features),
/// how many lie where real ones do and the other way round (precision, recall), whether classes come up as often, and how
/// many are nearly copies (--training). Each number stands beside what real pictures get, of the data's test set where
/// it has one, and noise. A folder with one folder of pictures for each class, named as the class, is judged likewise,
/// whatever made them; a folder of pictures without classes has no accuracy.
///
/// A network for tables (MLP), on every row of a table with the columns that it was trained on: its accuracy and which
/// classes it takes for which, or how far its numbers are from the true ones.
///
/// All goes to stdout, and the copies to --sheet.
#[derive(clap::Args)]
#[command(after_help = "Examples:
  train eval runs/00003-lenet-mnist --data mnist/
  train eval runs/00003-lenet-mnist/checkpoints/004690 --data my-digits/ --json
  train eval runs/00004-progan-mnist --data mnist/ -n 4096
  train eval runs/00009-mlp-flowers --data more-flowers.csv
  train eval runs/00005-progan-clothing --data clothing/ --class dress
  train eval runs/00006-ddpm-mnist --data mnist/ --sampler ddim --steps 50
  train eval runs/00007-ddpm-pets --data pets/ --classifier runs/00008-lenet-pets
  train eval runs/00006-ddpm-mnist --data mnist/ --training mnist/ --sheet nearest.png
  train eval gan-mnist.onnx --data mnist/ -n 5000
  train eval pictures/ --data mnist/                   pictures/0/a.png, pictures/1/b.png, ...")]
pub struct Args {
    /// A run, of which the newest checkpoint is judged, a checkpoint, a model file, or a folder of pictures
    #[arg(value_name = "RUN|CHECKPOINT|FILE|PICTURES")]
    run: PathBuf,
    /// The table, or the real pictures: a folder with MNIST's files, a folder of class folders, a text file of `path
    /// label` lines, `synthetic` for drawn digits, `scenes` or `scenes:N` for drawn landscapes
    #[arg(long, value_name = "DIR|FILE|synthetic|scenes")]
    data: String,
    /// How many pictures are made: of a generator, to be compared with as many real ones, 2048 unless told and at most
    /// half of the data; of a denoiser, 1000 unless told
    #[arg(short = 'n', long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1 << 20))]
    count: Option<u32>,
    /// The seed of what is made and of what is drawn from the data; 0 unless told
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
    /// Of a generator: the real pictures of these classes only
    #[arg(long = "class", value_name = "NAME", num_args = 1..)]
    classes: Vec<String>,
    #[command(flatten)]
    sampling: Sampling,
    /// What judges a generator, a denoiser and pictures, in place of the classifier of MNIST's digits that is built in: a
    /// run or a checkpoint of `train lenet`, or a file of one
    #[arg(long, value_name = "RUN|CHECKPOINT|F.onnx|F.safetensors")]
    classifier: Option<PathBuf>,
    /// Of a generator, a denoiser and pictures: what the model was trained on, as --data; says how many are nearly copies
    /// of it
    #[arg(long, value_name = "DIR|FILE|synthetic|scenes")]
    training: Option<Source>,
    /// A picture to draw: those that are nearest to a picture of --training, each with it, and real ones as a measure
    #[arg(long, value_name = "FILE.png", requires = "training")]
    sheet: Option<PathBuf>,
    /// auto, cpu, cuda or cuda:N; auto takes a GPU where there is one
    #[arg(long, value_name = "DEVICE", default_value_t)]
    device: Device,
    /// CPU threads; unless told all for a generator and a denoiser, else one
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    threads: Option<u16>,
    /// Print one JSON object instead
    #[arg(long)]
    json: bool,
}

/// Judges and gives the exit status.
pub fn eval(args: Args) -> Result<ExitCode> {
    let source: Source = args.data.parse()?;
    args.sheet.as_deref().map(sheet::check).transpose()?;
    let text = if Subject::is_at(&args.run)? {
        args.network(Subject::open(&args.run)?, &source)?
    } else if args.run.is_dir() {
        args.pictures(&source)?
    } else {
        let path = args.run.display();
        bail!("{path}: neither a run with a checkpoint, nor a checkpoint, nor a file, nor a folder of pictures");
    };
    print!("{text}");
    Ok(ExitCode::SUCCESS)
}

impl Args {
    fn network(&self, Subject { path, weights, classes, columns }: Subject, source: &Source) -> Result<String> {
        let is_small = [lenet::ARCHITECTURE, mlp::ARCHITECTURE].contains(&weights.architecture.name.as_str());
        let all = if is_small { 1 } else { std::thread::available_parallelism().map_or(1, usize::from) };
        let device = self.start(all)?;
        let seed = self.seed.unwrap_or_default();
        let generator = |generator| {
            let flags = ["-n", "--seed", "--class", "--classifier", "--training", "--sheet"];
            self.allow("a generator", &flags)?;
            let plan = generator::Plan {
                source,
                classes: &self.classes,
                count: self.count.unwrap_or(COUNT) as usize,
                seed,
                classifier: self.classifier.as_deref(),
                training: self.training.as_ref(),
                sheet: self.sheet.as_deref(),
            };
            generator::eval(&path, &generator, &plan, &device, self.json)
        };
        match Network::on(&weights.architecture, &weights.tensors, &device)? {
            Network::Lenet(network) => {
                self.allow("a classifier, which is judged on all pictures", &[])?;
                let classes = named(&classes, network.sizes().classes);
                classifier::eval(&path, &network, &classes, source, &device, self.json)
            }
            Network::Mlp(network) => {
                self.allow("a table, all of whose rows are judged", &[])?;
                table::eval(&path, &network, &classes, columns.as_ref(), source, &device, self.json)
            }
            Network::Gan(network) => generator(Generator::Gan(network)),
            Network::Progan { generator: network, stage } => generator(Generator::Progan(network, stage)),
            Network::ProganFolded(network) => generator(Generator::Folded(network)),
            Network::Denoiser { network, task } => {
                let sampling = ["-n", "--seed", "--sampler", "--steps", "--eta", "--guidance"];
                self.allow("a denoiser", &[&sampling[..], &["--classifier", "--training", "--sheet"]].concat())?;
                let plan = denoiser::Plan {
                    network: &network,
                    task,
                    classes: &classes,
                    device: &device,
                    sampling: &self.sampling,
                    count: self.count.unwrap_or(COUNT_OF_DENOISER) as usize,
                    seed,
                };
                let judge = Judge::open(self.classifier.as_deref(), &device)?;
                let beside = self.beside(&judge, source, plan.format())?;
                judge.eval(plan.draw(&path, &judge)?, &beside, self.json)
            }
            Network::Vae(network) => generator(Generator::Vae(network)),
            Network::DenoiserFolded { .. } => {
                let path = path.display();
                bail!(
                    "{path}: a denoiser's model file; draw with it, `sample -m {path} -o DIR`, and judge that folder"
                );
            }
            Network::Style(_) => {
                let found = &weights.architecture.name;
                bail!(
                    "{}: a {found}; only classifiers, generators, denoisers and networks for tables can be judged",
                    self.run.display()
                );
            }
        }
    }

    fn pictures(&self, source: &Source) -> Result<String> {
        self.allow("a folder of pictures", &["--seed", "--classifier", "--training", "--sheet"])?;
        let device = self.start(1)?;
        let judge = Judge::open(self.classifier.as_deref(), &device)?;
        let made: Made = pictures::read(&self.run, &judge)?;
        let beside = self.beside(&judge, source, made.pictures.format)?;
        judge.eval(made, &beside, self.json)
    }

    /// What pictures of a format are compared with.
    fn beside(&self, judge: &Judge, source: &Source, format: PictureFormat) -> Result<Beside<'_>> {
        Ok(Beside {
            real: judge.reals(source, format)?,
            training: self.training.as_ref().map(|source| judge.trained_on(source, format)).transpose()?,
            sheet: self.sheet.as_deref(),
            seed: self.seed.unwrap_or_default(),
        })
    }

    /// Limits the threads to what was told or to `unless_told`, and opens the device.
    fn start(&self, unless_told: usize) -> Result<candle_core::Device> {
        threads::limit(self.threads.map_or(unless_told, usize::from));
        Ok(device::open(self.device)?)
    }

    /// Fails where a flag was given that is none of what is judged.
    fn allow(&self, judged: &str, flags: &[&str]) -> Result<()> {
        let Sampling { sampler, steps, eta, guidance } = &self.sampling;
        let given = [
            ("-n", self.count.is_some()),
            ("--seed", self.seed.is_some()),
            ("--class", !self.classes.is_empty()),
            ("--sampler", sampler.is_some()),
            ("--steps", steps.is_some()),
            ("--eta", eta.is_some()),
            ("--guidance", guidance.is_some()),
            ("--classifier", self.classifier.is_some()),
            ("--training", self.training.is_some()),
            ("--sheet", self.sheet.is_some()),
        ];
        let wrong: Vec<&str> =
            given.iter().filter(|(flag, given)| *given && !flags.contains(flag)).map(|(flag, _)| *flag).collect();
        if wrong.is_empty() {
            return Ok(());
        }
        bail!("{}: {} for {judged}: leave it out", self.run.display(), wrong.join(", "))
    }
}
