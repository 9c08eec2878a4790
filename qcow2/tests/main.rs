//! The tests of diskdag-qcow2, as a table of contents.
#![allow(clippy::unwrap_used, reason = "helpers of tests may panic like tests")]
#![allow(unreachable_pub, reason = "modules of one binary, some of which the fuzz targets share")]

// What the tests and the fuzz targets share.
#[path = "../../fuzz/src/checks.rs"]
mod checks;
#[path = "../../fuzz/src/oracle.rs"]
mod oracle;

// How the tests make images, and break them.
mod image;

// The header, field by field: what is refused, what is accepted and said.
mod header;
// Header extensions, and what they point to.
mod extensions;
// The name of the backing file, and of the data file.
mod names;
// What a refused header still says.
mod salvage;
// Feature bits and their names; can the guest's data be read?
mod features;
// What an image names: relative, absolute, `file:`, protocols.
mod reference;
// `json:` names.
mod json;

// Creating images.
mod create;
// Opening by path: special files, pseudo file systems, replaced files.
mod open;
// Reading a header: growing buffers, short files, how much is read.
mod read;
// Sources: memory, file, map.
mod source;

// Any header at all, beside a parser written by hand.
mod mutants;
// What the fuzzers found, and where they start from.
mod replay;
// The same images, beside qemu-img.
mod qemu;
