//! A model opened by an engine.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;

use easel_engine::SessionOptions;
use easel_kernels::Level;
use easel_runtime::{Engine, Error, Result, Tensor};
use js_sys::Uint8Array;

use crate::onnxruntime::OnnxRuntimeSession;
use crate::ort::Backend;

/// A model opened by an engine. A clone is another handle to the same session.
#[derive(Clone)]
pub enum Session {
    /// The project's own engine, which is part of this module.
    Easel(Rc<RefCell<easel_engine::Session>>),
    /// onnxruntime-web.
    OnnxRuntime(OnnxRuntimeSession),
}

impl Session {
    /// Opens a model with onnxruntime-web, or without a backend with the project's own engine.
    pub async fn open(backend: Option<&Backend>, model: &[u8]) -> Result<Self> {
        match backend {
            Some(backend) => OnnxRuntimeSession::open(backend, &Uint8Array::from(model)).await.map(Self::OnnxRuntime),
            None => {
                let cannot = |error: easel_engine::Error| match error {
                    easel_engine::Error::Runtime(error) => error,
                    other => Error::Engine(format!("the engine cannot open the model: {other}")),
                };
                let model = easel_engine::Model::load(model, Level::detect()).map_err(cannot)?;
                let session =
                    easel_engine::Session::new(Arc::new(model), &SessionOptions::default()).map_err(cannot)?;
                Ok(Self::Easel(Rc::new(RefCell::new(session))))
            }
        }
    }

    /// Frees the model's memory; the session and its clones cannot run afterwards.
    pub async fn release(self) -> Result<()> {
        match self {
            // The last handle frees it.
            Self::Easel(_) => Ok(()),
            Self::OnnxRuntime(session) => session.release().await,
        }
    }
}

impl Engine for Session {
    fn describe(&self) -> String {
        match self {
            Self::Easel(_) if Level::detect() == Level::Plain => "Easel, no SIMD".into(),
            Self::Easel(_) => format!("Easel, {}", Level::detect().name()),
            Self::OnnxRuntime(session) => session.describe(),
        }
    }

    async fn run(&mut self, inputs: &[(&str, &Tensor)]) -> Result<Vec<(String, Tensor)>> {
        match self {
            Self::Easel(session) => Ok(session.borrow_mut().run_blocking(inputs)?),
            Self::OnnxRuntime(session) => session.run(inputs).await,
        }
    }
}
