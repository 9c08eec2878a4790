//! The same question over any [`Fs`]: every regular file below the roots, by its header.
//!
//! Smaller than the scan: one thread, no mounts, and names that QEMU would resolve from its working
//! directory are opaque. Made for simulated file systems and for embedders with an [`Fs`] of their own.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use diskdag_graph::scan::{Control, ImageError};
use diskdag_graph::{
    Certainty, Change, Coverage, DependencyKnowledge, Doubt, DoubtKind, EdgeFacts, EdgeKind, Facts,
    Format, Graph, Key, ScopeSource, State,
};
use diskdag_qcow2::{Base, ErrorKind as HeaderError, Header, Reference, Target};

use super::{Question, Survey, Surveyed};
use crate::error::ErrorKind;
use crate::fs::{Access, Fs, Kind, Stat, is_absent, read_up_to};

/// Asks the headers through an [`Fs`].
#[derive(Clone, Debug)]
pub struct FsSurvey {
    fs: Arc<dyn Fs>,
}

impl FsSurvey {
    /// Over this file system.
    #[must_use]
    pub fn new(fs: Arc<dyn Fs>) -> Self {
        Self { fs }
    }
}

impl Survey for FsSurvey {
    /// Owners are not asked: their files are the host's. If there are any, that is a doubt.
    fn survey(&self, question: &Question<'_>, control: &Control) -> Result<Surveyed, ErrorKind> {
        let Question { roots, owners, images } = *question;
        let source = ScopeSource::Pool;
        let coverage = Coverage { scope: roots.to_vec(), source, ..Coverage::default() };
        let mut walk = Walk::new(&*self.fs, coverage);
        for root in roots {
            walk.directory(root);
        }
        walk.coverage.doubts.extend(owners.iter().map(|path| Doubt {
            path: path.clone(),
            kind: DoubtKind::Owner,
            reason: "owners are not asked here".to_owned(),
        }));
        walk.finish(images, control)
    }

    fn follow(&self, images: &[PathBuf], control: &Control) -> Result<Surveyed, ErrorKind> {
        Walk::new(&*self.fs, Coverage::default()).finish(images, control)
    }
}

struct Walk<'f> {
    fs: &'f dyn Fs,
    coverage: Coverage,
    /// By identity.
    found: BTreeMap<(u64, u64), Facts>,
    /// Paths that references lead to and that are still to be looked at.
    named: Vec<PathBuf>,
    /// Those of them of which it could not even be told whether they are there.
    unreadable: BTreeMap<PathBuf, String>,
}

impl<'f> Walk<'f> {
    fn new(fs: &'f dyn Fs, coverage: Coverage) -> Self {
        Self {
            fs,
            coverage,
            found: BTreeMap::new(),
            named: Vec::new(),
            unreadable: BTreeMap::new(),
        }
    }

    fn directory(&mut self, top: &Path) {
        let mut open = vec![top.to_owned()];
        while let Some(dir) = open.pop() {
            let entries = match self.fs.list(&dir) {
                Ok(entries) => entries,
                Err(error) => {
                    let (kind, reason) = (DoubtKind::Directory, error.to_string());
                    self.coverage.doubts.push(Doubt { path: dir, kind, reason });
                    continue;
                }
            };
            for entry in entries {
                let path = dir.join(&entry.name);
                match entry.kind {
                    Kind::Directory if entry.name == crate::pool::FOLDER => {}
                    Kind::Directory => open.push(path),
                    Kind::File => self.file(&path, true),
                    Kind::Symlink | Kind::Special => {}
                }
            }
        }
    }

    /// Looks into one file, once for each of its names.
    fn file(&mut self, path: &Path, in_scope: bool) {
        let facts = match self.fs.stat(path) {
            Ok(stat) if stat.kind == Kind::File => {
                let known = self.found.get_mut(&stat.identity());
                if let Some(facts) = known {
                    if !facts.paths.iter().any(|known| **known == *path) {
                        facts.paths.push(path.into());
                    }
                    facts.in_scope |= in_scope;
                    return;
                }
                self.read(path, &stat, in_scope)
            }
            Ok(_) => return,
            Err(error) if is_absent(&error) => return,
            Err(error) => {
                let (kind, reason) = (DoubtKind::File, error.to_string());
                self.coverage.doubts.push(Doubt { path: path.to_owned(), kind, reason });
                return;
            }
        };
        if let Key::File { device, inode } = facts.key {
            self.found.insert((device, inode), facts);
        }
    }

