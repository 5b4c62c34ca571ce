//! The program `sample` as a user runs it. Needs ONNX Runtime's library: `cargo xtask setup`.

#[path = "../common/mod.rs"]
mod common;
mod denoiser;

use std::env;
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use easel_runtime::{Picture, card::Kind, generator, walk};
use image::AnimationDecoder;
use image::codecs::gif::GifDecoder;
use image::codecs::webp::WebPDecoder;
use tempfile::TempDir;

const PROGRAM: &str = env!("CARGO_BIN_EXE_sample");

/// A folder with a generator in it, where the program runs.
fn folder() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("m.onnx"), common::generator()).unwrap();
    folder
}

fn command(program: impl AsRef<OsStr>, folder: &TempDir, flags: &str) -> Command {
    let mut command = Command::new(program);
    command.args(flags.split_whitespace()).current_dir(folder.path());
    command
}

fn sample(folder: &TempDir, flags: &str) -> Output {
    command(PROGRAM, folder, flags).output().unwrap()
}

fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

fn succeeds(folder: &TempDir, flags: &str) -> String {
    let output = sample(folder, flags);
    assert!(output.status.success(), "{flags}: {}", stderr(&output));
    assert!(output.stdout.is_empty());
    stderr(&output)
}

/// The one line of a failure, status 1.
fn failure(output: &Output) -> String {
    let text = stderr(output);
    assert_eq!(output.status.code(), Some(1), "{text}");
    let errors: Vec<_> = text.lines().filter(|line| !line.starts_with("engine: ")).collect();
    assert!(errors.len() == 1 && errors[0].starts_with("error: "), "{text}");
    errors[0].to_string()
}

fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<_> =
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

/// The picture that the generator's graph gives for picture `index` of a seed.
fn expected(seed: u64, index: u64) -> Vec<u8> {
    let z = generator::latents(&common::generator_card(), seed, index, 1).unwrap();
    levels(z.as_f32().unwrap())
}

/// The picture that it gives for a latent vector.
fn levels(z: &[f32]) -> Vec<u8> {
    z.iter().map(|&z| (255.0 / (1.0 + (-f64::from(z)).exp())).round() as u8).collect()
}

#[test]
fn a_folder_of_pictures() {
    let folder = folder();
    let printed = succeeds(&folder, "-m m.onnx -n 11 --seed 5 -o drawn/here");
    assert!(["engine: ", "11 pictures", "drawn/here"].iter().all(|fact| printed.contains(fact)), "{printed}");
    let drawn = folder.path().join("drawn/here");
    assert_eq!(names(&drawn), (0..11).map(|index| format!("{index:05}.png")).collect::<Vec<_>>());
    for index in [0, 10] {
        let picture = image::open(drawn.join(format!("{index:05}.png"))).unwrap().to_luma8();
        assert_eq!((picture.dimensions(), picture.into_raw()), ((2, 2), expected(5, index)));
    }
}

#[test]
fn a_grid_is_the_single_pictures_side_by_side() {
    let folder = folder();
    succeeds(&folder, "-m m.onnx -n 5 --seed 9 --grid 3x2 -o grid.png");
    let grid = image::open(folder.path().join("grid.png")).unwrap().to_luma8();
    assert_eq!(grid.dimensions(), (3 * 4 + 2, 2 * 4 + 2));
    for index in 0..6u32 {
        let (left, top) = (2 + index % 3 * 4, 2 + index / 3 * 4);
        let cell = image::imageops::crop_imm(&grid, left, top, 2, 2).to_image().into_raw();
        let wanted = if index < 5 { expected(9, u64::from(index)) } else { vec![0; 4] };
        assert_eq!(cell, wanted, "picture {index}");
    }
    succeeds(&folder, "-m m.onnx -n 1 --seed 9 -o one.png");
    assert_eq!(image::open(folder.path().join("one.png")).unwrap().to_luma8().into_raw(), expected(9, 0));
}

