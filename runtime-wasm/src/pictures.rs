//! Pictures for JavaScript.

use easel_runtime::Picture;
use easel_runtime::grid::{BACKGROUND, GAP, GridShape, grid};
use easel_runtime::transparency::merge_alpha;
use wasm_bindgen::Clamped;
use wasm_bindgen::prelude::*;

use crate::error::{JsResult, to_js};

/// Generated pictures of one size.
#[wasm_bindgen]
pub struct Pictures(Vec<Picture>);

impl Pictures {
    /// Pictures of one size.
    pub fn new(pictures: Vec<Picture>) -> Self {
        Self(pictures)
    }
}

#[wasm_bindgen]
impl Pictures {
    /// The number of pictures.
    #[wasm_bindgen(getter)]
    pub fn length(&self) -> usize {
        self.0.len()
    }

    /// The width of each picture.
    #[wasm_bindgen(getter)]
    pub fn width(&self) -> usize {
        self.0.first().map_or(0, |picture| picture.width)
    }

    /// The height of each picture.
    #[wasm_bindgen(getter)]
    pub fn height(&self) -> usize {
        self.0.first().map_or(0, |picture| picture.height)
    }

    /// One picture; undefined if the index is out of range.
    pub fn at(&self, index: usize) -> Option<Rgba> {
        self.0.get(index).map(Rgba::from)
    }

    /// All pictures, one after another, as opaque RGBA bytes, rows from the top.
    #[wasm_bindgen(getter, unchecked_return_type = "Uint8ClampedArray<ArrayBuffer>")]
    pub fn data(&self) -> Clamped<Vec<u8>> {
        Clamped(self.0.iter().flat_map(Picture::to_rgba).collect())
    }

    /// All pictures in the grid closest to square: the picture that `sample -o grid.png` writes.
    pub fn grid(&self) -> JsResult<Rgba> {
        let grid = grid(&self.0, GridShape::square(self.0.len()), GAP, BACKGROUND);
        grid.map(|grid| Rgba::from(&grid)).map_err(to_js)
    }
}

/// One picture as `ImageData` takes it.
#[wasm_bindgen]
pub struct Rgba {
    /// Columns.
    #[wasm_bindgen(readonly)]
    pub width: usize,
    /// Rows.
    #[wasm_bindgen(readonly)]
    pub height: usize,
    data: Vec<u8>,
}

#[wasm_bindgen]
impl Rgba {
    /// A copy of the pixels as RGBA bytes, rows from the top.
    #[wasm_bindgen(getter, unchecked_return_type = "Uint8ClampedArray<ArrayBuffer>")]
    pub fn data(&self) -> Clamped<Vec<u8>> {
        Clamped(self.data.clone())
    }
}

impl Rgba {
    /// A picture with each pixel's opacity.
    pub fn with_alpha(picture: &Picture, alpha: &[u8]) -> Self {
        Self { width: picture.width, height: picture.height, data: merge_alpha(picture, alpha) }
    }
}

impl From<&Picture> for Rgba {
    fn from(picture: &Picture) -> Self {
        Self { width: picture.width, height: picture.height, data: picture.to_rgba() }
    }
}
