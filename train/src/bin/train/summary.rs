//! `train summary`.

use std::process::ExitCode;
use std::str::FromStr;

use anyhow::{Context, Result, bail, ensure};
use candle_core::{DType, Device};
use clap::ValueEnum;
use easel_console::print;
use easel_runtime::Random;
use easel_runtime::card::TabularTask;
use easel_train::Params;
use easel_train::networks::{denoiser, gan, lenet, mlp, progan, squeezenet, style, vgg};
use easel_train::nn::Eval;
use easel_train::summary::{Summary, Trace};

/// Print a network's layers, their outputs and parameters, and its memory
#[derive(clap::Args)]
#[command(after_help = "Examples:
  train summary style --input 3x256x256
  train summary lenet --input 3x32x32 --classes 26
  train summary mlp --input 4 --hidden 64,64 --classes 3
  train summary gan --dot | dot -Tsvg > gan.svg")]
pub struct Args {
    /// The network
    network: Name,
    /// The input without the batch: channels, height and width of a picture, or the length of a vector
    #[arg(long, value_name = "CxHxW|N")]
    input: Option<Size>,
    /// style: channels after the first convolution
    #[arg(long, value_name = "N", default_value_t = 32, value_parser = clap::value_parser!(u16).range(1..))]
    width: u16,
    /// lenet, denoiser, mlp: the number of classes
    #[arg(long, value_name = "N", default_value_t = 10, value_parser = clap::value_parser!(u16).range(1..))]
    classes: u16,
    /// gan: units of the hidden layer [default: 256]; mlp: units of each hidden layer [default: 64,64]
    #[arg(long, value_name = "N,..", value_delimiter = ',', value_parser = clap::value_parser!(u16).range(1..))]
    hidden: Vec<u16>,
    /// Print the graph of all operations for Graphviz instead
    #[arg(long)]
    dot: bool,
}

#[derive(Clone, Copy, ValueEnum)]
enum Name {
    /// The vanilla GAN's generator [default input: 100]
    Gan,
    /// The vanilla GAN's discriminator [default input: 1x28x28]
    GanDiscriminator,
    /// The stylizing network [default input: 3x256x256]
    Style,
    /// The classifier [default input: 1x32x32]
    Lenet,
    /// VGG16 up to relu4_3, for perceptual losses [default input: 3x256x256]
    Vgg16,
    /// SqueezeNet 1.1 without its classifier [default input: 3x256x256]
    Squeezenet,
    /// ProGAN's generator, grown to 128x128 [default input: 128]
    Progan,
    /// The conditional denoiser [default input: 1x32x32]
    Denoiser,
    /// The network for tables [default input: 4]
    Mlp,
}

/// An input's size, as in `3x256x256`.
#[derive(Debug, Clone)]
struct Size(Vec<usize>);

impl FromStr for Size {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let dims: Vec<usize> = text.split('x').map(str::parse).collect::<Result<_, _>>().unwrap_or_default();
        let fits = matches!(dims.len(), 1 | 3) && dims.iter().all(|dim| (1..=1 << 14).contains(dim));
        if fits { Ok(Self(dims)) } else { Err("a size is `3x256x256` or `100`, each number at most 16384".into()) }
    }
}

/// Prints the summary.
pub fn summarise(args: Args) -> Result<ExitCode> {
    let summary = trace(&args)?;
    let text = if args.dot { summary.dot() } else { summary.table() };
    print(text)?;
    Ok(ExitCode::SUCCESS)
}

