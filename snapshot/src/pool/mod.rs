//! A pool: a directory tree with a `.diskdag` folder at its top.

mod config;
mod parted;
mod patience;
mod session;
mod together;
mod verdict;

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::catalogue::{Catalogue, CatalogueError, LogCatalogue, State};
use crate::error::{Error, ErrorKind};
use crate::fs::{Fs, Kind, give_name, is_absent};
use crate::host::Host;
use crate::operate::Create;
use crate::report::Done;
use crate::survey::{Question, Surveyed};

pub use config::Config;
pub use parted::Parted;
pub(crate) use session::{Commit, Session};
pub(crate) use together::Together;

/// The folder that makes a directory a pool.
pub const FOLDER: &str = ".diskdag";

/// Where the folder is made before it gets its name.
const UNFINISHED: &str = ".diskdag.new";

/// The lock, in that folder.
const LOCK: &str = "lock";

/// A handle on a pool. Cheap to clone; keeps no lock and nothing open between operations.
#[derive(Clone, Debug)]
pub struct Pool {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    host: Host,
    /// Without symbolic links.
    top: PathBuf,
    catalogue: Arc<dyn Catalogue>,
    /// The same, if it is the one that pools have by default.
    embedded: Option<LogCatalogue>,
    /// Snapshots that threads take at the same time.
    creates: Together<Create, Result<Done, Error>>,
}

impl Pool {
    /// Makes a pool of the directory `dir`: three files in a folder of its own, which appears in one step.
    /// Disks that lie there stay as they are.
    ///
    /// `config` names further directories whose images may depend on the pool's, and owners of disks; they are
    /// asked whenever it matters who depends on an image.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::PoolThere`] inside of another pool and around one; [`ErrorKind::Io`]. A directory below
    /// that cannot be listed may hold a pool, so that is an error too.
    pub fn init(host: &Host, dir: &Path, config: &Config) -> Result<Self, Error> {
        let fs = &*host.fs;
        let top = fs.resolve(dir).map_err(|cause| ErrorKind::io("find", dir, cause))?;
        if let Some(pool) = find_top(fs, &top)? {
            return Err(ErrorKind::PoolThere { pool }.into());
        }
        if let Some(pool) = find_below(fs, &top)? {
            return Err(ErrorKind::PoolThere { pool }.into());
        }
        let unfinished = top.join(UNFINISHED);
        discard_unfinished(fs, &unfinished)?;
        let io = |doing: &'static str, path: &Path| {
            let path = path.to_owned();
            move |cause| ErrorKind::io(doing, path, cause)
        };
        fs.create_dir(&unfinished).map_err(io("make", &unfinished))?;
        LogCatalogue::new(Arc::clone(&host.fs), unfinished.clone()).create(&State::default())?;
        config.save(fs, &unfinished)?;
        drop(
            fs.try_lock(&unfinished.join(LOCK), crate::fs::LockMode::Shared)
                .map_err(io("make", &unfinished.join(LOCK)))?,
        );
        fs.sync_dir(&unfinished).map_err(io("sync", &unfinished))?;
        let folder = top.join(FOLDER);
        give_name(fs, &unfinished, &folder).map_err(io("make", &folder))?;
        fs.sync_dir(&top).map_err(io("sync", &top))?;
        Ok(Self::at(host, top))
    }

    /// The pool that `path` lies in, or is the top of; found by walking up. Nothing is recovered.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::NoPool`]; [`ErrorKind::Io`].
    pub fn find(host: &Host, path: &Path) -> Result<Self, Error> {
        let fs = &*host.fs;
        // What isn't there yet lies where its directory lies.
        let there = match fs.resolve(path) {
            Err(error) if is_absent(&error) => {
                let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty());
                fs.resolve(parent.unwrap_or(Path::new(".")))
            }
            other => other,
        };
        let there = there.map_err(|cause| match is_absent(&cause) {
            true => ErrorKind::NotFound { path: path.to_owned(), what: "no such file".into() },
            false => ErrorKind::io("find", path, cause),
        })?;
        match find_top(fs, &there)? {
            Some(top) => Ok(Self::at(host, top)),
            None => {
                // Links among the directories on the way lead nowhere that the name does not say.
                let is_link = fs.stat(path).is_ok_and(|stat| stat.kind == Kind::Symlink);
                let to = is_link.then_some(there);
                Err(ErrorKind::NoPool { path: path.to_owned(), to }.into())
            }
        }
    }

    /// The same pool over another store of its records: an embedder's own.
    #[must_use]
    pub fn with_catalogue(&self, catalogue: Arc<dyn Catalogue>) -> Self {
        let Inner { host, top, .. } = &*self.inner;
        let (host, top) = (host.clone(), top.clone());
        Self {
            inner: Arc::new(Inner {
                host,
                top,
                catalogue,
                embedded: None,
                creates: Together::default(),
            }),
        }
    }

    fn at(host: &Host, top: PathBuf) -> Self {
        let embedded = LogCatalogue::new(Arc::clone(&host.fs), top.join(FOLDER));
        let (host, catalogue) = (host.clone(), Arc::new(embedded.clone()));
        Self {
            inner: Arc::new(Inner {
                host,
                top,
                catalogue,
                embedded: Some(embedded),
                creates: Together::default(),
            }),
        }
    }

    /// The directory at its top, without symbolic links.
    #[must_use]
    pub fn top(&self) -> &Path {
        &self.inner.top
    }

    /// What is recorded now. Waits for nobody.
    ///
    /// # Errors
    ///
    /// [`CatalogueError`], by kind.
    pub fn state(&self) -> Result<State, CatalogueError> {
        self.catalogue().load()
    }

    /// The directories whose images may depend on the pool's: its own, and those that are configured.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Config`] if the configuration cannot be read.
    pub fn roots(&self) -> Result<Vec<PathBuf>, Error> {
        Ok(self.config()?.roots_of(self.top()))
    }

    /// The files and directories in which owners name their disks, as they are configured.
    ///
    /// # Errors
    ///
    /// As [`roots`](Self::roots).
    pub fn owners(&self) -> Result<Vec<PathBuf>, Error> {
        Ok(self.config()?.owners_of(self.top()))
    }

    pub(crate) fn config(&self) -> Result<Config, ErrorKind> {
        Config::load(self.fs(), &self.folder())
    }

    /// Who depends on whom in the whole scope, with these images (absolute paths) in it.
    pub(crate) fn survey(
        &self,
        images: &[PathBuf],
        control: &diskdag_graph::scan::Control,
    ) -> Result<Surveyed, Error> {
        let config = self.config()?;
        let (roots, owners) = (config.roots_of(self.top()), config.owners_of(self.top()));
        let question = Question { roots: &roots, owners: &owners, images };
        Ok(self.host().survey.survey(&question, control)?)
    }

    /// Adds a directory whose images may depend on the pool's.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Config`], [`ErrorKind::Io`], [`ErrorKind::Locked`].
    pub fn add_root(&self, root: PathBuf, control: &crate::Control) -> Result<(), Error> {
        let _lock = self.lock(control)?;
        let mut config = Config::load(self.fs(), &self.folder())?;
        if !config.roots.contains(&root) {
            config.roots.push(root);
            config.save(self.fs(), &self.folder())?;
        }
        Ok(())
    }

    /// Puts a catalogue made of names and headers, and of what can still be read of the old one, in the place of
    /// one that is lost; says what could not be rebuilt.
    pub(crate) fn rebuild(&self, control: &crate::Control) -> Result<Vec<String>, Error> {
        let _lock = self.lock(control)?;
        let mut state = self.rebuilt()?;
        let Some(embedded) = &self.inner.embedded else {
            let what = "its records are not kept by this library; see Pool::rebuilt".to_owned();
            return Err(ErrorKind::NotFound { path: self.top().to_owned(), what }.into());
        };
        if let Some(old) = embedded.salvage() {
            self.complete(&mut state, old)?;
        }
        embedded.replace(&state)?;
        Ok(state.lost)
    }

    /// The host that it lies on.
    #[must_use]
    pub fn host(&self) -> &Host {
        &self.inner.host
    }

    pub(crate) fn fs(&self) -> &dyn Fs {
        &*self.inner.host.fs
    }

    pub(crate) fn creates(&self) -> &Together<Create, Result<Done, Error>> {
        &self.inner.creates
    }

    pub(crate) fn catalogue(&self) -> &dyn Catalogue {
        &*self.inner.catalogue
    }

    pub(crate) fn folder(&self) -> PathBuf {
        self.top().join(FOLDER)
    }

    /// The absolute path of something that is recorded.
    pub(crate) fn path(&self, recorded: &Path) -> PathBuf {
        self.top().join(recorded)
    }

    /// A path as it is recorded: relative to the top. `None` for what does not lie in the pool.
    pub(crate) fn recorded(&self, path: &Path) -> Option<PathBuf> {
        let inside = path.strip_prefix(self.top()).ok()?;
        (!inside.starts_with(FOLDER)).then(|| inside.to_owned())
    }
}

