//! `demo`: a small fleet in a temporary directory, and a tour of it.

use std::fs::{DirBuilder, OpenOptions};
use std::io::{self, Write};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use diskdag_graph::Verdict;
use diskdag_qcow2::create::{Backing, Create};

use crate::args::Common;
use crate::escape;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::json::Answer;
use crate::output::Output;
use crate::scope;
use crate::verbs::{can_rm, tree};

/// Overlays of the fleet, and what each is put on.
const OVERLAYS: &[(&str, &str)] = &[
    ("web.qcow2", "golden.qcow2"),
    ("web-update.qcow2", "web.qcow2"),
    ("clone-1.qcow2", "golden.qcow2"),
    ("clone-2.qcow2", "golden.qcow2"),
    ("clone-3.qcow2", "golden.qcow2"),
];
/// The base of nearly all.
const GOLDEN: &str = "golden.qcow2";
/// An image that keeps its guest's data in another file.
const TABLE: &str = "database.qcow2";
const DATA: &str = "database.raw";
/// Nothing needs it.
const LEAF: &str = "clone-3.qcow2";
/// The size of all disks, as the guest sees it.
const SIZE: u64 = 10 << 30;

pub(crate) fn run(common: &Common, out: &mut Output) -> Result<Exit, Failure> {
    let directory = scope::absolute(&make_directory()?)?;
    let disks = make_fleet(&directory)?;
    let common = Common { roots: vec![directory.clone()], ..common.clone() };
    let (golden, leaf) = (directory.join(GOLDEN), directory.join(LEAF));
    if out.json {
        return print_json(&directory, disks, &[golden, leaf], &common, out);
    }
    let here = escape::shell(&directory);
    writeln!(out, "Made {disks} small disks in {}.\n", escape::path(&directory))?;

    prompt(out, &format!("diskdag tree --root {here}"))?;
    tree::run(&[], false, &common, out)?;

    writeln!(out, "\nMay the golden image go? Everything above it would be lost with it:\n")?;
    prompt(out, &format!("diskdag can-rm --root {here} {}", escape::shell(&golden)))?;
    let refused = can_rm::run(&[golden], None, &common, out)?;
    writeln!(out, "[exit {}]\n", refused.code())?;

    writeln!(out, "And a clone that nothing needs?\n")?;
    prompt(out, &format!("diskdag can-rm --root {here} {}", escape::shell(&leaf)))?;
    let allowed = can_rm::run(&[leaf], None, &common, out)?;
    writeln!(out, "[exit {}]\n", allowed.code())?;

    writeln!(out, "Next, on this fleet:")?;
    writeln!(out, "  diskdag why {here}/{GOLDEN} {here}/web-update.qcow2")?;
    writeln!(out, "  diskdag dependents --root {here} {here}/{DATA}")?;
    writeln!(out, "  mv {here}/{GOLDEN} {here}/moved.qcow2; diskdag scan {here}")?;
    writeln!(out, "and on your own:")?;
    writeln!(out, "  diskdag scan /var/lib/images")?;
    writeln!(out, "  diskdag roots add /var/lib/images")?;
    writeln!(out, "The directory is kept; `rm -r {here}` removes it.")?;
    let is_right = refused == Exit::Refused && allowed == Exit::Ok;
    Ok(Exit::Failed.when(!is_right))
}

fn prompt(out: &mut Output, command: &str) -> io::Result<()> {
    let line = out.style.strong(format_args!("$ {command}"));
    writeln!(out, "{line}")
}

fn print_json(
    directory: &Path,
    disks: usize,
    asked: &[PathBuf; 2],
    common: &Common,
    out: &mut Output,
) -> Result<Exit, Failure> {
    let mut verdicts = Vec::new();
    for image in asked {
        let (_, _, _, removal) = can_rm::judge(std::slice::from_ref(image), common)?;
        verdicts.push(removal.verdict);
    }
    let [golden, leaf] = asked;
    let mut answer = Answer::begin(out, "demo")?;
    answer.path("directory", directory)?;
    answer.field("disks", disks)?;
    answer.path("refused", golden)?;
    answer.path("allowed", leaf)?;
    answer.end()?;
    Ok(Exit::Failed.when(verdicts != [Verdict::No, Verdict::Yes]))
}

/// A directory that was not there before and that only this user can enter.
fn make_directory() -> Result<PathBuf, Failure> {
    let parent = std::env::temp_dir();
    let process = std::process::id();
    for attempt in 0_u32.. {
        let path = parent.join(format!("diskdag-demo-{process}-{attempt}"));
        match DirBuilder::new().mode(0o700).create(&path) {
            Ok(()) => return Ok(path),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(Failure::on(&path, "make", &error)),
        }
    }
    Err(Failure::new(Exit::Failed, "io", "no free name for a directory"))
}

/// Writes the fleet; says how many disks it has.
fn make_fleet(directory: &Path) -> Result<usize, Failure> {
    write(directory, GOLDEN, &Create { virtual_size: SIZE, ..Create::default() })?;
    for (name, base) in OVERLAYS {
        let backing = Backing { name: base.as_bytes(), format: Some(b"qcow2") };
        let image = Create { virtual_size: SIZE, backing: Some(backing), ..Create::default() };
        write(directory, name, &image)?;
    }
    let data = directory.join(DATA);
    let made = new_file(&data).and_then(|file| file.set_len(SIZE));
    made.map_err(|error| Failure::on(&data, "write", &error))?;
    let data_file = Some(data.as_os_str().as_bytes());
    write(directory, TABLE, &Create { virtual_size: SIZE, data_file, ..Create::default() })?;
    Ok(OVERLAYS.len() + 3)
}

fn write(directory: &Path, name: &str, image: &Create<'_>) -> Result<(), Failure> {
    let path = directory.join(name);
    let layout = image.build().map_err(|error| {
        Failure::new(Exit::Failed, "create", format!("{}: {error}", escape::path(&path)))
    })?;
    let written = new_file(&path).and_then(|file| layout.write_to(&file));
    written.map_err(|error| Failure::on(&path, "write", &error))
}

fn new_file(path: &Path) -> io::Result<std::fs::File> {
    OpenOptions::new().write(true).create_new(true).open(path)
}
