//! The statistics of a whole picture, taken tile by tile.
//!
//! A norm's statistics depend on those of the norms before it, so there is a pass over the picture for each norm, with
//! the model cut before it ([`crate::onnx::before_norm`]). What is added up are the norm's inputs over the cores of the
//! tiles, which cover the picture once, its padding at the right and bottom included.

use super::statistics::STATISTICS;
use super::tiles::ALIGNMENT;
use super::{Border, Tile};
use crate::{Engine, Error, Picture, Result, Tensor};

/// The statistics that a model with `channels` channels in all of its norms uses on a picture as a whole: `[2,
/// channels]`, what the input [`STATISTICS`] takes.
///
/// `open` gives an engine that has loaded the model cut before the norm of a number from 0, or none where there is no
/// such norm; there is one engine at a time. `progress` is told after each tile of each pass.
///
/// Sums and sums of squares are float64. Of float32 values that is enough: what it loses of a variance is a part of
/// 10^-16 of the squared mean, where their own rounding is 10^-14 of it.
pub async fn exact_statistics<E: Engine>(
    border: &Border,
    picture: &Picture,
    plan: &[Tile],
    channels: usize,
    mut open: impl AsyncFnMut(usize) -> Result<Option<E>>,
    mut progress: impl FnMut(),
) -> Result<Tensor> {
    let unfit =
        || Error::Engine(format!("the model's norms do not have the {channels} channels of its `{STATISTICS}`"));
    let mut values = vec![0f32; 2 * channels];
    let mut known = 0;
    for norm in 0.. {
        let Some(mut engine) = open(norm).await? else { break };
        let statistics = Tensor::new([2, channels], values.clone())?;
        let mut sums: Vec<Sums> = Vec::new();
        for tile in plan {
            let given = (norm > 0).then_some(&statistics);
            let mut outputs = border.feed(&mut engine, picture, tile.seen, given).await?.1;
            let taken = outputs.pop().ok_or_else(|| Error::Engine("the model gives nothing".into()))?.1;
            add_core(&mut sums, &taken, tile, picture)?;
            progress();
        }
        let next = known + sums.len();
        if next > channels {
            return Err(unfit());
        }
        for (channel, sums) in (known..next).zip(&sums) {
            let mean = sums.sum / sums.count;
            values[channel] = mean as f32;
            values[channels + channel] = (sums.squares / sums.count - mean * mean).max(0.0) as f32;
        }
        known = next;
    }
    if known != channels || channels == 0 {
        return Err(unfit());
    }
    Tensor::new([2, channels], values)
}

/// Of one channel.
#[derive(Clone, Copy, Default)]
struct Sums {
    count: f64,
    sum: f64,
    squares: f64,
}

/// Adds what a tile's core has in the input of a norm, which may be at a half or a quarter of the picture's resolution.
fn add_core(sums: &mut Vec<Sums>, taken: &Tensor, tile: &Tile, picture: &Picture) -> Result<()> {
    let [1, channels, height, width] = taken.nchw()? else {
        return Err(Error::Shape(format!("a norm takes in {:?}; it is of one picture", taken.shape())));
    };
    let (core, seen) = (tile.core, tile.seen);
    let columns = along([core.left, core.width, seen.left, seen.width], picture.width, width);
    let rows = along([core.top, core.height, seen.top, seen.height], picture.height, height);
    if columns.end > width || rows.end > height {
        return Err(Error::Shape(format!("a norm takes in {width}x{height} of {}x{}", seen.width, seen.height)));
    }
    sums.resize(channels, Sums::default());
    for (sums, plane) in sums.iter_mut().zip(taken.as_f32()?.chunks_exact(width * height)) {
        for row in plane.chunks_exact(width).skip(rows.start).take(rows.len()) {
            let (sum, squares) = sum_and_squares(&row[columns.clone()]);
            sums.sum += sum;
            sums.squares += squares;
        }
        sums.count += (rows.len() * columns.len()) as f64;
    }
    Ok(())
}

/// The part of a norm's `inner` rows or columns that a core owns. Beyond the picture's last pixel all is the last
/// core's: there is the padding, and where the network halves a picture there can be one less.
fn along([start, length, seen, seen_length]: [usize; 4], size: usize, inner: usize) -> std::ops::Range<usize> {
    let scale = (seen_length.next_multiple_of(ALIGNMENT) / inner.max(1)).max(1);
    let end = if start + length == size { inner } else { (start + length - seen) / scale };
    (start - seen) / scale..end
}

