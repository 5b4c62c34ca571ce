//! Tensors that stay on the device of a model, by ONNX Runtime's I/O binding.
//!
//! A sampler's loop then sends the device a timestep and labels at each step, and nothing comes back before the pictures
//! are done. A sampler's linear combinations are computed on the device too, by a graph of five nodes.

use std::cell::RefCell;
use std::rc::Rc;

use easel_runtime::predictor::{Predictor, check_shape};
use easel_runtime::samplers::SamplerTensor;
use easel_runtime::tensor::Data;
use easel_runtime::{Error, Result, Tensor};
use ort::editor::{Graph, Model, Node, ONNX_DOMAIN, Opset};
use ort::memory::{AllocationDevice, AllocatorType, MemoryInfo, MemoryType};
use ort::session::Session;
use ort::value::{DynValue, Outlet, Shape, SymbolicDimensions, TensorElementType, ValueType};

use crate::engine::{OrtEngine, Processor, engine_error, from_value, session_builder};

/// The number of terms of a sum. If there are fewer, the first is repeated with factor 0.
const TERMS: usize = 3;
const TENSORS: [&str; TERMS] = ["x0", "x1", "x2"];
const FACTORS: [&str; TERMS] = ["f0", "f1", "f2"];

/// A denoiser whose tensors stay on the engine's device.
pub struct OnDevice<'a> {
    engine: &'a mut OrtEngine,
    sums: Rc<Sums>,
}

/// A tensor on the engine's device, or on the host until it is used.
pub struct DeviceTensor {
    value: DynValue,
    sums: Rc<Sums>,
}

/// The session that computes sums on a processor.
struct Sums {
    session: RefCell<Session>,
    processor: Processor,
}

impl<'a> OnDevice<'a> {
    /// Fails if ONNX Runtime has no memory for another session.
    pub fn new(engine: &'a mut OrtEngine) -> Result<Self> {
        let (processor, threads) = (engine.processor, engine.threads);
        let session = session_builder(engine.library, processor, threads).and_then(|builder| {
            let mut model = Model::new([Opset::new(ONNX_DOMAIN, 17)?])?;
            model.set_graph(sum()?)?;
            model.into_session(&builder)
        });
        let session = RefCell::new(session.map_err(engine_error)?);
        Ok(Self { engine, sums: Rc::new(Sums { session, processor }) })
    }
}

impl Predictor for OnDevice<'_> {
    type Value = DeviceTensor;

    fn to_device(&mut self, x: Tensor) -> Result<DeviceTensor> {
        Ok(DeviceTensor { value: owned(&x).map_err(engine_error)?, sums: Rc::clone(&self.sums) })
    }

    async fn predict(&mut self, x: &DeviceTensor, t: &Tensor, label: &Tensor) -> Result<DeviceTensor> {
        let mut run = || {
            let inputs = [("x", &x.value), ("t", &owned(t)?), ("label", &owned(label)?)];
            run(&mut self.engine.session, &inputs, "prediction", self.sums.processor)
        };
        let value = run().map_err(engine_error)?;
        check_shape(&shape(&x.value), &shape(&value))?;
        Ok(DeviceTensor { value, sums: Rc::clone(&self.sums) })
    }
}

impl DeviceTensor {
    /// A sum whose result is placed on a processor.
    fn sum(terms: &[(f64, &Self)], to: Processor) -> Result<DynValue> {
        let [first, ..] = terms else { return Err(Error::Shape("a sum needs a term".into())) };
        let padded: Vec<_> = terms.iter().copied().chain(std::iter::repeat((0.0, first.1))).take(TERMS).collect();
        if terms.len() > TERMS || padded.iter().any(|(_, term)| shape(&term.value) != shape(&first.1.value)) {
            return Err(Error::Shape(format!("a sum takes at most {TERMS} tensors, of one shape")));
        }
        let sum = || {
            let factors = padded.iter().map(|(factor, _)| scalar(*factor as f32)).collect::<ort::Result<Vec<_>>>()?;
            let tensors = padded.iter().map(|(_, term)| &term.value);
            let inputs: Vec<_> = TENSORS.into_iter().zip(tensors).chain(FACTORS.into_iter().zip(&factors)).collect();
            run(&mut first.1.sums.session.borrow_mut(), &inputs, "sum", to)
        };
        sum().map_err(engine_error)
    }
}

