//! Pictures with transparency, for networks that know none: unseen pixels get colours from the seen ones.

use std::ops::Range;

use crate::{Error, Picture, Result};

/// The RGB picture and the opacities of RGBA bytes, as a canvas returns them. Fails if there are not four bytes per pixel,
/// or no pixels.
pub fn split_alpha(rgba: &[u8], width: usize, height: usize) -> Result<(Picture, Vec<u8>)> {
    let wanted = width.checked_mul(height).and_then(|pixels| pixels.checked_mul(4));
    if wanted != Some(rgba.len()) || rgba.is_empty() {
        let length = rgba.len();
        return Err(Error::Shape(format!("{length} bytes do not fill an RGBA picture of {width}x{height} pixels")));
    }
    let pixels = rgba.as_chunks::<4>().0;
    let rgb = pixels.iter().flat_map(|&[r, g, b, _]| [r, g, b]).collect();
    Ok((Picture { width, height, channels: 3, pixels: rgb }, pixels.iter().map(|pixel| pixel[3]).collect()))
}

/// A picture's RGBA bytes with each pixel's opacity.
pub fn merge_alpha(picture: &Picture, alpha: &[u8]) -> Vec<u8> {
    let mut rgba = picture.to_rgba();
    rgba.as_chunks_mut::<4>().0.iter_mut().zip(alpha).for_each(|(pixel, &alpha)| pixel[3] = alpha);
    rgba
}

/// Returns an RGB picture as a network should see it, given each pixel's opacity, and gives the pixels of opacity 0 of
/// `picture` the same colours. What they were before has no influence.
///
/// Within the smallest rectangle that holds all seen pixels, colours are filled from the near ones, weighted by opacity,
/// by the pull-push algorithm of Gortler et al. 1996 ("The Lumigraph"). A pixel that is more transparent than the most
/// opaque ones is blended with the fill, by the ratio of their opacities. Beyond the rectangle it is mirrored, which
/// keeps the statistics of what is seen. A picture without any seen pixel becomes white.
///
/// # Panics
/// If the picture is not RGB, or does not have one opacity for each pixel.
pub fn fill_unseen(picture: &mut Picture, alpha: &[u8]) -> Picture {
    let (width, height) = (picture.width, picture.height);
    assert_eq!(picture.channels, 3, "the picture is RGB");
    assert_eq!(alpha.len(), width * height, "each pixel has an opacity");
    let most = alpha.iter().copied().max().unwrap_or(0);
    if most > 0 && alpha.iter().all(|&alpha| alpha == most) {
        return picture.clone();
    }
    let opacity = |at: usize| f32::from(alpha[at]) / f32::from(most);
    let mut filled = Picture::filled(width, height, 3, u8::MAX);
    if let Some((columns, rows)) = seen_part(alpha, width) {
        let near = Level::half(columns.len(), rows.len(), |x, y| {
            let at = (rows.start + y) * width + columns.start + x;
            let opacity = opacity(at);
            let [r, g, b] = colour(picture, at).map(f32::from);
            [r * opacity, g * opacity, b * opacity, opacity]
        })
        .filled();
        for y in 0..height {
            let inner_y = mirrored(y, &rows);
            for x in 0..width {
                let (inner_x, at) = (mirrored(x, &columns), y * width + x);
                // The rows and columns of the rectangle may come after those that mirror them.
                let inner = (rows.start + inner_y) * width + columns.start + inner_x;
                let pixel = blended(colour(picture, inner), opacity(inner), || near.between(inner_x, inner_y));
                filled.pixels[3 * at..3 * at + 3].copy_from_slice(&pixel);
            }
        }
    }
    for ((pixel, fill), &alpha) in
        picture.pixels.as_chunks_mut::<3>().0.iter_mut().zip(filled.pixels.as_chunks::<3>().0).zip(alpha)
    {
        if alpha == 0 {
            *pixel = *fill;
        }
    }
    filled
}

fn colour(picture: &Picture, at: usize) -> [u8; 3] {
    [picture.pixels[3 * at], picture.pixels[3 * at + 1], picture.pixels[3 * at + 2]]
}

/// A colour of some opacity on another one, which is computed if it shows.
fn blended(colour: [u8; 3], opacity: f32, below: impl FnOnce() -> [f32; 3]) -> [u8; 3] {
    if opacity == 1.0 {
        return colour;
    }
    let below = below();
    std::array::from_fn(|c| (opacity * f32::from(colour[c]) + (1.0 - opacity) * below[c] + 0.5) as u8)
}

