//! The house's absences, read from its manifests and sources.
//!
//! What must not be there cannot be seen in a test that runs the product, so these read the code.
//! Every rule stands beside plants: small violations that it has to find, because a rule that
//! cannot fail guards nothing. Comments, strings and `#[cfg(test)]` items are no code to them.

mod manifest;
mod plants;
mod rust;
mod tree;

use std::collections::BTreeSet;

use plants::{PLANTS, Plant};
use rust::Code;
use tree::Tree;

/// What is wrong, one line each; nothing, if the rule is kept.
type Wrong = Vec<String>;

/// A rule and its name.
struct Rule {
    name: &'static str,
    kept: fn(&Tree) -> Wrong,
}

const RULES: &[Rule] = &[
    Rule { name: "petgraph is named in one file", kept: petgraph_in_one_file },
    Rule { name: "redb is named in one folder", kept: redb_in_one_folder },
    Rule { name: "the system is called from one module per crate", kept: one_system_module },
    Rule { name: "the parse core knows bytes only", kept: the_parse_core_knows_bytes_only },
    Rule { name: "the index knows no file system", kept: the_index_knows_no_file_system },
    Rule { name: "what is durable goes through one trait", kept: one_way_to_the_disk },
    Rule { name: "the command decides nothing", kept: the_command_decides_nothing },
    Rule { name: "dependencies point one way", kept: dependencies_point_one_way },
    Rule { name: "the libraries have no global state", kept: no_global_state },
    Rule { name: "the libraries print nothing", kept: the_libraries_print_nothing },
    Rule { name: "unsafe has one address", kept: unsafe_has_one_address },
    Rule { name: "every member has the workspace's lints", kept: every_member_has_the_lints },
    Rule { name: "a silenced lint says why", kept: a_silenced_lint_says_why },
    Rule { name: "what is tested is what the README says", kept: ci_runs_the_readmes_test },
    Rule { name: "crates come from crates.io", kept: crates_come_from_one_place },
    Rule { name: "every test file is in the table of contents", kept: every_test_file_runs },
    Rule { name: "tests wait for things, not for time", kept: no_test_sleeps },
];

