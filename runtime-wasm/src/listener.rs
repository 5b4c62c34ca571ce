//! JavaScript's side of work that takes long: it is told how far the work is, and may end it.

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

/// Who is told, and who may end the work.
pub struct Listener {
    callback: Option<Function>,
    signal: Option<AbortSignal>,
    /// What the callback gave when it was last called, not yet waited for.
    answer: RefCell<Option<Promise>>,
    /// What it threw.
    thrown: RefCell<Option<JsValue>>,
}

impl Listener {
    /// Either may be missing.
    pub fn new(callback: Option<Function>, signal: Option<AbortSignal>) -> Self {
        Self { callback, signal, answer: RefCell::new(None), thrown: RefCell::new(None) }
    }

    /// Calls the callback, where there is one, in the way that is given.
    pub fn tell(&self, call: impl FnOnce(&Function) -> std::result::Result<JsValue, JsValue>) {
        if let Some(callback) = &self.callback {
            let said = call(callback);
            let answer = said.map_or_else(|thrown| Promise::reject(&thrown), |said| Promise::resolve(&said));
            self.answer.replace(Some(answer));
        }
    }

    /// Waits until it is ready for more. Fails where it threw or wants no more.
    pub async fn heard(&self) -> Result<()> {
        let answer = self.answer.take();
        let mut failure = match answer {
            Some(answer) => JsFuture::from(answer).await.err(),
            None => None,
        };
        if let Some(signal) = self.signal.as_ref().filter(|signal| signal.aborted()) {
            failure.get_or_insert_with(|| signal.reason());
        }
        match failure {
            None => Ok(()),
            Some(thrown) => {
                self.thrown.replace(Some(thrown));
                Err(Error::Engine("the work was ended".into()))
            }
        }
    }

    /// The result of the work once the last that it told has been heard, or what JavaScript threw.
    pub async fn judge<T>(&self, result: Result<T>) -> JsResult<T> {
        let heard = self.heard().await;
        result
            .and_then(|value| heard.map(|()| value))
            .map_err(|error| self.thrown.take().unwrap_or_else(|| to_js(error)))
    }
}

/// The session, run once JavaScript is ready.
pub struct Heard<'a> {
    /// What runs.
    pub session: Session,
    /// Who is waited for before each run.
    pub listener: &'a Listener,
}

impl Engine for Heard<'_> {
    fn describe(&self) -> String {
        self.session.describe()
    }

    async fn run(&mut self, inputs: &[(&str, &Tensor)]) -> Result<Vec<(String, Tensor)>> {
        self.listener.heard().await?;
        self.session.run(inputs).await
    }
}
