//! What holds for the runs of every recipe.

mod common;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Output;

use candle_core::{DType, Device};
use common::{checkpoints, digits, failure, latest, run_folder, train, utf8};
use easel_runtime::Random;
use easel_train::Params;
use easel_train::networks::squeezenet::SqueezeNet;

const RECIPES: [&str; 7] = ["ddpm", "gan", "lenet", "mlp", "progan", "style", "vae"];

/// Data of several sizes, and settings with which each recipe is quick.
struct Place {
    folder: tempfile::TempDir,
}

impl Place {
    fn new() -> Self {
        let place = Self { folder: tempfile::tempdir().unwrap() };
        let params = Params::new(DType::F32, &Device::Cpu, Random::new(9, 0));
        SqueezeNet::new(params.root(), 16).unwrap();
        candle_core::safetensors::save(&params.to_tensors().into_iter().collect(), place.at("features.safetensors"))
            .unwrap();
        easel_pictures::save_picture(&place.at("style.png"), &easel_scenes::scene(4, 2, 40, 40).0).unwrap();
        place
    }

    fn at(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Data with this many items to train on.
    fn data(&self, recipe: &str, items: u32) -> PathBuf {
        let path = self.at(&format!("{recipe}-{items}"));
        match recipe {
            "mlp" => {
                // A fifth of the rows is held out.
                let rows = (0..items * 5 / 4).map(|row| format!("{row},{},{}\n", row * row % 7, row % 5));
                fs::write(&path, rows.collect::<String>()).unwrap();
            }
            "style" => {
                fs::create_dir(&path).unwrap();
                for index in 0..items {
                    let (scene, _) = easel_scenes::scene(3, index.into(), 40, 40);
                    easel_pictures::save_picture(&path.join(format!("{index:03}.png")), &scene).unwrap();
                }
            }
            _ => digits(&path, items, 4),
        }
        path
    }

    fn train(&self, recipe: &str, data: &Path, more: &[&str]) -> Output {
        let (style, features) = (self.at("style.png"), self.at("features.safetensors"));
        let own: &[&str] = match recipe {
            "ddpm" => &["--size=16", "--base-channels=1", "--embedding-size=4", "--sample-steps=1", "--batch=8"],
            "gan" => &["--hidden=8", "--batch=8"],
            "lenet" | "mlp" => &["--batch=8"],
            "progan" => {
                &["--preset=quick", "--resolution=8", "--width=8", "--z-dim=4", "--batches=8", "--eval-samples=4"]
            }
            "style" => &[
                "--preset=quick",
                "--batch=8",
                "--width=2",
                "--size=32",
                "--style-size=40",
                "--enlarge-min=1",
                "--enlarge-max=1",
                "--jitter=0",
                "--style",
                utf8(&style),
                "--features",
                utf8(&features),
            ],
            _ => &["--preset=quick", "--size=8", "--base-channels=2", "--z-dim=2", "--batch=8"],
        };
        let out = self.at("runs");
        let shared = [recipe, "--data", utf8(data), "--out", utf8(&out), "--device=cpu", "--threads=1"];
        train(&[&shared, own, more].concat())
    }
}

#[test]
fn no_recipe_depends_on_how_the_last_batch_falls() {
    let place = Place::new();
    for recipe in RECIPES {
        // Two epochs of a whole batch and one item; then a batch that is never full.
        for items in [9, if recipe == "mlp" { 4 } else { 1 }] {
            let data = place.data(recipe, items);
            let run = run_folder(&place.train(recipe, &data, &["--steps=4", "--checkpoint-every=1"]));
            assert_eq!(latest(&run).record.step, 4, "{recipe} with {items}");
        }
    }
}

/// Every file below a folder with its bytes.
fn contents(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        match path.is_dir() {
            true => found.extend(contents(&path)),
            false => drop(found.insert(path.clone(), fs::read(path).unwrap())),
        }
    }
    found
}

#[test]
fn a_refused_resume_changes_nothing_and_moved_data_is_recognised() {
    let place = Place::new();
    for recipe in RECIPES {
        let (data, other) = (place.data(recipe, 12), place.data(recipe, 16));
        let run = run_folder(&place.train(recipe, &data, &["--steps=4", "--checkpoint-every=2", "--keep=9"]));
        fs::remove_dir_all(run.join("checkpoints/000004")).unwrap();
        let before = contents(&run);
        let resume = |more: &[&str]| train(&[&[recipe, "--resume", utf8(&run)], more].concat());
        let refused = |more: &[&str]| {
            let error = failure(&resume(more));
            assert_eq!(contents(&run), before, "{recipe} {more:?}: {error}");
            error
        };
        refused(&["--data", utf8(&other)]);
        refused(&["--data", "/nowhere/at/all"]);
        refused(&["--lr=-1"]);
        refused(&["--keep=0"]);
        #[cfg(not(feature = "cuda"))]
        refused(&["--device=cuda:9"]);

        // A checkpoint that cannot be read.
        let state = run.join("checkpoints/000002/state.safetensors");
        fs::write(&state, &before[&state][..99]).unwrap();
        let broken = contents(&run);
        failure(&resume(&["--lr=1e-5"]));
        assert_eq!(contents(&run), broken, "{recipe}");
        fs::write(&state, &before[&state]).unwrap();

        let moved = place.at(&format!("{recipe}-elsewhere"));
        fs::rename(&data, &moved).unwrap();
        assert!(refused(&[]).contains("--data"));
        run_folder(&resume(&["--data", utf8(&moved), "--steps=3"]));
        assert_eq!(checkpoints(&run)[0], 3, "{recipe}");
        run_folder(&resume(&["--steps=4"]));
        assert_eq!(checkpoints(&run)[0], 4, "{recipe}");
    }
}
