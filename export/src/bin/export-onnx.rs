//! `export-onnx`: trained weights to one verified, self-describing ONNX file.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result, bail, ensure};
use clap::{Args, Parser, Subcommand};
use easel_export::export::{self, Options, export, export_int8};
use easel_export::quantise::{LEAST_PSNR, Pictures};
use easel_export::source::Source;
use easel_export::storage::distance;
use easel_export::verify::{golden_of_int8, verify_file};
use easel_export::{NormForm, Storage, fold, growth, inspect, models};
use easel_files::write_atomically;
use easel_runtime::ModelCard;
use easel_runtime::card::{Evaluation, Int8, Provenance};
use easel_train::networks::Network;
use easel_train::tensors::is_pytorch;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Write trained weights as one self-describing ONNX file, and check that it computes what was trained.
#[derive(Parser)]
#[command(
    version,
    args_conflicts_with_subcommands = true,
    subcommand_negates_reqs = true,
    after_help = "Examples:\n  \
        export-onnx runs/00003-gan-mnist -o digits.onnx        the run's latest checkpoint\n  \
        export-onnx generator.safetensors -o digits.onnx       weights under PyTorch's names\n  \
        export-onnx runs/00007-style-wave -o wave.onnx --half  half the size\n  \
        export-onnx wave.onnx -o wave8.onnx --int8 --calibrate photos  a third of the CPU time\n  \
        export-onnx runs/00009-progan -o c.onnx --alpha 1      a ProGAN with its fade finished\n  \
        export-onnx inspect digits.onnx                        the card, inputs, outputs, operators\n  \
        export-onnx verify digits.onnx                         compare the file with its network again"
)]
struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    export: ExportArgs,
}

#[derive(Subcommand)]
enum Command {
    /// Describe a model, run, checkpoint or weights file
    Inspect {
        /// The file or folder
        file: PathBuf,
    },
    /// Run a model file in ONNX Runtime and its network in candle, and compare
    Verify {
        /// The model file
        model: PathBuf,
        /// Write what was found, and the output that runtimes check their engines by, into the file's card
        #[arg(long)]
        update: bool,
        #[command(flatten)]
        library: LibraryArg,
    },
}

#[derive(Args)]
struct LibraryArg {
    /// ONNX Runtime's shared library [default: ORT_DYLIB_PATH, beside the program, .tools/, the system's]
    #[arg(long, value_name = "PATH")]
    ort_lib: Option<PathBuf>,
}

#[derive(Args)]
struct ExportArgs {
    /// A run, a checkpoint folder, a weights file (safetensors or PyTorch's own) under PyTorch's names, or a model file
    /// that export-onnx wrote
    #[arg(required = true, value_name = "RUN|CHECKPOINT|FILE")]
    source: Option<PathBuf>,
    /// The model file to write
    #[arg(short, long, required = true, value_name = "MODEL.onnx")]
    output: Option<PathBuf>,
    /// The model's title [default: the run's, or the network's name]
    #[arg(long)]
    title: Option<String>,
    /// The weights' licence, an SPDX expression [default: a model file's own, else unknown]
    #[arg(long, value_name = "SPDX")]
    licence: Option<String>,
    /// Who made the weights
    #[arg(long)]
    author: Option<String>,
    /// Store weights in half precision: half the file, the same speed
    #[arg(long)]
    half: bool,
    /// Compute in eight bits (stylizers): some levels of 255 off, and much faster on a CPU
    #[arg(long, requires = "calibrate", conflicts_with_all = ["half", "plain_norm"])]
    int8: bool,
    /// A folder of pictures of the kind that an int8 model is for, or `synthetic`; a third of them judges it
    #[arg(long, value_name = "DIR", requires = "int8")]
    calibrate: Option<easel_train::data::Source>,
    /// Write an int8 model that is further than 30 dB from float32
    #[arg(long, requires = "int8")]
    force: bool,
    /// Write InstanceNormalization instead of means with optional statistics (for engines that want the operator; tiles
    /// of a large picture then differ in tone)
    #[arg(long)]
    plain_norm: bool,
    /// A ProGAN's resolution, one that it has grown to [default: the last]
    #[arg(long, value_name = "N")]
    resolution: Option<usize>,
    /// The share of a ProGAN's newest block in the picture, 0 to 1 [default: what it was; below the last resolution 1]
    #[arg(long, value_name = "A", value_parser = share)]
    alpha: Option<f64>,
    /// What `train eval --json` printed of it, for the model's card; may be repeated
    #[arg(long = "evaluation", value_name = "FILE.json")]
    evaluations: Vec<PathBuf>,
    #[command(flatten)]
    library: LibraryArg,
}

fn share(text: &str) -> Result<f64, String> {
    let share = text.parse().ok().filter(|share| (0.0..=1.0).contains(share));
    share.ok_or_else(|| "expected a number from 0 to 1".into())
}

