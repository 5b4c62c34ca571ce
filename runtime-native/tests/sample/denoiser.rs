//! Denoisers.

use std::fs;

use easel_native::{EngineOptions, Model};
use easel_runtime::card::Kind;
use easel_runtime::denoiser::{Denoiser, Draw, SampleRequest, Sampler};
use easel_runtime::{Device, ModelCard, Picture};
use tempfile::TempDir;

use super::{animation, common, failure, names, sample, stderr, succeeds};

const NAMES: [&str; 4] = ["black", "dark", "grey", "light"];

/// A folder with a generator, a denoiser with class names that was trained for guidance, and one without.
fn folder() -> TempDir {
    let folder = super::folder();
    fs::write(folder.path().join("d.onnx"), common::denoiser(&NAMES, Some(4))).unwrap();
    fs::write(folder.path().join("plain.onnx"), common::denoiser(&[], None)).unwrap();
    folder
}

/// The pixels of one picture, computed alone.
fn expected(label: usize, seed: u64, number: u32, sampler: Sampler, steps: usize, guidance: f64) -> Vec<u8> {
    let folder = folder();
    let options = EngineOptions { device: Device::Cpu, ..EngineOptions::default() };
    let mut model = Model::open(&folder.path().join("d.onnx"), &options).unwrap();
    let request = SampleRequest { draws: vec![Draw { label, seed, number }], sampler, steps, guidance };
    let denoiser = Denoiser::new(&model.card).unwrap();
    let sampled = denoiser.sample(&mut model.engine, &request, |_| {});
    Picture::from_batch(&pollster::block_on(sampled).unwrap()).unwrap().remove(0).pixels
}

fn by_default(label: usize, seed: u64, number: u32) -> Vec<u8> {
    expected(label, seed, number, Sampler::DpmSolver, 20, 1.5)
}

fn pixels(folder: &TempDir, path: &str) -> Vec<u8> {
    image::open(folder.path().join(path)).unwrap_or_else(|error| panic!("{path}: {error}")).to_luma8().into_raw()
}

#[test]
fn each_class_has_a_labelled_row() {
    let folder = folder();
    let printed = succeeds(&folder, "-m d.onnx -o rows.png --seed 3 --guidance 1");
    assert!(printed.contains("32 pictures") && printed.contains("rows.png"), "{printed}");
    let rows = image::open(folder.path().join("rows.png")).unwrap().to_luma8();
    let labels = 2 + 5 * 8;
    assert_eq!(rows.dimensions(), (labels + 8 * 4 + 2, 4 * 4 + 2));
    let cell = |row: u32, column: u32| {
        image::imageops::crop_imm(&rows, labels + 2 + 4 * column, 2 + 4 * row, 2, 2).to_image().into_raw()
    };
    for (row, column) in [(0, 0), (1, 0), (3, 7)] {
        let alone = expected(row as usize, 3, column, Sampler::DpmSolver, 20, 1.0);
        assert_eq!(cell(row, column), alone, "{row} {column}");
    }
    // The upper row depends on the class alone, the lower one on the noise.
    assert_eq!([cell(0, 0)[0], cell(1, 0)[0], cell(2, 5)[1], cell(3, 5)[1]], [0, 64, 128, 191]);
    assert_ne!(cell(3, 0)[2..], cell(3, 1)[2..]);

    succeeds(&folder, "-m plain.onnx -n 2 --class 3,0 -o two.png");
    assert_eq!(image::image_dimensions(folder.path().join("two.png")).unwrap(), (2 + 8 + 2 * 4 + 2, 2 * 4 + 2));
}

#[test]
fn one_class_is_a_grid() {
    let folder = folder();
    succeeds(&folder, "-m d.onnx --class LIGHT --grid 3x2 -o grid.png");
    let grid = image::open(folder.path().join("grid.png")).unwrap().to_luma8();
    assert_eq!(grid.dimensions(), (3 * 4 + 2, 2 * 4 + 2));
    assert_eq!(image::imageops::crop_imm(&grid, 6, 6, 2, 2).to_image().into_raw(), by_default(3, 1, 4));
    succeeds(&folder, "-m d.onnx --class 2 -n 1 --scale 3 -o one.png");
    assert_eq!(image::image_dimensions(folder.path().join("one.png")).unwrap(), (6, 6));
}

