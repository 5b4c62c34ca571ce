//! A model that runs.

use std::borrow::Cow;
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use easel_runtime::tensor::Data;
use easel_runtime::{Engine, Tensor};
use half::f16;

use crate::error::{Error, Result};
use crate::model::Model;
use crate::network::Port;
use crate::plan::{Output, Plan};
use crate::planner::{Given, plan};
use crate::run::{Input, run};

/// Plans for other sizes are kept up to this number.
const MAX_PLANS: usize = 4;

/// The values of a flag that a plan is made for: ours have one.
const MAX_FLAGS: usize = 16;

/// How to run a model.
#[derive(Debug, Clone, Default)]
pub struct SessionOptions {
    /// The number of threads, which are the session's own. `None`: those of the current rayon pool. Without the feature
    /// `threads`, one.
    pub threads: Option<usize>,
}

/// A model that runs, with the memory that it uses. It implements [`Engine`], whose future is ready at once.
#[derive(Debug)]
pub struct Session {
    model: Arc<Model>,
    plans: VecDeque<(Vec<Given>, Arc<Plan>)>,
    arena: Vec<f32>,
    #[cfg(feature = "threads")]
    pool: Option<rayon::ThreadPool>,
}

/// What a run of some sizes uses, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Memory {
    /// Values between the layers.
    pub intermediate: usize,
    /// The outputs.
    pub outputs: usize,
}

/// A step of a run and its time.
#[derive(Debug, Clone)]
pub struct StepTime {
    /// The node of the graph that the step ends with.
    pub node: String,
    /// What it does.
    pub work: &'static str,
    /// The time that it took.
    pub time: Duration,
}

impl Session {
    /// Fails if threads cannot be started.
    pub fn new(model: Arc<Model>, options: &SessionOptions) -> Result<Self> {
        #[cfg(feature = "threads")]
        let pool = match options.threads {
            None => None,
            Some(threads) => {
                let pool = rayon::ThreadPoolBuilder::new().num_threads(threads.max(1)).build();
                Some(pool.map_err(|error| engine_error(format!("threads cannot be started: {error}")))?)
            }
        };
        #[cfg(not(feature = "threads"))]
        let _ = options;
        Ok(Self {
            model,
            plans: VecDeque::new(),
            arena: Vec::new(),
            #[cfg(feature = "threads")]
            pool,
        })
    }

    /// The model.
    pub fn model(&self) -> &Arc<Model> {
        &self.model
    }

    /// The number of threads.
    pub fn threads(&self) -> usize {
        #[cfg(feature = "threads")]
        return self.pool.as_ref().map_or_else(rayon::current_num_threads, rayon::ThreadPool::current_num_threads);
        #[cfg(not(feature = "threads"))]
        1
    }

    /// The memory that a run takes, besides the weights.
    ///
    /// Fails as a run with such inputs does; their elements do not matter, except those of flags.
    pub fn memory(&mut self, inputs: &[(&str, &Tensor)]) -> Result<Memory> {
        let (plan, _) = self.prepared(inputs)?;
        let outputs = plan.outputs.iter().map(|output| match output {
            Output::Known(constant) => constant.len(),
            Output::Computed(dims) => dims.iter().product(),
        });
        Ok(Memory { intermediate: size_of::<f32>() * plan.arena, outputs: size_of::<f32>() * outputs.sum::<usize>() })
    }

    /// Frees the memory that is kept from one run to the next.
    pub fn shrink(&mut self) {
        self.arena = Vec::new();
    }

    /// Runs the model, as [`Engine::run`] does.
    pub fn run_blocking(&mut self, inputs: &[(&str, &Tensor)]) -> Result<Vec<(String, Tensor)>> {
        self.run_with(inputs, None)
    }

    /// Runs the model, and returns the time of each step.
    pub fn profile(&mut self, inputs: &[(&str, &Tensor)]) -> Result<Vec<StepTime>> {
        let mut times = Vec::new();
        self.run_with(inputs, Some(&mut times))?;
        let (plan, _) = self.prepared(inputs)?;
        let nodes = &self.model.network.nodes;
        let steps = plan.steps.iter().zip(times).map(|(step, time)| {
            let node = nodes.get(step.node).map_or_else(|| "output".to_string(), |node| node.name.clone());
            StepTime { node, work: step.work.name(), time }
        });
        Ok(steps.collect())
    }

    fn run_with(
        &mut self,
        inputs: &[(&str, &Tensor)],
        times: Option<&mut Vec<Duration>>,
    ) -> Result<Vec<(String, Tensor)>> {
        let (plan, values) = self.prepared(inputs)?;
        let (level, arena) = (self.model.network.level, &mut self.arena);
        #[cfg(feature = "threads")]
        let computed = match &self.pool {
            Some(pool) => pool.install(|| run(&plan, level, &values, arena, times)),
            None => run(&plan, level, &values, arena, times),
        }?;
        #[cfg(not(feature = "threads"))]
        let computed = run(&plan, level, &values, arena, times)?;
        let ports = self.model.network.outputs.iter();
        ports.zip(&plan.outputs).zip(computed).map(|((port, output), values)| result(port, output, values)).collect()
    }

