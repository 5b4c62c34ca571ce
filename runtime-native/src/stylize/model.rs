//! A model that makes a picture of a picture: one of export-onnx, or anybody's.

use std::path::{Path, PathBuf};

use easel_pictures::resize;
use easel_runtime::stylizer::statistics::{STATISTICS, USE_STATISTICS, thumbnail};
use easel_runtime::stylizer::{Border, Look, Range, Rectangle, exact_statistics, statistics_of, stylize};
use easel_runtime::{Picture, Tensor, onnx};

use super::memory::{Facts, Statistics, Tiling};
use crate::memory::give_back;
use crate::{AnyModelFile, Dimension, Error, Options, OrtEngine, Result, ValueInfo};

/// What pictures for other people's models are padded to: networks that halve them twice, and reflect.
const FOREIGN_MULTIPLE: usize = 4;
const FOREIGN_AT_LEAST: usize = 16;

/// A stylizer that is ready to run.
#[derive(Debug)]
pub struct Stylizer {
    /// Its title, or its file's name.
    pub title: String,
    /// What runs it.
    pub engine: OrtEngine,
    /// How it takes pictures.
    pub border: Border,
    /// The channels that the network begins with, where the card tells.
    pub width: Option<usize>,
    /// The only size that it takes, where there is one.
    pub fit: Fit,
    /// Statistics that it takes in place of each picture's own.
    pub held: Option<Tensor>,
    /// Whether its numbers' range was neither said by the file nor by the user.
    pub guessed_range: bool,
    /// The file, to cut it before its norms.
    file: Vec<u8>,
    options: Options,
    /// The norms that the file can be cut before.
    norms: usize,
    /// Whether the engine keeps memory of the pictures so far.
    holds: bool,
}

/// What the user says of a model that has no card.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Numbers {
    /// What its pictures are made of.
    pub range: Option<Range>,
    /// What it gives, where that is something else than it takes.
    pub output_range: Option<Range>,
    /// Whether blue comes first.
    pub bgr: bool,
}

/// The sizes that a model takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Fit {
    /// The only width, where there is one.
    pub width: Option<usize>,
    /// The only height.
    pub height: Option<usize>,
}

impl Fit {
    /// Whether any size goes.
    pub fn is_free(self) -> bool {
        self == Self::default()
    }

    /// Whether a picture of this size goes as it is.
    pub fn fits(self, width: usize, height: usize) -> bool {
        self.width.is_none_or(|only| only == width) && self.height.is_none_or(|only| only == height)
    }
}

impl Stylizer {
    /// Opens a model file. `numbers` is what the user says of a model that has no card.
    ///
    /// Fails, naming the file, on a model of another kind and on one that does not make one RGB picture of one.
    pub fn open(path: &Path, numbers: Numbers, options: &Options) -> Result<Self> {
        let Numbers { range, output_range, bgr } = numbers;
        let mut file = AnyModelFile::read(path)?;
        let unfit = |what: String| Err(Error::Impossible(format!("{}: {what}", path.display())));
        if let Some(card) = &file.card {
            let (found, wanted) = (card.kind.name(), "stylizer");
            if found != wanted {
                return Err(in_file(path, easel_runtime::Error::WrongKind { found, wanted }));
            }
            if numbers != Numbers::default() {
                return unfit(
                    "its card says what its numbers are; leave --range, --output-range and --bgr away".into(),
                );
            }
        }
        let suffix = onnx::statistics_outputs(&file.bytes).map_err(|source| in_file(path, source))?;
        let tells_statistics = suffix.is_some();
        let length = file.bytes.len();
        file.bytes.extend(suffix.unwrap_or_default());
        let engine = OrtEngine::load(&file.bytes, options).map_err(|error| error.in_file(path))?;
        file.bytes.truncate(length);
        let norms = (0..).take_while(|&norm| matches!(onnx::before_norm(&file.bytes, norm), Ok(Some(_)))).count();
        let takes = |name: &str| engine.inputs().iter().any(|input| input.optional && input.name == name);
        let statistics = tells_statistics && takes(STATISTICS) && takes(USE_STATISTICS);
        let (input, output) = match borders(&engine) {
            Ok(borders) => borders,
            Err(what) => return unfit(what),
        };
        let told = |key: &str| file.metadata.iter().find(|(known, _)| known == key).map(|(_, value)| value.as_str());
        let told_range = told("Image.NominalPixelRange").and_then(Range::from_metadata);
        let own = file.card.is_some();
        let range = range.or(told_range);
        let border = Border {
            input: input.name.clone(),
            output: output.name.clone(),
            range: range.unwrap_or_default(),
            output_range: output_range.or(range).unwrap_or_default(),
            bgr: bgr || told("Image.BitmapPixelFormat").is_some_and(|format| format.starts_with("Bgr")),
            statistics,
            multiple: if own { 1 } else { FOREIGN_MULTIPLE },
            at_least: if own { 1 } else { FOREIGN_AT_LEAST },
        };
        let fixed = |axis: usize| match input.dims.get(axis) {
            Some(Dimension::Fixed(size)) => Some(*size),
            _ => None,
        };
        let fit = Fit { width: fixed(3), height: fixed(2) };
        let sizes = file.card.as_ref().map(|card| &card.architecture.sizes);
        let width = sizes.and_then(|sizes| sizes.get("width")?.as_u64()).and_then(|width| usize::try_from(width).ok());
        let name = || path.file_stem().unwrap_or(path.as_os_str()).to_string_lossy().into_owned();
        Ok(Self {
            title: file.card.as_ref().map_or_else(name, |card| card.title.clone()),
            border,
            width,
            fit,
            held: None,
            guessed_range: !own && range.is_none(),
            engine,
            file: file.bytes,
            norms,
            options: options.clone(),
            holds: false,
        })
    }

