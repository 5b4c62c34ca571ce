//! AVIF: pictures of AV1 in HEIF, by `rav1d`.

use image::metadata::Orientation;
use image::{ColorType, DynamicImage, ImageBuffer};
use re_rav1d::dav1d::pixel::{MatrixCoefficients, YUVRange};
use re_rav1d::dav1d::{Decoder, Picture, PixelLayout, PlanarImageComponent, Settings};

use super::heif::{Heif, Property, straight, unsupported};
use super::source::{Source, check_size};
use crate::colour_space::{ColourSpace, Sample};
use crate::density::Density;
use crate::error::{DecodeError, Result};
use crate::exif::Exif;
use crate::format::FileFormat;

const CODED: [u8; 4] = *b"av01";

/// Reads the header. The container's crop and rotation are applied when the pixels are decoded, and the rotation in EXIF
/// says the same. Of a sequence, the still picture is decoded.
pub fn open(bytes: &[u8]) -> Result<Source<'_>> {
    let heif = Heif::parse(bytes)?;
    let primary = heif.primary();
    let picture = heif.picture(primary, CODED)?;
    let (width, height) = picture.size;
    check_size(width, height, 0)?;
    let alpha = heif.alpha();
    let (mut size, mut icc_profile, mut points) = (picture.size, None, None);
    for property in heif.properties(primary) {
        match property {
            Property::Profile(profile) => icc_profile = Some(profile.to_vec()),
            Property::CodePoints(found, full) => points = Some((found, full)),
            Property::Aperture(aperture) => {
                let [_, _, width, height] = visible(aperture, size)?;
                size = (width, height);
            }
            Property::Rotation(turns) if turns % 2 == 1 => size = (size.1, size.0),
            _ => {}
        }
    }
    let coded = |id| {
        heif.properties(id).find_map(|property| match property {
            Property::Av1 { depth, grey } => Some((depth, grey)),
            _ => None,
        })
    };
    let parts = picture.tiles[..1]
        .iter()
        .copied()
        .chain(alpha.and_then(|(id, _)| heif.picture(id, CODED).ok()?.tiles.first().copied()));
    let deep = parts.map(|tile| coded(tile).ok_or(DecodeError::Damaged)).collect::<Result<Vec<_>>>()?;
    let deep = deep.iter().any(|(depth, _)| *depth > 8);
    let colour = match (alpha.is_some(), deep) {
        (false, false) => ColorType::Rgb8,
        (false, true) => ColorType::Rgb16,
        (true, false) => ColorType::Rgba8,
        (true, true) => ColorType::Rgba16,
    };
    // A profile says more than the numbers.
    let numbers = points.filter(|_| icc_profile.is_none());
    let exif = heif.exif();
    Ok(Source {
        format: FileFormat::Avif,
        size,
        colour,
        orientation: Orientation::NoTransforms,
        icc_profile,
        colour_space: numbers
            .and_then(|([primaries, transfer, _], _)| ColourSpace::from_code_points(primaries, transfer, true)),
        density: exif.as_deref().and_then(Density::of_tiff),
        exif: exif.as_deref().and_then(Exif::from_bytes),
        pixels: Box::new(move || pixels(&heif, colour, points.map(|([.., matrix], full)| (matrix, full)))),
    })
}

fn pixels(heif: &Heif, colour: ColorType, matrix: Option<(u16, bool)>) -> Result<DynamicImage> {
    let mut picture = match colour {
        ColorType::Rgb8 | ColorType::Rgba8 => {
            let (width, height, pixels) = interleaved::<u8>(heif, matrix)?;
            match colour {
                ColorType::Rgb8 => ImageBuffer::from_raw(width, height, pixels).map(DynamicImage::ImageRgb8),
                _ => ImageBuffer::from_raw(width, height, pixels).map(DynamicImage::ImageRgba8),
            }
        }
        _ => {
            let (width, height, pixels) = interleaved::<u16>(heif, matrix)?;
            match colour {
                ColorType::Rgb16 => ImageBuffer::from_raw(width, height, pixels).map(DynamicImage::ImageRgb16),
                _ => ImageBuffer::from_raw(width, height, pixels).map(DynamicImage::ImageRgba16),
            }
        }
    }
    .ok_or(DecodeError::Damaged)?;
    for property in heif.properties(heif.primary()) {
        match property {
            Property::Aperture(aperture) => {
                let [left, top, width, height] = visible(aperture, (picture.width(), picture.height()))?;
                picture = picture.crop_imm(left, top, width, height);
            }
            Property::Rotation(1) => picture = picture.rotate270(),
            Property::Rotation(2) => picture = picture.rotate180(),
            Property::Rotation(3) => picture = picture.rotate90(),
            Property::Mirror(true) => picture = picture.fliph(),
            Property::Mirror(false) => picture = picture.flipv(),
            _ => {}
        }
    }
    Ok(picture)
}