#[test]
fn standard_output_takes_one_result() {
    let folder = folder();
    for (flags, format) in [("", image::ImageFormat::Png), ("--format bmp", image::ImageFormat::Bmp)] {
        let output = sample(&folder, &format!("-m m.onnx -n 1 --seed 9 -o - {flags}"));
        assert!(output.status.success(), "{}", stderr(&output));
        assert_eq!(image::guess_format(&output.stdout).unwrap(), format);
        assert_eq!(image::load_from_memory(&output.stdout).unwrap().to_luma8().into_raw(), expected(9, 0));
        assert!(stderr(&output).contains("1 picture to standard output"), "{}", stderr(&output));
    }
    let output = sample(&folder, "-m m.onnx --seeds 1-2 --walk 3 -o -");
    assert_eq!(image::guess_format(&output.stdout).unwrap(), image::ImageFormat::Gif);
    assert_eq!(names(folder.path()), ["m.onnx"]);
    #[cfg(target_os = "linux")]
    for flags in ["-m m.onnx -o -", "-m m.onnx -o a.png --json"] {
        let full = fs::File::options().write(true).open("/dev/full").unwrap();
        let error = failure(&command(PROGRAM, &folder, flags).stdout(full).output().unwrap());
        assert!(error.starts_with("error: standard output: cannot write: "), "{error}");
    }
}

#[test]
fn json_lists_the_files() {
    let folder = folder();
    let lines = |flags: &str| -> Vec<serde_json::Value> {
        let output = sample(&folder, flags);
        let text = String::from_utf8(output.stdout).unwrap();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    };
    let printed = lines("-m m.onnx -n 3 -o drawn --json");
    assert_eq!((printed.len(), &printed[3]["summary"]["done"]), (4, &3.into()));
    assert_eq!((&printed[2]["width"], &printed[2]["pictures"]), (&2.into(), &1.into()));
    assert!(printed[..3].iter().all(|line| folder.path().join(line["output"].as_str().unwrap()).is_file()));
    assert!(printed[3]["summary"]["error"].is_null());
    let printed = lines("-m m.onnx --seeds 1,2 --walk 3 -o walk.gif --json");
    assert_eq!((&printed[0]["frames"], &printed[1]["summary"]["done"]), (&6.into(), &1.into()));
    let printed = lines("-m gone.onnx -o a.png --json");
    assert!(printed[0]["summary"]["error"].as_str().unwrap().contains("gone.onnx"), "{printed:?}");
}

#[test]
fn a_seed_names_a_picture() {
    let folder = folder();
    succeeds(&folder, "-m m.onnx --seeds 3,7-9,123456 -o drawn");
    let files = ["seed-000003.png", "seed-000007.png", "seed-000008.png", "seed-000009.png", "seed-123456.png"];
    assert_eq!(names(&folder.path().join("drawn")), files);
    succeeds(&folder, "-m m.onnx --seed 7 -n 2 -o of_seed");
    let pixels = |file: &str| image::open(folder.path().join(file)).unwrap().to_luma8().into_raw();
    assert_eq!(pixels("drawn/seed-000007.png"), pixels("of_seed/00000.png"));
    assert_eq!(pixels("drawn/seed-123456.png"), expected(123_456, 0));

    succeeds(&folder, "-m m.onnx --seeds 3,7 --batch 1 --scale 3 -o grid.png");
    let grid = image::open(folder.path().join("grid.png")).unwrap().to_luma8();
    assert_eq!(grid.dimensions(), (2 * 8 + 2, 8 + 2));
    let first = [(2, 2), (5, 2), (2, 5), (7, 7)].map(|(x, y)| grid.get_pixel(x, y)[0]);
    let [a, b, c, d] = expected(3, 0)[..] else { panic!("four pixels") };
    assert_eq!(first, [a, b, c, d]);
    assert_eq!(grid.get_pixel(10, 2)[0], expected(7, 0)[0]);
}

/// The frames of an animation, their grey pixels and their times in milliseconds.
fn animation(path: &Path) -> Vec<(Vec<u8>, u32)> {
    let file = std::io::BufReader::new(fs::File::open(path).unwrap());
    let frames = match path.extension().unwrap().to_str() {
        Some("gif") => GifDecoder::new(file).unwrap().into_frames(),
        _ => WebPDecoder::new(file).unwrap().into_frames(),
    };
    let grey = |frame: image::Frame| {
        let (numerator, denominator) = frame.delay().numer_denom_ms();
        (frame.buffer().pixels().map(|pixel| pixel[0]).collect(), numerator / denominator)
    };
    frames.collect_frames().unwrap().into_iter().map(grey).collect()
}

