//! How much memory a picture takes, and how much of it is therefore computed at once.

use easel_pictures::{Header, fitted_size};
use easel_runtime::stylizer::statistics::thumbnail_pixels;
use easel_runtime::stylizer::tiles::{self, HALO, Tile};
use image::ImageFormat;

use super::model::Fit;
use super::plan::{StatisticsOf, TileSize};
use crate::memory::free_bytes;

/// What the program may take where nobody says otherwise. It is the same everywhere, and so is the result.
const USUAL_MEMORY: usize = 2_000_000_000;

/// The program, ONNX Runtime and a model before the first picture. Measured: 50 MB at width 16, 70 at 32.
pub(super) const PROGRAM: usize = 100_000_000;

/// What a picture's pixel takes while a stylizer computes it: so much, and so much more for each channel of its width.
/// Measured with ONNX Runtime on tiles of one size and a thumbnail: 278 at width 8, 447 at 16, 767 at 32; and up to 10 %
/// more after pictures of several sizes.
const BYTES_A_PIXEL: usize = 130;
const BYTES_A_PIXEL_AND_CHANNEL: usize = 22;

/// The classic width, of which other people's models are supposed to be.
const CLASSIC_WIDTH: usize = 32;

/// The fewest pixels that a tile is allowed to see: four halos each way.
const SMALLEST: usize = (4 * HALO) * (4 * HALO);

/// What is told of memory and tiles.
#[derive(Debug, Clone, Copy)]
pub struct Settings {
    /// How large the tiles are.
    pub tile: TileSize,
    /// Whose statistics they share.
    pub statistics: StatisticsOf,
    /// What the program may take, in bytes. Without a limit, tiles are chosen as if there were one of 2 GB, which a
    /// picture that has no smaller tiles may exceed.
    pub memory: Option<usize>,
}

/// What memory and tiles depend on in a model.
#[derive(Debug, Clone, Copy)]
pub struct Facts {
    /// The channels that the network begins with, where the card tells.
    pub width: Option<usize>,
    /// Whether it takes statistics, so that its tiles can share them.
    pub shares: bool,
    /// The only size that it takes, where there is one.
    pub fit: Fit,
}

/// What a picture takes beside the program and the engine, in bytes.
#[derive(Debug, Clone, Copy)]
pub struct Footprint {
    /// Its width when it is computed.
    pub width: usize,
    /// Its height.
    pub height: usize,
    /// While it is read.
    pub decoding: usize,
    /// While the engine works.
    pub computing: usize,
    /// While the result is encoded.
    pub encoding: usize,
}

impl Footprint {
    /// Of a picture that is made smaller where its longer side has more than `max_size` pixels. Where results are
    /// `blended`, their sum is kept too.
    pub fn new(header: &Header, max_size: Option<u32>, format: ImageFormat, blended: bool) -> Self {
        let (width, height) = fitted_size(header.width, header.height, max_size);
        let (read, made) = (header.width * header.height, width * height);
        let alpha = usize::from(header.alpha);
        let converted = header.decoded + (3 + alpha) * read;
        // The resizer goes by rows and columns, one after the other.
        let resized = if made < read { 2 * (3 + alpha) * read } else { 0 };
        // Encoders may compress the whole before they write it, which of noise is as large as the pixels.
        let encoded = 2 * (3 + alpha) * made;
        let merged = if header.alpha { if format == ImageFormat::Jpeg { 3 * made } else { 4 * made } } else { 0 };
        Self {
            width,
            height,
            decoding: header.decoding.max(converted).max(resized),
            computing: (3 + 3 + alpha + if blended { 3 + 3 * size_of::<f32>() } else { 0 }) * made,
            encoding: (3 + alpha) * made + merged + encoded,
        }
    }

    /// That of an animation of so many such pictures, which are all in memory at once.
    pub fn of_frames(self, count: usize) -> Self {
        let all = |bytes: usize| bytes.saturating_mul(count);
        Self { decoding: all(self.decoding), computing: all(self.computing), encoding: all(self.encoding), ..self }
    }

    /// At its peak.
    pub fn most(&self) -> usize {
        self.decoding.max(self.computing).max(self.encoding)
    }
}

