//! Settings as flags.

use clap::Command;
use clap::builder::{PossibleValuesParser, TypedValueParser};
use serde::de::{DeserializeOwned, IntoDeserializer, value::Error};
use toml::Value;

use super::{Settings, table_of};
use crate::Result;

/// Parses a name as serde does, for an enum of another crate.
pub fn parser<T>(names: &'static [&'static str]) -> impl TypedValueParser<Value = T>
where
    T: DeserializeOwned + Clone + Send + Sync + 'static,
{
    PossibleValuesParser::new(names).try_map(|name| T::deserialize(IntoDeserializer::<Error>::into_deserializer(name)))
}

/// Gives a command's flags the values of settings as their defaults, so that its help shows them.
pub fn defaults<S: Settings>(command: Command, settings: &S) -> Result<Command> {
    let table = table_of(settings)?;
    let flags: Vec<_> = command.get_arguments().map(|flag| flag.get_id().clone()).collect();
    Ok(flags.into_iter().fold(command, |command, id| {
        let value = table.get(id.as_str()).map(text).filter(|value| !value.is_empty());
        command.mut_arg(id, |flag| {
            let flag = flag.allow_negative_numbers(true);
            match value {
                Some(value) => flag.required(false).default_value(value),
                None => flag,
            }
        })
    }))
}

/// A value as typed on the command line.
fn text(value: &Value) -> String {
    let joined = |values: Vec<String>| values.join(",");
    match value {
        Value::String(text) => text.clone(),
        Value::Array(values) => joined(values.iter().map(text).collect()),
        Value::Table(table) => joined(table.iter().map(|(name, value)| format!("{name}={value}")).collect()),
        other => other.to_string(),
    }
}
