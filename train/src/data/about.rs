//! What reading a set found out, beyond its pictures.

use super::Pictures;
use super::fingerprint::Fingerprint;
use super::levels::Levels;

/// The classes that a line names.
const NAMED: usize = 20;

/// What reading a set found out.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct About {
    /// What was chosen: the part of the data that is used.
    pub notes: Vec<String>,
    /// What was left out, and why.
    pub warnings: Vec<String>,
    /// Whether there are no class folders, so that the only class is named after the folder.
    pub unclassified: bool,
    /// The range of the values.
    pub levels: Levels,
    /// What the set is recognised by. `None` for drawn pictures, and for the data of a run of version 0.1.
    pub fingerprint: Option<Fingerprint>,
}

impl Pictures {
    /// Lines to show before a training: the part of the data that is used, and the classes with their numbers of pictures.
    pub fn notes(&self) -> Vec<String> {
        let mut notes = self.about.notes.clone();
        notes.push(match self.about.unclassified {
            true => "no class folders: one class".into(),
            false => format!("classes: {}", class_counts(&self.classes, &self.labels)),
        });
        notes
    }

    /// Warnings to show before a training: what was left out, and values that look wrong.
    pub fn warnings(&self) -> Vec<String> {
        let dark = (0..self.len()).filter(|&index| Levels::is_dark(self.pixels_of(index))).count();
        let levels = self.about.levels.warnings(dark, self.len());
        self.about.warnings.iter().cloned().chain(self.warning()).chain(levels).collect()
    }
}

/// The classes with the number of items of each: `cat (40), dog (38)`.
pub fn class_counts(classes: &[String], labels: &[u32]) -> String {
    let mut counts = vec![0usize; classes.len()];
    labels.iter().for_each(|&label| counts[label as usize] += 1);
    let named = classes.iter().zip(&counts).take(NAMED).map(|(name, count)| format!("{} ({count})", printable(name)));
    let mut text = named.collect::<Vec<_>>().join(", ");
    if let Some(rest) = counts.get(NAMED..).filter(|rest| !rest.is_empty()) {
        let (least, most) = (rest.iter().min().unwrap_or(&0), rest.iter().max().unwrap_or(&0));
        text += &format!(" and {} more ({least} to {most} each)", rest.len());
    }
    text
}

/// A file's or folder's name without control characters, which a terminal would obey.
pub(super) fn printable(name: &str) -> String {
    name.chars().flat_map(|c| if c.is_control() { c.escape_default().collect() } else { vec![c] }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_are_listed_with_their_counts() {
        let names = |count: usize| (0..count).map(|number| format!("c{number}")).collect::<Vec<_>>();
        assert_eq!(class_counts(&names(3), &[0, 2, 2]), "c0 (1), c1 (0), c2 (2)");
        let labels: Vec<u32> = (0..25).chain([24, 24]).collect();
        assert!(class_counts(&names(25), &labels).ends_with("c19 (1) and 5 more (1 to 3 each)"));
        assert_eq!(class_counts(&["\u{1b}[2J".into()], &[0]), "\\u{1b}[2J (1)");
    }
}
