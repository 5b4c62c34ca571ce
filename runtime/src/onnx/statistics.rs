//! The statistics of a stylizer's norms as outputs and as required inputs of its graph.

use super::initializers::NAME;
use super::{Field, Fields, GRAPH, GRAPH_NODE, INITIALIZER, message, text};
use crate::Result;
use crate::stylizer::statistics::{self, STATISTICS, USE_STATISTICS};

pub(super) const NODE_OUTPUT: u64 = 2;
pub(super) const GRAPH_OUTPUT: u64 = 12;
pub(super) const VALUE_NAME: u64 = 1;
const VALUE_TYPE: u64 = 2;
const TYPE_TENSOR: u64 = 1;
const TENSOR_ELEMENT: u64 = 1;
const FLOAT: u8 = 1;

/// The bytes to append to a stylizer's file so that it also outputs the statistics of its norms, under the names of
/// [`statistics::names`]. `None` if the model has no such values.
///
/// They are a ModelProto with outputs only. Concatenated protobuf messages are merged field by field, so the model gets
/// these outputs after its own (protobuf.dev, "Encoding: Last One Wins").
pub fn statistics_outputs(model: &[u8]) -> Result<Option<Vec<u8>>> {
    let mut given = Vec::new();
    let mut fields = Fields::new(model);
    while let Some((number, value)) = fields.next_field(true)? {
        if let (GRAPH, Field::Bytes(graph)) = (number, value) {
            node_outputs(graph, &mut given)?;
        }
    }
    let names = statistics::names(|name| given.contains(&name.as_bytes()));
    Ok((!names.is_empty()).then(|| outputs(&names)))
}

/// Collects the node outputs of a graph whose names start with a prefix of the statistics.
fn node_outputs<'a>(graph: &'a [u8], names: &mut Vec<&'a [u8]>) -> Result<()> {
    let prefixes = [statistics::MEAN_PREFIX, statistics::VARIANCE_PREFIX].map(str::as_bytes);
    let mut fields = Fields::new(graph);
    while let Some((number, value)) = fields.next_field(true)? {
        let (GRAPH_NODE, Field::Bytes(node)) = (number, value) else { continue };
        let mut fields = Fields::new(node);
        while let Some((number, value)) = fields.next_field(true)? {
            if let (NODE_OUTPUT, Field::Bytes(name)) = (number, value)
                && prefixes.iter().any(|prefix| name.starts_with(prefix))
            {
                names.push(name);
            }
        }
    }
    Ok(())
}

/// The bytes to append to a model file so that it also outputs these float32 values: a ModelProto whose graph has outputs
/// of unknown shape, and nothing else.
pub fn outputs(names: &[String]) -> Vec<u8> {
    let element = [(TENSOR_ELEMENT << 3) as u8, FLOAT];
    let kind = message(VALUE_TYPE, &message(TYPE_TENSOR, &element));
    let output = |name: &String| message(GRAPH_OUTPUT, &[message(VALUE_NAME, name.as_bytes()), kind.clone()].concat());
    message(GRAPH, &names.iter().flat_map(output).collect::<Vec<u8>>())
}

/// A stylizer's file for engines without optional inputs, such as onnxruntime-web, and the number of channels in a row of
/// the statistics. The default values of [`USE_STATISTICS`] and [`STATISTICS`] are removed, so both become required
/// inputs, and the outputs of [`statistics_outputs`] are added.
///
/// `None` if the model has no such inputs or does not expose its statistics.
pub fn plain_statistics(model: &[u8]) -> Result<Option<(Vec<u8>, usize)>> {
    let Some(outputs) = statistics_outputs(model)? else { return Ok(None) };
    let (mut plain, mut dropped, mut channels) = (Vec::with_capacity(model.len() + outputs.len()), 0, None);
    let mut fields = Fields::new(model);
    while let Some((number, value, raw)) = fields.next_raw(true)? {
        let (GRAPH, Field::Bytes(graph)) = (number, value) else {
            plain.extend_from_slice(raw);
            continue;
        };
        let mut kept = Vec::with_capacity(graph.len());
        let mut fields = Fields::new(graph);
        while let Some((number, value, raw)) = fields.next_raw(true)? {
            match (number, value) {
                (INITIALIZER, Field::Bytes(tensor)) if is_named(tensor, USE_STATISTICS)? => dropped += 1,
                (INITIALIZER, Field::Bytes(tensor)) if is_named(tensor, STATISTICS)? => {
                    dropped += 1;
                    channels = super::initializers::initializer(tensor)?.and_then(|found| found.dims.get(1).copied());
                }
                _ => kept.extend_from_slice(raw),
            }
        }
        plain.extend(message(GRAPH, &kept));
    }
    plain.extend(outputs);
    Ok(channels.filter(|_| dropped == 2).map(|channels| (plain, channels)))
}

fn is_named(tensor: &[u8], wanted: &str) -> Result<bool> {
    Ok(text(tensor, NAME)? == wanted.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statistics_become_outputs() {
        let node =
            |output: &str| message(GRAPH_NODE, &[message(1, b"x"), message(NODE_OUTPUT, output.as_bytes())].concat());
        let names = ["Conv_0", "statistics.mean.0", "statistics.variance.0", "statistics.mean.1", "other"];
        let graph = |names: &[&str]| {
            [vec![0x08, 8], message(GRAPH, &names.iter().flat_map(|n| node(n)).collect::<Vec<u8>>())].concat()
        };
        // Norm 1 has no variance, so it is omitted.
        let mut expected = vec![0x3a, 58];
        for name in &names[1..3] {
            expected.extend([0x62, 8 + name.len() as u8, 0x0a, name.len() as u8]);
            expected.extend(name.bytes());
            expected.extend([0x12, 4, 0x0a, 2, 0x08, 1]);
        }
        assert_eq!(statistics_outputs(&graph(&names)).unwrap(), Some(expected));
        assert_eq!(statistics_outputs(&graph(&names[..2])).unwrap(), None);
        // A length of more than one byte.
        assert_eq!(message(1, &[7; 300])[..4], [0x0a, 0xac, 2, 7]);
    }

    #[test]
    fn only_the_default_values_of_statistics_are_removed() {
        let node = |name: &str| message(GRAPH_NODE, &message(NODE_OUTPUT, name.as_bytes()));
        let constant = |name: &str, head: &[u8], raw: &[u8]| {
            message(INITIALIZER, &[head, &message(NAME, name.as_bytes()), &message(9, raw)].concat())
        };
        let nodes = [node("statistics.mean.0"), node("statistics.variance.0")].concat();
        let weight = constant("weight", &[0x08, 1, 0x10, 1], &[0; 4]);
        let switch = constant(USE_STATISTICS, &[0x10, 9], &[0]);
        let given = constant(STATISTICS, &[0x08, 2, 0x08, 3, 0x10, 1], &[0; 24]);
        let version = [0x08, 8];
        let whole = |graph: &[&[u8]]| [&version[..], &message(GRAPH, &graph.concat())].concat();
        let model = whole(&[&nodes, &switch, &weight, &given]);
        let wanted = [whole(&[&nodes, &weight]), statistics_outputs(&model).unwrap().unwrap()].concat();
        assert_eq!(plain_statistics(&model).unwrap(), Some((wanted, 3)));
        assert_eq!(plain_statistics(&whole(&[&nodes, &weight, &given])).unwrap(), None);
        assert_eq!(plain_statistics(&whole(&[&weight, &switch, &given])).unwrap(), None);
    }
}
