//! The container HEIF (ISO/IEC 23008-12 on ISO/IEC 14496-12): which item is the picture, and what belongs to it.

use std::ops::Range;

use crate::colour_space::Sample;
use crate::error::{DecodeError, Result};

/// The most items and references that are read.
const MOST: usize = 1 << 16;

/// The property of an auxiliary picture that holds opacity.
const ALPHA: &[u8] = b"urn:mpeg:mpegB:cicp:systems:auxiliary:alpha\0";

/// A file's items.
pub struct Heif<'a> {
    file: &'a [u8],
    /// The data of items that is stored with the metadata.
    inner: &'a [u8],
    primary: u32,
    items: Vec<Item>,
    references: Vec<Reference>,
    properties: Vec<Property<'a>>,
}

#[derive(Debug, Default)]
struct Item {
    id: u32,
    kind: [u8; 4],
    /// Whether its data is in `inner` rather than in the file.
    inner: bool,
    extents: Vec<Range<usize>>,
    properties: Vec<usize>,
}

struct Reference {
    kind: [u8; 4],
    from: u32,
    to: Vec<u32>,
}

/// A property of an item.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Property<'a> {
    /// Columns and rows.
    Size(u32, u32),
    /// An ICC profile.
    Profile(&'a [u8]),
    /// Primaries, transfer characteristics, matrix coefficients (ITU-T H.273), and whether the range is full.
    CodePoints([u16; 3], bool),
    /// AV1's configuration: bits per sample, and whether there is no colour.
    Av1 { depth: u8, grey: bool },
    /// Counter-clockwise quarter turns.
    Rotation(u8),
    /// Whether left and right change places, rather than top and bottom.
    Mirror(bool),
    /// The visible part: width, height, and the offset of its centre from the picture's, each a fraction.
    Aperture([(i64, i64); 4]),
    /// An auxiliary picture's kind.
    Auxiliary(&'a [u8]),
    /// Another one, and whether it is needed to show the picture.
    Other,
}

/// A picture that is one item, or a grid of them.
pub struct Picture {
    /// The items of a grid in rows, or one.
    pub tiles: Vec<u32>,
    /// How many tiles are in a row.
    pub columns: usize,
    /// Columns and rows of pixels.
    pub size: (u32, u32),
}

impl<'a> Heif<'a> {
    pub fn parse(file: &'a [u8]) -> Result<Self> {
        let meta = find(file, b"meta")?.get(4..).ok_or(DecodeError::Truncated)?;
        let mut heif = Self {
            file,
            inner: find(meta, b"idat").unwrap_or_default(),
            primary: 0,
            items: vec![],
            references: vec![],
            properties: vec![],
        };
        let mut primary = Reader(find(meta, b"pitm")?);
        let version = primary.u32()? >> 24;
        heif.primary = primary.id(version > 0)?;
        heif.read_items(find(meta, b"iinf")?)?;
        heif.read_locations(find(meta, b"iloc")?)?;
        if let Ok(references) = find(meta, b"iref") {
            heif.read_references(references)?;
        }
        heif.read_properties(find(meta, b"iprp")?)?;
        Ok(heif)
    }

    fn read_items(&mut self, bytes: &[u8]) -> Result<()> {
        let mut reader = Reader(bytes);
        let version = reader.u32()? >> 24;
        reader.id(version > 0)?;
        for entry in boxes(reader.0) {
            let (kind, bytes) = entry?;
            if kind != *b"infe" || self.items.len() >= MOST {
                continue;
            }
            let mut reader = Reader(bytes);
            let version = reader.u32()? >> 24;
            if version < 2 {
                continue;
            }
            let id = reader.id(version > 2)?;
            reader.u16()?;
            let kind = reader.take(4)?.try_into().expect("four bytes");
            self.items.push(Item { id, kind, ..Item::default() });
        }
        Ok(())
    }

    fn read_locations(&mut self, bytes: &[u8]) -> Result<()> {
        let mut reader = Reader(bytes);
        let version = reader.u32()? >> 24;
        let sizes = reader.u16()?;
        let [offset, length, base, index] = [12, 8, 4, 0].map(|shift| usize::from(sizes >> shift & 15));
        let count = reader.id(version > 1)?;
        for _ in 0..count {
            let id = reader.id(version > 1)?;
            let method = if version > 0 { reader.u16()? & 15 } else { 0 };
            reader.u16()?;
            let base = reader.number(base)?;
            let mut extents = vec![];
            for _ in 0..reader.u16()? {
                if version > 0 {
                    reader.number(index)?;
                }
                let at = base.checked_add(reader.number(offset)?).ok_or(DecodeError::Damaged)?;
                let length = reader.number(length)?;
                // Without a length, the data goes on to the end.
                let end = if length == 0 { usize::MAX } else { at.checked_add(length).ok_or(DecodeError::Damaged)? };
                extents.push(at..end);
            }
            if let Some(item) = self.items.iter_mut().find(|item| item.id == id && method < 2) {
                (item.inner, item.extents) = (method == 1, extents);
            }
        }
        Ok(())
    }

    fn read_references(&mut self, bytes: &[u8]) -> Result<()> {
        let mut reader = Reader(bytes);
        let wide = reader.u32()? >> 24 > 0;
        for entry in boxes(reader.0) {
            let (kind, bytes) = entry?;
            let mut reader = Reader(bytes);
            let from = reader.id(wide)?;
            let count = reader.u16()?;
            let to = (0..count).map(|_| reader.id(wide)).collect::<Result<_>>()?;
            if self.references.len() < MOST {
                self.references.push(Reference { kind, from, to });
            }
        }
        Ok(())
    }

    fn read_properties(&mut self, bytes: &'a [u8]) -> Result<()> {
        for entry in boxes(find(bytes, b"ipco")?) {
            let (kind, bytes) = entry?;
            self.properties.push(property(kind, bytes)?);
        }
        for entry in boxes(bytes) {
            let (kind, bytes) = entry?;
            if kind != *b"ipma" {
                continue;
            }
            let mut reader = Reader(bytes);
            let flags = reader.u32()?;
            for _ in 0..reader.u32()? {
                let id = reader.id(flags >> 24 > 0)?;
                let mut properties = vec![];
                for _ in 0..reader.u8()? {
                    let index = if flags & 1 == 1 { reader.u16()? & 0x7fff } else { u16::from(reader.u8()? & 0x7f) };
                    properties.extend(usize::from(index).checked_sub(1));
                }
                if let Some(item) = self.items.iter_mut().find(|item| item.id == id) {
                    item.properties = properties;
                }
            }
        }
        Ok(())
    }

    fn item(&self, id: u32) -> Result<&Item> {
        self.items.iter().find(|item| item.id == id).ok_or(DecodeError::Damaged)
    }

    /// The item that is the picture.
    pub fn primary(&self) -> u32 {
        self.primary
    }

    /// An item's properties, in the order in which transformations apply.
    pub fn properties(&self, id: u32) -> impl Iterator<Item = Property<'a>> {
        let properties = self.item(id).map(|item| item.properties.as_slice()).unwrap_or_default();
        properties.iter().filter_map(|&index| self.properties.get(index).copied())
    }

    /// An item's data.
    pub fn data(&self, id: u32) -> Result<Vec<u8>> {
        let item = self.item(id)?;
        let from = if item.inner { self.inner } else { self.file };
        let mut data = vec![];
        for Range { start, end } in &item.extents {
            let end = if *end == usize::MAX { from.len() } else { *end };
            let part = from.get(*start..end).ok_or(DecodeError::Truncated)?;
            // Extents may overlap, so that a small file describes much data.
            if data.len() + part.len() > self.file.len() {
                return Err(DecodeError::Damaged);
            }
            data.extend(part);
        }
        Ok(data)
    }

    /// An item as pictures of the kind `coded`, each its own or a tile.
    pub fn picture(&self, id: u32, coded: [u8; 4]) -> Result<Picture> {
        let item = self.item(id)?;
        if item.kind == coded {
            let size = self.properties(id).find_map(|property| match property {
                Property::Size(width, height) => Some((width, height)),
                _ => None,
            });
            return Ok(Picture { tiles: vec![id], columns: 1, size: size.ok_or(DecodeError::Damaged)? });
        }
        if item.kind != *b"grid" {
            let kind: String = item.kind.iter().map(|&byte| char::from(byte)).filter(char::is_ascii_graphic).collect();
            return Err(unsupported("HEIF", &format!("items of kind {kind}")));
        }
        let data = self.data(id)?;
        let mut reader = Reader(&data);
        let [_, wide] = [reader.u8()?, reader.u8()?];
        let [rows, columns] = [reader.u8()?, reader.u8()?].map(|less| usize::from(less) + 1);
        let mut side = || if wide & 1 == 1 { reader.u32() } else { reader.u16().map(u32::from) };
        let size = (side()?, side()?);
        let tiles = self.references.iter().find(|reference| reference.kind == *b"dimg" && reference.from == id);
        let tiles = tiles.map(|reference| reference.to.clone()).unwrap_or_default();
        if tiles.len() != rows * columns
            || tiles.iter().any(|&tile| self.item(tile).is_ok_and(|tile| tile.kind != coded))
        {
            return Err(DecodeError::Damaged);
        }
        Ok(Picture { tiles, columns, size })
    }

    /// The item that is the picture's opacity, and whether its colours are multiplied by it.
    pub fn alpha(&self) -> Option<(u32, bool)> {
        let is_alpha = |property| matches!(property, Property::Auxiliary(kind) if kind.starts_with(ALPHA));
        let mut auxiliary = self.references.iter().filter(|one| one.kind == *b"auxl" && one.to.contains(&self.primary));
        let alpha = auxiliary.find(|one| self.properties(one.from).any(is_alpha))?.from;
        let is_premultiplied =
            |one: &Reference| one.kind == *b"prem" && one.from == self.primary && one.to.contains(&alpha);
        Some((alpha, self.references.iter().any(is_premultiplied)))
    }

    /// The EXIF block that describes the picture.
    pub fn exif(&self) -> Option<Vec<u8>> {
        let mut described = self.references.iter().filter(|one| one.kind == *b"cdsc" && one.to.contains(&self.primary));
        let exif = described.find(|one| self.item(one.from).is_ok_and(|item| item.kind == *b"Exif"))?.from;
        let data = self.data(exif).ok()?;
        let start = 4 + Reader(&data).u32().ok()? as usize;
        data.get(start..).map(<[u8]>::to_vec)
    }
}

