//! A model that turns a picture into a picture: from export-onnx or from elsewhere.

use std::path::Path;
use std::sync::OnceLock;

use easel_pictures::resize;
use easel_runtime::stylizer::statistics::{STATISTICS, USE_STATISTICS, thumbnail};
use easel_runtime::stylizer::tiles::plan_fixed;
use easel_runtime::stylizer::{
    Compositing, FixedSize, ForeignSpec, IoSpec, PixelType, Range, Rectangle, SeenRange, Source, exact_statistics,
    statistics_of, stylize,
};
use easel_runtime::{Picture, Tensor, onnx};

use super::options::IoOptions;
use super::tiling::{ModelTraits, TileStatistics, Tiling};
use crate::engine::{EngineOptions, NativeEngine};
use crate::error::{Error, Result};
use crate::memory::release_freed;
use crate::model::AnyModelFile;

/// The side of the picture that the engine's memory is asked for.
const PROBE_SIDE: usize = 512;

/// A stylizer, loaded.
#[derive(Debug)]
pub struct Stylizer {
    /// Its title, or its file's name.
    pub title: String,
    /// The engine.
    pub engine: NativeEngine,
    /// Its preprocessing.
    pub io_spec: IoSpec,
    /// Its base channels, if the card has them.
    pub width: Option<usize>,
    /// Norm statistics to use in place of each picture's own.
    pub held_statistics: Option<Tensor>,
    /// Whether its input range is a guess: neither the file nor the user gave one.
    pub guessed_range: bool,
    /// The file, to cut before its norms.
    file: Vec<u8>,
    options: EngineOptions,
    /// How many norms the file can be cut before, once that was asked for.
    norms: OnceLock<usize>,
    /// Whether the engine holds memory of earlier runs.
    holds_memory: bool,
}

impl Stylizer {
    /// Opens a model file. `io` is for a model without a card.
    ///
    /// Fails on a model of another kind, on one that does not turn one RGB picture into one, and on `io` options for a
    /// model with a card.
    pub fn open(path: &Path, io: IoOptions, options: &EngineOptions) -> Result<Self> {
        Self::open_known(path, io, options, &OnceLock::new())
    }

    /// [`Self::open`], for a model that may have been opened before: what was found then by running it is not sought again.
    pub(super) fn open_known(
        path: &Path,
        io: IoOptions,
        options: &EngineOptions,
        known: &OnceLock<IoSpec>,
    ) -> Result<Self> {
        let mut file = AnyModelFile::read(path)?;
        if let Some(card) = &file.card {
            let (found, wanted) = (card.kind.name(), "stylizer");
            if found != wanted {
                return Err(Error::WrongKind { path: path.to_owned(), found, wanted });
            }
            let given =
                [(io.range.is_some(), "--range"), (io.output_range.is_some(), "--output-range"), (io.bgr, "--bgr")];
            if let Some((_, option)) = given.into_iter().find(|(given, _)| *given) {
                let reason = "is for models without a card, and this one has a card; remove it".into();
                return Err(Error::InapplicableOption { path: path.to_owned(), option, reason });
            }
        }
        let foreign = ForeignSpec::read(&file.bytes, io).map_err(|source| Error::model(path, source))?;
        let suffix = onnx::statistics_outputs(&file.bytes).map_err(|source| Error::model(path, source))?;
        let outputs_statistics = suffix.is_some();
        let length = file.bytes.len();
        file.bytes.extend(suffix.unwrap_or_default());
        let mut engine = NativeEngine::load(&file.bytes, options).map_err(|error| error.in_file(path))?;
        file.bytes.truncate(length);
        let takes = |name: &str| engine.inputs().iter().any(|input| input.optional && input.name == name);
        let statistics = outputs_statistics && takes(STATISTICS) && takes(USE_STATISTICS);
        let own = file.card.is_some();
        // Our models pad their input themselves.
        let found = if own { foreign.io_spec.clone() } else { Self::complete(&foreign, &mut engine, known, path)? };
        let io_spec = IoSpec { statistics, ..found };
        let sizes = file.card.as_ref().map(|card| &card.architecture.sizes);
        let width = sizes.and_then(|sizes| sizes.get("width")?.as_u64()).and_then(|width| usize::try_from(width).ok());
        let name = || path.file_stem().unwrap_or(path.as_os_str()).to_string_lossy().into_owned();
        Ok(Self {
            title: file.card.as_ref().map_or_else(name, |card| card.title.clone()),
            io_spec,
            width,
            held_statistics: None,
            guessed_range: !own && foreign.guessed_range,
            engine,
            file: file.bytes,
            norms: OnceLock::new(),
            options: options.clone(),
            holds_memory: false,
        })
    }

