//! A live disk as it lies there: may it get an overlay, and what would that look like?

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Component, Path, PathBuf};
use std::time::Instant;

use diskdag_graph::{Doubt, DoubtKind, InUse};
use diskdag_qcow2::{ClusterBits, CryptMethod, ErrorKind as HeaderError, FindingKind, Header};

use crate::error::{Error, ErrorKind};
use crate::fs::{Access, Claim, FsFile, Kind, Stat, is_absent, read_up_to};
use crate::host::Control;
use crate::name::{FileName, check_disk_name};
use crate::pool::{Pool, Session};
use crate::refusal::{Reason, ReasonKind, Refusal};
use crate::report::Notice;
use crate::text::Bytes;

/// The longest part of a file that its header can take: a cluster of the largest size.
const HEADER_MAX: usize = 2 << 20;

/// Enough for the header of nearly every image.
const FIRST_READ: usize = 4096;

/// A disk that lies in the pool, open.
#[derive(Debug)]
pub(crate) struct Disk {
    /// Its path in the pool, without symbolic links.
    pub(crate) recorded: PathBuf,
    /// The same from the root.
    pub(crate) path: PathBuf,
    pub(crate) file: Box<dyn FsFile>,
    pub(crate) stat: Stat,
    pub(crate) content: Content,
    data_file: Option<PathBuf>,
    pub(crate) notices: Vec<Notice>,
}

/// The form of an image's clusters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Clusters {
    /// The binary logarithm of their size.
    pub(crate) bits: u32,
    /// Whether they have subclusters.
    pub(crate) extended_l2: bool,
}

/// What it holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Content {
    /// Plain bytes.
    Raw,
    Qcow2(Shape),
    /// A header that makes no sense.
    Broken(String),
    /// An image in a format that is not read here.
    Foreign(&'static str),
}

/// What a qcow2 header says, as far as it matters here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Shape {
    pub(crate) virtual_size: u64,
    pub(crate) cluster_bits: u32,
    pub(crate) extended_l2: bool,
    encrypted: bool,
    data_file: Option<Vec<u8>>,
    unknown_features: u64,
    snapshots: u32,
    bitmaps: u32,
    odd: Vec<&'static str>,
}

impl Disk {
    /// Finds and opens the disk that a person means by `path`: through symbolic links, if it lies in the
    /// pool.
    pub(crate) fn find(pool: &Pool, path: &Path) -> Result<Self, Error> {
        let fs = pool.fs();
        let resolved = fs.resolve(path).map_err(|cause| match is_absent(&cause) {
            true => ErrorKind::NotFound { path: path.to_owned(), what: "no such disk".into() },
            false => ErrorKind::io("find", path, cause),
        })?;
        let Some(recorded) = pool.recorded(&resolved) else {
            let detail = format!("does not lie in the pool {}", pool.top().display());
            return Err(refused(Reason::new(path, ReasonKind::OutsidePool, detail)).into());
        };
        let stat = fs.stat(&resolved).map_err(|cause| ErrorKind::io("find", &resolved, cause))?;
        if stat.kind != Kind::File {
            let what = "is not a regular file";
            return Err(refused(Reason::new(path, ReasonKind::Format, what)).into());
        }
        let file = fs.open(&resolved, Access::Read);
        let file = file.map_err(|cause| ErrorKind::io("open", &resolved, cause))?;
        let stat = file.stat().map_err(|cause| ErrorKind::io("ask about", &resolved, cause))?;
        let content = content(&*file).map_err(|cause| ErrorKind::io("read", &resolved, cause))?;
        let mut notices = Vec::new();
        let is_link = fs.stat(path).is_ok_and(|stat| stat.kind == Kind::Symlink);
        if is_link {
            let detail = format!(
                "is a symbolic link to {}; opened by this name QEMU looks for backing files beside the link",
                resolved.display()
            );
            notices.push(Notice::new(path, "symlink", detail));
        }
        let data_file = data_file(pool, &resolved, &content)?;
        Ok(Self { recorded, path: resolved, file, stat, content, data_file, notices })
    }

    /// The size in bytes that the guest sees: QEMU fills up a raw disk to whole sectors, and drops the tail of
    /// a qcow2 one.
    pub(crate) fn virtual_size(&self) -> u64 {
        match &self.content {
            Content::Qcow2(shape) => shape.virtual_size & !511,
            _ => self.stat.len.next_multiple_of(512),
        }
    }

    pub(crate) fn is_raw(&self) -> bool {
        !matches!(self.content, Content::Qcow2(_))
    }