fn main() -> ExitCode {
    easel_native::cli::outlive_file_limits();
    let cli = Cli::parse();
    let result = match cli.command {
        Some(Command::Inspect { file }) => run_inspect(&file),
        Some(Command::Verify { model, update, library }) => run_verify(&model, update, library.ort_lib.as_deref()),
        None => run_export(cli.export),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run_export(args: ExportArgs) -> Result<()> {
    let (source, output) = (args.source.expect("clap requires it"), args.output.expect("clap requires it"));
    let folder = output.parent().filter(|folder| *folder != Path::new("")).unwrap_or(Path::new("."));
    ensure!(folder.is_dir(), "{}: there is no folder {}; make it first", output.display(), folder.display());
    ensure!(!output.is_dir(), "{}: is a folder; name the model file to write", output.display());

    let evaluations = args.evaluations.iter().map(|path| evaluation(path)).collect::<Result<_>>()?;
    let source = Source::open(&source)?;
    let reached = source.weights.architecture.clone();
    let weights = growth::at_stage(source.weights, args.resolution, args.alpha)
        .with_context(|| source.path.display().to_string())?;
    growth::warning(&reached, &weights.architecture).into_iter().for_each(|line| eprintln!("warning: {line}"));
    eprintln!("weights: {} ({})", source.path.display(), growth::describe(&weights.architecture));
    let network = weights.network().with_context(|| source.path.display().to_string())?;
    let provenance = Provenance {
        weights_sha256: source.sha256.clone(),
        program: concat!("easel ", env!("CARGO_PKG_VERSION")).into(),
        ..weights.provenance.clone()
    };
    let kept = fold::fold(&weights)?;
    let (storage, model, rounding) = if args.half {
        let stored = models::of_network(&Storage::Half.stored(&kept)?.network()?)?;
        let rounding = distance(&*models::of_network(&network)?, &*stored)?;
        (Storage::Half, stored, Some(rounding))
    } else {
        (Storage::Float32, models::of_network(&network)?, None)
    };
    let options = Options {
        norms: if args.plain_norm { NormForm::Operator } else { NormForm::Statistics },
        storage,
        rounding,
        title: args.title.or(source.title),
        licence: args.licence.or(source.licence).unwrap_or_else(|| "unknown".into()),
        author: args.author,
        classes: source.classes,
        columns: source.columns,
        evaluations,
        library: args.library.ort_lib,
    };
    let exported = match &args.calibrate {
        Some(from) => {
            let Network::Style(stylizer) = &network else {
                let kind = model.kind();
                let (path, kind) = (source.path.display(), kind.name());
                bail!("{path}: --int8: only a stylizer can compute in eight bits, and this is a {kind}; leave it away");
            };
            let least = if args.force { f64::NEG_INFINITY } else { LEAST_PSNR };
            let pictures = Pictures::read(from)?;
            let (calibration, judged) = (pictures.calibration.len(), pictures.judged.len());
            eprintln!("pictures: {calibration} of {from} to calibrate on, {judged} others to judge by");
            export_int8(stylizer, kept.architecture, provenance, &pictures, least, &options)
                .with_context(|| source.path.display().to_string())?
        }
        None => export(&*model, kept.architecture, provenance, &options)?,
    };
    write_atomically(&output, &exported.bytes)?;
    let check = &exported.card.verification;
    if let Some(Int8 { judged_on, psnr, worst_psnr, .. }) = check.int8 {
        let (output, bytes) = (output.display(), exported.bytes.len());
        say(format_args!(
            "{output}: {bytes} bytes, in eight bits {psnr:.2} dB PSNR from float32 on {judged_on} pictures that it was not \
             calibrated on (the worst {worst_psnr:.2}), in {}",
            check.engine
        ));
        return Ok(());
    }
    say(format_args!(
        "{}: {} bytes{}, at most {:e} from candle in {} on {} shapes",
        output.display(),
        exported.bytes.len(),
        check.rounding.map_or(String::new(), |by| format!(", half-stored ({by:e} from float32)")),
        check.max_difference,
        check.engine,
        check.shapes.len()
    ));
    Ok(())
}

fn evaluation(path: &Path) -> Result<Evaluation> {
    serde_json::from_slice(&read(path)?)
        .with_context(|| format!("{}: not what `train eval --json` prints", path.display()))
}

fn run_verify(path: &Path, update: bool, library: Option<&Path>) -> Result<()> {
    let model = read(path)?;
    let in_file = || path.display().to_string();
    if let Some(int8) = ModelCard::from_model(&model).with_context(in_file)?.verification.int8 {
        ensure!(!update, "{}: an int8 model cannot be verified anew; export it again", path.display());
        let apart = golden_of_int8(&model, library).with_context(in_file)?;
        say(format_args!(
            "{}: an int8 model, whose float32 weights are not in it: at most {apart:e} from the golden output in its \
             card; when it was exported it was {:.2} dB PSNR from float32 on {} pictures",
            path.display(),
            int8.psnr,
            int8.judged_on
        ));
        return Ok(());
    }
    let check = if update {
        let updated = export::update(&model, library).with_context(in_file)?;
        // A link stays one; what it leads to is written.
        write_atomically(&path.canonicalize().with_context(in_file)?, &updated.bytes)?;
        updated.card.verification
    } else {
        verify_file(&model, library).with_context(in_file)?
    };
    say(format_args!(
        "{}: at most {:e} from candle in {}, on inputs of shape {:?}",
        path.display(),
        check.max_difference,
        check.engine,
        check.shapes
    ));
    Ok(())
}

/// Weights are told by their beginning, safetensors by a header length and a brace; everything else is taken for a
/// model.
fn run_inspect(path: &Path) -> Result<()> {
    let text = if path.is_dir() || !path.exists() {
        inspect::describe_source(&Source::open(path)?)?
    } else {
        let bytes = read(path)?;
        if bytes.get(8) == Some(&b'{') || is_pytorch(&bytes) {
            match Source::open(path) {
                Ok(source) => inspect::describe_source(&source)?,
                Err(_) => inspect::describe_tensors(path)?,
            }
        } else {
            inspect::describe_model(&bytes).with_context(|| path.display().to_string())?
        }
    };
    say(format_args!("{}", text.trim_end()));
    Ok(())
}

/// Prints a line. Who closes stdout wants no more of it.
fn say(line: std::fmt::Arguments) {
    let _ = writeln!(std::io::stdout(), "{line}");
}

fn read(path: &Path) -> Result<Vec<u8>> {
    std::fs::read(path).with_context(|| format!("{}: cannot read", path.display()))
}