impl SamplerTensor for DeviceTensor {
    fn combine(terms: &[(f64, &Self)]) -> Result<Self> {
        let [(_, first), ..] = terms else { return Err(Error::Shape("a sum needs a term".into())) };
        Ok(Self { value: Self::sum(terms, first.sums.processor)?, sums: Rc::clone(&first.sums) })
    }

    fn with_values(&self, values: Vec<f32>) -> Result<Self> {
        let tensor = Tensor::new(shape(&self.value), values)?;
        Ok(Self { value: owned(&tensor).map_err(engine_error)?, sums: Rc::clone(&self.sums) })
    }

    fn to_tensor(&self) -> Result<Tensor> {
        from_value("sum", &Self::sum(&[(1.0, self)], Processor::Cpu)?)
    }
}

/// Runs a session on values wherever they are, and leaves its output in the memory of a processor.
fn run(session: &mut Session, inputs: &[(&str, &DynValue)], output: &str, to: Processor) -> ort::Result<DynValue> {
    // A new binding for each run: if it is reused, it overwrites the earlier output.
    let mut binding = session.create_binding()?;
    for (name, value) in inputs {
        binding.bind_input(*name, *value)?;
    }
    let (device, number) = match to {
        Processor::Cpu => (AllocationDevice::CPU, 0),
        Processor::Cuda(number) => (AllocationDevice::CUDA, i32::try_from(number).unwrap_or(i32::MAX)),
    };
    let memory = MemoryInfo::new(device, number, AllocatorType::Device, MemoryType::Default)?;
    binding.bind_output_to_device(output, &memory)?;
    binding.synchronize_inputs()?;
    let mut outputs = session.run_binding(&binding)?;
    outputs.remove(output).ok_or_else(|| ort::Error::new(format!("the model has no output named `{output}`")))
}

/// `f0 x0 + f1 x1 + f2 x2` for tensors `x` of four dimensions and scalars `f`.
fn sum() -> ort::Result<Graph> {
    let outlet = |name: &str, dims: usize| {
        let (shape, dimension_symbols) = (Shape::new(vec![-1; dims]), SymbolicDimensions::empty(dims));
        Outlet::new(name, ValueType::Tensor { ty: TensorElementType::Float32, shape, dimension_symbols })
    };
    let mut graph = Graph::new()?;
    graph.set_inputs(TENSORS.map(|name| outlet(name, 4)).into_iter().chain(FACTORS.map(|name| outlet(name, 0))))?;
    graph.set_outputs([outlet("sum", 4)])?;
    let products = ["p0", "p1", "p2"];
    for ((tensor, factor), product) in TENSORS.into_iter().zip(FACTORS).zip(products) {
        graph.add_node(Node::new("Mul", ONNX_DOMAIN, product, [tensor, factor], [product], [])?)?;
    }
    graph.add_node(Node::new("Add", ONNX_DOMAIN, "two", ["p0", "p1"], ["two"], [])?)?;
    graph.add_node(Node::new("Add", ONNX_DOMAIN, "sum", ["two", "p2"], ["sum"], [])?)?;
    Ok(graph)
}

/// A value that owns its elements, which a binding need not copy.
fn owned(tensor: &Tensor) -> ort::Result<DynValue> {
    let shape = tensor.shape();
    Ok(match tensor.data() {
        Data::F32(values) => ort::value::Tensor::from_array((shape, values.clone()))?.into_dyn(),
        Data::I64(values) => ort::value::Tensor::from_array((shape, values.clone()))?.into_dyn(),
        Data::Bool(values) => ort::value::Tensor::from_array((shape, values.clone()))?.into_dyn(),
        Data::F16(values) => ort::value::Tensor::from_array((shape, values.clone()))?.into_dyn(),
        Data::U8(values) => ort::value::Tensor::from_array((shape, values.clone()))?.into_dyn(),
    })
}

fn scalar(value: f32) -> ort::Result<DynValue> {
    Ok(ort::value::Tensor::from_array((Shape::new([]), vec![value]))?.into_dyn())
}

fn shape(value: &DynValue) -> Vec<usize> {
    let dims = value.dtype().tensor_shape().map(|shape| shape.to_vec()).unwrap_or_default();
    dims.into_iter().map(|size| usize::try_from(size).unwrap_or(0)).collect()
}