/// In several sums at once, which a processor computes side by side.
fn sum_and_squares(row: &[f32]) -> (f64, f64) {
    const LANES: usize = 8;
    let (mut sums, mut squares) = ([0f64; LANES], [0f64; LANES]);
    let chunks = row.chunks_exact(LANES);
    let rest = chunks.remainder();
    for values in chunks.chain([rest]) {
        for ((value, sum), square) in values.iter().zip(&mut sums).zip(&mut squares) {
            let value = f64::from(*value);
            *sum += value;
            *square += value * value;
        }
    }
    (sums.iter().sum(), squares.iter().sum())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stylizer::tiles::plan;

    /// Halves or quarters what it is fed, which is padded as a stylizer pads, and leaves the last row and column away
    /// where it halves; the second channel is far from zero.
    struct Halver(usize);

    impl Halver {
        fn norm_input(&self, image: &Tensor) -> Tensor {
            let [_, _, height, width] = image.nchw().unwrap();
            let (scale, less) = (1 << self.0, usize::from(self.0 == 1));
            let inner = |size: usize| size.next_multiple_of(ALIGNMENT) / scale - less;
            let (rows, columns) = (inner(height), inner(width));
            let values = image.as_f32().unwrap();
            let at = |y: usize, x: usize| values[(scale * y).min(height - 1) * width + (scale * x).min(width - 1)];
            let plane: Vec<f32> = (0..rows * columns).map(|i| at(i / columns, i % columns)).collect();
            let far = plane.iter().map(|value| 1000.0 + value);
            Tensor::new([1, 2, rows, columns], plane.iter().copied().chain(far).collect::<Vec<_>>()).unwrap()
        }
    }

    impl Engine for Halver {
        fn describe(&self) -> String {
            "test".into()
        }

        async fn run(&mut self, inputs: &[(&str, &Tensor)]) -> Result<Vec<(String, Tensor)>> {
            // The norms before the first have no statistics.
            assert_eq!(inputs.len(), if self.0 == 0 { 1 } else { 3 });
            Ok(vec![("x".into(), self.norm_input(inputs[0].1))])
        }
    }

    #[test]
    fn tiles_add_up_to_the_whole() {
        for (width, height) in [(301, 50), (600, 399), (131, 260)] {
            let pixels = (0..3 * width * height).map(|at| (at * at % 251) as u8).collect();
            let picture = Picture { width, height, channels: 3, pixels };
            let plan = plan(width, height, 60, 100, 64);
            assert!(plan.len() > 1);
            let mut tiles = 0;
            let border = Border::easel();
            let open = async |norm| Ok((norm < 3).then_some(Halver(norm)));
            let exact = exact_statistics(&border, &picture, &plan, 6, open, || tiles += 1);
            let exact = pollster::block_on(exact).unwrap();
            assert_eq!((exact.shape(), tiles), (&[2, 6][..], 3 * plan.len()));
            let exact = exact.as_f32().unwrap();
            for norm in 0..3 {
                let whole = Halver(norm).norm_input(&picture.to_tensor());
                let values = whole.as_f32().unwrap();
                for (channel, plane) in values.chunks_exact(values.len() / 2).enumerate() {
                    let count = plane.len() as f64;
                    let mean = plane.iter().map(|&value| f64::from(value)).sum::<f64>() / count;
                    let variance = plane.iter().map(|&value| (f64::from(value) - mean).powi(2)).sum::<f64>() / count;
                    let found = [0, 6].map(|row| f64::from(exact[row + 2 * norm + channel]));
                    assert!((found[0] - mean).abs() <= 1e-7 * mean, "{width}x{height}, norm {norm}: {found:?} {mean}");
                    assert!((found[1] - variance).abs() <= 1e-6 * variance, "{norm}: {found:?} {variance}");
                }
            }
        }
    }

    #[test]
    fn norms_of_other_sizes_are_an_error() {
        let picture = Picture::filled(300, 8, 3, 1);
        let plan = plan(300, 8, 16, 16, 64);
        for (norms, channels) in [(0, 0), (0, 4), (1, 4), (3, 4), (2, 3)] {
            let border = Border::easel();
            let open = async |norm| Ok((norm < norms).then_some(Halver(norm)));
            let exact = exact_statistics(&border, &picture, &plan, channels, open, || {});
            assert!(pollster::block_on(exact).unwrap_err().to_string().contains("norms do not have"));
        }
    }
}
