//! A model that is loaded.

use easel_kernels::Level;
use easel_runtime::onnx::{Dimension, ValueInfo, graph, metadata};

use crate::error::{Error, Result};
use crate::network::Network;
use crate::plan::Plan;
use crate::planner::{Given, plan};

/// The sizes that are tried for the first dimension and for others, where the model takes any: a model that can be run
/// with some of them is supported.
const PROBES: [[usize; 3]; 3] = [[2, 61, 83], [1, 64, 64], [1, 256, 256]];

/// An ONNX model, checked and with its weights arranged for an instruction set.
#[derive(Debug)]
pub struct Model {
    pub(crate) network: Network,
    inputs: Vec<ValueInfo>,
    outputs: Vec<ValueInfo>,
}

impl Model {
    /// Loads a model from its file's bytes.
    ///
    /// Fails with [`Error::Unsupported`] if the engine lacks an operation of the model, in which case another runtime may
    /// have it, and otherwise if the bytes are not a model that can be run at all.
    pub fn load(model: &[u8], level: Level) -> Result<Self> {
        // Says what the bytes are if they are no model.
        metadata(model)?;
        let network = Network::new(graph(model)?, level)?;
        let required = network.inputs.iter().filter(|port| !port.info.optional);
        let optional = network.inputs.iter().filter(|port| port.info.optional);
        let inputs = required.chain(optional).map(|port| port.info.clone()).collect();
        let outputs = network.outputs.iter().map(|port| port.info.clone()).collect();
        let model = Self { network, inputs, outputs };
        let mut first = None;
        for sizes in PROBES {
            match model.probe(sizes) {
                Ok(_) => return Ok(model),
                Err(error @ Error::Unsupported { .. }) => return Err(error),
                Err(error) => first = first.or(Some(error)),
            }
        }
        Err(first.expect("some sizes were tried"))
    }

    /// The inputs: the required ones in the model's order, then the optional ones.
    pub fn inputs(&self) -> &[ValueInfo] {
        &self.inputs
    }

    /// The outputs, in the model's order.
    pub fn outputs(&self) -> &[ValueInfo] {
        &self.outputs
    }

    fn probe(&self, [batch, height, width]: [usize; 3]) -> Result<Plan> {
        let given = self.network.inputs.iter().map(|port| {
            let info = &port.info;
            if info.optional {
                return Ok(Given::Default);
            }
            let sizes = info.dims.iter().enumerate().map(|(axis, dim)| match dim {
                Dimension::Fixed(size) => *size,
                Dimension::Named(_) if axis == 0 => batch,
                Dimension::Named(_) if axis + 1 == info.dims.len() && axis != 1 => width,
                Dimension::Named(_) if axis == 1 => 3,
                Dimension::Named(_) => height,
            });
            let dims: Vec<_> = sizes.collect();
            let unsupported =
                |what: String| Error::Unsupported { node: info.name.clone(), operator: "input".into(), what };
            match info.element.as_str() {
                "float32" | "float16" => Ok(Given::Floats(dims)),
                "int64" => Ok(Given::Ints(dims)),
                "bool" if dims.iter().product::<usize>() <= 1 => Ok(Given::Flags(dims, vec![false])),
                other => Err(unsupported(format!("an input of {other} {dims:?}"))),
            }
        });
        plan(&self.network, &given.collect::<Result<Vec<_>>>()?)
    }
}
