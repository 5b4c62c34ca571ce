//! Stylizing as JavaScript asks for it.

use easel_runtime::onnx::plain_statistics;
use easel_runtime::stylizer::statistics::{STATISTICS, USE_STATISTICS, thumbnail, thumbnail_pixels};
use easel_runtime::stylizer::tiles::{self, HALO};
use easel_runtime::stylizer::{Border, Look, statistics_of, stylize as stylize_tiles};
use easel_runtime::{Engine, Error, Picture, Result, Tensor};
use js_sys::Function;
use wasm_bindgen::prelude::*;

use crate::error::{JsResult, to_js};
use crate::listener::{AbortSignal, Heard, Listener};
use crate::session::Session;

/// The fewest pixels that a tile is allowed to see: four halos each way.
const SMALLEST: usize = (4 * HALO) * (4 * HALO);

/// The most pixels that are computed at once unless the caller says otherwise: some 0.5 GB at width 16.
const USUAL: usize = 1 << 20;

#[wasm_bindgen]
extern "C" {
    /// How to stylize.
    #[wasm_bindgen(typescript_type = "StylizeOptions")]
    pub type StylizeOptions;

    #[wasm_bindgen(method, getter)]
    fn strength(this: &StylizeOptions) -> Option<f32>;

    #[wasm_bindgen(method, getter, js_name = keepColor)]
    fn keep_color(this: &StylizeOptions) -> Option<bool>;

    #[wasm_bindgen(method, getter, js_name = mostPixels)]
    fn most_pixels(this: &StylizeOptions) -> Option<f64>;

    #[wasm_bindgen(method, getter, js_name = onTile)]
    fn on_tile(this: &StylizeOptions) -> Option<Function>;

    #[wasm_bindgen(method, getter)]
    fn signal(this: &StylizeOptions) -> Option<AbortSignal>;
}

#[wasm_bindgen(typescript_custom_section)]
const TYPES: &str = r#"
/** How a picture is stylized. */
export interface StylizeOptions {
    /** From 0, the picture itself, to 1, the default. */
    strength?: number;
    /** Whether the colours stay and only the brightness is the style's. */
    keepColor?: boolean;
    /**
     * The most pixels that are computed at once, by default 1,048,576, which a model of width 16 needs 0.5 GB for. A
     * larger picture is computed in tiles without seams.
     */
    mostPixels?: number;
    /** Told before the first tile and after each how many are done. Stylizing waits where it gives a promise. */
    onTile?: (done: number, of: number) => void | Promise<void>;
    /** Ends the work before the next tile; it then throws the signal's reason. */
    signal?: AbortSignal;
}
"#;

/// A stylizer's file as onnxruntime-web takes it, and the number of its norms' channels.
pub fn prepared(model: &[u8]) -> Result<(Vec<u8>, usize)> {
    plain_statistics(model)?.ok_or_else(|| {
        Error::Engine("the stylizer takes no statistics; export it without --plain-norm to use it in a browser".into())
    })
}

/// Stylizes an RGB picture.
pub async fn stylize(
    session: Session,
    channels: usize,
    picture: &Picture,
    options: Option<&StylizeOptions>,
) -> JsResult<Picture> {
    let most = options.and_then(StylizeOptions::most_pixels).map_or(USUAL, |pixels| pixels as usize).max(SMALLEST);
    let look = Look {
        strength: options.and_then(StylizeOptions::strength).unwrap_or(1.0),
        keep_color: options.and_then(StylizeOptions::keep_color).unwrap_or_default(),
    };
    if !(0.0..=1.0).contains(&look.strength) {
        return Err(to_js(Error::Engine(format!("the strength is {}; give a number from 0 to 1", look.strength))));
    }
    let listener = Listener::new(options.and_then(StylizeOptions::on_tile), options.and_then(StylizeOptions::signal));
    let plan = tiles::plan_within(picture.width, picture.height, most, HALO);
    let of = plan.len();
    let tell = |done: usize| listener.tell(|on_tile| on_tile.call2(&JsValue::NULL, &done.into(), &of.into()));
    tell(0);
    let mut engine = Fed { engine: Heard { session, listener: &listener }, channels };
    let stylized = async {
        let border = Border::easel();
        let statistics = if of > 1 {
            let pixels = thumbnail_pixels(picture.width, picture.height, most);
            Some(statistics_of(&mut engine, &border, &thumbnail(picture, pixels)).await?)
        } else {
            None
        };
        stylize_tiles(&mut engine, &border, picture, &plan, statistics.as_ref(), look, tell).await
    };
    listener.judge(stylized.await).await
}

/// An engine whose model must be fed its statistics: where none are given, it is told to compute its own.
pub struct Fed<E> {
    /// The engine.
    pub engine: E,
    /// Of the model's norms.
    pub channels: usize,
}

impl<E: Engine> Engine for Fed<E> {
    fn describe(&self) -> String {
        self.engine.describe()
    }

    async fn run(&mut self, inputs: &[(&str, &Tensor)]) -> Result<Vec<(String, Tensor)>> {
        if inputs.iter().any(|(name, _)| *name == STATISTICS) {
            return self.engine.run(inputs).await;
        }
        let switch = Tensor::new([], vec![false])?;
        let unused = Tensor::new([2, self.channels], vec![0f32; 2 * self.channels])?;
        let own = [(USE_STATISTICS, &switch), (STATISTICS, &unused)];
        self.engine.run(&[inputs, &own].concat()).await
    }
}