/// The columns and rows of the smallest rectangle that holds all pixels that are not fully transparent.
fn seen_part(alpha: &[u8], width: usize) -> Option<(Range<usize>, Range<usize>)> {
    let rows = alpha.chunks_exact(width.max(1)).enumerate().filter_map(|(y, row)| {
        let first = row.iter().position(|&alpha| alpha > 0)?;
        let last = row.iter().rposition(|&alpha| alpha > 0)?;
        Some((first..last + 1, y..y + 1))
    });
    rows.reduce(|(columns, rows), (more, row)| {
        (columns.start.min(more.start)..columns.end.max(more.end), rows.start..row.end)
    })
}

/// The place in a range, counted from its start, whose mirror images repeat to `at`.
fn mirrored(at: usize, range: &Range<usize>) -> usize {
    let length = range.len();
    let period = 2 * length;
    let place = (at + period - range.start % period) % period;
    if place < length { place } else { period - 1 - place }
}

/// A picture of less resolution. Each pixel has its colour times its weight, and its weight, at most 1.
struct Level {
    width: usize,
    height: usize,
    pixels: Vec<[f32; 4]>,
}

impl Level {
    /// The means of 2x2 pixels of a finer picture by weight. The new weight is their largest: many pixels that are hardly
    /// seen do not add up to one that is.
    fn half(width: usize, height: usize, pixel: impl Fn(usize, usize) -> [f32; 4]) -> Self {
        let (columns, rows) = (width.div_ceil(2), height.div_ceil(2));
        let mut pixels = Vec::with_capacity(columns * rows);
        for y in 0..rows {
            for x in 0..columns {
                let (mut sum, mut largest) = ([0f32; 4], 0f32);
                for y in 2 * y..(2 * y + 2).min(height) {
                    for x in 2 * x..(2 * x + 2).min(width) {
                        let pixel = pixel(x, y);
                        sum.iter_mut().zip(pixel).for_each(|(sum, value)| *sum += value);
                        largest = largest.max(pixel[3]);
                    }
                }
                let scale = if largest > 0.0 { largest / sum[3] } else { 0.0 };
                pixels.push(sum.map(|value| value * scale));
            }
        }
        Self { width: columns, height: rows, pixels }
    }

    /// The level with every weight brought to 1 by colours of coarser levels. At least one weight is not 0.
    fn filled(mut self) -> Self {
        if self.pixels.len() == 1 {
            let weight = self.pixels[0][3];
            self.pixels[0] = self.pixels[0].map(|value| value / weight);
            return self;
        }
        let coarse = Self::half(self.width, self.height, |x, y| self.pixels[y * self.width + x]).filled();
        for (at, pixel) in self.pixels.iter_mut().enumerate() {
            let missing = 1.0 - pixel[3];
            if missing > 0.0 {
                let colour = coarse.between(at % self.width, at / self.width);
                pixel.iter_mut().zip(colour).for_each(|(value, colour)| *value += missing * colour);
                pixel[3] = 1.0;
            }
        }
        self
    }

