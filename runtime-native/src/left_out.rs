//! Files in a folder that are left out, since they are not pictures that can be read.

use std::fmt;
use std::path::{Path, PathBuf};

use easel_pictures::{Content, OtherFormat, identify, is_picture_name};
use serde_json::Value;

/// A file that is left out. Its text is the reason, in one line without the path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct LeftOut {
    pub path: PathBuf,
    /// Its format, if that is known.
    format: Option<OtherFormat>,
}

impl LeftOut {
    /// Whether a file in a folder is left out, by its content. A file that says in its name that it is a picture, and
    /// whose content is unknown, is not: it is damaged.
    pub fn check(path: &Path) -> Option<Self> {
        let format = match identify(path) {
            Ok(Content::Picture(_)) => return None,
            Ok(Content::Other(format)) => Some(format),
            // What cannot be opened is reported when it is read.
            Ok(Content::Unknown) | Err(_) if is_picture_name(path) => return None,
            Ok(Content::Unknown) | Err(_) => None,
        };
        Some(Self { path: path.to_owned(), format })
    }

    /// The kind of file, by which they are counted.
    pub fn kind(&self) -> &'static str {
        self.format.map_or("not a picture", OtherFormat::name)
    }
}

impl fmt::Display for LeftOut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.format {
            Some(format) => format.fmt(f),
            None => f.write_str("not a picture"),
        }
    }
}

/// The kinds of files in the order in which they were found, each with its first file and how many there are.
fn kinds(files: &[LeftOut]) -> Vec<(&LeftOut, usize)> {
    let mut kinds: Vec<(&LeftOut, usize)> = vec![];
    for file in files {
        match kinds.iter_mut().find(|(first, _)| first.kind() == file.kind()) {
            Some((_, count)) => *count += 1,
            None => kinds.push((file, 1)),
        }
    }
    kinds
}

/// A line for each kind of file that is left out: the first one, how many there are, and what to do.
pub(crate) fn notes(files: &[LeftOut]) -> impl Iterator<Item = String> {
    kinds(files).into_iter().map(|(first, count)| {
        let more = if count > 1 { format!(" and {} more", count - 1) } else { String::new() };
        format!("note: {}{more}: left out: {first}", first.path.display())
    })
}

/// How many files of each kind are left out, for JSON.
pub(crate) fn counts(files: &[LeftOut]) -> Value {
    Value::Object(kinds(files).into_iter().map(|(first, count)| (first.kind().to_owned(), count.into())).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;
    use std::fs;

    #[test]
    fn content_decides() {
        let folder = tempfile::tempdir().unwrap();
        let check = |name: &str, bytes: &[u8]| {
            let path = folder.path().join(name);
            fs::write(&path, bytes).unwrap();
            LeftOut::check(&path).map(|left_out| left_out.kind())
        };
        let jpeg = b"\xff\xd8\xff\xe0";
        let video = b"\0\0\0\x10ftypisom\0\0\0\0";
        for name in ["a.JPE", "b.jpg_large", "c.heic", "d", "e.txt"] {
            assert_eq!(check(name, jpeg), None, "{name}");
        }
        assert_eq!((check("f.mp4", video), check("f.jpg", video)), (Some("video"), Some("video")));
        assert_eq!(check("g.CR2", b"II*\0\x10\0\0\0CR\x02\0"), Some("camera raw"));
        assert_eq!((check("h.txt", b"text"), check("i", b"")), (Some("not a picture"), Some("not a picture")));
        // These are damaged.
        assert_eq!((check("j.PNG", b"text"), check("k.heic", b"")), (None, None));
    }

    #[test]
    fn each_kind_has_a_note_and_a_count() {
        let file = |path: &str, format| LeftOut { path: path.into(), format };
        let raw = Some(OtherFormat::CameraRaw("Canon CR3"));
        let files = [file("a.cr3", raw), file("b.txt", None), file("c.cr3", raw), file("d.cr3", raw)];
        let notes: Vec<_> = notes(&files).collect();
        assert!(
            notes.len() == 2 && notes[0].contains("a.cr3 and 2 more") && notes[0].contains("Canon CR3"),
            "{notes:?}"
        );
        assert!(notes[1].contains("b.txt: "), "{notes:?}");
        assert_eq!(counts(&files), json!({ "camera raw": 3, "not a picture": 1 }));
    }
}
