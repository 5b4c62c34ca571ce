//! The example of a custom network: it learns, its file is verified, and `docs/your-own-network.md` quotes it.

#[path = "../examples/own_network.rs"]
mod own_network;

use std::fmt::Write;
use std::path::Path;

use easel_runtime::card::Columns;
use easel_runtime::{ModelCard, golden};
use easel_train::data::table::{Targets, synthetic};

#[test]
fn it_learns_and_exports() {
    let folder = tempfile::tempdir().unwrap();
    let (table, model) = (folder.path().join("spirals.csv"), folder.path().join("spirals.onnx"));
    let drawn = synthetic::spirals(1_000, 0);
    let Targets::Classes { labels, names } = &drawn.targets else { panic!("spirals are classes") };
    let mut text = "x,y,arm\n".to_string();
    for (row, label) in labels.iter().enumerate() {
        let [x, y] = drawn.row(row) else { panic!("two columns") };
        writeln!(text, "{x},{y},{}", names[*label as usize]).unwrap();
    }
    std::fs::write(&table, text).unwrap();

    let ([first, last], accuracy, exported) = own_network::run(&table, &model).unwrap();
    assert!(first > 0.9 && last < 0.15, "{first} {last}");
    assert!(accuracy > 0.95, "{accuracy}");
    assert!(exported.card.verification.max_difference < 1e-4);
    let card = ModelCard::from_model(&std::fs::read(&model).unwrap()).unwrap();
    assert_eq!(card, exported.card);
    let features = ["x", "y"].map(String::from).to_vec();
    assert_eq!(card.columns, Some(Columns { features, target: "arm".into() }));
    assert_eq!((&card.classes, card.golden.len()), (names, 3));
    assert_eq!(golden::inputs(&card).unwrap().0[0].1.shape(), [1, 2]);
}

#[test]
fn the_documentation_quotes_it() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let example = std::fs::read_to_string(root.join("examples/own_network.rs")).unwrap();
    let document = std::fs::read_to_string(root.join("../docs/your-own-network.md")).unwrap();
    let quotes: Vec<_> = document.split("```rust\n").skip(1).map(|rest| rest.split_once("```").unwrap().0).collect();
    assert!(quotes.len() >= 5, "{} quotes", quotes.len());
    for quote in quotes {
        assert!(example.contains(quote), "not in the example:\n{quote}");
    }
}
