//! Stylizing, for JavaScript.

use easel_runtime::onnx::plain_statistics;
use easel_runtime::stylizer::statistics::{STATISTICS, USE_STATISTICS, thumbnail, thumbnail_pixels};
use easel_runtime::stylizer::tiles::{self, Grid, Tile};
use easel_runtime::stylizer::{Compositing, IoSpec, Source, statistics_of, stylize as stylize_tiles};
use easel_runtime::{Engine, Error, Picture, Result, Tensor};
use js_sys::Function;
use wasm_bindgen::prelude::*;

use crate::error::{JsResult, to_js};
use crate::progress::{AbortSignal, InterruptibleSession, ProgressReporter};
use crate::session::Session;

/// The default of `maxPixels`: about 0.5 GB at width 16.
const DEFAULT_PIXELS: usize = 1 << 20;

#[wasm_bindgen]
extern "C" {
    /// Stylizing options.
    #[wasm_bindgen(typescript_type = "StylizeOptions")]
    pub type StylizeOptions;

    #[wasm_bindgen(method, getter)]
    fn strength(this: &StylizeOptions) -> Option<f32>;

    #[wasm_bindgen(method, getter, js_name = keepColor)]
    fn keep_color(this: &StylizeOptions) -> Option<bool>;

    #[wasm_bindgen(method, getter, js_name = maxPixels)]
    fn max_pixels(this: &StylizeOptions) -> Option<f64>;

    /// The former name of `maxPixels`.
    #[wasm_bindgen(method, getter, js_name = mostPixels)]
    fn most_pixels(this: &StylizeOptions) -> Option<f64>;

    #[wasm_bindgen(method, getter, js_name = onTile)]
    fn on_tile(this: &StylizeOptions) -> Option<Function>;

    #[wasm_bindgen(method, getter)]
    fn signal(this: &StylizeOptions) -> Option<AbortSignal>;
}

#[wasm_bindgen(typescript_custom_section)]
const TYPES: &str = r#"
/** Options for stylizing a picture. */
export interface StylizeOptions {
    /** From 0, the original picture, to 1, the stylized one. Default: 1. */
    strength?: number;
    /** Whether to keep the picture's colours and take only the luma of the stylized one. Default: false. */
    keepColor?: boolean;
    /**
     * The most pixels computed at once. Default: 1,048,576, for which a model of width 16 needs about 0.5 GB. A larger
     * picture is computed in tiles without seams.
     */
    maxPixels?: number;
    /**
     * Called before the first tile and after each with the number of tiles done and their total. If it returns a
     * promise, stylizing waits.
     */
    onTile?: (done: number, of: number) => void | Promise<void>;
    /** Stops the work before the next tile; the call then throws the signal's reason. */
    signal?: AbortSignal;
}
"#;

/// A stylizer's file in the form that onnxruntime-web accepts, where the statistics are required inputs, and the number
/// of channels of its norms. `None` if it takes no statistics, which only a `foreign` one may.
pub fn plain(model: &[u8], foreign: bool) -> Result<Option<(Vec<u8>, usize)>> {
    let plain = plain_statistics(model)?;
    if plain.is_none() && !foreign {
        return Err(Error::Engine(
            "the stylizer has no statistics inputs; export it without --plain-norm to use it in a browser".into(),
        ));
    }
    Ok(plain)
}

/// The tiles of a picture, of at most `max_pixels` each. Fails if the model takes another size only.
fn plan(io_spec: &IoSpec, width: usize, height: usize, max_pixels: usize) -> Result<Vec<Tile>> {
    let (fixed, scale) = (io_spec.fixed_size, io_spec.scale);
    if fixed.is_any() {
        let grid = Grid::of_multiple(io_spec.multiple);
        return Ok(tiles::plan_within(width, height, (max_pixels / (scale * scale)).max(grid.smallest()), grid));
    }
    if scale > 1 {
        return Ok(tiles::plan_fixed(width, height, fixed));
    }
    if fixed.fits(width, height) {
        return Ok(tiles::whole(width, height));
    }
    let side = |only: Option<usize>| only.map_or("any".into(), |only| only.to_string());
    Err(Error::Interface(format!(
        "the model takes pictures of {} pixels in width and {} in height only, and this one has {width}x{height}; resize it \
         first, as the program `stylize` does by itself",
        side(fixed.width),
        side(fixed.height)
    )))
}

/// Stylizes an RGB picture.
pub async fn stylize(
    session: Session,
    io_spec: &IoSpec,
    channels: usize,
    Source { seen: picture, original }: Source<'_>,
    options: Option<&StylizeOptions>,
) -> JsResult<Picture> {
    let max_pixels = options.and_then(|options| options.max_pixels().or_else(|| options.most_pixels()));
    let max_pixels = max_pixels.map_or(DEFAULT_PIXELS, |pixels| pixels as usize);
    let compositing = Compositing {
        strength: options.and_then(StylizeOptions::strength).unwrap_or(1.0),
        keep_color: options.and_then(StylizeOptions::keep_color).unwrap_or_default(),
    };
    if !(0.0..=1.0).contains(&compositing.strength) {
        return Err(to_js(Error::Engine(format!(
            "the strength is {}; give a number from 0 to 1",
            compositing.strength
        ))));
    }
    let reporter =
        ProgressReporter::new(options.and_then(StylizeOptions::on_tile), options.and_then(StylizeOptions::signal));
    let plan = plan(io_spec, picture.width, picture.height, max_pixels).map_err(to_js)?;
    let of = plan.len();
    let report = |done: usize| reporter.report(|on_tile| on_tile.call2(&JsValue::NULL, &done.into(), &of.into()));
    report(0);
    let mut engine = OwnStatistics { engine: InterruptibleSession { session, progress: &reporter }, channels };
    let stylized = async {
        let statistics = if of > 1 && io_spec.statistics {
            let max_pixels = max_pixels.max(Grid::EASEL.smallest());
            let pixels = thumbnail_pixels(picture.width, picture.height, max_pixels);
            Some(statistics_of(&mut engine, io_spec, &thumbnail(picture, pixels)).await?)
        } else {
            None
        };
        let source = Source { seen: picture, original };
        stylize_tiles(&mut engine, io_spec, source, &plan, statistics.as_ref(), compositing, report).await
    };
    reporter.finish(stylized.await).await
}

/// An engine whose model requires the statistics inputs: if the caller passes none, it passes those that make the model
/// compute its own.
pub struct OwnStatistics<E> {
    /// The engine.
    pub engine: E,
    /// The number of channels of the model's norms; 0 if it takes no statistics.
    pub channels: usize,
}

impl<E: Engine> Engine for OwnStatistics<E> {
    fn describe(&self) -> String {
        self.engine.describe()
    }

    async fn run(&mut self, inputs: &[(&str, &Tensor)]) -> Result<Vec<(String, Tensor)>> {
        if self.channels == 0 || inputs.iter().any(|(name, _)| *name == STATISTICS) {
            return self.engine.run(inputs).await;
        }
        let disabled = Tensor::new([], vec![false])?;
        let unused = Tensor::new([2, self.channels], vec![0f32; 2 * self.channels])?;
        let own = [(USE_STATISTICS, &disabled), (STATISTICS, &unused)];
        self.engine.run(&[inputs, &own].concat()).await
    }
}
