//! Split folders: `train`, `val`, `test`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::about::{About, printable};
use crate::{Error, Result};

/// A part of a data set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
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
        let (mut folders, mut others) = (vec![], vec![]);
        for (path, &count) in &level.folders {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            match Part::named(&name) {
                Some(part) => folders.push((part, path.clone(), count)),
                None => others.push(format!("`{}` ({count})", printable(&name))),
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
}
