//! Sampling from a denoiser, for JavaScript.

use easel_runtime::denoiser::{Denoiser, Draw, SampleRequest, Sampler, pictures};
use easel_runtime::samplers::SamplerProgress;
use easel_runtime::{Error, Picture, Result, Tensor};
use js_sys::Function;
use wasm_bindgen::prelude::*;

use crate::error::{JsResult, to_js};
use crate::pictures::Pictures;
use crate::progress::{AbortSignal, InterruptibleSession, ProgressReporter};
use crate::session::Session;

#[wasm_bindgen]
extern "C" {
    /// Sampling options.
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
/** Options for sampling a denoiser. */
export interface SampleOptions {
    /** Default: `dpm-solver`. */
    sampler?: "ancestral" | "ddim" | "dpm-solver";
    /** How much fresh noise each step of `ddim` adds, from 0 to 1. Default: 0. */
    eta?: number;
    /** Default: 20; for `ancestral` all timesteps of the model's beta schedule. */
    steps?: number;
    /**
     * The scale of classifier-free guidance; 1 is none. Default: 1.5 if the model was trained with condition dropout,
     * else 1.
     */
    guidance?: number;
    /** Called with the pictures so far, before the first step and after each. If it returns a promise, sampling waits. */
    onStep?: (step: SamplingStep) => void | Promise<void>;
    /** Stops the sampling before its next step; the call then throws the signal's reason. */
    signal?: AbortSignal;
}
"#;

/// The progress of sampling.
#[wasm_bindgen]
pub struct SamplingStep {
    /// Steps done, over all batches.
    #[wasm_bindgen(readonly)]
    pub done: usize,
    /// The total number of steps.
    #[wasm_bindgen(readonly)]
    pub of: usize,
    /// The index of the first picture of the batch in progress.
    #[wasm_bindgen(readonly)]
    pub first: usize,
    x: Tensor,
}

#[wasm_bindgen]
impl SamplingStep {
    /// The batch's pictures so far.
    pub fn pictures(&self) -> JsResult<Pictures> {
        pictures(&self.x).and_then(|pictures| Picture::from_batch(&pictures)).map(Pictures::new).map_err(to_js)
    }
}

/// Samples the pictures in batches.
pub async fn sample(
    denoiser: &Denoiser,
    session: Session,
    draws: &[Draw],
    options: Option<SampleOptions>,
    batch: usize,
) -> JsResult<Vec<Picture>> {
    let request = request(denoiser, draws, options.as_ref()).map_err(to_js)?;
    let of = request.steps * draws.len().div_ceil(batch);
    let reporter = ProgressReporter::new(
        options.as_ref().and_then(SampleOptions::on_step),
        options.as_ref().and_then(SampleOptions::signal),
    );
    let mut engine = InterruptibleSession { session, progress: &reporter };
    let mut sampled = Vec::with_capacity(draws.len());
    for (index, draws) in draws.chunks(batch).enumerate() {
        let (first, before) = (sampled.len(), index * request.steps);
        let request = SampleRequest { draws: draws.to_vec(), ..request.clone() };
        let report = |SamplerProgress { done, x, .. }: SamplerProgress| {
            let step = || SamplingStep { done: before + done, of, first, x: x.clone() };
            reporter.report(|on_step| on_step.call1(&JsValue::NULL, &step().into()));
        };
        let pictures = denoiser.sample(&mut engine, &request, report).await;
        sampled.extend(reporter.finish(pictures.and_then(|pictures| Picture::from_batch(&pictures))).await?);
    }
    Ok(sampled)
}

fn request(denoiser: &Denoiser, draws: &[Draw], options: Option<&SampleOptions>) -> Result<SampleRequest> {
    let mut sampler = options.and_then(SampleOptions::sampler).map_or(Ok(Sampler::DpmSolver), |name| name.parse())?;
    match (&mut sampler, options.and_then(SampleOptions::eta)) {
        (_, None) => {}
        (Sampler::Ddim { eta }, Some(wanted)) => *eta = wanted,
        (other, Some(_)) => return Err(Error::Sampling(format!("eta is an option of ddim, not of {other}"))),
    }
    let steps = match options.and_then(SampleOptions::steps) {
        None => denoiser.default_steps(&sampler),
        // Anything else becomes 0, which the check below rejects.
        Some(steps) if steps.fract() == 0.0 => steps as usize,
        Some(_) => 0,
    };
    let guidance = options.and_then(SampleOptions::guidance).unwrap_or_else(|| denoiser.default_guidance());
    let request = SampleRequest { draws: draws.to_vec(), sampler, steps, guidance };
    denoiser.check(&request).map(|()| request)
}
