//! How much of a picture is computed at once.

use easel_runtime::stylizer::tiles::{self, HALO, Tile};

use super::{Stylizer, TileSize};
use crate::memory::free_bytes;

/// What computing may take where nobody says otherwise: 1920x1080 in one piece at the classic width. It is the same
/// everywhere, and so is the result.
const BUDGET_BYTES: usize = 1_700_000_000;

/// What a picture's pixel takes while a stylizer computes it: so much, and so much more for each channel of its width.
/// Measured with ONNX Runtime at 1920x1080: 0.61 GB at width 8, 0.92 at 16, 1.65 at 32.
const BYTES_A_PIXEL: usize = 130;
const BYTES_A_PIXEL_AND_CHANNEL: usize = 21;

/// Tiles get this part of the budget: ONNX Runtime keeps what it took for other sizes, so several cost up to twice one.
const TILES_SHARE: usize = 2;

/// The classic width, of which other people's models are supposed to be.
const CLASSIC_WIDTH: usize = 32;

/// The smallest picture that statistics are taken from when tiles are small.
const SMALLEST_THUMBNAIL: usize = 512 * 512;

/// A thumbnail has at most one pixel for so many of the picture, and so adds at most a quarter to the work. Statistics of
/// the half size leave a result that is off by some 3 levels of 255 from that of the whole picture, without edges.
const PIXELS_FOR_ONE: usize = 4;

/// The tiles of a picture, and what they are computed with.
#[derive(Debug)]
pub(super) struct Tiling {
    pub tiles: Vec<Tile>,
    /// The most pixels of the thumbnail that tiles share the statistics of.
    pub thumbnail: usize,
    /// What computing takes at its peak.
    pub bytes: usize,
    /// What the user should know.
    pub warning: Option<String>,
}

/// Plans the tiles of a picture.
///
/// A model that takes no statistics is tiled only where the whole picture would take more than half of the memory that
/// is free: a picture in one piece is what its maker meant.
pub(super) fn tiling(stylizer: &Stylizer, width: usize, height: usize, size: TileSize) -> Tiling {
    let pixel = BYTES_A_PIXEL + BYTES_A_PIXEL_AND_CHANNEL * stylizer.width.unwrap_or(CLASSIC_WIDTH);
    if !stylizer.fit.is_free() {
        let fitted = stylizer.fit.width.unwrap_or(width) * stylizer.fit.height.unwrap_or(height);
        return Tiling { tiles: tiles::whole(width, height), thumbnail: 0, bytes: fitted * pixel, warning: None };
    }
    let shares = stylizer.border.statistics;
    let budget = if shares { BUDGET_BYTES } else { BUDGET_BYTES.max(free_bytes() / 2) };
    let most = (budget / pixel).max(TILES_SHARE * (4 * HALO) * (4 * HALO));
    let (tiles, affordable) = match size {
        TileSize::Off => (tiles::whole(width, height), most),
        TileSize::Auto if width * height <= most => (tiles::whole(width, height), most),
        TileSize::Auto => (tiles::plan_within(width, height, most / TILES_SHARE, HALO), most / TILES_SHARE),
        TileSize::Pixels(size) => {
            (tiles::plan(width, height, size, size, HALO), size.saturating_add(2 * HALO).saturating_pow(2))
        }
    };
    let thumbnail = affordable.min(width * height / PIXELS_FOR_ONE).max(SMALLEST_THUMBNAIL);
    let warning = (tiles.len() > 1 && !shares).then(|| {
        format!(
            "the model takes no statistics from outside, so its {} tiles may differ in tone; --max-size makes the \
             picture small enough for one, --tile off computes it whole and needs about {:.1} GB",
            tiles.len(),
            (width * height * pixel) as f64 / 1e9
        )
    });
    let largest = tiles.iter().map(|tile| tile.seen.width * tile.seen.height).max().unwrap_or(0);
    let sizes = if tiles.len() > 1 { TILES_SHARE } else { 1 };
    Tiling { bytes: largest * pixel * sizes, tiles, thumbnail, warning }
}
