//! From a graph and the sizes of its inputs to the steps of a run.
//!
//! Nodes are visited in order. Each value is known, or it is pictures in a buffer together with what is to be done to them
//! when they are read; what follows a convolution alone becomes part of it.

mod arithmetic;
mod channels;
mod layers;
mod pictures;
mod shapes;
mod spatial;

use std::sync::Arc;

use easel_kernels::Order;

use crate::constant::Constant;
use crate::error::{Error, Failure, Result, malformed, unsupported};
use crate::fold;
use crate::network::{Network, Node, ValueId};
use crate::operator::Operator;
use crate::plan::{Output, Plan};
use crate::step::{Buffer, BufferId, Convolve, Place, Source, Step, Storage, Work};
use pictures::Picture;

/// What is known of a value while its graph is planned.
#[derive(Debug, Clone)]
pub(crate) enum Value {
    Known(Arc<Constant>),
    Pictures(Picture),
    /// An input of integers, by its number.
    Indices {
        input: usize,
        dims: Vec<usize>,
    },
}

impl Value {
    pub(crate) fn dims(&self) -> &[usize] {
        match self {
            Self::Known(constant) => &constant.dims,
            Self::Pictures(picture) => &picture.dims,
            Self::Indices { dims, .. } => dims,
        }
    }
}

/// An input as a plan takes it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Given {
    /// Not given: its default.
    Default,
    Floats(Vec<usize>),
    Ints(Vec<usize>),
    /// Flags, whose values are part of the plan.
    Flags(Vec<usize>, Vec<bool>),
}

/// A plan that is being made.
pub(crate) struct Planner<'a> {
    network: &'a Network,
    values: Vec<Option<Value>>,
    /// The uses of each value by nodes that are computed.
    uses: Vec<usize>,
    /// Whether each node is computed; of others, only the shape is needed.
    computed: Vec<bool>,
    buffers: Vec<Buffer>,
    /// The step that fills a buffer, of those that one step fills.
    makers: Vec<Option<usize>>,
    /// Buffers that are read in another order or as vectors.
    pinned: Vec<bool>,
    steps: Vec<Option<Step>>,
    /// Steps to which nothing can be added.
    closed: Vec<bool>,
    node: usize,
}

/// Plans a graph for given inputs, as many as the graph has.
pub(crate) fn plan(network: &Network, given: &[Given]) -> Result<Plan> {
    let mut planner = Planner {
        network,
        values: network.constants.iter().map(|known| known.clone().map(Value::Known)).collect(),
        uses: Vec::new(),
        computed: Vec::new(),
        buffers: Vec::new(),
        makers: Vec::new(),
        pinned: Vec::new(),
        steps: Vec::new(),
        closed: Vec::new(),
        node: 0,
    };
    for (index, (port, given)) in network.inputs.iter().zip(given).enumerate() {
        let fail = |failure: Failure| failure.at(&port.info.name, "input");
        let value = match given {
            Given::Default => continue,
            Given::Ints(dims) => Value::Indices { input: index, dims: dims.clone() },
            Given::Flags(dims, flags) => {
                let flags: Vec<_> = flags.iter().map(|&flag| i64::from(flag)).collect();
                Value::Known(Arc::new(Constant::ints(dims.clone(), flags)))
            }
            Given::Floats(dims) => {
                let [batch, channels, height, width] = pictures::nchw(dims).map_err(fail)?;
                let length = batch * channels * height * width;
                let buffer = planner.buffer(Storage::Input(index), length);
                Value::Pictures(Picture::stored(dims.clone(), buffer, Order::ChannelsFirst).map_err(fail)?)
            }
        };
        planner.values[port.value] = Some(value);
    }
    planner.find_uses();
    let needed = planner.needed();
    for (at, _) in needed.into_iter().enumerate().filter(|(_, needed)| *needed) {
        planner.visit(at)?;
    }
    planner.finish()
}

impl<'a> Planner<'a> {
    /// The inputs whose elements a node needs: not those whose shape alone matters, nor what a known condition excludes.
    fn used_inputs(&self, node: &Node) -> Vec<ValueId> {
        let used = |at: usize| match (&node.operator, at) {
            (Operator::Shape { .. }, _) => false,
            (Operator::Where, 1 | 2) => match self.condition(node) {
                Some(condition) => condition == (at == 1),
                None => true,
            },
            _ => true,
        };
        (0..node.inputs.len()).filter(|&at| used(at)).filter_map(|at| node.inputs[at]).collect()
    }

    /// The condition of a `Where`, if it is one known flag.
    fn condition(&self, node: &Node) -> Option<bool> {
        match self.values[node.inputs.first().copied().flatten()?].as_ref()? {
            Value::Known(constant) => {
                constant.as_ints().ok().filter(|flags| flags.len() == 1).map(|flags| flags[0] != 0)
            }
            _ => None,
        }
    }

