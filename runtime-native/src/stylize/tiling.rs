//! Estimates the memory that a picture takes, and cuts it into tiles that fit.

use easel_pictures::{Header, fitted_size};
pub use easel_runtime::stylizer::FixedSize;
use easel_runtime::stylizer::statistics::thumbnail_pixels;
use easel_runtime::stylizer::tiles::{self, Grid, Tile};
use image::ImageFormat;

use super::options::{StatisticsSource, TileSize, TilingOptions};
use crate::error::{Error, Result};
use crate::memory::free_bytes;

/// The default memory limit for choosing tiles, as if ONNX Runtime computed them. It depends on neither the machine nor the
/// engine, so results are the same everywhere.
const USUAL_MEMORY: usize = 2_000_000_000;

/// What the program, the engine and a model take before the first picture. Measured with ONNX Runtime: 50 MB at width 16,
/// 70 at 32.
pub(super) const PROGRAM: usize = 100_000_000;

/// What a stylizer takes for each pixel in ONNX Runtime: a constant, and more for each of its base channels. Measured on
/// tiles of one size and a thumbnail: 278 bytes at width 8, 447 at 16, 767 at 32; and up to 10 % more after pictures of
/// several sizes.
const BYTES_PER_PIXEL: usize = 130;
const BYTES_PER_PIXEL_AND_CHANNEL: usize = 22;

/// What a model that enlarges takes for each pixel of its output: three channels as float32, and a few more of its last
/// layer.
const BYTES_OF_OUTPUT: usize = 100;

/// The width assumed for models without a card, that of Johnson et al. 2016 (arXiv 1603.08155).
const CLASSIC_WIDTH: usize = 32;

/// What memory and tiles depend on in a model.
#[derive(Debug, Clone, Copy)]
pub struct ModelTraits {
    /// Its base channels, if the card has them.
    pub width: Option<usize>,
    /// Whether it takes statistics, so that its tiles can share them.
    pub shares_statistics: bool,
    /// The only size that it takes, if there is one.
    pub fixed_size: FixedSize,
    /// The sides of its input are multiples of this.
    pub multiple: usize,
    /// How many times as wide and high as a picture its result is.
    pub scale: usize,
    /// The bytes that the engine takes for each pixel of a picture; none if that is not known, as in ONNX Runtime.
    pub bytes_per_pixel: Option<usize>,
}

impl ModelTraits {
    /// An estimate of the bytes that ONNX Runtime takes for each pixel of a picture.
    fn usual_bytes_per_pixel(&self) -> usize {
        // A model that enlarges works at the size of the picture for the most part, and its output is large.
        let output = BYTES_OF_OUTPUT * (self.scale * self.scale - 1);
        BYTES_PER_PIXEL + BYTES_PER_PIXEL_AND_CHANNEL * self.width.unwrap_or(CLASSIC_WIDTH) + output
    }
}

/// The memory that a picture takes in addition to the program and the engine, in bytes.
#[derive(Debug, Clone, Copy)]
pub struct Footprint {
    /// The width at which it is computed.
    pub width: usize,
    /// The height.
    pub height: usize,
    /// While it is decoded.
    pub decoding: usize,
    /// While colours for unseen pixels are found, of one frame: they, and the levels of less resolution.
    pub filling: usize,
    /// While the engine works.
    pub computing: usize,
    /// While the result is encoded.
    pub encoding: usize,
}

impl Footprint {
    /// That of a picture that is downscaled to at most `max_size` pixels on its longer side. If results are `blended`,
    /// their sum is kept too.
    pub fn new(header: &Header, max_size: Option<u32>, format: ImageFormat, blended: bool) -> Self {
        let (width, height) = fitted_size(header.width, header.height, max_size);
        let (read, computed) = (header.width * header.height, width * height);
        let alpha = usize::from(header.alpha);
        let converted = header.decoded + (3 + alpha) * read;
        // The resizer has a pass over rows and one over columns.
        let resized = if computed < read { 2 * (3 + alpha) * read } else { 0 };
        // Encoders may compress the whole picture before they write it, and noise does not get smaller.
        let encoded = 2 * (3 + alpha) * computed;
        let merged =
            if header.alpha { if format == ImageFormat::Jpeg { 3 * computed } else { 4 * computed } } else { 0 };
        Self {
            width,
            height,
            decoding: header.decoding.max(converted).max(resized),
            filling: 9 * alpha * computed,
            computing: (3 + 3 + alpha + if blended { 3 + 3 * size_of::<f32>() } else { 0 }) * computed,
            encoding: (3 + alpha) * computed + merged + encoded,
        }
    }

