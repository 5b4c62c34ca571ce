//! A loaded model.

use std::cell::RefCell;

use easel_runtime::card::Kind;
use easel_runtime::denoiser::{Denoiser, Draw};
use easel_runtime::generator::{generate, latents};
use easel_runtime::stylizer::Source;
use easel_runtime::transparency::{fill_unseen, split_alpha};
use easel_runtime::{Engine, Error, ModelCard, Picture, Result, Tensor, golden};
use js_sys::{BigInt, Uint8Array};
use wasm_bindgen::Clamped;
use wasm_bindgen::prelude::*;

use crate::card::{self, CardObject};
use crate::error::{JsResult, to_js};
use crate::numbers::{self, whole};
use crate::ort::Backend;
use crate::pictures::{Pictures, Rgba};
use crate::sample::{SampleOptions, sample};
use crate::session::Session;
use crate::stylize::{OwnStatistics, StylizeOptions, stylize, with_statistics_inputs};

/// The largest batch given to the engine; it bounds the memory of a large request.
const MAX_BATCH: usize = 64;

/// One call samples at most this many pictures from a denoiser: they stay in memory until all are done.
const MAX_SAMPLES: u64 = 1 << 12;

/// The largest width and height of a picture to stylize.
const MAX_SIDE: u32 = 1 << 16;

/// A model and the engine that runs it. One call at a time: a second call during the first fails.
#[wasm_bindgen]
pub struct Model {
    card: ModelCard,
    /// None once it has been released.
    session: RefCell<Option<Session>>,
    /// The number of channels of a stylizer's norms.
    channels: usize,
}

#[wasm_bindgen]
impl Model {
    /// Reads the card of an Easel `.onnx` file, then opens the file with the backend: bytes that are not a model or have
    /// no card never reach the engine.
    pub async fn load(bytes: Uint8Array, backend: Backend) -> JsResult<Model> {
        let file = bytes.to_vec();
        let card = ModelCard::from_model(&file).map_err(to_js)?;
        let (bytes, channels) = match card.kind {
            Kind::Stylizer => {
                let (plain, channels) = with_statistics_inputs(&file).map_err(to_js)?;
                (Uint8Array::from(plain.as_slice()), channels)
            }
            _ => (bytes, 0),
        };
        let session = Session::open(&backend, &bytes).await.map_err(to_js)?;
        Ok(Self { card, session: RefCell::new(Some(session)), channels })
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

    /// Stylizes a picture of RGBA bytes, rows from the top; the result has the same size, transparency and
    /// pixels as the program `stylize` gives. Colours that cannot be seen have no influence.
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
        let stylized = stylize(self.session().map_err(to_js)?, self.channels, source, options.as_ref()).await?;
        Ok(Rgba::with_alpha(&stylized, &alpha))
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

    /// Runs the model on an input whose output its card holds, and returns the largest difference from it; undefined if
    /// the card holds none. Throws if the engine cannot run the model or computes it wrongly.
    pub async fn check(&self) -> JsResult<Option<f32>> {
        let session = self.session().map_err(to_js)?;
        let checked = match self.card.kind {
            Kind::Stylizer => {
                golden::check(&mut OwnStatistics { engine: session, channels: self.channels }, &self.card).await
            }
            _ => golden::check(&mut { session }, &self.card).await,
        };
        checked.map_err(to_js)
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

/// A seed, the number of the first picture, and the number of pictures; both numbers are below 2^32.
fn range(seed: BigInt, first: f64, count: f64) -> Result<(u64, u32, u32)> {
    let first = whole("the first picture's number", first, u32::MAX)?;
    Ok((numbers::seed(seed)?, first, whole("the number of pictures", count, u32::MAX - first)?))
}
