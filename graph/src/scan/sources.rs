//! Where people say what no scan can see: waivers in settings, owners in files of theirs.

use std::io;
use std::path::{Path, PathBuf};

use diskdag_qcow2::open::Stat;

use crate::scan::owners::Owners;
use crate::scan::scope::Waiver;
use crate::scan::settings::{Settings, SettingsError};
use crate::sys::Measures;

/// The settings in which waivers stand and the files in which owners name disks, to be read again while a graph is kept
/// current: give it to [`crate::scan::Live::read_again`].
#[derive(Clone, Debug)]
pub struct Sources {
    settings: Option<PathBuf>,
    owners: Vec<PathBuf>,
    /// The files of owners as they were before they were read. Nothing where a change after that might not show.
    seen: Option<Vec<(PathBuf, Measures)>>,
}

impl Sources {
    /// `settings` is the directory of [`Settings`]; `owners` are files and directories as [`Owners::read`] takes them.
    pub fn new(settings: Option<PathBuf>, owners: Vec<PathBuf>) -> Self {
        Self { settings, owners, seen: None }
    }

    /// Reads the waivers. Nothing where there are no settings to read them from.
    pub(super) fn waivers(&self) -> Result<Option<Vec<Waiver>>, SettingsError> {
        let settings = self.settings.as_ref().map(|directory| Settings::load(directory));
        Ok(settings.transpose()?.map(|settings| settings.waivers().to_vec()))
    }

    /// Reads the files of owners, at this time of day. Nothing where they are what they were, or there are none.
    pub(super) fn owners(&mut self, now: i64) -> Option<Owners> {
        if self.owners.is_empty() {
            return None;
        }
        // What cannot be asked is to be tried again.
        let files = look(&self.owners).ok();
        if files.is_some() && files == self.seen {
            return None;
        }
        let is_settled = |files: &Vec<(PathBuf, Measures)>| {
            files.iter().all(|(_, measures)| measures.is_settled_at(now))
        };
        let owners = Owners::read(&self.owners);
        self.seen = files.filter(|files| owners.doubts().is_empty() && is_settled(files));
        Some(owners)
    }
}

/// All files that are read, and the directories that they lie in: names that come and go change those.
fn look(places: &[PathBuf]) -> io::Result<Vec<(PathBuf, Measures)>> {
    let mut files = Vec::new();
    for place in places {
        if !note(place, &mut files)? {
            continue;
        }
        let mut names = std::fs::read_dir(place)?
            .map(|entry| Ok(entry?.path()))
            .collect::<io::Result<Vec<PathBuf>>>()?;
        names.sort_unstable();
        for name in names.iter().filter(|name| name.extension() == Some("xml".as_ref())) {
            note(name, &mut files)?;
        }
    }
    Ok(files)
}

/// Says whether it is a directory.
fn note(path: &Path, files: &mut Vec<(PathBuf, Measures)>) -> io::Result<bool> {
    let metadata = std::fs::metadata(path)?;
    files.push((path.to_owned(), Measures::from(&Stat::of(&metadata))));
    Ok(metadata.is_dir())
}
