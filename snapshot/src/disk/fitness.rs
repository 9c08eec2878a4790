//! What keeps a disk from being a live disk that an overlay replaces.

use std::path::Path;

use super::Disk;
use super::content::{Content, Shape};
use crate::name::{FileName, check_disk_name};
use crate::pool::Session;
use crate::refusal::{Reason, ReasonKind, Refusal};
use crate::report::Notice;

/// What a person has allowed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Allowed {
    pub(crate) format_change: bool,
    pub(crate) data_file: bool,
}

impl Disk {
    /// Everything that keeps it from being a live disk that an overlay replaces.
    pub(crate) fn fitness(&self, session: &Session<'_>, allowed: Allowed) -> Refusal {
        let mut refusal = self.standing(session);
        let mut no = |kind, detail: String, advice: Option<&str>| {
            refusal.add(reason(&self.path, kind, detail, advice));
        };
        match &self.content {
            Content::Raw if !allowed.format_change => no(
                ReasonKind::Raw,
                "is a raw disk; its overlay is a qcow2 image, and whoever opens it as raw reads that image's \
                 bytes"
                    .into(),
                Some("--allow-format-change, once its users open it as qcow2"),
            ),
            Content::Raw => {}
            Content::Foreign(format) => no(
                ReasonKind::Format,
                format!("is a {format} image"),
                Some("convert it to qcow2 with qemu-img convert"),
            ),
            Content::Broken(error) => no(
                ReasonKind::Metadata,
                format!("has a header that makes no sense: {error}"),
                Some("see what `diskdag check` says"),
            ),
            Content::Qcow2(shape) => shape.fitness(allowed, self.data_file(), &mut no),
        }
        refusal
    }

    /// Everything that keeps it from being a live disk, whatever it holds.
    pub(crate) fn standing(&self, session: &Session<'_>) -> Refusal {
        let mut refusal = Refusal::default();
        let mut no = |kind, detail: String, advice: Option<&str>| {
            refusal.add(reason(&self.path, kind, detail, advice));
        };
        if let Some(record) = session.state.snapshot_at(&self.recorded) {
            let (kind, detail) = match record.frozen {
                true => (ReasonKind::Frozen, format!("is frozen, as snapshot {}", record.name)),
                false => (ReasonKind::Snapshot, format!("is the snapshot {}", record.name)),
            };
            no(kind, detail, Some("clone it to get a disk that can be written to"));
        } else if let Some(name) = self.path.file_name().and_then(FileName::parse) {
            match name {
                FileName::Trash { .. } => {
                    no(
                        ReasonKind::Trash,
                        "lies in the trash".into(),
                        Some("restore it from there"),
                    );
                }
                _ => no(ReasonKind::Name, "has the name of a snapshot".into(), None),
            }
        } else if let Err(error) = check_disk_name(&self.path) {
            no(ReasonKind::Name, error.to_string(), None);
        }
        if self.stat.links > 1 {
            let detail = format!(
                "has {} hard links: the others would go on showing the old disk",
                self.stat.links
            );
            no(ReasonKind::HardLinks, detail, Some("copy the image, so that it has one name"));
        }
        refusal
    }

    /// What of the disk stays in the snapshot and is not in the overlay.
    pub(crate) fn left_behind(&self) -> Vec<Notice> {
        let Content::Qcow2(shape) = &self.content else { return Vec::new() };
        let mut notices = Vec::new();
        if shape.snapshots > 0 {
            let detail = format!("{} internal snapshot(s) stay in the snapshot", shape.snapshots);
            notices.push(Notice::new(&self.path, "internal-snapshots", detail));
        }
        if shape.bitmaps > 0 {
            let detail = format!("{} persistent bitmap(s) stay in the snapshot", shape.bitmaps);
            notices.push(Notice::new(&self.path, "bitmaps", detail));
        }
        notices
    }
}

impl Shape {
    fn fitness(
        &self,
        allowed: Allowed,
        data_file: Option<&Path>,
        no: &mut impl FnMut(ReasonKind, String, Option<&str>),
    ) {
        if self.encrypted {
            let detail = "is encrypted; the overlay would hold the guest's new data in the clear";
            no(ReasonKind::Encrypted, detail.into(), None);
        }
        if self.unknown_features != 0 {
            let detail =
                format!("needs features that are not known here: {:#x}", self.unknown_features);
            no(ReasonKind::Format, detail, None);
        }
        if let Some(name) =
            self.data_file.as_ref().filter(|_| allowed.data_file && data_file.is_none())
        {
            let detail = format!(
                "keeps its data in the external data file '{}', which is not there: it cannot be frozen",
                name.escape_ascii()
            );
            no(ReasonKind::DataFile, detail, None);
        }
        if let Some(name) = self.data_file.as_ref().filter(|_| !allowed.data_file) {
            let detail = format!(
                "keeps its data in the external data file '{}', which the snapshot would need unchanged too",
                name.escape_ascii()
            );
            no(
                ReasonKind::DataFile,
                detail,
                Some("--allow-data-file, which freezes that file too"),
            );
        }
        for odd in &self.odd {
            let detail = format!("has metadata that must not be built upon: {odd}");
            let advice =
                "see what `diskdag check` says, and repair it with `qemu-img check -r all`";
            no(ReasonKind::Metadata, detail, Some(advice));
        }
    }
}

fn reason(path: &Path, kind: ReasonKind, detail: String, advice: Option<&str>) -> Reason {
    let reason = Reason::new(path, kind, detail);
    match advice {
        Some(advice) => reason.advising(advice),
        None => reason,
    }
}
