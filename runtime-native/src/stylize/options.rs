//! The values of `stylize`'s options.

use std::path::Path;
use std::str::FromStr;

pub use easel_runtime::stylizer::IoOptions;
use easel_runtime::stylizer::tiles::SMALLEST;

/// Whether a path stands for standard input or output: `-`.
pub(super) fn is_standard(path: &Path) -> bool {
    path == Path::new("-")
}

/// How large tiles are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TileSize {
    /// As large as memory allows.
    Auto,
    /// The whole picture is one tile.
    Off,
    /// This many pixels a side, without the halo.
    Pixels(usize),
}

impl FromStr for TileSize {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "auto" => Ok(Self::Auto),
            "off" => Ok(Self::Off),
            _ => text
                .parse()
                .ok()
                .filter(|size| (SMALLEST..=1 << 20).contains(size))
                .map(Self::Pixels)
                .ok_or_else(|| format!("expected auto, off or a number of pixels from {SMALLEST}")),
        }
    }
}

/// Where the norm statistics of tiles come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StatisticsSource {
    /// A smaller copy of the picture.
    Thumbnail,
    /// The whole picture.
    Exact,
}

impl FromStr for StatisticsSource {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "thumbnail" => Ok(Self::Thumbnail),
            "exact" => Ok(Self::Exact),
            _ => Err("expected thumbnail or exact".into()),
        }
    }
}

/// Memory and tiles.
#[derive(Debug, Clone, Copy)]
pub struct TilingOptions {
    /// How large tiles are.
    pub tile: TileSize,
    /// Where their norm statistics come from.
    pub statistics: StatisticsSource,
    /// The bytes that the program may take. Without a limit, tiles are chosen as for 2 GB, which a picture that has no
    /// smaller tiles may exceed.
    pub memory: Option<usize>,
}

/// A shard of the pictures: every `of`-th from number `index` on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shard {
    /// Its number, from 0.
    pub index: usize,
    /// How many shards there are.
    pub of: usize,
}

impl FromStr for Shard {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let numbers = text.split_once('/').and_then(|(index, of)| Some((index.parse().ok()?, of.parse().ok()?)));
        match numbers {
            Some((index, of)) if (1..=of).contains(&index) => Ok(Self { index: index - 1, of }),
            _ => Err("expected I/N with I from 1 to N, as 3/8".into()),
        }
    }
}

/// What to do about results that exist already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExistingResults {
    /// Fail before anything is computed.
    Refuse,
    /// Replace them.
    Overwrite,
    /// Skip their pictures.
    Skip,
}

/// Reads a number of bytes: `2GB`, `1500MB`, `1.5GiB`.
pub(super) fn parse_bytes(text: &str) -> Result<usize, String> {
    let expected = || "expected a size as 2GB, 1500MB or 1.5GiB".to_string();
    let digits = text.find(|letter: char| letter.is_ascii_alphabetic()).unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
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

    #[test]
    fn sizes_are_read() {
        let parse = parse_bytes;
        assert_eq!(
            (parse("2GB"), parse("1500 mb"), parse("1.5GiB")),
            (Ok(2_000_000_000), Ok(1_500_000_000), Ok(3 << 29))
        );
        for text in ["0", "", "GB", "-1GB", "2XB", "nan", "inf", "1e30GB", "two"] {
            assert_eq!(parse(text), Err("expected a size as 2GB, 1500MB or 1.5GiB".into()), "{text}");
        }
    }
}
