//! Extracts the part of a stylizer up to one of its norms as a separate model, since ONNX Runtime cannot run a part.

use std::collections::HashSet;

use super::initializers::NAME;
use super::signature::GRAPH_INPUT;
use super::statistics::{GRAPH_OUTPUT, NODE_OUTPUT, VALUE_NAME, outputs};
use super::{Field, Fields, GRAPH, GRAPH_NODE, INITIALIZER, message, text};
use crate::Result;
use crate::stylizer::statistics::MEAN_PREFIX;

const NODE_INPUT: u64 = 1;
const NODE_OPERATOR: u64 = 4;
const GRAPH_VALUE: u64 = 13;

struct Node<'a> {
    raw: &'a [u8],
    operator: &'a [u8],
    inputs: Vec<&'a [u8]>,
    outputs: Vec<&'a [u8]>,
}

/// A stylizer's file cut before a norm, counted from 0. The only output is the norm's input, float32 `[batch, channel,
/// height, width]`; only the nodes, inputs and weights that it depends on are kept. The inputs include the statistics
/// except for the first norm.
///
/// `None` if there is no such norm, or its mean does not come from the statistics input or `ReduceMean` as
/// [`crate::stylizer::statistics`] requires. Fails if the bytes are not an ONNX model.
pub fn before_norm(model: &[u8], norm: usize) -> Result<Option<Vec<u8>>> {
    let nodes = nodes(model)?;
    let maker = |wanted: &[u8]| nodes.iter().find(|node| node.outputs.contains(&wanted));
    // Where(use, given, computed), and computed is ReduceMean(x).
    let mean = maker(format!("{MEAN_PREFIX}{norm}").as_bytes());
    let computed = mean.and_then(|node| maker(node.inputs.get(2)?)).filter(|node| node.operator == b"ReduceMean");
    let Some(&wanted) = computed.and_then(|node| node.inputs.first()) else { return Ok(None) };

    let (mut needed, mut kept) = (HashSet::from([wanted]), HashSet::new());
    // Nodes are in topological order.
    for node in nodes.iter().rev() {
        if node.outputs.iter().any(|output| needed.contains(output)) {
            needed.extend(&node.inputs);
            kept.insert(node.raw.as_ptr());
        }
    }
    let mut cut = Vec::new();
    let mut fields = Fields::new(model);
    while let Some((number, value, raw)) = fields.next_raw(true)? {
        let (GRAPH, Field::Bytes(graph)) = (number, value) else {
            cut.extend_from_slice(raw);
            continue;
        };
        let mut part = Vec::new();
        let mut fields = Fields::new(graph);
        while let Some((number, value, raw)) = fields.next_raw(true)? {
            let keep = match (number, value) {
                (GRAPH_NODE, _) => kept.contains(&raw.as_ptr()),
                (INITIALIZER, Field::Bytes(tensor)) => needed.contains(text(tensor, NAME)?),
                (GRAPH_INPUT, Field::Bytes(input)) => needed.contains(text(input, VALUE_NAME)?),
                (GRAPH_OUTPUT | GRAPH_VALUE, _) => false,
                _ => true,
            };
            if keep {
                part.extend_from_slice(raw);
            }
        }
        cut.extend(message(GRAPH, &part));
    }
    cut.extend(outputs(&[String::from_utf8_lossy(wanted).into_owned()]));
    Ok(Some(cut))
}

fn nodes(model: &[u8]) -> Result<Vec<Node<'_>>> {
    let mut nodes = Vec::new();
    let mut fields = Fields::new(model);
    while let Some((number, value)) = fields.next_field(true)? {
        let (GRAPH, Field::Bytes(graph)) = (number, value) else { continue };
        let mut fields = Fields::new(graph);
        while let Some((number, value, raw)) = fields.next_raw(true)? {
            let (GRAPH_NODE, Field::Bytes(node)) = (number, value) else { continue };
            let (mut operator, mut inputs, mut outputs) = (&[][..], Vec::new(), Vec::new());
            let mut fields = Fields::new(node);
            while let Some((number, value)) = fields.next_field(true)? {
                match (number, value) {
                    (NODE_INPUT, Field::Bytes(name)) => inputs.push(name),
                    (NODE_OUTPUT, Field::Bytes(name)) => outputs.push(name),
                    (NODE_OPERATOR, Field::Bytes(name)) => operator = name,
                    _ => {}
                }
            }
            nodes.push(Node { raw, operator, inputs, outputs });
        }
    }
    Ok(nodes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node(inputs: &[&str], output: &str) -> Vec<u8> {
        operation("Other", inputs, output)
    }

    fn operation(operator: &str, inputs: &[&str], output: &str) -> Vec<u8> {
        let inputs = inputs.iter().map(|name| message(NODE_INPUT, name.as_bytes()));
        let rest = [message(NODE_OUTPUT, output.as_bytes()), message(NODE_OPERATOR, operator.as_bytes())];
        message(GRAPH_NODE, &inputs.chain(rest).collect::<Vec<_>>().concat())
    }

    #[test]
    fn only_the_dependencies_of_a_norm_are_kept() {
        let (weight, bias) = (|name: &str| message(INITIALIZER, &message(NAME, name.as_bytes())), node(&["b"], "c"));
        let input = |name: &str| message(GRAPH_INPUT, &message(VALUE_NAME, name.as_bytes()));
        let first = [node(&["image", "w"], "x"), operation("ReduceMean", &["x"], "m")].concat();
        let norm = [node(&["s"], "g"), node(&["use", "g", "m"], "statistics.mean.0")].concat();
        let second = [node(&["x", "statistics.mean.0"], "y"), operation("ReduceMean", &["y"], "n")].concat();
        let last = [node(&["use", "g", "n"], "statistics.mean.1"), node(&["y"], "out")].concat();
        let interface = [input("image"), input("s"), message(GRAPH_OUTPUT, &message(VALUE_NAME, b"out"))].concat();
        let model = |graph: &[&[u8]]| [&[0x08, 8][..], &message(GRAPH, &graph.concat())].concat();
        let whole = model(&[&weight("b"), &bias, &first, &norm, &second, &last, &weight("w"), &interface]);

        let wanted = [model(&[&node(&["image", "w"], "x"), &weight("w"), &input("image")]), outputs(&["x".into()])];
        assert_eq!(before_norm(&whole, 0).unwrap(), Some(wanted.concat()));
        let kept: [&[u8]; 5] = [
            &first,
            &norm,
            &node(&["x", "statistics.mean.0"], "y"),
            &weight("w"),
            &[input("image"), input("s")].concat(),
        ];
        assert_eq!(before_norm(&whole, 1).unwrap(), Some([model(&kept), outputs(&["y".into()])].concat()));
        assert_eq!(before_norm(&whole, 2).unwrap(), None);
        // The mean must be that of the norm's input.
        let other = [node(&["image", "w"], "x"), node(&["x"], "m")].concat();
        assert_eq!(before_norm(&model(&[&other, &norm]), 0).unwrap(), None);
        assert!(before_norm(&whole[..whole.len() - 1], 0).is_err());
    }
}
