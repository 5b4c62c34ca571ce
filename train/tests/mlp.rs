//! `train mlp` and `train eval` of a table at the command line.

mod common;

use std::fmt::Write as _;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Output;

use common::{bits, checkpoints, failure, latest, run_folder, stats, success, text, train, utf8};
use easel_runtime::Random;
use easel_runtime::card::{Columns, Evaluation};
use flate2::Compression;
use flate2::write::GzEncoder;

/// Tables and runs.
struct Place {
    folder: tempfile::TempDir,
}

impl Place {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    fn at(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn write(&self, name: &str, bytes: impl AsRef<[u8]>) -> PathBuf {
        fs::write(self.at(name), bytes).unwrap();
        self.at(name)
    }

    fn train(&self, data: &Path, more: &[&str]) -> Output {
        let start = ["mlp", "--device", "cpu", "--data", utf8(data), "--out"];
        train(&[&start[..], &[utf8(&self.at("runs"))], more].concat())
    }
}

/// 90 flowers of three kinds, by the sizes of their leaves in two units, a column that never varies and a number.
fn flowers(header: bool) -> String {
    let mut random = Random::new(1, 0);
    let mut text = if header { "long mm;wide um;constant;scent;kind\n".to_string() } else { String::new() };
    for row in 0..90 {
        let (kind, noise) = (row % 3, random.normals(3));
        let (long, wide) = (40.0 + 10.0 * (kind % 2) as f32 + noise[0], 9e5 + 2e5 * (kind / 2) as f32 + 2e4 * noise[1]);
        writeln!(text, "{long};{wide};7;{};{}", noise[2], ["meadow", "marsh", "rock"][kind]).unwrap();
    }
    text
}

/// 80 rows whose last number is `3 a - 200 b + 5000`.
fn plane() -> String {
    let mut random = Random::new(2, 0);
    let rows = (0..80).map(|_| random.normals(2));
    rows.map(|x| format!("{},{},{}\n", 100.0 * x[0], x[1], 300.0 * x[0] - 200.0 * x[1] + 5000.0)).collect()
}

fn gzip(text: &str) -> Vec<u8> {
    let mut gzip = GzEncoder::new(Vec::new(), Compression::default());
    gzip.write_all(text.as_bytes()).unwrap();
    gzip.finish().unwrap()
}

#[test]
fn a_gzipped_table_of_classes_is_learnt() {
    let place = Place::new();
    let table = place.write("flowers.csv.gz", gzip(&flowers(true)));
    let output = place.train(&table, &["--epochs", "30"]);
    let (said, run) = success(&output);
    let run = PathBuf::from(run.trim_end());
    assert!(run.ends_with("00000-mlp-flowers"), "{}", run.display());
    let wanted =
        "72 rows of 4 columns from flowers, 18 more for validation, to predict `kind`, one of 3 classes; 90 steps";
    assert!(said.contains(wanted), "{said}");
    assert!(said.contains("warning: column `constant` is 7 in every training row"), "{said}");
    let last = stats(&run).pop().unwrap();
    assert!(last["validation_accuracy"].as_f64().unwrap() > 0.94, "{last}");

    let record = latest(&run).record;
    let features = ["long mm", "wide um", "constant", "scent"].map(String::from).to_vec();
    assert_eq!(record.columns, Some(Columns { features, target: "kind".into() }));
    assert_eq!(record.classes, ["marsh", "meadow", "rock"]);
    let (_, table) = success(&train(&["eval", utf8(&run), "--data", utf8(&table)]));
    assert!(
        table.starts_with("accuracy ") && table.contains(" of 90)") && table.contains("\nconfusion matrix: "),
        "{table}"
    );
}

#[test]
fn a_table_of_numbers_without_a_header_is_learnt() {
    let place = Place::new();
    let table = place.write("plane.csv", plane());
    let run = run_folder(&place.train(&table, &["--epochs", "40", "--batch", "8", "--hidden", "16", "--lr", "0.02"]));
    let best: serde_json::Value = serde_json::from_slice(&fs::read(run.join("best.json")).unwrap()).unwrap();
    assert_eq!(best["metric"], "rmse");
    assert_eq!(latest(&run).record.columns.unwrap().features, ["x1", "x2"]);
    let (_, json) = success(&train(&["eval", utf8(&run), "--data", utf8(&table), "--json"]));
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    let number = |name: &str| json["metrics"][name]["value"].as_f64().unwrap();
    assert_eq!((&json["about"], &json["data"]), (&"regression".into(), &"plane".into()));
    serde_json::from_value::<Evaluation>(json.clone()).unwrap();
    // The target's standard deviation is about 360.
    assert!(number("r2") > 0.99 && number("rmse") < 36.0 && number("mae") <= number("rmse"), "{json}");
    assert_eq!(json["count"], 80);

    let (_, text) = success(&train(&["eval", utf8(&run), "--data", utf8(&table)]));
    assert!(text.starts_with("R2 0.99") || text.starts_with("R2 1.0"), "{text}");
    let other = place.write("other.csv", "a,b\n1,2\n3,4\n5,6\n");
    let error = failure(&train(&["eval", utf8(&run), "--data", utf8(&other)]));
    assert!(error.contains("other: no column `x1`"), "{error}");
}

#[test]
fn a_resumed_run_has_the_bits_of_an_uninterrupted_one() {
    let place = Place::new();
    for table in [place.write("flowers.csv", flowers(false)), place.write("plane.csv", plane())] {
        let flags = ["--steps", "16", "--checkpoint-every", "5", "--keep", "9", "--batch", "20"];
        let [whole, again] = [(); 2].map(|()| run_folder(&place.train(&table, &flags)));
        // Back to the middle of the second epoch.
        for step in checkpoints(&again).into_iter().filter(|step| *step > 5) {
            fs::remove_dir_all(again.join("checkpoints").join(format!("{step:06}"))).unwrap();
        }
        success(&train(&["mlp", "--resume", utf8(&again), "--workers", "2"]));
        assert_eq!(bits(&latest(&again)), bits(&latest(&whole)));
        assert_eq!(stats(&again), stats(&whole));
    }
}

#[test]
fn bad_tables_are_named_in_one_line() {
    let place = Place::new();
    let packed = gzip(&flowers(true));
    let wide = format!("{}\n{}\n{}\n", "1,".repeat(70_000) + "1", "2,".repeat(70_000) + "2", "3,".repeat(70_000) + "3");
    let cases: [(&str, &[u8], &str); 13] = [
        ("hole.csv", b"a,b\n1,2\n,3\n", "line 3, column `a`: an empty cell"),
        ("text.csv", b"a,b\n1,2\nred,3\n", "line 3, column `a`: `red` is not a finite number"),
        ("nan.csv", b"a,b\n1,2\nnan,3\n", "line 3, column `a`: `nan` is not a finite number"),
        ("inf.csv", b"a,b\n1,2\n1e99,3\n", "line 3, column `a`: `1e99` is not a finite number"),
        ("one.csv", b"a,b\n1,red\n2,red\n3,red\n", "every row is of the class `red`"),
        ("flat.csv", b"a,b\n1,5\n2,5\n3,5\n4,5\n", "`b` is 5 in every training row"),
        ("empty.csv", b"", "an empty table"),
        ("row.csv", b"a,b\n1,2\n", "1 rows are too few to hold 1 of them out"),
        ("two.csv", b"a,b\n1,2\n2,3\n", "2 rows are too few"),
        ("ragged.csv", b"a,b\n1,2\n2,3,4\n", "line: 3"),
        ("cut.csv.gz", &packed[..packed.len() / 2], "cannot read: "),
        ("fake.csv.gz", b"\x1f\x8bnot gzip at all", "cannot read: "),
        ("wide.csv", wide.as_bytes(), "no two that follow each other more than"),
    ];
    for (name, bytes, wanted) in cases {
        let table = place.write(name, bytes);
        let error = failure(&place.train(&table, &["--hidden", "8192"]));
        assert!(error.contains(wanted), "{error}");
        assert!(name == "wide.csv" || error.contains(name.split('.').next().unwrap()), "{error}");
    }
    let error = failure(&place.train(&place.at("nowhere.csv"), &[]));
    assert!(error.contains("nowhere.csv: cannot read: "), "{error}");
    assert!(!place.at("runs").exists());
}

#[test]
fn a_run_is_resumed_with_its_own_columns_and_classes() {
    let place = Place::new();
    let table = place.write("flowers.csv", flowers(true));
    let (_, run) = success(&place.train(&table, &["--steps", "5"]));
    let run = run.trim_end();
    let settings = Path::new(run).join("config.toml");
    fs::write(&settings, fs::read_to_string(&settings).unwrap().replace("steps = 5", "steps = 6")).unwrap();
    for (from, to, wanted) in
        [("long mm;wide um", "wide um;long mm", "columns long mm, wide um"), ("marsh", "bog", "classes")]
    {
        fs::write(&table, flowers(true).replace(from, to)).unwrap();
        let error = failure(&train(&["mlp", "--resume", run]));
        assert!(error.contains("the run was trained on the ") && error.contains(wanted), "{error}");
    }
    fs::write(&table, flowers(true)).unwrap();
    success(&train(&["mlp", "--resume", run]));
}

#[test]
fn what_was_read_another_way_than_meant_is_said() {
    let place = Place::new();
    let numbers: String = (0..40).map(|row| format!("{row},{}\n", 3 * row)).collect();
    let table = place.write("hole.csv", format!("{numbers}7,NA\n"));
    let (said, _) = success(&place.train(&table, &["--dry-run"]));
    assert!(said.contains("warning: `y` was taken for 41 classes, of which 40 are numbers"), "{said}");
    let far: String = (0..40).map(|row| format!("{},{}\n", 1_700_000_000 + 100 * row, row % 7)).collect();
    let (said, _) = success(&place.train(&place.write("far.csv", far), &["--dry-run"]));
    assert!(said.contains("the precision of float32"), "{said}");
}

#[test]
fn numbers_may_be_classes() {
    let place = Place::new();
    let rows: String = (0..40).map(|row| format!("{row},{}\n", row % 2)).collect();
    let table = place.write("parity.csv", rows);
    let (said, _) = success(&place.train(&table, &["--dry-run"]));
    assert!(said.contains("warning: `y` has only 2 different numbers, all whole; if they are classes"), "{said}");
    let (said, settings) = success(&place.train(&table, &["--dry-run", "--task", "classes"]));
    assert!(!said.contains("warning") && said.contains("one of 2 classes"), "{said}");
    let settings: toml::Table = settings.parse().unwrap();
    assert_eq!((settings["steps"].as_integer(), settings["task"].as_str()), (Some(100), Some("classes")));
    assert!(!place.at("runs").exists());
}

#[test]
fn without_a_table_one_is_drawn() {
    let place = Place::new();
    let (said, run) = success(&place.train(Path::new("synthetic"), &["--preset", "quick", "--seed", "3"]));
    assert!(
        said.contains("800 rows of 2 columns from synthetic, 200 more") && said.contains("epoch 20 of 20"),
        "{said}"
    );
    let (_, table) = success(&train(&["eval", run.trim_end(), "--data", "synthetic"]));
    assert!(table.contains("first") && table.contains(" of 1000)"), "{table}");
    let (said, _) = success(&place.train(Path::new("synthetic"), &["--task", "regression", "--steps", "2"]));
    assert!(said.contains("800 rows of 10 columns"), "{said}");
    let error = failure(&place.train(Path::new("scenes"), &[]));
    assert!(error.contains("scenes: these are pictures; give a CSV file or `synthetic`"), "{error}");
}

#[test]
fn misuse_has_status_2() {
    for arguments in [
        &["mlp"][..],
        &["mlp", "--data", "synthetic", "--steps", "5", "--epochs", "5"],
        &["mlp", "--data", "synthetic", "--hidden", "a"],
        &["mlp", "--data", "synthetic", "--task", "guess"],
        &["mlp", "--resume", "x", "--hidden", "5"],
    ] {
        let output = train(arguments);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {}", text(&output.stderr));
    }
    let place = Place::new();
    for (flag, value, wanted) in
        [("--validation", "1", "validation_split is 1"), ("--hidden", "0", "an MLP cannot have")]
    {
        let error = failure(&place.train(Path::new("synthetic"), &[flag, value]));
        assert!(error.contains(wanted), "{error}");
    }
}
