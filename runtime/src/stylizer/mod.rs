//! Stylizing pictures, whole or in tiles. Tiles share the statistics of a thumbnail (Chen et al. 2021, "Towards
//! Ultra-Resolution Neural Style Transfer via Thumbnail Instance Normalization", arXiv 2103.11784) or the exact ones of
//! the whole picture.
//!
//! A stylizer's instance norms compute statistics of their whole input, so tiles with their own statistics differ in tone.
//! With shared statistics, the tiles of a plan of [`tiles`] equal the picture stylized as a whole.

pub mod compositing;
pub mod exact;
pub mod foreign;
pub mod io_spec;
pub mod layout;
pub mod range;
pub mod seen_range;
pub mod statistics;
pub mod tiles;

pub use compositing::{Compositing, Source};
pub use exact::exact_statistics;
pub use foreign::{ForeignSpec, IoOptions};
pub use io_spec::IoSpec;
pub use layout::{FixedSize, Layout, PixelType};
pub use range::Range;
pub use seen_range::SeenRange;
pub use tiles::{Rectangle, Tile};

use crate::resize::enlarge_smoothly;
use crate::{Engine, Error, Picture, Result, Tensor};

/// Stylizes an RGB picture tile by tile; a plan of one tile is the whole picture at once. The result has the picture's
/// size, times the model's scale; a model that enlarges is composited with the smoothly enlarged original. For a picture
/// with transparency, [`crate::transparency::fill_unseen`] makes what the model sees.
///
/// Without `statistics`, every tile computes its own. Calls `progress` after each tile with the number of tiles done.
///
/// Fails if the picture is not RGB, the model changes the size, or its output has NaN or infinity.
pub async fn stylize<'a, E: Engine>(
    engine: &mut E,
    io_spec: &IoSpec,
    picture: impl Into<Source<'a>>,
    plan: &[Tile],
    statistics: Option<&Tensor>,
    compositing: Compositing,
    mut progress: impl FnMut(usize),
) -> Result<Picture> {
    let Source { seen: picture, original } = picture.into();
    let scale = io_spec.scale;
    let mut stylized = Picture::filled(scale * picture.width, scale * picture.height, 3, 0);
    let shows_original = compositing.strength < 1.0 || compositing.keep_color;
    let enlarged = (scale > 1 && shows_original).then(|| enlarge_smoothly(original, scale));
    // Of an original that does not show, any pixels will do.
    let original = enlarged.as_ref().or((scale == 1).then_some(original));
    for (index, tile) in plan.iter().enumerate() {
        let part = io_spec.run(engine, picture, tile.seen, statistics).await?.0;
        let [_, _, height, width] = part.nchw()?;
        if (width, height) != (scale * tile.seen.width, scale * tile.seen.height) {
            return Err(Error::Shape(format!(
                "the model changed the size from {}x{} to {width}x{height}; a stylizer must keep it",
                tile.seen.width, tile.seen.height
            )));
        }
        write_core(&mut stylized, original, &part, &tile.scaled(scale), compositing)?;
        progress(index + 1);
    }
    Ok(stylized)
}

/// The statistics that a model's norms compute on a picture, `[2, channels]`, as the input [`statistics::STATISTICS`] takes
/// them.
///
/// The engine must have loaded the model with the outputs of [`crate::onnx::statistics_outputs`].
pub async fn statistics_of<E: Engine>(engine: &mut E, io_spec: &IoSpec, picture: &Picture) -> Result<Tensor> {
    let whole = Rectangle { left: 0, top: 0, width: picture.width, height: picture.height };
    statistics::gather(&io_spec.run(engine, picture, whole, None).await?.1)
}

