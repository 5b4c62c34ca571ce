//! Small ONNX models, written byte by byte (onnx.proto3), for tests that need a file rather than a network.

#![allow(dead_code)]

use easel_runtime::card::{
    Architecture, BetaSchedule, Distribution, Kind, Latent, PictureFormat, PictureSize, Prediction, Provenance, SCHEMA,
    TabularTask,
};
use easel_runtime::polarity::Border;
use easel_runtime::{ModelCard, card};

pub const FLOAT: u64 = 1;
pub const UINT8: u64 = 2;
pub const FLOAT16: u64 = 10;
pub const INT64: u64 = 7;
pub const BOOL: u64 = 9;

fn varint(mut value: u64) -> Vec<u8> {
    let mut out = vec![];
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
    out
}

fn number(field: u64, value: u64) -> Vec<u8> {
    [varint(field << 3), varint(value)].concat()
}

fn bytes(field: u64, value: impl AsRef<[u8]>) -> Vec<u8> {
    let value = value.as_ref();
    [varint(field << 3 | 2), varint(value.len() as u64), value.to_vec()].concat()
}

/// A node without attributes.
pub fn node(operator: &str, inputs: &[&str], output: &str) -> Vec<u8> {
    let inputs = inputs.iter().flat_map(|input| bytes(1, input)).collect::<Vec<_>>();
    [inputs, bytes(2, output), bytes(4, operator)].concat()
}

/// An attribute of integers.
pub fn ints(name: &str, values: &[u64]) -> Vec<u8> {
    let values = values.iter().flat_map(|&value| number(8, value)).collect::<Vec<_>>();
    bytes(5, [bytes(1, name), values, number(20, 7)].concat())
}

/// An attribute of one integer.
pub fn int(name: &str, value: u64) -> Vec<u8> {
    bytes(5, [bytes(1, name), number(3, value), number(20, 2)].concat())
}

/// An attribute of text.
pub fn string(name: &str, value: &str) -> Vec<u8> {
    bytes(5, [bytes(1, name), bytes(4, value), number(20, 3)].concat())
}

/// A node with attributes.
pub fn node_with(operator: &str, inputs: &[&str], output: &str, attributes: &[Vec<u8>]) -> Vec<u8> {
    [node(operator, inputs, output), attributes.concat()].concat()
}

/// A float32 constant.
pub fn floats(name: &str, dims: &[u64], values: &[f32]) -> Vec<u8> {
    initializer(name, FLOAT, dims, &values.iter().flat_map(|value| value.to_le_bytes()).collect::<Vec<_>>())
}

/// The same in another file: its name, and the first byte.
pub fn external_floats(name: &str, dims: &[u64], file: &str, offset: usize) -> Vec<u8> {
    let entry = |key: &str, value: &str| bytes(13, [bytes(1, key), bytes(2, value)].concat());
    let length = 4 * dims.iter().product::<u64>();
    let place = [
        entry("location", file),
        entry("offset", &offset.to_string()),
        entry("length", &length.to_string()),
        number(14, 1),
    ];
    let dims = dims.iter().flat_map(|&dim| number(1, dim)).collect::<Vec<_>>();
    [dims, number(2, FLOAT), bytes(8, name), place.concat()].concat()
}

/// A network of other programs that halves a picture `levels` times, and joins each level with the enlarged one below, so
/// that sizes must be multiples of 2^levels. Its result depends on a neighbourhood of each pixel.
pub fn unet(levels: usize) -> Vec<u8> {
    let mut graph = Graph {
        nodes: vec![],
        initializers: vec![floats("twice", &[4], &[1.0, 1.0, 2.0, 2.0])],
        inputs: vec![value("x", FLOAT, &["1", "3", "h", "w"])],
        outputs: vec![value("y", FLOAT, &["1", "3", "h", "w"])],
    };
    // A blur that halves, and a mean of a level and that below.
    let blur: Vec<f32> = (0..81).map(|at| if at / 27 == at / 9 % 3 { 1.0 / 9.0 } else { 0.0 }).collect();
    let mean: Vec<f32> = (0..18).map(|at| if at % 3 == at / 6 { 0.5 } else { 0.0 }).collect();
    graph.initializers.extend([floats("blur", &[3, 3, 3, 3], &blur), floats("mean", &[3, 6, 1, 1], &mean)]);
    let level = |level: usize| if level == 0 { "x".to_string() } else { format!("down{level}") };
    for at in 0..levels {
        let attributes = [ints("strides", &[2, 2]), ints("pads", &[1; 4])];
        graph.nodes.push(node_with("Conv", &[&level(at), "blur"], &level(at + 1), &attributes));
    }
    let mut below = level(levels);
    for at in (0..levels).rev() {
        let (large, joined) = (format!("large{at}"), format!("joined{at}"));
        let out = if at == 0 { "y".to_string() } else { format!("up{at}") };
        let attributes = [
            string("mode", "nearest"),
            string("coordinate_transformation_mode", "asymmetric"),
            string("nearest_mode", "floor"),
        ];
        graph.nodes.push(node_with("Resize", &[&below, "", "twice"], &large, &attributes));
        graph.nodes.push(node_with("Concat", &[&large, &level(at)], &joined, &[int("axis", 1)]));
        graph.nodes.push(node("Conv", &[&joined, "mean"], &out));
        below = out;
    }
    model(&graph, None)
}

