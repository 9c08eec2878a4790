//! What lies where in the catalogue's files. All numbers are big-endian.
//!
//! Each of the fixed structures fills one sector of 512 bytes, which is written whole or not at all,
//! and ends with the XXH3-64 of the bytes before: at the same place in every version, so that a version
//! that is not known can be told from a damaged one.

use twox_hash::XxHash3_64;

use crate::catalogue::Revision;

/// What is written whole or not at all. Records begin at multiples of it.
pub(super) const SECTOR: usize = 512;

/// Where the checksum of a fixed structure lies.
const SUM_AT: usize = SECTOR - 8;

/// One sector as it is stored.
pub(super) type Sector = [u8; SECTOR];

/// The version of the files that is written.
pub(in crate::catalogue) const VERSION: u32 = 1;

/// Which of the logs that a catalogue has had one after the other: each of its records says it, so
/// what an earlier log left in the same space is none of this one's. Not 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Generation(pub(super) u64);

/// Why a sector is not the structure that it should be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// It is too short, is something else, or its checksum is not that of its bytes.
    Damaged,
    /// A later version.
    Newer(u32),
}

/// The first sector of the log.
///
/// ```text
///   0  8  magic              16  8  length of the file in bytes
///   8  4  version            24  8  generation
///  12  4  0                  32  8  base: the checkpoint's revision when this log was begun
///                           504  8  checksum
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Header {
    pub(super) len: u64,
    pub(super) generation: Generation,
    pub(super) base: Revision,
}

const HEADER_MAGIC: &[u8; 8] = b"\xC4DAGLOG\n";

impl Header {
    pub(super) fn encode(&self) -> Sector {
        let mut writer = Writer::new(HEADER_MAGIC);
        writer.u64(u64::from(VERSION) << 32).u64(self.len).u64(self.generation.0).u64(self.base.0);
        writer.finish()
    }

    /// The checksum, upon which the first record follows.
    pub(super) fn sum(&self) -> u64 {
        self.encode().last_chunk().map_or(0, |sum| u64::from_be_bytes(*sum))
    }

    pub(super) fn decode(bytes: &[u8]) -> Result<Self, Fault> {
        let mut reader = Reader::versioned(bytes, HEADER_MAGIC)?;
        let (len, generation, base) = (reader.u64(), reader.u64(), reader.u64());
        Ok(Self { len, generation: Generation(generation), base: Revision(base) })
    }
}

/// The sector behind the last record: what is known to be forced out. It is written after each sync, and is
/// not forced out itself; the next record is written over it, so that a commit forces out no page but its record's.
/// Lost, old or damaged it costs one sync more, and nothing else: what a program finds after the power was out, it
/// finds on the medium.
///
/// ```text
///   0  8  magic              16  8  inode of the file: a copy's bytes were not forced out
///   8  8  generation         24  8  bytes of the file, from its beginning, that are forced out
///                            32  8  newest fence that was handed out
///                           504  8  checksum
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Mark {
    pub(super) generation: Generation,
    pub(super) inode: u64,
    pub(super) durable: u64,
    pub(super) fence: u64,
}

const MARK_MAGIC: &[u8; 8] = b"\xC4DAGMRK\n";

impl Mark {
    pub(super) fn encode(&self) -> Sector {
        let mut writer = Writer::new(MARK_MAGIC);
        writer.u64(self.generation.0).u64(self.inode).u64(self.durable).u64(self.fence);
        writer.finish()
    }

    pub(super) fn decode(bytes: &[u8]) -> Result<Self, Fault> {
        let mut reader = Reader::new(bytes, MARK_MAGIC)?;
        let (generation, inode, durable, fence) =
            (reader.u64(), reader.u64(), reader.u64(), reader.u64());
        Ok(Self { generation: Generation(generation), inode, durable, fence })
    }
}

/// Where the first record lies in the log.
pub(super) const RECORDS_AT: usize = 4096;

/// What a record begins with. Its payload follows: the batches of one commit, a JSON array.
///
/// ```text
///   0  4  magic              16  8  the revision that the first of its batches made
///   4  4  length of payload  24  8  checksum of the record before; of the header, for the first
///   8  8  generation         32  8  checksum of the payload, seeded by that of the 32 bytes
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct RecordHead {
    pub(super) payload: u32,
    pub(super) generation: Generation,
    pub(super) first: Revision,
    pub(super) before: u64,
    pub(super) sum: u64,
}

const RECORD_MAGIC: &[u8; 4] = b"\xC4REC";

/// The length of a record's head in bytes.
pub(super) const RECORD_HEAD: usize = 40;

impl RecordHead {
    /// The record with this payload, and its checksum. `None` if nothing so long can be one.
    pub(super) fn record(
        generation: Generation,
        first: Revision,
        before: u64,
        payload: &[u8],
    ) -> Option<(Vec<u8>, u64)> {
        let len = u32::try_from(payload.len()).ok()?;
        let mut bytes = Vec::with_capacity(RECORD_HEAD + payload.len());
        bytes.extend_from_slice(RECORD_MAGIC);
        bytes.extend_from_slice(&len.to_be_bytes());
        for field in [generation.0, first.0, before] {
            bytes.extend_from_slice(&field.to_be_bytes());
        }
        let sum = record_sum(&bytes, payload);
        bytes.extend_from_slice(&sum.to_be_bytes());
        bytes.extend_from_slice(payload);
        Some((bytes, sum))
    }

