//! Groups of nodes that together are one operation of the kernels.

use easel_kernels::Binary;

use crate::network::{Network, Node, ValueId};
use crate::operator::{Operator, Unary};

/// Replaces such groups; the nodes that are left without use are not planned.
pub(crate) fn rewrite(network: &mut Network) {
    let uses = network.uses();
    let mut makers = vec![None; network.constants.len()];
    for at in 0..network.nodes.len() {
        let graph = Graph { network, makers: &makers, uses: &uses };
        let node = &network.nodes[at];
        let rewritten = pixel_norm(&graph, node).or_else(|| mean_square(&graph, node));
        if let Some((operator, input)) = rewritten {
            let node = &mut network.nodes[at];
            (node.operator, node.inputs) = (operator, vec![Some(input)]);
        }
        makers[network.nodes[at].output] = Some(at);
    }
}

struct Graph<'a> {
    network: &'a Network,
    makers: &'a [Option<usize>],
    uses: &'a [usize],
}

impl Graph<'_> {
    /// The node that makes a node's input for it alone.
    fn maker(&self, node: &Node, input: usize) -> Option<&Node> {
        let value = node.inputs.get(input).copied().flatten()?;
        self.makers[value].map(|at| &self.network.nodes[at])
    }

    /// The value of which a value is the square: `Mul(x, x)`.
    fn square(&self, node: &Node) -> Option<ValueId> {
        match (&node.operator, &node.inputs[..]) {
            (Operator::Binary(Binary::Mul), [Some(a), Some(b)]) if a == b => Some(*a),
            _ => None,
        }
    }

    /// The axes of a mean.
    fn axes(&self, node: &Node) -> Option<Vec<i64>> {
        match &node.operator {
            Operator::ReduceMean { axes: Some(axes), .. } => Some(axes.clone()),
            Operator::ReduceMean { axes: None, .. } => {
                let axes = node.inputs.get(1).copied().flatten()?;
                Some(self.network.constants[axes].as_ref()?.as_ints().ok()?.to_vec())
            }
            _ => None,
        }
    }
}

/// `Div(x, Sqrt(Add(ReduceMean(Mul(x, x), over channels), epsilon)))`.
fn pixel_norm(graph: &Graph, node: &Node) -> Option<(Operator, ValueId)> {
    if node.operator != Operator::Binary(Binary::Div) {
        return None;
    }
    let x = node.inputs[0]?;
    let root = graph.maker(node, 1).filter(|node| node.operator == Operator::Unary(Unary::Sqrt))?;
    let sum = graph.maker(root, 0).filter(|node| node.operator == Operator::Binary(Binary::Add))?;
    let of =
        |at: usize| sum.inputs.get(at).copied().flatten().and_then(|id| graph.network.constants[id].as_ref()?.scalar());
    let (mean, epsilon) = match (of(0), of(1)) {
        (None, Some(epsilon)) => (graph.maker(sum, 0)?, epsilon),
        (Some(epsilon), None) => (graph.maker(sum, 1)?, epsilon),
        _ => return None,
    };
    let keeps = matches!(mean.operator, Operator::ReduceMean { keep: true, .. });
    let over_channels = keeps && graph.axes(mean)? == [1];
    let squared = graph.square(graph.maker(mean, 0)?)?;
    // All but `x` is used only here, or else it is computed twice.
    let alone = [root, sum, mean].iter().all(|node| graph.uses[node.output] == 1);
    (over_channels && squared == x && alone).then_some((Operator::PixelNorm { epsilon }, x))
}

/// `ReduceMean(Mul(x, x), over height and width)`.
fn mean_square(graph: &Graph, node: &Node) -> Option<(Operator, ValueId)> {
    let Operator::ReduceMean { keep, .. } = node.operator else { return None };
    let axes = graph.axes(node)?;
    let over_pixels = [[2, 3], [-2, -1], [3, 2]].contains(&<[i64; 2]>::try_from(axes).ok()?);
    let x = graph.square(graph.maker(node, 0)?)?;
    over_pixels.then_some((Operator::MeanSquare { keep }, x))
}
