//! `export-onnx`: trained weights to one verified, self-describing ONNX file.

// They panic where nobody reads; `easel_console` does not.
#![warn(clippy::print_stderr, clippy::print_stdout)]

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result, bail, ensure};
use clap::{Args, Parser, Subcommand};
use easel_console::{print, tell};
use easel_export::export::{self, ExportOptions, ExportedModel, export, export_int8};
use easel_export::inspect::Description;
use easel_export::quantise::{CalibrationSet, MIN_PSNR};
use easel_export::verify::{golden_difference, network_difference, verify_file, verify_in_easel};
use easel_export::{ConvForm, NormForm, Storage, fold, growth, inspect, models};
use easel_files::write_atomically;
use easel_runtime::ModelCard;
use easel_runtime::card::{Evaluation, Int8, Provenance};
use easel_runtime::text::one_line;
use easel_train::data::Source;
use easel_train::networks::Network;
use easel_train::{WeightsFile, weights};
use serde_json::json;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Export trained weights as one self-describing ONNX file, and verify that it computes the same as the network.
#[derive(Parser)]
#[command(
    version,
    args_conflicts_with_subcommands = true,
    subcommand_negates_reqs = true,
    after_help = "Examples:\n  \
        export-onnx runs/00003-gan-mnist -o digits.onnx        the run's newest checkpoint\n  \
        export-onnx runs/00004-lenet-mnist --best -o c.onnx    the run's best checkpoint\n  \
        export-onnx generator.pt -o digits.onnx                a state dictionary saved by PyTorch\n  \
        export-onnx runs/00007-style-wave -o wave.onnx --half  half the size\n  \
        export-onnx wave.onnx -o wave8.onnx --int8 --calibrate photos  half the CPU time\n  \
        export-onnx runs/00009-progan -o c.onnx --alpha 1      a ProGAN with its fade completed\n  \
        export-onnx inspect digits.onnx                        the card, inputs, outputs, operators\n  \
        export-onnx verify digits.onnx                         verify the file again"
)]
struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    export: ExportArgs,
}

#[derive(Subcommand)]
enum Command {
    /// Describe a model file, a run, a checkpoint or a weights file
    Inspect {
        /// The file or folder
        file: PathBuf,
        /// Print one JSON object instead: file, kind, and what else is known; or file, error
        #[arg(long)]
        json: bool,
        /// The part of a file of another program, as in --part of an export
        #[arg(long, value_name = "KEY")]
        part: Option<String>,
    },
    /// Compare a model file in ONNX Runtime, and in Easel's engine, with its network in candle
    Verify {
        /// The model file
        model: PathBuf,
        /// Update the card: the verification, the golden output and the sample picture
        #[arg(long)]
        update: bool,
        #[command(flatten)]
        library: LibraryArg,
    },
}

#[derive(Args)]
struct LibraryArg {
    /// ONNX Runtime's shared library, instead of searching ORT_DYLIB_PATH, the program's folder, .tools/ and the system
    #[arg(long, value_name = "PATH")]
    ort_lib: Option<PathBuf>,
}

#[derive(Args)]
struct ExportArgs {
    /// A run's or a checkpoint's folder, a weights file (safetensors or saved by PyTorch) with PyTorch's parameter names, or
    /// a model file that export-onnx wrote
    #[arg(required = true, value_name = "RUN|CHECKPOINT|FILE")]
    source: Option<PathBuf>,
    /// The model file to write
    #[arg(short, long, required = true, value_name = "MODEL.onnx")]
    output: Option<PathBuf>,
    /// The best checkpoint of a run instead of the newest
    #[arg(long)]
    best: bool,
    /// The part of a file of another program that holds the weights, as `inspect` lists it: `ema`, `state_dict.generator`
    #[arg(long, value_name = "KEY", conflicts_with = "best")]
    part: Option<String>,
    /// The model's title, instead of that of the run, model file or network
    #[arg(long)]
    title: Option<String>,
    /// The weights' licence, an SPDX expression, instead of a model file's own or `unknown`
    #[arg(long, value_name = "SPDX")]
    licence: Option<String>,
    /// The author of the weights
    #[arg(long)]
    author: Option<String>,
    /// Store weights in half precision: half the size, the same speed
    #[arg(long)]
    half: bool,
    /// Quantise a stylizer to int8: much faster on a CPU, pictures differ by a few levels of 255
    #[arg(long, requires = "calibrate", conflicts_with_all = ["half", "plain", "plain_norm"])]
    int8: bool,
    /// A folder of pictures of the kind that an int8 model is for, or `synthetic`; a third of them is for evaluation
    #[arg(long, value_name = "DIR", requires = "int8")]
    calibrate: Option<Source>,
    /// Write an int8 model even below 30 dB PSNR from float32
    #[arg(long, requires = "int8")]
    force: bool,
    /// Use the operator InstanceNormalization, for engines that require it; without optional statistics as inputs, the
    /// tiles of a large picture differ in tone
    #[arg(long)]
    plain_norm: bool,
    /// Write every convolution as the network has it, for engines without DepthToSpace; most are slower with it
    #[arg(long)]
    plain: bool,
    /// A ProGAN's resolution, one that it has grown to, instead of the last
    #[arg(long, value_name = "N")]
    resolution: Option<usize>,
    /// The share of a ProGAN's newest block in the picture, 0 to 1, instead of the checkpoint's
    #[arg(long, value_name = "A", value_parser = alpha)]
    alpha: Option<f64>,
    /// Output of `train eval --json`, for the model's card; may be repeated
    #[arg(long = "evaluation", value_name = "FILE.json")]
    evaluations: Vec<PathBuf>,
    #[command(flatten)]
    library: LibraryArg,
}

