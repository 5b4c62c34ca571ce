//! Folders of pictures as people have them.

mod common;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Output;

use common::{failure, idx, latest, run_folder, success, text, train, utf8};
use easel_runtime::{Picture, Random};
use easel_train::run::Checkpoint;

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

    /// Noisy pictures in a folder, each of its own size.
    fn pictures(&self, folder: &str, count: usize) {
        let folder = self.at(folder);
        fs::create_dir_all(&folder).unwrap();
        for index in 0..count {
            let (width, height) = (20 + index, 24);
            let mut random = Random::new(7, index as u64);
            let pixels = (0..3 * width * height).map(|_| random.below(256) as u8).collect();
            let picture = Picture { width, height, channels: 3, pixels };
            easel_pictures::save_picture(&folder.join(format!("{index:03}.png")), &picture).unwrap();
        }
    }

    fn write(&self, name: &str, bytes: impl AsRef<[u8]>) {
        let path = self.at(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }

    fn train(&self, recipe: &str, data: &str, more: &[&str]) -> Output {
        let own: &[&str] = match recipe {
            "ddpm" => &["--size=16", "--base-channels=1", "--embedding-size=4", "--sample-steps=1", "--batch=4"],
            "gan" => &["--hidden=8", "--batch=4"],
            "progan" => {
                &["--preset=quick", "--resolution=8", "--width=8", "--z-dim=4", "--batches=4", "--eval-samples=0"]
            }
            "vae" => &["--preset=quick", "--size=8", "--base-channels=2", "--z-dim=2", "--batch=4"],
            _ => &["--batch=4"],
        };
        let (data, out) = (self.at(data), self.at("runs"));
        let shared = [recipe, "--data", utf8(&data), "--out", utf8(&out), "--device=cpu", "--threads=1", "--steps=2"];
        train(&[&shared, own, more].concat())
    }

    /// What is said before the first step, which `--dry-run` says too.
    fn said(&self, recipe: &str, data: &str) -> String {
        let dry = success(&self.train(recipe, data, &["--dry-run"])).0;
        let said = success(&self.train(recipe, data, &[])).0;
        for line in dry.lines().filter(|line| line.contains("classes") || line.starts_with("warning")) {
            assert!(said.contains(line), "{line} is not in {said}");
        }
        dry
    }
}

#[test]
fn loose_pictures_beside_a_folder_are_taken() {
    let place = Place::new();
    place.pictures("photos", 9);
    place.pictures("photos/edited", 3);
    for recipe in ["gan", "progan", "vae", "ddpm"] {
        let said = place.said(recipe, "photos");
        assert!(said.contains("12 pictures") || said.contains("12 RGB pictures"), "{recipe}: {said}");
    }
    // Beside two folders they have no class, which matters to a recipe with classes only.
    place.pictures("photos/other", 4);
    assert!(place.said("gan", "photos").contains("16 pictures"));
    let said = place.said("ddpm", "photos");
    assert!(said.contains("7 pictures of 2 classes") && said.contains("edited (3), other (4)"), "{said}");
    assert!(said.contains("warning: left out 9 pictures"), "{said}");
}

#[test]
fn split_folders_are_recognised() {
    let place = Place::new();
    for (split, count) in [("Train", 6), ("valid", 3), ("test", 2)] {
        place.pictures(&format!("set/{split}/cat"), count);
        place.pictures(&format!("set/{split}/dog"), count);
    }
    for recipe in ["gan", "ddpm"] {
        let said = place.said(recipe, "set");
        assert!(said.contains("12 pictures of 2 classes") && said.contains("cat (6), dog (6)"), "{recipe}: {said}");
        assert!(said.contains("trained on `Train` (12)") && said.contains("`valid` (6), `test` (4)"), "{said}");
    }
    let output = place.train("lenet", "set", &[]);
    let (said, run) = success(&output);
    assert!(said.contains("12 pictures of 2 classes from set, 6 more for validation"), "{said}");
    // An evaluation takes the test pictures.
    let evaluation = train(&["eval", run.trim_end(), "--data", utf8(&place.at("set"))]);
    assert!(success(&evaluation).1.contains("of 4)"), "{}", text(&evaluation.stdout));
    place.pictures("set/valid/emu", 1);
    assert!(failure(&place.train("lenet", "set", &[])).contains("`emu`"));
    fs::remove_dir_all(place.at("set/Train")).unwrap();
    assert!(failure(&place.train("gan", "set", &[])).contains("no folder `train`"));
}

