//! `info`: what an image says of itself, in qemu-img's words.

mod object;
mod text;

use std::io::Write;
use std::path::Path;

use diskdag_qcow2::info::{ChainEnd, Info, InfoError, describe_chain};
use diskdag_qcow2::open::OpenError;
use diskdag_qcow2::table::{Bitmap, Snapshot};
use diskdag_qcow2::{FeatureKind, Obstacle};
use serde_json::Value;

use crate::args;
use crate::escape;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::Output;

/// How many snapshots, and how many bitmaps, are listed of one image.
const LISTED: usize = 1_000;
/// How many bytes the names of them have together.
const NAMES: usize = 100_000;

/// As many as are listed.
fn listed<T>(all: impl Iterator<Item = T>, name: impl Fn(&T) -> usize) -> impl Iterator<Item = T> {
    let mut bytes = 0;
    all.take(LISTED).take_while(move |one| {
        bytes += name(one);
        bytes <= NAMES
    })
}

fn listed_snapshots(info: &Info) -> impl Iterator<Item = Snapshot<'_>> {
    listed(info.snapshots(), |snapshot| snapshot.id.len().min(127) + snapshot.name.len().min(255))
}

fn listed_bitmaps(info: &Info) -> impl Iterator<Item = Bitmap<'_>> {
    listed(info.bitmaps(), |bitmap| bitmap.name.len())
}

pub(crate) fn run(args: &args::Info, out: &mut Output) -> Result<Exit, Failure> {
    let mut objects = Vec::new();
    let mut exit = Exit::Ok;
    let mut described = 0_usize;
    let format = args.of.format.as_deref().map(str::as_bytes);
    let end = describe_chain(&args.image, format, |info| {
        let object = object::of(info);
        exit = exit.or(remarks(info, out));
        if out.json {
            objects.push(object);
        } else {
            if described > 0 {
                writeln!(out)?;
            }
            text::write(info, &object, out)?;
        }
        described += 1;
        Ok::<_, Failure>(args.backing_chain)
    })?;
    let stop = match end {
        ChainEnd::Broken { path, error } => Some(refused(&path, &error)),
        ChainEnd::NoFile { name } => {
            let name = escape::name(&name);
            let message = format!("its backing file is no file of this host: {name}");
            Some(Failure::new(Exit::Failed, "backing-file", message))
        }
        ChainEnd::Cycle { path } => {
            let message = format!("{}: its chain never ends", escape::path(&path));
            Some(Failure::new(Exit::Failed, "cycle", message))
        }
        _ => None,
    };
    match stop {
        Some(failure) if described == 0 => return Err(failure),
        Some(failure) => {
            out.notice(format!("the chain is broken: {}", failure.message));
            exit = exit.or(failure.exit);
        }
        None => {}
    }
    if out.json {
        let answer = if args.backing_chain { Value::Array(objects) } else { objects.remove(0) };
        writeln!(out, "{answer:#}")?;
    }
    Ok(exit)
}

/// What is not in the object; and the exit code, which is 1 where QEMU refuses the image.
fn remarks(info: &Info, out: &mut Output) -> Exit {
    let path = escape::path(info.path());
    let mut exit = Exit::Ok;
    if let Some(format) = info.foreign() {
        out.notice(format!(
            "{path} is not described whole: {} images are not read here; neither its size nor what it names \
             is known",
            format.name()
        ));
        exit = Exit::Failed;
    }
    for fault in info.faults() {
        let fault = escape::words(&fault.to_string()).into_owned();
        out.notice(format!("{path} is not described whole: {fault}"));
        exit = Exit::Failed;
    }
    let snapshots = (info.snapshots().count(), listed_snapshots(info).count());
    let bitmaps = (info.bitmaps().count(), listed_bitmaps(info).count());
    for (what, (count, listed)) in [("internal snapshots", snapshots), ("bitmaps", bitmaps)] {
        if count > listed {
            out.notice(format!("{path} has {count} {what}; the first {listed} are listed"));
        }
    }
    let Some(header) = info.header() else { return exit };
    for obstacle in header.obstacles() {
        if let Obstacle::UnknownIncompatible(bits) = obstacle {
            let names = (0..64_u8).filter(|bit| bits >> bit & 1 == 1).map(|bit| {
                let name = header.feature_name(FeatureKind::Incompatible, bit);
                name.map_or_else(|| format!("bit {bit}"), escape::name)
            });
            let names: Vec<String> = names.collect();
            out.notice(format!(
                "{path} cannot be opened by QEMU: it uses features unknown here: {}",
                names.join(", ")
            ));
            exit = Exit::Failed;
        }
    }
    exit
}

/// qemu-img knows one code for everything that fails.
fn refused(image: &Path, error: &InfoError) -> Failure {
    let kind = match error {
        InfoError::Open(OpenError::NotFound) => "not-found",
        InfoError::Open(OpenError::NotRegularFile(_)) => "not-a-file",
        InfoError::Open(OpenError::RefusedFilesystem { .. }) => "refused",
        InfoError::Open(_) => "io",
        InfoError::UnsupportedFormat { .. } => "format",
        _ => "header",
    };
    Failure::caused(Exit::Failed, kind, image, error)
}
