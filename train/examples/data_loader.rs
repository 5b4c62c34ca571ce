//! Reads a folder of pictures with several numbers of threads, and says how fast.
//!
//! ```text
//! cargo run --release -p easel-train --example data_loader -- FOLDER
//! ```

use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use anyhow::Context;
use candle_core::Device;
use easel_train::data::transform::{CentreCrop, RandomFlip, Resize};
use easel_train::data::{Batches, DataLoader, Dataset, LoaderOptions, PictureFiles, Shuffle, Transformed, stack};

fn main() -> anyhow::Result<()> {
    let folder = std::env::args_os().nth(1).context("which folder? give one with pictures")?;
    for workers in [0, 1, 2, 4] {
        let files = PictureFiles::open(Path::new(&folder), 3)?;
        let order = Shuffle { len: files.len(), seed: 1 };
        let transform = (Resize::ShortSide(96), CentreCrop { height: 96, width: 96 }, RandomFlip::default());
        let dataset = Arc::new(Transformed { dataset: files, transform });
        let options = LoaderOptions { workers, ..LoaderOptions::default() };
        let loader = DataLoader::new(dataset, Batches::new(order, 32), stack(&Device::Cpu, None), options);

        let start = Instant::now();
        let mut loading = loader.epoch(0)?;
        let (mut items, mut sum) = (0, 0.0);
        while let Some(batch) = loading.next().transpose()? {
            items += batch.labels.elem_count();
            // Stands in for a model.
            sum += batch.images.mean_all()?.to_scalar::<f32>()?;
        }
        let seconds = start.elapsed().as_secs_f64();
        println!(
            "{workers} workers: {:7.0} pictures/s, {:5.1} % of the time in the model (check {sum:.4})",
            items as f64 / seconds,
            100.0 * loading.times().model_fraction()
        );
        if let Some(warning) = loader.dataset().dataset.warning() {
            eprintln!("{warning}");
        }
    }
    Ok(())
}
