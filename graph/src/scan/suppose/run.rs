//! From suppositions to the graph that a scan would make.

use std::ffi::CString;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use diskdag_qcow2::create::{Backing as Named, Create};

use crate::facts::{Format, KeyRef, State};
use crate::graph::{DiskId, bytes};
use crate::scan::content::{Content, Image};
use crate::scan::control::Control;
use crate::scan::crew::Crew;
use crate::scan::part::Part;
use crate::scan::paths::{join, os_str};
use crate::scan::question::Gap;
use crate::scan::run::Scan;
use crate::scan::scanned::Scanned;
use crate::scan::suppose::fate::{self, Backing, Made};
use crate::scan::suppose::outcome::Supposed;
use crate::scan::suppose::supposition::{SupposeError, Supposition};
use crate::scan::suppose::world::{At, Identity, Seen, Thing, World};
use crate::sys::Measures;

/// Inode numbers of files that would be made are counted down from here.
const MADE: u64 = u64::MAX;

impl Scanned {
    /// Tells what would come of these changes, in the order given: the graph that a scan would make, and what is
    /// worth saying of it. Nothing is changed, and of what is in scope nothing is read again; symbolic links that
    /// may lead elsewhere are, and so is what lies out of the scope.
    ///
    /// O(disks), as what a scan does once it has read everything. Ids stay good: a disk that is moved keeps its
    /// own. Who asks for the removal of what would be replaced has [`Supposed::replaced`].
    ///
    /// # Errors
    ///
    /// [`SupposeError`]: what is supposed makes no sense, or could not be found out.
    pub fn suppose(
        &self,
        suppositions: &[Supposition],
        control: &Control,
    ) -> Result<Supposed, SupposeError> {
        let orders = self.scan.orders(&self.record, None, control);
        let crew = Crew::begin(orders, Some(Vec::new()))?;
        let mut draft = Draft {
            scanned: self,
            crew: &crew,
            world: World::new(self.record.clone()),
            made: Vec::new(),
            images: Vec::new(),
            replaced: Vec::new(),
            copied: 0,
            inodes: 0,
        };
        for (one, number) in suppositions.iter().zip(0..) {
            draft.names(one, number)?;
        }
        draft.contents(suppositions)?;
        draft.come_along()?;
        let Draft { mut world, images, replaced, copied, .. } = draft;
        let record = world.altered(&crew)?;
        let images = self.scan.images.iter().cloned().chain(images).collect();
        let scan = Scan { images, ..self.scan.clone() };
        let walked = Scan::supposing(crew, record, &self.record, world);
        let gathered = scan.gather(&self.record, walked, control)?;
        let (now, base) = gathered.into_scanned(scan)?;
        Supposed::between(self, &now, &base.named, replaced, copied)
    }
}

/// What is supposed, as far as it was taken in.
pub(super) struct Draft<'s> {
    pub(super) scanned: &'s Scanned,
    pub(super) crew: &'s Crew,
    pub(super) world: World,
    /// Images that would be made, and what they are on.
    made: Vec<(Identity, PathBuf)>,
    /// Where images would be.
    pub(super) images: Vec<PathBuf>,
    /// Files of which a name is another's: by which supposition.
    replaced: Vec<(usize, Identity)>,
    pub(super) copied: u64,
    /// So many inode numbers were taken.
    inodes: u64,
}

pub(super) type Taken = Result<(), SupposeError>;