#[test]
fn what_holds_no_picture_is_no_class() {
    let place = Place::new();
    place.pictures("set/cats", 5);
    place.pictures("set/dogs", 5);
    place.write("set/notes/readme.txt", "no picture");
    place.write("set/raw/IMG_1.CR2", b"II*\0\x10\0\0\0CR\x02\0");
    place.write("set/raw/DSC_2.NEF", b"MM\0*\0\0\0\x08");
    place.write("set/broken/1.png", b"\x89PNG\r\n\x1a\n and nothing");
    place.write("set/__MACOSX/cats/1.png", b"\x89PNG\r\n\x1a\n");
    place.write("set/dogs/Thumbs.db", "x");
    fs::create_dir(place.at("set/empty")).unwrap();
    for recipe in ["ddpm", "lenet"] {
        let said = place.said(recipe, "set");
        assert!(said.contains("of 2 classes from set") && said.contains("classes: cats ("), "{recipe}: {said}");
        for named in ["warning: skipped 4", "readme.txt", "raw file", "`notes`", "`raw`", "`broken`"] {
            assert!(said.contains(named), "{recipe}: no {named} in {said}");
        }
        assert!(!said.contains("MACOSX") && !said.contains("Thumbs"), "{said}");
    }
    let run = run_folder(&place.train("ddpm", "set", &[]));
    assert_eq!(latest(&run).record.classes, ["cats", "dogs"]);
}

#[test]
fn a_folder_in_a_folder_is_passed_through() {
    let place = Place::new();
    place.pictures("download/archive/animals/cat", 3);
    place.pictures("download/archive/animals/dog", 3);
    let said = place.said("ddpm", "download");
    assert!(said.contains("cat (3), dog (3)") && said.contains("animals"), "{said}");
}

#[test]
fn what_to_give_instead_is_said() {
    let place = Place::new();
    for (name, wanted) in
        [("a/mnist.zip", "unpack mnist.zip"), ("b/mnist.npz", "mnist.npz is not read"), ("c/x.csv", "x.csv is not")]
    {
        place.write(name, b"PK\x03\x04\0\0");
        for data in [name, name.split('/').next().unwrap()] {
            let error = failure(&place.train("gan", data, &[]));
            assert!(error.contains(wanted), "{data}: {error}");
        }
    }
    assert!(!place.at("runs").exists());
}

#[test]
fn values_in_another_range_are_told_by_every_recipe() {
    let place = Place::new();
    for index in 0..9u32 {
        let pixel = |x: u32, y: u32| image::Luma([(x * 100 + y * 7 + index) as u16 % 4096]);
        let path = place.at(&format!("deep/{}/{index}.png", index % 2));
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        image::ImageBuffer::from_fn(32, 32, pixel).save(path).unwrap();
        let pixel = |x: u32, y: u32| image::Rgb([(x * 8) as f32, (y * 8) as f32, index as f32]);
        let path = place.at(&format!("float/{}/{index}.tiff", index % 2));
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        image::DynamicImage::ImageRgb32F(image::ImageBuffer::from_fn(32, 32, pixel)).save(path).unwrap();
    }
    // Digits of 0 and 1.
    place.write("bits/train-images-idx3-ubyte", idx(&[8, 28, 28], &[0, 0, 1, 1].repeat(2 * 784)));
    place.write("bits/train-labels-idx1-ubyte", idx(&[8], &[0, 1, 0, 1, 0, 1, 0, 1]));
    for recipe in ["gan", "ddpm", "vae", "progan", "lenet"] {
        for (data, wanted) in
            [("deep", "of 16 bits use only 12"), ("float", "above 1 (up to 248)"), ("bits", "nearly black")]
        {
            let said = success(&place.train(recipe, data, &["--dry-run"])).0;
            let line = said.lines().find(|line| line.contains(wanted));
            assert!(line.is_some_and(|line| line.starts_with("warning: ")), "{recipe} {data}: {said}");
        }
    }
}

