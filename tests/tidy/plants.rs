//! Violations, each of which a rule has to find.

/// What is planted for a rule: text at the end of files, or `old => new`.
pub(crate) struct Plant {
    pub(crate) rule: &'static str,
    pub(crate) files: &'static [(&'static str, &'static str)],
}

const fn plant(rule: &'static str, files: &'static [(&'static str, &'static str)]) -> Plant {
    Plant { rule, files }
}

pub(crate) const PLANTS: &[Plant] = &[
    plant(
        "petgraph is named in one file",
        &[
            ("graph/src/planted_a.rs", "use petgraph::stable_graph::StableDiGraph;"),
            ("graph/src/planted_b.rs", "fn f(graph: &petgraph::Graph<(), ()>) {}"),
        ],
    ),
    plant("petgraph is named in one file", &[("cli/planted.rs", "use ::petgraph as pg;")]),
    plant(
        "petgraph is named in one file",
        &[("qcow2/Cargo.toml", "[dependencies.petgraph]\nworkspace = true")],
    ),
    plant(
        "petgraph is named in one file",
        &[("Cargo.toml", "[target.'cfg(unix)'.dependencies]\npg = { package = \"petgraph\" }")],
    ),
    plant("redb is named in one folder", &[("cli/planted.rs", "use redb::Database;")]),
    plant(
        "redb is named in one folder",
        &[
            ("snapshot/src/catalogue/planted.rs", "use redb::Database;"),
            ("snapshot/src/pool/planted.rs", "type D = redb::Database;"),
        ],
    ),
    plant(
        "the system is called from one module per crate",
        &[
            ("graph/src/scan/planted_a.rs", "use rustix::fs::open;"),
            ("graph/src/scan/planted_b.rs", "fn f() { libc::getpid(); }"),
        ],
    ),
    plant(
        "the system is called from one module per crate",
        &[
            ("qcow2/src/planted_a.rs", "use {core::fmt, memmap2::Mmap};"),
            ("qcow2/src/planted_b.rs", "use memmap2::*;"),
        ],
    ),
    plant(
        "the parse core knows bytes only",
        &[("qcow2/src/header/planted.rs", "use std::fs::File;")],
    ),
    plant(
        "the parse core knows bytes only",
        &[("qcow2/src/format/planted.rs", "use alloc::vec::Vec;")],
    ),
    plant(
        "the parse core knows bytes only",
        &[("qcow2/src/units.rs", "fn f() -> String { todo!() }")],
    ),
    plant(
        "the parse core knows bytes only",
        &[("qcow2/src/error.rs", "fn f() { format!(\"{x}\"); }")],
    ),
    plant(
        "the parse core knows bytes only",
        &[("qcow2/src/header/planted.rs", "fn f(path: &std::path::Path) {}")],
    ),
    plant(
        "the parse core knows bytes only",
        &[("qcow2/src/error.rs", "#![forbid(unsafe_code)] => ")],
    ),
    plant(
        "the parse core knows bytes only",
        &[("qcow2/src/header/parse.rs", "#![forbid(unsafe_code)] => ")],
    ),
    plant(
        "the index knows no file system",
        &[("graph/src/planted.rs", "use crate::sys::qemu_locks;")],
    ),
    plant(
        "the index knows no file system",
        &[("graph/src/planted.rs", "use std::{collections, fs};")],
    ),
    plant(
        "the index knows no file system",
        &[("graph/src/planted.rs", "fn f() -> std::io::Result<()> { Ok(()) }")],
    ),
    plant("the index knows no file system", &[("graph/src/planted.rs", "use std::*;")]),
    plant(
        "the index knows no file system",
        &[("graph/src/planted.rs", "fn f(p: &Path) { p.canonicalize(); }")],
    ),
    plant("the index knows no file system", &[("graph/src/planted.rs", "use rustix::fs;")]),
    plant(
        "what is durable goes through one trait",
        &[(
            "snapshot/src/planted.rs",
            "fn f() -> std::io::Result<()> { std::fs::remove_file(\"x\") }",
        )],
    ),
    plant(
        "what is durable goes through one trait",
        &[("snapshot/src/operate/planted.rs", "fn f(p: &Path) -> bool { p.exists() }")],
    ),
    plant("the command decides nothing", &[("cli/planted.rs", "use petgraph::Graph;")]),
    plant("the command decides nothing", &[("cli/verb/planted.rs", "fn f(d: redb::Database) {}")]),
    plant(
        "dependencies point one way",
        &[("qcow2/Cargo.toml", "[dependencies]\ndiskdag-graph.workspace = true")],
    ),
    plant("dependencies point one way", &[("qcow2/src/planted.rs", "use diskdag_graph::Graph;")]),
    plant("dependencies point one way", &[("graph/Cargo.toml", "[dependencies]\ndiskdag = \"1\"")]),
    plant(
        "dependencies point one way",
        &[("graph/src/planted.rs", "fn f(p: diskdag_snapshot::Pool) {}")],
    ),
    plant(
        "the libraries have no global state",
        &[("graph/src/planted.rs", "fn f() { std::env::var(\"HOME\"); }")],
    ),
    plant("the libraries have no global state", &[("graph/src/planted.rs", "use std::env;")]),
    plant(
        "the libraries have no global state",
        &[("qcow2/src/planted.rs", "fn f() { env::current_dir(); }")],
    ),
    plant(
        "the libraries have no global state",
        &[("graph/src/scan/planted.rs", "fn f() { rayon::spawn(|| ()); }")],
    ),
    plant(
        "the libraries have no global state",
        &[("graph/src/scan/planted.rs", "fn f() { b.num_threads(2).build_global(); }")],
    ),
    plant(
        "the libraries have no global state",
        &[("graph/src/planted.rs", "fn f() { signal_hook::flag::register(); }")],
    ),
    plant(
        "the libraries have no global state",
        &[("graph/src/planted.rs", "fn f() { tracing::subscriber::set_global_default(s); }")],
    ),
    plant(
        "the libraries have no global state",
        &[("qcow2/src/planted.rs", "static mut COUNT: u32 = 0;")],
    ),
    plant(
        "the libraries print nothing",
        &[("graph/src/planted.rs", "fn f() { println!(\"found\"); }")],
    ),
    plant(
        "the libraries print nothing",
        &[("qcow2/src/planted.rs", "fn f() { std::eprintln!(\"found\"); }")],
    ),
    plant("the libraries print nothing", &[("graph/src/planted.rs", "fn f() { dbg!(1); }")]),
    plant("unsafe has one address", &[("graph/src/planted.rs", "fn f() { unsafe { g() } }")]),
    plant("unsafe has one address", &[("qcow2/src/source/file.rs", "unsafe fn f() {}")]),
    plant("unsafe has one address", &[("cli/planted.rs", "unsafe impl Send for X {}")]),
    plant("unsafe has one address", &[("qcow2/src/planted.rs", "#![allow(unsafe_code)]")]),
    plant(
        "every member has the workspace's lints",
        &[("graph/Cargo.toml", "workspace = true => workspace = false")],
    ),
    plant(
        "every member has the workspace's lints",
        &[("Cargo.toml", "members = [ => members = [\"new\", ")],
    ),
    plant("a silenced lint says why", &[("graph/src/planted.rs", "#[allow(dead_code)] fn f() {}")]),
    plant("a silenced lint says why", &[("cli/planted.rs", "#![expect(clippy::todo)]")]),
    plant(
        "a silenced lint says why",
        &[("tests/planted.rs", "#[allow(\n    dead_code,\n)]\nfn f() {}")],
    ),
    plant(
        "what is tested is what the README says",
        &[(".ci/run", "cargo test => cargo nextest run")],
    ),
    plant("what is tested is what the README says", &[("README.md", "cargo test => make check")]),
    plant(
        "crates come from crates.io",
        &[("Cargo.lock", "source = \"git+https://example.org/fork\"")],
    ),
    plant("crates come from crates.io", &[("Cargo.lock", "name = \"openssl-sys\"")]),
    plant("crates come from crates.io", &[("deny.toml", "openssl-sys => openssl")]),
    plant("every test file is in the table of contents", &[("tests/planted.rs", "fn f() {}")]),
    plant("every test file is in the table of contents", &[("tests/planted/mod.rs", "fn f() {}")]),
    plant(
        "tests wait for things, not for time",
        &[("tests/planted.rs", "use std::thread::{self, sleep};")],
    ),
    plant(
        "tests wait for things, not for time",
        &[("tests/planted.rs", "#[test] fn f() { thread::sleep(x); }")],
    ),
];