fn property(kind: [u8; 4], bytes: &[u8]) -> Result<Property<'_>> {
    let mut reader = Reader(bytes);
    Ok(match &kind {
        b"ispe" => {
            reader.u32()?;
            Property::Size(reader.u32()?, reader.u32()?)
        }
        b"colr" => match reader.take(4)? {
            b"prof" | b"rICC" => Property::Profile(reader.0),
            b"nclx" => {
                let points = [reader.u16()?, reader.u16()?, reader.u16()?];
                Property::CodePoints(points, reader.u8()? & 0x80 > 0)
            }
            _ => Property::Other,
        },
        b"av1C" => {
            let flags = reader.take(4)?[2];
            // High bit depth, and of the high ones twelve bits.
            let depth = [8, 8, 10, 12][usize::from(flags >> 5 & 3)];
            Property::Av1 { depth, grey: flags >> 4 & 1 == 1 }
        }
        b"irot" => Property::Rotation(reader.u8()? & 3),
        b"imir" => Property::Mirror(reader.u8()? & 1 == 1),
        b"clap" => {
            let mut fraction =
                || Ok::<_, DecodeError>((i64::from(reader.u32()? as i32), i64::from(reader.u32()? as i32)));
            Property::Aperture([fraction()?, fraction()?, fraction()?, fraction()?])
        }
        b"auxC" => Property::Auxiliary(bytes.get(4..).unwrap_or_default()),
        _ => Property::Other,
    })
}