    /// Whether what its norms take in can be told, so that their statistics can be exact: not in eight bits, where sums are
    /// of whole numbers.
    pub fn tells_norms(&self) -> bool {
        self.norms > 0
    }

    /// What memory and tiles depend on.
    pub fn facts(&self) -> Facts {
        Facts { width: self.width, shares: self.border.statistics, fit: self.fit }
    }

    /// Stylizes an RGB picture in the tiles planned for it. A model of one size gets the picture at that size, and its
    /// result is brought back to the picture's. `progress` is told how many of its [`Self::steps`] are done.
    pub fn run(
        &mut self,
        picture: &Picture,
        tiling: &Tiling,
        look: Look,
        mut progress: impl FnMut(usize),
    ) -> Result<Picture> {
        if tiling.statistics == Statistics::Exact {
            // The parts of the model that tell them take their own memory.
            self.release()?;
        }
        self.holds = true;
        let made = if self.fit.is_free() {
            let statistics = self.statistics(picture, tiling, &mut progress)?;
            let before = self.steps(tiling) - tiling.tiles.len();
            let Self { engine, border, .. } = &mut *self;
            let progress = |done| progress(before + done);
            let stylized = stylize(engine, border, picture, &tiling.tiles, statistics.as_ref(), look, progress);
            pollster::block_on(stylized)?
        } else {
            self.run_at_its_size(picture, look)?
        };
        if tiling.tiles.len() > 1 {
            self.release()?;
        }
        Ok(made)
    }

    /// How many tiles are computed for a picture, those for exact statistics included.
    pub fn steps(&self, tiling: &Tiling) -> usize {
        let passes = if tiling.statistics == Statistics::Exact { self.norms } else { 0 };
        tiling.tiles.len() * (1 + passes)
    }

    /// Makes the engine give back the memory that it keeps of the pictures so far. After tiles it has.
    pub fn release(&mut self) -> Result<()> {
        if self.holds {
            self.engine.keep_memory(false);
            let Fit { width, height } = self.fit;
            let small = Picture::filled(width.unwrap_or(1), height.unwrap_or(1), 3, 0);
            let all = Rectangle { left: 0, top: 0, width: small.width, height: small.height };
            let run = pollster::block_on(self.border.run(&mut self.engine, &small, all, None));
            self.engine.keep_memory(true);
            run?;
            give_back();
            self.holds = false;
        }
        Ok(())
    }

    fn statistics(
        &mut self,
        picture: &Picture,
        tiling: &Tiling,
        progress: &mut impl FnMut(usize),
    ) -> Result<Option<Tensor>> {
        let Self { engine, border, file, options, held, .. } = self;
        match tiling.statistics {
            _ if held.is_some() => Ok(held.clone()),
            _ if tiling.tiles.len() == 1 || !border.statistics => Ok(None),
            Statistics::Own => Ok(None),
            Statistics::Thumbnail(pixels) => {
                let small = thumbnail(picture, pixels);
                Ok(Some(pollster::block_on(statistics_of(engine, border, &small))?))
            }
            Statistics::Exact => {
                let channels = onnx::initializers(file)?
                    .iter()
                    .find(|found| found.name == STATISTICS)
                    .and_then(|found| found.dims.get(1).copied())
                    .unwrap_or(0);
                let open = async |norm| {
                    // The part before is closed by now.
                    give_back();
                    let cut = onnx::before_norm(file, norm)?;
                    let load = |cut: Vec<u8>| OrtEngine::load(&cut, options);
                    cut.map(load).transpose().map_err(|error| easel_runtime::Error::Engine(error.to_string()))
                };
                let mut done = 0;
                let count = || {
                    done += 1;
                    progress(done);
                };
                let exact = exact_statistics(border, picture, &tiling.tiles, channels, open, count);
                Ok(Some(pollster::block_on(exact)?))
            }
        }
    }

