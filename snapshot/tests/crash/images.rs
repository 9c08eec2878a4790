//! What a guest reads, from the simulated files and nothing else.

use std::collections::{BTreeMap, HashMap};
use std::ffi::OsStr;
use std::fmt;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use diskdag_qcow2::check::{Options, check};
use diskdag_qcow2::{Chain, GuestOffset, Header, Image, Layer};
use diskdag_snapshot::catalogue::State;
use diskdag_snapshot::fs::{Access, Fs, FsFile, read_up_to};
use diskdag_snapshot::sim::{Disk, Habits, SeenFile, SimFs};

use crate::world::{self, FOLDER};

/// All bytes of a disk as its guest sees it.
pub(crate) type Content = Arc<[u8]>;

/// Why a disk cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Unreadable {
    /// A layer that is not there.
    Missing(PathBuf),
    /// A layer that is its own backing file, directly or over others.
    Cycle(PathBuf),
    /// A layer that makes no sense.
    Broken(PathBuf, String),
}

impl Unreadable {
    /// The layer.
    pub(crate) fn layer(&self) -> &Path {
        match self {
            Self::Missing(path) | Self::Cycle(path) | Self::Broken(path, _) => path,
        }
    }
}

impl fmt::Display for Unreadable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing(path) => write!(f, "{} is missing", path.display()),
            Self::Cycle(path) => write!(f, "{} is its own backing file", path.display()),
            Self::Broken(path, why) => write!(f, "{}: {why}", path.display()),
        }
    }
}

/// A disk with files, held still.
pub(crate) struct Still {
    pub(crate) fs: SimFs,
    pub(crate) files: BTreeMap<PathBuf, SeenFile>,
}

impl Still {
    pub(crate) fn of(disk: &Disk) -> Self {
        let files = disk.files().into_iter().map(|file| (file.path.clone(), file)).collect();
        let habits = Habits { root: true, ..Habits::default() };
        Self { fs: SimFs::on(disk.clone(), habits), files }
    }
}

/// What tells the bytes of a file from others.
type Bytes = (u64, u64);

#[derive(Clone)]
enum Head {
    Raw,
    Qcow2 { backing: Option<(PathBuf, bool)> },
    Broken(String),
}

/// Reads disks. What was read once of the same bytes is not read again: states share nearly all of them.
#[derive(Default)]
pub(crate) struct Reader {
    heads: HashMap<Bytes, Head>,
    contents: HashMap<Vec<(Bytes, bool)>, Result<Content, String>>,
    sound: HashMap<Bytes, bool>,
    states: HashMap<Vec<(PathBuf, Bytes)>, Result<State, String>>,
}

impl Reader {
    /// The layers of the image at `path`, top first, each with whether it is to be read as raw.
    fn layers(&mut self, still: &Still, path: &Path) -> Result<Vec<(PathBuf, bool)>, Unreadable> {
        let mut layers: Vec<(PathBuf, bool)> = Vec::new();
        let mut next = Some((path.to_owned(), false));
        while let Some((path, raw)) = next.take() {
            let Some(file) = still.files.get(&path) else { return Err(Unreadable::Missing(path)) };
            let same = |(layer, _): &(PathBuf, bool)| {
                still.files.get(layer).is_some_and(|layer| layer.inode == file.inode)
            };
            if layers.iter().any(same) {
                return Err(Unreadable::Cycle(path));
            }
            let head = match raw {
                true => Head::Raw,
                false => self.head(still, file),
            };
            match head {
                Head::Raw if !raw && !layers.is_empty() => {
                    return Err(Unreadable::Broken(path, "is declared qcow2 and is not".into()));
                }
                Head::Raw => layers.push((path, true)),
                Head::Broken(why) => return Err(Unreadable::Broken(path, why)),
                Head::Qcow2 { backing } => {
                    next = backing.map(|(name, raw)| (plain(&path.with_file_name(name)), raw));
                    layers.push((path, false));
                }
            }
        }
        Ok(layers)
    }

    fn head(&mut self, still: &Still, file: &SeenFile) -> Head {
        self.heads.entry(file.bytes).or_insert_with(|| head(still, file)).clone()
    }