/// The boxes in bytes: their types and contents.
fn boxes(mut bytes: &[u8]) -> impl Iterator<Item = Result<([u8; 4], &[u8])>> {
    std::iter::from_fn(move || {
        if bytes.is_empty() {
            return None;
        }
        let mut reader = Reader(bytes);
        let mut next = || {
            let (size, kind) = (reader.u32()? as usize, reader.take(4)?.try_into().expect("four bytes"));
            let (header, size) = match size {
                0 => (8, bytes.len()),
                1 => (16, reader.number(8)?),
                size => (8, size),
            };
            let content = bytes.get(header..size).ok_or(DecodeError::Truncated)?;
            bytes = &bytes[size..];
            Ok((kind, content))
        };
        let next = next();
        if next.is_err() {
            bytes = &[];
        }
        Some(next)
    })
}

fn find<'a>(bytes: &'a [u8], wanted: &[u8; 4]) -> Result<&'a [u8]> {
    for entry in boxes(bytes) {
        let (kind, content) = entry?;
        if kind == *wanted {
            return Ok(content);
        }
    }
    Err(DecodeError::Damaged)
}

struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn take(&mut self, count: usize) -> Result<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(count).ok_or(DecodeError::Truncated)?;
        self.0 = rest;
        Ok(taken)
    }

    /// A number of 0 to 8 bytes, the most significant first.
    fn number(&mut self, bytes: usize) -> Result<usize> {
        let number =
            self.take(bytes)?.iter().try_fold(0usize, |sum, &byte| Some(sum.checked_mul(256)? + usize::from(byte)));
        number.ok_or(DecodeError::Damaged)
    }

    fn u8(&mut self) -> Result<u8> {
        Ok(self.take(1)?[0])
    }

    fn u16(&mut self) -> Result<u16> {
        Ok(self.number(2)? as u16)
    }

    fn u32(&mut self) -> Result<u32> {
        Ok(self.number(4)? as u32)
    }

    /// An item's number, which later versions of a box store in four bytes.
    fn id(&mut self, wide: bool) -> Result<u32> {
        if wide { self.u32() } else { Ok(self.u16()?.into()) }
    }
}

/// Pixels whose colours are not multiplied by their opacity, the last of their channels, of pixels that are so if
/// `premultiplied`.
pub fn straight<T: Sample>(mut pixels: Vec<T>, channels: usize, premultiplied: bool) -> Vec<T> {
    if premultiplied {
        for pixel in pixels.chunks_exact_mut(channels) {
            let Some((alpha, colours)) = pixel.split_last_mut() else { continue };
            let alpha = alpha.index().max(1) as f64;
            for value in colours {
                *value = T::of((value.index() as f64 / alpha).min(1.0));
            }
        }
    }
    pixels
}

/// A valid file with a feature that the decoder lacks.
pub fn unsupported(format: &str, what: &str) -> DecodeError {
    DecodeError::Unsupported(format!("{format} of this kind is not read ({what}); export it as jpg or png first"))
}
