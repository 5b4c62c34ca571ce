//! Loads a generator and draws pictures: the first of each of eight seeds.
//!
//! ```text
//! cargo run --release -p easel-native --example sample -- MODEL.onnx FOLDER
//! ```

use std::path::{Path, PathBuf};

use easel_native::{EngineOptions, Model};
use easel_pictures::save_picture;
use easel_runtime::Picture;
use easel_runtime::generator::{generate, latents_of_seeds};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args_os().skip(1).map(PathBuf::from);
    let (model, folder) = arguments.next().zip(arguments.next()).ok_or("give a model and a folder")?;
    let seeds: Vec<u64> = (1..=8).collect();
    for (picture, seed) in draw(&model, &seeds)?.iter().zip(seeds) {
        save_picture(&folder.join(format!("{seed}.png")), picture)?;
    }
    Ok(())
}

fn draw(model: &Path, seeds: &[u64]) -> Result<Vec<Picture>, Box<dyn std::error::Error>> {
    let mut model = Model::open(model, &EngineOptions::default())?;
    // [seeds, latent size]
    let z = latents_of_seeds(&model.card, seeds)?;
    // [seeds, channel, height, width] in [0, 1]
    let images = pollster::block_on(generate(&mut model.engine, &z))?;
    Ok(Picture::from_batch(&images)?)
}
