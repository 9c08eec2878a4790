//! Arguments of the verbs that work on a pool: snapshots, trash, recovery.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::builder::{OsStringValueParser, TypedValueParser};
use clap::{Args, Subcommand};
use diskdag_snapshot::catalogue::OpId;
use diskdag_snapshot::name::Id;
use diskdag_snapshot::{MAX_DEPTH, SnapshotName};
use jiff::Timestamp;

use super::Common;
use crate::help;
use crate::time::{self, Wait};

/// Which pool.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct InPool {
    /// The pool; else the one that the first disk lies in, or the current directory
    #[arg(long, value_name = "DIR")]
    pub(crate) pool: Option<PathBuf>,
}

/// What every verb that writes to a pool understands.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct Writing {
    #[command(flatten)]
    pub(crate) place: InPool,
    /// How long to wait for who has the pool or an image: for ever, or so many seconds. Without it 10
    /// seconds for the pool, and not at all for images
    #[arg(long, value_name = "SECONDS", num_args = 0..=1, require_equals = true,
          default_missing_value = "", value_parser = time::wait)]
    pub(crate) wait: Option<Wait>,
}

/// Arguments of `init`.
#[derive(Debug, Args)]
pub(crate) struct Init {
    /// The directory; its disks stay as they are
    #[arg(value_name = "DIR")]
    pub(crate) dir: PathBuf,
    #[command(flatten)]
    pub(crate) common: Common,
}

/// Arguments of `snap`.
#[derive(Debug, Args)]
pub(crate) struct Snap {
    #[command(subcommand)]
    pub(crate) action: SnapAction,
    #[command(flatten)]
    pub(crate) common: Common,
}

/// What to do with snapshots.
#[derive(Debug, Subcommand)]
pub(crate) enum SnapAction {
    /// Take a snapshot of disks: of all of them, or of none
    #[command(after_help = help::SNAP_CREATE)]
    Create(Create),
    /// What snapshots there are
    #[command(visible_alias = "ls", after_help = help::SNAP_LIST)]
    List(List),
    /// Make disks read what they read when a snapshot was taken
    #[command(after_help = help::SNAP_RESTORE)]
    Restore(Restore),
    /// Remove snapshots that nothing needs; their files go to the trash
    #[command(after_help = help::SNAP_RM)]
    Rm(Remove),
    /// Make new live disks on top of a snapshot, any number of them at once
    #[command(after_help = help::SNAP_CLONE)]
    Clone(CloneSnapshot),
    /// Take a chain that others have made into the catalogue, as it lies there
    #[command(after_help = help::SNAP_ADOPT)]
    Adopt(Adopt),
}

/// Arguments of `snap create`.
#[derive(Debug, Args)]
pub(crate) struct Create {
    /// What the snapshot is called: 1 to 100 bytes, no '/', no ':', no leading dot
    #[arg(value_name = "NAME", value_parser = snapshot_name())]
    pub(crate) name: SnapshotName,
    /// The live disks
    #[arg(value_name = "DISK", required = true)]
    pub(crate) disks: Vec<PathBuf>,
    /// Put nothing on top: the disks become golden images, which can be cloned but not written to
    #[arg(long)]
    pub(crate) freeze: bool,
    /// Refuse if a disk would have more layers than this
    #[arg(long, value_name = "N", default_value_t = MAX_DEPTH)]
    pub(crate) max_depth: u32,
    /// Let a raw disk become a qcow2 image over the raw one
    #[arg(long)]
    pub(crate) allow_format_change: bool,
    /// Take an image with an external data file, and freeze that file as well
    #[arg(long)]
    pub(crate) allow_data_file: bool,
    #[command(flatten)]
    pub(crate) writing: Writing,
    #[command(flatten)]
    pub(crate) common: Common,
}

/// Arguments of `snap list`.
#[derive(Debug, Args)]
pub(crate) struct List {
    /// Only of this disk
    #[arg(value_name = "DISK")]
    pub(crate) disk: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) place: InPool,
    #[command(flatten)]
    pub(crate) common: Common,
}

/// Arguments of `snap restore`.
#[derive(Debug, Args)]
pub(crate) struct Restore {
    /// What the snapshot is called
    #[arg(value_name = "NAME", value_parser = snapshot_name())]
    pub(crate) name: SnapshotName,
    /// The live disks
    #[arg(value_name = "DISK", required = true)]
    pub(crate) disks: Vec<PathBuf>,
    /// Keep what is live now as a snapshot of this name; else it goes to the trash
    #[arg(long, value_name = "NAME2", value_parser = snapshot_name())]
    pub(crate) keep: Option<SnapshotName>,
    /// Say what would be done, and change nothing
    #[arg(short = 'n', long)]
    pub(crate) dry_run: bool,
    #[command(flatten)]
    pub(crate) writing: Writing,
    #[command(flatten)]
    pub(crate) common: Common,
}

/// Arguments of `snap rm`.
#[derive(Debug, Args)]
pub(crate) struct Remove {
    /// NAME and DISKs; with --older-than or --keep-last the NAME may be left out
    #[arg(value_name = "NAME|DISK")]
    pub(crate) words: Vec<OsString>,
    /// Only what was taken before: 7d, 12h, 30m ago, or an RFC 3339 time
    #[arg(long, value_name = "T", value_parser = time::before)]
    pub(crate) older_than: Option<Timestamp>,
    /// But never the newest N of a disk
    #[arg(long, value_name = "N")]
    pub(crate) keep_last: Option<usize>,
    /// Of every disk in the pool
    #[arg(long)]
    pub(crate) all: bool,
    /// What is still needed loses its name now, and its file when nothing needs it any more
    #[arg(long)]
    pub(crate) retire: bool,
    /// Say what would be done, and change nothing
    #[arg(short = 'n', long)]
    pub(crate) dry_run: bool,
    #[command(flatten)]
    pub(crate) writing: Writing,
    #[command(flatten)]
    pub(crate) common: Common,
}

