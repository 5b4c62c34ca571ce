//! ONNX Runtime as an [`Engine`].

use std::borrow::Cow;
use std::path::Path;

use easel_runtime::onnx::{Dimension, ValueInfo};
use easel_runtime::tensor::Data;
use easel_runtime::{Device, Engine, Tensor};
use half::f16;
use ort::ep::{self, ExecutionProvider};
use ort::session::builder::{GraphOptimizationLevel, SessionBuilder};
use ort::session::{RunOptions, Session, SessionInputValue};
use ort::value::{DynValue, TensorElementType, TensorRef, ValueType};

use super::EngineOptions;
use crate::error::{Error, Result, one_line};
use crate::library::{self, Library};

/// Where a session computes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Processor {
    Cpu,
    Cuda(u32),
}

/// A model loaded into ONNX Runtime.
///
/// Inputs and outputs have float32, float16, uint8, int64 or bool elements. An input that is also an initializer is optional.
#[derive(Debug)]
pub struct OrtEngine {
    pub(crate) session: Session,
    pub(crate) library: &'static Library,
    pub(crate) processor: Processor,
    pub(crate) threads: usize,
    note: Option<String>,
    keeps_memory: bool,
    inputs: Vec<ValueInfo>,
    outputs: Vec<ValueInfo>,
}

impl OrtEngine {
    /// Loads an ONNX model from its file's bytes, whatever engine the options name. Loads ONNX Runtime first if this is the
    /// first model.
    ///
    /// [`Device::Auto`] is CUDA if that works, or else the CPU, and [`OrtEngine::note`] says why.
    pub fn load(model: &[u8], options: &EngineOptions) -> Result<Self> {
        let library = library::load(options.library.as_deref())?;
        let threads = options.thread_count();
        let start = |processor| Self::start(library, model, processor, threads);
        let on_cpu = || {
            start(Processor::Cpu)
                .map_err(|reason| Error::from(failure(format!("ONNX Runtime cannot load the model: {reason}"))))
        };
        match options.device {
            Device::Cpu => on_cpu(),
            Device::Auto => start(Processor::Cuda(0)).or_else(|reason| {
                let engine = on_cpu()?;
                tracing::info!(reason, "CUDA cannot be used");
                Ok(Self { note: Some(format!("no CUDA: {reason}")), ..engine })
            }),
            Device::Cuda(number) => start(Processor::Cuda(number)).or_else(|reason| {
                // If the CPU cannot load the model either, the device is not to blame.
                on_cpu()?;
                Err(Error::DeviceUnavailable { device: options.device, reason })
            }),
        }
    }

    /// Loads a model for a CUDA device. The error says why that does not work, and the CPU may.
    pub(super) fn on_cuda(model: &[u8], number: u32, options: &EngineOptions) -> Result<Self, String> {
        let library = library::load(options.library.as_deref()).map_err(|error| error.in_brief())?;
        Self::start(library, model, Processor::Cuda(number), options.thread_count())
    }

    fn start(library: &'static Library, model: &[u8], processor: Processor, threads: usize) -> Result<Self, String> {
        // A no is certain: the library was built without CUDA. A yes says nothing about a GPU.
        if processor != Processor::Cpu && matches!(ep::CUDA::is_available(), Ok(false)) {
            return Err("this build of ONNX Runtime has none".into());
        }
        let session = session_builder(library, processor, threads)
            .and_then(|mut builder| builder.commit_from_memory(model))
            .map_err(|error| one_line(error.message()))?;
        let inputs = session.inputs().iter().map(|outlet| value_info(outlet.name(), outlet.dtype(), false));
        let optional = session.overridable_initializers();
        let inputs = inputs.chain(optional.iter().map(|input| value_info(input.name(), input.dtype(), true))).collect();
        let outputs = session.outputs().iter().map(|outlet| value_info(outlet.name(), outlet.dtype(), false)).collect();
        Ok(Self { session, library, processor, threads, note: None, keeps_memory: true, inputs, outputs })
    }

    /// The inputs: the required ones in the model's order, then the optional ones.
    pub fn inputs(&self) -> &[ValueInfo] {
        &self.inputs
    }

