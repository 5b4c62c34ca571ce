//! onnxruntime-web as an [`Engine`].

use easel_runtime::{Engine, Error, Result, Tensor};
use js_sys::{Array, JsString, Object, Reflect, Uint8Array};
use wasm_bindgen::{JsCast, JsValue};

use crate::convert::{from_ort, to_ort};
use crate::error::from_js;
use crate::ort::{Backend, OrtSession, OrtTensor, OrtTensorConstructor};

/// Runs log nothing but what ends the engine: an error is thrown, and that a size does not fit is no news.
const LOG_FATAL: u32 = 4;

/// A model opened by onnxruntime-web. A clone is another handle to the same session.
#[derive(Clone)]
pub struct OnnxRuntimeSession {
    name: String,
    tensor: OrtTensorConstructor,
    session: OrtSession,
}

impl OnnxRuntimeSession {
    /// Opens a model.
    pub async fn open(backend: &Backend, model: &Uint8Array) -> Result<Self> {
        let session = backend
            .open(model)
            .await
            .map_err(|thrown| Error::Engine(format!("the engine cannot open the model: {}", from_js(thrown))))?;
        Ok(Self { name: backend.name(), tensor: backend.tensor_constructor(), session: session.unchecked_into() })
    }

    /// Frees the model's memory; the session and its clones cannot run afterwards.
    pub async fn release(self) -> Result<()> {
        self.session.release().await.map(drop).map_err(from_js)
    }
}

impl Engine for OnnxRuntimeSession {
    fn describe(&self) -> String {
        format!("onnxruntime-web on {}", self.name)
    }

    async fn run(&mut self, inputs: &[(&str, &Tensor)]) -> Result<Vec<(String, Tensor)>> {
        let feeds = Object::new();
        let known = names(self.session.input_names());
        for &(name, tensor) in inputs {
            if !known.iter().any(|known| known == name) {
                return Err(Error::Engine(format!("the model has no input named `{name}`, only {}", known.join(", "))));
            }
            Reflect::set(&feeds, &name.into(), &to_ort(&self.tensor, tensor)?.into()).map_err(from_js)?;
        }
        let options = Object::new();
        Reflect::set(&options, &"logSeverityLevel".into(), &LOG_FATAL.into()).map_err(from_js)?;
        let outputs = self.session.run(&feeds, &options).await.map_err(from_js)?;
        names(self.session.output_names())
            .into_iter()
            .map(|name| {
                let output: OrtTensor =
                    Reflect::get(&outputs, &JsValue::from(&name)).map_err(from_js)?.unchecked_into();
                let tensor = from_ort(&output)?;
                output.dispose();
                Ok((name, tensor))
            })
            .collect()
    }
}

fn names(list: Array<JsString>) -> Vec<String> {
    list.iter().map(String::from).collect()
}