impl Draft<'_> {
    /// Takes in what a supposition says of names, and which files go.
    fn names(&mut self, one: &Supposition, number: usize) -> Taken {
        match one {
            Supposition::Create { path, onto } => self.create(path, onto),
            Supposition::Move { from, to } => self.move_name(from, to, number),
            Supposition::Remove(disk) => self.remove(*disk),
            Supposition::Rebase { .. } => Ok(()),
        }
    }

    fn create(&mut self, path: &Path, onto: &Path) -> Taken {
        let (at, name) = self.place(path)?;
        if !matches!(self.look(&at, &name, path)?, Seen::Nothing) || name.is_empty() {
            return Err(SupposeError::Exists { path: path.to_owned() });
        }
        let (device, inode) = (at.identity.0, self.inode());
        self.made.push(((device, inode), onto.to_owned()));
        let part = image(&name, (device, inode));
        self.world.exchange(&at, &name, Some(Thing::File(part)));
        self.images.push(path.to_owned());
        Ok(())
    }

    fn remove(&mut self, disk: DiskId) -> Taken {
        let stale = || SupposeError::NotThere { path: PathBuf::new() };
        let disk = self.scanned.graph.disk(disk).ok_or_else(stale)?;
        if let KeyRef::File { device, inode } = disk.key() {
            self.world.files.entry((device, inode)).or_default().is_gone = true;
            self.world.touched.insert((device, inode));
            return Ok(());
        }
        // Not even what it is could be learned of it.
        for path in disk.paths() {
            if let Ok((at, name)) = self.place(path) {
                self.world.exchange(&at, &name, None);
            }
        }
        Ok(())
    }

    fn move_name(&mut self, from: &Path, to: &Path, number: usize) -> Taken {
        let (at, name) = self.place(from)?;
        let no_file = |path: &Path, kind: &str| SupposeError::NotAFile {
            path: path.to_owned(),
            kind: kind.to_owned(),
        };
        let mut thing = match self.look(&at, &name, from)? {
            Seen::File(part) => Thing::File(part),
            Seen::Link { target, to_directory: false } => Thing::Link(target),
            Seen::Link { .. } => return Err(no_file(from, "a symbolic link to a directory")),
            Seen::Directory => return self.move_directory((&at, &name), from, to),
            Seen::Nothing => return Err(SupposeError::NotThere { path: from.to_owned() }),
        };
        let (mut to_at, mut to_name) = self.place(to)?;
        let (mut to, mut there) = (to.to_owned(), Seen::Directory);
        if !to_name.is_empty() {
            there = self.look(&to_at, &to_name, &to)?;
        }
        if matches!(there, Seen::Directory | Seen::Link { to_directory: true, .. }) {
            to_at = self.directory(&to)?;
            to_name.clone_from(&name);
            to = to.join(os_str(&name));
            there = self.look(&to_at, &to_name, &to)?;
        }
        let is_same_name = (at.identity, &name) == (to_at.identity, &to_name);
        let (leaves, meets) = (self.identity(&at, &name)?, self.identity(&to_at, &to_name)?);
        match (&thing, &there) {
            _ if is_same_name => return Err(SupposeError::SameFile { path: to }),
            // `rename` does nothing then.
            (Thing::File(_), Seen::File(_)) if leaves.is_some() && leaves == meets => {
                return Err(SupposeError::SameFile { path: to });
            }
            (_, Seen::Directory | Seen::Link { to_directory: true, .. }) => {
                return Err(no_file(&to, "a directory"));
            }
            (_, Seen::File(_)) => {
                if let Some(replaced) = meets {
                    self.world.files.entry(replaced).or_default().lost_links += 1;
                    self.replaced.push((number, replaced));
                }
            }
            (_, Seen::Nothing | Seen::Link { .. }) => {}
        }
        self.world.touched.extend(leaves.into_iter().chain(meets));
        if let Thing::File(part) = &mut thing
            && at.identity.0 != to_at.identity.0
        {
            self.copy(part, to_at.identity.0);
        }
        self.world.exchange(&at, &name, None);
        self.world.exchange(&to_at, &to_name, Some(thing));
        self.images.push(to);
        Ok(())
    }

    /// A file that gets to another file system is copied. Where others know the old one by hard links, that stays.
    fn copy(&mut self, part: &mut Arc<Part>, device: u64) {
        let Some((_, entry)) = fate::only(part) else { return };
        let Some(measures) = entry.measures else { return };
        self.copied = self.copied.saturating_add(measures.allocated);
        let fate = self.world.files.entry(measures.identity()).or_default();
        if measures.links.saturating_sub(fate.lost_links) <= 1 {
            return;
        }
        fate.lost_links += 1;
        let backing = fate.backing.clone();
        let inode = self.inode();
        self.world.files.entry((device, inode)).or_default().backing = backing;
        let mut copy = Part::default();
        for entry in &part.entries {
            let measures = Measures { device, inode, links: 1, ..measures };
            copy.keep(part, entry, measures);
        }
        *part = Arc::new(copy);
    }

    /// The number of a file that is not there.
    fn inode(&mut self) -> u64 {
        self.inodes += 1;
        MADE - self.inodes
    }

    /// Takes in what is supposed of backing files, when it is known what their names lead to.
    fn contents(&mut self, suppositions: &[Supposition]) -> Taken {
        for (made, onto) in self.made.clone() {
            let backing = self.backing(&onto)?;
            let virtual_size = self.virtual_size(&onto)?;
            let length = length(&backing, virtual_size);
            let fate = self.world.files.entry(made).or_default();
            (fate.backing, fate.made) = (Some(Some(backing)), Some(Made { virtual_size, length }));
        }
        for one in suppositions {
            let Supposition::Rebase { disk, onto } = one else { continue };
            let Some(disk) = self.scanned.graph.disk(*disk) else {
                return Err(SupposeError::NotThere { path: PathBuf::new() });
            };
            let KeyRef::File { device, inode } = disk.key() else {
                return Err(SupposeError::NotQcow2 { path: disk.path().to_owned() });
            };
            if disk.format() != Format::Qcow2 || disk.state() != State::Ok {
                return Err(SupposeError::NotQcow2 { path: disk.path().to_owned() });
            }
            let backing = onto.as_ref().map(|onto| self.backing(onto)).transpose()?;
            self.world.files.entry((device, inode)).or_default().backing = Some(backing);
        }
        Ok(())
    }

    /// The name of what a path leads to, and the format that is declared for it.
    fn backing(&mut self, onto: &Path) -> Result<Backing, SupposeError> {
        let led = self.led(onto)?;
        let format = led.as_ref().and_then(|part| fate::only(part)).and_then(|(_, entry)| {
            match &entry.content {
                Content::Image(_) | Content::Broken(_) => Some("qcow2"),
                Content::Other(None) => Some("raw"),
                Content::Other(Some(foreign)) => Some(foreign.name()),
                Content::Unreadable(_) | Content::Elsewhere => None,
            }
        });
        // Of what nobody can look at, what most disks are.
        let format = format.unwrap_or("qcow2").as_bytes().into();
        Ok(Backing { name: bytes(onto).into(), format })
    }

    /// The size that an overlay of what a path leads to has.
    fn virtual_size(&mut self, onto: &Path) -> Result<u64, SupposeError> {
        let mut onto = onto.to_owned();
        for _ in 0..=self.made.len() {
            let Some(part) = self.led(&onto)? else { break };
            let Some((_, entry)) = fate::only(&part) else { break };
            let identity = entry.measures.map(|measures| measures.identity());
            // Made as well: of the size of what that is on.
            if let Some((_, below)) = self.made.iter().find(|(made, _)| Some(*made) == identity) {
                onto = below.clone();
                continue;
            }
            let length = entry.measures.map_or(0, |measures| measures.len);
            return Ok(match &entry.content {
                Content::Image(image) => image.virtual_size,
                _ => length.next_multiple_of(512),
            });
        }
        Ok(0)
    }

    /// What a path leads to when all names are exchanged.
    fn led(&mut self, path: &Path) -> Result<Option<Arc<Part>>, SupposeError> {
        let Ok((at, name)) = self.place(path) else { return Ok(None) };
        Ok(self.world.follow(self.crew, &at, &name, false)?.to.ok())
    }

    /// The file that a name leads to.
    fn identity(&mut self, at: &At, name: &[u8]) -> Result<Option<Identity>, SupposeError> {
        let led = self.world.follow(self.crew, at, name, false)?;
        let measures = led.to.ok().and_then(|part| fate::only(&part)?.1.measures);
        Ok(measures.map(|measures| measures.identity()))
    }

    pub(super) fn place(&mut self, path: &Path) -> Result<(At, Vec<u8>), SupposeError> {
        let placed = self.world.place(self.crew, path)?;
        placed.map_err(|gap| no_directory(path, gap))
    }

    pub(super) fn directory(&mut self, path: &Path) -> Result<At, SupposeError> {
        let found = self.world.directory(self.crew, bytes(path))?;
        found.map_err(|gap| no_directory(path, gap))
    }

    pub(super) fn look(&mut self, at: &At, name: &[u8], path: &Path) -> Result<Seen, SupposeError> {
        let seen = self.world.look(self.crew, at, name)?;
        let seen = seen.map_err(|gap| SupposeError::gap(path.to_owned(), gap))?;
        // It may lead by way of what was moved.
        Ok(match seen {
            Seen::Link { target, .. } if !self.world.moved.is_empty() => {
                let to_directory =
                    self.world.directory(self.crew, &join(bytes(&at.path), name))?.is_ok();
                Seen::Link { target, to_directory }
            }
            seen => seen,
        })
    }
}

fn no_directory(path: &Path, gap: Gap) -> SupposeError {
    match gap {
        Gap::Missing | Gap::NotAFile(_) => SupposeError::NoDirectory { path: path.to_owned() },
        gap => SupposeError::gap(path.to_owned(), gap),
    }
}

/// The length of a fresh overlay's file; nothing of one that nobody could make.
fn length(backing: &Backing, virtual_size: u64) -> u64 {
    let backing = Some(Named { name: &backing.name, format: Some(&backing.format) });
    let overlay = Create { virtual_size, backing, ..Create::default() };
    overlay.build().map_or(0, |layout| layout.len)
}

/// An image of which no file is there.
fn image(name: &[u8], (device, inode): Identity) -> Arc<Part> {
    let mut part = Part::default();
    let (backing, backing_format, data_file, findings) = (None, None, None, None);
    let image = Image { virtual_size: 0, backing, backing_format, data_file, findings };
    let measures =
        Measures { device, inode, len: 0, allocated: 0, links: 1, modified: 0, changed: 0 };
    if let Ok(name) = CString::new(name) {
        part.push(&name, false, Some(measures), false, Content::Image(image));
    }
    Arc::new(part)
}
