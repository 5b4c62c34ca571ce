//! Text from files of others on a terminal.

use std::borrow::Cow;

/// Text whose control characters are escaped: a terminal would obey them. So are those that reorder what is read (Unicode's
/// bidirectional controls).
///
/// ```
/// use easel_runtime::text::escaped;
///
/// assert_eq!(escaped("fc.weight"), "fc.weight");
/// assert_eq!(escaped("fc\u{1b}[2J\n"), "fc\\u{1b}[2J\\n");
/// ```
pub fn escaped(text: &str) -> Cow<'_, str> {
    if !text.contains(is_unsafe) {
        return Cow::Borrowed(text);
    }
    let escape = |character: char| match is_unsafe(character) {
        true => character.escape_debug().to_string(),
        false => character.to_string(),
    };
    Cow::Owned(text.chars().map(escape).collect())
}

fn is_unsafe(character: char) -> bool {
    let reorders =
        matches!(character, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    character.is_control() || reorders
}

/// A message as one line that a terminal can show: without the backtrace that candle's errors end in where
/// `RUST_BACKTRACE` is set, line breaks as spaces, other control characters escaped.
///
/// ```
/// use easel_runtime::text::one_line;
///
/// assert_eq!(one_line("no such type\n   0: candle_core::error\n  at /home/me/a.rs"), "no such type");
/// assert_eq!(one_line("first\nsecond\u{7}"), "first second\\u{7}");
/// ```
pub fn one_line(message: &str) -> String {
    let is_frame = |line: &str| {
        let number = line.trim_start().split_once(": ").map_or("", |(number, _)| number);
        !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit())
    };
    let lines: Vec<_> = message.lines().take_while(|line| !is_frame(line)).collect();
    escaped(lines.join(" ").trim_end()).into_owned()
}
