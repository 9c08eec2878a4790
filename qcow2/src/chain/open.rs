//! Opening a chain from a path, as far as a policy allows.
#![forbid(unsafe_code)]

use std::boxed::Box;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};
use std::vec::Vec;

use super::files::{directory, open_named};
use super::{Chain, Layer, OpenChainError, Policy, Undeclared};
use crate::error::ErrorKind;
use crate::foreign::Foreign;
use crate::image::{Caches, Image, ImageError, View};
use crate::open::{Opened, open_image};
use crate::reference::{Base, JsonReference, Reference, Target};
use crate::source::{Source, fill};
use crate::table::Snapshot;

impl Chain {
    /// Opens an image and, as far as `policy` allows, what it names: its external data file, its backing
    /// file, and so on down to the base.
    ///
    /// `path` is the caller's own and is opened whatever the policy says: it must be a qcow2 image, unless
    /// the policy probes. What else is opened is a regular file, and never blocks. The layers share their
    /// caches. Walks down one by one; the same file twice (by device and inode, so that no name hides it)
    /// is a cycle.
    ///
    /// # Errors
    ///
    /// [`OpenChainError`]. An external data file that the policy doesn't allow is one; a backing file too.
    pub fn open(path: &Path, policy: &Policy) -> Result<Self, OpenChainError> {
        Self::open_declared(path, None, policy)
    }

    /// The same, where the caller knows the image's format: `qcow2` or `raw`.
    ///
    /// # Errors
    ///
    /// As [`open`](Self::open).
    pub fn open_declared(
        path: &Path,
        format: Option<&[u8]>,
        policy: &Policy,
    ) -> Result<Self, OpenChainError> {
        let format = match format {
            None if policy.undeclared == Undeclared::Probe => Format::Probe,
            None | Some(b"qcow2") => Format::Qcow2,
            Some(b"raw") => Format::Raw,
            Some(other) => {
                let format = std::format!("{}", other.escape_ascii());
                return Err(OpenChainError::UnsupportedFormat { depth: 0, format });
            }
        };
        let mut walk = Walk { policy, caches: Caches::default(), seen: Vec::new() };
        let opened = open_image(path).map_err(|error| OpenChainError::Open {
            depth: 0,
            path: path.to_path_buf(),
            error,
        })?;
        let mut next = Some(Found { path: path.to_path_buf(), opened, format });
        let mut layers = Vec::new();
        while let Some(found) = next {
            let depth = layers.len();
            if depth >= policy.max_layers {
                return Err(OpenChainError::TooDeep { max: policy.max_layers });
            }
            walk.remember(&found, depth)?;
            let (layer, below) = walk.layer(found, depth)?;
            layers.push(layer);
            next = below;
        }
        Ok(Self::new(layers))
    }

    /// The disk of an internal snapshot of the top image, by id or name; below it are the same layers.
    ///
    /// # Errors
    ///
    /// [`ImageError::NoSuchSnapshot`], also if the top is raw; else as
    /// [`Image::snapshot_named`](crate::Image::snapshot_named).
    pub fn snapshot(&self, id_or_name: &[u8]) -> Result<Self, ImageError> {
        self.with_top(|image| image.snapshot_named(id_or_name))
    }

