//! `check`: is the metadata of an image sound? In qemu-img's numbers, and in words of our own.

use std::io::Write;
use std::path::Path;

use diskdag_qcow2::FindingKind as HeaderFinding;
use diskdag_qcow2::check::{
    CheckError, Finding, FindingKind, Options, Place, Report, Severity, check,
};
use diskdag_qcow2::info::Info;
use diskdag_qcow2::open::{ReadError, open_image};
use diskdag_qcow2::{ErrorKind, Structure};
use serde_json::{Map, Value};

use crate::args::{Check, Common};
use crate::escape;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::Output;
use crate::text::{count, size};

/// As many as help; more threads only wait for each other's memory.
const THREADS: usize = 2;

pub(crate) fn run(args: &Check, common: &Common, out: &mut Output) -> Result<Exit, Failure> {
    let path = args.image.as_path();
    match args.of.format.as_deref() {
        None | Some("qcow2") => {}
        Some(format) => return Err(unsupported(path, escape::name(format.as_bytes()).as_str())),
    }
    let opened =
        open_image(path).map_err(|error| Failure::caused(Exit::Failed, "open", path, &error))?;
    let mut options = Options::default();
    options.threads = common.threads.map_or(THREADS, std::num::NonZeroUsize::get);
    let report =
        check(&opened.file, opened.stat.len, &options).map_err(|error| refused(path, &error))?;
    if opened.changed().map_err(|error| Failure::on(path, "ask about", &error))? {
        out.notice(format!(
            "{} was written to while it was checked: what looks wrong may be half-done work",
            escape::path(path)
        ));
    }
    if out.json {
        writeln!(out, "{:#}", object(path, &report))?;
    } else if !(args.quiet && report.is_clean()) {
        text(path, &report, out)?;
    }
    for finding in report.header.iter().filter(|finding| is_worth_telling(finding.kind)) {
        out.notice(format!("{}: {finding}", escape::path(path)));
    }
    Ok(match &report {
        Report { check_errors: 1.., .. } => Exit::Failed,
        Report { corruptions: 1.., .. } => Exit::Corrupt,
        Report { leaks: 1.., .. } => Exit::Leaking,
        _ => Exit::Ok,
    })
}

/// What else the header shows. Its overlaps and offsets are among the report's own findings.
fn is_worth_telling(kind: HeaderFinding) -> bool {
    matches!(
        kind,
        HeaderFinding::Dirty
            | HeaderFinding::Corrupt
            | HeaderFinding::StaleBitmaps
            | HeaderFinding::MissingBitmaps
            | HeaderFinding::NoRefcountTable
    )
}

fn unsupported(path: &Path, format: &str) -> Failure {
    let why = if format == "raw" { "have nothing to check" } else { "are not read here" };
    let message = format!("{}: {format} images {why}", escape::path(path));
    Failure::new(Exit::Unsupported, "unsupported", message)
}

fn refused(path: &Path, error: &CheckError) -> Failure {
    if let CheckError::Read(ReadError::Format(error)) = error {
        match error.kind {
            ErrorKind::NotQcow2 { .. } => {
                let info = Info::of(path, None);
                return unsupported(path, info.map_or("raw", |info| info.format()));
            }
            ErrorKind::UnsupportedVersion { found: 1 } => return unsupported(path, "qcow (v1)"),
            _ => {}
        }
    }
    let kind = match error {
        CheckError::Unsupported(_) => "unsupported",
        CheckError::Read(ReadError::ChangedDuringRead { .. }) => "changed-during-read",
        CheckError::Read(ReadError::Io(_)) => "io",
        _ => "header",
    };
    Failure::caused(Exit::Failed, kind, path, error)
}

/// The object of `qemu-img check --output=json`: numbers that are 0 are left out, but for the first.
fn object(path: &Path, report: &Report) -> Value {
    let mut map = Map::new();
    let numbers = [
        ("image-end-offset", report.image_end_offset),
        ("total-clusters", report.total_clusters),
        ("allocated-clusters", report.allocated_clusters),
        ("fragmented-clusters", report.fragmented_clusters),
        ("compressed-clusters", report.compressed_clusters),
        ("corruptions", report.corruptions),
        ("leaks", report.leaks),
    ];
    for (key, number) in numbers {
        if number != 0 {
            map.insert(key.to_owned(), number.into());
        }
    }
    map.insert("check-errors".to_owned(), report.check_errors.into());
    crate::json::put_path(&mut map, "filename", path);
    map.insert("format".to_owned(), "qcow2".into());
    map.into()
}

