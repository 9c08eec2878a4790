//! Names on a terminal. A file's name, and still more a name inside an image, can hold newlines,
//! terminal commands and characters that turn the text around: none of them may reach the screen.

use std::borrow::Cow;
use std::fmt::Write;
use std::path::Path;

/// A name as text: control characters and bytes that are not UTF-8 as `\xNN`, other characters
/// that are not seen as `\u{NNNN}`, a backslash doubled, so that no two names look the same.
pub(crate) fn name(bytes: &[u8]) -> String {
    let (bytes, whole) = (cut(bytes), bytes.len());
    let mut text = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        for character in chunk.valid().chars() {
            match character {
                '\\' => text.push_str("\\\\"),
                _ => push(&mut text, character),
            }
        }
        for byte in chunk.invalid() {
            push_byte(&mut text, *byte);
        }
    }
    if bytes.len() < whole {
        text.push_str(&format!("… ({whole} bytes)"));
    }
    text
}

/// As much of a name as a path can have, and the directory before it: the name of a data file may be as
/// long as a cluster, and no such file can be there.
pub(crate) fn cut(name: &[u8]) -> &[u8] {
    const MOST: usize = 2 * 4096;
    name.get(..MOST).unwrap_or(name)
}

/// A path as text; see [`name`].
pub(crate) fn path(path: &Path) -> String {
    name(path.as_os_str().as_encoded_bytes())
}

/// A sentence that may hold parts of names, escaped already or not: what a terminal would obey is
/// taken out, and backslashes stay as they are.
pub(crate) fn words(text: &str) -> Cow<'_, str> {
    if !text.chars().any(is_unseen) {
        return Cow::Borrowed(text);
    }
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        push(&mut escaped, character);
    }
    Cow::Owned(escaped)
}

/// JSON in which characters that are not seen stand as `\u`: JSON itself demands that only of the first 32, and a
/// terminal obeys U+009B as well as ESC `[`. `None` if there are none.
pub(crate) fn json(bytes: &[u8]) -> Option<String> {
    let text = match bytes.iter().any(|byte| *byte >= 0x7f) {
        true => std::str::from_utf8(bytes).ok()?,
        false => return None,
    };
    let is_meant = |character: char| character >= '\u{7f}' && is_unseen(character);
    if !text.chars().any(is_meant) {
        return None;
    }
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        if is_meant(character) {
            for unit in character.encode_utf16(&mut [0; 2]) {
                // Writing to a string cannot fail.
                write!(escaped, "\\u{unit:04x}").ok();
            }
        } else {
            escaped.push(character);
        }
    }
    Some(escaped)
}

/// A path as an argument that can be pasted into a shell.
pub(crate) fn shell(path: &Path) -> String {
    let bytes = path.as_os_str().as_encoded_bytes();
    let plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"/._-+,:@%=".contains(byte);
    match std::str::from_utf8(bytes) {
        Ok(text) if !text.is_empty() && bytes.iter().all(plain) => text.to_owned(),
        Ok(text) if !text.chars().any(is_unseen) => format!("'{}'", text.replace('\'', "'\\''")),
        _ => {
            let mut quoted = String::from("$'");
            for byte in bytes {
                match byte {
                    b'\'' | b'\\' => quoted.extend(['\\', char::from(*byte)]),
                    0x20..=0x7e => quoted.push(char::from(*byte)),
                    _ => push_byte(&mut quoted, *byte),
                }
            }
            quoted.push('\'');
            quoted
        }
    }
}

fn push(text: &mut String, character: char) {
    if !is_unseen(character) {
        text.push(character);
        return;
    }
    match u8::try_from(character) {
        Ok(byte) if byte < 0x80 => push_byte(text, byte),
        _ => {
            // Writing to a string cannot fail.
            write!(text, "{}", character.escape_unicode()).ok();
        }
    }
}

fn push_byte(text: &mut String, byte: u8) {
    write!(text, "\\x{byte:02x}").ok();
}

/// Control characters, and Unicode's format characters and line separators: whatever has no shape
/// of its own but changes what is seen.
fn is_unseen(character: char) -> bool {
    character.is_control()
        || matches!(
            character,
            '\u{ad}'
                | '\u{34f}'
                | '\u{600}'..='\u{605}'
                | '\u{61c}'
                | '\u{6dd}'
                | '\u{70f}'
                | '\u{890}'..='\u{891}'
                | '\u{8e2}'
                | '\u{115f}'..='\u{1160}'
                | '\u{180b}'..='\u{180f}'
                | '\u{200b}'..='\u{200f}'
                | '\u{2028}'..='\u{202e}'
                | '\u{2060}'..='\u{206f}'
                | '\u{3164}'
                | '\u{fe00}'..='\u{fe0f}'
                | '\u{feff}'
                | '\u{ffa0}'
                | '\u{fff0}'..='\u{fffb}'
                | '\u{110bd}'
                | '\u{110cd}'
                | '\u{13430}'..='\u{1343f}'
                | '\u{1bca0}'..='\u{1bca3}'
                | '\u{1d173}'..='\u{1d17a}'
                | '\u{e0000}'..='\u{e0fff}'
        )
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::{json, name, shell, words};

    #[test]
    fn plain_names_stay() {
        assert_eq!(name("vm 1/größe.qcow2".as_bytes()), "vm 1/größe.qcow2");
    }

    #[test]
    fn nothing_that_a_terminal_obeys_is_left() {
        assert_eq!(name(b"a\nb\x1b[31m\x7f"), "a\\x0ab\\x1b[31m\\x7f");
        assert_eq!(name("a\u{202e}b\u{9b}".as_bytes()), "a\\u{202e}b\\u{9b}");
    }

    #[test]
    fn different_names_look_different() {
        assert_eq!(name(b"a\\x0a"), "a\\\\x0a");
        assert_eq!(name(b"a\xff"), "a\\xff");
    }

    #[test]
    fn names_that_no_path_can_have_are_cut() {
        let long = name(&[0xff; 1 << 20]);
        assert!(long.len() < 40_000 && long.ends_with("\\xff… (1048576 bytes)"));
    }

    #[test]
    fn json_hides_what_a_terminal_obeys_and_means_the_same() {
        let value = serde_json::json!(["a\u{9b}31m\u{202e}\u{7f}\n", "\u{e0001}größe"]);
        let escaped = json(value.to_string().as_bytes()).unwrap();
        let expected = r#"["a\u009b31m\u202e\u007f\n","\udb40\udc01größe"]"#;
        assert_eq!(escaped, expected);
        assert_eq!(serde_json::from_str::<serde_json::Value>(&escaped).unwrap(), value);
        assert_eq!(json("größe".as_bytes()), None);
    }

    #[test]
    fn words_keep_their_backslashes() {
        assert_eq!(words("needs \\xff\u{1b}"), "needs \\xff\\x1b");
        assert_eq!(words("needs \\xff"), "needs \\xff");
    }

    #[test]
    fn arguments_can_be_pasted() {
        assert_eq!(shell(Path::new("/a/b.qcow2")), "/a/b.qcow2");
        assert_eq!(shell(Path::new("/a b/it's")), "'/a b/it'\\''s'");
        assert_eq!(shell(Path::new("/a\n'b")), "$'/a\\x0a\\'b'");
        assert_eq!(shell(Path::new("")), "''");
    }
}
