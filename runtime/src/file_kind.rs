//! What a file is, from its bytes: for messages about files that a program cannot take.

use std::fmt;

/// A kind of file that people give in place of a model or of weights.
///
/// Its text says what it is and what to do.
///
/// ```
/// use easel_runtime::FileKind;
///
/// let pointer = b"version https://git-lfs.github.com/spec/v1\noid sha256:";
/// assert_eq!(FileKind::of(pointer), Some(FileKind::LfsPointer));
/// assert!(FileKind::LfsPointer.to_string().contains("git lfs pull"));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FileKind {
    /// No bytes.
    Empty,
    /// Zeros only.
    Zeros,
    /// Tensors in safetensors.
    Safetensors,
    /// What `torch.save` writes, in either format.
    PyTorch,
    /// A pickle without tensors beside it.
    Pickle,
    /// A TorchScript archive.
    TorchScript,
    /// A program that `torch.export` saved (`.pt2`).
    TorchExport,
    /// The index of sharded weights.
    ShardIndex,
    /// A pointer that Git LFS keeps in place of a file.
    LfsPointer,
    /// A web page.
    Html,
    /// Other JSON.
    Json,
    /// Other XML.
    Xml,
    /// Other text.
    Text,
    /// A picture; its format's name.
    Picture(&'static str),
    /// Several NumPy arrays.
    Npz,
    /// A NumPy array.
    Npy,
    /// HDF5, as Keras writes.
    Hdf5,
    /// A Keras model.
    Keras,
    /// A LiteRT (TensorFlow Lite) model.
    TfLite,
    /// ONNX Runtime's own format.
    Ort,
    /// Weights of a language model for llama.cpp.
    Gguf,
    /// A tar archive.
    Tar,
    /// Another zip archive.
    Zip,
    /// A zip archive, which may be a PyTorch file, that ends too early.
    IncompleteZip,
    /// A compressed file; the program that unpacks it.
    Compressed(&'static str),
    /// PDF.
    Pdf,
}

/// The first bytes of formats.
const SIGNATURES: &[(&[u8], FileKind)] = &[
    (b"\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19", FileKind::PyTorch),
    (b"version https://git-lfs.github.com/spec/", FileKind::LfsPointer),
    (b"version https://hawser.github.com/spec/", FileKind::LfsPointer),
    (b"\x93NUMPY", FileKind::Npy),
    (b"\x89HDF\r\n\x1a\n", FileKind::Hdf5),
    (b"GGUF", FileKind::Gguf),
    (b"\x1f\x8b", FileKind::Compressed("gunzip")),
    (b"BZh", FileKind::Compressed("bunzip2")),
    (b"\xfd7zXZ\0", FileKind::Compressed("unxz")),
    (b"\x28\xb5\x2f\xfd", FileKind::Compressed("unzstd")),
    (b"7z\xbc\xaf\x27\x1c", FileKind::Compressed("7z x")),
    (b"Rar!\x1a\x07", FileKind::Compressed("unrar x")),
    (b"\x89PNG\r\n\x1a\n", FileKind::Picture("PNG")),
    (b"\xff\xd8\xff", FileKind::Picture("JPEG")),
    (b"GIF8", FileKind::Picture("GIF")),
    (b"%PDF-", FileKind::Pdf),
];

/// How much of a file is looked at to tell whether it is text.
const TEXT_BYTES: usize = 1024;

/// The longest JSON header of safetensors.
const MAX_SAFETENSORS_HEADER: u64 = 100_000_000;

impl FileKind {
    /// The kind of a file with these bytes; `None` where it is unknown, as ONNX models are.
    pub fn of(bytes: &[u8]) -> Option<Self> {
        if bytes.iter().all(|&byte| byte == 0) {
            return Some(if bytes.is_empty() { Self::Empty } else { Self::Zeros });
        }
        if let Some((_, kind)) = SIGNATURES.iter().find(|(signature, _)| bytes.starts_with(signature)) {
            return Some(*kind);
        }
        if bytes.starts_with(b"PK\x03\x04") {
            return Some(Self::of_zip(bytes));
        }
        let at = |from: usize, wanted: &[u8]| bytes.get(from..).is_some_and(|rest| rest.starts_with(wanted));
        if let (Some(&length), true) = (bytes.first_chunk(), at(8, b"{"))
            && u64::from_le_bytes(length) <= MAX_SAFETENSORS_HEADER
        {
            return Some(Self::Safetensors);
        }
        if at(257, b"ustar") {
            return Some(Self::Tar);
        }
        if bytes.starts_with(b"RIFF") && at(8, b"WEBP") {
            return Some(Self::Picture("WebP"));
        }
        match (at(4, b"TFL3"), at(4, b"ORTM")) {
            (true, _) => return Some(Self::TfLite),
            (_, true) => return Some(Self::Ort),
            _ => {}
        }
        // The protocol, and the opcode of a frame, a dictionary, a tuple or a name.
        if let [0x80, 2..=5, opcode, ..] = bytes
            && matches!(opcode, 0x95 | b'}' | b'(' | b'c' | b']')
        {
            return Some(Self::Pickle);
        }
        Self::of_text(bytes)
    }

    fn of_text(bytes: &[u8]) -> Option<Self> {
        let start = &bytes[..bytes.len().min(TEXT_BYTES)];
        let start = match str::from_utf8(start) {
            Ok(text) => text,
            // A character that is cut.
            Err(error) if error.error_len().is_none() => str::from_utf8(&start[..error.valid_up_to()]).ok()?,
            Err(_) => return None,
        };
        let start = start.trim_start_matches('\u{feff}').trim_start();
        if start.is_empty() || start.contains(|character: char| character.is_control() && !character.is_whitespace()) {
            return None;
        }
        let lower = start.to_ascii_lowercase();
        Some(if lower.starts_with("<!doctype html") || lower.starts_with("<html") || lower.contains("<head") {
            Self::Html
        } else if start.starts_with('<') {
            Self::Xml
        } else if start.starts_with(['{', '[']) {
            let is_index = |json: serde_json::Value| json.get("weight_map").is_some_and(serde_json::Value::is_object);
            match serde_json::from_slice(bytes).is_ok_and(is_index) {
                true => Self::ShardIndex,
                false => Self::Json,
            }
        } else {
            Self::Text
        })
    }

    fn of_zip(bytes: &[u8]) -> Self {
        let Some(names) = zip_names(bytes) else { return Self::IncompleteZip };
        let has = |wanted: &dyn Fn(&str) -> bool| names.iter().any(|name| wanted(name));
        // Names inside have a folder before them.
        let is =
            |name: &str, wanted: &str| name == wanted || name.strip_suffix(wanted).is_some_and(|it| it.ends_with('/'));
        if has(&|name| is(name, "model_weights_config.json") || is(name, "serialized_exported_program.json")) {
            Self::TorchExport
        } else if has(&|name| is(name, "constants.pkl")) && has(&|name| name.contains("code/")) {
            Self::TorchScript
        } else if has(&|name| is(name, "data.pkl")) {
            Self::PyTorch
        } else if has(&|name| name == "model.weights.h5") {
            Self::Keras
        } else if !names.is_empty() && names.iter().all(|name| name.ends_with(".npy")) {
            Self::Npz
        } else {
            Self::Zip
        }
    }
}

/// The names of a zip archive's entries, from its central directory, which an incomplete archive does not have.
fn zip_names(bytes: &[u8]) -> Option<Vec<String>> {
    const END: &[u8] = b"PK\x05\x06";
    const ENTRY: &[u8] = b"PK\x01\x02";
    let number = |at: usize, length: usize| {
        let digits = bytes.get(at..at.checked_add(length)?)?;
        Some(digits.iter().rev().fold(0, |number, &byte| number << 8 | usize::from(byte)))
    };
    let name =
        |at: usize, length: usize| Some(String::from_utf8_lossy(bytes.get(at..at.checked_add(length)?)?).into_owned());
    // The end record is followed by a comment of at most 65,535 bytes.
    let tail = bytes.len().saturating_sub(22 + 0xffff);
    let end = bytes[tail..].windows(END.len()).rposition(|window| window == END).map(|at| tail + at);
    let end = end?;
    let mut at = number(end + 16, 4)?;
    // In an archive of 4 GiB and more the offset is in another record, which a locator before this one gives.
    if at == 0xffff_ffff
        && let Some(locator) = end.checked_sub(20).filter(|&at| bytes[at..].starts_with(b"PK\x06\x07"))
    {
        at = number(number(locator + 8, 8)?.checked_add(48)?, 8)?;
    }
    let mut names = Vec::new();
    while bytes.get(at..).is_some_and(|rest| rest.starts_with(ENTRY)) {
        let [Some(length), Some(extra), Some(comment)] = [28, 30, 32].map(|field| number(at + field, 2)) else { break };
        names.extend(name(at + 46, length));
        at += 46 + length + extra + comment;
    }
    Some(names)
}

impl fmt::Display for FileKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Empty => "the file is empty; download or copy it again",
            Self::Zeros => "all its bytes are 0; download or copy it again",
            Self::Safetensors => "tensors in safetensors; export-onnx makes a model of the weights of a known network",
            Self::PyTorch => "a file that PyTorch saved; export-onnx makes a model of the weights of a known network",
            Self::Pickle => {
                "a bare pickle, such as the data.pkl inside a PyTorch file; give the whole file that torch.save wrote"
            }
            Self::TorchScript => {
                "a TorchScript archive, which is a program; save its weights with \
                 torch.save(torch.jit.load(FILE).state_dict(), NEW_FILE)"
            }
            Self::TorchExport => {
                "a program that torch.export saved; export-onnx makes a model of the weights of a known network, and \
                 torch.onnx.export of any"
            }
            Self::ShardIndex => "the index of weights in several files; keep these in its folder and give it to export-onnx",
            Self::LfsPointer => "a Git LFS pointer in place of the file; fetch the file with `git lfs pull`",
            Self::Html => "a web page, often the answer of a site to a failed download; download the file itself",
            Self::Json => "JSON; give the model or the weights themselves",
            Self::Xml => "XML; give the model or the weights themselves",
            Self::Text => "text; give the model or the weights themselves",
            Self::Picture(format) => return write!(f, "a picture ({format}); give the model or the weights themselves"),
            Self::Npz => {
                "NumPy arrays (.npz); turn them into safetensors with safetensors.numpy.save_file(dict(numpy.load(FILE)), \
                 NEW_FILE)"
            }
            Self::Npy => "a NumPy array (.npy); a network's weights are several, save them as safetensors",
            Self::Hdf5 => "HDF5, as Keras writes it (.h5); export the model from Keras with model.export(FILE, format=\"onnx\")",
            Self::Keras => "a Keras model (.keras); export it from Keras with model.export(FILE, format=\"onnx\")",
            Self::TfLite => "a LiteRT model (.tflite); give the ONNX file, or convert it with tf2onnx --tflite FILE",
            Self::Ort => "a model in ONNX Runtime's own format (.ort); give the .onnx file that it was made from",
            Self::Gguf => "weights for llama.cpp (GGUF), which no network here has; give a model of pictures",
            Self::Tar => "a tar archive; unpack it with tar -xf and give a file inside",
            Self::IncompleteZip => "a zip archive or PyTorch file that ends too early; download or copy it again",
            Self::Zip => "a zip archive; unpack it and give a file inside",
            Self::Compressed(program) => return write!(f, "a compressed file; unpack it with {program}"),
            Self::Pdf => "a PDF document; give the model or the weights themselves",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// An archive of empty entries.
    fn zip(names: &[&str]) -> Vec<u8> {
        let (mut entries, mut directory) = (Vec::new(), Vec::new());
        for name in names {
            let length = (name.len() as u16).to_le_bytes();
            entries.extend([b"PK\x03\x04", &[0; 22][..], &length, &[0; 2], name.as_bytes()].concat());
            directory.extend([b"PK\x01\x02", &[0; 24][..], &length, &[0; 16], name.as_bytes()].concat());
        }
        let start = (entries.len() as u32).to_le_bytes();
        [entries, directory, [b"PK\x05\x06", &[0; 12][..], &start, &[0; 2]].concat()].concat()
    }

    #[test]
    fn zip_archives_are_told_apart_by_their_entries() {
        for (names, kind) in [
            (&["m/data/weights/weight_0", "m/data/weights/model_weights_config.json"][..], FileKind::TorchExport),
            (&["serialized_exported_program.json", "version"], FileKind::TorchExport),
            (&["ts/data.pkl", "ts/code/__torch__.py", "ts/constants.pkl"], FileKind::TorchScript),
            (&["archive/data.pkl", "archive/data/0"], FileKind::PyTorch),
            (&["metadata.json", "config.json", "model.weights.h5"], FileKind::Keras),
            (&["w.npy", "b.npy"], FileKind::Npz),
            (&["model.onnx"], FileKind::Zip),
        ] {
            assert_eq!(FileKind::of(&zip(names)), Some(kind), "{names:?}");
        }
        // A download that stopped has no directory.
        let cut = &zip(&["archive/data.pkl", "archive/data/0"])[..50];
        assert_eq!(FileKind::of(cut), Some(FileKind::IncompleteZip));
    }

    #[test]
    fn text_is_told_apart() {
        let of = |text: &str| FileKind::of(text.as_bytes());
        assert_eq!(of("\n<!DOCTYPE HTML><html>"), Some(FileKind::Html));
        assert_eq!(of("<?xml version=\"1.0\"?><html xmlns=\"\"><head>"), Some(FileKind::Html));
        assert_eq!(of("<?xml version=\"1.0\"?><net name=\"m\">"), Some(FileKind::Xml));
        assert_eq!(of("{\"weight_map\": {\"a\": \"m-1.safetensors\"}}"), Some(FileKind::ShardIndex));
        assert_eq!(of("{\"model_type\": \"bert\"}"), Some(FileKind::Json));
        assert_eq!(of("7767517\n3 3\n"), Some(FileKind::Text));
        // A character is cut at the end of what is looked at.
        assert_eq!(of(&format!("x{}", "é".repeat(1000))), Some(FileKind::Text));
    }

    #[test]
    fn formats_are_recognised_by_their_signature() {
        let tar = [&[b'a'; 100][..], &[0; 157], b"ustar\0"].concat();
        for (bytes, kind) in [
            (&b""[..], FileKind::Empty),
            (&[0; 64], FileKind::Zeros),
            (&tar, FileKind::Tar),
            (b"\x40\0\0\0\0\0\0\0{\"a\":", FileKind::Safetensors),
            (b"\x1f\x8b\x08\0", FileKind::Compressed("gunzip")),
            (b"\x80\x04\x95\x10\0\0\0\0\0\0\0", FileKind::Pickle),
            (b"\x80\x02}q\0", FileKind::Pickle),
            (b"\x1c\0\0\0TFL3", FileKind::TfLite),
            (b"\x89HDF\r\n\x1a\n\0", FileKind::Hdf5),
        ] {
            assert_eq!(FileKind::of(bytes), Some(kind));
        }
        // A model: version, producer, graph.
        assert_eq!(FileKind::of(b"\x08\x08\x12\x07pytorch\x3a\x02\x0a\0"), None);
    }

    proptest! {
        #[test]
        fn any_bytes_are_survived(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = FileKind::of(&bytes);
            let _ = FileKind::of(&[b"PK\x03\x04", &bytes[..]].concat());
            let _ = FileKind::of(&[b"PK\x03\x04", &bytes[..], b"PK\x05\x06", &bytes].concat());
        }
    }
}