#[test]
fn a_walk_passes_through_every_seed() {
    let folder = folder();
    succeeds(&folder, "-m m.onnx --seeds 5,2,9 --walk 4 --batch 5 -o frames");
    let frames: Vec<_> = names(&folder.path().join("frames"))
        .into_iter()
        .map(|name| image::open(folder.path().join("frames").join(name)).unwrap().to_luma8().into_raw())
        .collect();
    assert_eq!(frames.len(), 12);
    assert_eq!([&frames[0], &frames[4], &frames[8]], [&expected(5, 0), &expected(2, 0), &expected(9, 0)]);
    let seeds = generator::latents_of_seeds(&common::generator_card(), &[5, 2]).unwrap();
    let (a, b) = seeds.as_f32().unwrap().split_at(4);
    assert_eq!(frames[1], levels(&walk::slerp(a, b, 0.25)));

    for name in ["a.gif", "a.webp"] {
        succeeds(&folder, &format!("-m m.onnx --seeds 5,2,9 --walk 4 --scale 1 --fps 10 -o {name}"));
        let expected: Vec<_> = frames.iter().map(|frame| (frame.clone(), 100)).collect();
        assert_eq!(animation(&folder.path().join(name)), expected, "{name}");
    }
    // By default small pictures are enlarged.
    let printed = succeeds(&folder, "-m m.onnx --seeds 1,2 --walk 3 --one-way -o small.webp");
    assert!(printed.contains("4 frames") && printed.contains("small.webp"), "{printed}");
    let enlarged = animation(&folder.path().join("small.webp"));
    assert_eq!((enlarged.len(), enlarged[0].0.len()), (4, 256 * 256));
    assert_eq!(enlarged[3].0[..128], [expected(2, 0)[0]; 128]);
    assert_eq!(names(folder.path()), ["a.gif", "a.webp", "frames", "m.onnx", "small.webp"]);
}

#[test]
fn the_batch_and_the_threads_do_not_matter_and_the_seed_does() {
    let folder = folder();
    let draw = |flags: &str| {
        succeeds(&folder, &format!("-m m.onnx -n 10 -o drawn.bmp {flags}"));
        fs::read(folder.path().join("drawn.bmp")).unwrap()
    };
    let first = draw("--seed 1");
    for flags in ["", "--batch 1", "--batch 3 --threads 1", "--batch 4096 --device cpu"] {
        assert!(draw(flags) == first, "{flags}");
    }
    assert!(draw("--seed 2") != first);
}

#[test]
fn every_picture_format_is_written() {
    let folder = folder();
    for name in ["a.png", "a.jpg", "a.webp", "a.bmp", "a.tiff"] {
        succeeds(&folder, &format!("-m m.onnx -n 4 -o {name}"));
        assert_eq!(image::image_dimensions(folder.path().join(name)).unwrap(), (10, 10), "{name}");
    }
}

#[test]
fn a_shipped_model_is_found_by_name() {
    let folder = folder();
    fs::create_dir_all(folder.path().join("models/noise")).unwrap();
    fs::rename(folder.path().join("m.onnx"), folder.path().join("models/noise/model.onnx")).unwrap();
    succeeds(&folder, "-m noise -n 1 -o a.png");
    let error = failure(&sample(&folder, "-m nose -n 1 -o b.png"));
    assert!(error.starts_with("error: nose: ") && error.contains("noise"), "{error}");
}

#[test]
fn misuse_is_status_2() {
    let folder = folder();
    for (flags, facts) in [
        ("", ["--model <MODEL>", "--output <OUT>"]),
        ("-m m.onnx -o a.png -n 0", ["--count <auto|N>", "'0'"]),
        ("-m m.onnx -o a.png -n 5 --grid 2x2", ["5", "-n"]),
        ("-m m.onnx -o a.gif", ["a.gif", "--walk"]),
        ("-m m.onnx -o a.png --seeds 8-1", ["--seeds <LIST>", "1-8"]),
        ("-m m.onnx -o a.png --seeds 1-99999999999", ["--seeds <LIST>", "1000000"]),
        ("-m m.onnx -o a.png --seeds 1-5 --seed 2", ["--seeds <LIST>", "--seed <N>"]),
        ("-m m.onnx -o drawn --seeds 1-5,3", ["--seeds", "3"]),
        ("-m m.onnx -o a.gif --seeds 1 --walk 5", ["walk", "--seeds"]),
        ("-m m.onnx -o a.png --seeds 1-3 --walk 5", ["a.png", "webp"]),
        ("-m m.onnx -o a.gif --seeds 1-3 --walk 5 --fps 51", ["--fps <auto|N>", "51"]),
        ("-m m.onnx -o drawn --seeds 1-3 --walk 5 --fps 5", ["--fps", "drawn"]),
        ("-m m.onnx -o a.gif --seeds 1-1000 --walk 1000", ["1000000", "90000"]),
    ] {
        let output = sample(&folder, flags);
        assert_eq!(output.status.code(), Some(2), "{flags}: {}", stderr(&output));
        assert!(facts.iter().all(|fact| stderr(&output).contains(fact)), "{flags}: {}", stderr(&output));
    }
    assert_eq!(names(folder.path()), ["m.onnx"]);
}

