//! A loaded model.

use std::cell::RefCell;

use easel_runtime::card::Kind;
use easel_runtime::denoiser::{Denoiser, Draw};
use easel_runtime::generator::{generate, latents};
use easel_runtime::resize::enlarge_smoothly;
use easel_runtime::stylizer::{ForeignSpec, IoOptions, IoSpec, Source};
use easel_runtime::transparency::{fill_unseen, split_alpha};
use easel_runtime::{Engine, Error, ModelCard, Picture, Random, Result, Tensor, golden};
use js_sys::{BigInt, Uint8Array};
use wasm_bindgen::Clamped;
use wasm_bindgen::prelude::*;

use crate::card::{self, CardObject};
use crate::convert::{self, TensorsObject};
use crate::error::{JsResult, to_js};
use crate::numbers::{self, whole};
use crate::ort::Backend;
use crate::pictures::{Pictures, Rgba};
use crate::sample::{SampleOptions, sample};
use crate::session::Session;
use crate::stylize::{OwnStatistics, StylizeOptions, plain, stylize};

/// The largest batch given to the engine; it bounds the memory of a large request.
const MAX_BATCH: usize = 64;

/// One call samples at most this many pictures from a denoiser: they stay in memory until all are done.
const MAX_SAMPLES: u64 = 1 << 12;

/// The largest width and height of a picture to stylize.
const MAX_SIDE: u32 = 1 << 16;

/// The width and height of the picture that a stylizer is timed on.
const REHEARSED_SIDE: usize = 256;

/// A model and the engine that runs it. One call at a time: a second call during the first fails.
#[wasm_bindgen]
pub struct Model {
    card: ModelCard,
    /// None once it has been released.
    session: RefCell<Option<Session>>,
    /// The number of channels of a stylizer's norms; 0 if it takes no statistics.
    channels: usize,
    /// A stylizer's inputs and outputs.
    io_spec: IoSpec,
    /// Whether it is a stylizer of another program, which was run when it was loaded.
    foreign: bool,
}

#[wasm_bindgen]
extern "C" {
    /// What the caller knows of a stylizer of another program.
    #[wasm_bindgen(typescript_type = "ModelOptions")]
    pub type ModelOptions;

    #[wasm_bindgen(method, getter)]
    fn range(this: &ModelOptions) -> Option<String>;

    #[wasm_bindgen(method, getter, js_name = outputRange)]
    fn output_range(this: &ModelOptions) -> Option<String>;

    #[wasm_bindgen(method, getter)]
    fn bgr(this: &ModelOptions) -> Option<bool>;
}

#[wasm_bindgen(typescript_custom_section)]
const TYPES: &str = r#"
/** A range of pixel values, from black to white. */
export type Range = "0..1" | "0..255" | "-1..1" | "imagenet";

/** What the caller knows of a stylizer of another program, whose file has no card. */
export interface ModelOptions {
    /** The range of its input. Default: the one that its metadata names, or 0..1; bytes have 0..255. */
    range?: Range;
    /** The range of its output. Default: that of its input. */
    outputRange?: Range;
    /** Whether its channels are in the order blue, green, red. Default: false. */
    bgr?: boolean;
}
"#;

#[wasm_bindgen]
impl Model {
    /// Reads the card of an `.onnx` file, then opens the file with the backend, or without one with the engine of this
    /// package, which throws if it lacks an operation of the model. Bytes that are not a model never reach onnxruntime-web. A
    /// file without a card must be a stylizer of another program. It is run on small pictures to find the sizes
    /// that it takes, and `options` say what its file does not.
    pub async fn load(bytes: Uint8Array, backend: Option<Backend>, options: Option<ModelOptions>) -> JsResult<Model> {
        let file = bytes.to_vec();
        let options = io_options(options.as_ref()).map_err(to_js)?;
        let (card, foreign) = card::read(&file, options).map_err(to_js)?;
        let plain = match card.kind {
            Kind::Stylizer => plain(&file, foreign.is_some()).map_err(to_js)?,
            _ => None,
        };
        let (file, channels) = plain.unwrap_or((file, 0));
        let session = Session::open(backend.as_ref(), &file).await.map_err(to_js)?;
        drop(file);
        let is_foreign = foreign.is_some();
        let io_spec = match foreign {
            None => IoSpec::easel(),
            Some(foreign) => match complete(&foreign, session.clone(), channels).await {
                Ok(io_spec) => io_spec,
                Err(error) => {
                    // A session that cannot be released is no reason to hide what is wrong with the model.
                    let _ = session.release().await;
                    return Err(to_js(error));
                }
            },
        };
        Ok(Self { card, session: RefCell::new(Some(session)), channels, io_spec, foreign: is_foreign })
    }

    /// The card as a plain object.
    #[wasm_bindgen(getter)]
    pub fn card(&self) -> CardObject {
        card::to_object(&self.card)
    }

    /// The name of the engine and of what it runs on.
    #[wasm_bindgen(getter)]
    pub fn engine(&self) -> JsResult<String> {
        self.session().map(|session| session.describe()).map_err(to_js)
    }

