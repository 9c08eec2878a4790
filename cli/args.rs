//! Arguments: one struct per verb, and what is common to all.

mod graph;
mod pool;
mod qemu;
mod settings;

use std::num::NonZeroUsize;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::help;

pub(crate) use graph::{Orphans, Scan, WhatIf};
pub(crate) use pool::{
    Adopt, CloneSnapshot, Create, Gc, InPool, Init, List, Pin, Recover, Remove, Restore, Snap,
    SnapAction, Trash, TrashAction, Unpin, Writing,
};
pub(crate) use qemu::{Check, Compare, Following, Info, Map, Measure, QemuOutput};
pub(crate) use settings::{Roots, RootsAction, Waive};

/// The whole command line.
#[derive(Debug, Parser)]
#[command(
    name = "diskdag",
    version,
    about = "Who depends on this disk image? May it be deleted?",
    long_about = help::ABOUT,
    after_help = help::SHORT,
    after_long_help = help::long(),
    subcommand_required = true,
    arg_required_else_help = true,
    max_term_width = 100,
)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) common: Common,
    #[command(subcommand)]
    pub(crate) verb: Verb,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// What is there: counts, deepest chain, every problem
    #[command(after_help = help::SCAN)]
    Scan(Scan),
    /// The forest: bases, and under each the overlays that need it; -i inverts
    #[command(after_help = help::TREE)]
    Tree(Tree),
    /// What an image needs, top to base
    #[command(visible_alias = "deps", after_help = help::CHAIN)]
    Chain(Image),
    /// Who needs an image, at any depth, nearest first
    #[command(visible_alias = "rdeps", after_help = help::DEPENDENTS)]
    Dependents(Dependents),
    /// The way from a dependent to the image that it needs
    #[command(after_help = help::WHY)]
    Why(Why),
    /// May these images be removed? Yes, no (and who needs them), or unknown (and why)
    #[command(after_help = help::CAN_RM)]
    CanRm(CanRm),
    /// What each disk occupies, shares, gives back when it goes, and alone keeps
    #[command(after_help = help::DU)]
    Du(Du),
    /// Disks that no owner names, and that no owner's disk needs
    #[command(after_help = help::ORPHANS)]
    Orphans(Orphans),
    /// What would break, be free to go, be too deep, if these changes were made
    #[command(after_help = help::WHAT_IF)]
    WhatIf(WhatIf),
    /// The graph for other programs: Graphviz, Mermaid, JSON
    #[command(after_help = help::GRAPH)]
    Graph(Graph),
    /// The graph kept current; one JSON line per change
    #[command(after_help = help::WATCH)]
    Watch(Paths),
    /// The directories whose images may depend on each other
    #[command(after_help = help::ROOTS)]
    Roots(Roots),
    /// Declare a doubt known; lapses when the file changes
    #[command(after_help = help::WAIVE)]
    Waive(Waive),
    /// What an image says of itself, as `qemu-img info` prints it
    #[command(after_help = help::INFO)]
    Info(Info),
    /// Is the image's metadata sound? Reads only; the numbers and exit codes of `qemu-img check`
    #[command(after_help = help::CHECK)]
    Check(Check),
    /// Where the guest's bytes are, through all layers, as `qemu-img map` prints it
    #[command(after_help = help::MAP)]
    Map(Map),
    /// How much a copy of an image would take, as `qemu-img measure` prints it
    #[command(after_help = help::MEASURE)]
    Measure(Measure),
    /// Whether two disks hold the same, as `qemu-img compare` tells
    #[command(after_help = help::COMPARE)]
    Compare(Compare),
    /// May this untrusted image be opened? What does it name, and what is odd about it?
    #[command(after_help = help::AUDIT)]
    Audit(Audit),
    /// Make a pool of a directory: snapshots can be taken of its disks
    #[command(after_help = help::INIT)]
    Init(Init),
    /// Snapshots: create, list, restore, rm, clone, adopt
    #[command(after_help = help::SNAP)]
    Snap(Snap),
    /// End what had begun when the power went out, or the program was killed
    #[command(after_help = help::RECOVER)]
    Recover(Recover),
    /// Take away what nobody needs any more, and say why each file is dead or kept
    #[command(after_help = help::GC)]
    Gc(Gc),
    /// What was removed and is not gone yet: list, restore, purge
    #[command(after_help = help::TRASH)]
    Trash(Trash),
    /// Keep a snapshot from being removed
    #[command(after_help = help::PIN)]
    Pin(Pin),
    /// Take a pin away
    Unpin(Unpin),
    /// A small fleet in a temporary directory, and a tour of it
    #[command(after_help = help::DEMO)]
    Demo(Demo),
}

