//! A thread's models, and how they stylize one picture after the other.

use easel_runtime::stylizer::Source;
use easel_runtime::{Blend, Picture, Tensor};

use super::models::StyleModel;
use super::plan::StylizePlan;
use super::semaphore::Semaphore;
use super::stylizer::Stylizer;
use super::tiling::Tiling;
use crate::engine::EngineOptions;
use crate::error::Result;

/// How a picture was computed, and what to report of it.
#[derive(Debug, Default, Clone)]
pub(super) struct TilingSummary {
    /// How many tiles there were.
    pub tiles: usize,
    /// The program's estimated peak, in bytes.
    pub memory: usize,
    /// A warning about the picture.
    pub warning: Option<String>,
    /// Whether the picture was resized for the model.
    pub resized: bool,
    /// How many times as wide and high as the picture its result is.
    pub scale: usize,
}

/// A thread's models: the one in use, or all that are blended. Threads do not share engine sessions.
pub(super) struct Worker<'a> {
    plan: &'a StylizePlan,
    models: &'a [StyleModel],
    options: EngineOptions,
    /// The models that are open, and their numbers.
    open: Vec<(usize, Stylizer)>,
}

impl<'a> Worker<'a> {
    /// A worker whose sessions have a number of threads.
    pub fn new(plan: &'a StylizePlan, models: &'a [StyleModel], threads: usize) -> Self {
        let options = EngineOptions { threads: Some(threads), ..plan.engine.clone() };
        Self { plan, models, options, open: Vec::new() }
    }

    /// The open models; see [`Worker::open`].
    pub fn stylizers(&mut self) -> impl Iterator<Item = &mut Stylizer> {
        self.open.iter_mut().map(|(_, stylizer)| stylizer)
    }

    /// Opens a model, or all of them for a blend, if they are not open, and closes others, since each holds memory.
    pub fn open(&mut self, style: Option<usize>) -> Result<()> {
        let wanted = style.map_or(0..self.models.len(), |style| style..style + 1);
        if self.open.iter().map(|(style, _)| *style).eq(wanted.clone()) {
            return Ok(());
        }
        self.open.clear();
        for style in wanted {
            let StyleModel { path, io_spec } = &self.models[style];
            self.open.push((style, Stylizer::open_known(path, self.plan.io, &self.options, io_spec)?));
        }
        Ok(())
    }

    /// The norm statistics of a picture in each open model; none for a model that takes none.
    pub fn statistics(&mut self, picture: &Picture) -> Result<Vec<Option<Tensor>>> {
        self.stylizers().map(|stylizer| stylizer.own_statistics(picture)).collect()
    }

    /// Sets the norm statistics to use in place of each picture's own, for each open model.
    pub fn hold_statistics(&mut self, statistics: Vec<Option<Tensor>>) {
        let pairs = self.stylizers().zip(statistics);
        pairs.for_each(|(stylizer, statistics)| stylizer.held_statistics = statistics);
    }

    /// Stylizes an RGB picture with the open models, in the tiles planned for each, once the semaphore permits it. Calls
    /// `progress` with how many tiles are done, and of how many.
    pub fn stylize<'b>(
        &mut self,
        picture: impl Into<Source<'b>>,
        tilings: &[Tiling],
        semaphore: &Semaphore,
        progress: impl Fn(usize, usize),
    ) -> Result<(Picture, TilingSummary)> {
        let picture = picture.into();
        let (width, height) = (picture.seen.width, picture.seen.height);
        let mut summary = TilingSummary::default();
        let mut steps = 0;
        for ((_, stylizer), tiling) in self.open.iter().zip(tilings) {
            let spec = &stylizer.io_spec;
            summary.resized |= spec.scale == 1 && !spec.fixed_size.fits(width, height);
            summary.scale = spec.scale;
            summary.tiles += tiling.tiles.len();
            summary.memory = summary.memory.max(tiling.peak);
            summary.warning = summary.warning.take().or_else(|| tiling.warning.clone());
            steps += stylizer.steps(tiling);
        }
        // Each model keeps its memory for the next picture.
        // The models of a blend have one scale.
        let (width, height) = (summary.scale * width, summary.scale * height);
        let _permit = semaphore.acquire(tilings.iter().map(|tiling| tiling.bytes).sum());
        let mut blend = self.plan.blend.as_ref().map(|weights| (weights, Blend::new(3 * width * height)));
        let mut result = None;
        let mut done = 0;
        for ((style, stylizer), tiling) in self.open.iter_mut().zip(tilings) {
            let stylized = stylizer.run(picture, tiling, self.plan.compositing, |step| progress(done + step, steps))?;
            done += stylizer.steps(tiling);
            if self.plan.tiling.memory.is_some() {
                stylizer.release()?;
            }
            match &mut blend {
                Some((weights, blend)) => blend.add(&stylized.pixels, weights[*style])?,
                None => result = Some(stylized),
            }
        }
        let blended = blend.map(|(_, blend)| Picture { width, height, channels: 3, pixels: blend.finish() });
        let result = blended.or(result).expect("a worker has a model");
        Ok((result, summary))
    }
}
