//! Easel for browsers and Node.js: [`easel_runtime`] over [`easel_engine`] or onnxruntime-web, exported to JavaScript.
//!
//! The caller may pass onnxruntime-web as a [`Backend`]. This crate adds what is the same on every target: the model card, random numbers, samplers, latent walks, tiles, and the conversion to pixels. Failures become JavaScript
//! errors with the same text as on the command line.

mod blend;
mod card;
mod convert;
mod error;
mod model;
mod numbers;
mod onnxruntime;
mod ort;
mod pictures;
mod progress;
mod sample;
mod session;
mod stylize;

use easel_runtime::denoiser::Denoiser;
use easel_runtime::onnx::check_one_file;
use easel_runtime::stylizer::IoOptions;
use easel_runtime::{Error, ModelCard, Random, Result};
use js_sys::Uint8Array;
use wasm_bindgen::prelude::*;

pub use blend::Blend;
pub use model::{Model, ModelOptions};
pub use ort::Backend;
pub use pictures::{Pictures, Rgba};
pub use sample::{SampleOptions, SamplingStep};
pub use stylize::StylizeOptions;

/// Standard normal numbers from a stream of a seed, bit for bit those of the native programs.
#[wasm_bindgen]
pub fn normals(seed: u64, stream: u64, count: usize) -> Vec<f32> {
    Random::new(seed, stream).normals(count)
}

/// The card of a model that makes pictures, read from its `.onnx` file without an engine. Throws if the bytes are not a
/// model, have no card and are no stylizer of another program, have their weights in a second file, or hold a model of
/// another kind than `kind`; without `kind`, any model that makes pictures will do.
#[wasm_bindgen(js_name = readCard)]
pub fn read_card(
    bytes: Uint8Array,
    #[wasm_bindgen(unchecked_optional_param_type = "\"generator\" | \"denoiser\" | \"stylizer\"")] kind: Option<String>,
) -> error::JsResult<card::CardObject> {
    let read = || -> Result<_> {
        let bytes = bytes.to_vec();
        let card = match kind.as_deref() {
            None | Some("stylizer") => card::read(&bytes, IoOptions::default())?.0,
            _ => ModelCard::from_model(&bytes).and_then(|card| check_one_file(&bytes).map(|()| card))?,
        };
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
