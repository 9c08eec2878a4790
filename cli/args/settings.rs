//! Arguments of the verbs that change what is configured.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use crate::args::Common;

/// Arguments of `roots`.
#[derive(Debug, Args)]
pub(crate) struct Roots {
    #[command(subcommand)]
    pub(crate) action: RootsAction,
    #[command(flatten)]
    pub(crate) common: Common,
}

/// What to do with the configured roots.
#[derive(Debug, Subcommand)]
pub(crate) enum RootsAction {
    /// Add directories
    Add(Directories),
    /// Take directories away; nothing on disk is touched
    Rm(Directories),
    /// Print them
    List {
        #[command(flatten)]
        common: Common,
    },
}

/// Directories to add or take away.
#[derive(Debug, Args)]
pub(crate) struct Directories {
    /// The directories
    #[arg(value_name = "DIR", required = true)]
    pub(crate) directories: Vec<PathBuf>,
    #[command(flatten)]
    pub(crate) common: Common,
}

/// Arguments of `waive`.
#[derive(Debug, Args)]
pub(crate) struct Waive {
    /// What could not be asked: a file or a directory
    #[arg(value_name = "PATH")]
    pub(crate) path: PathBuf,
    /// Why that is no problem; printed with every answer that rests on it
    #[arg(long, value_name = "TEXT", value_parser = clap::builder::NonEmptyStringValueParser::new())]
    pub(crate) reason: String,
    #[command(flatten)]
    pub(crate) common: Common,
}
