//! The hint on a model's range, by the values of its output.

use std::fs;

use super::common::{FLOAT, Graph, initializer, model, node, value};
use super::{folder, stderr, succeeds};

/// `[1, 3, height, width]` to the same, without a card: `factor * f(slope * (image - shift)) + offset`; the function is an
/// operator.
fn curve(function: &str, [shift, slope, factor, offset]: [f32; 4]) -> Vec<u8> {
    let dims = ["1", "3", "height", "width"];
    let constant = |name: &str, value: f32| initializer(name, FLOAT, &[], &value.to_le_bytes());
    let graph = Graph {
        nodes: vec![
            node("Sub", &["image", "shift"], "a"),
            node("Mul", &["a", "slope"], "b"),
            node(function, &["b"], "c"),
            node("Mul", &["c", "factor"], "d"),
            node("Add", &["d", "offset"], "stylized"),
        ],
        initializers: vec![
            constant("shift", shift),
            constant("slope", slope),
            constant("factor", factor),
            constant("offset", offset),
        ],
        inputs: vec![value("image", FLOAT, &dims)],
        outputs: vec![value("stylized", FLOAT, &dims)],
    };
    model(&graph, None)
}

#[test]
fn the_hint_follows_the_values_seen() {
    let folder = folder();
    let tanh = |factor: f32, offset: f32| curve("Tanh", [0.5, 8.0, factor, offset]);
    let imagenet = |function| curve(function, [0.45, 1.0 / 0.225, 1.0, 0.0]);
    // Functions with limits give the same range for every input.
    for (model, flags, wanted) in [
        (tanh(0.5, 0.5), "", None),
        (tanh(1.0, 0.0), "", Some("try --range -1..1, ")),
        (tanh(127.5, 127.5), "", Some("try --range 0..255, ")),
        (curve("Identity", [0.5, 2.0, 1.0, 0.0]), "", Some("try --output-range -1..1")),
        (curve("Identity", [0.0, 255.0, 1.0, 0.0]), "", Some("try --output-range 0..255")),
        (imagenet("Identity"), "", Some("try --output-range imagenet")),
        (curve("Identity", [0.0, 1e6, 1.0, 0.0]), "", Some("from 43")),
        (tanh(1.0, 0.0), " --output-range 0..255", Some("try --output-range -1..1")),
        (tanh(1.0, 0.0), " --output-range -1..1", None),
        (tanh(1.0, 0.0), " --range 0..1", None),
    ] {
        fs::write(folder.path().join("n.onnx"), model).unwrap();
        let said = stderr(&succeeds(&folder, &format!("a.png -m n.onnx -o b.png --overwrite{flags}")));
        let hints: Vec<_> = said.lines().filter(|line| line.starts_with("hint: n: ")).collect();
        assert_eq!(hints.len(), usize::from(wanted.is_some()), "{flags} {wanted:?}: {said}");
        assert!(wanted.is_none_or(|wanted| hints[0].contains(wanted)), "{flags} {wanted:?}: {said}");
    }
}