    /// Whether the file begins like a qcow2 image, sound or not.
    pub(crate) fn is_qcow2(&mut self, still: &Still, file: &SeenFile) -> bool {
        !matches!(self.head(still, file), Head::Raw)
    }

    /// Whether `qemu-img check` would find nothing in the file itself.
    pub(crate) fn is_sound(&mut self, still: &Still, path: &Path) -> bool {
        let Some(file) = still.files.get(path) else { return false };
        *self.sound.entry(file.bytes).or_insert_with(|| {
            let open = open(still, path);
            check(&*open, file.bytes.0, &Options::default()).is_ok_and(|report| report.is_clean())
        })
    }

    /// What the pool's catalogue says, or why it says nothing.
    pub(crate) fn recorded(&mut self, still: &Still) -> Result<State, String> {
        let files = still.files.iter().filter(|(path, _)| path.starts_with(FOLDER));
        let key = files.map(|(path, file)| (path.clone(), file.bytes)).collect();
        let state = self.states.entry(key).or_insert_with(|| {
            let pool = world::pool(&still.fs, u64::MAX).map_err(|error| error.to_string())?;
            pool.state().map_err(|error| error.to_string())
        });
        state.clone()
    }

    /// The paths of all layers, top first.
    pub(crate) fn chain(&mut self, still: &Still, path: &Path) -> Result<Vec<PathBuf>, Unreadable> {
        Ok(self.layers(still, path)?.into_iter().map(|(path, _)| path).collect())
    }

    /// All that the guest of the image at `path` would read.
    pub(crate) fn read(&mut self, still: &Still, path: &Path) -> Result<Content, Unreadable> {
        let layers = self.layers(still, path)?;
        let bytes = |(path, raw): &(PathBuf, bool)| Some((still.files.get(path)?.bytes, *raw));
        let key: Vec<_> = layers.iter().filter_map(bytes).collect();
        let content = self.contents.entry(key).or_insert_with(|| content(still, &layers));
        content.clone().map_err(|why| Unreadable::Broken(path.to_owned(), why))
    }
}

/// The path without `..`: there are no links here.
fn plain(path: &Path) -> PathBuf {
    let mut plain = PathBuf::new();
    for component in path.components() {
        match component {
            std::path::Component::ParentDir => {
                plain.pop();
            }
            other => plain.push(other),
        }
    }
    plain
}

fn open(still: &Still, path: &Path) -> Box<dyn FsFile> {
    still.fs.open(path, Access::Read).expect("it is there")
}

fn head(still: &Still, file: &SeenFile) -> Head {
    let bytes = read_up_to(&*open(still, &file.path), 0, 4096).expect("simulated reads work");
    if !bytes.starts_with(b"QFI\xfb") {
        return Head::Raw;
    }
    match Header::parse_prefix(&bytes, file.bytes.0) {
        Err(error) => Head::Broken(error.to_string()),
        Ok(header) => {
            let raw = header.backing_format() == Some(b"raw");
            let backing = header.backing_name();
            let backing = backing.map(|name| (PathBuf::from(OsStr::from_bytes(name)), raw));
            Head::Qcow2 { backing }
        }
    }
}

fn content(still: &Still, layers: &[(PathBuf, bool)]) -> Result<Content, String> {
    let mut open_layers = Vec::with_capacity(layers.len());
    for (path, raw) in layers {
        let file = open(still, path);
        open_layers.push(match raw {
            true => Layer::raw(file).map_err(|error| error.to_string())?,
            false => {
                let image = Image::open(file).map_err(|error| error.to_string())?;
                Layer::image(image.active().map_err(|error| error.to_string())?)
            }
        });
    }
    let chain = Chain::new(open_layers);
    let mut bytes = vec![0xee; usize::try_from(chain.size()).expect("test disks are small")];
    let read = chain.read_at(GuestOffset(0), &mut bytes).map_err(|error| error.to_string())?;
    if read < bytes.len() {
        return Err(format!("{read} of {} bytes", bytes.len()));
    }
    Ok(bytes.into())
}
