//! Rust sources as far as the rules look at them: tokens, paths, attributes.

use std::fmt;

/// The code of a file, without comments, without the text of strings, without test items.
#[derive(Clone)]
pub(crate) struct Code {
    tokens: Vec<String>,
    /// The tokens with a space only between two words: the form in which [`Code::has`] searches.
    joined: String,
}

/// A path as it stands in the code, `use` trees taken apart; a macro keeps its `!`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Path(Vec<String>);

impl Path {
    /// Does it lead into `name`, or bring everything around it in?
    pub(crate) fn begins_with(&self, name: &str) -> bool {
        let mut wanted = name.split("::");
        let mut parts = self.0.iter();
        loop {
            match (wanted.next(), parts.next().map(String::as_str)) {
                (None, _) | (Some(_), Some("*")) => return true,
                (Some(wanted), Some(part)) if wanted == part => {}
                _ => return false,
            }
        }
    }
}

impl fmt::Display for Path {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0.join("::"))
    }
}

fn is_word(token: &str) -> bool {
    token.starts_with(|first: char| first.is_alphanumeric() || first == '_')
}

impl Code {
    pub(crate) fn new(text: &str) -> Code {
        Code::of(without_tests(tokens(text)))
    }

    /// The same with its test items, for rules about tests.
    pub(crate) fn with_tests(text: &str) -> Code {
        Code::of(tokens(text))
    }

    fn of(tokens: Vec<String>) -> Code {
        let mut joined = String::new();
        let mut word_before = false;
        for token in &tokens {
            let word = is_word(token);
            if word && word_before {
                joined.push(' ');
            }
            joined += token;
            word_before = word;
        }
        // So that a word at the end can be searched with the space behind it.
        let joined = joined.replace('{', " {");
        Code { tokens, joined }
    }

    /// Does this stand in the code? Words are separated by one space, and a brace has one before
    /// it; nothing else has any.
    pub(crate) fn has(&self, piece: &str) -> bool {
        self.joined.match_indices(piece).any(|(at, _)| {
            // Not the end of a longer word.
            !is_word(piece)
                || !self.joined[..at].ends_with(|last: char| last.is_alphanumeric() || last == '_')
        })
    }

    /// All attributes, without spaces.
    pub(crate) fn attributes(&self) -> Vec<String> {
        let mut found = Vec::new();
        for (at, token) in self.tokens.iter().enumerate() {
            if token == "#"
                && let Some(end) = attribute_end(&self.tokens, at)
            {
                found.push(self.tokens[at..end].concat());
            }
        }
        found
    }

    /// All paths.
    pub(crate) fn paths(&self) -> Vec<Path> {
        let mut found = Vec::new();
        let mut at = 0;
        while let Some(token) = self.tokens.get(at) {
            if token == "use" {
                at = self.tree(at + 1, &[], &mut found);
            } else if is_word(token) {
                let mut parts = vec![token.clone()];
                at += 1;
                while self.is(at, "::") && self.tokens.get(at + 1).is_some_and(|next| is_word(next))
                {
                    parts.push(self.tokens[at + 1].clone());
                    at += 2;
                }
                let differs = self.is(at + 1, "=");
                if self.is(at, "!") && !differs {
                    parts.last_mut().expect("it has one").push('!');
                }
                found.push(Path(parts));
            } else {
                at += 1;
            }
        }
        found
    }

    fn is(&self, at: usize, token: &str) -> bool {
        self.tokens.get(at).is_some_and(|found| found == token)
    }

    /// One branch of a `use` tree; returns where it ends.
    fn tree(&self, mut at: usize, before: &[String], found: &mut Vec<Path>) -> usize {
        let mut parts = before.to_vec();
        while let Some(token) = self.tokens.get(at) {
            match token.as_str() {
                "::" => at += 1,
                "{" => {
                    at += 1;
                    while at < self.tokens.len() && !self.is(at, "}") {
                        at = self.tree(at, &parts, found);
                        if self.is(at, ",") {
                            at += 1;
                        }
                    }
                    return at + 1;
                }
                "self" if !parts.is_empty() => at += 1,
                // Another name changes nothing in what it is.
                "as" => at += 2,
                part if part == "*" || is_word(part) => {
                    parts.push(part.to_owned());
                    at += 1;
                }
                _ => break,
            }
        }
        found.push(Path(parts));
        at
    }
}

/// Where the attribute that begins at `at` ends.
fn attribute_end(tokens: &[String], at: usize) -> Option<usize> {
    let open = if tokens.get(at + 1)? == "!" { at + 2 } else { at + 1 };
    if tokens.get(open)? != "[" {
        return None;
    }
    closing(tokens, open)
}

/// Behind the bracket that closes the one at `open`.
fn closing(tokens: &[String], open: usize) -> Option<usize> {
    let mut depth = 0_usize;
    for (at, token) in tokens.iter().enumerate().skip(open) {
        match token.as_str() {
            "(" | "[" | "{" => depth += 1,
            ")" | "]" | "}" => {
                depth = depth.checked_sub(1)?;
                if depth == 0 {
                    return Some(at + 1);
                }
            }
            _ => {}
        }
    }
    None
}

