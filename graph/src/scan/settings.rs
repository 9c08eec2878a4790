//! Roots and waivers that outlive a command, in one small file.
//!
//! The file is replaced as a whole: written beside the old one, synced, renamed over it, and the
//! directory synced, so that a crash leaves the old one or the new one. A file that does not parse
//! is an error, never an empty one: an empty list of roots would make scopes smaller.

use std::fs::DirBuilder;
use std::io;
use std::path::{Path, PathBuf};

use serde_json::{Map, Value, json};

use crate::graph::bytes;
use crate::scan::paths::os_str;
use crate::scan::replace::replace;
use crate::scan::scope::{Fingerprint, Waiver};

const FILE: &str = "settings.json";
const VERSION: u64 = 1;

/// The configured roots and the waivers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Settings {
    roots: Vec<PathBuf>,
    waivers: Vec<Waiver>,
}

/// Why settings could not be read or kept.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SettingsError {
    /// The system refused.
    #[error("{path}")]
    Io {
        /// The file or directory.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The file is there and is not what this version writes.
    #[error("{path} is damaged: {why}; correct or delete it")]
    Damaged {
        /// The file.
        path: PathBuf,
        /// Where it stops making sense.
        why: String,
    },
}

impl Settings {
    /// Reads the settings in `directory`; where there are none, there are none.
    ///
    /// # Errors
    ///
    /// [`SettingsError`]: a file that cannot be read or understood is never taken for an empty one.
    pub fn load(directory: &Path) -> Result<Self, SettingsError> {
        let path = directory.join(FILE);
        let text = match std::fs::read(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Self::default()),
            Err(source) => return Err(SettingsError::Io { path, source }),
        };
        let parsed = serde_json::from_slice::<Value>(&text)
            .map_err(|error| error.to_string())
            .and_then(|value| Self::from_json(&value).map_err(str::to_owned));
        parsed.map_err(|why| SettingsError::Damaged { path, why })
    }

    /// Replaces the settings in `directory`, which is made if need be. Durable when it returns.
    ///
    /// # Errors
    ///
    /// [`SettingsError::Io`]; the old settings then stand.
    pub fn save(&self, directory: &Path) -> Result<(), SettingsError> {
        let io = |path: &Path| {
            let path = path.to_owned();
            move |source| SettingsError::Io { path, source }
        };
        DirBuilder::new().recursive(true).create(directory).map_err(io(directory))?;
        let path = directory.join(FILE);
        let text = format!("{:#}\n", self.to_json());
        replace(&path, text.as_bytes(), 0o666).map_err(|source| SettingsError::Io { path, source })
    }

    /// The directories whose images may depend on each other, in the order in which they were
    /// added.
    pub fn roots(&self) -> &[PathBuf] {
        &self.roots
    }

    /// The waivers.
    pub fn waivers(&self) -> &[Waiver] {
        &self.waivers
    }

    /// Adds a root; says whether it is new.
    pub fn add_root(&mut self, path: PathBuf) -> bool {
        let is_new = !self.roots.contains(&path);
        if is_new {
            self.roots.push(path);
        }
        is_new
    }

    /// Takes a root away; says whether it was there.
    pub fn remove_root(&mut self, path: &Path) -> bool {
        let before = self.roots.len();
        self.roots.retain(|root| root != path);
        self.roots.len() != before
    }

    /// Waives the doubts about what is at `path` now, replacing an earlier waiver for it.
    ///
    /// # Errors
    ///
    /// What the system answers when it is asked what is there; that nothing is there is an answer.
    pub fn waive(&mut self, path: PathBuf, reason: String) -> io::Result<()> {
        let fingerprint = Fingerprint::of(&path)?;
        self.waivers.retain(|waiver| waiver.path != path);
        self.waivers.push(Waiver { path, reason, fingerprint });
        Ok(())
    }

    fn to_json(&self) -> Value {
        let waivers = self.waivers.iter().map(|waiver| {
            let mut object = Map::new();
            object.insert("path".to_owned(), path_to_json(&waiver.path));
            object.insert("reason".to_owned(), json!(waiver.reason));
            if let Some(at) = waiver.fingerprint {
                let fingerprint = json!({
                    "device": at.device,
                    "inode": at.inode,
                    "len": at.len,
                    "modified": at.modified.to_string(),
                    "changed": at.changed.to_string(),
                });
                object.insert("fingerprint".to_owned(), fingerprint);
            }
            Value::Object(object)
        });
        json!({
            "version": VERSION,
            "roots": self.roots.iter().map(|root| path_to_json(root)).collect::<Vec<_>>(),
            "waivers": waivers.collect::<Vec<_>>(),
        })
    }

    fn from_json(value: &Value) -> Result<Self, &'static str> {
        if value["version"].as_u64() != Some(VERSION) {
            return Err("its version is not 1");
        }
        let list = |key: &str| value[key].as_array().ok_or("`roots` or `waivers` is no list");
        let roots = list("roots")?.iter().map(path_from_json).collect::<Result<_, _>>()?;
        let waivers = list("waivers")?
            .iter()
            .map(|waiver| {
                let fingerprint = match &waiver["fingerprint"] {
                    Value::Null => None,
                    at => Some(fingerprint_from_json(at).ok_or("a fingerprint is incomplete")?),
                };
                let reason = waiver["reason"].as_str().ok_or("a waiver has no reason")?.to_owned();
                Ok(Waiver { path: path_from_json(&waiver["path"])?, reason, fingerprint })
            })
            .collect::<Result<_, &'static str>>()?;
        Ok(Self { roots, waivers })
    }
}

