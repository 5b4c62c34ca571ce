//! The exact statistics of a whole picture, computed tile by tile.
//!
//! A norm's statistics depend on those of the norms before it, so each norm takes a pass over the picture, with the model
//! cut before it ([`crate::onnx::before_norm`]). A pass sums the norm's inputs over the cores of the tiles, which cover the
//! picture once, including its padding on the right and at the bottom.

use super::statistics::STATISTICS;
use super::tiles::ALIGNMENT;
use super::{IoSpec, Tile};
use crate::{Engine, Error, Picture, Result, Tensor};

/// The statistics that the norms of a model compute on a whole picture, `[2, channels]`, as the input [`STATISTICS`] takes
/// them. `channels` is the number of channels of all norms together.
///
/// `open(norm)` returns an engine with the model cut before that norm, counted from 0, or none if there is no such norm.
/// Only one engine exists at a time. Calls `progress` after each tile of each pass.
///
/// Sums and sums of squares are float64, which is enough for float32 values: the variance loses about 1e-16 of the squared
/// mean, less than the 1e-14 that the rounding of the values costs.
///
/// Fails if `open` or the engine fails, or the norms do not have `channels` channels.
pub async fn exact_statistics<E: Engine>(
    io_spec: &IoSpec,
    picture: &Picture,
    plan: &[Tile],
    channels: usize,
    mut open: impl AsyncFnMut(usize) -> Result<Option<E>>,
    mut progress: impl FnMut(),
) -> Result<Tensor> {
    let wrong_channels =
        || Error::Engine(format!("the model's norms do not have the {channels} channels of its `{STATISTICS}`"));
    let mut values = vec![0f32; 2 * channels];
    let mut known = 0;
    for norm in 0.. {
        let Some(mut engine) = open(norm).await? else { break };
        let statistics = Tensor::new([2, channels], values.clone())?;
        let mut sums: Vec<Sums> = Vec::new();
        for tile in plan {
            let given = (norm > 0).then_some(&statistics);
            let mut outputs = io_spec.feed(&mut engine, picture, tile.seen, given).await?.1;
            let input = outputs.pop().ok_or_else(|| Error::Engine("the model has no output".into()))?.1;
            add_core(&mut sums, &input, tile, picture)?;
            progress();
        }
        let next = known + sums.len();
        if next > channels {
            return Err(wrong_channels());
        }
        for (channel, sums) in (known..next).zip(&sums) {
            let mean = sums.sum / sums.count;
            values[channel] = mean as f32;
            values[channels + channel] = (sums.squares / sums.count - mean * mean).max(0.0) as f32;
        }
        known = next;
    }
    if known != channels || channels == 0 {
        return Err(wrong_channels());
    }
    Tensor::new([2, channels], values)
}

/// The sums of a channel.
#[derive(Clone, Copy, Default)]
struct Sums {
    count: f64,
    sum: f64,
    squares: f64,
}

/// Adds a tile's core in the input of a norm, which may be at half or a quarter of the picture's resolution.
fn add_core(sums: &mut Vec<Sums>, input: &Tensor, tile: &Tile, picture: &Picture) -> Result<()> {
    let [1, channels, height, width] = input.nchw()? else {
        return Err(Error::Shape(format!("a norm's input has the shape {:?}, not that of one picture", input.shape())));
    };
    let (core, seen) = (tile.core, tile.seen);
    let columns = along([core.left, core.width, seen.left, seen.width], picture.width, width);
    let rows = along([core.top, core.height, seen.top, seen.height], picture.height, height);
    if columns.end > width || rows.end > height {
        return Err(Error::Shape(format!(
            "a norm's input is {width}x{height} for a tile of {}x{}",
            seen.width, seen.height
        )));
    }
    sums.resize(channels, Sums::default());
    for (sums, plane) in sums.iter_mut().zip(input.as_f32()?.chunks_exact(width * height)) {
        for row in plane.chunks_exact(width).skip(rows.start).take(rows.len()) {
            let (sum, squares) = sum_and_squares(&row[columns.clone()]);
            sums.sum += sum;
            sums.squares += squares;
        }
        sums.count += (rows.len() * columns.len()) as f64;
    }
    Ok(())
}

/// The range of a norm's `inner` rows or columns that belong to a core. The last core includes everything beyond the
/// picture's last pixel: the padding, and one row or column less where the network halves an odd size.
fn along([start, length, seen, seen_length]: [usize; 4], size: usize, inner: usize) -> std::ops::Range<usize> {
    let scale = (seen_length.next_multiple_of(ALIGNMENT) / inner.max(1)).max(1);
    let end = if start + length == size { inner } else { (start + length - seen) / scale };
    (start - seen) / scale..end
}

/// The sum and the sum of squares, with several accumulators that the compiler can vectorise.
fn sum_and_squares(row: &[f32]) -> (f64, f64) {
    const ACCUMULATORS: usize = 8;
    let (mut sums, mut squares) = ([0f64; ACCUMULATORS], [0f64; ACCUMULATORS]);
    let chunks = row.chunks_exact(ACCUMULATORS);
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
    use crate::stylizer::tiles::{Grid, plan};

    /// Returns the input at full, half or a quarter of the resolution, padded as a stylizer pads, and without the last row
    /// and column at half. The second channel is far from zero.
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
            // The first norm needs no statistics.
            assert_eq!(inputs.len(), if self.0 == 0 { 1 } else { 3 });
            Ok(vec![("x".into(), self.norm_input(inputs[0].1))])
        }
    }

    #[test]
    fn tiles_add_up_to_the_whole() {
        for (width, height) in [(301, 50), (600, 399), (131, 260)] {
            let pixels = (0..3 * width * height).map(|at| (at * at % 251) as u8).collect();
            let picture = Picture { width, height, channels: 3, pixels };
            let plan = plan(width, height, 60, 100, Grid::EASEL);
            assert!(plan.len() > 1);
            let mut tiles = 0;
            let io_spec = IoSpec::easel();
            let open = async |norm| Ok((norm < 3).then_some(Halver(norm)));
            let exact = exact_statistics(&io_spec, &picture, &plan, 6, open, || tiles += 1);
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
        let plan = plan(300, 8, 16, 16, Grid::EASEL);
        for (norms, channels) in [(0, 0), (0, 4), (1, 4), (3, 4), (2, 3)] {
            let io_spec = IoSpec::easel();
            let open = async |norm| Ok((norm < norms).then_some(Halver(norm)));
            let exact = exact_statistics(&io_spec, &picture, &plan, channels, open, || {});
            assert!(pollster::block_on(exact).unwrap_err().to_string().contains("norms do not have"));
        }
    }
}