/// Writes a tile's core to the picture. Without an original, that is black.
fn write_core(
    stylized: &mut Picture,
    original: Option<&Picture>,
    part: &Tensor,
    tile: &Tile,
    compositing: Compositing,
) -> Result<()> {
    let (values, plane) = (part.as_f32()?, tile.seen.width * tile.seen.height);
    let Rectangle { left, top, width, height } = tile.core;
    for row in 0..height {
        let from = (top + row - tile.seen.top) * tile.seen.width + left - tile.seen.left;
        let to = 3 * ((top + row) * stylized.width + left);
        for column in 0..width {
            let (from, to) = (from + column, to + 3 * column);
            let value = [values[from], values[plane + from], values[2 * plane + from]];
            let pixel = original.map_or([0; 3], |original| [0, 1, 2].map(|channel| original.pixels[to + channel]));
            stylized.pixels[to..to + 3].copy_from_slice(&compositing.pixel(pixel, value));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::tiles::Grid;
    use super::*;

    /// Doubles the values and records the width of each input.
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
    fn tiles_are_assembled() {
        let (width, height) = (301, 50);
        let pixels = (0..3 * width * height).map(|at| (at * 31 % 127) as u8).collect();
        let picture = Picture { width, height, channels: 3, pixels };
        let doubled: Vec<u8> = picture.pixels.iter().map(|pixel| 2 * pixel).collect();
        let io_spec = IoSpec::easel();
        for size in [16, 100, 400] {
            let plan = tiles::plan(width, height, size, size, Grid::EASEL);
            let (mut engine, mut done) = (Doubler(vec![]), 0);
            let stylized =
                stylize(&mut engine, &io_spec, &picture, &plan, None, Compositing::default(), |count| done = count);
            assert_eq!(pollster::block_on(stylized).unwrap().pixels, doubled);
            assert_eq!((done, engine.0.len()), (plan.len(), plan.len()));
            assert!(engine.0.iter().all(|&seen| seen <= size + 2 * 64));
        }
    }

    /// Makes every pixel a square of two by two.
    struct Enlarger;

    impl Engine for Enlarger {
        fn describe(&self) -> String {
            "test".into()
        }

        async fn run(&mut self, inputs: &[(&str, &Tensor)]) -> Result<Vec<(String, Tensor)>> {
            let [_, _, height, width] = inputs[0].1.nchw()?;
            let values = inputs[0].1.as_f32()?;
            let at = |at: usize| {
                let (x, y) = (at % (2 * width) / 2, at / (2 * width) / 2);
                values[y * width + x]
            };
            let large = (0..12 * width * height).map(at).collect::<Vec<_>>();
            Ok(vec![("stylized".into(), Tensor::new([1, 3, 2 * height, 2 * width], large)?)])
        }
    }

    #[test]
    fn models_that_enlarge_do_so_in_tiles_and_at_any_strength() {
        let (width, height) = (201, 37);
        let pixels = (0..3 * width * height).map(|at| (at * 31 % 251) as u8).collect();
        let picture = Picture { width, height, channels: 3, pixels };
        let large = crate::resize::enlarge(&picture, 2);
        let fixed_size = FixedSize { width: Some(64), height: Some(48) };
        let free = IoSpec { scale: 2, ..IoSpec::easel() };
        for (io_spec, plan) in [
            (free.clone(), tiles::whole(width, height)),
            (free.clone(), tiles::plan(width, height, 16, 16, Grid::EASEL)),
            (IoSpec { fixed_size, ..free.clone() }, tiles::plan_fixed(width, height, fixed_size)),
        ] {
            let run = |compositing| {
                let mut engine = Enlarger;
                let run = stylize(&mut engine, &io_spec, &picture, &plan, None, compositing, |_| {});
                pollster::block_on(run).unwrap()
            };
            assert_eq!(run(Compositing::default()), large, "{} tiles", plan.len());
            let none = Compositing { strength: 0.0, keep_color: false };
            assert_eq!(run(none), enlarge_smoothly(&picture, 2));
        }
    }

    /// Returns a smaller picture.
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
    fn a_model_that_changes_the_size_is_an_error() {
        let picture = Picture::filled(8, 9, 3, 0);
        let plan = tiles::plan(8, 9, 64, 64, Grid::EASEL);
        let (mut cropper, io_spec) = (Cropper, IoSpec::easel());
        let stylized = stylize(&mut cropper, &io_spec, &picture, &plan, None, Compositing::default(), |_| {});
        assert!(pollster::block_on(stylized).unwrap_err().to_string().contains("from 8x9 to 2x2"));
    }
}