/// A checkpoint as version 0.1 wrote it.
fn without_fingerprint(run: &Path) {
    let mut checkpoint: Checkpoint = latest(run);
    assert!(checkpoint.record.fingerprint.take().is_some());
    checkpoint.save(&run.join("checkpoints"), 9, &[]).unwrap();
}

#[test]
fn renamed_folders_are_recognised() {
    let place = Place::new();
    for recipe in ["ddpm", "gan", "vae", "progan"] {
        for former in [false, true] {
            let name = |what: &str| format!("{recipe}-{former}-{what}");
            place.pictures(&name("before"), 9);
            let run = run_folder(&place.train(recipe, &name("before"), &["--checkpoint-every=1"]));
            fs::remove_dir_all(run.join("checkpoints/000002")).unwrap();
            if former {
                without_fingerprint(&run);
            }
            fs::rename(place.at(&name("before")), place.at(&name("after"))).unwrap();
            let moved = place.at(&name("after"));
            run_folder(&train(&[recipe, "--resume", utf8(&run), "--data", utf8(&moved)]));
            let record = latest(&run).record;
            assert_eq!(
                (record.step, &record.classes[..], record.fingerprint.is_none()),
                (2, &[name("before")][..], former)
            );
        }
    }
}

#[test]
fn other_pictures_are_not_taken_for_the_same() {
    let place = Place::new();
    place.pictures("set/cats", 5);
    place.pictures("set/dogs", 5);
    let run = run_folder(&place.train("ddpm", "set", &[]));
    let refused = |place: &Place| {
        failure(&train(&["ddpm", "--resume", utf8(&run), "--steps=4", "--data", utf8(&place.at("set"))]))
    };
    let (one, other) = (place.at("set/dogs/000.png"), place.at("set/dogs/000.jpg"));
    fs::rename(&one, &other).unwrap();
    let error = refused(&place);
    assert!(error.contains("cats (5), dogs (5)") && error.contains("other names or sizes"), "{error}");
    fs::rename(&other, &one).unwrap();
    fs::rename(place.at("set/dogs"), place.at("set/wolves")).unwrap();
    let error = refused(&place);
    assert!(error.contains("dogs (5)") && error.contains("wolves (5)"), "{error}");
    fs::rename(place.at("set/wolves"), place.at("set/dogs")).unwrap();
    // Other files do not matter.
    place.write("set/readme.txt", "no picture");
    run_folder(&train(&["ddpm", "--resume", utf8(&run), "--steps=4"]));
}

#[test]
fn mnist_is_found_as_it_is_unpacked() {
    let place = Place::new();
    for (set, count) in [("train", 12u32), ("t10k", 4)] {
        let pixels: Vec<u8> = (0..count * 784).map(|at| (at % 251) as u8).collect();
        let labels: Vec<u8> = (0..count).map(|at| (at % 3) as u8).collect();
        for folder in ["torchvision/MNIST/raw/", "kaggle/"] {
            let wrapped = |name: String| match folder {
                "kaggle/" => format!("{folder}{name}/{name}"),
                _ => format!("{folder}{name}"),
            };
            place.write(&wrapped(format!("{set}-images-idx3-ubyte")), idx(&[count, 28, 28], &pixels));
            place.write(&wrapped(format!("{set}-labels-idx1-ubyte")), idx(&[count], &labels));
        }
    }
    for data in ["torchvision", "kaggle", "torchvision/MNIST/raw/train-images-idx3-ubyte"] {
        let said = place.said("lenet", data);
        assert!(said.contains("12 pictures of 3 classes") && said.contains("4 more for validation"), "{data}: {said}");
        assert!(said.contains("classes: 0 (4), 1 (4), 2 (4)"), "{said}");
        assert!(success(&place.train("progan", data, &[])).0.contains("12 grey pictures"));
    }
}
