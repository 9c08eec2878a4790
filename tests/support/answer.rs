//! What the command said.

use serde_json::Value;

use super::{Finished, items, path_of};

/// The end of one run of the command, with what it printed.
///
/// Making one already checks what holds for every run: no panic, no signal.
pub(crate) struct Answer {
    said: String,
    pub(crate) code: i32,
    pub(crate) stdout: Vec<u8>,
    pub(crate) stderr: Vec<u8>,
}

impl Answer {
    pub(crate) fn new(said: String, finished: Finished) -> Answer {
        let Finished { code, signal, stdout, stderr } = finished;
        let heard = String::from_utf8_lossy(&stderr);
        assert!(!heard.contains("panicked at"), "{said} panicked:\n{heard}");
        let code = code.unwrap_or_else(|| panic!("{said} died by signal {signal:?}:\n{heard}"));
        Answer { said, code, stdout, stderr }
    }

    /// Neither stream holds a character that a terminal would obey, or that turns a line around.
    pub(crate) fn harmless(self) -> Answer {
        let obeyed = |it: &char| it.is_control() && !"\n\t".contains(*it);
        let turned = |it: &char| matches!(it, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
        for stream in [&self.stdout, &self.stderr] {
            let text = String::from_utf8_lossy(stream);
            let bad = text.chars().find(|it| obeyed(it) || turned(it));
            assert!(bad.is_none(), "{bad:?} reaches the terminal\n{}", self.whole());
        }
        self
    }

    /// The exit code is this one.
    #[track_caller]
    pub(crate) fn exits(self, code: i32) -> Answer {
        assert_eq!(self.code, code, "the exit code\n{}", self.whole());
        self
    }

    /// The exit code is one of these.
    #[track_caller]
    pub(crate) fn exits_one_of(self, codes: &[i32]) -> Answer {
        assert!(codes.contains(&self.code), "exits {}, not {codes:?}\n{}", self.code, self.whole());
        self
    }

    /// Somewhere, on either stream, these words are said.
    #[track_caller]
    pub(crate) fn says(self, words: &str) -> Answer {
        assert!(self.everything().contains(words), "does not say {words:?}\n{}", self.whole());
        self
    }

    /// On neither stream these words are said.
    #[track_caller]
    pub(crate) fn never_says(self, words: &str) -> Answer {
        assert!(!self.everything().contains(words), "says {words:?}\n{}", self.whole());
        self
    }

    /// Standard output, where it is text.
    #[track_caller]
    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.stdout)
            .unwrap_or_else(|error| panic!("not UTF-8: {error}\n{}", self.whole()))
    }

    /// Both streams as text.
    pub(crate) fn everything(&self) -> String {
        let stdout = String::from_utf8_lossy(&self.stdout);
        format!("{stdout}\n{}", String::from_utf8_lossy(&self.stderr))
    }

    /// Standard output as the one JSON value that it has to be.
    #[track_caller]
    pub(crate) fn value(&self) -> Value {
        serde_json::from_slice(&self.stdout)
            .unwrap_or_else(|error| panic!("not one JSON value: {error}\n{}", self.whole()))
    }

    /// Standard output as the answer of this verb.
    #[track_caller]
    pub(crate) fn object(&self, verb: &str) -> Value {
        let value = self.value();
        let schema = format!("diskdag/{verb}/1");
        assert_eq!(value["schema"], schema.as_str(), "the schema\n{}", self.whole());
        value
    }

    /// A scan's answer as far as all have it in common; also checks that it is there.
    #[track_caller]
    pub(crate) fn scanned(&self, verb: &str) -> Value {
        let value = self.object(verb);
        for key in ["scope", "unreadable", "skipped", "waived"] {
            assert!(value[key].is_array(), "{key} is not a list\n{}", self.whole());
        }
        assert!(value["complete"].is_boolean(), "complete is not said\n{}", self.whole());
        let source = value["scope-source"].as_str().unwrap_or_default();
        assert!(
            ["flag", "env", "pool", "config", "assumed"].contains(&source),
            "scope-source {source:?}\n{}",
            self.whole()
        );
        for entry in items(&value, "unreadable") {
            assert!(entry["kind"].is_string() && entry["reason"].is_string(), "{entry}");
            path_of(entry);
        }
        value
    }

    /// The command and all that it printed, for a failure's message.
    pub(crate) fn whole(&self) -> String {
        let shown = |bytes: &[u8]| {
            let text = String::from_utf8_lossy(bytes);
            let short: String = text.chars().take(6000).collect();
            if short.len() < text.len() { format!("{short} …") } else { short }
        };
        format!(
            "$ {}\n[exit {}]\n--- stdout\n{}\n--- stderr\n{}",
            self.said,
            self.code,
            shown(&self.stdout),
            shown(&self.stderr)
        )
    }
}