/// The visible part of a picture: left, top, width, height (ISO/IEC 14496-12, 12.1.4).
fn visible([width, height, right, down]: [(i64, i64); 4], size: (u32, u32)) -> Result<[u32; 4]> {
    let axis = |length: (i64, i64), offset: (i64, i64), side: u32| {
        if length.1 <= 0 || offset.1 <= 0 {
            return Err(DecodeError::Damaged);
        }
        let (length, offset) = (length.0 as f64 / length.1 as f64, offset.0 as f64 / offset.1 as f64);
        let start = (offset + (f64::from(side) - length) / 2.0).round();
        let length = length.round();
        let fits = length >= 1.0 && start >= 0.0 && start + length <= f64::from(side);
        fits.then_some((start as u32, length as u32)).ok_or(DecodeError::Damaged)
    };
    let ((left, width), (top, height)) = (axis(width, right, size.0)?, axis(height, down, size.1)?);
    Ok([left, top, width, height])
}

/// The picture as RGB or RGBA, before its transformations.
fn interleaved<T: Sample>(heif: &Heif, matrix: Option<(u16, bool)>) -> Result<(u32, u32, Vec<T>)> {
    let colours = Planes::decode(heif, heif.primary())?;
    let (width, height) = (colours.width, colours.height);
    let (matrix, full) = matrix.unwrap_or(colours.matrix);
    let Some((alpha, premultiplied)) = heif.alpha() else {
        let mut pixels = vec![T::of(1.0); 3 * width * height];
        colours.write_rgb(&mut pixels, 3, matrix, full)?;
        return Ok((width as u32, height as u32, pixels));
    };
    let opacity = Planes::decode(heif, alpha)?;
    if (opacity.width, opacity.height) != (width, height) {
        return Err(unsupported("AVIF", "transparency of another size"));
    }
    let mut pixels = vec![T::of(1.0); 4 * width * height];
    colours.write_rgb(&mut pixels, 4, matrix, full)?;
    let scale = 1.0 / f64::from((1u32 << opacity.depth) - 1);
    for (pixel, &value) in pixels.chunks_exact_mut(4).zip(&opacity.planes[0]) {
        // Opacity is in full range, or as good as always.
        let value = f64::from(value) * scale;
        let value = if opacity.matrix.1 { value } else { ((value * 255.0 - 16.0) / 219.0).clamp(0.0, 1.0) };
        pixel[3] = T::of(value);
    }
    Ok((width as u32, height as u32, straight(pixels, 4, premultiplied)))
}

/// The planes of a picture: Y, Cb and Cr, or Y.
struct Planes {
    width: usize,
    height: usize,
    /// Bits of a value.
    depth: u8,
    /// By which powers of two the second and third plane are narrower and lower. `None` if there are none.
    halved: Option<(u8, u8)>,
    planes: [Vec<u16>; 3],
    /// Matrix coefficients, and whether the range is full, as AV1's own header has them.
    matrix: (u16, bool),
}

impl Planes {
    fn decode(heif: &Heif, id: u32) -> Result<Self> {
        let picture = heif.picture(id, CODED)?;
        let (width, height) = (picture.size.0 as usize, picture.size.1 as usize);
        check_size(picture.size.0, picture.size.1, 0)?;
        let mut whole: Option<Self> = None;
        let mut top = 0;
        for row in picture.tiles.chunks(picture.columns) {
            let (mut left, mut high) = (0, 0);
            for &tile in row {
                let tile = Self::decode_tile(heif, tile)?;
                if picture.tiles.len() == 1 && (tile.width, tile.height) == (width, height) {
                    return Ok(tile);
                }
                let canvas = whole.get_or_insert_with(|| Self::blank(width, height, &tile));
                canvas.insert(&tile, left, top)?;
                (left, high) = (left + tile.width, tile.height);
            }
            if left < width {
                return Err(DecodeError::Damaged);
            }
            top += high;
        }
        whole.filter(|_| top >= height).ok_or(DecodeError::Damaged)
    }