    /// The number of elements of a generator's latent vector. Throws if the model is not a generator.
    #[wasm_bindgen(getter, js_name = latentLength)]
    pub fn latent_length(&self) -> JsResult<usize> {
        self.card.latent().map(|latent| latent.dim).map_err(to_js)
    }

    /// A generator's pictures `first .. first + count` of a seed, those that `sample` makes from the same file.
    pub async fn generate(&self, seed: BigInt, first: f64, count: f64) -> JsResult<Pictures> {
        self.pictures(seed, first, count).await.map(Pictures::new).map_err(to_js)
    }

    /// Samples a denoiser: the pictures `first .. first + count` of a seed for each of the labels, label after label.
    /// They are those that `sample` makes from the same file with the same options.
    pub async fn sample(
        &self,
        labels: Vec<u32>,
        seed: BigInt,
        first: f64,
        count: f64,
        options: Option<SampleOptions>,
    ) -> JsResult<Pictures> {
        let denoiser = Denoiser::new(&self.card).map_err(to_js)?;
        let (seed, first, count) = range(seed, first, count).map_err(to_js)?;
        let wanted = labels.len() as u64 * u64::from(count);
        if wanted > MAX_SAMPLES {
            return Err(to_js(Error::Sampling(format!(
                "{wanted} pictures in one call; request at most {MAX_SAMPLES}"
            ))));
        }
        let of = |label| (first..first + count).map(move |number| Draw { label, seed, number });
        let draws: Vec<Draw> = labels.into_iter().flat_map(|label| of(label as usize)).collect();
        let pictures = sample(&denoiser, self.session().map_err(to_js)?, &draws, options, MAX_BATCH).await?;
        Ok(Pictures::new(pictures))
    }

    /// Stylizes a picture of RGBA bytes, rows from the top. The result has the same transparency and pixels as the program
    /// `stylize` gives, and the same size, or that times the factor by which the model enlarges. Colours that cannot be
    /// seen have no influence.
    pub async fn stylize(
        &self,
        rgba: Clamped<Vec<u8>>,
        width: f64,
        height: f64,
        options: Option<StylizeOptions>,
    ) -> JsResult<Rgba> {
        let (found, wanted) = (self.card.kind.name(), "stylizer");
        if found != wanted {
            return Err(to_js(Error::WrongKind { found, wanted }));
        }
        let side = |what, side| whole(what, side, MAX_SIDE).map(|side| side as usize).map_err(to_js);
        let (width, height) = (side("the width", width)?, side("the height", height)?);
        let (mut original, alpha) = split_alpha(&rgba.0, width, height).map_err(to_js)?;
        drop(rgba);
        let seen = fill_unseen(&mut original, &alpha);
        let source = Source { seen: &seen, original: &original };
        let session = self.session().map_err(to_js)?;
        let stylized = stylize(session, &self.io_spec, self.channels, source, options.as_ref()).await?;
        let alpha = Picture { width, height, channels: 1, pixels: alpha };
        Ok(Rgba::with_alpha(&stylized, &enlarge_smoothly(&alpha, self.io_spec.scale).pixels))
    }

    /// The latent vector at `t` in [0, 1] on the walk from the first picture of one seed to that of another, bit for bit
    /// that of the frame of `sample --walk`. At 0 it is the first seed's own.
    #[wasm_bindgen(js_name = latentBetween)]
    pub fn latent_between(&self, from: BigInt, to: BigInt, t: f64) -> JsResult<Vec<f32>> {
        self.between(from, to, t).map_err(to_js)
    }

    /// A generator's pictures of latent vectors `[batch, latentLength]`, given as their elements in a row.
    pub async fn render(&self, z: Vec<f32>) -> JsResult<Pictures> {
        let images = self.run_generator(z).await.map_err(to_js)?;
        Picture::from_batch(&images).map(Pictures::new).map_err(to_js)
    }

    /// A generator's output `[batch, channel, height, width]` for latent vectors `[batch, latentLength]`, both as their
    /// elements in a row.
    #[wasm_bindgen(js_name = generateRaw)]
    pub async fn generate_raw(&self, z: Vec<f32>) -> JsResult<Vec<f32>> {
        self.run_generator(z).await.and_then(Tensor::into_f32).map_err(to_js)
    }

    /// Runs the model on named tensors and returns its outputs by name. A stylizer computes its own statistics unless it is
    /// given some.
    pub async fn run(&self, inputs: TensorsObject) -> JsResult<TensorsObject> {
        self.run_tensors(&inputs).await.map_err(to_js)
    }

    /// Runs the model on an input whose output its card holds, and returns the largest difference from it; undefined if
    /// the card holds none. Throws if the engine cannot run the model or computes it wrongly.
    pub async fn check(&self) -> JsResult<Option<f32>> {
        let mut engine = self.own_statistics().map_err(to_js)?;
        if self.foreign {
            return Ok(None);
        }
        golden::check(&mut engine, &self.card).await.map_err(to_js)
    }

