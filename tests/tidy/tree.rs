//! The repository as the rules see it, and the same with something planted in it.

use std::collections::BTreeMap;
use std::path::Path;
use std::rc::Rc;

use super::manifest::Manifest;
use super::rust::{Code, test_modules};

/// Files that the rules read, by their path from the top.
#[derive(Clone)]
pub(crate) struct Tree(BTreeMap<String, Rc<File>>);

struct File {
    text: String,
    code: Code,
    /// Files and folders of the modules that this file keeps for tests.
    tests: Vec<String>,
}

/// Folders that hold no source of ours.
const SKIPPED: [&str; 5] = ["target", ".git", "fixtures", "corpus", "artifacts"];

impl Tree {
    /// The repository that these tests belong to.
    pub(crate) fn read() -> Tree {
        let mut tree = Tree(BTreeMap::new());
        tree.walk(Path::new(env!("CARGO_MANIFEST_DIR")), "");
        tree
    }

    fn walk(&mut self, folder: &Path, prefix: &str) {
        for entry in std::fs::read_dir(folder).unwrap() {
            let entry = entry.unwrap();
            let name = entry.file_name().into_string().unwrap_or_default();
            let path = format!("{prefix}{name}");
            if entry.file_type().unwrap().is_dir() {
                if !SKIPPED.contains(&name.as_str()) {
                    self.walk(&entry.path(), &format!("{path}/"));
                }
            } else if name.ends_with(".rs")
                || [".ci/run", "README.md", "Cargo.lock", "deny.toml"].contains(&path.as_str())
                || name == "Cargo.toml"
            {
                self.insert(path, std::fs::read_to_string(entry.path()).unwrap());
            }
        }
    }

    fn insert(&mut self, path: String, text: String) {
        let rust = path.ends_with(".rs");
        // Tests may do what the product may not; that they are tests is their folder.
        let code = match rust {
            true if path.starts_with("tests/") => Code::with_tests(&text),
            true => Code::new(&text),
            false => Code::new(""),
        };
        let tests = if rust { test_files(&path, &text) } else { Vec::new() };
        self.0.insert(path, Rc::new(File { text, code, tests }));
    }

    /// The same with something more: text at the end of a file, or `old => new` in all of it.
    pub(crate) fn with(&self, path: &str, edit: &str) -> Tree {
        let mut tree = self.clone();
        let text = self.text(path).unwrap_or_default();
        let text = match edit.split_once(" => ") {
            Some((old, new)) => text.replace(old, new),
            None => format!("{text}\n{edit}\n"),
        };
        tree.insert(path.to_owned(), text);
        tree
    }

    /// A file's text.
    pub(crate) fn text(&self, path: &str) -> Option<&str> {
        self.0.get(path).map(|file| file.text.as_str())
    }

    /// A file's code.
    pub(crate) fn source(&self, path: &str) -> Option<&Code> {
        self.0.get(path).map(|file| &file.code)
    }

    /// The sources below these folders (or these very files), without what only tests have.
    pub(crate) fn code(&self, folders: &[&str]) -> impl Iterator<Item = (&str, &Code)> {
        let tests: Vec<_> = self.0.values().flat_map(|file| &file.tests).collect();
        let wanted = |path: &str| {
            path.ends_with(".rs")
                && folders.iter().any(|folder| path.starts_with(folder))
                && !tests.iter().any(|test| path.starts_with(test.as_str()))
        };
        let found: Vec<_> = self.0.iter().filter(|(path, _)| wanted(path)).collect();
        found.into_iter().map(|(path, file)| (path.as_str(), &file.code))
    }

    /// Every manifest, with its path.
    pub(crate) fn manifests(&self) -> impl Iterator<Item = (&str, Manifest<'_>)> {
        let manifests = self.0.iter().filter(|(path, _)| path.ends_with("Cargo.toml"));
        manifests.map(|(path, file)| (path.as_str(), Manifest::new(&file.text)))
    }

    /// One manifest.
    pub(crate) fn manifest(&self, path: &str) -> Option<Manifest<'_>> {
        self.text(path).map(Manifest::new)
    }
}

fn test_files(path: &str, text: &str) -> Vec<String> {
    let (folder, name) = path.rsplit_once('/').unwrap_or(("", path));
    let stem = name.trim_end_matches(".rs");
    let folder = if ["mod", "lib", "main"].contains(&stem) {
        folder.to_owned()
    } else {
        format!("{folder}/{stem}")
    };
    let file = |module: String| [format!("{folder}/{module}.rs"), format!("{folder}/{module}/")];
    test_modules(text).into_iter().flat_map(file).collect()
}
