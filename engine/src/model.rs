//! A model that is loaded.

use easel_kernels::Level;
use easel_runtime::onnx::{Dimension, Graph, ValueInfo, graph, metadata};

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
        Self::of(graph(model)?, level)
    }

    fn of(graph: Graph, level: Level) -> Result<Self> {
        let network = Network::new(graph, level)?;
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

#[cfg(test)]
mod tests {
    use easel_runtime::onnx::{Attribute, Constant, Elements, Node, Signature};

    use super::*;

    fn node(operator: &str, inputs: &[&str], output: &str, attributes: &[(&str, Attribute)]) -> Node {
        Node {
            name: format!("node of {output}"),
            operator: operator.into(),
            inputs: inputs.iter().map(|name| name.to_string()).collect(),
            outputs: vec![output.into()],
            attributes: attributes.iter().map(|(name, value)| (name.to_string(), value.clone())).collect(),
            ..Node::default()
        }
    }

    fn ints(name: &str, values: &[i64]) -> Constant {
        Constant { name: name.into(), dims: vec![values.len()], elements: Elements::I64(values.to_vec()) }
    }

    fn floats(name: &str, dims: &[usize]) -> Constant {
        let values = vec![0.5; dims.iter().product()];
        Constant { name: name.into(), dims: dims.to_vec(), elements: Elements::F32(values) }
    }

    /// A model of a picture `x` whose output is `y`.
    fn load(nodes: Vec<Node>, constants: Vec<Constant>) -> Result<Model> {
        let info = |name: &str, dims: Vec<Dimension>| ValueInfo {
            name: name.into(),
            element: "float32".into(),
            dims,
            optional: false,
        };
        let named = |name: &str| Dimension::Named(name.into());
        let dims = vec![named("batch"), Dimension::Fixed(3), named("height"), named("width")];
        let signature = Signature { inputs: vec![info("x", dims)], outputs: vec![info("y", vec![])] };
        Model::of(Graph { opset: 17, nodes, constants, signature }, Level::Plain)
    }

    #[test]
    fn what_is_not_supported_names_its_node() {
        let text = |value: &str| Attribute::Text(value.into());
        let pads = ints("pads", &[0, 0, 1, 1, 0, 0, 1, 1]);
        let cases = [
            (node("Softmax", &["x"], "y", &[]), vec![]),
            (Node { domain: "com.microsoft".into(), ..node("Relu", &["x"], "y", &[]) }, vec![]),
            (node("Conv", &["x", "w"], "y", &[("group", Attribute::Int(3))]), vec![floats("w", &[3, 1, 3, 3])]),
            (node("Conv", &["x", "x"], "y", &[]), vec![]),
            (node("Resize", &["x", "", "s"], "y", &[("mode", text("cubic"))]), vec![floats("s", &[4])]),
            (node("Pad", &["x", "pads", "v"], "y", &[]), vec![pads, floats("v", &[])]),
            (node("ReduceMean", &["x"], "y", &[("axes", Attribute::Ints(vec![1]))]), vec![]),
            (node("Transpose", &["x"], "y", &[("perm", Attribute::Ints(vec![3, 2, 1, 0]))]), vec![]),
            (
                node("Add", &["x", "w"], "y", &[]),
                vec![Constant { elements: Elements::Other("float64"), ..floats("w", &[1]) }],
            ),
        ];
        for (case, constants) in cases {
            let operator = case.operator.clone();
            match load(vec![case], constants) {
                Err(Error::Unsupported { node, operator: found, .. }) => {
                    assert!(node == "node of y" && found == operator || node == "w", "{node} {found}");
                }
                other => panic!("{operator}: {other:?}"),
            }
        }
    }

    #[test]
    fn damaged_graphs_are_errors() {
        let relu = |from: &str, to: &str| node("Relu", &[from], to, &[]);
        let list = |values: &[i64]| Attribute::Ints(values.to_vec());
        let huge = i64::MAX / 2;
        let conv = |attributes: &[(&str, Attribute)]| vec![node("Conv", &["x", "w"], "y", attributes)];
        let weights = || vec![floats("w", &[4, 3, 3, 3])];
        let cases = [
            ("a cycle", vec![relu("y", "z"), relu("z", "y")], vec![]),
            ("a value that nothing makes", vec![relu("nothing", "y")], vec![]),
            ("no output", vec![relu("x", "z")], vec![]),
            ("a value made twice", vec![relu("x", "y"), relu("x", "y")], vec![]),
            ("no inputs", vec![node("Relu", &[], "y", &[])], vec![]),
            ("too few inputs", vec![node("Add", &["x"], "y", &[])], vec![]),
            ("a left-out input", vec![node("Mul", &["x", ""], "y", &[])], vec![]),
            ("no output name", vec![Node { outputs: vec![], ..relu("x", "y") }], vec![]),
            ("other channels", conv(&[]), vec![floats("w", &[4, 5, 3, 3])]),
            ("no weights", vec![node("Conv", &["x"], "y", &[])], vec![]),
            ("empty weights", conv(&[]), vec![floats("w", &[4, 3, 0, 3])]),
            ("weights of three dimensions", conv(&[]), vec![floats("w", &[4, 3, 3])]),
            ("a kernel that is too large", conv(&[]), vec![floats("w", &[1, 3, 300, 1])]),
            ("a stride of 0", conv(&[("strides", list(&[0, 1]))]), weights()),
            ("huge padding", conv(&[("pads", list(&[huge, 0, 0, 0]))]), weights()),
            ("a huge dilation", conv(&[("dilations", list(&[huge, 1]))]), weights()),
            (
                "huge borders",
                vec![node("Pad", &["x", "p"], "y", &[])],
                vec![ints("p", &[0, 0, huge, 0, 0, 0, huge, 0])],
            ),
            ("borders of two sides", vec![node("Pad", &["x", "p"], "y", &[])], vec![ints("p", &[1, 1])]),
            ("other shapes", vec![node("Add", &["x", "w"], "y", &[])], vec![floats("w", &[5])]),
            ("a shape that does not fit", vec![node("Reshape", &["x", "p"], "y", &[])], vec![ints("p", &[7, -1, 11])]),
            ("a huge shape", vec![node("Expand", &["x", "p"], "y", &[])], vec![ints("p", &[1, 1, huge, huge])]),
            (
                "a huge constant",
                vec![node("ConstantOfShape", &["p"], "z", &[]), node("Add", &["x", "z"], "y", &[])],
                vec![ints("p", &[huge])],
            ),
            (
                "a division by zero",
                vec![node("Div", &["p", "q"], "z", &[]), node("Reshape", &["x", "z"], "y", &[])],
                vec![ints("p", &[1]), ints("q", &[0])],
            ),
            ("an axis too many", vec![node("Concat", &["x", "x"], "y", &[("axis", Attribute::Int(9))])], vec![]),
            (
                "an empty slice",
                vec![node("Slice", &["x", "p", "p", "q"], "y", &[])],
                vec![ints("p", &[1]), ints("q", &[2])],
            ),
            ("a window of 0", vec![node("MaxPool", &["x"], "y", &[("kernel_shape", list(&[0, 1]))])], vec![]),
            ("a wrong attribute", vec![node("Concat", &["x"], "y", &[("axis", Attribute::Float(1.0))])], vec![]),
        ];
        for (what, nodes, constants) in cases {
            let error = load(nodes, constants).map(|_| ()).unwrap_err();
            assert!(!error.to_string().contains('\n'), "{what}: {error}");
        }
        assert!(load(vec![relu("x", "y")], vec![]).is_ok());
    }
}
