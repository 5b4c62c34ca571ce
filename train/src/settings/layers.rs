//! Layers of settings: presets, files and flags.

use std::path::Path;

use toml::{Table, Value};

use super::{Name, Settings};
use crate::{Error, Result};

/// Settings from several layers, by their keys in a TOML file.
#[derive(Debug, Clone)]
pub struct Layers {
    table: Table,
    names: Vec<Name>,
    exclusive: &'static [&'static str],
}

impl Layers {
    /// The lowest layer, a preset. The keys of `exclusive` are mutually exclusive: a layer that sets one unsets the others
    /// of lower layers.
    pub fn new<S: Settings>(preset: &S, exclusive: &'static [&'static str]) -> Result<Self> {
        Ok(Self { table: table_of(preset)?, names: S::names(), exclusive })
    }

    /// Adds a TOML file as a layer. Keys may have hyphens or names of earlier versions.
    ///
    /// Fails on a file that cannot be read, an unknown key and a value of a wrong type; the error names the file.
    pub fn file<S: Settings>(&mut self, path: &Path) -> Result<()> {
        let text =
            std::fs::read_to_string(path).map_err(|error| Error::unreadable(path, format!("cannot read: {error}")))?;
        let table: Table = text.parse().map_err(|error: toml::de::Error| {
            let line = error.span().map_or(1, |span| 1 + text[..span.start].matches('\n').count());
            Error::unreadable(path, format!("line {line}: {}", error.message().replace('\n', ", ")))
        })?;
        let mut layer = Table::new();
        for (key, value) in table {
            let name = self.known(&key, path)?;
            if layer.insert(name.to_string(), value).is_some() {
                return Err(Error::unreadable(path, format!("`{key}` is another name of `{name}`; keep one of them")));
            }
        }
        // Each alone, so that an error names its setting: serde does not for those that are flattened.
        for (name, value) in &layer {
            let mut alone = self.clone();
            alone.overlay(Table::from_iter([(name.clone(), value.clone())]));
            alone.resolve::<S>().map_err(|error| Error::unreadable(path, format!("{name}: {error}")))?;
        }
        self.overlay(layer);
        self.resolve::<S>().map(drop).map_err(|error| Error::unreadable(path, error))
    }

    /// Adds single values as a layer: the settings of `from` with these names.
    pub fn typed<S: Settings>(&mut self, from: &S, names: &[&str]) -> Result<()> {
        let table = table_of(from)?.into_iter().filter(|(key, _)| names.contains(&key.as_str())).collect();
        self.overlay(table);
        Ok(())
    }

    /// The settings.
    pub fn resolve<S: Settings>(&self) -> Result<S> {
        Value::Table(self.table.clone())
            .try_into()
            .map_err(|error: toml::de::Error| Error::Config(error.to_string().trim().replace('\n', ", ")))
    }

    fn overlay(&mut self, over: Table) {
        if over.keys().any(|key| self.exclusive.contains(&key.as_str())) {
            self.table.retain(|key, _| !self.exclusive.contains(&key));
        }
        self.table.extend(over);
    }

    /// The current name of a key.
    fn known(&self, key: &str, path: &Path) -> Result<&'static str> {
        let wanted = key.replace('-', "_");
        let present = self.names.iter().find(|name| name.name == wanted);
        let former = || {
            let is_former = |former: &&str| former.replace('-', "_") == wanted;
            self.names.iter().find(|name| name.former.iter().any(is_former))
        };
        present.or_else(former).map(|name| name.name).ok_or_else(|| Error::UnknownSetting {
            path: path.to_path_buf(),
            name: key.to_string(),
            nearest: nearest(&wanted, &self.names).map(String::from),
        })
    }
}

/// Settings as a TOML file that [`Layers::file`] reads, in the order of their declaration.
pub fn to_text<S: Settings>(settings: &S) -> Result<String> {
    let table = table_of(settings)?;
    let lines = S::names().into_iter().filter_map(|Name { name, .. }| Some(format!("{name} = {}\n", table.get(name)?)));
    Ok(lines.collect())
}

/// Settings by name, without unset ones.
pub(crate) fn table_of<S: Settings>(settings: &S) -> Result<Table> {
    Table::try_from(settings).map_err(|error| {
        Error::Config(format!("the settings cannot be written: {error}; numbers may not exceed {}", i64::MAX))
    })
}

/// The likeness from which on a name is a suggestion, in thousandths.
const SIMILAR: usize = 400;