    /// How big its clusters are, and whether they are divided; of a raw disk, as QEMU would make them.
    pub(crate) fn clusters(&self) -> Clusters {
        match &self.content {
            Content::Qcow2(shape) => {
                Clusters { bits: shape.cluster_bits, extended_l2: shape.extended_l2 }
            }
            _ => Clusters { bits: ClusterBits::DEFAULT.get(), extended_l2: false },
        }
    }

    /// Its external data file, if it has one and it is where it is looked for.
    pub(crate) fn data_file(&self) -> Option<&Path> {
        self.data_file.as_deref()
    }

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

    /// Takes the image, as QEMU would see it, until the disk is dropped; waits for it as long as the caller
    /// allows. Then makes sure that the path still leads to it.
    pub(crate) fn claim(&self, pool: &Pool, control: &Control) -> Result<Refusal, ErrorKind> {
        let mut refusal = claim(pool, control, &self.path, &*self.file)?;
        let now =
            pool.fs().stat(&self.path).map_err(|cause| ErrorKind::io("find", &self.path, cause))?;
        // Somebody may have opened, written and closed it between our look and our lock.
        let is_same = now.identity() == self.stat.identity()
            && now.len == self.stat.len
            && self.content
                == content(&*self.file)
                    .map_err(|cause| ErrorKind::io("read", &self.path, cause))?;
        if !is_same {
            let reason =
                Reason::new(&self.path, ReasonKind::InUse, "was changed while it was looked at");
            refusal.add(reason.advising("try again"));
        }
        Ok(refusal)
    }
}

/// Takes an open image until it is closed, waiting as long as the caller allows.
pub(crate) fn claim(
    pool: &Pool,
    control: &Control,
    path: &Path,
    file: &dyn FsFile,
) -> Result<Refusal, ErrorKind> {
    const AGAIN: std::time::Duration = std::time::Duration::from_millis(20);
    let until = Instant::now().checked_add(control.image_wait);
    loop {
        let mut refusal = Refusal::default();
        let claimed = file.claim().map_err(|cause| ErrorKind::io("lock", path, cause))?;
        if let Claim::InUse { by } = claimed {
            let detail =
                if by.is_empty() { "is in use".into() } else { format!("is in use by {by}") };
            let reason = Reason::new(path, ReasonKind::InUse, detail);
            refusal.add(reason.advising("stop whoever uses it, or try again with --wait"));
        }
        match pool.host().usage.in_use(path) {
            InUse::No | InUse::NotAsked => {}
            InUse::Yes { detail, .. } => refusal.add(Reason::new(path, ReasonKind::InUse, detail)),
            InUse::Unknown { reason } => {
                refusal.doubts.push(Doubt {
                    path: path.to_owned(),
                    kind: DoubtKind::Usage,
                    reason,
                });
            }
        }
        let again = refusal.is_busy() && until.is_none_or(|until| Instant::now() < until);
        if !again {
            return Ok(refusal);
        }
        if control.should_stop() {
            return Err(ErrorKind::Stopped);
        }
        pool.host().clock.pause(AGAIN);
    }
}

/// What a person has allowed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Allowed {
    pub(crate) format_change: bool,
    pub(crate) data_file: bool,
}

