//! Easel in a browser: the [`easel_runtime`] of every target over onnxruntime-web, exported to JavaScript.
//!
//! The caller brings onnxruntime-web as a [`Backend`]; this crate brings what must be the same everywhere: the
//! card, the random numbers, the samplers and the way from numbers to pixels. Failures become JavaScript errors with
//! the same text as on the command line.

mod card;
mod convert;
mod error;
mod listener;
mod model;
mod numbers;
mod ort;
mod pictures;
mod sampling;
mod session;
mod stylizing;

use easel_runtime::denoiser::Denoiser;
use easel_runtime::{Error, ModelCard, Random, Result};
use js_sys::Uint8Array;
use wasm_bindgen::prelude::*;

pub use model::Model;
pub use ort::Backend;
pub use pictures::{Pictures, Rgba};
pub use sampling::{SampleOptions, Step};
pub use stylizing::StylizeOptions;

/// Standard normal numbers of a stream of a seed: the same bits as natively.
#[wasm_bindgen]
pub fn normals(seed: u64, stream: u64, count: usize) -> Vec<f32> {
    Random::new(seed, stream).normals(count)
}

/// The card of a `.onnx` file of a kind that makes pictures, read without an engine. Throws where the bytes are no model,
/// have no card or belong to a model of another kind than the one that is wanted; without one, any of the three is.
#[wasm_bindgen(js_name = readCard)]
pub fn read_card(
    bytes: Uint8Array,
    #[wasm_bindgen(unchecked_optional_param_type = "\"generator\" | \"denoiser\" | \"stylizer\"")] kind: Option<String>,
) -> error::JsResult<card::CardObject> {
    let read = || -> Result<_> {
        let card = ModelCard::from_model(&bytes.to_vec())?;
        let found = card.kind.name();
        match kind.as_deref().unwrap_or(found) {
            "denoiser" => Denoiser::new(&card).map(drop)?,
            "stylizer" if found == "stylizer" => {}
            "stylizer" => return Err(Error::WrongKind { found, wanted: "stylizer" }),
            _ => card.latent().map(drop)?,
        }
        Ok(card::to_object(&card))
    };
    read().map_err(error::to_js)
}