#[test]
fn bad_models_are_named_and_leave_nothing() {
    let folder = folder();
    let whole = common::generator();
    let card = common::generator_card();
    let with_card = |json: &str| common::model(&common::generator_graph(), Some(json));
    let stylizer = easel_runtime::ModelCard { kind: Kind::Stylizer, ..card.clone() };
    let mut other_latent = card.clone();
    other_latent.kind = Kind::Generator {
        latent: easel_runtime::card::Latent { dim: 5, distribution: easel_runtime::card::Distribution::Normal },
    };
    let picture = Picture::filled(8, 8, 3, 7);
    let png = easel_pictures::encode_picture(&picture, image::ImageFormat::Png).unwrap();
    let cases: [(&str, Vec<u8>, &str); 10] = [
        ("empty", vec![], "empty"),
        ("text", b"no model at all".to_vec(), "not an ONNX model"),
        ("picture", png, "not an ONNX model"),
        ("truncated", whole[..whole.len() - 10].to_vec(), "truncated"),
        ("cardless", common::model(&common::generator_graph(), None), "card"),
        ("damaged", with_card("{\"schema\": 1}"), "card"),
        ("newer", with_card("{\"schema\": 99}"), "99"),
        ("stylizer", with_card(&stylizer.to_json()), "`stylize`"),
        ("tabular", common::tabular(), "tabular model"),
        ("other", with_card(&other_latent.to_json()), "4"),
    ];
    let mut expected = vec!["m.onnx".to_string()];
    for (name, bytes, what) in cases {
        fs::write(folder.path().join(format!("{name}.onnx")), bytes).unwrap();
        expected.push(format!("{name}.onnx"));
        for output in ["a.png", "drawn/here"] {
            let error = failure(&sample(&folder, &format!("-m {name}.onnx -n 2 -o {output}")));
            assert!(error.starts_with(&format!("error: {name}.onnx: ")) && error.contains(what), "{error}");
        }
    }
    expected.sort();
    assert_eq!(names(folder.path()), expected);
}

#[test]
fn an_output_that_cannot_be_written_is_found_before_computing() {
    let folder = folder();
    fs::write(folder.path().join("file"), "x").unwrap();
    fs::create_dir(folder.path().join("taken.png")).unwrap();
    for output in ["file", "file/drawn", "file/a.png", "taken.png", "no/such/a.png"] {
        let output_flag = format!("-m m.onnx -n 2 -o {output}");
        let result = sample(&folder, &output_flag);
        let error = failure(&result);
        assert!(error.starts_with(&format!("error: {output}: ")), "{error}");
        assert!(!stderr(&result).contains("engine"), "the engine was started first: {}", stderr(&result));
    }
    assert_eq!(names(folder.path()), ["file", "m.onnx", "taken.png"]);
}

#[test]
fn a_grid_beyond_what_a_picture_can_be_is_refused() {
    let folder = folder();
    for flags in [
        "-n 4294967295 -o a.png",
        "--grid 65536x1 -o a.jpg",
        "--grid 1x5000 -o a.webp",
        "--grid 130x1 --scale 64 -o a.webp",
    ] {
        let error = failure(&sample(&folder, &format!("-m m.onnx {flags}")));
        assert!(error.contains("too large"), "{error}");
    }
    assert_eq!(names(folder.path()), ["m.onnx"]);
}

#[test]
fn cuda_without_a_gpu_fails_and_auto_falls_back() {
    let folder = folder();
    let run = |device: &str| {
        let flags = format!("-m m.onnx -n 1 -o a.png --device {device}");
        command(PROGRAM, &folder, &flags).env("CUDA_VISIBLE_DEVICES", "").output().unwrap()
    };
    let error = failure(&run("cuda"));
    assert!(error.starts_with("error: --device cuda:0: "), "{error}");
    assert_eq!(names(folder.path()), ["m.onnx"]);
    let auto = run("auto");
    let printed = stderr(&auto);
    assert!(auto.status.success() && printed.contains(" on CPU") && printed.contains("(no CUDA: "), "{printed}");
    let cpu = run("cpu");
    assert!(cpu.status.success() && !stderr(&cpu).contains("CUDA"), "{}", stderr(&cpu));
}