/// Is this the attribute that keeps an item out of every build but the tests'?
fn is_test_only(attribute: &[String]) -> bool {
    let has = |word: &str| attribute.iter().any(|token| token == word);
    attribute.get(1).is_some_and(|token| token == "[")
        && has("cfg")
        && has("test")
        && !has("not")
        && !has("any")
}

fn without_tests(tokens: Vec<String>) -> Vec<String> {
    let mut kept = Vec::new();
    let mut at = 0;
    while at < tokens.len() {
        let end = if tokens[at] == "#" { attribute_end(&tokens, at) } else { None };
        match end {
            Some(end) if is_test_only(&tokens[at..end]) => at = item_end(&tokens, end),
            _ => {
                kept.push(tokens[at].clone());
                at += 1;
            }
        }
    }
    kept
}

/// Behind the item that begins at `at`, with its further attributes.
fn item_end(tokens: &[String], mut at: usize) -> usize {
    while tokens.get(at).is_some_and(|token| token == "#") {
        let Some(end) = attribute_end(tokens, at) else { break };
        at = end;
    }
    let imports = tokens[at..].iter().take(2).any(|token| token == "use");
    while let Some(token) = tokens.get(at) {
        match token.as_str() {
            ";" => return at + 1,
            "{" if !imports => return closing(tokens, at).unwrap_or(tokens.len()),
            "(" | "[" | "{" => at = closing(tokens, at).unwrap_or(tokens.len()),
            _ => at += 1,
        }
    }
    at
}

/// Names of the modules that only tests have: `#[cfg(test)] mod name;`.
pub(crate) fn test_modules(text: &str) -> Vec<String> {
    let tokens = tokens(text);
    let mut found = Vec::new();
    for at in 0..tokens.len() {
        let Some(end) = (tokens[at] == "#").then(|| attribute_end(&tokens, at)).flatten() else {
            continue;
        };
        if !is_test_only(&tokens[at..end]) {
            continue;
        }
        let item = &tokens[end..item_end(&tokens, end)];
        if let Some(name) =
            item.iter().position(|token| token == "mod").and_then(|at| item.get(at + 1))
        {
            found.push(name.clone());
        }
    }
    found
}

fn tokens(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let length = if rest.starts_with("//") {
            rest.find('\n').unwrap_or(rest.len())
        } else if rest.starts_with("/*") {
            comment(rest)
        } else if let Some(length) = string(rest) {
            found.push("\"\"".to_owned());
            length
        } else if first == '\'' {
            quote(rest)
        } else if is_word(rest) {
            let length = rest
                .find(|next: char| !next.is_alphanumeric() && next != '_')
                .unwrap_or(rest.len());
            found.push(rest[..length].trim_start_matches("r#").to_owned());
            length
        } else {
            let length = if rest.starts_with("::") { 2 } else { first.len_utf8() };
            if !first.is_whitespace() {
                found.push(rest[..length].to_owned());
            }
            length
        };
        rest = &rest[length..];
    }
    found
}

/// The length of a block comment; they nest.
fn comment(text: &str) -> usize {
    let mut depth = 0;
    let mut at = 0;
    while at < text.len() {
        let rest = &text[at..];
        if rest.starts_with("/*") {
            depth += 1;
            at += 2;
        } else if rest.starts_with("*/") {
            depth -= 1;
            at += 2;
            if depth == 0 {
                return at;
            }
        } else {
            at += rest.chars().next().map_or(1, char::len_utf8);
        }
    }
    text.len()
}

/// The length of a string of any kind, if one begins here.
fn string(text: &str) -> Option<usize> {
    let prefix = ["br", "cr", "r", "b", "c", ""].into_iter().find(|prefix| {
        text.strip_prefix(prefix).is_some_and(|rest| {
            rest.starts_with('"')
                || prefix.ends_with('r')
                    && rest.trim_start_matches('#').starts_with('"')
                    && rest.starts_with('#')
        })
    })?;
    let body = &text[prefix.len()..];
    if prefix.ends_with('r') {
        let hashes = body.len() - body.trim_start_matches('#').len();
        let end = format!("\"{}", "#".repeat(hashes));
        let from = hashes + 1;
        let length = body[from..].find(&end).map_or(body.len(), |at| from + at + end.len());
        return Some(prefix.len() + length);
    }
    let mut escaped = false;
    for (at, next) in body.char_indices().skip(1) {
        match next {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => return Some(prefix.len() + at + 1),
            _ => {}
        }
    }
    Some(text.len())
}

/// The length of a character literal, or of a lifetime's quote alone.
fn quote(text: &str) -> usize {
    let mut following = text.char_indices().skip(1);
    match (following.next(), following.next()) {
        (Some((_, '\\')), Some(_)) => {
            let rest = &text[3..];
            rest.find('\'').map_or(1, |at| 3 + at + 1)
        }
        (Some(_), Some((at, '\''))) => at + 1,
        _ => 1,
    }
}
