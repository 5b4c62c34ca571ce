//! A run's configuration: flags over a file over a preset.
//!
//! A configuration is a struct that serde can write and read, with `deny_unknown_fields`; flags are one of the same
//! field names with `Option`s. A key may be written as the flag is: `critic-steps` is `critic_steps`.

use std::path::Path;

use serde::Serialize;
use serde::de::DeserializeOwned;
use toml::{Table, Value};

use crate::{Error, Result};

/// Resolves a configuration: the preset's values, over them the file's, over those the flags that are given.
///
/// Of the keys of `exclusive` (`steps` and `epochs`, say) a layer that sets one removes the others of the layers
/// below. An unknown key or a value of a wrong type fails, naming the file and the key.
pub fn resolve<C>(preset: &C, file: Option<&Path>, flags: &impl Serialize, exclusive: &[&str]) -> Result<C>
where
    C: Serialize + DeserializeOwned,
{
    let mut table = to_table(preset)?;
    if let Some(path) = file {
        let text = std::fs::read_to_string(path)
            .map_err(|error| Error::Config(format!("{}: cannot read: {error}", path.display())))?;
        overlay(&mut table, parse(path, &text)?, exclusive);
        check::<C>(&table, &path.display().to_string())?;
    }
    overlay(&mut table, to_table(flags)?, exclusive);
    check(&table, "the options")
}

/// Reads a configuration that [`to_text`] wrote.
pub fn from_text<C: DeserializeOwned>(path: &Path, text: &str) -> Result<C> {
    check(&parse(path, text)?, &path.display().to_string())
}

/// A configuration as TOML.
pub fn to_text(config: &impl Serialize) -> Result<String> {
    toml::to_string(config).map_err(|error| Error::Config(format!("the configuration cannot be written: {error}")))
}

fn to_table(config: &impl Serialize) -> Result<Table> {
    Table::try_from(config).map_err(|error| Error::Config(format!("the configuration cannot be written: {error}")))
}

fn parse(path: &Path, text: &str) -> Result<Table> {
    let table: Table = text.parse().map_err(|error: toml::de::Error| {
        let line = error.span().map_or(1, |span| 1 + text[..span.start].matches('\n').count());
        Error::Config(format!("{}: line {line}: {}; correct it", path.display(), error.message().replace('\n', ", ")))
    })?;
    Ok(table.into_iter().map(|(key, value)| (key.replace('-', "_"), value)).collect())
}

fn overlay(table: &mut Table, over: Table, exclusive: &[&str]) {
    if over.keys().any(|key| exclusive.contains(&key.as_str())) {
        table.retain(|key, _| !exclusive.contains(&key));
    }
    table.extend(over);
}

fn check<C: DeserializeOwned>(table: &Table, origin: &str) -> Result<C> {
    Value::Table(table.clone()).try_into().map_err(|error: toml::de::Error| {
        let text = error.to_string();
        Error::Config(format!("{origin}: {}; correct it", text.trim().replace('\n', ", ")))
    })
}

/// Serde for a field that is written as its text: `#[serde(with = "crate::run::config::text")]`.
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
    use serde::Deserialize;

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Config {
        lr: f64,
        critic_steps: u64,
        steps: Option<u64>,
        epochs: Option<u64>,
    }

    #[derive(Serialize, Default)]
    struct Flags {
        lr: Option<f64>,
        steps: Option<u64>,
    }

    fn resolved(file: &str, flags: Flags) -> Result<Config> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("my.toml");
        std::fs::write(&path, file).unwrap();
        let preset = Config { lr: 1.0, critic_steps: 1, steps: Some(10), epochs: None };
        resolve(&preset, Some(&path), &flags, &["steps", "epochs"])
    }

    #[test]
    fn flags_over_file_over_preset() {
        let config = resolved("critic-steps = 3\nlr = 0.5\n", Flags { lr: Some(0.25), ..Flags::default() }).unwrap();
        assert_eq!(config, Config { lr: 0.25, critic_steps: 3, steps: Some(10), epochs: None });
        let text = to_text(&config).unwrap();
        assert_eq!(from_text::<Config>(Path::new("x"), &text).unwrap(), config);
    }

    #[test]
    fn of_exclusive_keys_the_upper_layer_wins() {
        let config = resolved("epochs = 2", Flags::default()).unwrap();
        assert_eq!((config.steps, config.epochs), (None, Some(2)));
        let config = resolved("epochs = 2", Flags { steps: Some(7), ..Flags::default() }).unwrap();
        assert_eq!((config.steps, config.epochs), (Some(7), None));
    }

    #[test]
    fn mistakes_are_named() {
        for (file, wanted) in [("lr = 1.0\nlrr = 2", "lrr"), ("lr = \"fast\"", "lr"), ("lr = 1.0\n\nlr =", "line 3")] {
            let error = resolved(file, Flags::default()).unwrap_err().to_string();
            assert!(error.contains("my.toml") && error.contains(wanted) && !error.contains('\n'), "{error}");
        }
    }
}
