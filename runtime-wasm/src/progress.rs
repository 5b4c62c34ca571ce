//! Progress callbacks and abort signals.

use std::cell::RefCell;

use easel_runtime::{Engine, Error, Result, Tensor};
use js_sys::{Function, Promise};
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::JsFuture;

use crate::error::{JsResult, to_js};
use crate::session::Session;

#[wasm_bindgen]
extern "C" {
    /// The browser's class of that name.
    pub type AbortSignal;

    #[wasm_bindgen(method, getter)]
    fn aborted(this: &AbortSignal) -> bool;

    #[wasm_bindgen(method, getter)]
    fn reason(this: &AbortSignal) -> JsValue;
}

/// Reports progress to JavaScript, and aborts the work when the signal asks for it.
pub struct ProgressReporter {
    callback: Option<Function>,
    signal: Option<AbortSignal>,
    /// What the callback returned for the last report, not yet awaited.
    pending: RefCell<Option<Promise>>,
    /// What the callback threw, or the signal's reason.
    thrown: RefCell<Option<JsValue>>,
}

impl ProgressReporter {
    /// Both are optional.
    pub fn new(callback: Option<Function>, signal: Option<AbortSignal>) -> Self {
        Self { callback, signal, pending: RefCell::new(None), thrown: RefCell::new(None) }
    }

    /// Calls the callback, if there is one, through `call`.
    pub fn report(&self, call: impl FnOnce(&Function) -> std::result::Result<JsValue, JsValue>) {
        if let Some(callback) = &self.callback {
            let returned = call(callback);
            let promise = returned.map_or_else(|thrown| Promise::reject(&thrown), |value| Promise::resolve(&value));
            self.pending.replace(Some(promise));
        }
    }

    /// Waits for the callback's promise from the last report. Fails if it threw or the signal is aborted.
    pub async fn ready(&self) -> Result<()> {
        let pending = self.pending.take();
        let mut failure = match pending {
            Some(promise) => JsFuture::from(promise).await.err(),
            None => None,
        };
        if let Some(signal) = self.signal.as_ref().filter(|signal| signal.aborted()) {
            failure.get_or_insert_with(|| signal.reason());
        }
        match failure {
            None => Ok(()),
            Some(thrown) => {
                self.thrown.replace(Some(thrown));
                Err(Error::Engine("the work was aborted".into()))
            }
        }
    }

    /// The result of the work, after waiting for the last report. If JavaScript threw, its exception is the error.
    pub async fn finish<T>(&self, result: Result<T>) -> JsResult<T> {
        let ready = self.ready().await;
        result
            .and_then(|value| ready.map(|()| value))
            .map_err(|error| self.thrown.take().unwrap_or_else(|| to_js(error)))
    }
}

/// A session that waits for the last progress report before each run.
pub struct InterruptibleSession<'a> {
    /// The session.
    pub session: Session,
    /// The reporter to wait for.
    pub progress: &'a ProgressReporter,
}

impl Engine for InterruptibleSession<'_> {
    fn describe(&self) -> String {
        self.session.describe()
    }

    async fn run(&mut self, inputs: &[(&str, &Tensor)]) -> Result<Vec<(String, Tensor)>> {
        self.progress.ready().await?;
        self.session.run(inputs).await
    }
}