    fn blank(width: usize, height: usize, like: &Self) -> Self {
        let (width_of, height_of) = like.chroma(width, height);
        let planes = [width * height, width_of * height_of, width_of * height_of].map(|length| vec![0; length]);
        Self { width, height, planes, ..*like }
    }

    /// The columns and rows of the second and third plane of a picture.
    fn chroma(&self, width: usize, height: usize) -> (usize, usize) {
        self.halved.map_or((0, 0), |(x, y)| (width.div_ceil(1 << x), height.div_ceil(1 << y)))
    }

    fn insert(&mut self, tile: &Self, left: usize, top: usize) -> Result<()> {
        let (x, y) = self.halved.unwrap_or_default();
        let even = left.is_multiple_of(1 << x) && top.is_multiple_of(1 << y);
        if (tile.depth, tile.halved) != (self.depth, self.halved) || !even || left >= self.width || top >= self.height {
            return Err(DecodeError::Damaged);
        }
        let (whole_chroma, tile_chroma) = (self.chroma(self.width, self.height), tile.chroma(tile.width, tile.height));
        for plane in 0..3 {
            let (whole, part, left, top) = match plane {
                0 => ((self.width, self.height), (tile.width, tile.height), left, top),
                _ => (whole_chroma, tile_chroma, left >> x, top >> y),
            };
            let columns = part.0.min(whole.0.saturating_sub(left));
            for row in 0..part.1.min(whole.1.saturating_sub(top)) {
                let to = (top + row) * whole.0 + left;
                self.planes[plane][to..to + columns].copy_from_slice(&tile.planes[plane][row * part.0..][..columns]);
            }
        }
        Ok(())
    }

    fn decode_tile(heif: &Heif, id: u32) -> Result<Self> {
        let (width, height) = heif.picture(id, CODED)?.size;
        check_size(width, height, 0)?;
        let mut settings = Settings::new();
        settings.set_n_threads(1);
        settings.set_max_frame_delay(1);
        settings.set_frame_size_limit(width * height);
        let mut decoder = Decoder::with_settings(&settings).map_err(|_| DecodeError::Damaged)?;
        let damaged = |_| DecodeError::Damaged;
        let data = heif.data(id)?;
        // The decoder would write to standard error.
        if data.is_empty() {
            return Err(DecodeError::Truncated);
        }
        let mut sent = decoder.send_data(data, None, None, None);
        let picture = loop {
            match decoder.get_picture() {
                Ok(picture) => break picture,
                Err(error) if error.is_again() && sent.is_err_and(|error| error.is_again()) => {
                    sent = decoder.send_pending_data();
                }
                Err(error) => return Err(damaged(error)),
            }
        };
        if (picture.width(), picture.height()) != (width, height) {
            return Err(DecodeError::Damaged);
        }
        Self::of(&picture)
    }

    fn of(picture: &Picture) -> Result<Self> {
        let depth = picture.bits_per_component().map_or(8, |bits| bits.0 as u8);
        let halved = match picture.pixel_layout() {
            PixelLayout::I400 => None,
            PixelLayout::I420 => Some((1, 1)),
            PixelLayout::I422 => Some((1, 0)),
            PixelLayout::I444 => Some((0, 0)),
        };
        let matrix = match picture.matrix_coefficients() {
            MatrixCoefficients::Identity => 0,
            MatrixCoefficients::BT709 => 1,
            MatrixCoefficients::BT470M => 4,
            MatrixCoefficients::ST240M => 7,
            MatrixCoefficients::YCgCo => 8,
            MatrixCoefficients::BT2020NonConstantLuminance => 9,
            MatrixCoefficients::BT2020ConstantLuminance => 10,
            _ => 2,
        };
        let full = picture.color_range() == YUVRange::Full;
        let (width, height) = (picture.width() as usize, picture.height() as usize);
        let mut planes = Self { width, height, depth, halved, planes: Default::default(), matrix: (matrix, full) };
        let components = [PlanarImageComponent::Y, PlanarImageComponent::U, PlanarImageComponent::V];
        let count = if halved.is_some() { 3 } else { 1 };
        for (at, component) in components.into_iter().enumerate().take(count) {
            let (columns, rows) = if at == 0 { (width, height) } else { planes.chroma(width, height) };
            let stride = picture.stride(component) as usize;
            let plane = picture.plane(component);
            let mut values = Vec::with_capacity(columns * rows);
            for row in plane.chunks(stride).take(rows) {
                match depth {
                    8 => values.extend(row[..columns].iter().map(|&byte| u16::from(byte))),
                    _ => values.extend(row.as_chunks().0[..columns].iter().map(|&pair| u16::from_ne_bytes(pair))),
                }
            }
            planes.planes[at] = values;
        }
        Ok(planes)
    }