    /// That of an animation with this many frames, which are all in memory at once.
    pub fn of_frames(self, count: usize) -> Self {
        let all = |bytes: usize| bytes.saturating_mul(count);
        Self { decoding: all(self.decoding), computing: all(self.computing), encoding: all(self.encoding), ..self }
    }

    /// That of a picture whose result is scaled up by a whole factor.
    pub fn enlarged(&self, scale: usize) -> Self {
        let enlarged = |bytes: usize| bytes.saturating_mul(scale * scale);
        Self { computing: enlarged(self.computing), encoding: enlarged(self.encoding), ..*self }
    }

    /// The peak.
    pub fn peak(&self) -> usize {
        self.decoding.max(self.computing + self.filling).max(self.encoding)
    }
}

/// Where the norm statistics of a picture's tiles come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TileStatistics {
    /// Each tile's own.
    Own,
    /// A copy of at most this many pixels.
    Thumbnail(usize),
    /// The whole picture, in a pass over the tiles for each norm.
    Exact,
}

/// The tiles of a picture and their statistics.
#[derive(Debug, Clone)]
pub struct Tiling {
    /// The tiles.
    pub tiles: Vec<Tile>,
    /// Where their statistics come from; a single tile has its own.
    pub statistics: TileStatistics,
    /// The engine's estimated peak, in bytes.
    pub bytes: usize,
    /// The program's estimated peak, in bytes.
    pub peak: usize,
    /// A warning for the user.
    pub warning: Option<String>,
}

impl Tiling {
    /// The whole picture as one tile, whatever memory it takes.
    pub fn whole(width: usize, height: usize) -> Self {
        Self::new(tiles::whole(width, height), TileStatistics::Own)
    }

    /// Given tiles, whatever memory they take.
    pub fn new(tiles: Vec<Tile>, statistics: TileStatistics) -> Self {
        Self { tiles, statistics, bytes: 0, peak: 0, warning: None }
    }
}

/// Plans the tiles of a picture.
///
/// A model that takes no statistics is tiled only if the whole picture would take more than the limit, or than half of
/// the free memory: its tiles differ in tone.
///
/// Fails with [`Error::MemoryLimit`] if a limit was given and even the smallest tiles would take more.
pub fn tiling(model: &ModelTraits, footprint: &Footprint, options: &TilingOptions) -> Result<Tiling> {
    let footprint = footprint.enlarged(model.scale);
    let Footprint { width, height, .. } = footprint;
    let usual_pixel = model.usual_bytes_per_pixel();
    let pixel = model.bytes_per_pixel.unwrap_or(usual_pixel);
    // Tiles that share statistics show by a few levels how large the thumbnail was; others by where they end.
    let is_usual = options.memory.is_none() && model.shares_statistics;
    let grid = Grid::of_multiple(model.multiple);
    let usual = if model.shares_statistics { USUAL_MEMORY } else { USUAL_MEMORY.max(free_bytes() / 2) };
    let limit = options.memory.unwrap_or(usual);
    let room = limit.saturating_sub(PROGRAM + footprint.computing + footprint.filling);
    let most = (room / if is_usual { usual_pixel } else { pixel }).max(grid.smallest().min(width * height));
    let tiles = match options.tile {
        // A picture is resized for a model of one size, but not enlarged from that.
        _ if !model.fixed_size.is_any() && model.scale > 1 => tiles::plan_fixed(width, height, model.fixed_size),
        _ if !model.fixed_size.is_any() => tiles::whole(width, height),
        TileSize::Off => tiles::whole(width, height),
        TileSize::Auto => tiles::plan_within(width, height, most, grid),
        TileSize::Pixels(size) => tiles::plan(width, height, size, size, grid),
    };
    let statistics = match options.statistics {
        _ if tiles.len() == 1 || !model.shares_statistics => TileStatistics::Own,
        StatisticsSource::Thumbnail => TileStatistics::Thumbnail(thumbnail_pixels(width, height, most)),
        StatisticsSource::Exact => TileStatistics::Exact,
    };
    let seen = match model.fixed_size {
        size if size.is_any() => tiles.iter().map(|tile| tile.seen.width * tile.seen.height).max().unwrap_or(0),
        size => size.width.unwrap_or(width) * size.height.unwrap_or(height),
    };
    let once = if let TileStatistics::Thumbnail(pixels) = statistics { pixels.max(seen) } else { seen };
    let bytes = pixel * once;
    // After several tiles the engine releases its memory.
    let encoding = footprint.encoding + if tiles.len() == 1 { bytes } else { 0 };
    let peak = PROGRAM + footprint.decoding.max(footprint.computing + footprint.filling + bytes).max(encoding);
    if let Some(limit) = options.memory.filter(|&limit| limit < peak) {
        return Err(too_much(peak, limit, options.tile));
    }
    let warning = (tiles.len() > 1 && !model.shares_statistics && model.scale == 1).then(|| {
        format!(
            "the model takes no statistics, so its {} tiles may differ in tone; --max-size makes the picture small \
             enough for one, --tile off computes it whole and needs about {:.1} GB",
            tiles.len(),
            (width * height * pixel + PROGRAM + footprint.computing + footprint.filling) as f64 / 1e9
        )
    });
    Ok(Tiling { tiles, statistics, bytes, peak, warning })
}

