//! Chains: opened, mapped, measured, compared, read.

use crate::Result;
use diskdag_qcow2::GuestOffset;
use diskdag_qcow2::chain::{Chain, Policy};
use diskdag_qcow2::compare::{Comparison, compare};
use diskdag_qcow2::measure::{Target, measure};
use std::path::{Path, PathBuf};

/// Opens an image and all below it, as QEMU would.
pub(crate) fn chain(path: &Path) -> Result<Chain> {
    Ok(Chain::open(path, &Policy::trusting(PathBuf::new()))?)
}

/// Opens an image and walks over its extents; how many there are.
pub(crate) fn extents(path: &Path) -> Result<usize> {
    let mut count = 0;
    for extent in chain(path)?.extents() {
        extent?;
        count += 1;
    }
    Ok(count)
}

/// Opens an image and measures a qcow2 copy of it; the bytes that are required.
pub(crate) fn required(path: &Path) -> Result<u64> {
    Ok(measure(&chain(path)?, &Target::QCOW2)?.required)
}

/// Opens two images and compares them; whether the guest reads the same from both.
pub(crate) fn identical(first: &Path, second: &Path) -> Result<bool> {
    let comparison = compare(&chain(first)?, &chain(second)?, false)?;
    Ok(matches!(comparison, Comparison::Identical { .. }))
}

/// Reads a part of the guest's disk, all of which there has to be.
pub(crate) fn read(chain: &Chain, at: u64, buffer: &mut [u8]) -> Result<()> {
    if chain.read_at(GuestOffset(at), buffer)? == buffer.len() {
        Ok(())
    } else {
        Err("beyond the end of the disk".into())
    }
}