/// What every verb understands. Given before the verb or after it; both count.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct Common {
    /// A directory whose images may depend on each other; repeatable. Else DISKDAG_ROOTS
    /// (separated by colons), else `diskdag roots`
    #[arg(long = "root", value_name = "DIR")]
    pub(crate) roots: Vec<PathBuf>,
    /// Files in which owners name their disks: a directory of libvirt's XML (/etc/libvirt/qemu), or a
    /// mapping, a line per disk: path, tab, owner; repeatable. A directory without any definition makes
    /// the answer unknown. Else DISKDAG_OWNERS
    #[arg(long = "owners", value_name = "PATH")]
    pub(crate) owners: Vec<PathBuf>,
    /// Start from this index and keep it current: made if it is not there. Best outside of the image
    /// directories. Else DISKDAG_INDEX
    #[arg(long, value_name = "FILE")]
    pub(crate) index: Option<PathBuf>,
    /// How long an answer of a file system is waited for before it is a doubt [default: 15]
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) patience: Option<u32>,
    /// Print one JSON object
    #[arg(long)]
    pub(crate) json: bool,
    /// How many threads read at a time
    #[arg(long, value_name = "N")]
    pub(crate) threads: Option<NonZeroUsize>,
    /// When to use colour; auto also respects NO_COLOR
    #[arg(long, value_name = "WHEN", value_enum)]
    pub(crate) color: Option<Color>,
    /// Show no progress, however long it takes
    #[arg(long)]
    pub(crate) no_progress: bool,
}

/// When to use colour.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Color {
    /// On a terminal.
    #[default]
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// What is asked about.
#[derive(Debug, Args)]
pub(crate) struct Paths {
    /// Directories or images; without any, the declared scope, else the current directory
    #[arg(value_name = "PATH")]
    pub(crate) paths: Vec<PathBuf>,
    /// Every finding; without it the first few of each kind, and how many there are
    #[arg(short, long)]
    pub(crate) all: bool,
    #[command(flatten)]
    pub(crate) common: Common,
}

/// Arguments of `tree`.
#[derive(Debug, Args)]
pub(crate) struct Tree {
    /// Invert: each disk that nothing needs, and under it what it needs
    #[arg(short, long)]
    pub(crate) invert: bool,
    #[command(flatten)]
    pub(crate) of: Paths,
}

/// One image.
#[derive(Debug, Args)]
pub(crate) struct Image {
    /// The image
    #[arg(value_name = "IMAGE")]
    pub(crate) image: PathBuf,
    #[command(flatten)]
    pub(crate) common: Common,
}

/// Arguments of `dependents`.
#[derive(Debug, Args)]
pub(crate) struct Dependents {
    /// Only those that name the image themselves
    #[arg(long)]
    pub(crate) direct: bool,
    /// Paths byte for byte, each followed by a NUL, for `xargs -0`
    #[arg(short = '0', long = "null", conflicts_with_all = ["count", "json"])]
    pub(crate) null: bool,
    /// Only how many
    #[arg(long)]
    pub(crate) count: bool,
    #[command(flatten)]
    pub(crate) of: Image,
}

/// Arguments of `why`.
#[derive(Debug, Args)]
pub(crate) struct Why {
    /// The image that is needed
    #[arg(value_name = "IMAGE")]
    pub(crate) image: PathBuf,
    /// The one that needs it
    #[arg(value_name = "DEPENDENT")]
    pub(crate) dependent: PathBuf,
    #[command(flatten)]
    pub(crate) common: Common,
}

/// Arguments of `can-rm`.
#[derive(Debug, Args)]
pub(crate) struct CanRm {
    /// The images, judged as a set: they don't block each other
    #[arg(value_name = "IMAGE", required = true)]
    pub(crate) images: Vec<PathBuf>,
    /// Print at most so many blockers, and how many more there are
    #[arg(long, value_name = "N")]
    pub(crate) limit: Option<usize>,
    #[command(flatten)]
    pub(crate) common: Common,
}

/// Arguments of `du`.
#[derive(Debug, Args)]
pub(crate) struct Du {
    /// What to sort by, greatest first
    #[arg(long, value_name = "WHAT", value_enum, default_value_t = DuOrder::Retained)]
    pub(crate) sort: DuOrder,
    /// Print at most so many disks, and how many more there are
    #[arg(long, value_name = "N")]
    pub(crate) limit: Option<usize>,
    #[command(flatten)]
    pub(crate) of: Paths,
}

/// What `du` sorts by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum DuOrder {
    /// What the file occupies.
    Own,
    /// What it needs and others need as well.
    Shared,
    /// What deleting the file gives back.
    Exclusive,
    /// The same, and what nothing needs any more after that.
    Retained,
    /// The path.
    Path,
}

/// Arguments of `graph`.
#[derive(Debug, Args)]
pub(crate) struct Graph {
    /// What to print
    #[arg(long, value_enum, default_value_t = GraphFormat::Dot)]
    pub(crate) format: GraphFormat,
    #[command(flatten)]
    pub(crate) of: Paths,
}

/// Languages in which a graph is printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum GraphFormat {
    /// Graphviz.
    Dot,
    /// Mermaid, which GitHub and many editors draw.
    Mermaid,
    /// The same as --json.
    Json,
}

/// Arguments of `audit`.
#[derive(Debug, Args)]
pub(crate) struct Audit {
    /// The image
    #[arg(value_name = "IMAGE")]
    pub(crate) image: PathBuf,
    /// A directory in which files may lie that the image names; repeatable. Without it nothing that the
    /// image names is followed
    #[arg(long = "allow-dir", value_name = "DIR")]
    pub(crate) allow_dirs: Vec<PathBuf>,
    #[command(flatten)]
    pub(crate) common: Common,
}

/// Arguments of `demo`.
#[derive(Debug, Args)]
pub(crate) struct Demo {
    #[command(flatten)]
    pub(crate) common: Common,
}
