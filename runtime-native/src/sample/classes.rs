//! The classes that are asked for, and their folders.

use easel_runtime::ModelCard;

use crate::error::ClassError;

/// How many names an error lists.
const MOST_LISTED: usize = 20;

/// The labels of a list, in its order; all of them if it is empty. An entry is the name of a class, in any case if that is
/// unambiguous, a number, or a range of either that includes both ends. Fails on an unknown class, and on one that is named
/// twice.
pub fn labels(asked: &[String], names: &[String], count: usize) -> Result<Vec<usize>, ClassError> {
    if asked.is_empty() {
        return Ok((0..count).collect());
    }
    let one = |text: &str| {
        let named = names.iter().position(|name| name == text);
        let named = named.or_else(|| names.iter().position(|name| name.eq_ignore_ascii_case(text)));
        named.or_else(|| text.parse().ok().filter(|&label| label < count))
    };
    let mut labels = Vec::new();
    for entry in asked.iter().map(|entry| entry.trim()) {
        let ends = match (one(entry), entry.split_once('-')) {
            (Some(label), _) => Some((label, label)),
            (None, Some((first, last))) => one(first.trim()).zip(one(last.trim())),
            (None, None) => None,
        };
        let (first, last) = ends.ok_or_else(|| unknown(entry, names, count))?;
        if first > last {
            return Err(ClassError::Backwards { range: entry.into() });
        }
        if let Some(twice) = (first..=last).find(|label| labels.contains(label)) {
            return Err(ClassError::Repeated { class: name(names, twice) });
        }
        labels.extend(first..=last);
    }
    Ok(labels)
}

fn unknown(entry: &str, names: &[String], count: usize) -> ClassError {
    let mut known = format!("0 to {}", count - 1);
    if (0..names.len()).any(|label| name(names, label) != label.to_string()) {
        let more = if names.len() > MOST_LISTED { ", ..." } else { "" };
        let listed: Vec<&str> = names.iter().take(MOST_LISTED).map(String::as_str).collect();
        known = format!("{known}, by name {}{more}", listed.join(", "));
    }
    ClassError::Unknown { class: entry.into(), known }
}

/// The name of a class, or its number.
pub fn name(names: &[String], label: usize) -> String {
    names.get(label).cloned().unwrap_or_else(|| label.to_string())
}

/// The folder of a class: its name if every class has one that can be a folder's and they sort like the labels, since that
/// is how folders become labels again; or else its number.
pub fn folder(card: &ModelCard, label: usize, count: usize) -> String {
    let names = &card.classes;
    if names.len() == count && names.iter().all(|name| is_plain(name)) && names.is_sorted_by(|a, b| a < b) {
        names[label].clone()
    } else {
        format!("{label:0digits$}", digits = (count - 1).to_string().len())
    }
}

/// Whether a name is that of a folder on every system.
fn is_plain(name: &str) -> bool {
    let odd = |letter: char| letter.is_control() || r#"<>:"/\|?*"#.contains(letter);
    !name.is_empty()
        && name.len() <= 100
        && !name.starts_with('.')
        && !name.ends_with(['.', ' '])
        && !name.contains(odd)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(names: &[&str]) -> Vec<String> {
        names.iter().map(|name| name.to_string()).collect()
    }

    fn asked(text: &str, names: &[String], count: usize) -> Result<Vec<usize>, ClassError> {
        labels(&text.split(',').map(str::to_owned).collect::<Vec<_>>(), names, count)
    }

    #[test]
    fn lists_keep_their_order() {
        let of = |text: &str| asked(text, &[], 10);
        assert_eq!(labels(&[], &[], 3).unwrap(), [0, 1, 2]);
        assert_eq!(of("3").unwrap(), [3]);
        assert_eq!(of("7-9, 1,4").unwrap(), [7, 8, 9, 1, 4]);
        for class in ["10", "0-10", "dress", "", "-3", "1.5"] {
            assert_eq!(of(class), Err(ClassError::Unknown { class: class.into(), known: "0 to 9".into() }));
        }
        assert_eq!(of("3-1"), Err(ClassError::Backwards { range: "3-1".into() }));
        assert_eq!(of("0-5,3"), Err(ClassError::Repeated { class: "3".into() }));
    }

    #[test]
    fn names_come_before_numbers() {
        let names = names(&["T-shirt", "dress", "7", "DRESS"]);
        let of = |text: &str| asked(text, &names, 4);
        assert_eq!(of("dress").unwrap(), [1]);
        assert_eq!(of("DRESS,t-shirt").unwrap(), [3, 0]);
        assert_eq!(of("dress-7,0").unwrap(), [1, 2, 0]);
        assert_eq!(of("2").unwrap(), of("7").unwrap());
        let known = "0 to 3, by name T-shirt, dress, 7, DRESS".into();
        assert_eq!(of("hat"), Err(ClassError::Unknown { class: "hat".into(), known }));
    }

    #[test]
    fn folders_sort_as_labels_do() {
        let json = r#"{"schema":1,"title":"","kind":"stylizer","architecture":{"name":"","sizes":{}},
            "picture":{"channels":1,"size":{"fixed":{"height":1,"width":1}}},"provenance":{"weights_sha256":"","program":""},
            "licence":"","verification":{"engine":"","max_difference":0.0,"shapes":[]}}"#;
        let of = |named: &[&str], label, count| {
            folder(&ModelCard { classes: names(named), ..ModelCard::from_json(json).unwrap() }, label, count)
        };
        assert_eq!(of(&["cat", "dog"], 1, 2), "dog");
        assert_eq!([of(&[], 3, 10), of(&[], 3, 11)], ["3", "03"]);
        for odd in [&["dog", "cat"][..], &["../x", "x"], &["", "x"], &["a", "a/b"], &["a", "a"], &[".a", "x"]] {
            assert_eq!(of(odd, 1, 2), "1", "{odd:?}");
        }
    }
}
