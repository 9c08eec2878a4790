//! Cargo manifests as far as the rules look at them: sections, keys, values on one line.

use std::collections::BTreeSet;

/// A manifest's text.
#[derive(Clone, Copy)]
pub(crate) struct Manifest<'t>(&'t str);

impl<'t> Manifest<'t> {
    pub(crate) fn new(text: &'t str) -> Manifest<'t> {
        Manifest(text)
    }

    /// Every `(section, key, value)`.
    fn entries(self) -> impl Iterator<Item = (&'t str, &'t str, &'t str)> {
        let mut section = "";
        self.0.lines().filter_map(move |line| {
            let line = line.trim();
            if let Some(rest) = line.strip_prefix('[') {
                if let Some(name) = rest.trim_start_matches('[').split(']').next() {
                    section = name;
                }
                return Some((section, "", ""));
            }
            let (key, value) = line.split_once('=')?;
            if line.starts_with('#') || key.contains('"') {
                return None;
            }
            Some((section, key.trim(), value.trim()))
        })
    }

    /// The value of a key; `a.b = c` in `[x]` counts as `b = c` in `[x.a]`.
    pub(crate) fn value(self, section: &str, key: &str) -> Option<&'t str> {
        let wanted = format!("{section}.{key}");
        let mut entries = self.entries();
        entries
            .find(|(section, key, _)| format!("{section}.{key}").trim_matches('.') == wanted)
            .map(|it| it.2)
    }

    /// The strings of a list on one line.
    pub(crate) fn list(self, section: &str, key: &str) -> Vec<&'t str> {
        let value = self.value(section, key).unwrap_or_default();
        value.split('"').skip(1).step_by(2).collect()
    }

    /// What it depends on in the product: not for tests, not for building.
    pub(crate) fn dependencies(self) -> BTreeSet<&'t str> {
        let mut found = BTreeSet::new();
        for (section, key, value) in self.entries() {
            if section.starts_with("workspace") {
                continue;
            }
            let named = if section == "dependencies" || section.ends_with(".dependencies") {
                key.split('.').next()
            } else {
                section
                    .split_once("dependencies.")
                    .filter(|(kind, _)| !kind.ends_with('-'))
                    .map(|it| it.1)
            };
            found.extend(named.filter(|name| !name.is_empty()));
            // Another name for the same crate.
            if let Some((_, package)) = value.split_once("package = \"") {
                found.extend(package.split('"').next());
            }
        }
        found
    }
}
