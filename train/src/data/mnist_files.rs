//! Finding the files of an IDX data set: MNIST's, and others with such names.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use super::walk::walk_to;
use crate::{Error, Result};

/// A file of pictures and the file of their labels.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Files {
    /// `train-images-idx3-ubyte.gz` or the like.
    pub images: PathBuf,
    /// `train-labels-idx1-ubyte.gz` or the like.
    pub labels: PathBuf,
}

/// How deep below a folder its files may lie: in torchvision's `MNIST/raw`, each unpacked to a folder of its name.
const DEEPEST: usize = 4;

/// The IDX files of a folder: the training set or, without one, the test set (`t10k`). They may lie some folders deeper, and
/// have names of the same kind, such as `emnist-letters-train-images-idx3-ubyte`. For the path of such a file, its set.
///
/// Fails where a file of pictures has no file of labels, or the reverse, and where there are several data sets.
pub fn find(path: &Path) -> Result<Option<Files>> {
    let group = group(path)?;
    match set_of(&group, "train")? {
        Some(files) => Ok(Some(files)),
        None => set_of(&group, "t10k"),
    }
}

/// The IDX files of one set, `train` or `t10k`. Fails as [`find`] does.
pub fn find_set(path: &Path, set: &str) -> Result<Option<Files>> {
    set_of(&group(path)?, set)
}

