//! Words of commands that are printed to be copied.

use std::ffi::OsStr;
use std::path::Path;

/// A word of a command for a POSIX shell, quoted where it needs to be. What a terminal cannot show (bytes that are not
/// UTF-8) becomes U+FFFD.
///
/// ```
/// use easel_console::quoted;
/// assert_eq!(quoted("runs/00003-gan-mnist"), "runs/00003-gan-mnist");
/// assert_eq!(quoted("it's"), r#""it's""#);
/// ```
pub fn quoted(word: impl AsRef<OsStr>) -> String {
    let text = word.as_ref().to_string_lossy();
    // Words hold no NUL, the only character that cannot be quoted.
    shlex::try_quote(&text).map_or_else(|_| text.replace('\0', ""), |quoted| quoted.into_owned())
}

/// A path as a word of a command, as in [`quoted`]. One that begins with `-` gets `./` in front, since programs would take
/// it for a flag.
pub fn quoted_path(path: &Path) -> String {
    if path.as_os_str().as_encoded_bytes().starts_with(b"-") {
        return quoted(Path::new(".").join(path));
    }
    quoted(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shell_reads_back_what_was_quoted() {
        for word in ["", "a", "my runs", "it's", "$HOME", "a;b", "*", "~", "`x`", "ü", "a\"b", "a\nb", "#c", "!x", "-o"]
        {
            assert_eq!(shlex::split(&quoted(word)), Some(vec![word.to_string()]), "{word}");
        }
        assert_eq!(quoted_path(Path::new("plain/path_1.onnx")), "plain/path_1.onnx");
        assert_eq!(quoted_path(Path::new("-o")), "./-o");
    }
}
