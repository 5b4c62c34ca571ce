//! Conversion of errors between Rust and JavaScript.

use easel_runtime::Error;
use wasm_bindgen::{JsCast, JsValue};

/// The result of an exported function: a value, or what JavaScript catches.
pub type JsResult<T> = Result<T, JsValue>;

/// A JavaScript `Error` with the same message.
pub fn to_js(error: Error) -> JsValue {
    js_sys::Error::new(&error.to_string()).into()
}

/// A JavaScript exception as an engine's error of one line.
pub fn from_js(thrown: JsValue) -> Error {
    let text = match thrown.dyn_ref::<js_sys::Error>() {
        Some(error) => String::from(error.message()),
        None => thrown.as_string().unwrap_or_else(|| format!("{thrown:?}")),
    };
    Error::Engine(message(&text).to_string())
}

/// The message of an error of onnxruntime-web, without the location in its source code:
/// `Can't create a session. ERROR_CODE: 1, ERROR_MESSAGE: /src/model.cc:193 void f(int) Missing opset` is `Missing opset`.
fn message(text: &str) -> &str {
    let line = text.split_once("ERROR_MESSAGE: ").map_or(text, |(_, message)| message);
    let line = line.trim_start().lines().next().unwrap_or_default();
    let place = line.split_once(' ').filter(|(place, _)| place.contains(".cc:") || place.contains(".h:"));
    let message = match place.and_then(|(_, rest)| rest.split_once(") ")) {
        Some((_, message)) => message.strip_prefix("const ").unwrap_or(message),
        None => line,
    };
    if message.is_empty() { "the engine failed without a message" } else { message }
}

#[cfg(test)]
mod tests {
    use super::message;

    #[test]
    fn places_in_source_code_are_removed() {
        let reason = "Missing opset in the model. All (really all) need one.";
        let thrown = format!(
            "Can't create a session. ERROR_CODE: 1, ERROR_MESSAGE: /a/core/graph/model.cc:193 \
             onnxruntime::Model::Model(ModelProto &&, const PathString &) {reason}\n\nand a second line"
        );
        assert_eq!(message(&thrown), reason);
        assert_eq!(message("ERROR_MESSAGE: /a/b.h:1 int T::f() const It broke"), "It broke");
    }

    #[test]
    fn other_text_stays() {
        assert_eq!(message("no available backend found. ERR: [x] (y) z"), "no available backend found. ERR: [x] (y) z");
        assert_eq!(message("ERROR_CODE: 2, ERROR_MESSAGE: Got invalid dimensions (z)"), "Got invalid dimensions (z)");
        assert_eq!(message(""), "the engine failed without a message");
    }
}
