//! The audit of a file, and of what it names as far as that is allowed.
#![forbid(unsafe_code)]

use std::format;
use std::path::{Path, PathBuf};
use std::vec::Vec;

use super::finding::{Finding, Severity, Tally};
use super::layer::{self, Layer};
use super::names::shown;
use super::references::{Named, NamedKind, judge, not_opened};
use crate::chain::{Policy, directory};
use crate::control::{Control, Stop};
use crate::format::MAGIC;
use crate::open::{OpenError, Opened, open_image};
use crate::source::{Source, fill};

/// May the image be opened?
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[must_use]
pub enum Verdict {
    /// Yes.
    Safe,
    /// No.
    Unsafe,
    /// Nobody can say, because of what the findings of severity [`Unknown`](Severity::Unknown) tell.
    Undecidable,
}

impl Verdict {
    /// A stable word for it.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Safe => "safe",
            Self::Unsafe => "unsafe",
            Self::Undecidable => "undecidable",
        }
    }
}

/// Why there is no audit.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AuditError {
    /// Nothing is there.
    #[error("no such file")]
    NotFound,
    /// Its caller stopped it.
    #[error("the audit was stopped: {0}")]
    Stopped(#[from] Stop),
}

/// What an audit has found.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Audit {
    /// Whether nothing in the image itself keeps the guest's data from being read. What it names doesn't
    /// count.
    pub readable: bool,
    /// What was found, by layer and kind.
    pub findings: Vec<Finding>,
    /// What it names, and what that names as far as it is allowed.
    pub references: Vec<Named>,
}

impl Audit {
    /// Whether the image may be opened.
    pub fn verdict(&self) -> Verdict {
        match self.findings.iter().map(|finding| finding.severity).max() {
            Some(Severity::Danger) => Verdict::Unsafe,
            Some(Severity::Unknown) => Verdict::Undecidable,
            _ => Verdict::Safe,
        }
    }

    /// Audits what a path leads to, and what that names as far as `policy` allows.
    ///
    /// What is no regular file is not opened, and unsafe.
    ///
    /// # Errors
    ///
    /// [`AuditError::NotFound`] if nothing is there. All else is a finding.
    pub fn of_path(path: &Path, policy: &Policy) -> Result<Self, AuditError> {
        Self::of_path_controlled(path, policy, &Control::none())
    }

    /// The same, for a caller who may want to stop it. Progress is not told: how much there is shows only on the
    /// way.
    ///
    /// # Errors
    ///
    /// As [`of_path`](Self::of_path), and [`AuditError::Stopped`].
    pub fn of_path_controlled(
        path: &Path,
        policy: &Policy,
        control: &Control,
    ) -> Result<Self, AuditError> {
        let mut run = Run::new(policy, control);
        let readable = match open_image(path) {
            Ok(opened) => run.chain(path, opened)?,
            Err(OpenError::NotFound) => return Err(AuditError::NotFound),
            Err(error) => {
                not_opened("the image", &error, &mut run.tally);
                false
            }
        };
        Ok(run.ended(readable))
    }

    /// Opens what an audit would open, and reads of all that the headers alone: for whoever has to find out first
    /// whether it answers at all.
    pub fn follow(path: &Path, policy: &Policy) {
        let control = Control::none();
        let mut run = Run { headers_alone: true, ..Run::new(policy, &control) };
        if let Ok(opened) = open_image(path) {
            // Nobody stops it, and what is wrong the audit will say.
            run.chain(path, opened).ok();
        }
    }

    /// Audits the bytes of an image, wherever they are. Nothing that it names is followed; relative names
    /// are told as from `image_dir`, which may be empty, and else ends with a `/`.
    ///
    /// # Errors
    ///
    /// None but that `control` stopped it. What can't be read is a finding.
    pub fn of_source(
        source: &dyn Source,
        image_dir: &[u8],
        control: &Control,
    ) -> Result<Self, Stop> {
        let policy = Policy::nothing();
        let mut run = Run::new(&policy, control);
        let layer = layer::audit(source, control, &mut run.tally)?;
        let readable = layer.readable;
        run.names(&layer, image_dir);
        Ok(run.ended(readable))
    }
}

