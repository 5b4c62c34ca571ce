//! Resizing pictures, with the same bits on every target.

use std::collections::VecDeque;

use crate::Picture;

/// Shrinks a picture by area averaging: each new pixel is the mean of the area that it covers, with partly covered pixels
/// weighted by their share. A side that is already shorter is unchanged.
pub fn shrink(picture: &Picture, width: usize, height: usize) -> Picture {
    let (width, height) = (width.clamp(1, picture.width), height.clamp(1, picture.height));
    let channels = picture.channels;
    let columns = areas(picture.width, width);
    let narrow = |row: usize, to: &mut [f32]| {
        let row = &picture.pixels[row * picture.width * channels..][..picture.width * channels];
        for (area, to) in columns.iter().zip(to.chunks_exact_mut(channels)) {
            to.fill(0.0);
            for (weight, pixel) in area.weights.iter().zip(row[area.start * channels..].chunks_exact(channels)) {
                to.iter_mut().zip(pixel).for_each(|(sum, &value)| *sum += weight * f32::from(value));
            }
        }
    };
    let mut pixels = Vec::with_capacity(width * height * channels);
    let mut sums = vec![0f32; width * channels];
    // Rows are narrowed one at a time: all of them as floats would take more memory than the picture.
    let (mut narrowed, mut at) = (vec![0f32; width * channels], usize::MAX);
    for area in areas(picture.height, height) {
        sums.fill(0.0);
        for (row, weight) in (area.start..).zip(&area.weights) {
            if at != row {
                narrow(row, &mut narrowed);
                at = row;
            }
            sums.iter_mut().zip(&narrowed).for_each(|(sum, value)| *sum += weight * value);
        }
        pixels.extend(sums.iter().map(|sum| (sum + 0.5) as u8));
    }
    Picture { width, height, channels, pixels }
}

/// Enlarges a picture by an integer factor: every pixel becomes a square of `factor` x `factor`.
pub fn enlarge(picture: &Picture, factor: usize) -> Picture {
    let (width, channels) = (picture.width, picture.channels);
    let mut pixels = Vec::with_capacity(picture.pixels.len() * factor * factor);
    for row in picture.pixels.chunks_exact(width * channels) {
        let start = pixels.len();
        for pixel in row.chunks_exact(channels) {
            (0..factor).for_each(|_| pixels.extend_from_slice(pixel));
        }
        let end = pixels.len();
        (1..factor).for_each(|_| pixels.extend_from_within(start..end));
    }
    Picture { width: width * factor, height: picture.height * factor, channels, pixels }
}

/// Enlarges a picture by an integer factor with the cubic convolution of Keys 1981 ("Cubic Convolution Interpolation for
/// Digital Image Processing", a = -1/2), known as Catmull-Rom. Pixels are squares: their centres keep their places.
pub fn enlarge_smoothly(picture: &Picture, factor: usize) -> Picture {
    let Picture { width, height, channels, .. } = *picture;
    let taps = cubic_taps(factor);
    let at = |index: usize, tap: usize, size: usize| {
        let (first, _) = taps[index % factor];
        (index / factor + tap).saturating_add_signed(first).min(size - 1)
    };
    let wide = width * factor * channels;
    // Rows enlarged sideways; each is used by all taps that meet it.
    let widen = |row: usize| -> Vec<f32> {
        let row = &picture.pixels[row * width * channels..][..width * channels];
        let mut widened = Vec::with_capacity(wide);
        for x in 0..width * factor {
            let weights = &taps[x % factor].1;
            widened.extend((0..channels).map(|channel| {
                let value = |tap: usize| f32::from(row[at(x, tap, width) * channels + channel]);
                (0..4).map(|tap| weights[tap] * value(tap)).sum::<f32>()
            }));
        }
        widened
    };
    let mut rows: VecDeque<(usize, Vec<f32>)> = VecDeque::new();
    let mut pixels = Vec::with_capacity(wide * height * factor);
    for y in 0..height * factor {
        let wanted: [usize; 4] = std::array::from_fn(|tap| at(y, tap, height));
        rows.retain(|(row, _)| wanted.contains(row));
        for row in wanted {
            if rows.iter().all(|(known, _)| *known != row) {
                rows.push_back((row, widen(row)));
            }
        }
        let of_taps = wanted.map(|row| &rows.iter().find(|(known, _)| *known == row).expect("it was added").1);
        let weights = &taps[y % factor].1;
        pixels.extend((0..wide).map(|x| {
            let sum: f32 = (0..4).map(|tap| weights[tap] * of_taps[tap][x]).sum();
            (sum + 0.5) as u8
        }));
    }
    Picture { width: width * factor, height: height * factor, channels, pixels }
}

