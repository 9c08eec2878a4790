//! The tables of an image that are not about its active disk: snapshots, bitmaps, refcounts, LUKS.
#![forbid(unsafe_code)]

use std::vec::Vec;

use super::{Image, ImageError, read_directory};
use crate::error::{Error, ErrorKind, Structure};
use crate::format::{Be64, SNAPSHOT_TABLE_MAX};
use crate::table::{
    Bitmap, BitmapTableEntry, Bitmaps, Geometry, LuksHeader, RefcountBlock, RefcountTableEntry,
    Snapshots,
};
use crate::units::HostOffset;

/// How much of the snapshot table is read at first.
const FIRST_READ: u64 = 4096;

/// The table of internal snapshots, in memory.
#[derive(Clone, Debug)]
pub struct SnapshotTable {
    bytes: Vec<u8>,
    count: u32,
    offset: HostOffset,
    file_len: u64,
}

impl SnapshotTable {
    /// The snapshots in order; ends at the first entry that makes no sense, after its error.
    #[must_use]
    pub fn iter(&self) -> Snapshots<'_> {
        Snapshots::new(&self.bytes, self.count, self.offset, self.file_len)
    }
}

/// The bitmap directory, in memory.
#[derive(Clone, Debug)]
pub struct BitmapDirectory {
    bytes: Vec<u8>,
    count: u32,
    offset: HostOffset,
    geometry: Geometry,
}

impl BitmapDirectory {
    /// The bitmaps in order; ends at the first entry that makes no sense, after its error.
    #[must_use]
    pub fn iter(&self) -> Bitmaps<'_> {
        Bitmaps::new(&self.bytes, self.count, self.offset, self.geometry)
    }
}

impl Image {
    /// The table of internal snapshots. Its length is not stored: it is read as far as its entries go, at most
    /// 64 MiB, and nothing beyond the end of the file.
    ///
    /// # Errors
    ///
    /// [`ImageError::Format`] if its place makes no sense. What is wrong with an entry the iterator says.
    pub fn snapshots(&self) -> Result<SnapshotTable, ImageError> {
        let header = self.header()?;
        let (count, offset) = (header.snapshot_count(), header.snapshots_offset());
        let mut table = SnapshotTable { bytes: Vec::new(), count, offset, file_len: self.len() };
        if count == 0 {
            return Ok(table);
        }
        if offset.get() < self.geometry().cluster_size() {
            let kind = ErrorKind::Overlap { with: Structure::Header };
            return Err(Error::new(Structure::SnapshotTable, "snapshots_offset", 64, kind).into());
        }
        let most = self.len().saturating_sub(offset.get()).min(SNAPSHOT_TABLE_MAX);
        let mut want = FIRST_READ.min(most);
        loop {
            let have = table.bytes.len();
            table.bytes.resize(usize::try_from(want).unwrap_or_default(), 0);
            let more = table.bytes.get_mut(have..).unwrap_or_default();
            self.read_metadata(offset.get() + have as u64, more)?;
            let need = match table.iter().find_map(Result::err).map(|error| error.kind) {
                Some(ErrorKind::NeedMore { need }) => need,
                _ => break,
            };
            if want == most {
                break;
            }
            want = need.max(want.saturating_mul(2)).min(most);
        }
        Ok(table)
    }

    /// The bitmap directory; `None` if there are no bitmaps, or if they are out of date.
    ///
    /// # Errors
    ///
    /// [`ImageError::Format`] if it is not inside the file or lies over the header. What is wrong with an entry
    /// the iterator says.
    pub fn bitmaps(&self) -> Result<Option<BitmapDirectory>, ImageError> {
        let Some(pointer) = self.header()?.bitmaps() else { return Ok(None) };
        let offset = pointer.directory;
        let length = pointer.directory_size;
        self.inside(Structure::Bitmaps, "bitmap_directory_offset", offset, length)?;
        let geometry = *self.geometry();
        let bytes = read_directory(&pointer, &geometry, |at, length| self.read_owned(at, length))?;
        Ok(Some(BitmapDirectory { bytes, count: pointer.count, offset, geometry }))
    }

