//! The index that a scan starts from: only where the person names one, and never worth failing for.

use std::path::{Path, PathBuf};

use diskdag_graph::scan::{IndexError, Record, Scanned};

use crate::args::Common;
use crate::escape;
use crate::failure::{self, Failure};
use crate::output;
use crate::scope;

/// The variable that names it.
const VARIABLE: &str = "DISKDAG_INDEX";

/// Where it lies, if one is asked for.
pub(crate) fn place(common: &Common) -> Result<Option<PathBuf>, Failure> {
    let variable = std::env::var_os(VARIABLE).filter(|value| !value.is_empty());
    let path = common.index.clone().or_else(|| variable.map(PathBuf::from));
    path.map(|path| scope::absolute(&path)).transpose()
}

/// What it holds; nothing where it is of no use, which is said.
pub(crate) fn load(path: &Path, common: &Common) -> Record {
    Record::load(path).unwrap_or_else(|error| {
        if !error.is_absent() {
            note(common, "everything is read again", &error);
        }
        Record::default()
    })
}

/// Saves what was learned, if something was.
pub(crate) fn keep(path: &Path, before: &Record, scanned: &Scanned, common: &Common) {
    let cost = scanned.statistics;
    let is_same = cost.opened == 0 && cost.listed == 0 && scanned.record.len() == before.len();
    if !is_same && let Err(error) = scanned.record.save(path) {
        note(common, "the index is as it was", &error);
    }
}

fn note(common: &Common, what: &str, error: &IndexError) {
    let style = output::stderr_style(common.color.unwrap_or_default());
    let why = failure::chain_of(error);
    output::say(&format!("{}: {what}: {}", style.unknown("note"), escape::words(&why)));
}