#[test]
fn the_house_is_tidy() {
    let tree = Tree::read();
    let mut wrong = Vec::new();
    for rule in RULES {
        let lines = (rule.kept)(&tree);
        wrong.extend(lines.into_iter().map(|line| format!("{}: {line}", rule.name)));
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

#[test]
fn every_rule_finds_what_is_planted() {
    let tree = Tree::read();
    for rule in RULES {
        let before = (rule.kept)(&tree).len();
        let mut plants = PLANTS.iter().filter(|plant| plant.rule == rule.name).peekable();
        assert!(plants.peek().is_some(), "nothing is planted for: {}", rule.name);
        for Plant { files, .. } in plants {
            let planted =
                files.iter().fold(tree.clone(), |tree, (path, edit)| tree.with(path, edit));
            assert!((rule.kept)(&planted).len() > before, "{} does not see {files:?}", rule.name);
        }
    }
    for plant in PLANTS {
        assert!(RULES.iter().any(|rule| rule.name == plant.rule), "no rule {:?}", plant.rule);
    }
}

/// The rules read code, not words: what stands in comments, strings and tests is nobody's business.
#[test]
fn words_are_no_code() {
    let tree = Tree::read();
    let innocent = r##"
        #![forbid(unsafe_code)]
        //! std::fs::read, println!("x"), petgraph::Graph
        /* std::env::var /* nested */ unsafe { } */
        const TEXT: &str = "std::env::var(\"x\") // unsafe";
        const RAW: &str = r#"println!("unsafe {}")"#;
        const QUOTE: char = '"';
        fn life<'a>(text: &'a str) -> &'a str { text }
        #[cfg(test)]
        mod tests { use std::fs; fn f() { println!("x"); unsafe { } std::env::var("x"); } }
        #[cfg(all(test, unix))]
        use petgraph::Graph;
    "##;
    for path in ["qcow2/src/header/words.rs", "graph/src/words.rs", "cli/words.rs"] {
        let with = tree.with(path, innocent);
        for rule in RULES {
            assert_eq!((rule.kept)(&with), (rule.kept)(&tree), "{} in {path}", rule.name);
        }
    }
}

/// Folders of the libraries' sources.
const LIBRARIES: [&str; 3] = ["qcow2/src/", "graph/src/", "snapshot/src/"];

/// All product code: what is built into the command.
const PRODUCT: [&str; 4] = ["qcow2/src/", "graph/src/", "snapshot/src/", "cli/"];

/// The one file that may hold `unsafe`.
const UNSAFE: &str = "qcow2/src/source/map.rs";

/// Files below these folders in which a path begins with one of `names`, with that path.
fn naming(tree: &Tree, folders: &[&str], names: &[&str]) -> Vec<(String, String)> {
    let mut found = Vec::new();
    for (file, code) in tree.code(folders) {
        for path in code.paths() {
            if names.iter().any(|name| path.begins_with(name)) {
                found.push((file.to_owned(), path.to_string()));
            }
        }
    }
    found
}

fn lines(found: Vec<(String, String)>) -> Wrong {
    let lines: BTreeSet<_> =
        found.into_iter().map(|(file, what)| format!("{file}: {what}")).collect();
    lines.into_iter().collect()
}

fn files(found: &[(String, String)]) -> BTreeSet<String> {
    found.iter().map(|(file, _)| file.clone()).collect()
}

fn petgraph_in_one_file(tree: &Tree) -> Wrong {
    let mut wrong = Vec::new();
    let files = files(&naming(tree, &PRODUCT, &["petgraph"]));
    if files.len() > 1 || files.iter().any(|file| !file.starts_with("graph/src/")) {
        wrong.push(format!("named in {files:?}"));
    }
    for (path, manifest) in tree.manifests() {
        let needs = manifest.dependencies().contains("petgraph");
        if needs && !["graph/Cargo.toml", "benches/peers/Cargo.toml"].contains(&path) {
            wrong.push(format!("{path} depends on it"));
        }
    }
    wrong
}

fn redb_in_one_folder(tree: &Tree) -> Wrong {
    let files = files(&naming(tree, &PRODUCT, &["redb"]));
    let folder = |file: &String| file.rsplit_once('/').map(|(folder, _)| folder.to_owned());
    let folders: BTreeSet<_> = files.iter().filter_map(folder).collect();
    let inside = folders.iter().all(|folder| folder.starts_with("snapshot/src"));
    let first = folders.first().cloned().unwrap_or_default();
    let one = folders.iter().all(|folder| folder.starts_with(&first));
    if inside && one { Vec::new() } else { vec![format!("named in {files:?}")] }
}

fn one_system_module(tree: &Tree) -> Wrong {
    let mut wrong = Vec::new();
    for folder in PRODUCT {
        for names in [&["rustix", "libc", "nix"][..], &["memmap2"]] {
            let files = files(&naming(tree, &[folder], names));
            // A module may be a folder: graph/src/sys/ is one.
            let module = |file: &String| match file.split_once("/sys/") {
                Some((above, _)) => format!("{above}/sys"),
                None => file.clone(),
            };
            let modules: BTreeSet<String> = files.iter().map(module).collect();
            if modules.len() > 1 {
                wrong.push(format!("{names:?} in {modules:?}"));
            }
        }
    }
    wrong
}

/// Header, extensions, units and errors: bytes in, views out.
const PARSE_CORE: [&str; 4] =
    ["qcow2/src/format/", "qcow2/src/header/", "qcow2/src/units.rs", "qcow2/src/error.rs"];

fn the_parse_core_knows_bytes_only(tree: &Tree) -> Wrong {
    let outside = [
        "std", "alloc", "Vec", "Box", "String", "Rc", "Arc", "ToOwned", "vec!", "format!",
        "rustix", "libc", "nix", "memmap2",
    ];
    let mut wrong = lines(naming(tree, &PARSE_CORE, &outside));
    let forbids =
        |path: &str| tree.source(path).is_some_and(|code| code.has("#![forbid(unsafe_code)]"));
    for (file, _) in tree.code(&PARSE_CORE) {
        // A folder's mod.rs only introduces it; said there, it holds for the whole folder.
        let folder = file.rsplit_once('/').map_or("", |(folder, _)| folder);
        let introduces = file.ends_with("/mod.rs");
        if !introduces && !forbids(file) && !forbids(&format!("{folder}/mod.rs")) {
            wrong.push(format!("{file} does not forbid unsafe code"));
        }
    }
    let library = tree.source("qcow2/src/lib.rs");
    if library.is_some_and(|code| !code.has("no_std")) {
        wrong.push("qcow2/src/lib.rs is not no_std".to_owned());
    }
    wrong
}

/// Methods of `Path` that ask the file system without naming it.
const ASKS_THE_FILE_SYSTEM: [&str; 8] = [
    ".canonicalize(",
    ".exists(",
    ".try_exists(",
    ".metadata(",
    ".symlink_metadata(",
    ".read_dir(",
    ".read_link(",
    ".is_file(",
];

fn the_index_knows_no_file_system(tree: &Tree) -> Wrong {
    let names =
        ["std::fs", "std::io", "std::net", "std::process", "std::os", "rustix", "libc", "nix"];
    // The scan asks the file system, and the module below it; a lock is looked up in `usage`.
    let asks = ["graph/src/scan/", "graph/src/scan.rs", "graph/src/sys.rs", "graph/src/sys/"];
    let mut found = naming(tree, &["graph/src/"], &["crate::sys"]);
    found.retain(|(file, _)| file != "graph/src/usage.rs");
    found.extend(naming(tree, &["graph/src/"], &names));
    for (file, code) in tree.code(&["graph/src/"]) {
        let asked = ASKS_THE_FILE_SYSTEM.iter().filter(|call| code.has(call));
        found.extend(asked.map(|call| (file.to_owned(), (*call).to_owned())));
    }
    found.retain(|(file, _)| !asks.iter().any(|inside| file.starts_with(inside)));
    // Bytes of a path are no question to the file system.
    found.retain(|(_, path)| !path.starts_with("std::os::unix::ffi"));
    lines(found)
}

/// The snapshot layer reaches files through `Fs` alone, so that its simulator sees everything.
fn one_way_to_the_disk(tree: &Tree) -> Wrong {
    let folder = ["snapshot/src/"];
    let mut found = naming(tree, &folder, &["std::fs", "rustix", "nix", "libc", "std::os::fd"]);
    for (file, code) in tree.code(&folder) {
        let asked = ASKS_THE_FILE_SYSTEM.iter().filter(|call| code.has(call));
        found.extend(asked.map(|call| (file.to_owned(), (*call).to_owned())));
    }
    found.retain(|(file, _)| !file.starts_with("snapshot/src/fs/"));
    lines(found)
}

fn the_command_decides_nothing(tree: &Tree) -> Wrong {
    lines(naming(tree, &["cli/"], &["petgraph", "redb", "memmap2", "nom", "bytemuck"]))
}

fn dependencies_point_one_way(tree: &Tree) -> Wrong {
    let mut wrong = Vec::new();
    let ours = ["diskdag-qcow2", "diskdag-graph", "diskdag-snapshot", "diskdag"];
    for (crate_folder, below) in [("qcow2", 0), ("graph", 1), ("snapshot", 2)] {
        let above = &ours[below..];
        let path = format!("{crate_folder}/Cargo.toml");
        let Some(manifest) = tree.manifest(&path) else { continue };
        for name in above {
            if manifest.dependencies().contains(*name) {
                wrong.push(format!("{path} depends on {name}"));
            }
            let named = name.replace('-', "_");
            let folder = format!("{crate_folder}/src/");
            let mut found = naming(tree, &[&folder], &[&named]);
            // A library's own examples and tests call it by its name.
            found.retain(|_| *name != above[0]);
            wrong.extend(lines(found));
        }
    }
    wrong
}

fn no_global_state(tree: &Tree) -> Wrong {
    let names = [
        "std::env",
        "env::current_dir",
        "env::var",
        "env::var_os",
        "std::path::absolute",
        "path::absolute",
        "current_dir",
        "std::process::exit",
        "process::exit",
        "rayon::spawn",
        "rayon::join",
        "rayon::scope",
        "rayon::broadcast",
        "signal_hook",
        "ctrlc",
        "tracing_subscriber",
        "tracing::subscriber::set_global_default",
        "subscriber::set_global_default",
        "set_global_default",
        "log::set_logger",
        "env_logger",
        "rustix::process",
        "libc::signal",
        "libc::sigaction",
        "nix::sys::signal",
    ];
    let mut wrong = lines(naming(tree, &LIBRARIES, &names));
    for (file, code) in tree.code(&LIBRARIES) {
        for call in [".build_global(", "static mut ", "thread_local!", "set_hook("] {
            if code.has(call) {
                wrong.push(format!("{file}: {call}"));
            }
        }
        // Parallel iterators outside of a pool's `install` run in the pool of the whole process.
        if code.has("par_iter(") || code.has("into_par_iter(") || code.has("par_bridge(") {
            let folder = file.split('/').next().unwrap_or_default();
            let sources = format!("{folder}/src/");
            if !tree.code(&[&sources]).any(|(_, code)| code.has(".install(")) {
                wrong.push(format!("{file}: a parallel iterator, and no pool of our own"));
            }
        }
    }
    wrong
}

fn the_libraries_print_nothing(tree: &Tree) -> Wrong {
    let names = [
        "print!",
        "println!",
        "eprint!",
        "eprintln!",
        "dbg!",
        "std::io::stdout",
        "std::io::stderr",
        "io::stdout",
        "io::stderr",
        "std::println!",
        "std::eprintln!",
    ];
    lines(naming(tree, &LIBRARIES, &names))
}

fn unsafe_has_one_address(tree: &Tree) -> Wrong {
    let mut wrong = Vec::new();
    for (file, code) in tree.code(&PRODUCT) {
        if file == UNSAFE {
            continue;
        }
        for word in ["unsafe ", "allow(unsafe_code", "expect(unsafe_code"] {
            if code.has(word) {
                wrong.push(format!("{file}: {word}"));
            }
        }
    }
    for library in LIBRARIES {
        let top = format!("{library}lib.rs");
        let Some(code) = tree.source(&top) else { continue };
        if !code.has("#![forbid(unsafe_code)]") && !code.has("#![deny(unsafe_code)]") {
            wrong.push(format!("{top} allows unsafe code"));
        }
    }
    wrong
}

fn every_member_has_the_lints(tree: &Tree) -> Wrong {
    let root = tree.manifest("Cargo.toml").expect("the workspace has a manifest");
    let mut wrong = Vec::new();
    let members = root.list("workspace", "members");
    assert!(!members.is_empty(), "the workspace has members");
    let paths = members.iter().map(|member| format!("{member}/Cargo.toml"));
    for path in paths.chain(["Cargo.toml".to_owned()]) {
        match tree.manifest(&path) {
            Some(manifest) if manifest.value("lints", "workspace") == Some("true") => {}
            Some(_) => wrong.push(format!("{path} has lints of its own, or none")),
            None => wrong.push(format!("{path} does not exist")),
        }
    }
    wrong
}

fn a_silenced_lint_says_why(tree: &Tree) -> Wrong {
    let mut wrong = Vec::new();
    for (file, code) in tree.code(&[""]) {
        for attribute in code.attributes() {
            let silences =
                ["allow", "expect"].iter().any(|word| attribute.contains(&format!("{word}(")));
            if silences && !attribute.contains("reason=") {
                wrong.push(format!("{file}: {attribute}"));
            }
        }
    }
    wrong
}

fn ci_runs_the_readmes_test(tree: &Tree) -> Wrong {
    let (Some(readme), Some(ci)) = (tree.text("README.md"), tree.text(".ci/run")) else {
        return vec!["there is no README.md or no .ci/run".to_owned()];
    };
    let commands = readme.lines().map(|line| line.trim().trim_start_matches("$ "));
    let Some(command) = commands.into_iter().find(|line| line.starts_with("cargo test")) else {
        return vec!["the README does not say how to test".to_owned()];
    };
    let command = command.split('#').next().unwrap_or_default().trim();
    if ci.lines().any(|line| line.trim() == command) {
        return Vec::new();
    }
    vec![format!(".ci/run does not call `{command}`")]
}

/// Crates that are given up, link a C library, or hide a panic in a build.
const BANNED: [&str; 9] = [
    "openssl-sys",
    "native-tls",
    "libz-sys",
    "zstd-sys",
    "bzip2-sys",
    "lzma-sys",
    "jwalk",
    "sled",
    "fail",
];

fn crates_come_from_one_place(tree: &Tree) -> Wrong {
    let lock = tree.text("Cargo.lock").expect("the lock file is checked in");
    let index = "registry+https://github.com/rust-lang/crates.io-index";
    let mut wrong = Vec::new();
    for line in lock.lines() {
        let value =
            |key: &str| line.strip_prefix(key)?.strip_prefix(" = ").map(|it| it.trim_matches('"'));
        if value("source").is_some_and(|source| source != index) {
            wrong.push(line.to_owned());
        }
        if value("name").is_some_and(|name| BANNED.contains(&name)) {
            wrong.push(format!("{line} is banned"));
        }
    }
    let deny = tree.text("deny.toml").unwrap_or_default();
    for name in BANNED {
        if !deny.contains(&format!("\"{name}\"")) {
            wrong.push(format!("deny.toml does not ban {name}"));
        }
    }
    wrong
}

fn every_test_file_runs(tree: &Tree) -> Wrong {
    let contents = tree.source("tests/main.rs").expect("the table of contents");
    let mut wrong = Vec::new();
    for (file, _) in tree.code(&["tests/"]) {
        let name = file.trim_start_matches("tests/");
        let module = name.strip_suffix("/mod.rs").or(name.strip_suffix(".rs")).unwrap_or(name);
        if !module.contains('/') && module != "main" && !contents.has(&format!("mod {module};")) {
            wrong.push(format!("{file} is not in tests/main.rs"));
        }
    }
    wrong
}

fn no_test_sleeps(tree: &Tree) -> Wrong {
    let names = ["std::thread::sleep", "thread::sleep", "sleep"];
    lines(naming(tree, &["tests/"], &names))
}

/// The walk sees the whole repository: an empty one keeps every rule.
#[test]
fn the_sources_are_found() {
    let tree = Tree::read();
    for file in
        ["Cargo.toml", "qcow2/src/lib.rs", "graph/src/lib.rs", "cli/main.rs", "tests/main.rs"]
    {
        assert!(tree.text(file).is_some(), "{file}");
    }
    let code = Code::new("use std::{fs, io::{self, Read as _}}; fn f() { let _ = a::b::c!(x); }");
    let paths: Vec<_> = code.paths().iter().map(ToString::to_string).collect();
    for path in ["std::fs", "std::io", "std::io::Read", "a::b::c!"] {
        assert!(paths.iter().any(|found| found == path), "{path} in {paths:?}");
    }
}
