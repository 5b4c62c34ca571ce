//! Sampling from a denoiser as JavaScript asks for it.

use easel_runtime::denoiser::{Denoiser, Draw, Request, Sampler, pictures};
use easel_runtime::samplers::Progress;
use easel_runtime::{Error, Picture, Result, Tensor};
use js_sys::Function;
use wasm_bindgen::prelude::*;

use crate::error::{JsResult, to_js};
use crate::listener::{AbortSignal, Heard, Listener};
use crate::pictures::Pictures;
use crate::session::Session;

#[wasm_bindgen]
extern "C" {
    /// How to sample.
    #[wasm_bindgen(typescript_type = "SampleOptions")]
    pub type SampleOptions;

    #[wasm_bindgen(method, getter)]
    fn sampler(this: &SampleOptions) -> Option<String>;

    #[wasm_bindgen(method, getter)]
    fn eta(this: &SampleOptions) -> Option<f64>;

    #[wasm_bindgen(method, getter)]
    fn steps(this: &SampleOptions) -> Option<f64>;

    #[wasm_bindgen(method, getter)]
    fn guidance(this: &SampleOptions) -> Option<f64>;

    #[wasm_bindgen(method, getter, js_name = onStep)]
    fn on_step(this: &SampleOptions) -> Option<Function>;

    #[wasm_bindgen(method, getter)]
    fn signal(this: &SampleOptions) -> Option<AbortSignal>;
}

#[wasm_bindgen(typescript_custom_section)]
const TYPES: &str = r#"
/** How a denoiser is sampled. */
export interface SampleOptions {
    /** By default `dpm-solver`. */
    sampler?: "ancestral" | "ddim" | "dpm-solver";
    /** How much fresh noise each step of `ddim` adds, from 0, the default, to 1. */
    eta?: number;
    /** By default 20; `ancestral` takes all that the model has. */
    steps?: number;
    /**
     * How far beyond the prediction without a class that with one is followed; 1 is the prediction
     * itself. By default 1.5 where the model was trained for guidance, else 1.
     */
    guidance?: number;
    /** Shown the pictures so far, before the first step and after each. Sampling waits where it gives a promise. */
    onStep?: (step: Step) => void | Promise<void>;
    /** Ends the sampling before its next step, which then throws the signal's reason. */
    signal?: AbortSignal;
}
"#;

/// How far a sampling is.
#[wasm_bindgen]
pub struct Step {
    /// Steps done, of all pictures.
    #[wasm_bindgen(readonly)]
    pub done: usize,
    /// Steps in all.
    #[wasm_bindgen(readonly)]
    pub of: usize,
    /// The number of the first of the pictures that are being made.
    #[wasm_bindgen(readonly)]
    pub first: usize,
    x: Tensor,
}

#[wasm_bindgen]
impl Step {
    /// Those pictures so far.
    pub fn pictures(&self) -> JsResult<Pictures> {
        pictures(&self.x).and_then(|pictures| Picture::from_batch(&pictures)).map(Pictures::new).map_err(to_js)
    }
}

/// Makes the pictures, so many at once.
pub async fn sample(
    denoiser: &Denoiser,
    session: Session,
    draws: &[Draw],
    options: Option<SampleOptions>,
    at_once: usize,
) -> JsResult<Vec<Picture>> {
    let request = request(denoiser, draws, options.as_ref()).map_err(to_js)?;
    let of = request.steps * draws.len().div_ceil(at_once);
    let listener = Listener::new(
        options.as_ref().and_then(SampleOptions::on_step),
        options.as_ref().and_then(SampleOptions::signal),
    );
    let mut engine = Heard { session, listener: &listener };
    let mut made = Vec::with_capacity(draws.len());
    for (batch, draws) in draws.chunks(at_once).enumerate() {
        let (first, before) = (made.len(), batch * request.steps);
        let request = Request { draws: draws.to_vec(), ..request.clone() };
        let tell = |Progress { done, x, .. }: Progress| {
            let step = || Step { done: before + done, of, first, x: x.clone() };
            listener.tell(|on_step| on_step.call1(&JsValue::NULL, &step().into()));
        };
        let sampled = denoiser.sample(&mut engine, &request, tell).await;
        made.extend(listener.judge(sampled.and_then(|pictures| Picture::from_batch(&pictures))).await?);
    }
    Ok(made)
}

fn request(denoiser: &Denoiser, draws: &[Draw], options: Option<&SampleOptions>) -> Result<Request> {
    let mut sampler = options.and_then(SampleOptions::sampler).map_or(Ok(Sampler::DpmSolver), |name| name.parse())?;
    match (&mut sampler, options.and_then(SampleOptions::eta)) {
        (_, None) => {}
        (Sampler::Ddim { eta }, Some(wanted)) => *eta = wanted,
        (other, Some(_)) => return Err(Error::Sampling(format!("eta belongs to ddim, not to {other}"))),
    }
    let steps = match options.and_then(SampleOptions::steps) {
        None => denoiser.usual_steps(&sampler),
        // What is no whole number from 1 on becomes 0, which no schedule has.
        Some(steps) if steps.fract() == 0.0 => steps as usize,
        Some(_) => 0,
    };
    let guidance = options.and_then(SampleOptions::guidance).unwrap_or_else(|| denoiser.usual_guidance());
    let request = Request { draws: draws.to_vec(), sampler, steps, guidance };
    denoiser.check(&request).map(|()| request)
}
