//! Models at work on one picture after the other.

use std::path::PathBuf;

use easel_runtime::{Blend, Picture, Tensor};

use super::gate::Gate;
use super::memory::Tiling;
use super::model::Stylizer;
use super::plan::Plan;
use crate::{Options, Result};

/// What a picture's tiles were, and what the user should know of them.
#[derive(Debug, Default)]
pub(super) struct Told {
    /// How many there were.
    pub tiles: usize,
    /// What the program was expected to take, in bytes.
    pub memory: usize,
    /// What is said of the picture.
    pub warning: Option<String>,
    /// Whether the model takes another size than the picture's.
    pub resized: bool,
}

/// A thread's own models: the one in use, or all that are blended. Sessions are not shared: each has its own threads.
pub(super) struct Lane<'a> {
    plan: &'a Plan,
    /// The models' files.
    paths: &'a [PathBuf],
    options: Options,
    /// The models that are open, and which one it is.
    open: Vec<(usize, Stylizer)>,
}

impl<'a> Lane<'a> {
    /// A lane that computes with so many threads.
    pub fn new(plan: &'a Plan, paths: &'a [PathBuf], threads: usize) -> Self {
        let options = Options { threads: Some(threads), ..plan.options.clone() };
        Self { plan, paths, options, open: Vec::new() }
    }

    /// The open models; those of [`Lane::ready`].
    pub fn stylizers(&mut self) -> impl Iterator<Item = &mut Stylizer> {
        self.open.iter_mut().map(|(_, stylizer)| stylizer)
    }

    /// Opens a model, or all for a blend, unless that was done, and closes others: each keeps memory.
    pub fn ready(&mut self, style: Option<usize>) -> Result<()> {
        let wanted = style.map_or(0..self.paths.len(), |style| style..style + 1);
        if self.open.iter().map(|(style, _)| *style).eq(wanted.clone()) {
            return Ok(());
        }
        self.open.clear();
        for style in wanted {
            self.open.push((style, Stylizer::open(&self.paths[style], self.plan.numbers, &self.options)?));
        }
        Ok(())
    }

    /// The statistics of each open model on a picture, where it takes any.
    pub fn statistics(&mut self, picture: &Picture) -> Result<Vec<Option<Tensor>>, String> {
        let own = |stylizer: &mut Stylizer| stylizer.own_statistics(picture).map_err(|error| error.to_string());
        self.stylizers().map(own).collect()
    }

    /// Takes statistics, one for each open model, in place of each picture's own from now on.
    pub fn hold(&mut self, statistics: Vec<Option<Tensor>>) {
        self.stylizers().zip(statistics).for_each(|(stylizer, statistics)| stylizer.held = statistics);
    }

    /// Stylizes an RGB picture with what is open, in the tiles planned for each, once the gate lets it in. `progress`
    /// is told how many tiles are done, and of how many. The error says what is wrong without the picture's path.
    pub fn stylize(
        &mut self,
        picture: &Picture,
        work: &[Tiling],
        gate: &Gate,
        progress: impl Fn(usize, usize),
    ) -> Result<(Picture, Told), String> {
        let (width, height) = (picture.width, picture.height);
        let mut told = Told::default();
        let mut steps = 0;
        for ((_, stylizer), tiling) in self.open.iter().zip(work) {
            told.resized |= !stylizer.fit.fits(width, height);
            told.tiles += tiling.tiles.len();
            told.memory = told.memory.max(tiling.peak);
            told.warning = told.warning.take().or_else(|| tiling.warning.clone());
            steps += stylizer.steps(tiling);
        }
        // Each model keeps what it took for the next picture.
        let _pass = gate.enter(work.iter().map(|tiling| tiling.bytes).sum());
        let mut blend = self.plan.blend.as_ref().map(|shares| (shares, Blend::new(3 * width * height)));
        let mut result = None;
        let mut done = 0;
        for ((style, stylizer), tiling) in self.open.iter_mut().zip(work) {
            let advance = |step| progress(done + step, steps);
            let made = stylizer.run(picture, tiling, self.plan.look, advance).map_err(|error| error.to_string())?;
            done += stylizer.steps(tiling);
            if self.plan.tiles.memory.is_some() {
                stylizer.release().map_err(|error| error.to_string())?;
            }
            match &mut blend {
                Some((shares, blend)) => {
                    blend.add(&made.pixels, shares[*style]).map_err(|error| error.to_string())?;
                }
                None => result = Some(made),
            }
        }
        let blended = blend.map(|(_, blend)| Picture { width, height, channels: 3, pixels: blend.finish() });
        let made = blended.or(result).expect("a lane has a model");
        Ok((made, told))
    }
}
