//! A loaded model.

use std::cell::RefCell;

use easel_runtime::card::Kind;
use easel_runtime::denoiser::{Denoiser, Draw};
use easel_runtime::generator::{generate, latents};
use easel_runtime::{Engine, Error, ModelCard, Picture, Result, Tensor, golden};
use js_sys::{BigInt, Uint8Array};
use wasm_bindgen::Clamped;
use wasm_bindgen::prelude::*;

use crate::card::{self, CardObject};
use crate::error::{JsResult, to_js};
use crate::numbers::{self, whole};
use crate::ort::Backend;
use crate::pictures::{Pictures, Rgba};
use crate::sampling::{SampleOptions, sample};
use crate::session::Session;
use crate::stylizing::{Fed, StylizeOptions, prepared, stylize};

/// The most pictures that are given to the engine at once; it bounds the memory of a large request.
const BATCH: usize = 64;

/// The most pictures of a denoiser that one call makes: they are kept until all are done.
const MOST: u64 = 1 << 12;

/// The widest and highest picture that is stylized.
const LARGEST_SIDE: u32 = 1 << 16;

/// A model and the engine that runs it. One call at a time: a second one while one is on its way fails.
#[wasm_bindgen]
pub struct Model {
    card: ModelCard,
    /// None once it was given back.
    session: RefCell<Option<Session>>,
    /// Of a stylizer's norms.
    channels: usize,
}

#[wasm_bindgen]
impl Model {
    /// Reads the card of an Easel `.onnx` file and opens the file with the backend, in this order: bytes that are no
    /// model or have no card never reach the engine.
    pub async fn load(bytes: Uint8Array, backend: Backend) -> JsResult<Model> {
        let file = bytes.to_vec();
        let card = ModelCard::from_model(&file).map_err(to_js)?;
        let (bytes, channels) = match card.kind {
            Kind::Stylizer => {
                let (plain, channels) = prepared(&file).map_err(to_js)?;
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

    /// The engine and the processor it uses, for people.
    #[wasm_bindgen(getter)]
    pub fn engine(&self) -> JsResult<String> {
        self.session().map(|session| session.describe()).map_err(to_js)
    }

    /// The number of elements of a generator's latent vector. Throws where the model is no generator.
    #[wasm_bindgen(getter, js_name = latentLength)]
    pub fn latent_length(&self) -> JsResult<usize> {
        self.card.latent().map(|latent| latent.dim).map_err(to_js)
    }

    /// The pictures `first .. first + count` of a seed: the same as `sample` makes from the same file.
    pub async fn generate(&self, seed: BigInt, first: f64, count: f64) -> JsResult<Pictures> {
        self.pictures(seed, first, count).await.map(Pictures::new).map_err(to_js)
    }

    /// Samples a denoiser: the pictures `first .. first + count` of a seed for each of the labels, label after label,
    /// the same as `sample` makes from the same file with the same options.
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
        if wanted > MOST {
            return Err(to_js(Error::Sampling(format!("{wanted} pictures at once; ask for {MOST} at most"))));
        }
        let of = |label| (first..first + count).map(move |number| Draw { label, seed, number });
        let draws: Vec<Draw> = labels.into_iter().flat_map(|label| of(label as usize)).collect();
        let pictures = sample(&denoiser, self.session().map_err(to_js)?, &draws, options, BATCH).await?;
        Ok(Pictures::new(pictures))
    }

    /// Stylizes a picture of four bytes a pixel, rows from the top; it is laid on white where it is transparent. The
    /// result has its size and is what `stylize` makes of the same pixels.
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
        let side = |what, side| whole(what, side, LARGEST_SIDE).map(|side| side as usize).map_err(to_js);
        let (width, height) = (side("the width", width)?, side("the height", height)?);
        let picture = Picture::from_rgba(&rgba.0, width, height).map_err(to_js)?;
        let stylized = stylize(self.session().map_err(to_js)?, self.channels, &picture, options.as_ref()).await?;
        Ok(Rgba::from(&stylized))
    }

    /// The generator's output `[batch, channel, height, width]` for latent vectors `[batch, latentLength]`, both as
    /// their elements in a row.
    #[wasm_bindgen(js_name = generateRaw)]
    pub async fn generate_raw(&self, z: Vec<f32>) -> JsResult<Vec<f32>> {
        self.raw(z).await.map_err(to_js)
    }

    /// Runs the model on an input whose output its card holds, and gives how far the engine's is from it: undefined where
    /// the card has none. Throws where the engine cannot run the model or computes it wrongly.
    pub async fn check(&self) -> JsResult<Option<f32>> {
        let session = self.session().map_err(to_js)?;
        let checked = match self.card.kind {
            Kind::Stylizer => golden::check(&mut Fed { engine: session, channels: self.channels }, &self.card).await,
            _ => golden::check(&mut { session }, &self.card).await,
        };
        checked.map_err(to_js)
    }

    /// Gives the engine's memory back, once: further calls do nothing. The model cannot run afterwards.
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
            let batch = BATCH.min(count - pictures.len());
            let z = latents(&self.card, seed, first + pictures.len() as u64, batch)?;
            pictures.extend(Picture::from_batch(&generate(&mut session, &z).await?)?);
        }
        Ok(pictures)
    }

    async fn raw(&self, z: Vec<f32>) -> Result<Vec<f32>> {
        let dim = self.card.latent()?.dim;
        let z = Tensor::new([z.len() / dim, dim], z)?;
        generate(&mut self.session()?, &z).await?.into_f32()
    }
}

/// A seed, the number of the first picture and how many there are; all numbers are below 2^32.
fn range(seed: BigInt, first: f64, count: f64) -> Result<(u64, u32, u32)> {
    let first = whole("the first picture's number", first, u32::MAX)?;
    Ok((numbers::seed(seed)?, first, whole("the number of pictures", count, u32::MAX - first)?))
}