/// A negative of other programs: its element types in and out, and whether its channels come last.
pub fn foreign_negative(element: u64, output: u64, channels_last: bool) -> Vec<u8> {
    let dims = if channels_last { ["1", "h", "w", "3"] } else { ["1", "3", "h", "w"] };
    let white = if element == UINT8 { 255f32 } else { 1.0 };
    let graph = Graph {
        nodes: vec![
            node_with("Cast", &["x"], "values", &[int("to", FLOAT)]),
            node("Sub", &["white", "values"], "negative"),
            node_with("Cast", &["negative"], "y", &[int("to", output)]),
        ],
        initializers: vec![floats("white", &[], &[white])],
        inputs: vec![value("x", element, &dims)],
        outputs: vec![value("y", output, &dims)],
    };
    model(&graph, None)
}

/// Makes every pixel a square of `factor` x `factor`, for any size or one.
pub fn enlarger(factor: usize, size: Option<(usize, usize)>) -> Vec<u8> {
    let factor = factor as f32;
    let [height, width] =
        size.map_or(["h".into(), "w".into()], |(high, wide)| [high, wide].map(|side| side.to_string()));
    let attributes = [
        string("mode", "nearest"),
        string("coordinate_transformation_mode", "asymmetric"),
        string("nearest_mode", "floor"),
    ];
    let graph = Graph {
        nodes: vec![node_with("Resize", &["x", "", "scales"], "y", &attributes)],
        initializers: vec![floats("scales", &[4], &[1.0, 1.0, factor, factor])],
        inputs: vec![value("x", FLOAT, &["1", "3", &height, &width])],
        outputs: vec![value("y", FLOAT, &["1", "3", "H", "W"])],
    };
    model(&graph, None)
}

/// `y = weight * x + bias` per channel, whose weights are in a file: 3 floats of the weight, then 3 of the bias.
pub fn in_two_files(file: &str) -> Vec<u8> {
    let dims = ["1", "3", "h", "w"];
    let graph = Graph {
        nodes: vec![node("Mul", &["x", "weight"], "scaled"), node("Add", &["scaled", "bias"], "y")],
        initializers: vec![
            external_floats("weight", &[1, 3, 1, 1], file, 0),
            external_floats("bias", &[1, 3, 1, 1], file, 12),
        ],
        inputs: vec![value("x", FLOAT, &dims)],
        outputs: vec![value("y", FLOAT, &dims)],
    };
    model(&graph, None)
}

/// The weights of [`in_two_files`], with which it makes negatives.
pub fn second_file() -> Vec<u8> {
    [-1f32, -1.0, -1.0, 1.0, 1.0, 1.0].iter().flat_map(|value| value.to_le_bytes()).collect()
}

/// A named value; a dynamic dimension has a name.
pub fn value(name: &str, element: u64, dims: &[&str]) -> Vec<u8> {
    let dims = dims.iter().flat_map(|dim| bytes(1, dim.parse().map_or_else(|_| bytes(2, dim), |size| number(1, size))));
    let tensor = [number(1, element), bytes(2, dims.collect::<Vec<_>>())].concat();
    [bytes(1, name), bytes(2, bytes(1, tensor))].concat()
}

/// An initializer, its elements little-endian.
pub fn initializer(name: &str, element: u64, dims: &[u64], raw: &[u8]) -> Vec<u8> {
    let dims = dims.iter().flat_map(|&dim| number(1, dim)).collect::<Vec<_>>();
    [dims, number(2, element), bytes(8, name), bytes(9, raw)].concat()
}

/// A graph's parts.
#[derive(Default)]
pub struct Graph {
    pub nodes: Vec<Vec<u8>>,
    pub initializers: Vec<Vec<u8>>,
    pub inputs: Vec<Vec<u8>>,
    pub outputs: Vec<Vec<u8>>,
}