    fn complete(
        foreign: &ForeignSpec,
        engine: &mut NativeEngine,
        known: &OnceLock<IoSpec>,
        path: &Path,
    ) -> Result<IoSpec> {
        if let Some(known) = known.get() {
            return Ok(known.clone());
        }
        let found = pollster::block_on(foreign.complete(engine)).map_err(|source| Error::model(path, source))?;
        Ok(known.get_or_init(|| found).clone())
    }

    /// Whether the inputs of its norms can be read, so that their statistics can be exact. Not in a model of eight bits,
    /// where sums are of whole numbers.
    pub fn has_norm_inputs(&self) -> bool {
        self.norms() > 0
    }

    fn norms(&self) -> usize {
        let count = || (0..).take_while(|&norm| matches!(onnx::before_norm(&self.file, norm), Ok(Some(_)))).count();
        *self.norms.get_or_init(count)
    }

    /// What memory and tiles depend on.
    pub fn traits(&mut self) -> ModelTraits {
        let IoSpec { statistics, fixed_size, multiple, scale, .. } = self.io_spec;
        let bytes_per_pixel = self.bytes_per_pixel();
        ModelTraits { width: self.width, shares_statistics: statistics, fixed_size, multiple, scale, bytes_per_pixel }
    }

    /// The bytes that the engine takes for each pixel, with the input and the output; none if it does not know.
    fn bytes_per_pixel(&mut self) -> Option<usize> {
        let IoSpec { input, layout, multiple, min_size, fixed_size, .. } = &self.io_spec;
        let side = |fixed: Option<usize>| fixed.unwrap_or(PROBE_SIDE.max(*min_size).next_multiple_of(*multiple));
        let [height, width] = [fixed_size.height, fixed_size.width].map(side);
        let image = Tensor::new(layout.shape([height, width]), vec![0f32; 3 * height * width]).ok()?;
        let bytes = self.engine.memory(&[(input, &image)])?;
        let input = 3 * size_of::<f32>();
        Some(bytes.div_ceil(height * width) + input)
    }

    /// The fewest tiles for a picture of a size, whatever memory they take: one, unless the model enlarges from one size.
    pub fn fewest_tiles(&self, width: usize, height: usize) -> Tiling {
        let IoSpec { fixed_size, scale, .. } = self.io_spec;
        match scale {
            1 => Tiling::whole(width, height),
            _ => Tiling::new(plan_fixed(width, height, fixed_size), TileStatistics::Own),
        }
    }