    /// The record at the beginning of `bytes`, if a whole one is there.
    pub(super) fn decode(bytes: &[u8]) -> Option<(Self, &[u8])> {
        let head = Self::peek(bytes)?;
        let payload = bytes.get(RECORD_HEAD..)?.get(..head.payload as usize)?;
        (record_sum(bytes.get(..32)?, payload) == head.sum).then_some((head, payload))
    }

    /// The head at the beginning of `bytes`, unchecked.
    pub(super) fn peek(bytes: &[u8]) -> Option<Self> {
        let mut reader = Reader { rest: bytes.get(..RECORD_HEAD)?.strip_prefix(RECORD_MAGIC)? };
        Some(Self {
            payload: reader.u32(),
            generation: Generation(reader.u64()),
            first: Revision(reader.u64()),
            before: reader.u64(),
            sum: reader.u64(),
        })
    }

    /// How many bytes of the log it takes.
    pub(super) const fn space(&self) -> usize {
        (RECORD_HEAD + self.payload as usize).next_multiple_of(SECTOR)
    }
}

fn record_sum(head: &[u8], payload: &[u8]) -> u64 {
    XxHash3_64::oneshot_with_seed(checksum(head), payload)
}

/// The first sector of the checkpoint; the database begins at [`IMAGE_AT`]. What follows the database
/// is space for the next one, and means nothing.
///
/// ```text
///   0  8  magic              16  8  length of the database in bytes
///   8  4  version            24  8  checksum of the database
///  12  4  0                  32  8  generation of the log that was in front of the checkpoint before
///                            40  8  generation of the log that is begun on it
///                           504  8  checksum
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct CheckpointHeader {
    pub(super) len: u64,
    pub(super) sum: u64,
    pub(super) before: Generation,
    pub(super) after: Generation,
}

const CHECKPOINT_MAGIC: &[u8; 8] = b"\xC4DAGCAT\n";

/// Where the database lies in the checkpoint.
pub(super) const IMAGE_AT: usize = 4096;

impl CheckpointHeader {
    pub(super) fn encode(&self) -> Sector {
        let mut writer = Writer::new(CHECKPOINT_MAGIC);
        writer.u64(u64::from(VERSION) << 32).u64(self.len).u64(self.sum);
        writer.u64(self.before.0).u64(self.after.0);
        writer.finish()
    }

    pub(super) fn decode(bytes: &[u8]) -> Result<Self, Fault> {
        let mut reader = Reader::versioned(bytes, CHECKPOINT_MAGIC)?;
        let (len, sum, before, after) = (reader.u64(), reader.u64(), reader.u64(), reader.u64());
        Ok(Self { len, sum, before: Generation(before), after: Generation(after) })
    }
}

/// The checksum of everything that has one.
pub(super) fn checksum(bytes: &[u8]) -> u64 {
    XxHash3_64::oneshot(bytes)
}

struct Writer {
    bytes: Sector,
    at: usize,
}

impl Writer {
    fn new(magic: &[u8; 8]) -> Self {
        let mut writer = Self { bytes: [0; SECTOR], at: 0 };
        writer.u64(u64::from_be_bytes(*magic));
        writer
    }

    fn u64(&mut self, value: u64) -> &mut Self {
        if let Some(field) = self.bytes.get_mut(self.at..self.at + 8) {
            field.copy_from_slice(&value.to_be_bytes());
        }
        self.at += 8;
        self
    }

    fn finish(mut self) -> Sector {
        let (fields, sum) = self.bytes.split_at_mut(SUM_AT);
        sum.copy_from_slice(&checksum(fields).to_be_bytes());
        self.bytes
    }
}

struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    /// The fields after the magic of a sector whose checksum is right.
    fn new(bytes: &'a [u8], magic: &[u8; 8]) -> Result<Self, Fault> {
        let sector = bytes.get(..SECTOR).ok_or(Fault::Damaged)?;
        let (fields, sum) = sector.split_at(SUM_AT);
        if checksum(fields).to_be_bytes() != sum {
            return Err(Fault::Damaged);
        }
        fields.strip_prefix(magic).map(|rest| Self { rest }).ok_or(Fault::Damaged)
    }

    /// The same, where a version follows.
    fn versioned(bytes: &'a [u8], magic: &[u8; 8]) -> Result<Self, Fault> {
        let mut reader = Self::new(bytes, magic)?;
        match (reader.u32(), reader.u32()) {
            (VERSION, _) => Ok(reader),
            (0, _) => Err(Fault::Damaged),
            (newer, _) => Err(Fault::Newer(newer)),
        }
    }

    /// The next field. What is read here is as long as its fields: there is always one.
    fn u64(&mut self) -> u64 {
        let Some((field, rest)) = self.rest.split_first_chunk() else { return 0 };
        self.rest = rest;
        u64::from_be_bytes(*field)
    }

    fn u32(&mut self) -> u32 {
        let Some((field, rest)) = self.rest.split_first_chunk() else { return 0 };
        self.rest = rest;
        u32::from_be_bytes(*field)
    }
}
