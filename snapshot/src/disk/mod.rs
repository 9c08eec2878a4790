//! A live disk as it lies there: may it get an overlay, and what would that look like?

mod claim;
mod content;
mod fitness;
mod seal;

use std::ffi::OsStr;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::{Component, Path, PathBuf};

use diskdag_qcow2::ClusterBits;

use crate::error::{Error, ErrorKind};
use crate::fs::{Access, FsFile, Kind, Stat, is_absent};
use crate::pool::Pool;
use crate::refusal::{Reason, ReasonKind, Refusal};
use crate::report::Notice;
use crate::text::Bytes;

pub(crate) use claim::claim;
pub(crate) use content::{Content, head};
use content::{Shape, content};
pub(crate) use fitness::Allowed;
pub(crate) use seal::{Sealing, freeze_file, freeze_open, seal, seal_one};

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
        let file = fs.open(&resolved, Access::Read).map_err(|cause| match cause.kind() {
            io::ErrorKind::InvalidInput => {
                refused(Reason::new(path, ReasonKind::Format, "is not a regular file"))
            }
            _ => ErrorKind::io("open", &resolved, cause),
        })?;
        let stat = file.stat().map_err(|cause| ErrorKind::io("ask about", &resolved, cause))?;
        let content = content(&*file).map_err(|cause| ErrorKind::io("read", &resolved, cause))?;
        let mut notices = Vec::new();
        let is_link = resolved != path && fs.stat(path).is_ok_and(|it| it.kind == Kind::Symlink);
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

    /// Whether its header names no other file.
    pub(crate) fn stands_alone(&self) -> bool {
        match &self.content {
            Content::Raw => true,
            Content::Qcow2(shape) => !shape.has_backing && shape.data_file.is_none(),
            Content::Broken(_) | Content::Foreign(_) => false,
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
