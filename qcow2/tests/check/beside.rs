//! A check of ours beside one of qemu-img's.

use std::path::Path;
use std::process::{Command, Stdio};

use diskdag_qcow2::Structure;
use diskdag_qcow2::check::{CheckError, Finding, FindingKind, Options, Report, check};
use diskdag_qcow2::open::open_image;
use serde_json::Value;

/// Runs a tool of QEMU's for at most ten seconds and with at most 2 GB; what it says on standard error,
/// which may be gigabytes, goes nowhere.
pub fn qemu(dir: &Path, tool: &str, arguments: &[&str]) -> (Option<i32>, Vec<u8>) {
    let script = format!("ulimit -v 2000000; exec {tool} \"$@\" 2>/dev/null");
    let output = Command::new("timeout")
        .args(["10", "sh", "-c", &script, tool])
        .args(arguments)
        .current_dir(dir)
        .stdin(Stdio::null())
        .output()
        .unwrap();
    (output.status.code(), output.stdout)
}

/// What `qemu-img check` says: its exit code and, unless it gave up, its object.
fn theirs(path: &Path, is_luks: bool) -> (Option<i32>, Option<Value>) {
    let dir = path.parent().unwrap();
    let name = path.file_name().unwrap().to_str().unwrap();
    let luks = format!("driver=qcow2,encrypt.key-secret=s,file.filename={name}");
    let arguments = match is_luks {
        true => vec!["--object", "secret,id=s,data=x", "--image-opts", &luks],
        false => vec!["-f", "qcow2", name],
    };
    let arguments = [&["check", "--output=json"][..], &arguments].concat();
    let (code, stdout) = qemu(dir, "qemu-img", &arguments);
    (code, serde_json::from_slice(&stdout).ok())
}

fn ours(path: &Path) -> Result<Report, CheckError> {
    let opened = open_image(path).unwrap();
    check(&opened.file, opened.stat.len, &Options::default())
}

/// The numbers of a report under qemu-img's keys.
fn numbers(report: &Report) -> [(&'static str, u64); 8] {
    [
        ("check-errors", report.check_errors),
        ("corruptions", report.corruptions),
        ("leaks", report.leaks),
        ("image-end-offset", report.image_end_offset),
        ("total-clusters", report.total_clusters),
        ("allocated-clusters", report.allocated_clusters),
        ("fragmented-clusters", report.fragmented_clusters),
        ("compressed-clusters", report.compressed_clusters),
    ]
}

fn code(report: &Report) -> i32 {
    match report {
        Report { check_errors: 1.., .. } => 1,
        Report { corruptions: 1.., .. } => 2,
        Report { leaks: 1.., .. } => 3,
        _ => 0,
    }
}

/// The row of DIFFERENCES.md for a finding: there the numbers may differ, but nothing may pass as clean.
fn row(finding: &Finding) -> Option<&'static str> {
    Some(match (finding.kind, finding.structure) {
        (FindingKind::NamesNothing, Structure::L1Table) => ROWS[0],
        (FindingKind::NamesNothing, _) => ROWS[1],
        (
            FindingKind::Overlap,
            Structure::L1Table | Structure::RefcountTable | Structure::SnapshotTable,
        ) => ROWS[2],
        (FindingKind::Overlap, _) => ROWS[3],
        (FindingKind::Broken, _) => ROWS[4],
        (FindingKind::ZeroInVersion2, _) => ROWS[5],
        (FindingKind::WrongDataFileOffset, _) => ROWS[6],
        (FindingKind::Misaligned, Structure::L2Table) => ROWS[7],
        (FindingKind::ReservedBits, Structure::BitmapTable) => ROWS[8],
        (FindingKind::TooLarge, Structure::Luks) => ROWS[9],
        _ => return None,
    })
}

/// What DIFFERENCES.md says of `check`, by the image that a row is about.
pub const ROWS: [&str; 11] = [
    "L1 entry that is not 0 and has offset 0",
    "L2 entry with the copied flag and offset 0, not in an external data file",
    "L1 table, refcount table or snapshot at offset 0, or below the first cluster's end",
    "metadata that something else lies over, refcounts agreeing with it",
    "bitmap directory, snapshot table that cannot be walked",
    "the zero flag in a version 2 image",
    "external data file: cluster not at its guest offset",
    "L2 table that is not at a cluster's start",
    "bitmap table entry with reserved bits, or not at a cluster's start",
    "LUKS header of more than 16 MiB",
    "snapshot whose L1 table lies at 2^63 or above",
];

/// A difference that nothing excuses.
#[derive(Debug)]
pub struct Difference {
    pub told: String,
    /// qemu-img gave up without an answer.
    pub gave_up: bool,
}

/// Checks an image beside qemu-img: `None` if both say the same, the row that excuses it if not, or what differs
/// for no reason.
pub fn compare(path: &Path, is_luks: bool) -> Result<Option<&'static str>, Difference> {
    let (their_code, their_object) = theirs(path, is_luks);
    let report = match (ours(path), their_code) {
        (Ok(report), _) => report,
        (Err(_), Some(1)) => return Ok(None),
        (Err(error), code) => {
            let told = format!("we refuse: {error}; qemu-img exits {code:?}");
            return Err(Difference { told, gave_up: false });
        }
    };
    let known = report.findings.iter().find_map(row);
    let gave_up = their_object.is_none();
    let differs = || {
        let told = format!("ours {report:?}\n  theirs {their_code:?} {their_object:?}");
        Err(Difference { told, gave_up })
    };
    if known.is_some() && code(&report) != 0 {
        return Ok(known);
    }
    // An offset of 2^63 or more, negative for QEMU, which then asks for that much memory.
    let is_far = |finding: &Finding| {
        (finding.kind, finding.structure) == (FindingKind::OutOfBounds, Structure::L1Table)
    };
    if their_object.is_none() && report.findings.iter().any(is_far) {
        return Ok(Some(ROWS[10]));
    }
    let Some(object) = &their_object else {
        // It gave up without a word.
        return if code(&report) == 1 { Ok(None) } else { differs() };
    };
    let same = numbers(&report)
        .iter()
        .all(|(key, number)| object[*key].as_u64().unwrap_or_default() == *number);
    if same && Some(code(&report)) == their_code { Ok(None) } else { differs() }
}
