//! Claims: this owner names that path.

use std::collections::HashMap;
use std::io;
use std::path::{Path, PathBuf};

use crate::doubt::{Doubt, DoubtKind};
use crate::graph::DiskId;
use crate::scan::owners::libvirt::{Definitions, Named};
use crate::scan::owners::mapping;
use crate::sys::causes;

/// No definition of a machine is anywhere near this long.
const LONGEST: u64 = 16 << 20;

/// Who names which paths, as far as could be read. Give it to [`crate::scan::Scan::owners`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Owners {
    pub(crate) claims: Vec<Claim>,
    pub(crate) doubts: Vec<Doubt>,
}

/// One owner names one path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Claim {
    pub(crate) owner: Box<str>,
    pub(crate) path: PathBuf,
    /// The file that says so.
    pub(crate) source: PathBuf,
}

impl Owners {
    /// Reads files and directories (absolute paths). Of a directory, all its `*.xml` are read as
    /// libvirt writes them: domains, their snapshots and states, and storage pools, which say where
    /// the volumes lie that domains name. A file is either such a file or a mapping:
    ///
    /// ```text
    /// # path, a tab, owner
    /// /images/build-a.qcow2<TAB>vm build-a
    /// ```
    ///
    /// A relative path is taken from the directory of the mapping; `\t`, `\n`, `\\` and `\xNN` in it
    /// stand for bytes that a line cannot hold.
    ///
    /// What cannot be read or understood becomes a doubt; so does a directory that holds none of those files and is
    /// not known for one of libvirt's either, as its directory of a host without machines is by what else lies in it:
    /// whoever named it has probably meant another, and nobody there is asked.
    pub fn read(places: &[PathBuf]) -> Self {
        let mut owners = Self::default();
        let mut definitions = Definitions::default();
        for place in places {
            match std::fs::metadata(place) {
                Ok(metadata) if metadata.is_dir() => {
                    owners.read_directory(place, &mut definitions);
                }
                _ => owners.read_file(place, &mut definitions),
            }
        }
        for Named { owner, path, source } in definitions.resolve(&mut owners.doubts) {
            owners.claims.push(Claim { owner, path, source });
        }
        owners
    }

    /// The same with one more claim: `owner` (such as `vm build-a`) uses the file at `path`.
    #[must_use]
    pub fn claim(mut self, path: impl Into<PathBuf>, owner: &str) -> Self {
        let (path, owner) = (path.into(), owner.into());
        self.claims.push(Claim { owner, path, source: PathBuf::new() });
        self
    }

    /// Who names this very path (absolute, without symbolic links), which need not be there: of a graph, only
    /// disks that are there have owners. Symbolic links to directories are followed, one to the file is not: it
    /// leads nowhere then. Who names a directory that cannot be asked for may name it.
    pub fn naming(&self, path: &Path) -> impl Iterator<Item = &str> {
        let named = self.claims.iter().filter(move |claim| leads_to(&claim.path, path));
        named.map(|claim| &*claim.owner)
    }

    /// What could not be read.
    pub fn doubts(&self) -> &[Doubt] {
        &self.doubts
    }

    fn read_directory(&mut self, directory: &Path, definitions: &mut Definitions) {
        let listed = std::fs::read_dir(directory).and_then(|entries| {
            entries.map(|entry| Ok(entry?.path())).collect::<io::Result<Vec<PathBuf>>>()
        });
        match listed {
            Ok(mut files) => {
                files.sort();
                let is_xml = |file: &&PathBuf| file.extension() == Some("xml".as_ref());
                files.iter().filter(is_xml).for_each(|file| self.read_file(file, definitions));
                if !files.iter().any(|file| is_xml(&file) || is_of_libvirt(file)) {
                    let why = "holds no definition of a machine, and nothing else of libvirt's: if nobody has \
                               disks, name an empty file";
                    self.doubt(directory, why.to_owned());
                }
            }
            Err(error) => self.doubt(directory, causes(&error)),
        }
    }

    fn read_file(&mut self, path: &Path, definitions: &mut Definitions) {
        let text = match read_text(path) {
            Ok(text) => text,
            Err(error) => return self.doubt(path, causes(&error)),
        };
        let begins = text.trim_ascii_start();
        let begins = begins.strip_prefix(b"\xef\xbb\xbf").unwrap_or(begins);
        if begins.first() == Some(&b'<') {
            if let Err(why) = definitions.add(path, begins) {
                self.doubt(path, why);
            }
            return;
        }
        for line in mapping::lines(&text) {
            match line {
                Ok((named, owner)) => {
                    let path_of = path.parent().unwrap_or(Path::new("/")).join(named);
                    let source = path.to_owned();
                    self.claims.push(Claim { owner, path: path_of, source });
                }
                Err(why) => self.doubt(path, why),
            }
        }
    }

