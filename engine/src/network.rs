//! A model's graph as the engine runs it: operators with their attributes, in order, and constants folded.

use std::collections::HashMap;
use std::sync::Arc;

use easel_kernels::{Convolution, Level};
use easel_runtime::onnx::{Graph, ValueInfo};

use crate::constant::Constant;
use crate::error::{Error, Failure, Result, malformed, unsupported};
use crate::fold;
use crate::operator::{self, Operator};
use crate::{rewrite, weights};

/// A value of the graph.
pub(crate) type ValueId = usize;

/// An operation on values.
#[derive(Debug)]
pub(crate) struct Node {
    /// Its name, or that of its first output.
    pub name: String,
    /// Its operator in the file.
    pub kind: String,
    pub operator: Operator,
    pub inputs: Vec<Option<ValueId>>,
    pub output: ValueId,
    /// The arranged weights, of a convolution or a matrix product.
    pub weights: Option<Arc<Weights>>,
}

/// Weights that are arranged for the machine.
#[derive(Debug)]
pub(crate) struct Weights {
    pub convolution: Convolution,
    /// The channels that it reads.
    pub inputs: usize,
    /// Rows and columns of the result beyond a multiple of this are left out.
    pub multiple: usize,
}

/// An input or output of the graph.
#[derive(Debug, Clone)]
pub(crate) struct Port {
    pub info: ValueInfo,
    pub value: ValueId,
}

/// A graph that can be planned for a size.
#[derive(Debug)]
pub(crate) struct Network {
    pub nodes: Vec<Node>,
    /// The known values, by their numbers.
    pub constants: Vec<Option<Arc<Constant>>>,
    pub inputs: Vec<Port>,
    pub outputs: Vec<Port>,
    pub level: Level,
}

impl Network {
    /// Fails if a name is made twice or not at all, or a node's operator or attributes are not supported.
    pub(crate) fn new(graph: Graph, level: Level) -> Result<Self> {
        let mut names = Names::default();
        let mut constants = HashMap::new();
        for constant in graph.constants {
            let name = constant.name.clone();
            let id = names.make(&name)?;
            let constant = Constant::read(constant).map_err(|failure| failure.at(&name, "initializer"))?;
            constants.insert(id, Arc::new(constant));
        }
        let mut inputs = Vec::new();
        for info in graph.signature.inputs {
            // An input that is a constant too has a default.
            let value = if info.optional { names.find(&info.name)? } else { names.make(&info.name)? };
            inputs.push(Port { info, value });
        }
        let optional: Vec<_> = inputs.iter().filter(|port| port.info.optional).map(|port| port.value).collect();
        let (opset, mut nodes) = (graph.opset, Vec::new());
        for node in graph.nodes {
            let Some(output) = node.outputs.first().filter(|name| !name.is_empty()) else {
                return Err(Error::Malformed("a node has no output".into()));
            };
            let name = if node.name.is_empty() { output.clone() } else { node.name.clone() };
            let fail = |failure: Failure| failure.at(&name, &node.operator);
            let find = |input: &String| (!input.is_empty()).then(|| names.find(input)).transpose();
            let inputs = node.inputs.iter().map(find).collect::<Result<Vec<_>>>()?;
            let value = names.make(output)?;
            // Of several outputs, ours use the first one; the others are reported where they are used.
            let is_constant = node.operator == "Constant";
            if is_constant {
                constants.insert(value, Arc::new(constant_node(&node).map_err(fail)?));
                continue;
            }
            let operator = operator::read(&node, opset).map_err(fail)?;
            let known = |input: &Option<ValueId>| {
                input
                    .map(|id| constants.get(&id).filter(|_| !optional.contains(&id)).map(Arc::as_ref))
                    .map_or(Some(None), |known| known.map(Some))
            };
            if let Some(known) = inputs.iter().map(known).collect::<Option<Vec<_>>>()
                && !known.is_empty()
            {
                constants.insert(value, Arc::new(fold::evaluate(&operator, &known).map_err(fail)?));
                continue;
            }
            nodes.push(Node { name, kind: node.operator, operator, inputs, output: value, weights: None });
        }
        let output = |info: ValueInfo| names.find(&info.name).map(|value| Port { info, value });
        let outputs = graph.signature.outputs.into_iter().map(output).collect::<Result<Vec<_>>>()?;
        if outputs.is_empty() {
            return Err(Error::Malformed("it has no outputs".into()));
        }
        let constants = (0..names.count).map(|id| constants.remove(&id)).collect();
        let mut network = Self { nodes, constants, inputs, outputs, level };
        rewrite::rewrite(&mut network);
        weights::arrange(&mut network)?;
        Ok(network)
    }

    /// The number of uses of each value: by nodes, and as outputs.
    pub(crate) fn uses(&self) -> Vec<usize> {
        let mut uses = vec![0; self.constants.len()];
        let by_nodes = self.nodes.iter().flat_map(|node| node.inputs.iter().copied().flatten());
        by_nodes.chain(self.outputs.iter().map(|port| port.value)).for_each(|value| uses[value] += 1);
        uses
    }
}

/// The numbers of values by their names.
#[derive(Default)]
struct Names {
    ids: HashMap<String, ValueId>,
    count: usize,
}

impl Names {
    fn make(&mut self, name: &str) -> Result<ValueId> {
        let id = self.count;
        self.count += 1;
        match self.ids.insert(name.to_string(), id) {
            None => Ok(id),
            Some(_) => Err(Error::Malformed(format!("two values are named `{name}`"))),
        }
    }

    fn find(&self, name: &str) -> Result<ValueId> {
        match self.ids.get(name) {
            Some(&id) => Ok(id),
            None => Err(Error::Malformed(format!("nothing makes the value `{name}` before it is used"))),
        }
    }
}

fn constant_node(node: &easel_runtime::onnx::Node) -> Result<Constant, Failure> {
    use easel_runtime::onnx::Attribute;
    match node.attributes.first() {
        Some((name, Attribute::Tensor(tensor))) if name == "value" => Constant::read(tensor.clone()),
        Some((name, Attribute::Float(value))) if name == "value_float" => Ok(Constant::floats(vec![], vec![*value])),
        Some((name, Attribute::Int(value))) if name == "value_int" => Ok(Constant::ints(vec![], vec![*value])),
        Some((name, Attribute::Floats(values))) if name == "value_floats" => {
            Ok(Constant::floats(vec![values.len()], values.clone()))
        }
        Some((name, Attribute::Ints(values))) if name == "value_ints" => {
            Ok(Constant::ints(vec![values.len()], values.clone()))
        }
        Some((name, _)) => unsupported(format!("a constant in {name}")),
        None => malformed("it has no value"),
    }
}