    fn find_uses(&mut self) {
        self.uses = vec![0; self.values.len()];
        self.computed = vec![false; self.network.nodes.len()];
        for port in &self.network.outputs {
            self.uses[port.value] += 1;
        }
        for (at, node) in self.network.nodes.iter().enumerate().rev() {
            if self.uses[node.output] > 0 {
                self.computed[at] = true;
                for value in self.used_inputs(node) {
                    self.uses[value] += 1;
                }
            }
        }
    }

    /// The nodes that are computed, and those whose shape is needed.
    fn needed(&self) -> Vec<bool> {
        let mut values: Vec<_> = self.uses.iter().map(|&uses| uses > 0).collect();
        let mut needed = vec![false; self.network.nodes.len()];
        for (at, node) in self.network.nodes.iter().enumerate().rev() {
            needed[at] = values[node.output];
            if needed[at] {
                node.inputs.iter().flatten().for_each(|&value| values[value] = true);
            }
        }
        needed
    }

    fn visit(&mut self, at: usize) -> Result<()> {
        self.node = at;
        let node = &self.network.nodes[at];
        let value = self.value_of(node).map_err(|failure| failure.at(&node.name, &node.kind))?;
        if let Value::Pictures(picture) = &value
            && self.uses[node.output] != 1
        {
            self.close(picture.source.buffer);
        }
        self.values[node.output] = Some(value);
        Ok(())
    }