#[test]
fn a_folder_has_a_folder_for_each_class() {
    let folder = folder();
    succeeds(&folder, "-m d.onnx --class 2-3,black -n 3 --seed 9 --batch 2 -o drawn/here");
    let drawn = folder.path().join("drawn/here");
    assert_eq!(names(&drawn), ["black", "grey", "light"]);
    assert_eq!(names(&drawn.join("grey")), ["00000.png", "00001.png", "00002.png"]);
    assert_eq!(pixels(&folder, "drawn/here/light/00002.png"), by_default(3, 9, 2));

    succeeds(&folder, "-m plain.onnx --class 1 --seeds 9,5 -o of_seeds");
    assert_eq!(names(&folder.path().join("of_seeds/1")), ["seed-00005.png", "seed-00009.png"]);
    // The model was not trained for guidance.
    let alone = expected(1, 9, 0, Sampler::DpmSolver, 20, 1.0);
    assert_eq!(pixels(&folder, "of_seeds/1/seed-00009.png"), alone);
}

#[test]
fn samplers_steps_and_guidance_are_those_asked_for() {
    let folder = folder();
    let eta = Sampler::Ddim { eta: 0.5 };
    let cases = [
        ("--sampler ancestral", Sampler::Ancestral, 50, 1.5),
        ("--sampler ancestral --steps 50", Sampler::Ancestral, 50, 1.5),
        ("--sampler ddim --steps 7", Sampler::Ddim { eta: 0.0 }, 7, 1.5),
        ("--sampler ddim --eta 0.5", eta, 20, 1.5),
        ("--sampler dpm-solver --steps 1", Sampler::DpmSolver, 1, 1.5),
        ("--guidance 2.5", Sampler::DpmSolver, 20, 2.5),
        ("--guidance -1", Sampler::DpmSolver, 20, -1.0),
    ];
    let mut all = Vec::new();
    for (flags, sampler, steps, guidance) in cases {
        succeeds(&folder, &format!("-m d.onnx --class 2 -n 1 {flags} -o one.png"));
        let found = pixels(&folder, "one.png");
        assert_eq!(found, expected(2, 1, 0, sampler, steps, guidance), "{flags}");
        all.push(found);
    }
    all.sort();
    all.dedup();
    assert_eq!(all.len(), cases.len() - 1);
}

#[test]
fn the_batch_does_not_matter() {
    let folder = folder();
    let draw = |flags: &str| {
        succeeds(&folder, &format!("-m d.onnx --sampler ddim --eta 1 -o drawn.bmp {flags}"));
        pixels(&folder, "drawn.bmp")
    };
    let first = draw("");
    for flags in ["--batch 1", "--batch 5 --threads 1", "--batch 4096"] {
        assert!(draw(flags) == first, "{flags}");
    }
    assert!(draw("--seed 2") != first);
}

#[test]
fn an_animation_goes_from_noise_to_the_pictures() {
    let folder = folder();
    let still = |flags: &str| {
        succeeds(&folder, &format!("-m d.onnx {flags} -o still.png"));
        pixels(&folder, "still.png")
    };
    let asked = "--class 0,3 -n 4 --steps 6 --scale 2";
    for name in ["a.gif", "a.webp"] {
        let printed = succeeds(&folder, &format!("-m d.onnx {asked} --batch 3 --animate --fps 10 -o {name}"));
        assert!(printed.contains("7 frames"), "{printed}");
        let frames = animation(&folder.path().join(name));
        let times: Vec<u32> = frames.iter().map(|(_, time)| *time).collect();
        assert_eq!(times, [100, 100, 100, 100, 100, 100, 1500], "{name}");
        assert_eq!(frames[6].0, still(asked), "{name}");
        assert_ne!(frames[0].0, frames[1].0);
    }
    succeeds(&folder, &format!("-m d.onnx {asked} --animate -o frames"));
    let frames = folder.path().join("frames");
    assert_eq!((names(&frames).len(), &names(&frames)[6][..]), (7, "00006.png"));
    assert_eq!(pixels(&folder, "frames/00006.png"), still(asked));

    // By default it is enlarged to 256 pixels and takes three seconds and the time of the last frame.
    succeeds(&folder, "-m d.onnx --class 1 -n 1 --animate -o one.webp");
    let frames = animation(&folder.path().join("one.webp"));
    assert_eq!((frames.len(), frames[0].0.len()), (21, 256 * 256));
    assert_eq!(frames.iter().map(|(_, time)| time).sum::<u32>().div_ceil(1000), 5);
}