    /// Runs the model once on an input of ordinary size, to time the engine: a stylizer on a picture of 256x256, unless it
    /// takes another size only, and other models on what `check` runs them on.
    pub async fn rehearse(&self) -> JsResult<()> {
        if !matches!(self.card.kind, Kind::Stylizer) {
            return self.check().await.map(drop);
        }
        let side = |only: Option<usize>| only.unwrap_or(REHEARSED_SIDE);
        let (width, height) = (side(self.io_spec.fixed_size.width), side(self.io_spec.fixed_size.height));
        let pixels = Random::new(0, 0).uniforms(3 * width * height, 0.0, 256.0).into_iter().map(|value| value as u8);
        let picture = Picture { width, height, channels: 3, pixels: pixels.collect() };
        let source = Source { seen: &picture, original: &picture };
        stylize(self.session().map_err(to_js)?, &self.io_spec, self.channels, source, None).await.map(drop)
    }

    /// Frees the engine's memory. The model cannot run afterwards; further calls do nothing.
    pub async fn release(&self) -> JsResult<()> {
        let session = self.session.take();
        match session {
            Some(session) => session.release().await.map_err(to_js),
            None => Ok(()),
        }
    }
}

impl Model {
    fn session(&self) -> Result<Session> {
        self.session.borrow().clone().ok_or_else(|| Error::Engine("the model was released; load it again".into()))
    }

    /// The session, for inputs without a stylizer's statistics.
    fn own_statistics(&self) -> Result<OwnStatistics<Session>> {
        Ok(OwnStatistics { engine: self.session()?, channels: self.channels })
    }

    async fn run_tensors(&self, inputs: &TensorsObject) -> Result<TensorsObject> {
        let inputs = convert::from_object(inputs)?;
        let inputs: Vec<_> = inputs.iter().map(|(name, tensor)| (name.as_str(), tensor)).collect();
        convert::to_object(&self.own_statistics()?.run(&inputs).await?)
    }

    async fn pictures(&self, seed: BigInt, first: f64, count: f64) -> Result<Vec<Picture>> {
        let (seed, first, count) = range(seed, first, count)?;
        let (first, count) = (u64::from(first), count as usize);
        let mut session = self.session()?;
        let mut pictures = Vec::with_capacity(count.min(1 << 16));
        while pictures.len() < count {
            let batch = MAX_BATCH.min(count - pictures.len());
            let z = latents(&self.card, seed, first + pictures.len() as u64, batch)?;
            pictures.extend(Picture::from_batch(&generate(&mut session, &z).await?)?);
        }
        Ok(pictures)
    }

    fn between(&self, from: BigInt, to: BigInt, t: f64) -> Result<Vec<f32>> {
        let latent = self.card.latent()?;
        if !(0.0..=1.0).contains(&t) {
            return Err(Error::Engine(format!("t is {t}; give a number from 0 to 1")));
        }
        let [from, to] = [latent.draw(numbers::seed(from)?, 0), latent.draw(numbers::seed(to)?, 0)];
        Ok(latent.distribution.between(&from, &to, t))
    }

    async fn run_generator(&self, z: Vec<f32>) -> Result<Tensor> {
        let dim = self.card.latent()?.dim;
        let z = Tensor::new([z.len() / dim, dim], z)?;
        generate(&mut self.session()?, &z).await
    }
}

/// Completes the I/O spec of a stylizer of another program by running it.
async fn complete(foreign: &ForeignSpec, session: Session, channels: usize) -> Result<IoSpec> {
    let found = foreign.complete(&mut OwnStatistics { engine: session, channels }).await?;
    Ok(IoSpec { statistics: channels > 0, ..found })
}

fn io_options(options: Option<&ModelOptions>) -> Result<IoOptions> {
    let range = |name: &str, given: Option<String>| {
        let parse = |text: String| text.parse().map_err(|why| Error::Interface(format!("{name} is {text}: {why}")));
        given.map(parse).transpose()
    };
    Ok(IoOptions {
        range: range("range", options.and_then(ModelOptions::range))?,
        output_range: range("outputRange", options.and_then(ModelOptions::output_range))?,
        bgr: options.and_then(ModelOptions::bgr).unwrap_or_default(),
    })
}

/// A picture of RGBA bytes enlarged by a whole factor, as a model that enlarges blends it with its result.
#[wasm_bindgen]
pub fn enlarge(rgba: Clamped<Vec<u8>>, width: usize, height: usize, factor: usize) -> JsResult<Clamped<Vec<u8>>> {
    if width.checked_mul(height).and_then(|pixels| pixels.checked_mul(4)) != Some(rgba.0.len()) || factor == 0 {
        return Err(to_js(Error::Shape(format!("{} bytes do not fill {width}x{height} pixels", rgba.0.len()))));
    }
    let picture = Picture { width, height, channels: 4, pixels: rgba.0 };
    Ok(Clamped(enlarge_smoothly(&picture, factor).pixels))
}

/// A seed, the number of the first picture, and the number of pictures; both numbers are below 2^32.
fn range(seed: BigInt, first: f64, count: f64) -> Result<(u64, u32, u32)> {
    let first = whole("the first picture's number", first, u32::MAX)?;
    Ok((numbers::seed(seed)?, first, whole("the number of pictures", count, u32::MAX - first)?))
}
