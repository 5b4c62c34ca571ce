//! The pictures to train on and those to validate with.

use easel_runtime::Random;

use super::{Known, LenetConfig};
use crate::data::{self, Part, PictureFormat, Pictures, Source, synthetic};
use crate::run::streams;
use crate::{Error, Result};

/// The number of drawn pictures for validation.
const SYNTHETIC_TEST: usize = 4_000;

/// The training and the validation set of a run, with the same classes.
#[derive(Debug, Clone, PartialEq)]
pub struct Sets {
    /// The training pictures, and the classes' names.
    pub training: Pictures,
    /// The validation pictures, which are not trained on.
    pub validation: Pictures,
}

impl Sets {
    /// Loads a source's pictures. The validation set is a folder of its own beside the training set (`val`, else `test`), the
    /// test set (`t10k`) of a folder of MNIST's files, other digits for `synthetic`, and otherwise a part of the pictures that
    /// is held out, the same for the same seed.
    pub fn load(source: &Source, config: &LenetConfig) -> Result<Self> {
        let mut training = data::load(source, config.format())?;
        let mut found = None;
        for apart in [Part::Validation, Part::Test] {
            let Some(pictures) = part(source, apart, config.format())? else { continue };
            if !is_unlabelled(&pictures, &training) {
                found = Some(pictures);
                break;
            }
            let what = pictures.about.notes.join(", ");
            training
                .about
                .warnings
                .push(format!("not validated on the {what}, whose pictures have none of the classes"));
        }
        let Some(mut validation) = found else {
            return Self::split(training, config.validation_split, config.shared.seed);
        };
        if numbered(&training.classes) && numbered(&validation.classes) {
            let longer = if training.classes.len() < validation.classes.len() { &validation } else { &training };
            let classes = longer.classes.clone();
            training.classes.clone_from(&classes);
            validation.classes = classes;
        } else {
            validation = relabelled(validation, &source.to_string(), &training.classes)?;
        }
        Ok(Self { training, validation })
    }

    /// What is known of the pictures before the training.
    pub(super) fn known(&self) -> Known {
        let mut known = Known::of(&self.training);
        known.facts.border = self.training.border();
        let (about, warnings) = (&self.validation.about, self.validation.warnings());
        known.notes.extend(about.notes.iter().map(|note| format!("validated on: {note}")));
        known.warnings.extend(warnings.into_iter().map(|warning| format!("validation: {warning}")));
        let fingerprint = known.facts.fingerprint.take();
        known.facts.fingerprint = fingerprint.map(|fingerprint| match &about.fingerprint {
            Some(validation) => fingerprint.with(validation),
            None => fingerprint,
        });
        known
    }

    /// Holds out a part of the pictures, at least one.
    fn split(pictures: Pictures, part: f64, seed: u64) -> Result<Self> {
        let mut order: Vec<u32> = (0..pictures.len() as u32).collect();
        Random::new(seed, streams::HELD_OUT).shuffle(&mut order);
        let count = ((pictures.len() as f64 * part).round() as usize).max(1);
        if count >= pictures.len() {
            return Err(Error::Data(format!(
                "{}: {} pictures are too few to hold {count} of them out for validation; add pictures",
                pictures.name,
                pictures.len()
            )));
        }
        let (held_out, rest) = order.split_at_mut(count);
        let chosen = |indices: &mut [u32]| {
            indices.sort_unstable();
            pictures.subset(indices)
        };
        let (validation, training) = (chosen(held_out), chosen(rest));
        let Pictures { skipped, reasons, about, .. } = pictures;
        Ok(Self { training: Pictures { skipped, reasons, about, ..training }, validation })
    }
}

/// The pictures for evaluation: a source's test set if it has one, else its validation set, otherwise all pictures.
pub fn load_unseen(source: &Source, format: PictureFormat) -> Result<Pictures> {
    for unseen in [Part::Test, Part::Validation] {
        if let Some(pictures) = part(source, unseen, format)? {
            return Ok(pictures);
        }
    }
    data::load(source, format)
}

/// [`load_unseen`], labelled by [`relabelled`].
pub fn load_test(source: &Source, format: PictureFormat, classes: &[String]) -> Result<Pictures> {
    relabelled(load_unseen(source, format)?, &source.to_string(), classes)
}

