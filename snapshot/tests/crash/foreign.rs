//! What others do between a crash and recovery: machines are started before it runs, people tidy up.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use diskdag_snapshot::fs::Fs;
use diskdag_snapshot::sim::SimFs;

use crate::guest;
use crate::images::{Content, Reader, Still};
use crate::laws::Wanted;
use crate::world::{FOLDER, pattern};

/// Something that somebody else does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Foreign {
    /// A machine is started on the disk, writes, and is stopped. By then all that was done before is on the
    /// medium.
    Write(PathBuf),
    /// The same at once: nothing but what the machine has forced out is on the medium, which may be a file
    /// whose name is not.
    WriteAtOnce(PathBuf),
    /// A machine is started on the disk, and has it open.
    Use(PathBuf),
    /// `qemu-img create -b`: an overlay of whatever image lies there.
    Overlay(PathBuf),
    /// Somebody removes what lies there.
    Remove(PathBuf),
    /// Somebody gives the disk another name in its directory.
    Rename(PathBuf),
}

impl Foreign {
    /// Whether what was done before is on the medium by then: time has passed.
    pub(crate) const fn takes_time(&self) -> bool {
        !matches!(self, Self::WriteAtOnce(_))
    }

    /// Does it, and says what is wanted then; `None` if it cannot be done as things are.
    pub(crate) fn act(&self, fs: &SimFs, wanted: &Wanted, reader: &mut Reader) -> Option<Wanted> {
        let mut wanted = Wanted { foreign: true, ..wanted.clone() };
        let before = files(fs);
        match self {
            Self::Write(path) => {
                let content = write(fs, path, reader)?;
                wanted.relied.insert(path.clone(), content);
            }
            Self::WriteAtOnce(path) => {
                if fs.disk().is_clean() {
                    return None;
                }
                // Under which name it is found then is as open as it was before the machine started; unless the
                // file system keeps an order.
                let content = write(fs, path, reader)?;
                match wanted.ordered {
                    true => wanted.relied.insert(path.clone(), content),
                    false => wanted.written.insert(path.clone(), content),
                };
            }
            Self::Use(path) => {
                let content = read(fs, path, reader)?;
                let still = Still::of(&fs.disk());
                for layer in reader.chain(&still, path).ok()? {
                    fs.use_image(&layer, "a machine").ok()?;
                }
                wanted.open.insert(path.clone(), still.files.get(path)?.inode);
                wanted.relied.insert(path.clone(), content);
            }
            Self::Overlay(path) => {
                let still = Still::of(&fs.disk());
                let content = reader.read(&still, path).ok()?;
                if !reader.is_qcow2(&still, still.files.get(path)?) {
                    return None;
                }
                let child = path.with_file_name("foreign.qcow2");
                let name = path.file_name()?.to_str()?;
                guest::make(fs, &child, Some(name)).ok()?;
                // What it stands on keeps its content, as long as it is a live disk.
                if wanted.before.live.contains_key(path) || wanted.after.live.contains_key(path) {
                    wanted.relied.insert(path.clone(), content.clone());
                }
                wanted.relied.insert(child, content);
            }
            Self::Remove(path) => {
                fs.remove(path).ok()?;
                fs.sync_dir(path.parent()?).ok()?;
                wanted.lost.insert(path.clone());
            }
            Self::Rename(path) => {
                let content = read(fs, path, reader)?;
                let to = path.with_file_name("renamed.qcow2");
                fs.rename(path, &to).ok()?;
                fs.sync_dir(path.parent()?).ok()?;
                wanted.lost.insert(path.clone());
                wanted.renamed.insert(to.clone(), path.clone());
                wanted.relied.insert(to, content);
            }
        }
        // What was changed or taken away is not missed as it was; what was made is.
        let after = files(fs);
        for bytes in before.difference(&after) {
            wanted.files.remove(bytes);
        }
        if self.takes_time() {
            wanted.files.extend(after.difference(&before));
        }
        Some(wanted)
    }
}

/// Writes as the disk's guest, and says what it reads from then on.
fn write(fs: &SimFs, path: &Path, reader: &mut Reader) -> Option<Content> {
    let mut content = read(fs, path, reader)?.to_vec();
    let bytes = &pattern(0x80)[..200];
    content[3000..3000 + bytes.len()].copy_from_slice(bytes);
    // Cluster by cluster.
    let first = 3072 - 3000;
    guest::write(fs, path, 3000, &bytes[..first]).ok()?;
    guest::write(fs, path, 3072, &bytes[first..]).ok()?;
    Some(content.into())
}

fn read(fs: &SimFs, path: &Path, reader: &mut Reader) -> Option<Content> {
    reader.read(&Still::of(&fs.disk()), path).ok()
}

/// The bytes of all files but those of our records.
pub(crate) fn files(fs: &SimFs) -> BTreeSet<(u64, u64)> {
    let files = fs.disk().files().into_iter();
    files.filter(|file| !file.path.starts_with(FOLDER)).map(|file| file.bytes).collect()
}
