//! Batches of real pictures at the current resolution.

use std::sync::Arc;
use std::time::Duration;

use candle_core::{Device, Tensor};
use easel_runtime::{Picture, Random};

use super::{GrowthPoint, ProganConfig};
use crate::data::transform::{Normalise, RandomFlip};
use crate::data::{
    self, Batches, DataLoader, Dataset, LoaderOptions, Loading, PictureBatch, Sample, Shuffle, Store, Transformed,
    stack,
};
use crate::networks::progan::Stage;
use crate::run::streams;
use crate::{Error, Result};

/// The number of the first epoch at a resolution, in units of the step: no two resolutions share an order.
const EPOCHS: u64 = 1 << 24;

type Pictures = Arc<dyn Dataset<Item = Sample>>;
type Training = Transformed<Pictures, RandomFlip>;

/// Batches of real pictures, and the position in the data.
pub struct PictureFeed {
    pictures: Store,
    mirrored: RandomFlip,
    channels: usize,
    seed: u64,
    workers: usize,
    device: Device,
    /// The most recently used pictures, with their height and width.
    present: Option<(usize, Pictures)>,
    /// The resolution's step and its batches.
    loading: Option<(usize, Loading<Training, PictureBatch>)>,
    waited: Duration,
}

impl PictureFeed {
    /// A feed that has not read anything yet.
    pub fn new(config: &ProganConfig, pictures: Store, device: &Device) -> Self {
        Self {
            pictures,
            mirrored: RandomFlip(if config.mirror { 0.5 } else { 0.0 }),
            channels: config.sizes().channels,
            seed: config.shared.seed,
            workers: config.shared.workers,
            device: device.clone(),
            present: None,
            loading: None,
            waited: Duration::ZERO,
        }
    }

    /// The pictures at a resolution.
    pub fn at(&mut self, side: usize) -> Pictures {
        let present = self.present.take().filter(|(known, _)| *known == side);
        let (_, pictures) = self.present.insert(present.unwrap_or_else(|| (side, self.pictures.at(side))));
        pictures.clone()
    }

    /// The next batch at a point of the growth, `[batch, channels, side, side]` in [-1, 1]. A new resolution
    /// starts with its first epoch.
    pub fn next(&mut self, point: GrowthPoint) -> Result<Tensor> {
        let step = point.stage.step;
        if self.loading.as_ref().is_none_or(|(fed, _)| *fed != step) {
            let loader = self.loader(step, point.batch);
            let (items, batches) = (loader.dataset().len() as u64, loader.batches() as u64);
            self.begin(step, loader.resume(data::Place { epoch: step as u64 * EPOCHS, batch: 0, batches, items })?);
        }
        let (_, loading) = self.loading.as_mut().expect("it has just been begun");
        Ok(loading.next().ok_or_else(|| Error::Run("the data has ended".into()))??.images)
    }

    /// Continues at a position in the data of the step's resolution.
    pub fn resume(&mut self, step: usize, batch: usize, place: data::Place) -> Result<()> {
        let loading = self.loader(step, batch).resume(place)?;
        self.begin(step, loading);
        Ok(())
    }

    /// The resolution's step and the position of the next batch; `None` before the first one.
    pub fn place(&self) -> Option<(usize, data::Place)> {
        self.loading.as_ref().map(|(step, loading)| (*step, loading.place()))
    }

    /// The time spent waiting for batches.
    pub fn waited(&self) -> Duration {
        self.waited + self.loading.as_ref().map_or(Duration::ZERO, |(_, loading)| loading.waited())
    }

    /// This many random pictures, the same at every resolution, repeated where there are too few.
    pub fn some(&mut self, count: usize, side: usize) -> Result<Vec<Picture>> {
        let pictures = self.at(side);
        let mut order: Vec<usize> = (0..pictures.len()).collect();
        Random::new(self.seed, streams::SAMPLES + 2).shuffle(&mut order);
        let chosen = order.into_iter().cycle().take(count);
        chosen.map(|index| Ok(pictures.item(index, &mut Random::new(0, 0))?.picture)).collect()
    }

    fn begin(&mut self, step: usize, loading: Loading<Training, PictureBatch>) {
        self.waited = self.waited();
        self.loading = Some((step, loading));
    }

    fn loader(&mut self, step: usize, batch: usize) -> DataLoader<Training, PictureBatch> {
        let dataset = self.at(Stage::grown(step).resolution());
        let batches = Batches::new(Shuffle { len: dataset.len(), seed: self.seed }, batch).fill_last();
        let collate = stack(&self.device, Some(Normalise::symmetric(self.channels)));
        let options = LoaderOptions { seed: self.seed, workers: self.workers, ..LoaderOptions::default() };
        DataLoader::new(Arc::new(Transformed { dataset, transform: self.mirrored }), batches, collate, options)
    }
}
