//! Stylized pictures: whole, or in tiles that share the statistics of a thumbnail (Chen et al. 2021, "Towards
//! Ultra-Resolution Neural Style Transfer via Thumbnail Instance Normalization", arXiv 2103.11784), or exactly those of
//! the whole picture.
//!
//! A stylizer's instance norms see the whole picture, so tiles that each compute their own statistics differ in tone.
//! Given the same statistics, tiles of a plan of [`tiles`] equal the whole picture.

pub mod border;
pub mod exact;
pub mod look;
pub mod statistics;
pub mod tiles;

pub use border::{Border, Range};
pub use exact::exact_statistics;
pub use look::Look;
pub use tiles::{Rectangle, Tile};

use crate::{Engine, Error, Picture, Result, Tensor};

/// Stylizes an RGB picture tile by tile; a plan of one tile is the whole picture at once. The result has the picture's
/// size.
///
/// Without `statistics` every tile computes its own. `progress` is told after each tile how many are done.
///
/// Fails on a picture that is not RGB, where the model changes the size, and where it gives values that are no numbers.
pub async fn stylize<E: Engine>(
    engine: &mut E,
    border: &Border,
    picture: &Picture,
    plan: &[Tile],
    statistics: Option<&Tensor>,
    look: Look,
    mut progress: impl FnMut(usize),
) -> Result<Picture> {
    let mut stylized = Picture::filled(picture.width, picture.height, 3, 0);
    for (index, tile) in plan.iter().enumerate() {
        let part = border.run(engine, picture, tile.seen, statistics).await?.0;
        let [_, _, height, width] = part.nchw()?;
        if (width, height) != (tile.seen.width, tile.seen.height) {
            return Err(Error::Shape(format!(
                "the model made {width}x{height} pixels of {}x{}; a stylizer keeps the size",
                tile.seen.width, tile.seen.height
            )));
        }
        lay(&mut stylized, picture, &part, tile, look)?;
        progress(index + 1);
    }
    Ok(stylized)
}

/// The statistics that a model uses on a picture: `[2, channels]`, what the input [`statistics::STATISTICS`] takes.
///
/// The engine must have loaded the model with the outputs of [`crate::onnx::statistics_outputs`].
pub async fn statistics_of<E: Engine>(engine: &mut E, border: &Border, picture: &Picture) -> Result<Tensor> {
    let whole = Rectangle { left: 0, top: 0, width: picture.width, height: picture.height };
    statistics::gather(&border.run(engine, picture, whole, None).await?.1)
}

/// Lays what belongs to a tile into the picture.
fn lay(stylized: &mut Picture, original: &Picture, part: &Tensor, tile: &Tile, look: Look) -> Result<()> {
    let (values, plane) = (part.as_f32()?, tile.seen.width * tile.seen.height);
    let Rectangle { left, top, width, height } = tile.core;
    for row in 0..height {
        let from = (top + row - tile.seen.top) * tile.seen.width + left - tile.seen.left;
        let to = 3 * ((top + row) * original.width + left);
        for column in 0..width {
            let (from, to) = (from + column, to + 3 * column);
            let value = [values[from], values[plane + from], values[2 * plane + from]];
            let pixel = [original.pixels[to], original.pixels[to + 1], original.pixels[to + 2]];
            stylized.pixels[to..to + 3].copy_from_slice(&look.pixel(pixel, value));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Says how wide each part was, and doubles the values.
    struct Doubler(Vec<usize>);

    impl Engine for Doubler {
        fn describe(&self) -> String {
            "test".into()
        }

        async fn run(&mut self, inputs: &[(&str, &Tensor)]) -> Result<Vec<(String, Tensor)>> {
            let image = inputs[0].1;
            self.0.push(image.shape()[3]);
            let values: Vec<f32> = image.as_f32()?.iter().map(|value| 2.0 * value).collect();
            Ok(vec![("stylized".into(), Tensor::new(image.shape(), values)?)])
        }
    }

    #[test]
    fn tiles_come_together() {
        let (width, height) = (301, 50);
        let pixels = (0..3 * width * height).map(|at| (at * 31 % 127) as u8).collect();
        let picture = Picture { width, height, channels: 3, pixels };
        let doubled: Vec<u8> = picture.pixels.iter().map(|pixel| 2 * pixel).collect();
        let border = Border::easel();
        for size in [16, 100, 400] {
            let plan = tiles::plan(width, height, size, size, 64);
            let (mut engine, mut done) = (Doubler(vec![]), 0);
            let stylized = stylize(&mut engine, &border, &picture, &plan, None, Look::default(), |count| done = count);
            assert_eq!(pollster::block_on(stylized).unwrap().pixels, doubled);
            assert_eq!((done, engine.0.len()), (plan.len(), plan.len()));
            assert!(engine.0.iter().all(|&seen| seen <= size + 2 * 64));
        }
    }

    /// Gives a part of what went in.
    struct Cropper;

    impl Engine for Cropper {
        fn describe(&self) -> String {
            "test".into()
        }

        async fn run(&mut self, _: &[(&str, &Tensor)]) -> Result<Vec<(String, Tensor)>> {
            Ok(vec![("stylized".into(), Tensor::new([1, 3, 2, 2], vec![0f32; 12])?)])
        }
    }

    #[test]
    fn a_model_that_changes_the_size_is_refused() {
        let picture = Picture::filled(8, 9, 3, 0);
        let plan = tiles::plan(8, 9, 64, 64, 64);
        let (mut cropper, border) = (Cropper, Border::easel());
        let stylized = stylize(&mut cropper, &border, &picture, &plan, None, Look::default(), |_| {});
        assert!(pollster::block_on(stylized).unwrap_err().to_string().contains("2x2 pixels of 8x9"));
    }
}
