//! The part of onnxruntime-web that is used.
//!
//! The caller passes its objects, so this crate depends on no particular build of onnxruntime-web: the WebAssembly and
//! WebGPU builds are separate modules with the same classes.

use js_sys::{Array, JsString, Object, Uint8Array};
use wasm_bindgen::prelude::*;

#[wasm_bindgen]
extern "C" {
    /// The class `Tensor` of onnxruntime-web.
    #[derive(Clone)]
    #[wasm_bindgen(typescript_type = "Backend[\"Tensor\"]")]
    pub type OrtTensorConstructor;

    /// An instance of it.
    #[derive(Clone)]
    pub type OrtTensor;

    #[wasm_bindgen(method, getter)]
    pub fn dims(this: &OrtTensor) -> JsValue;

    #[wasm_bindgen(method, getter, js_name = type)]
    pub fn element_type(this: &OrtTensor) -> JsValue;

    /// The elements; throws if they are in GPU memory.
    #[wasm_bindgen(method, getter, catch)]
    pub fn data(this: &OrtTensor) -> Result<JsValue, JsValue>;

    /// Frees memory that JavaScript does not manage.
    #[wasm_bindgen(method)]
    pub fn dispose(this: &OrtTensor);

    /// An `InferenceSession` of onnxruntime-web.
    #[derive(Clone)]
    #[wasm_bindgen(typescript_type = "OrtSession")]
    pub type OrtSession;

    #[wasm_bindgen(method, getter, js_name = inputNames)]
    pub fn input_names(this: &OrtSession) -> Array<JsString>;

    #[wasm_bindgen(method, getter, js_name = outputNames)]
    pub fn output_names(this: &OrtSession) -> Array<JsString>;

    /// Runs the model: inputs by name to outputs by name.
    #[wasm_bindgen(method, catch)]
    pub async fn run(this: &OrtSession, feeds: &Object, options: &Object) -> Result<JsValue, JsValue>;

    #[wasm_bindgen(method, catch)]
    pub async fn release(this: &OrtSession) -> Result<JsValue, JsValue>;

    /// What opens a model: `{ name, Tensor, open(bytes) }`.
    #[wasm_bindgen(typescript_type = "Backend")]
    pub type Backend;

    /// The name of what it runs on.
    #[wasm_bindgen(method, getter)]
    pub fn name(this: &Backend) -> String;

    /// Its class `Tensor`.
    #[wasm_bindgen(method, getter, js_name = Tensor)]
    pub fn tensor_constructor(this: &Backend) -> OrtTensorConstructor;

    /// Opens a session for a model's bytes.
    #[wasm_bindgen(method, catch)]
    pub async fn open(this: &Backend, model: &Uint8Array) -> Result<JsValue, JsValue>;
}

#[wasm_bindgen(typescript_custom_section)]
const TYPES: &str = r#"
/** The part of a session of onnxruntime-web that is used. */
export interface OrtSession {
    readonly inputNames: readonly string[];
    readonly outputNames: readonly string[];
    run(feeds: {}, options?: {}): Promise<{}>;
    release(): Promise<void>;
}

/** What runs models in place of this package's engine: a build of onnxruntime-web, and how to open a session with it. */
export interface Backend {
    /** The name of what it runs on: `WASM, 4 threads`. */
    readonly name: string;
    /** The class of that name. */
    readonly Tensor: new (...elements: never[]) => object;
    open(model: Uint8Array): Promise<OrtSession>;
}
"#;