fn too_much(needed: usize, limit: usize, tile: TileSize) -> Error {
    let (how, advice) = match tile {
        TileSize::Auto => ("at least", "raise --memory, or give a smaller copy of the picture"),
        TileSize::Off => ("in one piece", "raise --memory, or remove --tile off"),
        TileSize::Pixels(_) => ("in such tiles", "raise --memory, or remove --tile"),
    };
    Error::MemoryLimit { needed, limit, how, advice }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CLASSIC: ModelTraits = ModelTraits {
        width: Some(16),
        shares_statistics: true,
        fixed_size: FixedSize { width: None, height: None },
        multiple: 1,
        scale: 1,
        bytes_per_pixel: None,
    };

    fn footprint(width: usize, height: usize) -> Footprint {
        let header = Header { width, height, alpha: false, decoded: 3 * width * height, decoding: 4 * width * height };
        Footprint::new(&header, None, ImageFormat::Png, false)
    }

    fn options(memory: Option<usize>) -> TilingOptions {
        TilingOptions { tile: TileSize::Auto, statistics: StatisticsSource::Thumbnail, memory }
    }

    #[test]
    fn tiles_stay_within_the_limit() {
        for (width, height) in [(10_000, 10_000), (16_384, 1), (3_000, 2_000), (50, 40), (9_000, 300)] {
            let mut last = usize::MAX;
            for memory in [2_000_000_000, 1_500_000_000, 1_300_000_000, 400_000_000, 180_000_000] {
                match tiling(&CLASSIC, &footprint(width, height), &options(Some(memory))) {
                    Ok(tiling) => {
                        assert!(tiling.peak <= memory && tiling.bytes <= last, "{width}x{height}: {tiling:?}");
                        last = tiling.bytes;
                    }
                    Err(Error::MemoryLimit { needed, limit, .. }) => {
                        assert!(width * height > 5_000_000 && needed > limit && limit == memory, "{needed}");
                    }
                    Err(other) => panic!("{other}"),
                }
            }
        }
        let usual = tiling(&CLASSIC, &footprint(10_000, 10_000), &options(None)).unwrap();
        assert!(usual.peak < USUAL_MEMORY && usual.tiles.len() < 60, "{usual:?}");
        assert_eq!(tiling(&CLASSIC, &footprint(1920, 1080), &options(None)).unwrap().tiles.len(), 1);
    }

    #[test]
    fn the_engine_changes_no_tiles_without_a_limit() {
        let lean = ModelTraits { bytes_per_pixel: Some(150), ..CLASSIC };
        let plan = |model: &ModelTraits, memory| tiling(model, &footprint(10_000, 10_000), &options(memory)).unwrap();
        let [usual, same] = [&CLASSIC, &lean].map(|model| plan(model, None));
        assert_eq!((&usual.tiles, usual.statistics), (&same.tiles, same.statistics));
        assert!(same.peak < usual.peak && same.bytes < usual.bytes);
        let [limited, fewer] = [&CLASSIC, &lean].map(|model| plan(model, Some(1_300_000_000)));
        assert!(fewer.tiles.len() < limited.tiles.len() && fewer.peak <= 1_300_000_000);
    }

    #[test]
    fn what_does_not_fit_the_limit_is_an_error() {
        let limit_of = |options: &TilingOptions| match tiling(&CLASSIC, &footprint(4_000, 3_000), options) {
            Err(Error::MemoryLimit { needed, limit, how, .. }) => (needed.div_ceil(1_000_000), limit, how),
            other => panic!("{other:?}"),
        };
        assert_eq!(limit_of(&options(Some(1_000))), (208, 1_000, "at least"));
        let whole = TilingOptions { tile: TileSize::Off, ..options(Some(1_000_000_000)) };
        assert_eq!(limit_of(&whole).2, "in one piece");
        // Without a limit any tiles are allowed.
        assert!(tiling(&CLASSIC, &footprint(16_000, 16_000), &TilingOptions { memory: None, ..whole }).is_ok());
    }
}