/// The nearest directory at or above `path` that holds the folder.
fn find_top(fs: &dyn Fs, path: &Path) -> Result<Option<PathBuf>, ErrorKind> {
    for dir in path.ancestors() {
        let folder = dir.join(FOLDER);
        match fs.stat(&folder) {
            Ok(stat) if stat.kind == Kind::Directory => return Ok(Some(dir.to_owned())),
            Ok(_) => {}
            Err(error) if is_absent(&error) => {}
            Err(cause) => return Err(ErrorKind::io("look for", folder, cause)),
        }
    }
    Ok(None)
}

/// A pool somewhere below.
fn find_below(fs: &dyn Fs, top: &Path) -> Result<Option<PathBuf>, ErrorKind> {
    let mut open = vec![top.to_owned()];
    while let Some(dir) = open.pop() {
        let entries = fs.list(&dir).map_err(|cause| ErrorKind::io("list", &dir, cause))?;
        for entry in entries.iter().filter(|entry| entry.kind == Kind::Directory) {
            if entry.name == FOLDER {
                return Ok(Some(dir));
            }
            open.push(dir.join(&entry.name));
        }
    }
    Ok(None)
}

/// What an `init` that was cut off has left: files of the names that it makes, and nothing else.
fn discard_unfinished(fs: &dyn Fs, unfinished: &Path) -> Result<(), ErrorKind> {
    let entries = match fs.list(unfinished) {
        Err(error) if is_absent(&error) => return Ok(()),
        other => other.map_err(|cause| ErrorKind::io("list", unfinished, cause))?,
    };
    for entry in entries {
        let path = unfinished.join(&entry.name);
        let known = entry.name.as_encoded_bytes().starts_with(b"catalogue.")
            || Config::is_file_of(&entry.name)
            || entry.name == LOCK;
        if !known {
            let cause = io::Error::from(io::ErrorKind::AlreadyExists);
            return Err(ErrorKind::io("replace", path, cause));
        }
        fs.remove(&path).map_err(|cause| ErrorKind::io("remove", &path, cause))?;
    }
    fs.remove_dir(unfinished).map_err(|cause| ErrorKind::io("remove", unfinished, cause))
}
