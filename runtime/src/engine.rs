//! The interface of inference engines.

use crate::{Result, Tensor};

/// An inference engine with a loaded model, which it runs on named tensors: our own, ONNX Runtime, or onnxruntime-web.
///
/// `run` is async because engines in browsers are; a native engine's future is ready at once.
#[allow(async_fn_in_trait)]
pub trait Engine {
    /// The engine and the processor that it uses: `Easel 0.1.0 on CPU (AVX2), 2 threads`.
    fn describe(&self) -> String;

    /// Runs the model once on named inputs. Returns its named outputs, in the model's order.
    ///
    /// Fails if a name is unknown, a shape does not match, or the engine reports an error.
    async fn run(&mut self, inputs: &[(&str, &Tensor)]) -> Result<Vec<(String, Tensor)>>;
}