    /// The statistics that it uses on a picture; none where it takes none.
    pub fn own_statistics(&mut self, picture: &Picture) -> Result<Option<Tensor>> {
        if !self.border.statistics || !self.fit.is_free() {
            return Ok(None);
        }
        Ok(Some(pollster::block_on(statistics_of(&mut self.engine, &self.border, picture))?))
    }

    fn run_at_its_size(&mut self, picture: &Picture, look: Look) -> Result<Picture> {
        let Fit { width, height } = self.fit;
        let (width, height) = (width.unwrap_or(picture.width), height.unwrap_or(picture.height));
        let fitted = resize(picture, width, height)?;
        let all = Rectangle { left: 0, top: 0, width, height };
        let exact = Border { multiple: 1, at_least: 1, ..self.border.clone() };
        let (made, _) = pollster::block_on(exact.run(&mut self.engine, &fitted, all, None))?;
        let made = Picture::from_batch(&made)?.remove(0);
        let mut back = resize(&made, picture.width, picture.height)?;
        for (pixel, original) in back.pixels.chunks_exact_mut(3).zip(picture.pixels.chunks_exact(3)) {
            let stylized = [0, 1, 2].map(|channel| f32::from(pixel[channel]) / 255.0);
            pixel.copy_from_slice(&look.pixel([original[0], original[1], original[2]], stylized));
        }
        Ok(back)
    }

    /// Whether what the model makes of a grey ramp looks as if its numbers were of another range than supposed.
    pub fn range_looks_wrong(&mut self) -> Result<bool> {
        let Fit { width, height } = self.fit;
        let (width, height) = (width.unwrap_or(64), height.unwrap_or(64));
        let ramp: Vec<u8> = (0..width * height).flat_map(|at| [(at % width * 255 / width) as u8; 3]).collect();
        let ramp = Picture { width, height, channels: 3, pixels: ramp };
        let all = Rectangle { left: 0, top: 0, width, height };
        let (made, _) = pollster::block_on(self.border.run(&mut self.engine, &ramp, all, None))?;
        let values = made.as_f32()?;
        let outside = values.iter().filter(|value| !(-0.5..=1.5).contains(*value)).count();
        Ok(4 * outside > values.len())
    }
}

fn in_file(path: &Path, source: easel_runtime::Error) -> Error {
    Error::Model { path: PathBuf::from(path), source }
}

/// The one picture that goes in and the one that comes out.
fn borders(engine: &OrtEngine) -> Result<(&ValueInfo, &ValueInfo), String> {
    let listed = |values: &[&ValueInfo]| values.iter().map(|value| value.to_string()).collect::<Vec<_>>().join("; ");
    let needed: Vec<&ValueInfo> = engine.inputs().iter().filter(|input| !input.optional).collect();
    let own = |output: &&ValueInfo| !output.name.starts_with("statistics.");
    let given: Vec<&ValueInfo> = engine.outputs().iter().filter(own).collect();
    let ([input], [output]) = (needed.as_slice(), given.as_slice()) else {
        return Err(format!(
            "stylize needs a model with one picture in and one out; this one takes {} and gives {}",
            listed(&needed),
            listed(&given)
        ));
    };
    let is_picture = |value: &ValueInfo| {
        let fits = |axis: usize, size| {
            matches!(&value.dims[axis], Dimension::Named(_)) || value.dims[axis] == Dimension::Fixed(size)
        };
        value.element == "float32" && (value.dims.is_empty() || value.dims.len() == 4 && fits(0, 1) && fits(1, 3))
    };
    let channels_last = |value: &ValueInfo| {
        value.dims.last() == Some(&Dimension::Fixed(3)) && value.dims.get(1) != Some(&Dimension::Fixed(3))
    };
    if channels_last(input) || channels_last(output) {
        return Err(format!(
            "its pictures have their channels last, and stylize needs [1, 3, height, width]; this one takes {input} and \
             gives {output}"
        ));
    }
    match (is_picture(input), is_picture(output)) {
        (true, true) => Ok((input, output)),
        _ => Err(format!(
            "stylize needs a model that makes float32 [1, 3, height, width] of the same; this one takes {input} and gives {output}"
        )),
    }
}