    /// The table of one bitmap: an entry for each cluster of bits.
    ///
    /// # Errors
    ///
    /// [`ImageError::Format`] if it is not inside the file.
    pub fn bitmap_table(&self, bitmap: &Bitmap<'_>) -> Result<Vec<BitmapTableEntry>, ImageError> {
        let length = u64::from(bitmap.table_size) * 8;
        let offset = bitmap.table_offset;
        self.inside(Structure::BitmapTable, "bitmap_table_offset", offset, length)?;
        let words = self.read_words(offset.get(), length)?;
        let decode = |word: &Be64| BitmapTableEntry::decode(word.get(), self.geometry());
        Ok(words.iter().map(decode).collect())
    }

    /// The refcount table, entry by entry.
    ///
    /// # Errors
    ///
    /// [`ImageError::Format`] if it is not inside the file or lies over the header.
    pub fn refcount_table(&self) -> Result<Vec<RefcountTableEntry>, ImageError> {
        let header = self.header()?;
        let length = u64::from(header.refcount_table_clusters()) * self.geometry().cluster_size();
        let offset = header.refcount_table_offset();
        self.inside(Structure::RefcountTable, "refcount_table_offset", offset, length)?;
        let words = self.read_words(offset.get(), length)?;
        let decode = |word: &Be64| RefcountTableEntry::decode(word.get(), self.geometry());
        Ok(words.iter().map(decode).collect())
    }

    /// Reads one refcount block into `buffer`, which is the caller's to reuse.
    ///
    /// # Errors
    ///
    /// [`ImageError::Format`] if it is not inside the file.
    pub fn refcount_block<'b>(
        &self,
        offset: HostOffset,
        buffer: &'b mut Vec<u8>,
    ) -> Result<RefcountBlock<'b>, ImageError> {
        let length = self.geometry().cluster_size();
        // The last cluster of a file may be cut short; the counters there are zeros.
        if offset.get() >= self.len() {
            let kind = ErrorKind::OutOfBounds { found: offset.get(), limit: self.len() };
            let error = Error::new(Structure::RefcountBlock, "offset", offset.get(), kind);
            return Err(error.into());
        }
        let there = length.min(self.len() - offset.get());
        buffer.clear();
        buffer.resize(usize::try_from(length).unwrap_or_default(), 0);
        let inside = buffer.get_mut(..usize::try_from(there).unwrap_or_default());
        self.read_metadata(offset.get(), inside.unwrap_or_default())?;
        Ok(RefcountBlock::new(buffer, self.geometry()))
    }

    /// Reads the public part of the LUKS header into `buffer`; `None` if the image is not encrypted with LUKS.
    ///
    /// # Errors
    ///
    /// [`ImageError::Format`] if it is not inside the file, or if it makes no sense.
    pub fn luks<'b>(&self, buffer: &'b mut Vec<u8>) -> Result<Option<LuksHeader<'b>>, ImageError> {
        let Some(pointer) = self.header()?.luks() else { return Ok(None) };
        let length = LuksHeader::LEN as u64;
        self.inside(Structure::Luks, "offset", pointer.offset, length)?;
        *buffer = self.read_owned(pointer.offset.get(), length)?;
        Ok(Some(LuksHeader::parse(buffer, pointer.offset)?))
    }

    /// A structure has to lie behind the first cluster and inside the file.
    fn inside(
        &self,
        structure: Structure,
        field: &'static str,
        offset: HostOffset,
        length: u64,
    ) -> Result<(), ImageError> {
        let end = offset.get().saturating_add(length);
        let kind = if end > self.len() {
            ErrorKind::OutOfBounds { found: end, limit: self.len() }
        } else if offset.get() < self.geometry().cluster_size() && length > 0 {
            ErrorKind::Overlap { with: Structure::Header }
        } else {
            return Ok(());
        };
        Err(Error::new(structure, field, offset.get(), kind).into())
    }

    fn read_words(&self, offset: u64, length: u64) -> Result<Vec<Be64>, ImageError> {
        let words = usize::try_from(length / 8).unwrap_or_default();
        let mut table = std::vec![Be64::new(0); words];
        self.read_metadata(offset, bytemuck::cast_slice_mut(&mut table))?;
        Ok(table)
    }
}