    /// Writes the colours (ITU-T H.273, 8.3) into pixels of this many channels. Chroma is interpolated linearly, with
    /// samples between those of luma, as libavif has it.
    fn write_rgb<T: Sample>(&self, pixels: &mut [T], channels: usize, matrix: u16, full: bool) -> Result<()> {
        let (red, blue) = match matrix {
            0 | 8 if self.halved == Some((0, 0)) || self.halved.is_none() => (0.0, 0.0),
            1 => (0.2126, 0.0722),
            2 | 3 | 5 | 6 => (0.299, 0.114),
            4 => (0.3, 0.11),
            7 => (0.212, 0.087),
            9 => (0.2627, 0.0593),
            other => return Err(unsupported("AVIF", &format!("matrix coefficients {other}"))),
        };
        let green = 1.0 - red - blue;
        let unit = f64::from(1u32 << (self.depth - 8));
        let (black, white, swing) = match full {
            true => (0.0, 255.0 * unit + unit - 1.0, 255.0 * unit + unit - 1.0),
            false => (16.0 * unit, 219.0 * unit, 224.0 * unit),
        };
        let (neutral, grey) = (128.0 * unit, self.halved.is_none());
        let (chroma_width, chroma_height) = self.chroma(self.width, self.height);
        let (x, y) = self.halved.unwrap_or_default();
        for row in 0..self.height {
            let rows = Between::new(row, y, chroma_height);
            for column in 0..self.width {
                let at = row * self.width + column;
                let luma = (f64::from(self.planes[0][at]) - black) / white;
                let rgb = if grey {
                    [luma; 3]
                } else {
                    let columns = Between::new(column, x, chroma_width);
                    let value = |plane: &[u16]| {
                        rows.mix(|row| columns.mix(|column| f64::from(plane[row * chroma_width + column])))
                    };
                    let stored = [value(&self.planes[1]), value(&self.planes[2])];
                    let [cb, cr] = stored.map(|value| (value - neutral) / swing);
                    match matrix {
                        0 => {
                            let [blue, red] = stored.map(|value| (value - black) / white);
                            [red, luma, blue]
                        }
                        8 => [luma - cb + cr, luma + cb, luma - cb - cr],
                        _ => {
                            let (r, b) = (luma + 2.0 * (1.0 - red) * cr, luma + 2.0 * (1.0 - blue) * cb);
                            [r, (luma - red * r - blue * b) / green, b]
                        }
                    }
                };
                let pixel = &mut pixels[at * channels..][..3];
                pixel.copy_from_slice(&rgb.map(|value| T::of(value.clamp(0.0, 1.0))));
            }
        }
        Ok(())
    }
}

/// The two chroma samples beside a position, and the weight of the second.
struct Between(usize, usize, f64);

impl Between {
    fn new(position: usize, halved: u8, length: usize) -> Self {
        match halved {
            0 => Self(position, position, 0.0),
            _ if position % 2 == 1 => Self(position / 2, (position / 2 + 1).min(length - 1), 0.25),
            _ => Self((position / 2).saturating_sub(1), position / 2, 0.75),
        }
    }

    fn mix(&self, value: impl Fn(usize) -> f64) -> f64 {
        if self.2 == 0.0 { value(self.0) } else { value(self.0) * (1.0 - self.2) + value(self.1) * self.2 }
    }
}