/// Where the statistics of a picture's tiles come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Statistics {
    /// Each tile's own.
    Own,
    /// A smaller copy of at most so many pixels.
    Thumbnail(usize),
    /// All of the picture, in a pass over the tiles for each norm.
    Exact,
}

/// The tiles of a picture, and what they are computed with.
#[derive(Debug, Clone)]
pub struct Tiling {
    /// The tiles.
    pub tiles: Vec<Tile>,
    /// Their statistics; one tile has its own.
    pub statistics: Statistics,
    /// What the engine takes at most, estimated.
    pub bytes: usize,
    /// What the program takes at most, estimated.
    pub peak: usize,
    /// What the user should know.
    pub warning: Option<String>,
}

impl Tiling {
    /// The picture at once, whatever it takes.
    pub fn whole(width: usize, height: usize) -> Self {
        Self::new(tiles::whole(width, height), Statistics::Own)
    }

    /// Tiles, whatever they take.
    pub fn new(tiles: Vec<Tile>, statistics: Statistics) -> Self {
        Self { tiles, statistics, bytes: 0, peak: 0, warning: None }
    }
}

/// Plans the tiles of a picture.
///
/// A model that takes no statistics is tiled only where the whole picture would take more than half of the memory that
/// is free, or than what is allowed: a picture in one piece is what its maker meant.
///
/// Fails where a limit was given and even the smallest tiles would take more.
pub fn tiling(facts: &Facts, footprint: &Footprint, settings: &Settings) -> Result<Tiling, String> {
    let Footprint { width, height, .. } = *footprint;
    let pixel = BYTES_A_PIXEL + BYTES_A_PIXEL_AND_CHANNEL * facts.width.unwrap_or(CLASSIC_WIDTH);
    let usual = if facts.shares { USUAL_MEMORY } else { USUAL_MEMORY.max(free_bytes() / 2) };
    let limit = settings.memory.unwrap_or(usual);
    let room = limit.saturating_sub(PROGRAM + footprint.computing);
    let most = (room / pixel).max(SMALLEST.min(width * height));
    let tiles = match settings.tile {
        _ if !facts.fit.is_free() => tiles::whole(width, height),
        TileSize::Off => tiles::whole(width, height),
        TileSize::Auto => tiles::plan_within(width, height, most, HALO),
        TileSize::Pixels(size) => tiles::plan(width, height, size, size, HALO),
    };
    let statistics = match settings.statistics {
        _ if tiles.len() == 1 || !facts.shares => Statistics::Own,
        StatisticsOf::Thumbnail => Statistics::Thumbnail(thumbnail_pixels(width, height, most)),
        StatisticsOf::Picture => Statistics::Exact,
    };
    let seen = match facts.fit {
        fit if fit.is_free() => tiles.iter().map(|tile| tile.seen.width * tile.seen.height).max().unwrap_or(0),
        fit => fit.width.unwrap_or(width) * fit.height.unwrap_or(height),
    };
    let once = if let Statistics::Thumbnail(pixels) = statistics { pixels.max(seen) } else { seen };
    let bytes = pixel * once;
    // After tiles the engine gives its memory back.
    let encoding = footprint.encoding + if tiles.len() == 1 { bytes } else { 0 };
    let peak = PROGRAM + footprint.decoding.max(footprint.computing + bytes).max(encoding);
    if let Some(limit) = settings.memory.filter(|&limit| limit < peak) {
        return Err(too_much(peak, limit, settings.tile));
    }
    let warning = (tiles.len() > 1 && !facts.shares).then(|| {
        format!(
            "the model takes no statistics from outside, so its {} tiles may differ in tone; --max-size makes the \
             picture small enough for one, --tile off computes it whole and needs about {:.1} GB",
            tiles.len(),
            (width * height * pixel + PROGRAM + footprint.computing) as f64 / 1e9
        )
    });
    Ok(Tiling { tiles, statistics, bytes, peak, warning })
}

fn too_much(peak: usize, limit: usize, tile: TileSize) -> String {
    let megabytes = |bytes: usize| bytes.div_ceil(1_000_000);
    let (how, way_out) = match tile {
        TileSize::Auto => ("at least", "allow that much, or give a smaller copy of the picture"),
        TileSize::Off => ("in one piece", "allow that much, or leave --tile off away"),
        TileSize::Pixels(_) => ("in such tiles", "allow that much, or leave --tile away"),
    };
    format!("it needs {} MB of memory {how}, and --memory allows {} MB; {way_out}", megabytes(peak), limit / 1_000_000)
}

