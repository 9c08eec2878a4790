//! The table of internal snapshots.
#![forbid(unsafe_code)]

use core::iter::FusedIterator;

use nom::bytes::complete::take;
use nom::{IResult, Parser};

use crate::error::{Error, ErrorKind, Structure};
use crate::format::{
    RawSnapshot, SNAPSHOT_ENTRY_MIN, SNAPSHOT_EXTRA_MAX, SNAPSHOT_NO_ICOUNT, SNAPSHOT_PAD,
    SNAPSHOT_TABLE_MAX,
};
use crate::units::HostOffset;

/// An internal snapshot, as the table describes it. Names are any bytes: escape them for a person.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Snapshot<'a> {
    /// Where in the file its entry begins.
    pub at: HostOffset,
    /// Where its copy of the L1 table lies. Not checked: it may be no cluster's start, or beyond the file.
    pub l1_table_offset: HostOffset,
    /// Entries of that table. Not checked either.
    pub l1_size: u32,
    /// Its id, for QEMU a decimal number. QEMU looks snapshots up by id first, then by name, and cuts ids to
    /// 127 bytes and names to 255.
    pub id: &'a [u8],
    /// Its name. There may be several of one name.
    pub name: &'a [u8],
    /// When it was taken, in seconds since 1970.
    pub date_sec: u32,
    /// And nanoseconds.
    pub date_nsec: u32,
    /// How long the guest had run, in nanoseconds.
    pub vm_clock_nsec: u64,
    /// Bytes of the saved machine; 0 if only the disk was saved.
    pub vm_state_size: u64,
    /// The disk's size in bytes when the snapshot was taken; `None`: as now.
    pub disk_size: Option<u64>,
    /// How many instructions the guest had executed.
    pub icount: Option<u64>,
    /// Bytes of extra data. Version 3 demands 16, for a size of the saved machine and of the disk.
    pub extra_data_size: u32,
}

/// The internal snapshots, one after the other. Ends at the first entry that makes no sense, after its
/// error; allocates nothing.
#[derive(Clone, Debug)]
pub struct Snapshots<'a> {
    bytes: &'a [u8],
    /// Where the table lies, and how long the file is.
    table: HostOffset,
    file_len: u64,
    /// Bytes of the table that are done with.
    position: u64,
    left: u32,
}

impl<'a> Snapshots<'a> {
    /// `count` entries (the header's `nb_snapshots`) of a table that lies at `table` in a file of `file_len`
    /// bytes and begins with `bytes`. Its length is not stored; where `bytes` end before it does the
    /// iterator says [`ErrorKind::NeedMore`].
    #[must_use]
    pub fn new(bytes: &'a [u8], count: u32, table: HostOffset, file_len: u64) -> Self {
        Self { bytes, table, file_len, position: 0, left: count }
    }

    /// How many bytes of the table have been walked, padding included. After the last entry this is the
    /// table's length.
    #[inline]
    #[must_use]
    pub const fn position(&self) -> u64 {
        self.position
    }

    fn advance(&mut self) -> Result<Snapshot<'a>, Error> {
        let start = self.position;
        let rest = usize::try_from(start).ok().and_then(|start| self.bytes.get(start..));
        let rest = rest.unwrap_or_default();
        let fixed = match rest.get(..size_of::<RawSnapshot>()) {
            Some(fixed) => fixed,
            None => return Err(self.short("entry", 0, SNAPSHOT_ENTRY_MIN)),
        };
        let Ok(raw) = bytemuck::try_from_bytes::<RawSnapshot>(fixed) else {
            return Err(self.short("entry", 0, SNAPSHOT_ENTRY_MIN));
        };
        let extra_size = raw.extra_data_size.get();
        if extra_size > SNAPSHOT_EXTRA_MAX {
            let (found, max) = (extra_size.into(), SNAPSHOT_EXTRA_MAX.into());
            let kind = ErrorKind::TooLarge { found, max };
            return Err(self.error("extra_data_size", 36, kind));
        }
        let length = SNAPSHOT_ENTRY_MIN
            + u64::from(extra_size)
            + u64::from(raw.id_str_size.get())
            + u64::from(raw.name_size.get());
        let next = (start + length).next_multiple_of(SNAPSHOT_PAD);
        if next > SNAPSHOT_TABLE_MAX {
            let kind = ErrorKind::TooLarge { found: next, max: SNAPSHOT_TABLE_MAX };
            return Err(self.error("entry", 0, kind));
        }
        let Ok((_, (extra, id, name))) = tail(raw, rest) else {
            return Err(self.short("entry", 0, length));
        };
        let word =
            |at: usize| extra.get(at..)?.first_chunk::<8>().map(|bytes| u64::from_be_bytes(*bytes));
        self.position = next;
        Ok(Snapshot {
            at: HostOffset(self.table.get().saturating_add(start)),
            l1_table_offset: HostOffset(raw.l1_table_offset.get()),
            l1_size: raw.l1_size.get(),
            id,
            name,
            date_sec: raw.date_sec.get(),
            date_nsec: raw.date_nsec.get(),
            vm_clock_nsec: raw.vm_clock_nsec.get(),
            vm_state_size: word(0).unwrap_or_else(|| raw.vm_state_size.get().into()),
            disk_size: word(8),
            icount: word(16).filter(|count| *count != SNAPSHOT_NO_ICOUNT),
            extra_data_size: extra_size,
        })
    }

    /// An entry that needs `length` bytes, more than are there: in the file, or in what was given of it.
    #[cold]
    fn short(&self, field: &'static str, at: u64, length: u64) -> Error {
        let end = self.table.get().saturating_add(self.position).saturating_add(length);
        let kind = if end <= self.file_len {
            ErrorKind::NeedMore { need: self.position + length }
        } else {
            ErrorKind::OutOfBounds { found: end, limit: self.file_len }
        };
        self.error(field, at, kind)
    }

    #[cold]
    fn error(&self, field: &'static str, at: u64, kind: ErrorKind) -> Error {
        let offset = self.table.get().saturating_add(self.position).saturating_add(at);
        Error::new(Structure::SnapshotTable, field, offset, kind)
    }
}

/// Extra data, id, name, which follow the fixed part.
type Tail<'a> = (&'a [u8], &'a [u8], &'a [u8]);

fn tail<'a>(raw: &RawSnapshot, input: &'a [u8]) -> IResult<&'a [u8], Tail<'a>, ()> {
    let (input, _) = take(size_of::<RawSnapshot>()).parse(input)?;
    (take(raw.extra_data_size.get()), take(raw.id_str_size.get()), take(raw.name_size.get()))
        .parse(input)
}

impl<'a> Iterator for Snapshots<'a> {
    type Item = Result<Snapshot<'a>, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        self.left = self.left.checked_sub(1)?;
        let next = self.advance();
        if next.is_err() {
            self.left = 0;
        }
        Some(next)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (0, usize::try_from(self.left).ok())
    }
}

impl FusedIterator for Snapshots<'_> {}