    /// Stylizes an RGB picture in the tiles planned for it. The result is the model's scale times as wide and high. For a
    /// model of a fixed size that does not enlarge, the picture is resized, and the result is resized back. Calls
    /// `progress` with how many of the [`Self::steps`] are done.
    pub fn run<'a>(
        &mut self,
        picture: impl Into<Source<'a>>,
        tiling: &Tiling,
        compositing: Compositing,
        mut progress: impl FnMut(usize),
    ) -> Result<Picture> {
        let picture = picture.into();
        if tiling.statistics == TileStatistics::Exact {
            // The cut models take memory of their own.
            self.release()?;
        }
        self.holds_memory = true;
        let stylized = if self.io_spec.fixed_size.is_any() || self.io_spec.scale > 1 {
            let statistics = self.statistics(picture.seen, tiling, &mut progress)?;
            let before = self.steps(tiling) - tiling.tiles.len();
            let Self { engine, io_spec, .. } = &mut *self;
            let progress = |done| progress(before + done);
            let run = stylize(engine, io_spec, picture, &tiling.tiles, statistics.as_ref(), compositing, progress);
            pollster::block_on(run)?
        } else {
            self.run_at_fixed_size(picture, compositing)?
        };
        if tiling.tiles.len() > 1 {
            self.release()?;
        }
        Ok(stylized)
    }

    /// How many tiles are computed for a picture, including those for exact statistics.
    pub fn steps(&self, tiling: &Tiling) -> usize {
        let passes = if tiling.statistics == TileStatistics::Exact { self.norms() } else { 0 };
        tiling.tiles.len() * (1 + passes)
    }

    /// Makes the engine release the memory that it holds of earlier runs.
    pub fn release(&mut self) -> Result<()> {
        if self.holds_memory {
            if !self.engine.free_memory() {
                self.engine.keep_memory(false);
                let FixedSize { width, height } = self.io_spec.fixed_size;
                let small = Picture::filled(width.unwrap_or(1), height.unwrap_or(1), 3, 0);
                let all = Rectangle { left: 0, top: 0, width: small.width, height: small.height };
                let run = pollster::block_on(self.io_spec.run(&mut self.engine, &small, all, None));
                self.engine.keep_memory(true);
                run?;
            }
            release_freed();
            self.holds_memory = false;
        }
        Ok(())
    }

    fn statistics(
        &mut self,
        picture: &Picture,
        tiling: &Tiling,
        progress: &mut impl FnMut(usize),
    ) -> Result<Option<Tensor>> {
        let Self { engine, io_spec, file, options, held_statistics: held, .. } = self;
        match tiling.statistics {
            _ if held.is_some() => Ok(held.clone()),
            _ if tiling.tiles.len() == 1 || !io_spec.statistics => Ok(None),
            TileStatistics::Own => Ok(None),
            TileStatistics::Thumbnail(pixels) => {
                let small = thumbnail(picture, pixels);
                let statistics = pollster::block_on(statistics_of(engine, io_spec, &small))?;
                // Tiles are of another size, and both would not stay within the limit.
                if engine.free_memory() {
                    release_freed();
                }
                Ok(Some(statistics))
            }
            TileStatistics::Exact => {
                let channels = onnx::initializers(file)?
                    .iter()
                    .find(|found| found.name == STATISTICS)
                    .and_then(|found| found.dims.get(1).copied())
                    .unwrap_or(0);
                let open = async |norm| {
                    // The cut before this one is closed by now.
                    release_freed();
                    let cut = onnx::before_norm(file, norm)?;
                    let load = |cut: Vec<u8>| NativeEngine::load(&cut, options);
                    cut.map(load).transpose().map_err(|error| easel_runtime::Error::Engine(error.to_string()))
                };
                let mut done = 0;
                let count = || {
                    done += 1;
                    progress(done);
                };
                let exact = exact_statistics(io_spec, picture, &tiling.tiles, channels, open, count);
                Ok(Some(pollster::block_on(exact)?))
            }
        }
    }

    /// The norm statistics of a picture, `[2, channels]`; none if the model takes none.
    pub fn own_statistics(&mut self, picture: &Picture) -> Result<Option<Tensor>> {
        if !self.io_spec.statistics || !self.io_spec.fixed_size.is_any() {
            return Ok(None);
        }
        Ok(Some(pollster::block_on(statistics_of(&mut self.engine, &self.io_spec, picture))?))
    }

    fn run_at_fixed_size(&mut self, picture: Source<'_>, compositing: Compositing) -> Result<Picture> {
        let Source { seen: picture, original } = picture;
        let FixedSize { width, height } = self.io_spec.fixed_size;
        let (width, height) = (width.unwrap_or(picture.width), height.unwrap_or(picture.height));
        let resized = resize(picture, width, height)?;
        let all = Rectangle { left: 0, top: 0, width, height };
        let (stylized, _) = pollster::block_on(self.io_spec.run(&mut self.engine, &resized, all, None))?;
        let stylized = Picture::from_batch(&stylized)?.remove(0);
        let mut result = resize(&stylized, picture.width, picture.height)?;
        for (pixel, original) in result.pixels.chunks_exact_mut(3).zip(original.pixels.chunks_exact(3)) {
            let stylized = [0, 1, 2].map(|channel| f32::from(pixel[channel]) / 255.0);
            pixel.copy_from_slice(&compositing.pixel([original[0], original[1], original[2]], stylized));
        }
        Ok(result)
    }

    /// What to try if the model's output for a grey ramp is in another range than was assumed.
    pub fn range_hint(&mut self) -> Result<Option<String>> {
        let (assumed, seen) = (self.io_spec.output_range, self.ramp_values(self.io_spec.range)?);
        let found = seen.range();
        if found == Some(assumed) {
            return Ok(None);
        }
        let advice = match found {
            // Bytes have one range; nor does that of the input matter where the user gave the output's alone.
            Some(range) if assumed != self.io_spec.range || self.io_spec.pixel_type == PixelType::U8 => {
                format!("try --output-range {range}")
            }
            Some(range) if self.ramp_values(range).ok().and_then(SeenRange::range) == Some(range) => {
                format!("try --range {range}, or --output-range {range} if its input is {}", self.io_spec.range)
            }
            Some(range) => format!("try --output-range {range}"),
            None => "--output-range has no range for them, so results may be black and white".into(),
        };
        let SeenRange { low, high } = seen;
        Ok(Some(format!("its output has values from {low:.3} to {high:.3}, not {assumed}; {advice}")))
    }

    /// The values of the model's output for a grey ramp, as they are.
    fn ramp_values(&mut self, range: Range) -> Result<SeenRange> {
        let FixedSize { width, height } = self.io_spec.fixed_size;
        let (width, height) = (width.unwrap_or(64), height.unwrap_or(64));
        let ramp: Vec<u8> = (0..width * height).flat_map(|at| [(at % width * 255 / width) as u8; 3]).collect();
        let ramp = Picture { width, height, channels: 3, pixels: ramp };
        let all = Rectangle { left: 0, top: 0, width, height };
        let io_spec = IoSpec { range, output_range: Range::Unit, ..self.io_spec.clone() };
        let (output, _) = pollster::block_on(io_spec.run(&mut self.engine, &ramp, all, None))?;
        Ok(SeenRange::of(output.as_f32()?))
    }
}
