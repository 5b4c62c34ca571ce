//! The engines that run a model: Easel's own on CPUs, and ONNX Runtime.

mod driver;
mod onnxruntime;

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;
use std::sync::Arc;

use easel_engine::{Level, Model, Session, SessionOptions};
pub use easel_runtime::onnx::{Dimension, ValueInfo};
use easel_runtime::{Device, Engine, Tensor};

use crate::error::{Error, Result};
pub use onnxruntime::OrtEngine;
pub(crate) use onnxruntime::{Processor, engine_error, from_value, session_builder};

/// Which engine runs a model.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum EngineChoice {
    /// ONNX Runtime on CUDA if the device may be that and it works; else Easel's engine for models that it can run, and
    /// ONNX Runtime for others. ONNX Runtime if its library is named.
    #[default]
    Auto,
    /// Easel's own engine, on the CPU.
    Easel,
    /// ONNX Runtime.
    OnnxRuntime,
}

impl EngineChoice {
    /// Its name on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Easel => "easel",
            Self::OnnxRuntime => "onnxruntime",
        }
    }
}

impl FromStr for EngineChoice {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let all = [Self::Auto, Self::Easel, Self::OnnxRuntime];
        let named = all.into_iter().find(|choice| choice.name() == text);
        named.ok_or_else(|| "expected auto, easel or onnxruntime".to_string())
    }
}

impl fmt::Display for EngineChoice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// How to run a model.
#[derive(Debug, Clone, Default)]
pub struct EngineOptions {
    /// Which engine runs it.
    pub engine: EngineChoice,
    /// ONNX Runtime's shared library, or its folder; without one the library is searched for (see [`crate::library`]).
    pub library: Option<PathBuf>,
    /// Where to compute.
    pub device: Device,
    /// CPU threads; by default one for each core. With a given number, a model's output has the same bits each time on one
    /// machine.
    pub threads: Option<usize>,
}

impl EngineOptions {
    /// The number of CPU threads.
    pub fn thread_count(&self) -> usize {
        self.threads.filter(|&threads| threads > 0).unwrap_or_else(cores)
    }
}

/// The physical cores that the process may use; matrix products gain nothing from hardware threads.
fn cores() -> usize {
    num_cpus::get_physical().min(num_cpus::get()).max(1)
}

/// A model loaded into the engine that suits it: Easel's own or ONNX Runtime.
///
/// Inputs and outputs have float32, float16, uint8, int64 or bool elements. An input that is also an initializer is optional.
#[derive(Debug)]
pub struct NativeEngine {
    engine: Either,
    note: Option<String>,
    keeps_memory: bool,
}

#[derive(Debug)]
enum Either {
    Easel(Box<Session>),
    OnnxRuntime(Box<OrtEngine>),
}

impl NativeEngine {
    /// Loads an ONNX model from its file's bytes. ONNX Runtime's library is loaded only if it is needed.
    ///
    /// Fails with [`Error::Unsupported`] if Easel's engine is the only one and lacks an operation, and with
    /// [`Error::DeviceUnavailable`] if CUDA is asked for and does not work.
    pub fn load(model: &[u8], options: &EngineOptions) -> Result<Self> {
        let choice = match options.engine {
            EngineChoice::Auto if options.library.is_some() => EngineChoice::OnnxRuntime,
            choice => choice,
        };
        match (choice, options.device) {
            (EngineChoice::OnnxRuntime, _) | (EngineChoice::Auto, Device::Cuda(_)) => {
                Ok(Self::from(OrtEngine::load(model, options)?))
            }
            (EngineChoice::Easel, Device::Cuda(_)) => Err(Error::EngineOnCpu { device: options.device }),
            (EngineChoice::Easel, _) => Self::easel(model, options).map_err(|error| lacking(error, None)),
            (EngineChoice::Auto, device) => Self::choose(model, device == Device::Auto, options),
        }
    }

    /// The best engine that works.
    fn choose(model: &[u8], may_use_cuda: bool, options: &EngineOptions) -> Result<Self> {
        let mut note = None;
        if may_use_cuda {
            let cuda = match driver::is_there() {
                true => OrtEngine::on_cuda(model, 0, options),
                false => Err("no NVIDIA driver".into()),
            };
            match cuda {
                Ok(engine) => return Ok(Self::from(engine)),
                Err(reason) => note = Some(format!("no CUDA: {reason}")),
            }
        }
        let lacks = match Self::easel(model, options) {
            Ok(engine) => return Ok(Self { note, ..engine }),
            Err(error) => error,
        };
        let on_cpu = EngineOptions { device: Device::Cpu, ..options.clone() };
        let engine = match OrtEngine::load(model, &on_cpu) {
            Err(missing @ (Error::LibraryMissing { .. } | Error::LibraryUnusable { .. })) => {
                return Err(lacking(lacks, Some(&missing)));
            }
            engine => engine?,
        };
        let reasons = note.into_iter().chain([reason(&lacks)]).collect::<Vec<_>>();
        Ok(Self { note: Some(reasons.join("; ")), ..Self::from(engine) })
    }