fn fingerprint_from_json(at: &Value) -> Option<Fingerprint> {
    let time = |key: &str| at[key].as_str()?.parse().ok();
    Some(Fingerprint {
        device: at["device"].as_u64()?,
        inode: at["inode"].as_u64()?,
        len: at["len"].as_u64()?,
        modified: time("modified")?,
        changed: time("changed")?,
    })
}

/// A string, or the list of the bytes where they are no text.
fn path_to_json(path: &Path) -> Value {
    path.to_str().map_or_else(|| json!(bytes(path)), |text| json!(text))
}

fn path_from_json(value: &Value) -> Result<PathBuf, &'static str> {
    let broken = "a path is neither a string nor a list of bytes";
    match value {
        Value::String(text) => Ok(text.into()),
        Value::Array(list) => {
            let byte = |value: &Value| value.as_u64().and_then(|byte| u8::try_from(byte).ok());
            let bytes: Vec<u8> = list.iter().map(byte).collect::<Option<_>>().ok_or(broken)?;
            Ok(os_str(&bytes).into())
        }
        _ => Err(broken),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_saved_is_loaded_bytes_that_are_no_text_included() {
        let directory = tempfile::tempdir().unwrap();
        let deeper = directory.path().join("a/b");
        let mut settings = Settings::default();
        assert!(settings.add_root(os_str(b"/images/\xff").into()));
        assert!(!settings.add_root(os_str(b"/images/\xff").into()));
        settings.waive(directory.path().to_owned(), "known".to_owned()).unwrap();
        settings.waive("/no/such/file".into(), "gone".to_owned()).unwrap();
        settings.save(&deeper).unwrap();
        assert_eq!(Settings::load(&deeper).unwrap(), settings);
        assert_eq!(std::fs::read_dir(&deeper).unwrap().count(), 1, "no leftovers");
    }

    #[test]
    fn damaged_settings_are_an_error_and_not_an_empty_scope() {
        let directory = tempfile::tempdir().unwrap();
        for text in ["", "{", "{}", r#"{"version":1,"roots":[1],"waivers":[]}"#] {
            std::fs::write(directory.path().join(FILE), text).unwrap();
            let error = Settings::load(directory.path()).unwrap_err();
            assert!(matches!(error, SettingsError::Damaged { .. }), "{text}");
        }
    }
}