fn set_of(group: &[(Name, PathBuf)], set: &str) -> Result<Option<Files>> {
    let part =
        |holds| group.iter().find(|(name, _)| name.set == set && name.holds == holds).map(|(_, path)| path.clone());
    let wanted = |what: &str| {
        let prefix = group.first().map_or("", |(name, _)| &name.prefix);
        format!("{prefix}{set}-{what}-ubyte")
    };
    match (part(Holds::Pictures), part(Holds::Labels)) {
        (Some(images), Some(labels)) => Ok(Some(Files { images, labels })),
        (Some(there), None) => Err(alone(&there, &wanted("labels-idx1"))),
        (None, Some(there)) => Err(alone(&there, &wanted("images-idx3"))),
        (None, None) => Ok(None),
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Holds {
    Pictures,
    Labels,
}

/// What the name of an IDX file says.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Name {
    /// What comes before `train` or `t10k`: `emnist-letters-`.
    prefix: String,
    /// `train` or `t10k`.
    set: &'static str,
    holds: Holds,
    compressed: bool,
}

impl Name {
    /// `train-images-idx3-ubyte`, `t10k-labels.idx1-ubyte.gz`, `emnist-digits-test-images-idx3-ubyte`.
    fn of(path: &Path) -> Option<Self> {
        let name = path.file_name()?.to_str()?.to_lowercase();
        let (name, compressed) = name.strip_suffix(".gz").map_or((&*name, false), |name| (name, true));
        let name = name.replace(['.', '_'], "-");
        let ends = [("-images-idx3-ubyte", Holds::Pictures), ("-labels-idx1-ubyte", Holds::Labels)];
        let (rest, holds) = ends.iter().find_map(|(end, holds)| Some((name.strip_suffix(end)?, *holds)))?;
        let sets = [("train", "train"), ("t10k", "t10k"), ("test", "t10k")];
        let (prefix, set) = sets.iter().find_map(|(end, set)| Some((rest.strip_suffix(end)?, *set)))?;
        let is_whole = prefix.is_empty() || prefix.ends_with('-');
        is_whole.then(|| Self { prefix: prefix.into(), set, holds, compressed })
    }
}

/// The files of one data set.
type Group = Vec<(Name, PathBuf)>;

/// The IDX files of one data set in a folder, or beside a file and of its set.
fn group(path: &Path) -> Result<Group> {
    if !path.is_dir() {
        let Some(given) = Name::of(path) else { return Ok(vec![]) };
        // The file may be wrapped in a folder of its name.
        let folder = base(path);
        let folder = if folder.as_os_str().is_empty() { PathBuf::from(".") } else { folder };
        let mut groups = groups(&folder);
        let mut group = groups.remove(&(folder.clone(), given.prefix.clone())).unwrap_or_default();
        // The test set by itself is trained on.
        group.retain(|(name, _)| given.set == "train" || name.set == given.set);
        return Ok(group);
    }
    let groups = groups(path);
    let depth = |folder: &Path| folder.components().count();
    let least = groups.keys().map(|(folder, _)| depth(folder)).min();
    let mut nearest: Vec<_> = groups.into_iter().filter(|((folder, _), _)| Some(depth(folder)) == least).collect();
    if nearest.len() < 2 {
        return Ok(nearest.pop().map(|(_, group)| group).unwrap_or_default());
    }
    // One data set may be spread over several folders, as in `train/train-images..` and `test/t10k-images..`.
    let parts = |group: &Group| group.iter().map(|(name, _)| (name.set, name.holds)).collect::<BTreeSet<_>>();
    let apart: usize = nearest.iter().map(|(_, group)| parts(group).len()).sum();
    let together: Group = nearest.iter().flat_map(|(_, group)| group.iter().cloned()).collect();
    if parts(&together).len() == apart && nearest.iter().all(|((_, prefix), _)| *prefix == nearest[0].0.1) {
        return Ok(together);
    }
    let file = |(_, group): &(_, Group)| group.first().map_or_else(String::new, |(_, path)| path.display().to_string());
    let files: Vec<String> = nearest.iter().map(file).collect();
    Err(Error::Data(format!(
        "{}: it holds several data sets in MNIST's format; give the file of pictures of one: {}",
        path.display(),
        files.join(", ")
    )))
}

/// The IDX files in a folder by the folder that holds their set, and by what their names begin with.
fn groups(folder: &Path) -> BTreeMap<(PathBuf, String), Group> {
    let mut groups: BTreeMap<_, Group> = BTreeMap::new();
    for file in walk_to(folder, DEEPEST) {
        let path = file.into_path();
        if let Some(name) = Name::of(&path) {
            groups.entry((base(&path), name.prefix.clone())).or_default().push((name, path));
        }
    }
    // The training set first; of a file that is there twice, the one that is not wrapped, and not compressed.
    let order = |(name, path): &(Name, PathBuf)| {
        (name.set != "train", name.holds, path.components().count(), name.compressed, path.clone())
    };
    groups.values_mut().for_each(|group| group.sort_by_key(order));
    groups
}

/// The folder that holds a file's set: the file's own, or the one above a folder of the file's name.
fn base(path: &Path) -> PathBuf {
    let parent = path.parent().unwrap_or(Path::new(""));
    let wrapper = Name::of(parent).and_then(|_| parent.parent());
    wrapper.unwrap_or(parent).to_path_buf()
}

fn alone(there: &Path, wanted: &str) -> Error {
    Error::Data(format!("{}: the matching file {wanted}[.gz] is missing; add it", there.display()))
}

#[cfg(test)]
mod tests {
    use super::super::idx::tests::{images, labels};
    use super::super::tests::DIGIT;
    use super::super::{Source, load};
    use super::*;

    #[test]
    fn sets_are_found_as_they_are_unpacked() {
        let (one, two) = (images([1, 28, 28]), labels(&[3]));
        for (pictures, names) in [
            ("train-images-idx3-ubyte/train-images-idx3-ubyte", "train-labels-idx1-ubyte/train-labels.idx1-ubyte"),
            ("MNIST/raw/train-images-idx3-ubyte", "MNIST/raw/train-labels-idx1-ubyte.gz"),
            ("a/gzip/emnist-letters-train-images-idx3-ubyte.gz", "a/gzip/emnist-letters-train-labels-idx1-ubyte.gz"),
            ("Fashion-MNIST_train-images-idx3-ubyte", "Fashion-MNIST_train-labels-idx1-ubyte"),
            ("qmnist-test-images-idx3-ubyte", "qmnist-test-labels-idx1-ubyte"),
        ] {
            let folder = tempfile::tempdir().unwrap();
            for (name, bytes) in [(pictures, &one), (names, &two)] {
                let path = folder.path().join(name);
                std::fs::create_dir_all(path.parent().unwrap()).unwrap();
                std::fs::write(path, bytes).unwrap();
            }
            for path in [folder.path().to_path_buf(), folder.path().join(pictures)] {
                let found = load(&Source::Path(path.clone()), DIGIT).unwrap_or_else(|error| panic!("{error}"));
                assert_eq!((found.len(), found.labels[0]), (1, 3), "{}", path.display());
                let found = find(&path).unwrap().unwrap();
                assert_eq!([found.images, found.labels], [pictures, names].map(|name| folder.path().join(name)));
            }
        }
    }

    #[test]
    fn of_several_sets_one_must_be_given() {
        let folder = tempfile::tempdir().unwrap();
        for prefix in ["emnist-digits-", "emnist-letters-"] {
            for set in ["train", "test"] {
                let at = |what: &str| folder.path().join(format!("{prefix}{set}-{what}-ubyte"));
                std::fs::write(at("images-idx3"), images([2, 28, 28])).unwrap();
                std::fs::write(at("labels-idx1"), labels(&[1, u8::from(set == "test")])).unwrap();
            }
        }
        let error = find(folder.path()).unwrap_err().to_string();
        assert!(error.contains("emnist-digits-train-images") && error.contains("emnist-letters-train"), "{error}");
        let given = folder.path().join("emnist-letters-train-images-idx3-ubyte");
        assert_eq!(find(&given).unwrap().unwrap().images, given);
        assert!(find_set(&given, "t10k").unwrap().unwrap().labels.ends_with("emnist-letters-test-labels-idx1-ubyte"));
        // The test set alone is trained on, not with itself as the test set.
        let test = folder.path().join("emnist-letters-test-images-idx3-ubyte");
        assert_eq!(find(&test).unwrap().unwrap().images, test);
        assert!(find_set(&test, "train").unwrap().is_none());
    }

    #[test]
    fn one_set_may_lie_in_several_folders() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        for (part, set) in [("train", "train"), ("test", "t10k")] {
            std::fs::create_dir(at(part)).unwrap();
            std::fs::write(at(&format!("{part}/{set}-images-idx3-ubyte")), images([1, 28, 28])).unwrap();
            std::fs::write(at(&format!("{part}/{set}-labels-idx1-ubyte")), labels(&[1])).unwrap();
        }
        assert_eq!(find(folder.path()).unwrap().unwrap().images, at("train/train-images-idx3-ubyte"));
        assert_eq!(find_set(folder.path(), "t10k").unwrap().unwrap().labels, at("test/t10k-labels-idx1-ubyte"));
    }

    #[test]
    fn of_two_copies_the_plain_one_is_taken() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        std::fs::create_dir(at("train-images-idx3-ubyte")).unwrap();
        for name in
            ["train-images-idx3-ubyte/train-images-idx3-ubyte", "train-images.idx3-ubyte", "train-images-idx3-ubyte.gz"]
        {
            std::fs::write(at(name), images([1, 28, 28])).unwrap();
        }
        std::fs::write(at("train-labels.idx1-ubyte"), labels(&[1])).unwrap();
        assert_eq!(find(folder.path()).unwrap().unwrap().images, at("train-images.idx3-ubyte"));
    }

    #[test]
    fn labels_must_be_beside() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("t10k-images.idx3-ubyte"), images([1, 28, 28])).unwrap();
        let error = find(folder.path()).unwrap_err().to_string();
        assert!(error.contains("t10k-labels-idx1-ubyte"), "{error}");
        std::fs::write(folder.path().join("t10k-labels.idx1-ubyte"), labels(&[1])).unwrap();
        assert!(find(folder.path()).unwrap().is_some());
    }
}