    fn easel(model: &[u8], options: &EngineOptions) -> Result<Self, easel_engine::Error> {
        let model = Arc::new(Model::load(model, Level::detect())?);
        let session = Session::new(model, &SessionOptions { threads: Some(options.thread_count()) })?;
        Ok(Self { engine: Either::Easel(Box::new(session)), note: None, keeps_memory: true })
    }

    /// The engine's name on the command line: `easel` or `onnxruntime`.
    pub fn name(&self) -> &'static str {
        match &self.engine {
            Either::Easel(_) => EngineChoice::Easel.name(),
            Either::OnnxRuntime(_) => EngineChoice::OnnxRuntime.name(),
        }
    }

    /// The inputs: the required ones in the model's order, then the optional ones.
    pub fn inputs(&self) -> &[ValueInfo] {
        match &self.engine {
            Either::Easel(engine) => engine.model().inputs(),
            Either::OnnxRuntime(engine) => engine.inputs(),
        }
    }

    /// The outputs, in the model's order.
    pub fn outputs(&self) -> &[ValueInfo] {
        match &self.engine {
            Either::Easel(engine) => engine.model().outputs(),
            Either::OnnxRuntime(engine) => engine.outputs(),
        }
    }

    /// Why no other device or engine is used although it was not ruled out.
    pub fn note(&self) -> Option<&str> {
        self.note.as_deref()
    }

    /// Whether it computes on a device with memory of its own.
    pub fn is_on_device(&self) -> bool {
        matches!(&self.engine, Either::OnnxRuntime(engine) if engine.is_on_device())
    }

    /// ONNX Runtime if it computes on a device with memory of its own.
    pub(crate) fn on_device(&mut self) -> Option<&mut OrtEngine> {
        match &mut self.engine {
            Either::OnnxRuntime(engine) if engine.is_on_device() => Some(engine),
            _ => None,
        }
    }

    /// Sets whether it keeps the memory of a run for the next one, which is the default. It has an effect on the CPU only.
    pub fn keep_memory(&mut self, keep: bool) {
        self.keeps_memory = keep;
        match &mut self.engine {
            Either::Easel(_) => {}
            Either::OnnxRuntime(engine) => engine.keep_memory(keep),
        }
    }

    /// Frees the memory that is kept of earlier runs. Returns whether it is free; ONNX Runtime frees it in the next run that
    /// does not keep its memory.
    pub(crate) fn free_memory(&mut self) -> bool {
        match &mut self.engine {
            Either::Easel(engine) => engine.shrink(),
            Either::OnnxRuntime(_) => return false,
        }
        true
    }

    /// The bytes that a run with such inputs takes beside them, outputs included; none if the engine does not know, as ONNX
    /// Runtime.
    pub fn memory(&mut self, inputs: &[(&str, &Tensor)]) -> Option<usize> {
        match &mut self.engine {
            Either::Easel(engine) => engine.memory(inputs).ok().map(|memory| memory.intermediate + memory.outputs),
            Either::OnnxRuntime(_) => None,
        }
    }

    /// [`Engine::run`] for callers that are not async; both engines block anyway.
    pub fn run_blocking(&mut self, inputs: &[(&str, &Tensor)]) -> easel_runtime::Result<Vec<(String, Tensor)>> {
        pollster::block_on(self.run(inputs))
    }
}

impl From<OrtEngine> for NativeEngine {
    fn from(engine: OrtEngine) -> Self {
        let note = engine.note().map(String::from);
        Self { note, engine: Either::OnnxRuntime(Box::new(engine)), keeps_memory: true }
    }
}

impl Engine for NativeEngine {
    fn describe(&self) -> String {
        match &self.engine {
            Either::Easel(engine) => engine.describe(),
            Either::OnnxRuntime(engine) => engine.describe(),
        }
    }

    async fn run(&mut self, inputs: &[(&str, &Tensor)]) -> easel_runtime::Result<Vec<(String, Tensor)>> {
        match &mut self.engine {
            Either::Easel(engine) => {
                let outputs = engine.run(inputs).await;
                if !self.keeps_memory {
                    engine.shrink();
                }
                outputs
            }
            Either::OnnxRuntime(engine) => engine.run(inputs).await,
        }
    }
}

/// Why Easel's engine does not run a model.
fn reason(error: &easel_engine::Error) -> String {
    match error {
        easel_engine::Error::Unsupported { node, operator, what } => {
            format!("Easel's engine lacks {what} in node `{node}` ({operator})")
        }
        other => format!("Easel's engine: {other}"),
    }
}

/// The error of a model that Easel's engine cannot load. `missing` says why there is no ONNX Runtime in its place, if that
/// may be used.
fn lacking(error: easel_engine::Error, missing: Option<&Error>) -> Error {
    match &error {
        easel_engine::Error::Unsupported { .. } => {
            let advice = missing.map_or_else(|| "use --engine onnxruntime".into(), ToString::to_string);
            Error::Unsupported { path: None, reason: reason(&error), advice }
        }
        _ => Error::from(easel_runtime::Error::from(error)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_and_back() {
        for text in ["auto", "easel", "onnxruntime"] {
            assert_eq!(text.parse::<EngineChoice>().unwrap().to_string(), text);
        }
        assert_eq!("auto".parse(), Ok(EngineChoice::default()));
        for text in ["", "ort", "Easel", "cuda"] {
            assert!(text.parse::<EngineChoice>().is_err());
        }
    }
}