/// Arguments of `snap clone`.
#[derive(Debug, Args)]
pub(crate) struct CloneSnapshot {
    /// What the snapshot is called
    #[arg(value_name = "NAME", value_parser = snapshot_name())]
    pub(crate) name: SnapshotName,
    /// The disk that it was taken from
    #[arg(value_name = "DISK")]
    pub(crate) disk: PathBuf,
    /// The new disks; nothing may be there
    #[arg(value_name = "NEW", required = true)]
    pub(crate) new: Vec<PathBuf>,
    #[command(flatten)]
    pub(crate) writing: Writing,
    #[command(flatten)]
    pub(crate) common: Common,
}

/// Arguments of `snap adopt`.
#[derive(Debug, Args)]
pub(crate) struct Adopt {
    /// The live disk at the top of the chain
    #[arg(value_name = "DISK")]
    pub(crate) disk: PathBuf,
    #[command(flatten)]
    pub(crate) writing: Writing,
    #[command(flatten)]
    pub(crate) common: Common,
}

/// Arguments of `recover`.
#[derive(Debug, Args)]
pub(crate) struct Recover {
    /// Stand by a catalogue that was rebuilt: removals are allowed again
    #[arg(long)]
    pub(crate) confirm: bool,
    /// Give up an operation that recovery cannot explain, and leave its files as they are; repeatable
    #[arg(long, value_name = "OP", value_parser = clap::value_parser!(OpId))]
    pub(crate) forget: Vec<OpId>,
    #[command(flatten)]
    pub(crate) writing: Writing,
    #[command(flatten)]
    pub(crate) common: Common,
}

/// Arguments of `gc`.
#[derive(Debug, Args)]
pub(crate) struct Gc {
    /// Say what would be done, and change nothing
    #[arg(short = 'n', long)]
    pub(crate) dry_run: bool,
    /// Only what has been dead since before: 7d, 12h, 30m ago, or an RFC 3339 time
    #[arg(long, value_name = "T", value_parser = time::before)]
    pub(crate) older_than: Option<Timestamp>,
    /// Free no more than this
    #[arg(long, value_name = "SIZE", value_parser = super::qemu::size)]
    pub(crate) max_freed: Option<u64>,
    /// Also take away for good what lies in the trash
    #[arg(long)]
    pub(crate) purge: bool,
    #[command(flatten)]
    pub(crate) writing: Writing,
    #[command(flatten)]
    pub(crate) common: Common,
}

/// Arguments of `trash`.
#[derive(Debug, Args)]
pub(crate) struct Trash {
    #[command(subcommand)]
    pub(crate) action: TrashAction,
    #[command(flatten)]
    pub(crate) common: Common,
}

/// What to do with the trash.
#[derive(Debug, Subcommand)]
pub(crate) enum TrashAction {
    /// What lies in the trash
    #[command(visible_alias = "ls")]
    List {
        #[command(flatten)]
        place: InPool,
        #[command(flatten)]
        common: Common,
    },
    /// Put items back where they lay
    Restore {
        /// The items' numbers, as `trash list` prints them
        #[arg(value_name = "ITEM", required = true, value_parser = item)]
        items: Vec<Id>,
        /// Under this name instead, in the same directory; of one item
        #[arg(long, value_name = "NAME")]
        to: Option<PathBuf>,
        #[command(flatten)]
        writing: Writing,
        #[command(flatten)]
        common: Common,
    },
    /// Take items away for good
    Purge {
        /// The items' numbers, as `trash list` prints them
        #[arg(value_name = "ITEM", required_unless_present = "all", value_parser = item)]
        items: Vec<Id>,
        /// All of them
        #[arg(long, conflicts_with = "items")]
        all: bool,
        /// Say what would be done, and change nothing
        #[arg(short = 'n', long)]
        dry_run: bool,
        #[command(flatten)]
        writing: Writing,
        #[command(flatten)]
        common: Common,
    },
}

/// Arguments of `pin`.
#[derive(Debug, Args)]
pub(crate) struct Pin {
    /// What the snapshot is called
    #[arg(value_name = "NAME", value_parser = snapshot_name())]
    pub(crate) name: SnapshotName,
    /// The disk that it was taken from
    #[arg(value_name = "DISK")]
    pub(crate) disk: PathBuf,
    /// Why; shown to whoever wants to remove it
    #[arg(long, value_name = "TEXT", value_parser = clap::builder::NonEmptyStringValueParser::new())]
    pub(crate) reason: String,
    #[command(flatten)]
    pub(crate) writing: Writing,
    #[command(flatten)]
    pub(crate) common: Common,
}

/// Arguments of `unpin`.
#[derive(Debug, Args)]
pub(crate) struct Unpin {
    /// What the snapshot is called
    #[arg(value_name = "NAME", value_parser = snapshot_name())]
    pub(crate) name: SnapshotName,
    /// The disk that it was taken from
    #[arg(value_name = "DISK")]
    pub(crate) disk: PathBuf,
    #[command(flatten)]
    pub(crate) writing: Writing,
    #[command(flatten)]
    pub(crate) common: Common,
}

fn snapshot_name() -> impl TypedValueParser<Value = SnapshotName> {
    OsStringValueParser::new().try_map(SnapshotName::new)
}

fn item(text: &str) -> Result<Id, String> {
    text.parse().map(Id).map_err(|_| "not the number of an item: `diskdag trash list`".to_owned())
}