#[test]
fn impossible_requests_are_errors_of_one_line() {
    let folder = folder();
    for (flags, facts) in [
        ("-m d.onnx --class 4", &["d.onnx", " 4", "black, dark, grey, light"][..]),
        ("-m plain.onnx --class dress", &["plain.onnx", "dress", "0 to 3"]),
        ("-m d.onnx --class 1,dark", &["d.onnx", "dark"]),
        ("-m d.onnx --steps 51", &["d.onnx", "51", "50"]),
        ("-m d.onnx --sampler ancestral --steps 20", &["d.onnx", "ancestral", "20", "50"]),
        ("-m d.onnx --sampler ddim --eta 1.5", &["d.onnx", "eta", "1.5"]),
        ("-m d.onnx --guidance nan", &["d.onnx", "guidance", "NaN"]),
        ("-m d.onnx --guidance inf", &["d.onnx", "guidance", "inf"]),
        ("-m plain.onnx --guidance 2", &["plain.onnx", "guidance", "2"]),
        ("-m d.onnx --grid 4x4", &["d.onnx", "--grid", "4"]),
        ("-m d.onnx -n 4294967295", &["drawn.png", "too large"]),
        ("-m d.onnx --class 0 --scale 64 --grid 65536x1", &["drawn.png", "too large"]),
        ("-m m.onnx --class 3", &["m.onnx", "--class", "generator"]),
        ("-m m.onnx --sampler ddim", &["m.onnx", "--sampler"]),
        ("-m m.onnx --steps 5", &["m.onnx", "--steps"]),
        ("-m m.onnx --guidance 2", &["m.onnx", "--guidance"]),
    ] {
        let result = sample(&folder, &format!("{flags} -o drawn.png"));
        let error = failure(&result);
        assert!(facts.iter().all(|fact| error.contains(fact)), "{flags}: {error}");
        assert!(!stderr(&result).contains("engine"), "the engine was started first: {}", stderr(&result));
    }
    for (flags, facts) in [
        ("-m m.onnx --animate", ["m.onnx", "--animate"]),
        ("-m d.onnx --seeds 1-3 --walk 5", ["d.onnx", "--walk"]),
        ("-m d.onnx --animate -n 100000 --steps 50", ["drawn.gif", "too large"]),
    ] {
        let error = failure(&sample(&folder, &format!("{flags} -o drawn.gif")));
        assert!(facts.iter().all(|fact| error.contains(fact)), "{flags}: {error}");
    }
    assert_eq!(names(folder.path()), ["d.onnx", "m.onnx", "plain.onnx"]);
}

#[test]
fn a_model_that_does_not_fit_its_card_is_named() {
    let folder = folder();
    let card = ModelCard { kind: common::denoiser_card(&[], None).kind, ..common::generator_card() };
    assert!(matches!(card.kind, Kind::Denoiser { .. }));
    let bytes = common::model(&common::generator_graph(), Some(&card.to_json()));
    fs::write(folder.path().join("odd.onnx"), bytes).unwrap();
    for output in ["drawn.png", "drawn/here"] {
        let error = failure(&sample(&folder, &format!("-m odd.onnx -o {output}")));
        assert!(error.starts_with("error: odd.onnx: ") && error.contains("`x`"), "{error}");
    }
    assert_eq!(names(folder.path()), ["d.onnx", "m.onnx", "odd.onnx", "plain.onnx"]);
}