#[test]
fn a_library_that_cannot_be_used_says_what_to_run() {
    let folder = folder();
    fs::write(folder.path().join("text.so"), "no library").unwrap();
    let advice = ["cargo xtask setup", "--ort-lib"];
    let advises = |error: &str| advice.iter().all(|words| error.contains(words));
    let fails = |library: &str, what: &str| {
        let error = failure(&sample(&folder, &format!("-m m.onnx -n 1 -o a.png --ort-lib {library}")));
        assert!(error.starts_with(&format!("error: {library}: ")) && advises(&error), "{error}");
        assert!(error.contains(what), "{error}");

        let mut by_variable = command(PROGRAM, &folder, "-m m.onnx -n 1 -o a.png --engine onnxruntime");
        let error = failure(&by_variable.env("ORT_DYLIB_PATH", library).output().unwrap());
        assert!(error.starts_with(&format!("error: ORT_DYLIB_PATH={library}: ")) && advises(&error), "{error}");
    };
    fails("absent.so", "no such file");
    fails("text.so", "it cannot be loaded");
    fails(".", "in this folder");

    let build = |name: &str, source: &str| {
        fs::write(folder.path().join("library.rs"), source).unwrap();
        let compiler = env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
        let built = command(compiler, &folder, "--edition 2024 --crate-type cdylib library.rs -o").arg(name).status();
        assert!(built.unwrap().success());
    };
    build("other.so", "");
    fails("other.so", "not ONNX Runtime");
    build("null.so", r#"#[unsafe(no_mangle)] extern "C" fn OrtGetApiBase() -> usize { 0 }"#);
    fails("null.so", "not ONNX Runtime");
    build(
        "old.so",
        r#"
        #[repr(C)] pub struct Base(extern "C" fn(u32) -> usize, extern "C" fn() -> *const u8);
        extern "C" fn api(_: u32) -> usize { 0 }
        extern "C" fn version() -> *const u8 { c"1.17.3".as_ptr().cast() }
        static BASE: Base = Base(api, version);
        #[unsafe(no_mangle)] extern "C" fn OrtGetApiBase() -> &'static Base { &BASE }
        "#,
    );
    fails("old.so", "1.17.3");
    fails("old.so", "1.24");
}

/// A copy of the program in a folder. Another process writes it: a child that this one starts at the same time would
/// hold the file open for writing, and it could not be run.
fn alone(folder: &TempDir) -> PathBuf {
    let alone = folder.path().join("alone");
    assert!(Command::new("cp").args([Path::new(PROGRAM), &alone]).status().unwrap().success());
    alone
}

#[test]
fn a_missing_library_is_one_line_with_the_places_that_were_searched() {
    let folder = folder();
    // Away from the repository there is no .tools.
    let alone = alone(&folder);
    let flags = "-m m.onnx -n 1 -o a.png --engine onnxruntime";
    let output = command(&alone, &folder, flags).env_remove("ORT_DYLIB_PATH").output().unwrap();
    if output.status.success() {
        // Only the system can have a library here.
        assert!(stderr(&output).starts_with("engine: ONNX Runtime"), "{}", stderr(&output));
        return;
    }
    let error = failure(&output);
    for part in ["ORT_DYLIB_PATH", ".tools/onnxruntime/lib", "libonnxruntime", "cargo xtask setup"] {
        assert!(error.contains(part), "{error}");
    }
    assert_eq!(names(folder.path()).iter().filter(|name| name.ends_with(".png")).count(), 0);
}

#[cfg(target_os = "linux")]
#[test]
fn a_broken_library_that_nobody_named_is_skipped() {
    let folder = folder();
    let tools = folder.path().join(".tools/onnxruntime/lib");
    fs::create_dir_all(&tools).unwrap();
    fs::write(tools.join("libonnxruntime.so.1.99.0"), "broken").unwrap();
    // The program's own folder comes first, and from there the repository's .tools is found.
    succeeds(&folder, "-m m.onnx -n 1 -o a.png --engine onnxruntime");
    let alone = alone(&folder);
    let flags = "-m m.onnx -n 1 -o b.png --engine onnxruntime";
    let output = command(&alone, &folder, flags).env_remove("ORT_DYLIB_PATH").output().unwrap();
    if !output.status.success() {
        let error = failure(&output);
        assert!(error.contains("libonnxruntime.so.1.99.0"), "{error}");
    }
}