/// A model of opset 17, IR 8, with a card or without.
pub fn model(graph: &Graph, card: Option<&str>) -> Vec<u8> {
    let all = |field, parts: &[Vec<u8>]| parts.iter().flat_map(|part| bytes(field, part)).collect::<Vec<_>>();
    let graph = [
        all(1, &graph.nodes),
        bytes(2, "test"),
        all(5, &graph.initializers),
        all(11, &graph.inputs),
        all(12, &graph.outputs),
    ]
    .concat();
    let metadata = card.map(|card| bytes(14, [bytes(1, card::METADATA_KEY), bytes(2, card)].concat()));
    [number(1, 8), bytes(7, graph), bytes(8, number(2, 17)), metadata.unwrap_or_default()].concat()
}

fn little_endian(values: &[i64]) -> Vec<u8> {
    values.iter().flat_map(|value| value.to_le_bytes()).collect()
}

/// `z [batch, 4]`, normal, through a sigmoid to `image [batch, 1, 2, 2]`.
pub fn generator_graph() -> Graph {
    Graph {
        nodes: vec![node("Sigmoid", &["z"], "s"), node("Reshape", &["s", "shape"], "image")],
        initializers: vec![initializer("shape", INT64, &[4], &little_endian(&[0, 1, 2, 2]))],
        inputs: vec![value("z", FLOAT, &["batch", "4"])],
        outputs: vec![value("image", FLOAT, &["batch", "1", "2", "2"])],
    }
}

/// The card of [`generator_graph`].
pub fn generator_card() -> ModelCard {
    ModelCard {
        schema: SCHEMA,
        title: "Noise".into(),
        kind: Kind::Generator { latent: Latent { dim: 4, distribution: Distribution::Normal } },
        architecture: Architecture { name: "sigmoid".into(), sizes: Default::default() },
        picture: Some(PictureFormat { channels: 1, size: PictureSize::Fixed { height: 2, width: 2 } }),
        classes: vec![],
        columns: None,
        provenance: Default::default(),
        licence: "MIT".into(),
        verification: Default::default(),
        evaluations: vec![],
        golden: vec![],
        sample: None,
    }
}

/// A generator's file.
pub fn generator() -> Vec<u8> {
    model(&generator_graph(), Some(&generator_card().to_json()))
}

/// The card of [`denoiser`].
pub fn denoiser_card(classes: &[&str], null_label: Option<usize>) -> ModelCard {
    let schedule = BetaSchedule::Linear { steps: 50, start: 1e-3, end: 0.3 };
    ModelCard {
        title: "Levels".into(),
        kind: Kind::Denoiser { class_count: 4, schedule, prediction: Prediction::Noise, null_label },
        classes: classes.iter().map(|name| name.to_string()).collect(),
        ..generator_card()
    }
}

/// A denoiser of four classes, with a null label or without. Its pictures are as bright as their label: -1, -0.5, 0, 0.5
/// in noise space, and 1 without a class. That is what it finds in the upper row; in the lower it finds less noise than
/// there is, and some stays.
pub fn denoiser(classes: &[&str], null_label: Option<usize>) -> Vec<u8> {
    let card = denoiser_card(classes, null_label);
    let Kind::Denoiser { schedule, .. } = card.kind else { unreachable!() };
    let schedule = schedule.schedule().unwrap();
    let table = |name: &str, dims: &[u64], values: &[f32]| {
        let raw: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        initializer(name, FLOAT, dims, &raw)
    };
    let of_time =
        |share: fn(f64) -> f64| schedule.alpha_bars().iter().map(|&bar| share(bar).sqrt() as f32).collect::<Vec<_>>();
    let graph = Graph {
        nodes: vec![
            node("Gather", &["levels", "label"], "level"),
            node("Gather", &["signals", "t"], "signal"),
            node("Gather", &["noises", "t"], "noise"),
            node("Mul", &["level", "signal"], "picture"),
            node("Reshape", &["picture", "column"], "pictures"),
            node("Reshape", &["noise", "column"], "noises_of_all"),
            node("Sub", &["x", "pictures"], "rest"),
            node("Div", &["rest", "noises_of_all"], "whole"),
            node("Mul", &["whole", "found"], "prediction"),
        ],
        initializers: vec![
            table("levels", &[5], &[-1.0, -0.5, 0.0, 0.5, 1.0]),
            table("signals", &[50], &of_time(|bar| bar)),
            table("noises", &[50], &of_time(|bar| 1.0 - bar)),
            table("found", &[1, 1, 2, 2], &[1.0, 1.0, 0.7, 0.7]),
            initializer("column", INT64, &[4], &little_endian(&[-1, 1, 1, 1])),
        ],
        inputs: vec![
            value("x", FLOAT, &["batch", "1", "2", "2"]),
            value("t", INT64, &["batch"]),
            value("label", INT64, &["batch"]),
        ],
        outputs: vec![value("prediction", FLOAT, &["batch", "1", "2", "2"])],
    };
    model(&graph, Some(&card.to_json()))
}

