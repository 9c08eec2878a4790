//! A plain mapping: a line per disk, its path, a tab, its owner.

use std::path::PathBuf;

use crate::scan::paths::os_str;

/// The claims of a mapping, or what is wrong with a line.
pub(super) fn lines(text: &[u8]) -> impl Iterator<Item = Result<(PathBuf, Box<str>), String>> {
    let lines = text.split(|byte| *byte == b'\n').zip(1_u32..);
    let meant = lines.filter(|(line, _)| {
        let line = line.trim_ascii();
        !line.is_empty() && line.first() != Some(&b'#')
    });
    meant.map(|(line, number)| one(line).map_err(|why| format!("line {number}: {why}")))
}

fn one(line: &[u8]) -> Result<(PathBuf, Box<str>), &'static str> {
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    let tab = line.iter().position(|byte| *byte == b'\t').ok_or("no tab between path and owner")?;
    let (path, owner) = line.split_at(tab);
    let owner = std::str::from_utf8(owner).map_err(|_| "the owner is no text")?.trim();
    if path.is_empty() || owner.is_empty() {
        return Err("no path or no owner");
    }
    let path = unescaped(path).ok_or("an escape that is none of \\t, \\n, \\\\, \\xNN")?;
    Ok((PathBuf::from(os_str(&path)), owner.into()))
}

fn unescaped(path: &[u8]) -> Option<Vec<u8>> {
    let mut bytes = path.iter().copied();
    let mut plain = Vec::with_capacity(path.len());
    while let Some(byte) = bytes.next() {
        if byte != b'\\' {
            plain.push(byte);
            continue;
        }
        plain.push(match bytes.next()? {
            b't' => b'\t',
            b'n' => b'\n',
            b'\\' => b'\\',
            b'x' => {
                let digits = [bytes.next()?, bytes.next()?];
                u8::from_str_radix(std::str::from_utf8(&digits).ok()?, 16).ok()?
            }
            _ => return None,
        });
    }
    Some(plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mapping_says_who_uses_what() {
        let text = b"# comment\n\n/a b/c.qcow2\tvm build a\r\nd\\x09\\xff\\\\\t\towner\n/e vm\n/f\t\n\\q\tx\n";
        let lines: Vec<_> = lines(text).collect();
        let owner = |line: usize| lines[line].as_ref().unwrap();
        assert_eq!(owner(0), &(PathBuf::from("/a b/c.qcow2"), "vm build a".into()));
        assert_eq!(owner(1), &(PathBuf::from(os_str(b"d\t\xff\\")), "owner".into()));
        assert_eq!(lines[2].as_ref().unwrap_err(), "line 5: no tab between path and owner");
        assert_eq!(lines[3].as_ref().unwrap_err(), "line 6: no path or no owner");
        assert!(lines[4].as_ref().unwrap_err().starts_with("line 7: an escape"));
        assert_eq!(lines.len(), 5);
    }
}