/// Pictures whose labels are those of a classifier's `classes`, by the classes' names. Fails on a name that is not among
/// them; `from` is the source, for the message.
pub fn relabelled(mut pictures: Pictures, from: &str, classes: &[String]) -> Result<Pictures> {
    let label = |name: &String| {
        let found = classes.iter().position(|class| class == name);
        found.map(|label| label as u32).ok_or_else(|| {
            let classes = classes.join(", ");
            Error::Data(format!(
                "{from}: its class `{name}` is not one of the classifier's ({classes}); give pictures of those classes, or \
                 another classifier"
            ))
        })
    };
    // Names without pictures do not matter.
    let mut used = vec![false; pictures.classes.len()];
    pictures.labels.iter().for_each(|&label| used[label as usize] = true);
    let new = pictures.classes.iter().zip(used);
    let new =
        new.map(|(name, used)| if used { label(name).map(Some) } else { Ok(None) }).collect::<Result<Vec<_>>>()?;
    pictures.labels.iter_mut().for_each(|old| *old = new[*old as usize].expect("the label is used"));
    pictures.classes = classes.to_vec();
    Ok(pictures)
}

/// The validation or the test set that a source has beside the training set.
fn part(source: &Source, part: Part, format: PictureFormat) -> Result<Option<Pictures>> {
    match (source, part) {
        (Source::Synthetic, Part::Test) => Ok(Some(synthetic::digits(SYNTHETIC_TEST, synthetic::SEED + 1, format))),
        _ => data::load_part(source, part, format),
    }
}

/// Whether pictures are all of one class, which the training pictures do not have, as in the test sets of competitions: they
/// lie in a folder without class folders, or in a single one, such as `unknown`.
fn is_unlabelled(pictures: &Pictures, training: &Pictures) -> bool {
    matches!(&pictures.classes[..], [only] if !training.classes.contains(only))
}

/// Whether classes are named by their labels.
fn numbered(classes: &[String]) -> bool {
    classes.iter().zip(0..).all(|(class, label): (_, u32)| *class == label.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pictures(count: u32) -> Pictures {
        Pictures {
            format: PictureFormat { channels: 1, height: 1, width: 1 },
            pixels: (0..count as u8).collect(),
            labels: (0..count).map(|index| index % 3).collect(),
            classes: ["a", "b", "c"].map(String::from).to_vec(),
            name: "letters".into(),
            skipped: 0,
            reasons: vec![],
            about: Default::default(),
        }
    }

    #[test]
    fn a_part_is_held_out_for_good() {
        let all = pictures(50);
        let sets = Sets::split(all.clone(), 0.1, 3).unwrap();
        assert_eq!((sets.training.len(), sets.validation.len()), (45, 5));
        let mut pixels = [&sets.training.pixels[..], &sets.validation.pixels].concat();
        for (pixel, label) in sets.validation.pixels.iter().zip(&sets.validation.labels) {
            assert_eq!(u32::from(*pixel) % 3, *label);
        }
        pixels.sort_unstable();
        assert_eq!(pixels, all.pixels);
        assert_eq!(Sets::split(all.clone(), 0.1, 3).unwrap(), sets);
        assert_ne!(Sets::split(all.clone(), 0.1, 4).unwrap(), sets);
        assert!(Sets::split(pictures(1), 0.1, 3).unwrap_err().to_string().contains("too few"));
    }

    #[test]
    fn drawn_sets_do_not_overlap() {
        let config = LenetConfig::classic();
        let sets = Sets::load(&Source::Synthetic, &config).unwrap();
        assert_eq!((sets.training.len(), sets.validation.len()), (synthetic::COUNT, SYNTHETIC_TEST));
        assert_ne!(sets.training.pixels_of(0), sets.validation.pixels_of(0));
    }

    #[test]
    fn classes_go_by_name() {
        let folder = tempfile::tempdir().unwrap();
        for class in ["cat", "emu"] {
            let at = folder.path().join(class);
            std::fs::create_dir(&at).unwrap();
            image::GrayImage::from_pixel(4, 4, image::Luma([9])).save(at.join("1.png")).unwrap();
        }
        let source = Source::Path(folder.path().into());
        let format = LenetConfig::classic().format();
        let classes = |names: &[&str]| names.iter().map(|name| name.to_string()).collect::<Vec<_>>();
        let loaded = load_test(&source, format, &classes(&["bat", "emu", "cat"])).unwrap();
        assert_eq!(loaded.labels, [2, 1]);
        let error = load_test(&source, format, &classes(&["cat", "dog"])).unwrap_err().to_string();
        assert!(error.contains("`emu`") && error.contains("cat, dog"), "{error}");
    }
}
