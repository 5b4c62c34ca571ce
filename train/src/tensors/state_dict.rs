//! The dictionaries of tensors among the objects of a pickle.

use std::collections::{BTreeMap, HashSet, VecDeque};

use super::contents::{Data, Dictionary, Entry, Found};
use super::pickle::{Id, Object, Objects};
use super::rebuild;

/// The deepest nesting that is searched. No checkpoint needs more.
const MAX_DEPTH: usize = 6;

/// The most objects of other programs that are remembered.
const MOST_OBJECTS: usize = 64;

/// Finds the dictionaries of tensors, the outermost first, then by depth, and in the file's order, and the first objects of
/// other programs' classes. Fails where there is no such dictionary.
pub fn find(objects: &Objects, outermost: Id) -> Result<Found, String> {
    let (mut found, mut whole, mut seen) = (Vec::new(), Vec::new(), HashSet::from([outermost]));
    let mut next = VecDeque::from([(outermost, Vec::new())]);
    while let Some((id, keys)) = next.pop_front() {
        if let Object::Dict(items) = objects.get(id) {
            let mut entries = BTreeMap::new();
            for (key, value) in items {
                let Some(key) = key_text(objects, *key) else { continue };
                // A name within a module is that of a parameter, whatever stands in its place.
                let other = || key.contains('.').then(|| not_a_tensor(objects, *value));
                let Some(entry) = entry(objects, *value).or_else(other) else { continue };
                if whole.len() < MOST_OBJECTS
                    && matches!(entry.data, Data::Object(_))
                    && let Some(class) = class(objects, *value)
                {
                    whole.push(([&keys[..], &[key.to_string()]].concat(), class));
                }
                entries.insert(key.to_string(), entry);
            }
            if entries.values().any(|entry| !matches!(entry.data, Data::Object(_))) {
                found.push(Dictionary { keys: keys.clone(), entries });
            }
        }
        if keys.len() < MAX_DEPTH {
            for (key, child) in children(objects, id) {
                if seen.insert(child) {
                    next.push_back((child, [&keys[..], &[key]].concat()));
                }
            }
        }
    }
    if found.is_empty() { Err(nothing(objects, outermost)) } else { Ok(Found { dictionaries: found, objects: whole }) }
}

/// The dictionaries and lists in a dictionary, and the dictionaries in a list, with their keys.
fn children(objects: &Objects, id: Id) -> Vec<(String, Id)> {
    let is_dictionary = |id: &Id| matches!(objects.get(*id), Object::Dict(_));
    match objects.get(id) {
        Object::Dict(items) => {
            let child = |(key, value): &(Id, Id)| {
                let key = key_text(objects, *key)?;
                (is_dictionary(value) || objects.elements(*value).is_some()).then_some((key, *value))
            };
            items.iter().filter_map(child).collect()
        }
        Object::List(elements) | Object::Tuple(elements) => {
            let elements = elements.iter().enumerate().filter(|(_, element)| is_dictionary(element));
            elements.map(|(at, element)| (at.to_string(), *element)).collect()
        }
        _ => Vec::new(),
    }
}

/// A key as text.
fn key_text(objects: &Objects, id: Id) -> Option<String> {
    match objects.get(id) {
        Object::Text(text) => Some(text.clone()),
        Object::Int(number) => Some(number.to_string()),
        _ => None,
    }
}

/// A value in the place of a tensor.
fn not_a_tensor(objects: &Objects, id: Id) -> Entry {
    let what = match objects.get(id) {
        Object::Dict(_) => "a dictionary",
        Object::Int(_) => "a number",
        Object::Text(_) => "text",
        _ => "None or another value",
    };
    Entry { shape: None, dtype: String::new(), data: Data::Object(what.into()) }
}

/// A value that may be meant as a tensor.
fn entry(objects: &Objects, id: Id) -> Option<Entry> {
    let object = |what: String| Some(Entry { shape: None, dtype: String::new(), data: Data::Object(what) });
    match objects.get(id) {
        Object::Call(..) => rebuild::tensor(objects, id).or_else(|| {
            let class = class(objects, id).unwrap_or("an unknown class".into());
            object(format!("an object of `{}`", class.escape_debug()))
        }),
        Object::List(_) | Object::Tuple(_) => object("a list".into()),
        Object::Outside(_) => object("a storage".into()),
        _ => None,
    }
}

/// The reason why a file has no dictionary of tensors.
fn nothing(objects: &Objects, outermost: Id) -> String {
    let inside = match objects.get(outermost) {
        Object::Dict(items) => items.iter().find_map(|(_, value)| class(objects, *value)),
        _ => class(objects, outermost),
    };
    match inside {
        Some(class) => format!(
            "it holds a whole object, of `{}`, which only its program can read; save its weights \
             alone: torch.save(network.state_dict(), FILE)",
            class.escape_debug()
        ),
        None => "it holds no dictionary of tensors; save one: torch.save(network.state_dict(), FILE)".into(),
    }
}

/// The class of an object that is neither a builtin nor a tensor.
fn class(objects: &Objects, id: Id) -> Option<String> {
    let Object::Call(function, arguments) = objects.get(id) else { return None };
    let class = match objects.get(*function) {
        // The older format has a class together with its source: `("module", class, file, source)`.
        Object::Outside(description) => objects.get(*objects.elements(*description)?.get(1)?),
        // Protocols before 2 name the class among the arguments.
        Object::Global(name) if name == "copy_reg _reconstructor" => {
            objects.get(*objects.elements(*arguments)?.first()?)
        }
        other => other,
    };
    match class {
        Object::Global(name) if !name.starts_with("torch._utils ") => Some(name.replace(' ', ".")),
        _ => None,
    }
}