/// The name that is most similar to a mistyped one, if one is similar, by the share of common letter pairs (Dice's coefficient).
fn nearest(mistyped: &str, names: &[Name]) -> Option<&'static str> {
    let pairs = |text: &str| text.as_bytes().windows(2).map(<[u8]>::to_vec).collect::<Vec<_>>();
    let wanted = pairs(mistyped);
    let likeness = |name: &str| {
        let found = pairs(name);
        let both = wanted.iter().filter(|pair| found.contains(pair)).count();
        2 * both * 1000 / (wanted.len() + found.len()).max(1)
    };
    names.iter().map(|name| name.name).filter(|name| likeness(name) >= SIMILAR).max_by_key(|name| likeness(name))
}

/// Serde for a field in the form of its text.
pub mod text {
    use std::fmt::Display;
    use std::str::FromStr;

    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    /// Writes the value's text.
    pub fn serialize<S: Serializer>(value: &impl Display, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(value)
    }

    /// Reads the value from its text.
    pub fn deserialize<'de, D, T>(deserializer: D) -> Result<T, D::Error>
    where
        D: Deserializer<'de>,
        T: FromStr<Err: Display>,
    {
        String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    crate::settings! {
        /// Settings of a kind that recipes have.
        pub struct Inner {
            /// The learning rate
            #[was("learning-rate")]
            pub lr: f64,
            /// Steps in all
            pub steps: Option<u64>,
            /// In place of steps
            pub epochs: Option<u64>,
        }
    }

    crate::settings! {
        /// Settings that flatten others.
        pub struct Outer {
            /// Steps of the critic
            #[was("n-critic")]
            pub critic_steps: u64,
            ..inner: Inner,
        }
    }

    const PRESET: Outer = Outer { critic_steps: 1, inner: Inner { lr: 1.0, steps: Some(10), epochs: None } };

    fn with_file(text: &str) -> Result<Layers> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("my.toml");
        std::fs::write(&path, text).unwrap();
        let mut layers = Layers::new(&PRESET, &["steps", "epochs"])?;
        layers.file::<Outer>(&path)?;
        Ok(layers)
    }

    #[test]
    fn typed_values_go_over_a_file_over_a_preset() {
        let mut layers = with_file("n_critic = 3\nlearning-rate = 0.5\n").unwrap();
        let typed = Outer { critic_steps: 9, inner: Inner { lr: 0.25, steps: None, epochs: Some(9) } };
        layers.typed(&typed, &["lr"]).unwrap();
        let settings: Outer = layers.resolve().unwrap();
        assert_eq!(settings, Outer { critic_steps: 3, inner: Inner { lr: 0.25, ..PRESET.inner } });
        let again: Outer = with_file(&to_text(&settings).unwrap()).unwrap().resolve().unwrap();
        assert_eq!(again, settings);
    }

    #[test]
    fn of_exclusive_settings_the_upper_layer_wins() {
        let mut layers = with_file("epochs = 2").unwrap();
        let of = |layers: &Layers| {
            let Inner { steps, epochs, .. } = layers.resolve::<Outer>().unwrap().inner;
            (steps, epochs)
        };
        assert_eq!(of(&layers), (None, Some(2)));
        layers.typed(&PRESET, &["steps"]).unwrap();
        assert_eq!(of(&layers), (Some(10), None));
    }

    #[test]
    fn mistakes_are_named() {
        match with_file("lr = 1.0\ncritic_step = 2").unwrap_err() {
            Error::UnknownSetting { path, name, nearest } => {
                assert!(path.ends_with("my.toml"));
                assert_eq!((name.as_str(), nearest.as_deref()), ("critic_step", Some("critic_steps")));
            }
            other => panic!("{other:?}"),
        }
        assert!(matches!(with_file("zebra = 1"), Err(Error::UnknownSetting { nearest: None, .. })));
        for (text, wanted) in [
            ("lr = \"fast\"", "lr: "),
            ("lr = 1.0\nlearning_rate = 2.0", "another name"),
            ("lr = 1.0\n\nlr =", "line 3"),
        ] {
            let error = with_file(text).unwrap_err();
            assert!(matches!(&error, Error::Unreadable { path, .. } if path.ends_with("my.toml")), "{error:?}");
            let line = error.to_string();
            assert!(line.contains(wanted) && !line.contains('\n'), "{line}");
        }
    }
}
