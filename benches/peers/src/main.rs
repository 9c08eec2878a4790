//! diskdag side by side with its peers, and with the floors under it.
//!
//! Everything runs in this one process, in rounds: every contestant once per round, the order turned
//! from round to round, after everybody has warmed up. A row compares the medians. Run it with
//! `cargo run --release -p diskdag-peers`, on an otherwise quiet machine if the nanoseconds matter;
//! the ratios hold on a busy one too.
//!
//! One line per comparison: `name <ours> <theirs> <ratio> <goal> <met>`. Times are per operation: one
//! header, one file of an open or a scan, one question. The goal says which ratio it is:
//!
//! * against a floor (`<=`): ours / floor, so many times the least that has to be done at all;
//! * against a peer (`>=`): peer / ours, so many times faster than the peer.
//!
//! With `--json`: `{"rows":[{"name","ours-ns","theirs-ns","ratio","goal","met"}]}`. A missed goal is
//! a row that says so, not a failure of the run. Before a row is measured, the contestants' answers
//! are compared; answers that differ are a failure.
//!
//! | rows | ours | theirs |
//! |---|---|---|
//! | `header-view/…` | typed view of hot bytes | the same cast by bytemuck |
//! | `header-parse/…` | everything validated, extensions walked | by hand, nom, imago, qcow2-rs |
//! | `open/…` | open, parse, close one file | open, pread, close; imago; qcow2-rs by its parser and by its device |
//! | `open-identity/…` | the same, and which file it is | open, pread, close |
//! | `scan/…` | a directory into a graph, one thread | open, pread, close of known paths; imago, no graph |
//! | `scan/…-2-threads` | the same, two threads | open, pread, close of known paths, one thread |
//! | `cold-scan/…` | nothing cached, up to 32 readers | open, pread, close of known paths, one by one (as root, asked for by name) |
//! | `start-again/…` | a graph from a saved index: one stat a file | statx of known paths |
//! | `check/…` | all metadata of an image checked | qemu-img check, a process of its own |
//! | `may-i-remove/…` | scan, then ask | every disk's chain walked file by file |
//! | `depends-on/…` | asked of the graph | intervals of trees that never change; petgraph's search |
//! | `index/…` | a million disks, kept current change by change | two reads, a slice; petgraph's graph alone, and with maps of keys and paths |
//! | `map/…` | open, take all extents one by one | open, read the L2 tables, give a record for each extent; qemu-img as a process |
//! | `measure/…` | open, count | open, read the L2 tables; qemu-img as a process |
//! | `compare/…` | open both, compare | qemu-img as a process |
//! | `overlay-write/…` | an overlay made and written | three blocks of it written; a file of that size; qemu-img |
//! | `snap-create/…` | a snapshot, durable with its records | write, fsync, rename, fsync; rename, write, an SQLite row; qemu-img |
//! | `snap-create-100-at-once/…` | a hundred threads | that floor, one by one |
//! | `repoint/…` | another backing name, durable | one forced write; qemu-img rebase -u |
//! | `guest-…/…` | read through eight layers | imago, its chain opened as ours |

#[path = "../../fleet/mod.rs"]
mod fleet;
mod floor;
mod leaves;
mod measure;
mod ours;
mod peer;
mod row;
mod rows;

use clap::Parser;
use std::io::{self, Write};
use std::path::PathBuf;

type Result<T, E = Box<dyn std::error::Error>> = std::result::Result<T, E>;

/// Measure diskdag against its peers and the floors under it.
#[derive(Parser)]
struct Options {
    /// Print {"rows":[…]} instead of lines.
    #[arg(long)]
    json: bool,
    /// Rounds to take the median of.
    #[arg(long, value_name = "N", default_value_t = 9, value_parser = clap::value_parser!(u32).range(1..))]
    rounds: u32,
    /// Measure only the rows whose name holds SUBSTR.
    #[arg(long, value_name = "SUBSTR", default_value = "")]
    filter: String,
    /// Files in the fleet that is scanned; the other fleets never have more.
    #[arg(long, value_name = "N", default_value_t = 100_000, value_parser = clap::value_parser!(u32).range(200..))]
    files: u32,
    /// Build the fleets in a new directory in DIR, which is removed again [default: the system's].
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
}

fn main() -> Result<()> {
    let options = Options::parse();
    let dir = match &options.dir {
        Some(dir) => tempfile::Builder::new().prefix("diskdag-peers-").tempdir_in(dir)?,
        None => tempfile::Builder::new().prefix("diskdag-peers-").tempdir()?,
    };
    let bench = rows::Bench {
        dir: dir.path().to_owned(),
        files: usize::try_from(options.files)?,
        rounds: options.rounds,
        filter: options.filter,
    };

    let mut all = Vec::new();
    for group in rows::GROUPS {
        for row in group(&bench)? {
            if !options.json {
                writeln!(io::stdout(), "{row}")?;
            }
            all.push(row);
        }
    }
    if options.json {
        let rows = all.iter().map(row::Row::to_json).collect::<Vec<_>>();
        writeln!(io::stdout(), "{}", serde_json::json!({ "rows": rows }))?;
    }
    Ok(dir.close()?)
}
