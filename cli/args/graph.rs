//! Arguments of the verbs that ask what would be.

use std::path::PathBuf;

use clap::Args;

use crate::args::{Common, Paths};

/// Arguments of `scan`.
#[derive(Debug, Args)]
pub(crate) struct Scan {
    /// Chains of so many backing files and more are named, the deepest first
    #[arg(long, value_name = "N", default_value_t = 64, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) deep: u32,
    #[command(flatten)]
    pub(crate) of: Paths,
}

/// Arguments of `orphans`.
#[derive(Debug, Args)]
pub(crate) struct Orphans {
    /// A disk that is of use, whoever owns it; repeatable
    #[arg(long, value_name = "IMAGE")]
    pub(crate) keep: Vec<PathBuf>,
    /// Paths byte for byte, each followed by a NUL, for `xargs -0`
    #[arg(short = '0', long = "null", conflicts_with_all = ["limit", "json"])]
    pub(crate) null: bool,
    /// Print at most so many disks, and how many more there are
    #[arg(long, value_name = "N")]
    pub(crate) limit: Option<usize>,
    #[command(flatten)]
    pub(crate) of: Paths,
}

/// Arguments of `what-if`.
#[derive(Debug, Args)]
#[group(id = "change", required = true, multiple = true, args = ["rm", "mv", "rebase", "flatten", "create"])]
pub(crate) struct WhatIf {
    /// IMAGE is removed, with all its names, after all else is done; repeatable
    #[arg(long, value_name = "IMAGE")]
    pub(crate) rm: Vec<PathBuf>,
    /// IMAGE, or a directory, gets another path: a new name, or a directory that takes it in; repeatable
    #[arg(long, num_args = 2, value_names = ["IMAGE", "NEWPATH"])]
    pub(crate) mv: Vec<PathBuf>,
    /// IMAGE gets BACKING as its backing file; repeatable
    #[arg(long, num_args = 2, value_names = ["IMAGE", "BACKING"])]
    pub(crate) rebase: Vec<PathBuf>,
    /// IMAGE takes over all that it reads from below, and needs nothing any more; repeatable
    #[arg(long, value_name = "IMAGE")]
    pub(crate) flatten: Vec<PathBuf>,
    /// NEW is made, an overlay of BACKING; repeatable
    #[arg(long, num_args = 2, value_names = ["NEW", "BACKING"])]
    pub(crate) create: Vec<PathBuf>,
    /// Print at most so many lines of each list, and how many more there are
    #[arg(long, value_name = "N")]
    pub(crate) limit: Option<usize>,
    #[command(flatten)]
    pub(crate) common: Common,
}
