//! Split folders: `train`, `val`, `test`.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use super::about::{About, printable};
use crate::{Error, Result};

/// A part of a data set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Part {
    /// To train on.
    Training,
    /// To validate with.
    Validation,
    /// To test with.
    Test,
}

impl Part {
    /// The part that a folder is named after: `train`, `training_set`, `val2017`, `valid`, `Validation`, `dev`, `test`.
    pub fn named(name: &str) -> Option<Self> {
        let name = name.to_lowercase();
        let plain = |name: &str| -> String {
            name.trim_end_matches(|c: char| c.is_ascii_digit() || matches!(c, '_' | '-' | ' ' | '.')).into()
        };
        let name = plain(&name);
        let stem = ["set", "images", "data"].iter().find_map(|end| name.strip_suffix(end)).map_or(name.clone(), plain);
        match stem.as_str() {
            "train" | "training" => Some(Self::Training),
            "val" | "valid" | "validation" | "dev" => Some(Self::Validation),
            "test" | "testing" | "eval" | "evaluation" => Some(Self::Test),
            _ => None,
        }
    }
}

/// What lies directly in a folder.
pub(super) struct Level {
    /// The folders with pictures, and the number of those.
    pub folders: BTreeMap<PathBuf, usize>,
    /// The number of pictures beside them.
    pub loose: usize,
}

/// The split folders of a data set.
#[derive(Debug)]
pub(super) struct Splits {
    /// Each with its part and its number of pictures; the first is that of the training set.
    folders: Vec<(Part, PathBuf, usize)>,
    /// Other folders with pictures beside them, and pictures.
    others: Vec<String>,
}

impl Splits {
    /// The split folders directly in a folder: one to train on beside others. A folder `train` beside other folders alone
    /// is a class. Fails where there are others without one to train on.
    pub fn of(root: &Path, level: &Level) -> Result<Option<Self>> {
        let name = |path: &Path| path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let set = set_of(level.folders.keys().map(|path| name(path)));
        let (mut folders, mut others) = (vec![], vec![]);
        for (path, &count) in &level.folders {
            let name = name(path);
            match part_in(&name) {
                Some((of, part)) if of == set => folders.push((part, path.clone(), count)),
                _ => others.push(format!("`{}` ({count})", printable(&name))),
            }
        }
        let has_training = folders.iter().any(|(part, ..)| *part == Part::Training);
        match folders.len() {
            0 | 1 => return Ok(None),
            _ if folders.iter().all(|(part, ..)| *part == Part::Training) => return Ok(None),
            _ if !has_training && others.is_empty() => {
                return Err(Error::Data(format!(
                    "{}: it has {} but no folder `train`; give the one to train on",
                    root.display(),
                    listed(&folders)
                )));
            }
            _ if !has_training => return Ok(None),
            _ => {}
        }
        folders.sort_by_key(|(part, ..)| *part as u8);
        if level.loose > 0 {
            others.push(format!("{} pictures", level.loose));
        }
        Ok(Some(Self { folders, others }))
    }

    /// The folder of the training set.
    pub fn training(&self) -> &Path {
        &self.folders[0].1
    }

    /// The folder of a part.
    pub fn folder(&self, part: Part) -> Option<&Path> {
        self.folders.iter().find(|folder| folder.0 == part).map(|folder| &*folder.1)
    }

    /// Says what is trained on, and what is not.
    pub fn tell(&self, about: &mut About) {
        let (training, rest) = self.folders.split_at(1);
        about.notes.push(format!("split folders: trained on {}; kept apart: {}", listed(training), listed(rest)));
        if !self.others.is_empty() {
            about.warnings.push(format!("left out, beside the split folders: {}", self.others.join(", ")));
        }
    }
}

/// The part that a folder's name ends in, and what comes before it: `seg_train`, `images_val`. Nothing comes before that of
/// a folder that is named after a part.
fn part_in(name: &str) -> Option<(&str, Part)> {
    if let Some(part) = Part::named(name) {
        return Some(("", part));
    }
    let (of, part) = name.rsplit_once(['_', '-', ' '])?;
    Some((of, Part::named(part)?))
}

/// What comes before the parts in the names of the split folders, the same in all of them. Where folders of several sets
/// have parts, as in `cat_train`, `cat_test`, `dog_train`, `dog_test`, only those that are named after parts count.
fn set_of(names: impl Iterator<Item = String>) -> String {
    let mut sets: BTreeMap<String, BTreeSet<Part>> = BTreeMap::new();
    for name in names {
        if let Some((of, part)) = part_in(&name) {
            sets.entry(of.into()).or_default().insert(part);
        }
    }
    let split: Vec<_> = sets.iter().filter(|(_, parts)| parts.len() > 1 && parts.contains(&Part::Training)).collect();
    match split[..] {
        [(of, _)] => of.clone(),
        _ => String::new(),
    }
}

/// Folders with their numbers of pictures.
fn listed(folders: &[(Part, PathBuf, usize)]) -> String {
    let name = |path: &Path| printable(&path.file_name().unwrap_or_default().to_string_lossy());
    folders.iter().map(|(_, path, count)| format!("`{}` ({count})", name(path))).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_parts() {
        use Part::{Test, Training, Validation};
        for (part, names) in [
            (
                Some(Training),
                &["train", "Training", "TRAIN", "training_set", "train2017", "train-images", "trainset"][..],
            ),
            (Some(Validation), &["val", "valid", "validation", "Val_2", "dev"]),
            (Some(Test), &["test", "testing", "test_set", "test1", "eval"]),
            (None, &["trainer", "cats", "latest", "set", "", "2017", "value", "rain"]),
        ] {
            names.iter().for_each(|name| assert_eq!(Part::named(name), part, "{name}"));
        }
    }
    #[test]
    fn split_folders_may_be_named_after_their_set() {
        let of = |names: &[&str]| set_of(names.iter().map(ToString::to_string));
        assert_eq!(of(&["seg_train", "seg_test", "seg_pred"]), "seg");
        assert_eq!(of(&["images_train", "images_val"]), "images");
        assert_eq!(of(&["train", "val", "old_train", "old_val"]), "");
        assert_eq!(of(&["cat_train", "cat_test", "dog_train", "dog_test"]), "");
        assert_eq!(of(&["freight_train", "steam_train", "bus"]), "");
    }
}