fn trace(args: &Args) -> Result<Summary> {
    let default: &[usize] = match args.network {
        Name::Gan => &[100],
        Name::GanDiscriminator => &[1, 28, 28],
        Name::Style => &[3, 256, 256],
        Name::Lenet => &[1, lenet::SIDE, lenet::SIDE],
        Name::Vgg16 | Name::Squeezenet => &[3, 256, 256],
        Name::Progan => &[128],
        Name::Denoiser => &[1, 32, 32],
        Name::Mlp => &[4],
    };
    let dims = args.input.as_ref().map_or(default, |size| &size.0);
    ensure!(
        dims.len() == default.len() || matches!(args.network, Name::GanDiscriminator),
        "--input: this network takes {}",
        if default.len() == 1 { "a vector, as in `100`" } else { "a picture, as in `3x256x256`" }
    );
    let params = Params::new(DType::F32, &Device::Cpu, Random::new(0, 0));
    let (root, trace) = (params.root(), Trace::default());
    let input = |dims: &[usize]| trace.input("x", &[&[1], dims].concat(), DType::F32);
    let layers: Vec<usize> = args.hidden.iter().copied().map(usize::from).collect();
    let hidden = match layers[..] {
        [] => 256,
        [hidden] => hidden,
        _ => {
            ensure!(
                matches!(args.network, Name::Mlp),
                "--hidden: only an mlp has several hidden layers; give one number"
            );
            0
        }
    };
    match args.network {
        Name::Gan => {
            let sizes = gan::Sizes { z_dim: dims[0], hidden, ..Default::default() };
            gan::Generator::new(root, sizes)?.pictures(&input(dims)?)?;
        }
        Name::GanDiscriminator => {
            let pixels = dims.iter().product();
            let sizes = gan::Sizes { hidden, picture: [1, 1, pixels], ..Default::default() };
            gan::Discriminator::new(root, sizes)?.forward(&input(&[pixels])?)?;
        }
        Name::Style | Name::Vgg16 | Name::Squeezenet if dims[0] != 3 => {
            bail!("--input: this network takes RGB pictures, 3 channels, not {}", dims[0])
        }
        Name::Vgg16 => {
            let features = vgg::Vgg16::new(root, 1)?;
            features.features(&input(dims)?, vgg::LAYERS.len()).context("--input")?;
        }
        Name::Squeezenet => {
            let features = squeezenet::SqueezeNet::new(root, 1)?;
            features.features(&input(dims)?, squeezenet::LAYERS.len()).context("--input")?;
        }
        Name::Progan => {
            let sizes = progan::Sizes { z_dim: dims[0], ..Default::default() };
            progan::Generator::new(root, sizes)?.forward(&input(dims)?, progan::Stage::grown(sizes.last_step()?))?;
        }
        Name::Denoiser => {
            let multiple = denoiser::MULTIPLE;
            ensure!(
                dims[1..].iter().all(|side| side.is_multiple_of(multiple)),
                "--input: a denoiser takes pictures whose sides are multiples of {multiple}"
            );
            let sizes = denoiser::Sizes { channels: dims[0], labels: args.classes.into(), ..Default::default() };
            let (t, label) = (trace.input("t", &[1], DType::I64)?, trace.input("label", &[1], DType::I64)?);
            denoiser::Denoiser::new(root, sizes)?.forward(&input(dims)?, &t, &label, &mut Eval)?;
        }
        Name::Style => {
            let network = style::Stylizer::new(root, style::Sizes { width: args.width.into() })?;
            network.forward(&input(dims)?).context("--input")?;
        }
        Name::Mlp => {
            let task = TabularTask::Classification { class_count: args.classes.into() };
            let hidden = if layers.is_empty() { vec![64, 64] } else { layers };
            mlp::Mlp::new(root, mlp::Sizes { columns: dims[0], hidden, task })?.predict(&input(dims)?)?;
        }
        Name::Lenet => {
            let sizes = lenet::Sizes { channels: dims[0], classes: args.classes.into() };
            ensure!(dims[1..] == [lenet::SIDE; 2], "--input: a LeNet takes pictures of {0}x{0}", lenet::SIDE);
            lenet::Lenet::new(root, sizes)?.forward(&input(dims)?)?;
        }
    }
    Ok(trace.finish())
}