fn alpha(text: &str) -> Result<f64, String> {
    let alpha = text.parse().ok().filter(|alpha| (0.0..=1.0).contains(alpha));
    alpha.ok_or_else(|| "expected a number from 0 to 1".into())
}

fn main() -> ExitCode {
    easel_console::start();
    let cli: Cli = easel_console::parse();
    let result = match cli.command {
        Some(Command::Inspect { file, json, part }) => run_inspect(&file, json, part.as_deref()),
        Some(Command::Verify { model, update, library }) => run_verify(&model, update, library.ort_lib.as_deref()),
        None => run_export(cli.export),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => easel_console::fail(error),
    }
}

fn run_export(args: ExportArgs) -> Result<()> {
    let (source, output) = (args.source.expect("clap requires it"), args.output.expect("clap requires it"));
    let folder = output.parent().filter(|folder| *folder != Path::new("")).unwrap_or(Path::new("."));
    ensure!(folder.is_dir(), "{}: there is no folder {}; create it first", output.display(), folder.display());
    ensure!(!output.is_dir(), "{}: this is a folder; name the model file to write", output.display());

    let evaluations = args.evaluations.iter().map(|path| evaluation(path)).collect::<Result<_>>()?;
    let file =
        if args.best { weights::open_best(&source)? } else { weights::open_part(&source, args.part.as_deref())? };
    let WeightsFile { path, sha256, title, classes, columns, licence, unreadable, .. } = &file;
    let in_file = || path.display().to_string();
    unreadable.iter().for_each(|why| tell!("warning: {}", one_line(why)));
    file.notes.iter().for_each(|note| tell!("note: {}", one_line(note)));
    let trained = file.weights()?;
    let reached = trained.architecture.clone();
    let trained = growth::at_stage(trained, args.resolution, args.alpha).with_context(in_file)?;
    growth::warning(&reached, &trained.architecture).into_iter().for_each(|line| tell!("warning: {line}"));
    tell!("weights: {} ({})", path.display(), growth::describe(&trained.architecture));
    let network = trained.network().with_context(in_file)?;
    let provenance = Provenance {
        weights_sha256: sha256.clone(),
        program: concat!("easel ", env!("CARGO_PKG_VERSION")).into(),
        ..trained.provenance.clone()
    };
    let folded = fold::fold(&trained)?;
    let (storage, model, rounding) = if args.half {
        let rounded = models::of_network(&Storage::Half.round(&folded)?.network()?)?;
        let rounding = network_difference(&*models::of_network(&network)?, &*rounded)?;
        (Storage::Half, rounded, Some(rounding))
    } else {
        (Storage::Float32, models::of_network(&network)?, None)
    };
    let options = ExportOptions {
        norms: if args.plain_norm { NormForm::Operator } else { NormForm::Statistics },
        convolutions: if args.plain { ConvForm::Plain } else { ConvForm::SubPixel },
        storage,
        rounding,
        title: args.title.or(title.clone()),
        licence: args.licence.or(licence.clone()).unwrap_or_else(|| "unknown".into()),
        author: args.author,
        classes: classes.clone(),
        columns: columns.clone(),
        evaluations,
        library: args.library.ort_lib,
    };
    let exported = match &args.calibrate {
        Some(pictures) => {
            let Network::Style(stylizer) = &network else {
                let (path, kind) = (path.display(), model.kind());
                bail!("{path}: --int8: only a stylizer can be quantised, and this is a {}; remove it", kind.name());
            };
            let min_psnr = if args.force { f64::NEG_INFINITY } else { MIN_PSNR };
            let set = CalibrationSet::read(pictures)?;
            let (calibration, evaluation) = (set.calibration.len(), set.evaluation.len());
            tell!("pictures from {pictures}: {calibration} for calibration, {evaluation} for evaluation");
            export_int8(stylizer, folded.architecture, provenance, &set, min_psnr, &options).with_context(in_file)?
        }
        None => export(&*model, folded.architecture, provenance, &options).with_context(in_file)?,
    };
    write_atomically(&output, &exported.bytes)?;
    print(report(&output, &exported))?;
    Ok(())
}