    /// The same of the first internal snapshot that `is_it`.
    ///
    /// # Errors
    ///
    /// As [`snapshot`](Self::snapshot).
    pub fn snapshot_where(
        &self,
        is_it: impl Fn(&Snapshot<'_>) -> bool,
    ) -> Result<Self, ImageError> {
        self.with_top(|image| {
            let table = image.snapshots()?;
            let found = table.iter().flatten().find(|snapshot| is_it(snapshot));
            image.snapshot_view(&found.ok_or(ImageError::NoSuchSnapshot)?)
        })
    }

    fn with_top(
        &self,
        view_of: impl Fn(&Image) -> Result<View, ImageError>,
    ) -> Result<Self, ImageError> {
        let (top, below) = self.layers().split_first().ok_or(ImageError::NoSuchSnapshot)?;
        let view = top.view().ok_or(ImageError::NoSuchSnapshot)?;
        let mut layers = Vec::from([Layer::image(view_of(view.image())?)]);
        layers.extend_from_slice(below);
        Ok(Self::new(layers))
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Format {
    Qcow2,
    Raw,
    Probe,
}

/// A file that is open, but not looked at.
struct Found {
    path: PathBuf,
    opened: Opened,
    format: Format,
}

struct Walk<'p> {
    policy: &'p Policy,
    caches: Caches,
    /// Device and inode of every layer.
    seen: Vec<(u64, u64)>,
}

impl Walk<'_> {
    fn remember(&mut self, found: &Found, depth: usize) -> Result<(), OpenChainError> {
        let key = (found.opened.stat.device, found.opened.stat.inode);
        if let Some(first) = self.seen.iter().position(|seen| *seen == key) {
            return Err(OpenChainError::Cycle { depth, path: found.path.clone(), first });
        }
        self.seen.push(key);
        Ok(())
    }

    /// Makes a layer of a file, and opens what it rests on.
    fn layer(&self, found: Found, depth: usize) -> Result<(Layer, Option<Found>), OpenChainError> {
        let Found { path, opened, format } = found;
        let identity = (opened.stat.device, opened.stat.inode);
        let failed = |error| OpenChainError::Image { depth, path: path.clone(), error };
        if format == Format::Raw {
            return Ok((raw(opened, depth)?.placed(path, identity), None));
        }
        let probed = Image::open_with(duplicate(&opened, depth)?, None, &self.caches);
        let mut image = match probed {
            Err(ImageError::Format(error))
                if format == Format::Probe && matches!(error.kind, ErrorKind::NotQcow2 { .. }) =>
            {
                if let Some(format) = foreign(&opened, depth)? {
                    return Err(OpenChainError::UnsupportedFormat {
                        depth,
                        format: format.name().into(),
                    });
                }
                return Ok((raw(opened, depth)?.placed(path, identity), None));
            }
            other => other.map_err(failed)?,
        };
        let header = image.header().map_err(|error| failed(error.into()))?;
        let image_dir = directory(&path);
        let below = match header.backing_name() {
            Some(name) => {
                let reference = Reference::classify(name);
                let format = self.format(header.backing_format(), &reference, depth)?;
                let (path, opened) = self.open(name, &reference, image_dir, depth, depth + 1)?;
                Some(Found { path, opened, format })
            }
            None => None,
        };
        let mut data_path = path.clone();
        if let Some(name) = header.data_file_name() {
            let reference = Reference::data_file(name);
            let (place, data) = self.open(name, &reference, image_dir, depth, depth)?;
            let source = duplicate(&opened, depth)?;
            let data: Box<dyn Source> = Box::new(data.file);
            data_path = place;
            image = Image::open_with(source, Some(data), &self.caches).map_err(failed)?;
        }
        let view = image.active().map_err(failed)?;
        Ok((Layer::image(view).placed(data_path, identity), below))
    }

    fn format(
        &self,
        declared: Option<&[u8]>,
        reference: &Reference<'_>,
        depth: usize,
    ) -> Result<Format, OpenChainError> {
        let nested = match reference {
            Reference::Json(JsonReference::File { format, .. }) => format.as_deref(),
            _ => None,
        };
        match declared.filter(|format| !format.is_empty()).or(nested) {
            Some(b"qcow2") => Ok(Format::Qcow2),
            Some(b"raw") => Ok(Format::Raw),
            Some(other) => {
                let format = std::format!("{}", other.escape_ascii());
                Err(OpenChainError::UnsupportedFormat { depth, format })
            }
            None if self.policy.undeclared == Undeclared::Probe => Ok(Format::Probe),
            None => Err(OpenChainError::UndeclaredFormat { depth }),
        }
    }

    /// Opens what layer `depth` names, which is to be layer `of`.
    fn open(
        &self,
        name: &[u8],
        reference: &Reference<'_>,
        image_dir: &[u8],
        depth: usize,
        of: usize,
    ) -> Result<(PathBuf, Opened), OpenChainError> {
        let refused = || OpenChainError::Refused { depth, name: name.into() };
        let Target::Path { path, base } = reference.target(image_dir) else {
            let rule = reference.rule();
            return Err(OpenChainError::NoFile { depth, name: name.into(), rule });
        };
        let path = Path::new(OsStr::from_bytes(&path));
        let path = match (base, &self.policy.working_directory) {
            (Base::WorkingDirectory, Some(directory)) => directory.join(path),
            (Base::WorkingDirectory, None) => return Err(refused()),
            _ => path.to_path_buf(),
        };
        match open_named(&path, image_dir, &self.policy.follow) {
            None => Err(refused()),
            Some(Ok(opened)) => Ok((path, opened)),
            Some(Err(error)) => Err(OpenChainError::Open { depth: of, path, error }),
        }
    }
}

/// What QEMU would take the file for, if neither for qcow2 nor for raw.
fn foreign(opened: &Opened, depth: usize) -> Result<Option<Foreign>, OpenChainError> {
    let mut first = [0; Foreign::PROBED];
    match fill(&opened.file, 0, &mut first) {
        Ok(have) => Ok(Foreign::probe(first.get(..have).unwrap_or_default())),
        Err(error) => Err(OpenChainError::Io { depth, error }),
    }
}

fn raw(opened: Opened, depth: usize) -> Result<Layer, OpenChainError> {
    Layer::raw(opened.file).map_err(|error| OpenChainError::Io { depth, error })
}

fn duplicate(opened: &Opened, depth: usize) -> Result<Box<dyn Source>, OpenChainError> {
    let file = opened.file.try_clone().map_err(|error| OpenChainError::Io { depth, error })?;
    Ok(Box::new(file))
}