    fn read(&mut self, path: &Path, stat: &Stat, in_scope: bool) -> Facts {
        let key = Key::File { device: stat.device, inode: stat.inode };
        let mut facts = Facts { in_scope, ..Facts::new(key).at(path) };
        facts.actual_size = Some(stat.allocated);
        facts.length = Some(stat.len);
        facts.unseen_links = stat.links.saturating_sub(1);
        let bytes = self.fs.open(path, Access::Read).and_then(|file| read_up_to(&*file, 0, FIRST));
        let unreadable = |facts: &mut Facts, reason: String| {
            facts.state = State::Unreadable;
            facts.reason = Some(reason.into());
            facts.dependencies = DependencyKnowledge::Unknown;
        };
        match bytes {
            Err(error) => unreadable(&mut facts, error.to_string()),
            Ok(bytes) => match Header::parse_prefix(&bytes, stat.len) {
                Ok(header) => {
                    facts.format = Format::Qcow2;
                    facts.virtual_size = Some(header.virtual_size());
                    let backing = header.backing_name().map(|name| {
                        let format = header.backing_format().map(<[u8]>::to_vec);
                        (EdgeKind::Backing, name, format, Reference::classify(name))
                    });
                    let data = header
                        .data_file_name()
                        .map(|name| (EdgeKind::DataFile, name, None, Reference::data_file(name)));
                    for (kind, name, format, reference) in backing.into_iter().chain(data) {
                        let edge = self.edge(path, kind, name, format, &reference);
                        facts.references.push(edge);
                    }
                }
                Err(error) if matches!(error.kind, HeaderError::NotQcow2 { .. }) => {
                    facts.format = Format::Raw;
                    facts.virtual_size = Some(stat.len);
                }
                Err(error) => {
                    facts.format = Format::Qcow2;
                    unreadable(&mut facts, error.to_string());
                }
            },
        }
        facts
    }

    fn edge(
        &mut self,
        image: &Path,
        kind: EdgeKind,
        name: &[u8],
        format: Option<Vec<u8>>,
        reference: &Reference<'_>,
    ) -> EdgeFacts {
        let dir = image.parent().unwrap_or(Path::new("/"));
        let mut dir_bytes = dir.as_os_str().as_bytes().to_vec();
        dir_bytes.push(b'/');
        let target = match reference.target(&dir_bytes) {
            Target::Path { path, base } if base != Base::WorkingDirectory => {
                let path = plain(Path::new(OsStr::from_bytes(&path)));
                let key = match self.fs.stat(&path) {
                    Ok(stat) => Key::File { device: stat.device, inode: stat.inode },
                    Err(error) => {
                        // What cannot be asked about may be there.
                        if !is_absent(&error) {
                            self.unreadable.insert(path.clone(), error.to_string());
                        }
                        Key::name(path.as_os_str().as_bytes())
                    }
                };
                self.named.push(path);
                key
            }
            _ => Key::name(name),
        };
        EdgeFacts {
            kind,
            name: name.into(),
            ends_chain: format.as_deref() == Some(b"raw"),
            format: format.map(Cow::Owned),
            rule: reference.rule(),
            certainty: Certainty::Certain,
            ..EdgeFacts::backing(target)
        }
    }

    fn finish(mut self, images: &[PathBuf], control: &Control) -> Result<Surveyed, ErrorKind> {
        for image in images {
            self.file(&plain(image), false);
        }
        while let Some(path) = self.named.pop() {
            self.file(&path, false);
        }
        // Scans stop on the same word.
        let _ = control;
        let mut graph = Graph::new();
        // What is named and is not there keeps the path that it should have.
        let files = self.found.into_values();
        let mut missing = BTreeMap::new();
        let mut changes = Vec::new();
        for facts in files {
            for edge in &facts.references {
                if let Key::Name(name) = &edge.target {
                    let path = Path::new(OsStr::from_bytes(name)).to_owned();
                    let placeholder = Facts::new(edge.target.clone()).at(&path);
                    let reason = self.unreadable.get(&path).map(|reason| reason.as_str().into());
                    let state = match (&reason, path.is_absolute()) {
                        (Some(_), _) => State::Unreadable,
                        (None, true) => State::Missing,
                        (None, false) => State::Opaque,
                    };
                    let dependencies = match state {
                        State::Missing => DependencyKnowledge::Complete,
                        _ => DependencyKnowledge::Unknown,
                    };
                    let facts =
                        Facts { state, reason, in_scope: false, dependencies, ..placeholder };
                    missing.entry(name.clone()).or_insert(facts);
                }
            }
            changes.push(Change::Insert(facts));
        }
        changes.extend(missing.into_values().map(Change::Insert));
        graph.apply(changes).map_err(|error| ErrorKind::Survey(error.to_string()))?;
        graph.set_coverage(self.coverage);
        let find = |image: &PathBuf| graph.find(&plain(image)).ok_or(ImageError::NotFound);
        let images = images.iter().map(find).collect();
        Ok(Surveyed::new(graph, images))
    }
}

/// Enough for every header that is made here, and for nearly all others.
const FIRST: usize = 64 << 10;

/// A path without `.` and `..`, where no symbolic links are on the way.
fn plain(path: &Path) -> PathBuf {
    let mut plain = PathBuf::new();
    for component in path.components() {
        match component {
            Component::CurDir => {}
            Component::ParentDir => {
                plain.pop();
            }
            other => plain.push(other),
        }
    }
    plain
}