/// The result of an export, as a line.
fn report(output: &Path, ExportedModel { bytes, card }: &ExportedModel) -> String {
    let (output, bytes, check) = (output.display(), bytes.len(), &card.verification);
    match check.int8 {
        Some(Int8 { evaluated_on, psnr, worst_psnr, .. }) => format!(
            "{output}: {bytes} bytes, int8, {psnr:.2} dB PSNR from float32 on {evaluated_on} pictures that were not used for \
             calibration (worst picture: {worst_psnr:.2}), in {}\n",
            check.engine
        ),
        None => format!(
            "{output}: {bytes} bytes{}, at most {:e} from candle in {} on {} shapes\n",
            check.rounding.map_or(String::new(), |by| format!(", half precision ({by:e} from float32)")),
            check.max_difference,
            check.engine,
            check.shapes.len()
        ),
    }
}

fn evaluation(path: &Path) -> Result<Evaluation> {
    serde_json::from_slice(&read(path)?)
        .with_context(|| format!("{}: not the output of `train eval --json`", path.display()))
}

fn run_verify(path: &Path, update: bool, library: Option<&Path>) -> Result<()> {
    let model = read(path)?;
    let in_file = || path.display().to_string();
    if let Some(int8) = ModelCard::from_model(&model).with_context(in_file)?.verification.int8 {
        ensure!(!update, "{}: an int8 model's card cannot be updated; export it again", path.display());
        let difference = golden_difference(&model, library).with_context(in_file)?;
        print(format_args!(
            "{}: an int8 model, at most {difference:e} from the golden output in its card; at export {:.2} dB PSNR from \
             float32 on {} pictures\n",
            path.display(),
            int8.psnr,
            int8.evaluated_on
        ))?;
        return Ok(());
    }
    let check = if update {
        let updated = export::update(&model, library).with_context(in_file)?;
        // A symbolic link is kept and its target written.
        write_atomically(&path.canonicalize().with_context(in_file)?, &updated.bytes)?;
        updated.card.verification
    } else {
        verify_file(&model, library).with_context(in_file)?
    };
    print(format_args!(
        "{}: at most {:e} from candle in {}, on inputs of shape {:?}\n",
        path.display(),
        check.max_difference,
        check.engine,
        check.shapes
    ))?;
    // The file is as it should be, whether our engine runs it or not.
    print(match verify_in_easel(&model) {
        Ok(check) => {
            format!("{}: at most {:e} from candle in {}\n", path.display(), check.max_difference, check.engine)
        }
        Err(error) => format!("{}: not in Easel's engine: {error}\n", path.display()),
    })?;
    Ok(())
}

fn run_inspect(path: &Path, json: bool, part: Option<&str>) -> Result<()> {
    if !json {
        let Description { text, error } = inspect::describe_part(path, part)?;
        print(text)?;
        return error.map_or(Ok(()), |error| Err(error.into()));
    }
    let described = inspect::describe_json(path, part)
        .unwrap_or_else(|error| json!({ "file": path.to_string_lossy(), "error": error.to_string() }));
    print(format_args!("{described}\n"))?;
    match described["error"].as_str() {
        Some(error) => bail!("{error}"),
        None => Ok(()),
    }
}

fn read(path: &Path) -> Result<Vec<u8>> {
    std::fs::read(path).with_context(|| format!("{}: cannot read", path.display()))
}