impl Shape {
    fn of(header: &Header<'_>, len: u64) -> Self {
        let matters = |kind: FindingKind| {
            use FindingKind as Odd;
            matches!(
                kind,
                Odd::Dirty | Odd::Corrupt | Odd::Overlap | Odd::OutOfBounds | Odd::NoRefcountTable
            )
        };
        Self {
            virtual_size: header.virtual_size(),
            cluster_bits: header.cluster_bits().get(),
            extended_l2: header.geometry().extended_l2(),
            encrypted: header.crypt_method() != CryptMethod::None,
            data_file: header.data_file_name().map(<[u8]>::to_vec),
            unknown_features: header.features().unknown_incompatible(),
            snapshots: header.snapshot_count(),
            bitmaps: header.bitmaps().map_or(0, |bitmaps| bitmaps.count),
            odd: header
                .findings(len)
                .filter(|finding| matters(finding.kind))
                .map(|finding| finding.kind.code())
                .collect(),
        }
    }

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

/// Where the external data file lies. A relative name QEMU takes from its own working directory, which is
/// most often that of the image; there it is looked for.
fn data_file(pool: &Pool, image: &Path, content: &Content) -> Result<Option<PathBuf>, ErrorKind> {
    let Content::Qcow2(Shape { data_file: Some(name), .. }) = content else { return Ok(None) };
    let path = image.with_file_name("").join(OsStr::from_bytes(name));
    match pool.fs().stat(&path) {
        Ok(stat) => Ok((stat.kind == Kind::File).then_some(path)),
        Err(error) if is_absent(&error) => Ok(None),
        Err(cause) => Err(ErrorKind::io("find", path, cause)),
    }
}

/// The name by which an overlay at `overlay` names `file` as its backing file: relative, so that a pool can
/// be moved; and never one that QEMU takes for a protocol.
pub(crate) fn backing_name(overlay: &Path, file: &Path) -> Bytes {
    let from: Vec<_> = overlay.parent().into_iter().flat_map(Path::components).collect();
    let to: Vec<_> = file.components().collect();
    let shared = from.iter().zip(&to).take_while(|(from, to)| from == to).count();
    let up = from.iter().skip(shared).map(|_| Component::ParentDir);
    let name: PathBuf = up.chain(to.iter().skip(shared).copied()).collect();
    let name = name.as_os_str().as_bytes();
    let colon = name.iter().position(|byte| *byte == b':');
    let slash = name.iter().position(|byte| *byte == b'/');
    let is_protocol = colon.is_some_and(|colon| slash.is_none_or(|slash| colon < slash));
    Bytes(if is_protocol { [b"./", name].concat() } else { name.to_vec() })
}

fn reason(path: &Path, kind: ReasonKind, detail: String, advice: Option<&str>) -> Reason {
    let reason = Reason::new(path, kind, detail);
    match advice {
        Some(advice) => reason.advising(advice),
        None => reason,
    }
}

/// Looks into a file.
fn content(file: &dyn FsFile) -> std::io::Result<Content> {
    let len = file.len()?;
    let mut bytes = read_up_to(file, 0, FIRST_READ)?;
    if let Err(error) = Header::parse_prefix(&bytes, len)
        && matches!(error.kind, HeaderError::NeedMore { .. })
    {
        bytes = read_up_to(file, 0, HEADER_MAX)?;
    }
    Ok(match Header::parse_prefix(&bytes, len) {
        Ok(header) => Content::Qcow2(Shape::of(&header, len)),
        Err(error) if matches!(error.kind, HeaderError::NotQcow2 { .. }) => {
            foreign(&bytes).map_or(Content::Raw, Content::Foreign)
        }
        Err(error) => Content::Broken(error.to_string()),
    })
}

/// Formats that QEMU would find in a file without a declaration, by what the file begins with.
fn foreign(bytes: &[u8]) -> Option<&'static str> {
    const FORMATS: [(&[u8], &str); 9] = [
        (b"KDMV", "vmdk"),
        (b"COWD", "vmdk"),
        (b"# Disk DescriptorFile", "vmdk"),
        (b"QED\0", "qed"),
        (b"LUKS\xba\xbe", "luks"),
        (b"vhdxfile", "vhdx"),
        (b"conectix", "vpc"),
        (b"WithoutFreeSpace", "parallels"),
        (b"WithouFreSpacExt", "parallels"),
    ];
    let vdi = bytes.get(64..68) == Some(&[0x7f, 0x10, 0xda, 0xbe]);
    let found = FORMATS.iter().find(|(magic, _)| bytes.starts_with(magic));
    found.map(|(_, format)| *format).or(vdi.then_some("vdi"))
}

/// A refusal for one reason.
pub(crate) fn refused(reason: Reason) -> ErrorKind {
    let mut refusal = Refusal::default();
    refusal.add(reason);
    refusal.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn backing_names_are_relative_and_never_protocols() {
        let name = |overlay: &str, file: &str| {
            String::from_utf8(backing_name(Path::new(overlay), Path::new(file)).0).unwrap()
        };
        assert_eq!(name("/p/vm.qcow2", "/p/vm@1-s.qcow2"), "vm@1-s.qcow2");
        assert_eq!(name("/p/new/c.qcow2", "/p/vms/vm@1-s.qcow2"), "../vms/vm@1-s.qcow2");
        assert_eq!(name("/p/c.qcow2", "/p/vms/a/vm@1-s.qcow2"), "vms/a/vm@1-s.qcow2");
        assert_eq!(name("/p/a:b.qcow2", "/p/a:b@1-s.qcow2"), "./a:b@1-s.qcow2");
        assert_eq!(name("/p/c", "/p/x/a:b@1-s"), "x/a:b@1-s");
    }
}