    fn value_of(&mut self, node: &'a Node) -> Result<Value, Failure> {
        let inputs: Vec<_> = node.inputs.iter().map(|input| input.map(|id| self.values[id].as_ref())).collect();
        if inputs.iter().any(|input| matches!(input, Some(None))) {
            return malformed("an input that is not given");
        }
        fn known<'v>(input: &Option<Option<&'v Value>>) -> Option<Option<&'v Constant>> {
            match input {
                None => Some(None),
                Some(Some(Value::Known(constant))) => Some(Some(constant)),
                Some(_) => None,
            }
        }
        if let Some(known) = inputs.iter().map(known).collect::<Option<Vec<_>>>()
            && node.weights.is_none()
        {
            match fold::evaluate(&node.operator, &known) {
                Ok(constant) => return Ok(Value::Known(Arc::new(constant))),
                // Not evaluated at once, but perhaps by the kernels.
                Err(Failure::Unsupported(_)) => {}
                Err(failure) => return Err(failure),
            }
        }
        match &node.operator {
            Operator::Conv(_) | Operator::ConvTranspose(..) | Operator::Gemm { .. } => self.convolve(node),
            Operator::Pool(attributes) => self.pool(node, attributes),
            Operator::Pad { mode, pads } => self.pad(node, *mode, pads.as_deref()),
            Operator::Slice { starts, ends, axes } => self.slice(node, starts.as_deref(), ends, axes.as_deref()),
            Operator::Resize { coordinates, rounding } => self.resize(node, *coordinates, *rounding),
            Operator::Concat { axis } => self.concat(node, *axis),
            Operator::Expand => self.expand(node),
            Operator::DepthToSpace { .. } => unsupported("blocks that do not follow a convolution"),
            Operator::Activation(function) => self.activate(node, *function),
            Operator::Clip => self.clip(node),
            Operator::Unary(function) => self.unary(node, *function),
            Operator::Binary(operation) => self.binary(node, *operation),
            Operator::ReduceMean { axes, keep } => self.reduce_mean(node, axes.as_deref(), *keep),
            Operator::GlobalAverage => self.mean(node, true),
            Operator::MeanSquare { keep } => self.mean_square(node, *keep),
            Operator::PixelNorm { epsilon } => self.pixel_norm(node, *epsilon),
            Operator::InstanceNorm { epsilon } => self.instance_norm(node, *epsilon),
            Operator::BatchNorm { epsilon } => self.batch_norm(node, *epsilon),
            Operator::Where => self.choose(node),
            Operator::Shape { start, end } => {
                Ok(Value::Known(Arc::new(fold::shape_of(self.input(node, 0)?.dims(), *start, *end)?)))
            }
            Operator::Gather { axis } => self.lookup(node, *axis),
            Operator::Reshape { .. }
            | Operator::Flatten { .. }
            | Operator::Unsqueeze { .. }
            | Operator::Squeeze { .. } => self.reshape(node),
            Operator::Transpose { perm } => self.transpose(node, perm.as_deref()),
            Operator::Cast { to: crate::operator::Element::Float } | Operator::Identity => match self.input(node, 0)? {
                value @ Value::Pictures(_) => Ok(value.clone()),
                _ => unsupported("integers"),
            },
            Operator::Cast { .. } => unsupported("a cast to integers"),
            Operator::ConstantOfShape { .. } | Operator::DequantizeLinear { .. } => {
                unsupported("an input that is computed")
            }
        }
    }

    /// A node's input.
    fn input(&self, node: &Node, at: usize) -> Result<&Value, Failure> {
        match node.inputs.get(at).copied().flatten().and_then(|id| self.values[id].as_ref()) {
            Some(value) => Ok(value),
            None => malformed(format!("it has no input {at}")),
        }
    }

    /// A node's known input, if it has one.
    fn known(&self, node: &Node, at: usize) -> Result<Option<Arc<Constant>>, Failure> {
        if node.inputs.get(at).copied().flatten().is_none() {
            return Ok(None);
        }
        match self.input(node, at)? {
            Value::Known(constant) => Ok(Some(constant.clone())),
            _ => unsupported(format!("input {at} that is computed")),
        }
    }

    /// A node's known integers, if it has them.
    fn known_ints(&self, node: &Node, at: usize) -> Result<Option<Vec<i64>>, Failure> {
        self.known(node, at)?.map(|constant| Ok(constant.as_ints()?.to_vec())).transpose()
    }

    fn buffer(&mut self, storage: Storage, length: usize) -> BufferId {
        self.buffers.push(Buffer { storage, length });
        self.makers.push(None);
        self.pinned.push(false);
        self.buffers.len() - 1
    }

    /// Memory for as many values.
    fn memory(&mut self, length: usize) -> BufferId {
        self.buffer(Storage::Arena { offset: 0 }, length)
    }

    fn push(&mut self, work: Work) -> usize {
        let index = self.steps.len();
        work.writes(|buffer| self.makers[buffer] = Some(index));
        self.steps.push(Some(Step { node: self.node, work }));
        self.closed.push(false);
        index
    }

    /// Moves a step behind all others, whose results it now needs. Nothing has read its result yet.
    fn move_to_end(&mut self, index: usize) -> usize {
        let step = self.steps[index].take().expect("the step was not moved");
        self.push(step.work)
    }

    fn close(&mut self, buffer: BufferId) {
        if let Some(step) = self.makers[buffer] {
            self.closed[step] = true;
        }
    }

    fn finish(mut self) -> Result<Plan> {
        self.node = self.network.nodes.len();
        let mut outputs = Vec::new();
        for (index, port) in self.network.outputs.iter().enumerate() {
            let fail = |failure: Failure| failure.at(&port.info.name, "output");
            let output = match self.values[port.value].clone() {
                Some(Value::Known(constant)) => Output::Known(constant),
                Some(Value::Pictures(picture)) => {
                    self.output(index, port.value, &picture).map_err(fail)?;
                    Output::Computed(picture.dims)
                }
                Some(Value::Indices { .. }) => return unsupported("an input of integers").map_err(fail),
                None => return Err(Error::Malformed(format!("nothing makes the output `{}`", port.info.name))),
            };
            outputs.push(output);
        }
        let steps = self.steps.into_iter().flatten().collect();
        Plan::new(steps, self.buffers, outputs)
    }

    /// Writes pictures to an output of the graph.
    fn output(&mut self, index: usize, value: ValueId, picture: &Picture) -> Result<(), Failure> {
        let length = picture.dims.iter().product();
        let target = Place { buffer: self.buffer(Storage::Output(index), length), order: Order::ChannelsFirst };
        match self.open(value, picture) {
            Some(step) if self.is_whole(step, &picture.source) => self.convolution(step).target = target,
            // Rows of values are the same in any order.
            Some(step) if self.convolution(step).size == [1, 1] && picture.source.stored_len() == length => {
                let order = Order::interleaved(self.convolution(step).weights.convolution.outputs());
                self.convolution(step).target = Place { order, ..target };
            }
            _ => drop(self.push(Work::Copy { source: picture.source.clone(), target })),
        }
        Ok(())
    }

    fn convolution(&mut self, step: usize) -> &mut Convolve {
        match self.steps[step].as_mut().map(|step| &mut step.work) {
            Some(Work::Convolve(work)) => work,
            _ => unreachable!("only convolutions are open"),
        }
    }

    /// The convolution that makes pictures for one use only, to which something can be added.
    fn open(&self, value: ValueId, picture: &Picture) -> Option<usize> {
        if self.uses[value] != 1 || !self.computed.get(self.node).copied().unwrap_or(true) || !picture.source.is_plain()
        {
            return None;
        }
        let step = self.makers[picture.source.buffer].filter(|&step| !self.closed[step])?;
        let work = self.steps[step].as_ref().map(|step| &step.work);
        matches!(work, Some(Work::Convolve(work)) if work.moments.is_none()).then_some(step)
    }

    /// Whether pictures have the dimensions of a convolution's result.
    fn is_whole(&self, step: usize, source: &Source) -> bool {
        match self.steps[step].as_ref().map(|step| &step.work) {
            Some(Work::Convolve(work)) => {
                let outputs = work.weights.convolution.outputs();
                source.size == work.size && source.channels == outputs && source.batch == work.source.batch
            }
            _ => false,
        }
    }
}
