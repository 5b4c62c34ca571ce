//! The part of onnxruntime-web that is used, as its JavaScript objects show themselves.
//!
//! The objects come from the caller, so that this crate names no build of onnxruntime-web and no address to load one
//! from: the WebAssembly and the WebGPU builds are separate modules with the same classes.

use js_sys::{Array, JsString, Object, Uint8Array};
use wasm_bindgen::prelude::*;

#[wasm_bindgen]
extern "C" {
    /// The class `Tensor` of onnxruntime-web.
    #[derive(Clone)]
    #[wasm_bindgen(typescript_type = "TensorConstructor")]
    pub type OrtTensorConstructor;

    /// An instance of it.
    #[derive(Clone)]
    pub type OrtTensor;

    #[wasm_bindgen(method, getter)]
    pub fn dims(this: &OrtTensor) -> Array;

    #[wasm_bindgen(method, getter, js_name = type)]
    pub fn element_type(this: &OrtTensor) -> JsString;

    /// The elements; throws where they lie in a GPU's memory.
    #[wasm_bindgen(method, getter, catch)]
    pub fn data(this: &OrtTensor) -> Result<JsValue, JsValue>;

    /// Frees memory outside JavaScript's own.
    #[wasm_bindgen(method)]
    pub fn dispose(this: &OrtTensor);

    /// An `InferenceSession` of onnxruntime-web.
    #[derive(Clone)]
    #[wasm_bindgen(typescript_type = "InferenceSession")]
    pub type OrtSession;

    #[wasm_bindgen(method, getter, js_name = inputNames)]
    pub fn input_names(this: &OrtSession) -> Array<JsString>;

    #[wasm_bindgen(method, getter, js_name = outputNames)]
    pub fn output_names(this: &OrtSession) -> Array<JsString>;

    /// Runs the model on tensors by name and gives tensors by name.
    #[wasm_bindgen(method, catch)]
    pub async fn run(this: &OrtSession, feeds: &Object) -> Result<JsValue, JsValue>;

    #[wasm_bindgen(method, catch)]
    pub async fn release(this: &OrtSession) -> Result<JsValue, JsValue>;

    /// What opens a model: `{ name, Tensor, open(bytes) }`.
    #[wasm_bindgen(typescript_type = "Backend")]
    pub type Backend;

    /// The engine and the processor it uses, for people.
    #[wasm_bindgen(method, getter)]
    pub fn name(this: &Backend) -> String;

    /// Its class `Tensor`.
    #[wasm_bindgen(method, getter, js_name = Tensor)]
    pub fn tensor_constructor(this: &Backend) -> OrtTensorConstructor;

    /// Makes a session of a model's bytes.
    #[wasm_bindgen(method, catch)]
    pub async fn open(this: &Backend, model: &Uint8Array) -> Result<JsValue, JsValue>;
}

#[wasm_bindgen(typescript_custom_section)]
const TYPES: &str = r#"
import type { InferenceSession, TensorConstructor } from "onnxruntime-common";

/** What runs a model: an initialised build of onnxruntime-web and the way to open a session with it. */
export interface Backend {
    /** The engine and the processor it uses, for people: `WASM, 4 threads`. */
    readonly name: string;
    readonly Tensor: TensorConstructor;
    open(model: Uint8Array): Promise<InferenceSession>;
}
"#;