/// For each new pixel of an old one: the first of the four old pixels that it takes from, as a distance, and their weights.
fn cubic_taps(factor: usize) -> Vec<(isize, [f32; 4])> {
    let tap = |index: usize| {
        let centre = (index as f32 + 0.5) / factor as f32 - 0.5;
        let (first, t) = if centre < 0.0 { (-2, centre + 1.0) } else { (-1, centre) };
        let (t2, t3) = (t * t, t * t * t);
        let weights =
            [-0.5 * t3 + t2 - 0.5 * t, 1.5 * t3 - 2.5 * t2 + 1.0, -1.5 * t3 + 2.0 * t2 + 0.5 * t, 0.5 * t3 - 0.5 * t2];
        (first, weights)
    };
    (0..factor).map(tap).collect()
}

/// The pixels that a new pixel covers, with weights that add up to 1.
struct Area {
    start: usize,
    weights: Vec<f32>,
}

fn areas(from: usize, to: usize) -> Vec<Area> {
    // In units of 1 / to of an old pixel, all bounds are integers.
    let area = |index: usize| {
        let (begin, end) = (index * from, (index + 1) * from);
        let (start, stop) = (begin / to, end.div_ceil(to));
        let part = |pixel: usize| (end.min((pixel + 1) * to) - begin.max(pixel * to)) as f32 / from as f32;
        Area { start, weights: (start..stop).map(part).collect() }
    };
    (0..to).map(area).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn areas_are_averaged() {
        let picture = Picture { width: 4, height: 2, channels: 1, pixels: vec![0, 10, 20, 40, 20, 30, 40, 60] };
        assert_eq!(shrink(&picture, 2, 1).pixels, [15, 40]);
        // A third of the middle pixels goes to each side.
        let line = Picture { width: 3, height: 1, channels: 1, pixels: vec![0, 90, 30] };
        assert_eq!(shrink(&line, 2, 1).pixels, [30, 50]);
        assert_eq!(shrink(&picture, 4, 2), picture);
        assert_eq!(shrink(&picture, 9, 9), picture);
    }

    #[test]
    fn pixels_become_squares() {
        let picture = Picture { width: 2, height: 2, channels: 3, pixels: (0..12).collect() };
        let large = enlarge(&picture, 3);
        assert_eq!((large.width, large.height), (6, 6));
        assert_eq!(large.pixels[..18], large.pixels[36..54]);
        assert_eq!(large.pixels[..15], [0, 1, 2, 0, 1, 2, 0, 1, 2, 3, 4, 5, 3, 4, 5]);
        assert_eq!(shrink(&large, 2, 2), picture);
        assert_eq!(enlarge(&picture, 1), picture);
    }

    #[test]
    fn smooth_enlargements_interpolate() {
        // A ramp stays a ramp, except at its ends.
        let ramp = Picture { width: 8, height: 1, channels: 1, pixels: (0..8).map(|x| 20 * x).collect() };
        let large = enlarge_smoothly(&ramp, 2);
        assert_eq!((large.width, large.height), (16, 2));
        assert_eq!(large.pixels[4..12], [35, 45, 55, 65, 75, 85, 95, 105]);
        assert_eq!(large.pixels[..16], large.pixels[16..]);
        // An odd factor keeps the old pixels in the middle of the new.
        let picture =
            Picture { width: 5, height: 4, channels: 3, pixels: (0..60).map(|at| (at * 71 % 256) as u8).collect() };
        let large = enlarge_smoothly(&picture, 3);
        for (x, y) in [(0, 0), (2, 1), (4, 3)] {
            let pixel =
                |picture: &Picture, x: usize, y: usize| picture.pixels[3 * (y * picture.width + x)..][..3].to_vec();
            assert_eq!(pixel(&large, 3 * x + 1, 3 * y + 1), pixel(&picture, x, y));
        }
        assert_eq!(enlarge_smoothly(&picture, 1), picture);
        assert!(enlarge_smoothly(&Picture::filled(1, 2, 4, 77), 4).pixels.iter().all(|&value| value == 77));
    }

    proptest! {
        #[test]
        fn weights_add_up(from in 1usize..2000, part in 1usize..2000) {
            let to = part.min(from);
            let areas = areas(from, to);
            prop_assert_eq!(areas.len(), to);
            for area in &areas {
                prop_assert!((area.weights.iter().sum::<f32>() - 1.0).abs() < 1e-4);
                prop_assert!(area.weights.iter().all(|&weight| weight > 0.0));
                prop_assert!(area.start + area.weights.len() <= from);
            }
        }
    }
}
