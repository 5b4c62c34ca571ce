//! A summary as a graph.

use super::{Summary, size_text};

impl Summary {
    /// The graph of all operations in Graphviz's language: `train summary lenet --dot | dot -Tsvg > lenet.svg`.
    /// Layers are boxes; an edge carries the shape that flows along it.
    pub fn dot(&self) -> String {
        let mut text = String::from("digraph network {\n  node [fontname=\"sans-serif\"]\n");
        for (index, node) in self.nodes.iter().enumerate() {
            let shape = if node.is_layer { "box" } else { "ellipse" };
            let label = if node.name.is_empty() { String::new() } else { format!("\\n{}", node.name) };
            text += &format!("  n{index} [shape={shape}, label=\"{}{label}\"]\n", node.operation);
            for input in &node.inputs {
                text += &format!("  n{input} -> n{index} [label=\"{}\"]\n", size_text(&self.nodes[*input].dims));
            }
        }
        text + "}\n"
    }
}
