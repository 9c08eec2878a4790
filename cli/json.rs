//! JSON: written piece by piece, so that a graph of a million disks needs no second copy.

use std::io::{self, Write};
use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use diskdag_graph::{Doubt, DoubtKind, Graph};
use serde_json::{Map, Value, json};

use crate::escape;
use crate::output::Output;
use crate::text;

/// One object on standard output, in the making.
pub(crate) struct Answer<'o> {
    out: &'o mut Output,
}

impl<'o> Answer<'o> {
    /// Begins the answer of a verb.
    pub(crate) fn begin(out: &'o mut Output, verb: &str) -> io::Result<Self> {
        write!(out, "{{\"schema\":\"diskdag/{verb}/1\"")?;
        Ok(Self { out })
    }

    /// One key with its value.
    pub(crate) fn field(&mut self, key: &str, value: impl Into<Value>) -> io::Result<()> {
        write!(self.out, ",\n{}:{}", Value::from(key), value.into())
    }

    /// A path: text under `key`, and its bytes beside it where it is not UTF-8.
    pub(crate) fn path(&mut self, key: &str, path: &Path) -> io::Result<()> {
        let mut map = Map::new();
        put_path(&mut map, key, path);
        map.into_iter().try_for_each(|(key, value)| self.field(&key, value))
    }

    /// A list of paths; where one is not UTF-8, the bytes of all stand under `key-bytes`.
    pub(crate) fn paths<'p>(
        &mut self,
        key: &str,
        paths: impl IntoIterator<Item = &'p Path>,
    ) -> io::Result<()> {
        let mut map = Map::new();
        put_paths(&mut map, key, paths);
        map.into_iter().try_for_each(|(key, value)| self.field(&key, value))
    }

    /// A list, an element a line.
    pub(crate) fn list(
        &mut self,
        key: &str,
        elements: impl IntoIterator<Item = Value>,
    ) -> io::Result<()> {
        write!(self.out, ",\n{}:[", Value::from(key))?;
        for (position, element) in elements.into_iter().enumerate() {
            let before = if position == 0 { "\n" } else { ",\n" };
            write!(self.out, "{before}{element}")?;
        }
        write!(self.out, "]")
    }

    /// What stands wherever a scan is behind the answer.
    pub(crate) fn coverage(&mut self, graph: &Graph, doubts: &[Doubt]) -> io::Result<()> {
        let coverage = graph.coverage();
        self.paths("scope", coverage.scope.iter().map(|path| &**path))?;
        self.field("scope-source", coverage.source.name())?;
        if let Some(as_of) = coverage.as_of {
            self.field("as-of", text::instant(as_of.time))?;
        }
        self.unread(graph, doubts)?;
        self.list("skipped", coverage.skipped.iter().map(|s| path_and(&s.path, None, &s.reason)))
    }

    /// Whether everything was read, what was not, and what a person has waived.
    pub(crate) fn unread(&mut self, graph: &Graph, doubts: &[Doubt]) -> io::Result<()> {
        self.field("complete", doubts.is_empty())?;
        let unread = doubts.iter().filter(|doubt| {
            // These two have keys of their own.
            !matches!(doubt.kind, DoubtKind::ScopeAssumed | DoubtKind::SkippedMount)
        });
        self.list("unreadable", unread.map(doubt))?;
        let waived = graph.coverage().waived.iter();
        self.list("waived", waived.map(|waived| path_and(&waived.path, None, &waived.reason)))
    }

    /// Ends the object.
    pub(crate) fn end(self) -> io::Result<()> {
        writeln!(self.out, "}}")
    }
}

/// A doubt as `{"path","kind","reason"}`.
pub(crate) fn doubt(doubt: &Doubt) -> Value {
    path_and(&doubt.path, Some(doubt.kind.name()), &doubt.reason)
}

fn path_and(path: &Path, kind: Option<&str>, reason: &str) -> Value {
    let mut map = Map::new();
    put_path(&mut map, "path", path);
    if let Some(kind) = kind {
        map.insert("kind".to_owned(), json!(kind));
    }
    map.insert("reason".to_owned(), json!(reason));
    map.into()
}

/// Puts a path under `key`, and its bytes under `key-bytes` where it is not UTF-8.
pub(crate) fn put_path(map: &mut Map<String, Value>, key: &str, path: &Path) {
    put_bytes(map, key, path.as_os_str().as_encoded_bytes());
}

/// The same for a name that is not a path.
pub(crate) fn put_bytes(map: &mut Map<String, Value>, key: &str, bytes: &[u8]) {
    let (bytes, whole) = (escape::cut(bytes), bytes.len());
    map.insert(key.to_owned(), json!(String::from_utf8_lossy(bytes)));
    if bytes.len() < whole {
        // No path can be so long: a name like that is not there, but is shown.
        map.insert(format!("{key}-length"), json!(whole));
    }
    if std::str::from_utf8(bytes).is_err() {
        map.insert(format!("{key}-bytes"), json!(STANDARD.encode(bytes)));
    }
}

/// Puts a list of paths under `key`; where one is not UTF-8, the bytes of all go under `key-bytes`.
pub(crate) fn put_paths<'p>(
    map: &mut Map<String, Value>,
    key: &str,
    paths: impl IntoIterator<Item = &'p Path>,
) {
    let paths: Vec<&Path> = paths.into_iter().collect();
    let text: Vec<_> = paths.iter().map(|path| path.to_string_lossy()).collect();
    map.insert(key.to_owned(), json!(text));
    if paths.iter().any(|path| path.to_str().is_none()) {
        let encode = |path: &&Path| STANDARD.encode(path.as_os_str().as_encoded_bytes());
        let bytes: Vec<_> = paths.iter().map(encode).collect();
        map.insert(format!("{key}-bytes"), json!(bytes));
    }
}

#[cfg(test)]
mod tests {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;
    use std::path::Path;

    use serde_json::{Map, Value, json};

    use super::{put_path, put_paths};

    #[test]
    fn bytes_stand_beside_what_is_not_utf_8() {
        let odd = Path::new(OsStr::from_bytes(b"/a\xff"));
        let mut map = Map::new();
        put_path(&mut map, "path", Path::new("/b"));
        put_path(&mut map, "image", odd);
        put_paths(&mut map, "steps", [Path::new("/b"), odd]);
        let expected = json!({
            "path": "/b",
            "image": "/a\u{fffd}", "image-bytes": "L2H/",
            "steps": ["/b", "/a\u{fffd}"], "steps-bytes": ["L2I=", "L2H/"],
        });
        assert_eq!(Value::from(map), expected);
    }
}