    /// The plan for inputs, and the inputs as it takes them.
    fn prepared<'a>(&mut self, inputs: &'a [(&str, &'a Tensor)]) -> Result<(Arc<Plan>, Vec<Input<'a>>)> {
        let network = &self.model.network;
        for (name, _) in inputs {
            if !network.inputs.iter().any(|port| port.info.name == *name) {
                let known: Vec<_> = self.model.inputs().iter().map(|input| input.name.as_str()).collect();
                return Err(engine_error(format!(
                    "the model has no input named `{name}`; it has {}",
                    known.join(", ")
                )));
            }
        }
        let (mut given, mut values) = (Vec::new(), Vec::new());
        for port in &network.inputs {
            let tensor = inputs.iter().find(|(name, _)| *name == port.info.name).map(|(_, tensor)| *tensor);
            let (kind, value) = match tensor {
                Some(tensor) => input(port, tensor)?,
                None if port.info.optional => (Given::Default, Input::Planned),
                None => return Err(engine_error(format!("the model needs an input named `{}`", port.info.name))),
            };
            given.push(kind);
            values.push(value);
        }
        if let Some(at) = self.plans.iter().position(|(known, _)| *known == given) {
            let found = self.plans.remove(at).expect("it was found");
            self.plans.push_front(found);
        } else {
            let plan = plan(network, &given).map_err(|error| match error {
                Error::Malformed(what) => engine_error(format!("the model cannot take inputs of these sizes: {what}")),
                other => other,
            })?;
            self.plans.push_front((given, Arc::new(plan)));
            self.plans.truncate(MAX_PLANS);
        }
        Ok((self.plans[0].1.clone(), values))
    }
}

impl Engine for Session {
    fn describe(&self) -> String {
        let (version, threads) = (env!("CARGO_PKG_VERSION"), self.threads());
        let plural = if threads == 1 { "" } else { "s" };
        format!("Easel {version} on CPU ({}), {threads} thread{plural}", self.model.network.level.name())
    }

    async fn run(&mut self, inputs: &[(&str, &Tensor)]) -> easel_runtime::Result<Vec<(String, Tensor)>> {
        Ok(self.run_blocking(inputs)?)
    }
}

fn engine_error(message: String) -> Error {
    Error::Runtime(easel_runtime::Error::Engine(message))
}

/// An input as plans and runs take it. Fails if its type or shape is not the model's.
fn input<'a>(port: &Port, tensor: &'a Tensor) -> Result<(Given, Input<'a>)> {
    let (info, dims) = (&port.info, tensor.shape().to_vec());
    let fits = dims.len() == info.dims.len()
        && info.dims.iter().zip(&dims).all(|(wanted, found)| wanted.fixed().is_none_or(|wanted| wanted == *found));
    // A file may leave out the shape.
    if !fits && !info.dims.is_empty() || dims.contains(&0) {
        return Err(engine_error(format!("the model's input {info} cannot take the shape {dims:?}")));
    }
    if tensor.data().type_name() != info.element {
        let found = tensor.data().type_name();
        return Err(engine_error(format!("the model's input {info} cannot take {found} elements")));
    }
    match tensor.data() {
        Data::F32(values) => Ok((Given::Floats(dims), Input::Floats(Cow::Borrowed(values)))),
        Data::F16(values) => {
            let values = values.iter().map(|value| value.to_f32()).collect();
            Ok((Given::Floats(dims), Input::Floats(Cow::Owned(values))))
        }
        Data::I64(values) => Ok((Given::Ints(dims), Input::Ints(values))),
        Data::Bool(values) if values.len() <= MAX_FLAGS => Ok((Given::Flags(dims, values.clone()), Input::Planned)),
        Data::Bool(_) | Data::U8(_) => Err(engine_error(format!("the engine cannot take the input {info}"))),
    }
}

fn result(port: &Port, output: &Output, values: Vec<f32>) -> Result<(String, Tensor)> {
    let half = |values: Vec<f32>| Data::F16(values.into_iter().map(f16::from_f32).collect());
    let is_half = port.info.element == "float16";
    let tensor = match output {
        Output::Computed(dims) => Tensor::new(dims.clone(), if is_half { half(values) } else { Data::F32(values) })?,
        Output::Known(constant) => {
            let data = match (constant.as_floats(), constant.as_ints()) {
                (Ok(values), _) if is_half => half(values.to_vec()),
                (Ok(values), _) => Data::F32(values.to_vec()),
                (_, Ok(values)) if port.info.element == "bool" => {
                    Data::Bool(values.iter().map(|&value| value != 0).collect())
                }
                (_, Ok(values)) => Data::I64(values.to_vec()),
                _ => unreachable!("floats or integers"),
            };
            Tensor::new(constant.dims.clone(), data)?
        }
    };
    Ok((port.info.name.clone(), tensor))
}