/// A number of bytes as a user gives it: `2GB`, `1500MB`, `1.5GiB`.
pub(super) fn size(text: &str) -> Result<usize, String> {
    let expected = || "expected a size as 2GB, 1500MB or 1.5GiB".to_string();
    let units = text.find(|letter: char| letter.is_ascii_alphabetic()).unwrap_or(text.len());
    let (number, unit) = text.split_at(units);
    let unit: f64 = match unit.to_ascii_lowercase().as_str() {
        "" | "b" => 1.0,
        "k" | "kb" => 1e3,
        "m" | "mb" => 1e6,
        "g" | "gb" => 1e9,
        "t" | "tb" => 1e12,
        "kib" => 1024.0,
        "mib" => f64::from(1 << 20),
        "gib" => f64::from(1 << 30),
        _ => return Err(expected()),
    };
    let bytes = number.trim().parse().ok().map(|number: f64| number * unit);
    bytes.filter(|bytes| (1.0..1e18).contains(bytes)).map(|bytes| bytes as usize).ok_or_else(expected)
}

#[cfg(test)]
mod tests {
    use super::*;

    const CLASSIC: Facts = Facts { width: Some(16), shares: true, fit: Fit { width: None, height: None } };

    fn footprint(width: usize, height: usize) -> Footprint {
        let header = Header { width, height, alpha: false, decoded: 3 * width * height, decoding: 4 * width * height };
        Footprint::new(&header, None, ImageFormat::Png, false)
    }

    fn settings(memory: Option<usize>) -> Settings {
        Settings { tile: TileSize::Auto, statistics: StatisticsOf::Thumbnail, memory }
    }

    #[test]
    fn memory_is_held() {
        for (width, height) in [(10_000, 10_000), (16_384, 1), (3_000, 2_000), (50, 40), (9_000, 300)] {
            let mut last = usize::MAX;
            for memory in [2_000_000_000, 1_500_000_000, 1_300_000_000, 400_000_000, 180_000_000] {
                match tiling(&CLASSIC, &footprint(width, height), &settings(Some(memory))) {
                    Ok(tiling) => {
                        assert!(tiling.peak <= memory && tiling.bytes <= last, "{width}x{height}: {tiling:?}");
                        last = tiling.bytes;
                    }
                    Err(why) => assert!(width * height > 5_000_000 && why.contains("MB of memory at least"), "{why}"),
                }
            }
        }
        let usual = tiling(&CLASSIC, &footprint(10_000, 10_000), &settings(None)).unwrap();
        assert!(usual.peak < USUAL_MEMORY && usual.tiles.len() < 60, "{usual:?}");
        assert_eq!(tiling(&CLASSIC, &footprint(1920, 1080), &settings(None)).unwrap().tiles.len(), 1);
    }

    #[test]
    fn what_cannot_be_held_is_said() {
        let why = tiling(&CLASSIC, &footprint(4_000, 3_000), &settings(Some(1_000))).unwrap_err();
        assert!(why.starts_with("it needs 208 MB of memory at least, and --memory allows 0 MB; "), "{why}");
        let whole = Settings { tile: TileSize::Off, ..settings(Some(1_000_000_000)) };
        let why = tiling(&CLASSIC, &footprint(4_000, 3_000), &whole).unwrap_err();
        assert!(why.contains("in one piece") && why.ends_with("leave --tile off away"), "{why}");
        // Without a limit the user's tiles are the user's.
        assert!(tiling(&CLASSIC, &footprint(16_000, 16_000), &Settings { memory: None, ..whole }).is_ok());
    }

    #[test]
    fn sizes_are_read() {
        assert_eq!((size("2GB"), size("1500 mb"), size("1.5GiB")), (Ok(2_000_000_000), Ok(1_500_000_000), Ok(3 << 29)));
        for text in ["0", "", "GB", "-1GB", "2XB", "nan", "inf", "1e30GB", "two"] {
            assert!(size(text).is_err(), "{text}");
        }
    }
}