    fn doubt(&mut self, path: &Path, reason: String) {
        self.doubts.push(Doubt { path: path.to_owned(), kind: DoubtKind::Owner, reason });
    }
}

/// Whether it lies in every directory of libvirt's that holds definitions or what becomes of them, machines or none.
fn is_of_libvirt(path: &Path) -> bool {
    const KEPT: [&str; 5] = ["autostart", "networks", "nvram", "channel", "slirp"];
    path.file_name().is_some_and(|name| KEPT.iter().any(|kept| name == *kept)) && path.is_dir()
}

/// Only where the names are the same is the directory asked for: others may lie on mounts that never answer.
fn leads_to(path: &Path, wanted: &Path) -> bool {
    let (Some(directory), true) = (path.parent(), path.file_name() == wanted.file_name()) else {
        return false;
    };
    match std::fs::canonicalize(directory) {
        Ok(directory) => Some(&*directory) == wanted.parent(),
        Err(error) => {
            !matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
        }
    }
}

fn read_text(path: &Path) -> io::Result<Vec<u8>> {
    let metadata = std::fs::metadata(path)?;
    if !metadata.is_file() {
        return Err(io::Error::other("neither a file nor a directory"));
    }
    if metadata.len() > LONGEST {
        return Err(io::Error::other("longer than any definition of a machine"));
    }
    std::fs::read(path)
}

/// Who owns the disks of one graph.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Owned {
    by_disk: HashMap<DiskId, Vec<u32>>,
    owners: Owners,
    asked: bool,
}

impl Owned {
    pub(crate) fn new(owners: &Owners, disks: Vec<Option<DiskId>>, doubts: Vec<Doubt>) -> Self {
        let mut by_disk: HashMap<DiskId, Vec<u32>> = HashMap::new();
        let mut owners = owners.clone();
        owners.doubts.extend(doubts);
        for (disk, claim) in disks.into_iter().zip(0..) {
            if let Some(disk) = disk {
                by_disk.entry(disk).or_default().push(claim);
            }
        }
        Self { by_disk, owners, asked: true }
    }

    /// The names of those who use a disk, each with the file that says so, which is empty for a
    /// claim that the caller made. A name comes once for each of its files.
    pub fn of(&self, disk: DiskId) -> impl Iterator<Item = (&str, &Path)> {
        let claims = self.by_disk.get(&disk).into_iter().flatten();
        let mut named: Vec<(&str, &Path)> = claims
            .filter_map(|claim| self.owners.claims.get(*claim as usize))
            .map(|claim| (&*claim.owner, &*claim.source))
            .collect();
        named.sort_unstable();
        named.dedup();
        named.into_iter()
    }

    /// The same names, each once.
    pub fn names(&self, disk: DiskId) -> Vec<&str> {
        let mut names: Vec<&str> = self.of(disk).map(|(name, _)| name).collect();
        names.dedup();
        names
    }

    /// All claims that lead to a disk, each with its number.
    pub(crate) fn claims(&self) -> impl Iterator<Item = (DiskId, usize, &Claim)> {
        self.by_disk.iter().flat_map(|(disk, claims)| {
            let numbers = claims.iter().map(|claim| *claim as usize);
            numbers.filter_map(|number| Some((*disk, number, self.owners.claims.get(number)?)))
        })
    }

    /// What could not be read, and might name any disk.
    pub fn doubts(&self) -> &[Doubt] {
        &self.owners.doubts
    }

    /// Whether owners were asked at all.
    pub fn were_asked(&self) -> bool {
        self.asked
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::Owners;

    /// The file is not there, and is named directly and through a linked directory.
    #[test]
    fn who_names_a_path_where_nothing_lies() {
        let dir = tempfile::tempdir().unwrap();
        let top = std::fs::canonicalize(dir.path()).unwrap();
        std::fs::create_dir(top.join("images")).unwrap();
        symlink("images", top.join("linked")).unwrap();
        let owners = Owners::default()
            .claim(top.join("images/gone.qcow2"), "direct")
            .claim(top.join("linked/gone.qcow2"), "through a directory")
            .claim(top.join("images/other.qcow2"), "another")
            .claim(top.join("elsewhere/gone.qcow2"), "of a directory that is not there");
        let naming: Vec<&str> = owners.naming(&top.join("images/gone.qcow2")).collect();
        assert_eq!(naming, ["direct", "through a directory"]);
    }
}
