//! Stylizes one picture, whole, at four fifths of the style's strength.
//!
//! ```text
//! cargo run --release -p easel-native --example stylize -- MODEL.onnx PHOTO.jpg RESULT.png
//! ```

use std::path::PathBuf;

use easel_native::EngineOptions;
use easel_native::stylize::{IoOptions, Stylizer, TileStatistics, Tiling};
use easel_pictures::{open, save_picture};
use easel_runtime::Picture;
use easel_runtime::stylizer::Compositing;
use easel_runtime::stylizer::tiles::{Grid, plan_within};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let paths: Vec<PathBuf> = std::env::args_os().skip(1).map(PathBuf::from).collect();
    let [model, photo, result] = &paths[..] else { return Err("give a model, a photo and a result".into()) };

    let photo = open(photo)?.into_rgb8();
    let (width, height) = (photo.width() as usize, photo.height() as usize);
    let photo = Picture { width, height, channels: 3, pixels: photo.into_raw() };

    let mut stylizer = Stylizer::open(model, IoOptions::default(), &EngineOptions::default())?;
    // With fewer pixels a tile, a larger picture takes less memory and is computed in several.
    let tiling = Tiling::new(plan_within(width, height, usize::MAX, Grid::EASEL), TileStatistics::Own);
    let compositing = Compositing { strength: 0.8, ..Compositing::default() };
    save_picture(result, &stylizer.run(&photo, &tiling, compositing, |_| {})?)?;
    Ok(())
}
