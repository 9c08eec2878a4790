//! Scans: from directories to a graph, the only part of this crate that knows the file system.
//!
//! A scan lists every directory in scope once, looks into every regular file once per name, and
//! follows what the images name, also out of the scope. Special files are never opened, network
//! and pseudo file systems below a root are not entered, and what could not be asked is a doubt in
//! the graph's [`Coverage`](crate::Coverage) or a node with its reason.

mod alone;
mod assembly;
mod beside;
mod collected;
mod content;
mod control;
mod crew;
mod declared;
mod decode;
mod directories;
mod disks;
mod edges;
mod encode;
mod entries;
mod gather;
mod intake;
mod live;
mod named;
mod names;
mod orders;
mod owners;
mod part;
mod paths;
mod places;
mod plain;
mod possible;
mod question;
mod record;
mod references;
mod reflinks;
mod replace;
mod run;
mod saved;
mod scanned;
mod scope;
mod settings;
mod sources;
mod suppose;
mod tables;
#[cfg(test)]
mod tests;
mod text;
mod told;
mod verify;
mod waived;
mod walk;
mod work;

pub use control::{Control, Progress};
pub use live::{Event, EventKind, Live, LiveGraph};
pub use owners::{Owned, Owners};
pub use record::Record;
pub use run::Scan;
pub use saved::IndexError;
pub use scanned::{ImageError, ScanError, Scanned, Statistics};
pub use scope::{Fingerprint, Scope, Waiver};
pub use settings::{Settings, SettingsError};
pub use sources::Sources;
pub use suppose::{Bereft, Strayed, SupposeError, Supposed, Supposition};
pub use verify::Verified;

pub(crate) use text::printable;
