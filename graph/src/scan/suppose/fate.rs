//! What becomes of a file, whatever it is called.

use std::ffi::CString;
use std::sync::Arc;

use crate::facts::Finding;
use crate::scan::content::{Content, FormatName};
use crate::scan::part::{Entry, Part};
use crate::sys::Measures;

/// What becomes of one file.
#[derive(Clone, Debug, Default)]
pub(super) struct Fate {
    /// It goes, with all its names.
    pub(super) is_gone: bool,
    /// So many hard links of it are names of others.
    pub(super) lost_links: u64,
    /// It names this backing file, or none.
    pub(super) backing: Option<Option<Backing>>,
    /// It is made, and of these sizes.
    pub(super) made: Option<Made>,
}

/// An image that is made.
#[derive(Clone, Copy, Debug)]
pub(super) struct Made {
    pub(super) virtual_size: u64,
    /// Of the file.
    pub(super) length: u64,
}

/// What file systems give out at least; what they give out more depends on them.
const BLOCK: u64 = 4096;

/// The name of a backing file, and the format that is declared for it.
#[derive(Clone, Debug)]
pub(super) struct Backing {
    pub(super) name: Box<[u8]>,
    pub(super) format: Box<[u8]>,
}

impl Fate {
    fn measures(&self, before: Measures) -> Measures {
        let links = before.links.saturating_sub(self.lost_links);
        match self.made {
            // `qemu-img create` writes all of it, up to its end.
            Some(Made { length, .. }) => {
                let allocated = length.next_multiple_of(BLOCK);
                Measures { links, len: length, allocated, ..before }
            }
            None => Measures { links, ..before },
        }
    }
}

/// Adds an entry of another part under a name of its own, as its fate has it.
pub(super) fn add(
    into: &mut Part,
    (part, entry): (&Part, &Entry),
    (name, is_symlink): (&[u8], bool),
    fate: Option<&Fate>,
) {
    let Ok(name) = CString::new(name) else { return };
    let mut content = entry.content.moved(&part.text, &mut into.text);
    if let (Content::Image(image), Some(backing)) =
        (&mut content, fate.and_then(|fate| fate.backing.as_ref()))
    {
        image.backing = backing.as_ref().map(|backing| into.text.add(&backing.name));
        let format = backing.as_ref().map(|backing| &*backing.format);
        image.backing_format = format.map(|format| FormatName::of(format, &mut into.text));
        let findings = image.findings.iter().flatten().filter(|it| !is_of_backing(it));
        let findings: Box<[Finding]> = findings.cloned().collect();
        image.findings = (!findings.is_empty()).then_some(findings);
    }
    if let (Content::Image(image), Some(made)) = (&mut content, fate.and_then(|fate| fate.made)) {
        image.virtual_size = made.virtual_size;
    }
    let measures = entry.measures.map(|it| fate.map_or(it, |fate| fate.measures(it)));
    into.push(&name, is_symlink, measures, false, content);
}

/// Whether a finding about a header says something of the name that it holds.
fn is_of_backing(finding: &Finding) -> bool {
    match &*finding.kind {
        "undeclared-backing-format" | "empty-backing-name" => true,
        "nul-in-name" => finding.detail.starts_with("backing file name"),
        _ => false,
    }
}

/// A part of one entry.
pub(super) fn alone(from: (&Part, &Entry), name: (&[u8], bool), fate: Option<&Fate>) -> Arc<Part> {
    let mut part = Part::default();
    add(&mut part, from, name, fate);
    Arc::new(part)
}

/// The one entry of a part.
pub(super) fn only(part: &Part) -> Option<(&Part, &Entry)> {
    Some((part, part.entries.first()?))
}