    /// The outputs, in the model's order.
    pub fn outputs(&self) -> &[ValueInfo] {
        &self.outputs
    }

    /// Why the CPU is used although it was not asked for.
    pub fn note(&self) -> Option<&str> {
        self.note.as_deref()
    }

    /// Whether it computes on a device with memory of its own.
    pub fn is_on_device(&self) -> bool {
        self.processor != Processor::Cpu
    }

    /// Sets whether it keeps the memory of a run for the next one, which is the default; without, a run takes about an
    /// eighth longer. It has an effect on the CPU only.
    pub fn keep_memory(&mut self, keep: bool) {
        self.keeps_memory = keep;
    }

    /// ONNX Runtime's version: `1.31.1`.
    pub fn version(&self) -> &str {
        &self.library.version
    }

    /// [`Engine::run`] for callers that are not async; ONNX Runtime blocks anyway.
    pub fn run_blocking(&mut self, inputs: &[(&str, &Tensor)]) -> easel_runtime::Result<Vec<(String, Tensor)>> {
        pollster::block_on(self.run(inputs))
    }

    fn check_names(&self, given: &[(&str, &Tensor)]) -> easel_runtime::Result<()> {
        for (name, _) in given {
            if !self.inputs.iter().any(|input| input.name == *name) {
                let known: Vec<&str> = self.inputs.iter().map(|input| input.name.as_str()).collect();
                return Err(easel_runtime::Error::Engine(format!(
                    "the model has no input named `{name}`; it has {}",
                    known.join(", ")
                )));
            }
        }
        match self.inputs.iter().find(|input| !input.optional && !given.iter().any(|(name, _)| *name == input.name)) {
            Some(input) => {
                Err(easel_runtime::Error::Engine(format!("the model needs an input named `{}`", input.name)))
            }
            None => Ok(()),
        }
    }
}

impl Engine for OrtEngine {
    fn describe(&self) -> String {
        let version = self.version();
        match self.processor {
            Processor::Cpu => {
                let plural = if self.threads == 1 { "" } else { "s" };
                format!("ONNX Runtime {version} on CPU, {} thread{plural}", self.threads)
            }
            Processor::Cuda(number) => format!("ONNX Runtime {version} on CUDA device {number}"),
        }
    }

    async fn run(&mut self, inputs: &[(&str, &Tensor)]) -> easel_runtime::Result<Vec<(String, Tensor)>> {
        self.check_names(inputs)?;
        let values = inputs
            .iter()
            .map(|(name, tensor)| Ok((Cow::Borrowed(*name), to_value(tensor).map_err(engine_error)?)))
            .collect::<easel_runtime::Result<Vec<_>>>()?;
        let mut options = RunOptions::new().map_err(engine_error)?;
        if !self.keeps_memory && self.processor == Processor::Cpu {
            options.set("memory.enable_memory_arena_shrinkage", "cpu:0").map_err(engine_error)?;
        }
        let outputs = self.session.run_with_options(values, &options).map_err(engine_error)?;
        outputs.iter().map(|(name, value)| Ok((name.to_string(), from_value(name, &value)?))).collect()
    }
}

/// A builder of sessions on a processor.
pub(crate) fn session_builder(library: &Library, processor: Processor, threads: usize) -> ort::Result<SessionBuilder> {
    let mut builder = Session::builder(&library.environment)?
        .with_optimization_level(GraphOptimizationLevel::All)?
        // A memory pattern keeps a second block of memory, half as large again, and is no faster.
        .with_memory_pattern(false)?
        .with_intra_threads(threads)?;
    if let Processor::Cuda(number) = processor {
        preload_cuda(&library.path);
        // TensorFloat-32 would make a seed's picture differ from the CPU's.
        let cuda = ep::CUDA::default().with_device_id(i32::try_from(number).unwrap_or(i32::MAX)).with_tf32(false);
        builder = builder.with_execution_providers([cuda.build().error_on_failure()])?;
    }
    Ok(builder)
}