fn text(path: &Path, report: &Report, out: &mut Output) -> std::io::Result<()> {
    let style = out.style;
    let mut verdict = Vec::new();
    for (number, one, many) in [
        (report.check_errors, "error", "errors"),
        (report.corruptions, "corruption", "corruptions"),
        (report.leaks, "leaked cluster", "leaked clusters"),
    ] {
        if number > 0 {
            verdict.push(count(usize::try_from(number).unwrap_or(usize::MAX), one, many));
        }
    }
    let verdict = match (verdict.is_empty(), report.corruptions + report.check_errors) {
        (true, _) => style.good("no errors"),
        (false, 0) => style.unknown(verdict.join(", ")),
        (false, _) => style.bad(verdict.join(", ")),
    };
    writeln!(out, "{}: {verdict}", style.strong(escape::path(path)))?;
    for finding in &report.findings {
        write_finding(finding, out)?;
    }
    let percent = |part: u64, whole: u64| part as f64 * 100.0 / (whole.max(1)) as f64;
    let Report { total_clusters, allocated_clusters, .. } = *report;
    writeln!(
        out,
        "{allocated_clusters} of {total_clusters} clusters allocated ({:.2} %), {} fragmented \
         ({:.2} %), {} compressed ({:.2} %); ends at {}",
        percent(allocated_clusters, total_clusters),
        report.fragmented_clusters,
        percent(report.fragmented_clusters, allocated_clusters),
        report.compressed_clusters,
        percent(report.compressed_clusters, allocated_clusters),
        size(report.image_end_offset),
    )?;
    for line in advice(path, report) {
        writeln!(out, "{line}")?;
    }
    Ok(())
}

fn write_finding(finding: &Finding, out: &mut Output) -> std::io::Result<()> {
    let style = out.style;
    let severity = match finding.kind.severity() {
        Severity::Error => style.bad("error"),
        Severity::Corruption => style.bad("corruption"),
        Severity::Leak => style.unknown("leak"),
        Severity::Notice => style.faint("note"),
    };
    let Finding { kind, structure, count, .. } = finding;
    writeln!(out, "  {severity}: {structure} {kind}: {}", times(*count))?;
    for place in &finding.places {
        writeln!(out, "    {}", style.faint(at(*kind, *structure, place)))?;
    }
    let shown = finding.places.len() as u64;
    if *count > shown && shown > 0 {
        writeln!(out, "    {}", style.faint(format!("and {} more", count - shown)))?;
    }
    Ok(())
}

fn at(kind: FindingKind, structure: Structure, place: &Place) -> String {
    let Place { at, found, expected, .. } = place;
    match (kind, expected) {
        (FindingKind::CopiedFlag, Some(refcount)) => {
            format!("entry at byte {at}: {found:#018x}, refcount {refcount}")
        }
        (_, Some(references)) if structure == Structure::Cluster => {
            format!("cluster at byte {at}: refcount {found}, {}", used(*references))
        }
        (_, Some(expected)) => format!("at byte {at}: {found}, not {expected}"),
        (_, None) => format!("at byte {at}: {found:#x}"),
    }
}

fn times(number: u64) -> String {
    match number {
        1 => "once".to_owned(),
        number => format!("{number} times"),
    }
}

fn used(references: u64) -> String {
    match references {
        0 => "not in use".to_owned(),
        1 => "used once".to_owned(),
        references => format!("used {references} times"),
    }
}

/// What it means, and what to run.
fn advice(path: &Path, report: &Report) -> Vec<String> {
    let shell = escape::shell(path);
    let mut lines = Vec::new();
    if report.check_errors > 0 {
        lines.push(
            "Not everything could be checked: what is told is a part, and leaks may be none."
                .to_owned(),
        );
    }
    if report.corruptions > 0 {
        lines.push(
            "Data may be lost when the image is written to. Don't start it; copy it first, then \
             repair the copy:"
                .to_owned(),
        );
        lines.push(format!("  qemu-img check -r all {shell}"));
    } else if report.leaks > 0 && report.check_errors == 0 {
        lines.push(format!(
            "Leaked clusters only take up space, {} of it. To get it back, while nothing uses the \
             image:",
            size(report.leaked_bytes())
        ));
        lines.push(format!("  qemu-img check -r leaks {shell}"));
    }
    lines
}
