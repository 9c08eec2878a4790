//! Where the settings lie.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use diskdag_graph::scan::Settings;

use crate::exit::Exit;
use crate::failure::Failure;
use crate::scope;

/// Configured roots and waivers, and the directory that they were read from.
pub(crate) struct Configuration {
    /// Where they lie; nothing if the environment names no home.
    directory: Option<PathBuf>,
    /// What they are.
    pub(crate) settings: Settings,
}

impl Configuration {
    /// Reads the settings. None saved yet is no error; a damaged file is.
    pub(crate) fn load() -> Result<Self, Failure> {
        let directory = directory(|name| std::env::var_os(name));
        let directory = directory.map(|directory| scope::absolute(&directory)).transpose()?;
        let settings = match &directory {
            Some(directory) => Settings::load(directory)?,
            None => Settings::default(),
        };
        Ok(Self { directory, settings })
    }

    /// Saves what has changed.
    pub(crate) fn save(&self) -> Result<(), Failure> {
        Ok(self.settings.save(self.directory()?)?)
    }

    /// Where they lie.
    pub(crate) fn directory(&self) -> Result<&Path, Failure> {
        self.directory.as_deref().ok_or_else(|| {
            Failure::new(Exit::Failed, "settings", "there is no place for the settings")
                .advising("set DISKDAG_CONFIG to a directory, or HOME")
        })
    }
}

/// `DISKDAG_CONFIG`, else `diskdag` in `XDG_CONFIG_HOME`, else in `.config` at home.
fn directory(variable: impl Fn(&str) -> Option<OsString>) -> Option<PathBuf> {
    let set = |name| variable(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let config = || {
        // The XDG specification has relative paths ignored.
        set("XDG_CONFIG_HOME")
            .filter(|path| path.is_absolute())
            .or_else(|| set("HOME").map(|home| home.join(".config")))
    };
    set("DISKDAG_CONFIG").or_else(|| config().map(|config| config.join("diskdag")))
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    fn directory(set: &[(&str, &str)]) -> Option<PathBuf> {
        super::directory(|name| {
            set.iter().find(|(have, _)| *have == name).map(|(_, value)| value.into())
        })
    }

    #[test]
    fn the_nearest_declaration_wins() {
        let (own, xdg, home) =
            (("DISKDAG_CONFIG", "/own"), ("XDG_CONFIG_HOME", "/xdg"), ("HOME", "/home/u"));
        assert_eq!(directory(&[own, xdg, home]), Some("/own".into()));
        assert_eq!(directory(&[xdg, home]), Some("/xdg/diskdag".into()));
        assert_eq!(directory(&[home]), Some("/home/u/.config/diskdag".into()));
        assert_eq!(directory(&[]), None);
    }

    #[test]
    fn empty_and_relative_ones_do_not_count() {
        let set = [("DISKDAG_CONFIG", ""), ("XDG_CONFIG_HOME", "x"), ("HOME", "/h")];
        assert_eq!(directory(&set), Some("/h/.config/diskdag".into()));
    }
}
