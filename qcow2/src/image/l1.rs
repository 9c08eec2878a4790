//! An L1 table in memory: active, or a snapshot's.
#![forbid(unsafe_code)]

use std::boxed::Box;
use std::vec::Vec;

use super::{Image, ImageError};
use crate::error::{Error, ErrorKind, Structure};
use crate::format::{Be64, ENTRY_OFFSET};
use crate::units::HostOffset;

/// Entries of a page.
const PAGE: usize = 512;

/// The entries, in pages of 512; pages without an L2 table, as of a hole in the file, occupy nothing.
#[derive(Debug)]
pub(super) struct L1 {
    pages: Vec<Option<Box<[u64; PAGE]>>>,
    offset: HostOffset,
}

impl L1 {
    /// Reads the first `entries` entries of the table at `offset`. All of it has to lie in the file, and
    /// behind the header, before anything is allocated.
    pub(super) fn read(
        image: &Image,
        offset: HostOffset,
        entries: u64,
    ) -> Result<Self, ImageError> {
        let start = offset.get();
        let bad = |kind| Err(Error::new(Structure::L1Table, "l1_table_offset", 40, kind).into());
        if entries == 0 {
            return Ok(Self { pages: Vec::new(), offset });
        }
        let alignment = image.geometry().cluster_size();
        if !image.geometry().cluster_bits().is_aligned(start) {
            return bad(ErrorKind::Misaligned { found: start, alignment });
        }
        let end = start.saturating_add(entries.saturating_mul(8));
        if end > image.len() {
            return bad(ErrorKind::OutOfBounds { found: end, limit: image.len() });
        }
        if start < alignment {
            return bad(ErrorKind::Overlap { with: Structure::Header });
        }
        let mut pages = Vec::new();
        let mut chunk = std::vec![Be64::new(0); PAGE * 16];
        let mut at = start;
        while at < end {
            let bytes: &mut [u8] = bytemuck::cast_slice_mut(&mut chunk);
            let want = usize::try_from(end - at).unwrap_or(usize::MAX).min(bytes.len());
            let Some(part) = bytes.get_mut(..want) else { break };
            image.read_metadata(at, part)?;
            for page in chunk.get(..want / 8).unwrap_or_default().chunks(PAGE) {
                pages.push(page.iter().any(|word| word.get() != 0).then(|| {
                    let mut entries = Box::new([0; PAGE]);
                    for (to, from) in entries.iter_mut().zip(page) {
                        *to = from.get();
                    }
                    entries
                }));
            }
            at += want as u64;
        }
        Ok(Self { pages, offset })
    }

    /// Entry `index`; beyond the table it is unallocated, as it is for QEMU.
    #[inline]
    pub(super) fn get(&self, index: u64) -> u64 {
        let Ok(index) = usize::try_from(index) else { return 0 };
        match self.pages.get(index / PAGE) {
            Some(Some(page)) => page.get(index % PAGE).copied().unwrap_or_default(),
            _ => 0,
        }
    }

    /// The first entry from `index` on, and before `end`, that has an L2 table; else `end`.
    pub(super) fn next_table(&self, mut index: u64, end: u64) -> u64 {
        while index < end {
            let page = usize::try_from(index / PAGE as u64).ok().and_then(|at| self.pages.get(at));
            match page {
                None => return end,
                Some(None) => index = (index / PAGE as u64 + 1) * PAGE as u64,
                Some(Some(_)) if self.get(index) & ENTRY_OFFSET != 0 => return index,
                Some(Some(_)) => index += 1,
            }
        }
        end
    }

    /// Where entry `index` lies in the file.
    pub(super) fn entry_at(&self, index: u64) -> HostOffset {
        HostOffset(self.offset.get().saturating_add(index.saturating_mul(8)))
    }
}
