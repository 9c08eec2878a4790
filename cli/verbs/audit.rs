//! `audit`: may this untrusted image be opened, what does it name, and what is odd about it?

use std::io::{self, Write};
use std::path::Path;

use diskdag_qcow2::audit::{Audit, AuditError, Finding, Named, NamedKind, Severity, Verdict};
use diskdag_qcow2::chain::Policy;
use serde_json::{Map, Value, json};

use super::opening::unusable;
use crate::args;
use crate::escape;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::json::{Answer, put_bytes, put_path};
use crate::output::Output;

pub(crate) fn run(args: &args::Audit, out: &mut Output) -> Result<Exit, Failure> {
    let policy = match args.allow_dirs.is_empty() {
        true => Policy::nothing(),
        false => Policy::beneath(args.allow_dirs.iter().cloned()),
    };
    let audit = Audit::of_path(&args.image, &policy).map_err(|error| match error {
        AuditError::NotFound => {
            let message = format!("{}: {error}", escape::path(&args.image));
            Failure::new(Exit::NotFound, "not-found", message)
        }
        error => Failure::caused(Exit::Failed, "audit", &args.image, &error),
    })?;
    for line in unusable(&policy) {
        out.notice(line);
    }
    if out.json {
        print_json(&args.image, &audit, out)?;
    } else {
        print_text(&args.image, &audit, !args.allow_dirs.is_empty(), out)?;
    }
    Ok(match audit.verdict() {
        Verdict::Safe => Exit::Ok,
        Verdict::Unsafe => Exit::Refused,
        Verdict::Undecidable => Exit::Unknown,
    })
}

fn print_json(image: &Path, audit: &Audit, out: &mut Output) -> io::Result<()> {
    let mut answer = Answer::begin(out, "audit")?;
    answer.path("image", image)?;
    answer.field("verdict", audit.verdict().code())?;
    answer.field("safe", audit.verdict() == Verdict::Safe)?;
    answer.field("readable", audit.readable)?;
    answer.list("findings", audit.findings.iter().map(finding_json))?;
    answer.list("references", audit.references.iter().map(reference_json))?;
    answer.end()
}

fn finding_json(finding: &Finding) -> Value {
    json!({
        "kind": finding.kind,
        "severity": finding.severity.code(),
        "detail": escape::words(&details(finding)),
        "meaning": finding.meaning(),
        "count": finding.count,
        "layer": finding.depth,
    })
}

/// The first few, and how many more there are.
fn details(finding: &Finding) -> String {
    let mut text = finding.details.join("; ");
    if let Some(more) = more(finding) {
        text.push_str(&format!("; and {more} more"));
    }
    text
}

fn more(finding: &Finding) -> Option<u64> {
    finding.count.checked_sub(finding.details.len() as u64).filter(|more| *more > 0)
}

fn reference_json(named: &Named) -> Value {
    let mut map = Map::new();
    map.insert("kind".to_owned(), json!(named.kind.code()));
    put_bytes(&mut map, "name", &named.name);
    if let Some(format) = &named.format {
        put_bytes(&mut map, "format", format);
    }
    map.insert("rule".to_owned(), json!(named.rule.code()));
    match &named.resolved {
        Some(path) => put_path(&mut map, "resolved", path),
        None => {
            map.insert("resolved".to_owned(), Value::Null);
        }
    }
    let policy = if named.allowed { "allowed" } else { "refused" };
    map.insert("policy".to_owned(), json!(policy));
    map.insert("layer".to_owned(), json!(named.depth));
    map.into()
}

fn print_text(image: &Path, audit: &Audit, has_policy: bool, out: &mut Output) -> io::Result<()> {
    let style = out.style;
    let path = escape::path(image);
    match audit.verdict() {
        Verdict::Safe => writeln!(out, "{path}: {}", style.good("safe to open"))?,
        Verdict::Unsafe => writeln!(out, "{path}: {}", style.bad("not safe to open"))?,
        Verdict::Undecidable => writeln!(out, "{path}: {}", style.unknown("cannot be decided"))?,
    }
    if !audit.readable {
        writeln!(out, "its guest data cannot be read, or not all of it")?;
    }
    for named in &audit.references {
        let kind = match named.kind {
            NamedKind::DataFile => "data file",
            _ => "backing file",
        };
        let format = match &named.format {
            Some(format) => format!(", declared {}", escape::name(format)),
            None => String::new(),
        };
        let verdict = match (named.allowed, has_policy) {
            (true, _) => style.good("allowed"),
            (false, true) => style.bad("refused: not below an --allow-dir"),
            (false, false) => style.bad("refused: nothing outside of the image is followed"),
        };
        writeln!(out, "{kind} of layer {}: {}{format}", named.depth, escape::name(&named.name))?;
        if let Some(path) = &named.resolved {
            writeln!(out, "    leads to {}", escape::path(path))?;
        }
        writeln!(out, "    {verdict}")?;
    }
    let mut findings: Vec<&Finding> = audit.findings.iter().collect();
    findings.sort_by_key(|finding| std::cmp::Reverse(finding.severity));
    for finding in findings {
        let severity = match finding.severity {
            Severity::Danger => style.bad("danger"),
            Severity::Unknown => style.unknown("unknown"),
            other => style.faint(other.code()),
        };
        let layer = match finding.depth {
            0 => String::new(),
            depth => format!(" (layer {depth})"),
        };
        writeln!(out, "{severity}: {}{layer}: {}", finding.kind, finding.meaning())?;
        for detail in &finding.details {
            writeln!(out, "    {}", escape::words(detail))?;
        }
        if let Some(more) = more(finding) {
            writeln!(out, "    and {more} more")?;
        }
    }
    if !has_policy && audit.references.iter().any(|named| !named.allowed) {
        out.notice("--allow-dir DIR allows what lies in DIR; nothing else is ever opened");
    }
    Ok(())
}