    /// The colour at a pixel of the next finer level, interpolated linearly. All weights are 1.
    fn between(&self, x: usize, y: usize) -> [f32; 3] {
        // The centre of a fine pixel lies a quarter of a coarse one beside a coarse centre.
        let neighbours = |at: usize, size: usize| {
            let near = at / 2;
            let far = if at.is_multiple_of(2) { near.saturating_sub(1) } else { (near + 1).min(size - 1) };
            [(near, 0.75), (far, 0.25)]
        };
        let mut colour = [0f32; 3];
        for (row, high) in neighbours(y, self.height) {
            for (column, wide) in neighbours(x, self.width) {
                let pixel = self.pixels[row * self.width + column];
                colour.iter_mut().zip(pixel).for_each(|(sum, value)| *sum += high * wide * value);
            }
        }
        colour
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A picture with an opacity for each pixel: a disc with a soft edge, and noise within. `hidden` is the colour of
    /// unseen pixels.
    fn cutout(width: usize, height: usize, hidden: [u8; 3]) -> (Picture, Vec<u8>) {
        let (mut pixels, mut alpha) = (vec![], vec![]);
        for at in 0..width * height {
            let (x, y) = ((at % width) as f32 - width as f32 / 3.0, (at / width) as f32 - height as f32 / 2.0);
            let opacity = ((height as f32 / 3.0 - x.hypot(y)) * 60.0).clamp(0.0, 255.0) as u8;
            alpha.push(opacity);
            pixels.extend(if opacity == 0 { hidden } else { [(at * 37 % 90) as u8, 100, (at * 91 % 256) as u8] });
        }
        (Picture { width, height, channels: 3, pixels }, alpha)
    }

    #[test]
    fn hidden_colours_have_no_influence() {
        for (width, height) in [(61, 40), (1, 9), (7, 7), (200, 33)] {
            let of = |hidden| {
                let (mut picture, alpha) = cutout(width, height, hidden);
                let own = picture.clone();
                let seen = fill_unseen(&mut picture, &alpha);
                for (at, &alpha) in alpha.iter().enumerate() {
                    let pixel = 3 * at..3 * at + 3;
                    let same = if alpha == 0 { &seen } else { &own };
                    assert_eq!(picture.pixels[pixel.clone()], same.pixels[pixel.clone()]);
                    if alpha == 255 {
                        assert_eq!(seen.pixels[pixel.clone()], own.pixels[pixel]);
                    }
                }
                // A second time nothing changes.
                assert_eq!(fill_unseen(&mut picture.clone(), &alpha), seen);
                (picture, seen)
            };
            assert_eq!(of([0; 3]), of([255; 3]));
            assert_eq!(of([0; 3]), of([0, 255, 0]));
        }
    }

    #[test]
    fn the_fill_is_made_of_what_is_seen() {
        let (mut picture, alpha) = cutout(300, 100, [0, 255, 0]);
        let seen = fill_unseen(&mut picture, &alpha);
        let pixels = seen.pixels.as_chunks::<3>().0;
        assert!(pixels.iter().all(|&[r, g, _]| r <= 90 && g == 100));
        // Far from the disc the picture has the same mean and the same contrast as near it.
        let blue = |columns: Range<usize>| {
            let values: Vec<f32> =
                (0..30_000).filter(|at| columns.contains(&(at % 300))).map(|at| f32::from(pixels[at][2])).collect();
            let mean = values.iter().sum::<f32>() / values.len() as f32;
            let deviation = values.iter().map(|value| (value - mean).powi(2)).sum::<f32>() / values.len() as f32;
            (mean, deviation.sqrt())
        };
        let (near, far) = (blue(67..133), blue(200..300));
        assert!((near.0 - far.0).abs() < 10.0 && (near.1 - far.1).abs() < 15.0, "{near:?} {far:?}");
    }

    #[test]
    fn opacity_is_a_weight() {
        // An almost invisible half has almost no weight, whatever its colour.
        let of = |hidden: u8| {
            let mut picture = Picture::filled(16, 8, 3, 90);
            let mut alpha = vec![255; 128];
            for at in (0..128).filter(|at| at % 16 >= 8) {
                picture.pixels[3 * at..3 * at + 3].fill(hidden);
                alpha[at] = 1;
            }
            let seen = fill_unseen(&mut picture, &alpha);
            assert!(picture.pixels[24..48].iter().all(|&value| value == hidden));
            seen
        };
        for (black, white) in of(0).pixels.iter().zip(of(255).pixels) {
            assert!(black.abs_diff(90) <= 4 && white.abs_diff(90) <= 6, "{black} {white}");
        }
        let mut half = Picture::filled(2, 1, 3, 200);
        half.pixels[3..].fill(100);
        // The fill is the mean of both by weight: 166.6.
        assert_eq!(fill_unseen(&mut half, &[255, 128]).pixels[3..], [133, 133, 133]);
    }

    #[test]
    fn extremes() {
        let mut none = Picture::filled(3, 2, 3, 7);
        assert_eq!(fill_unseen(&mut none, &[0; 6]), Picture::filled(3, 2, 3, 255));
        assert_eq!(none, Picture::filled(3, 2, 3, 255));
        let mut all = Picture::filled(3, 2, 3, 7);
        assert_eq!(fill_unseen(&mut all, &[255; 6]), all);
        // Glass is as clear as a wall.
        let mut glass = Picture { width: 2, height: 1, channels: 3, pixels: vec![0, 0, 0, 250, 250, 250] };
        assert_eq!(fill_unseen(&mut glass, &[128, 128]), glass);
        let mut one = Picture::filled(5, 4, 3, 7);
        one.pixels[33..36].fill(50);
        let alpha: Vec<u8> = (0..20).map(|at| u8::from(at == 11)).collect();
        assert_eq!(fill_unseen(&mut one, &alpha), Picture::filled(5, 4, 3, 50));
    }
}