/// Loads the CUDA libraries beside ONNX Runtime's, so that its provider finds them without a library path.
fn preload_cuda(library: &Path) {
    let Some(folder) = library.parent().filter(|folder| !folder.as_os_str().is_empty()) else { return };
    for name in ep::cuda::CUDA_DYLIBS.iter().chain(ep::cuda::CUDNN_DYLIBS) {
        let file = folder.join(name);
        if file.is_file()
            && let Err(error) = ort::util::preload_dylib(&file)
        {
            tracing::warn!(%error, file = %file.display(), "a CUDA library cannot be loaded");
        }
    }
}

fn value_info(name: &str, dtype: &ValueType, optional: bool) -> ValueInfo {
    let (element, dims) = match dtype {
        ValueType::Tensor { ty, shape, dimension_symbols } => {
            let dims = shape.iter().enumerate().map(|(axis, &size)| match usize::try_from(size) {
                Ok(size) => Dimension::Fixed(size),
                Err(_) => Dimension::Named(dimension_symbols.get(axis).cloned().unwrap_or_default()),
            });
            (element_name(*ty), dims.collect())
        }
        other => (other.to_string(), vec![]),
    };
    ValueInfo { name: name.to_string(), element, dims, optional }
}

/// The name that ONNX gives an element type.
fn element_name(ty: TensorElementType) -> String {
    match ty {
        TensorElementType::Float16 => "float16".into(),
        TensorElementType::Float32 => "float32".into(),
        TensorElementType::Float64 => "float64".into(),
        TensorElementType::Int32 => "int32".into(),
        TensorElementType::Int64 => "int64".into(),
        TensorElementType::Int8 => "int8".into(),
        TensorElementType::Uint8 => "uint8".into(),
        other => other.to_string(),
    }
}

fn to_value(tensor: &Tensor) -> ort::Result<SessionInputValue<'_>> {
    let shape = tensor.shape();
    Ok(match tensor.data() {
        Data::F32(values) => TensorRef::from_array_view((shape, values.as_slice()))?.into(),
        Data::I64(values) => TensorRef::from_array_view((shape, values.as_slice()))?.into(),
        Data::Bool(values) => TensorRef::from_array_view((shape, values.as_slice()))?.into(),
        Data::F16(values) => TensorRef::from_array_view((shape, values.as_slice()))?.into(),
        Data::U8(values) => TensorRef::from_array_view((shape, values.as_slice()))?.into(),
    })
}

pub(crate) fn from_value(name: &str, value: &DynValue) -> easel_runtime::Result<Tensor> {
    let (Some(shape), Some(ty)) = (value.dtype().tensor_shape(), value.dtype().tensor_type()) else {
        return Err(easel_runtime::Error::Engine(format!("the model's output `{name}` is not a tensor")));
    };
    let dims: Vec<usize> = shape.iter().map(|&size| usize::try_from(size).unwrap_or(0)).collect();
    let empty = dims.contains(&0);
    macro_rules! elements {
        ($element:ty) => {
            // An empty tensor may have no memory at all.
            Data::from(match empty {
                true => Vec::<$element>::new(),
                false => value.try_extract_tensor::<$element>().map_err(engine_error)?.1.to_vec(),
            })
        };
    }
    let data = match ty {
        TensorElementType::Float32 => elements!(f32),
        TensorElementType::Int64 => elements!(i64),
        TensorElementType::Bool => elements!(bool),
        TensorElementType::Float16 => elements!(f16),
        TensorElementType::Uint8 => elements!(u8),
        other => {
            return Err(easel_runtime::Error::Engine(format!(
                "the model's output `{name}` has {} elements; float32, float16, uint8, int64 and bool are supported",
                element_name(other)
            )));
        }
    };
    Tensor::new(dims, data)
}

/// What ONNX Runtime's and CUDA's messages contain if memory runs out; there is no error code for it.
const OUT_OF_MEMORY: [&str; 4] = ["Failed to allocate memory", "bad allocation", "bad_alloc", "out of memory"];

pub(crate) fn engine_error(error: ort::Error) -> easel_runtime::Error {
    failure(format!("ONNX Runtime: {}", one_line(error.message())))
}

fn failure(message: String) -> easel_runtime::Error {
    if OUT_OF_MEMORY.iter().any(|words| message.contains(words)) {
        easel_runtime::Error::OutOfMemory(message)
    } else {
        easel_runtime::Error::Engine(message)
    }
}