/// `x [n]` and `label [n]`; `given = Where(use_given, replacement, x)`, where `use_given` (false) and `replacement`
/// (-1) are inputs that have initializers; `label` and `use_given` also come out.
pub fn switch() -> Vec<u8> {
    let graph = Graph {
        nodes: vec![
            node("Where", &["use_given", "replacement", "x"], "given"),
            node("Identity", &["label"], "label_out"),
            node("Identity", &["use_given"], "use_given_out"),
        ],
        initializers: vec![
            initializer("use_given", BOOL, &[1], &[0]),
            initializer("replacement", FLOAT, &[1], &(-1f32).to_le_bytes()),
        ],
        inputs: vec![
            value("x", FLOAT, &["n"]),
            value("label", INT64, &["n"]),
            value("use_given", BOOL, &["1"]),
            value("replacement", FLOAT, &["1"]),
        ],
        outputs: vec![
            value("given", FLOAT, &["n"]),
            value("label_out", INT64, &["n"]),
            value("use_given_out", BOOL, &["1"]),
        ],
    };
    model(&graph, None)
}

/// `image [batch, 1, 2, 2]` whose pixels are the `logits [batch, 4]`.
pub fn classifier(classes: &[&str]) -> Vec<u8> {
    classifier_of(classes, None)
}

/// The same whose training pictures have a border.
pub fn classifier_of(classes: &[&str], border: Option<Border>) -> Vec<u8> {
    let graph = Graph {
        nodes: vec![node("Reshape", &["image", "shape"], "logits")],
        initializers: vec![initializer("shape", INT64, &[2], &little_endian(&[0, 4]))],
        inputs: vec![value("image", FLOAT, &["batch", "1", "2", "2"])],
        outputs: vec![value("logits", FLOAT, &["batch", "4"])],
    };
    let card = ModelCard {
        title: "Corners".into(),
        kind: Kind::Classifier { class_count: 4 },
        classes: classes.iter().map(|name| name.to_string()).collect(),
        provenance: Provenance { border, ..Provenance::default() },
        ..generator_card()
    };
    model(&graph, Some(&card.to_json()))
}

/// `image [1, 3, height, width]` whose `stylized` is 1 - image, with a card or without.
fn negative_graph(height: &str, width: &str) -> Graph {
    let dims = ["1", "3", height, width];
    Graph {
        nodes: vec![node("Sub", &["one", "image"], "stylized")],
        initializers: vec![initializer("one", FLOAT, &[], &1f32.to_le_bytes())],
        inputs: vec![value("image", FLOAT, &dims)],
        outputs: vec![value("stylized", FLOAT, &dims)],
    }
}

/// A stylizer of any size that makes negatives, with a card or without.
pub fn negative(card: bool) -> Vec<u8> {
    let json = negative_card(vec![]).to_json();
    model(&negative_graph("height", "width"), card.then_some(json.as_str()))
}

/// The same with a card that says what it gives.
pub fn negative_with(golden: Vec<f32>) -> Vec<u8> {
    model(&negative_graph("height", "width"), Some(&negative_card(golden).to_json()))
}

/// A model of the same graph whose card says that it takes rows of a table.
pub fn tabular() -> Vec<u8> {
    let card = ModelCard {
        kind: Kind::Tabular { column_count: 4, task: TabularTask::Regression },
        picture: None,
        ..generator_card()
    };
    model(&negative_graph("height", "width"), Some(&card.to_json()))
}

/// Its card.
pub fn negative_card(golden: Vec<f32>) -> ModelCard {
    ModelCard {
        title: "Negative".into(),
        kind: Kind::Stylizer,
        picture: Some(PictureFormat { channels: 3, size: PictureSize::Any { multiple: 1, at_least: 1 } }),
        golden,
        ..generator_card()
    }
}

/// The same for one size only, without a card.
pub fn negative_of_size(height: usize, width: usize) -> Vec<u8> {
    model(&negative_graph(&height.to_string(), &width.to_string()), None)
}

/// A stylizer of any size that gives the picture back, without a card.
pub fn identity() -> Vec<u8> {
    let nodes = vec![node("Identity", &["image"], "stylized")];
    model(&Graph { nodes, initializers: vec![], ..negative_graph("height", "width") }, None)
}