struct Run<'p> {
    policy: &'p Policy,
    control: &'p Control,
    tally: Tally,
    references: Vec<Named>,
    headers_alone: bool,
}

impl<'p> Run<'p> {
    fn new(policy: &'p Policy, control: &'p Control) -> Self {
        Self {
            policy,
            control,
            tally: Tally::default(),
            references: Vec::new(),
            headers_alone: false,
        }
    }

    fn ended(self, readable: bool) -> Audit {
        Audit { readable, findings: self.tally.findings, references: self.references }
    }

    /// Layer by layer; whether the top is readable.
    fn chain(&mut self, path: &Path, opened: Opened) -> Result<bool, Stop> {
        let mut readable = None;
        let mut seen = Vec::new();
        let mut next = Some((path.to_path_buf(), opened));
        let mut declared = None;
        while let Some((path, opened)) = next.take() {
            let key = (opened.stat.device, opened.stat.inode);
            if let Some(first) = seen.iter().position(|seen| *seen == key) {
                let depth = self.tally.depth;
                self.tally.danger("cycle", || format!("layer {depth} is layer {first} again"));
                break;
            }
            seen.push(key);
            if declared == Some(Declared::Raw) {
                self.raw(&opened);
                break;
            }
            self.control.go_on()?;
            let layer = match self.headers_alone {
                true => layer::names_of(&opened.file),
                false => layer::audit(&opened.file, self.control, &mut self.tally)?,
            };
            if declared == Some(Declared::Qcow2) && !layer.qcow2 {
                let detail = || "declared qcow2, and it is not".into();
                self.tally.danger("format-mismatch", detail);
            }
            readable.get_or_insert(layer.readable);
            let below = self.names(&layer, directory(&path));
            declared = declaration(layer.backing_format.as_deref());
            if below.is_some() && declared.is_none() {
                let format = layer.backing_format.as_deref().unwrap_or_default();
                if !format.is_empty() {
                    let detail = || format!("declared as {}", shown(format));
                    self.tally.add("unknown-format", Severity::Unknown, detail);
                }
                // Undeclared: a finding already, and never probed.
                break;
            }
            if below.is_some() && seen.len() >= self.policy.max_layers {
                let most = self.policy.max_layers;
                self.tally.danger("too-deep", || format!("more than {most} layers"));
                break;
            }
            self.tally.depth += 1;
            next = below;
        }
        Ok(readable.unwrap_or(false))
    }

    /// Judges what a layer names; the backing file, if it may be opened.
    fn names(&mut self, layer: &Layer, image_dir: &[u8]) -> Option<(PathBuf, Opened)> {
        let mut below = None;
        let format = layer.backing_format.as_deref();
        for (kind, name, format) in [
            (NamedKind::DataFile, &layer.data_file, None),
            (NamedKind::Backing, &layer.backing, format),
        ] {
            let Some(name) = name else { continue };
            let (named, opened) =
                judge(kind, name, format, image_dir, self.policy, &mut self.tally);
            self.references.push(named);
            below = opened;
        }
        layer.backing.as_ref().and(below)
    }

    /// The end of a chain. If it looks like an image, the guest wants it to be probed.
    fn raw(&mut self, opened: &Opened) {
        let mut first = [0; 4];
        if fill(&opened.file, 0, &mut first).is_ok() && first == MAGIC.to_be_bytes() {
            let detail = || "a raw disk begins like a qcow2 image".into();
            self.tally.warning("raw-holds-image", detail);
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Declared {
    Qcow2,
    Raw,
}

fn declaration(format: Option<&[u8]>) -> Option<Declared> {
    match format {
        Some(b"qcow2") => Some(Declared::Qcow2),
        Some(b"raw") => Some(Declared::Raw),
        _ => None,
    }
}
