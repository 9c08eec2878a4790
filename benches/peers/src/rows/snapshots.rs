//! Snapshots: an overlay written, a snapshot taken durably, a hundred at once, a header re-pointed.

use super::Bench;
use crate::Result;
use crate::floor::durable::{self, Names};
use crate::measure::{Contest, fallible};
use crate::ours::snapshots::{self, Disks};
use crate::peer::by_record::Records;
use crate::peer::qemu_img;
use crate::row::{Goal, Row};
use std::cell::RefCell;
use std::ffi::OsStr;
use std::fs::File;

/// Disks that a row may use up: each is snapshotted once, so that no chain grows.
const DISKS: usize = 3000;

/// Threads that take a snapshot at once.
const AT_ONCE: usize = 100;

pub(crate) fn rows(bench: &Bench) -> Result<Vec<Row>> {
    let mut rows = written(bench)?;
    rows.extend(taken(bench)?);
    rows.extend(at_once(bench)?);
    rows.extend(repointed(bench)?);
    Ok(rows)
}

/// An overlay on its way to the page cache.
fn written(bench: &Bench) -> Result<Vec<Row>> {
    if !bench.wants("overlay-write", &["sparse-write", "256K-write", "qemu-img"]) {
        return Ok(Vec::new());
    }
    let layout = snapshots::overlay(b"base.qcow2")?;
    let names = RefCell::new(Names::new(bench.dir.join("overlay-write"))?);
    let base = names.borrow_mut().fresh();
    snapshots::write_overlay(&base, b"none")?;
    let whole = vec![0; usize::try_from(layout.len)?.next_multiple_of(256 << 10)];
    let fresh = &|| names.borrow_mut().fresh();
    let mut contest = Contest::new(
        "overlay-write",
        fallible(1, || snapshots::write_overlay(&fresh(), b"base.qcow2")),
    )
    .against(
        "sparse-write",
        Goal::AtMost(1.15),
        fallible(1, || durable::write(&fresh(), &layout).map(drop)),
    )
    .against(
        "256K-write",
        Goal::AtLeast(1.0),
        fallible(1, || Ok(std::fs::write(fresh(), &whole)?)),
    );
    if qemu_img::is_there() {
        let arguments = ["create", "-q", "-f", "qcow2", "-F", "qcow2", "-u", "-b", "base.qcow2"];
        contest = contest.against(
            "qemu-img",
            Goal::AtLeast(1.0),
            fallible(1, move || {
                let path = fresh();
                let mut all: Vec<&OsStr> = arguments.map(OsStr::new).to_vec();
                all.extend([path.as_os_str(), OsStr::new("1G")]);
                qemu_img::run(&all)
            }),
        );
    }
    let rows = bench.run(contest)?;
    std::fs::remove_dir_all(bench.dir.join("overlay-write"))?;
    Ok(rows)
}

/// One snapshot, durable with its records.
fn taken(bench: &Bench) -> Result<Vec<Row>> {
    if !bench.wants(
        "snap-create",
        &["fsync-rename-fsync", "sqlite-record", "qemu-img-create", "qemu-img-snapshot"],
    ) {
        return Ok(Vec::new());
    }
    let layout = snapshots::overlay(b"base.qcow2")?;
    let mut ours = Disks::new(&bench.dir.join("snap-create"), DISKS)?;
    let mut floor = Names::new(bench.dir.join("snap-create-floor"))?;
    let mut records = Records::new(&bench.dir.join("snap-create-records"), DISKS, &layout)?;
    let names = &RefCell::new(Names::new(bench.dir.join("snap-create-qemu"))?);
    let internal = names.borrow_mut().fresh();
    snapshots::write_overlay(&internal, b"none")?;
    let mut contest = Contest::new("snap-create", fallible(1, || ours.create()))
        .against("fsync-rename-fsync", Goal::AtMost(1.6), fallible(1, || floor.publish(&layout)))
        .against("sqlite-record", Goal::AtLeast(1.0), fallible(1, || records.create(&layout)));
    if qemu_img::is_there() {
        let create = ["create", "-q", "-f", "qcow2", "-F", "qcow2", "-u", "-b", "base.qcow2"];
        contest = contest.against(
            "qemu-img-create",
            Goal::AtLeast(1.0),
            fallible(1, move || {
                let path = names.borrow_mut().fresh();
                let mut all: Vec<&OsStr> = create.map(OsStr::new).to_vec();
                all.extend([path.as_os_str(), OsStr::new("1G")]);
                qemu_img::run(&all)
            }),
        );
    }
    let rows = bench.run(contest)?;
    for name in ["snap-create", "snap-create-floor", "snap-create-records", "snap-create-qemu"] {
        std::fs::remove_dir_all(bench.dir.join(name))?;
    }
    Ok(rows)
}

/// A hundred threads at once, beside the floor of one after the other.
fn at_once(bench: &Bench) -> Result<Vec<Row>> {
    let name = "snap-create-100-at-once";
    if !bench.wants(name, &["one-by-one"]) {
        return Ok(Vec::new());
    }
    let layout = snapshots::overlay(b"base.qcow2")?;
    let mut ours = Disks::new(&bench.dir.join("at-once"), DISKS)?;
    let mut floor = Names::new(bench.dir.join("at-once-floor"))?;
    let contest = Contest::new(name, fallible(AT_ONCE, || ours.create_at_once(AT_ONCE))).against(
        "one-by-one",
        Goal::AtMost(0.30),
        fallible(AT_ONCE, || (0..AT_ONCE).try_for_each(|_| floor.publish(&layout))),
    );
    let rows = bench.run(contest)?;
    for name in ["at-once", "at-once-floor"] {
        std::fs::remove_dir_all(bench.dir.join(name))?;
    }
    Ok(rows)
}

/// An overlay that names another backing file.
fn repointed(bench: &Bench) -> Result<Vec<Row>> {
    if !bench.wants("repoint", &["pwrite-fdatasync", "qemu-img-rebase"]) {
        return Ok(Vec::new());
    }
    let mut names = Names::new(bench.dir.join("repoint"))?;
    let (overlay, plain) = (names.fresh(), names.fresh());
    for name in ["base-a.qcow2", "base-b.qcow2"] {
        snapshots::write_overlay(&bench.dir.join("repoint").join(name), b"none")?;
    }
    snapshots::write_overlay(&overlay, b"base-a.qcow2")?;
    snapshots::write_overlay(&plain, b"base-a.qcow2")?;
    let file = File::options().write(true).open(&plain)?;
    file.sync_all()?;
    let mut turn = false;
    let mut next = move || {
        turn = !turn;
        if turn { "base-b.qcow2" } else { "base-a.qcow2" }
    };
    let mut contest =
        Contest::new("repoint", fallible(1, || snapshots::repoint(&overlay, next().as_bytes())))
            .against(
                "pwrite-fdatasync",
                Goal::AtMost(2.5),
                fallible(1, || durable::overwrite(&file, 528, b"base-b.qcow2")),
            );
    if qemu_img::is_there() {
        let path = plain.as_os_str();
        let arguments = ["rebase", "-q", "-u", "-f", "qcow2", "-F", "qcow2", "-b", "base-b.qcow2"];
        contest = contest.against(
            "qemu-img-rebase",
            Goal::AtLeast(1.0),
            fallible(1, move || {
                let mut all: Vec<&OsStr> = arguments.map(OsStr::new).to_vec();
                all.push(path);
                qemu_img::run(&all)
            }),
        );
    }
    let rows = bench.run(contest)?;
    std::fs::remove_dir_all(bench.dir.join("repoint"))?;
    Ok(rows)
}
