//! A whole image checked, from its path on.

use crate::Result;
use diskdag_qcow2::check::{Options, check as checked};
use diskdag_qcow2::open::open_image;
use std::path::Path;

/// Clusters allocated and fragmented, corruptions and leaks.
pub(crate) fn check(path: &Path) -> Result<[u64; 4]> {
    let opened = open_image(path)?;
    let mut options = Options::default();
    options.threads = 2;
    let report = checked(&opened.file, opened.stat.len, &options)?;
    if report.check_errors > 0 {
        return Err("the check is not complete".into());
    }
    Ok([report.allocated_clusters, report.fragmented_clusters, report.corruptions, report.leaks])
}
