//! Blending pictures, for JavaScript.

use wasm_bindgen::Clamped;
use wasm_bindgen::prelude::*;

use crate::error::{JsResult, to_js};

/// A weighted mean of the bytes of pictures of one size, added one at a time.
#[wasm_bindgen]
pub struct Blend(easel_runtime::Blend);

#[wasm_bindgen]
impl Blend {
    /// A blend of arrays of `length` bytes.
    #[wasm_bindgen(constructor)]
    pub fn new(length: usize) -> Self {
        Self(easel_runtime::Blend::new(length))
    }

    /// Adds an array of that length with its weight; all weights together should add up to 1. Throws if the array has
    /// another length.
    pub fn add(&mut self, bytes: Clamped<Vec<u8>>, weight: f32) -> JsResult<()> {
        self.0.add(&bytes, weight).map_err(to_js)
    }

    /// The mean, rounded to the nearest byte. Frees the blend.
    #[wasm_bindgen(unchecked_return_type = "Uint8ClampedArray<ArrayBuffer>")]
    pub fn finish(self) -> Clamped<Vec<u8>> {
        Clamped(self.0.finish())
    }
}
