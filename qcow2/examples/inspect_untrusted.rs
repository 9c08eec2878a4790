//! Looks at an image that somebody uploaded, and opens nothing else.
//!
//! ```console
//! $ cargo run -p diskdag-qcow2 --example inspect_untrusted -- IMAGE [DIR…]
//! ```
//!
//! Says what the image is, what it names, and whether a hypervisor may be handed it. Files that it names are
//! looked at only below the directories given; without any, not at all.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use diskdag_qcow2::audit::{Audit, Verdict};
use diskdag_qcow2::chain::Policy;
use diskdag_qcow2::open::{open_image, read_header};

/// Writes what there is to say about `image`, and returns the verdict.
pub fn run(
    image: &Path,
    directories: Vec<PathBuf>,
    out: &mut impl Write,
) -> Result<Verdict, Box<dyn std::error::Error>> {
    let audit = Audit::of_path(image, &Policy::beneath(directories))?;
    // The audit has looked at every structure; the header alone says what the image is. What cannot be opened
    // or makes no sense is among the findings.
    let mut buffer = Vec::new();
    if let Ok(opened) = open_image(image)
        && let Ok(header) = read_header(&opened.file, opened.stat.len, &mut buffer)
    {
        let (version, size) = (header.version(), header.virtual_size());
        writeln!(out, "qcow2 version {version}, a disk of {size} bytes")?;
    }
    for named in &audit.references {
        // Names come from the image: never print them as they are.
        let verdict = if named.allowed { "allowed" } else { "refused" };
        let (kind, name) = (named.kind.code(), named.name.escape_ascii());
        writeln!(out, "names a {kind} file: {name} ({verdict})")?;
    }
    for finding in &audit.findings {
        writeln!(out, "{}: {} ({} times)", finding.severity.code(), finding.kind, finding.count)?;
        writeln!(out, "    {}", finding.meaning())?;
        for detail in &finding.details {
            writeln!(out, "    {}", detail.escape_debug())?;
        }
    }
    let verdict = audit.verdict();
    writeln!(out, "{}", verdict.code())?;
    Ok(verdict)
}

#[allow(dead_code, reason = "the tests include this file and call `run`")]
fn main() -> ExitCode {
    let mut arguments = std::env::args_os().skip(1).map(PathBuf::from);
    let Some(image) = arguments.next() else {
        eprintln!("usage: inspect_untrusted IMAGE [DIR…]");
        return ExitCode::FAILURE;
    };
    match run(&image, arguments.collect(), &mut std::io::stdout().lock()) {
        Ok(Verdict::Safe) => ExitCode::SUCCESS,
        Ok(_) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}
