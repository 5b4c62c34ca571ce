//! The one trait that separates what is computed from what computes it.

use crate::{Result, Tensor};

/// Something that has a model loaded and runs it on named tensors: ONNX Runtime natively, onnxruntime-web in a page.
///
/// `run` is async because a browser's engine is; a native one is ready at once.
#[allow(async_fn_in_trait)]
pub trait Engine {
    /// The engine and the processor it uses, for people: `ONNX Runtime 1.31.1 on CPU, 2 threads`.
    fn describe(&self) -> String;

    /// Runs the model once. `inputs` are given by name; the outputs come back in the model's order.
    ///
    /// Fails where a name is unknown, a shape does not fit, or the engine reports an error.
    async fn run(&mut self, inputs: &[(&str, &Tensor)]) -> Result<Vec<(String, Tensor)>>;
}
