//! Reading guest data that the image itself holds.
#![forbid(unsafe_code)]

use std::sync::Arc;

use super::{Image, ImageError, View};
use crate::error::{Error, ErrorKind, Structure};
use crate::source::{Source, Stamp, fill};
use crate::table::RunKind;
use crate::units::{GuestOffset, HostOffset};

impl View {
    /// Reads guest bytes from `guest` on, as if there were no backing file: what is not allocated here reads
    /// as zeros. Says how many bytes there were before the disk's end.
    ///
    /// # Errors
    ///
    /// [`ImageError`]; the buffer then holds anything.
    pub fn read_at(&self, guest: GuestOffset, buffer: &mut [u8]) -> Result<usize, ImageError> {
        let left = usize::try_from(self.size().saturating_sub(guest.get())).unwrap_or(usize::MAX);
        let length = left.min(buffer.len());
        let mut rest = buffer.get_mut(..length).unwrap_or_default();
        let mut at = guest.get();
        while !rest.is_empty() {
            let run = self.run(GuestOffset(at), rest.len() as u64)?;
            let (part, behind) = split(rest, run.len);
            self.read_run(run.kind, GuestOffset(at), part)?;
            at += part.len() as u64;
            rest = behind;
        }
        Ok(length)
    }

    /// Reads a part of a run that begins at `guest`; what is unallocated reads as zeros.
    #[inline]
    pub(crate) fn read_run(
        &self,
        kind: RunKind,
        guest: GuestOffset,
        part: &mut [u8],
    ) -> Result<(), ImageError> {
        match kind {
            RunKind::Unallocated { .. } | RunKind::Zero { .. } => {
                part.fill(0);
                Ok(())
            }
            RunKind::Data { offset } => self.image().read_data(offset, part),
            RunKind::Compressed { offset, len } => {
                self.image().read_compressed(offset, len, guest, part)
            }
        }
    }
}

/// Takes off the first `len` bytes; all of them if there are fewer, and at least one if there is one.
#[inline]
pub(crate) fn split(buffer: &mut [u8], len: u64) -> (&mut [u8], &mut [u8]) {
    let len = usize::try_from(len).unwrap_or(usize::MAX).clamp(1, buffer.len().max(1));
    buffer.split_at_mut(len.min(buffer.len()))
}

impl Image {
    /// The file that holds uncompressed guest data.
    #[inline]
    pub(crate) fn data_source(&self) -> Result<(&dyn Source, &Stamp), ImageError> {
        if !self.geometry().data_file() {
            return Ok((&*self.0.source, &self.0.stamp));
        }
        let file = self.0.data_file.as_ref().ok_or(ImageError::NoDataFile)?;
        Ok((&*file.source, &file.stamp))
    }

    /// Reads host bytes; those beyond the file's end are zeros.
    #[inline]
    fn read_data(&self, offset: HostOffset, part: &mut [u8]) -> Result<(), ImageError> {
        let (source, stamp) = self.data_source()?;
        let there = stamp.len.saturating_sub(offset.get());
        if (part.len() as u64) > there {
            return self.read_data_at_end(source, stamp, offset, part);
        }
        if fill(source, offset.get(), part)? < part.len() {
            return Err(ImageError::ChangedDuringRead);
        }
        Ok(())
    }

    #[cold]
    fn read_data_at_end(
        &self,
        source: &dyn Source,
        stamp: &Stamp,
        offset: HostOffset,
        part: &mut [u8],
    ) -> Result<(), ImageError> {
        self.beyond_end(source, stamp)?;
        let there = usize::try_from(stamp.len.saturating_sub(offset.get())).unwrap_or(usize::MAX);
        let (inside, beyond) = part.split_at_mut(there.min(part.len()));
        beyond.fill(0);
        if fill(source, offset.get(), inside)? < inside.len() {
            return Err(ImageError::ChangedDuringRead);
        }
        Ok(())
    }

    /// Reads a part of a compressed cluster.
    fn read_compressed(
        &self,
        offset: HostOffset,
        len: u32,
        guest: GuestOffset,
        part: &mut [u8],
    ) -> Result<(), ImageError> {
        let key = (self.0.id, offset.get());
        let size = self.geometry().cluster_size();
        let from = usize::try_from(self.geometry().in_cluster(guest)).unwrap_or_default();
        let clusters = self.0.caches.clusters();
        if let Some(cluster) = clusters.get(key) {
            copy(&cluster, from, part);
            return Ok(());
        }
        if part.len() as u64 == size {
            return self.decompress(offset, len, part);
        }
        let mut cluster =
            Arc::<[u8]>::from(std::vec![0; usize::try_from(size).unwrap_or_default()]);
        if let Some(bytes) = Arc::get_mut(&mut cluster) {
            self.decompress(offset, len, bytes)?;
        }
        copy(&cluster, from, part);
        clusters.insert(key, cluster);
        Ok(())
    }

    /// Decompresses a cluster. Its last sector may be cut off by the end of the file: those bytes are zeros.
    fn decompress(
        &self,
        offset: HostOffset,
        len: u32,
        cluster: &mut [u8],
    ) -> Result<(), ImageError> {
        let start = offset.get();
        let Some(there) = self.len().checked_sub(start).filter(|there| *there > 0) else {
            self.beyond_end(self.source(), &self.0.stamp)?;
            let found = start.saturating_add(len.into());
            let kind = ErrorKind::OutOfBounds { found, limit: self.len() };
            return Err(Error::new(Structure::Cluster, "compressed data", start, kind).into());
        };
        let there = usize::try_from(there.min(len.into())).unwrap_or_default();
        let whole = usize::try_from(len).unwrap_or_default();
        self.0.caches.clusters().work(|workshop| {
            workshop.input.clear();
            workshop.input.resize(whole, 0);
            let inside = workshop.input.get_mut(..there).unwrap_or_default();
            self.read_metadata(start, inside)?;
            let compression = self.0.compression;
            workshop
                .decoders
                .decode(compression, &workshop.input, cluster)
                .map_err(|fault| self.explain(ImageError::Decode { offset, fault }))
        })
    }
}

/// Copies from the cluster's byte `from` on; both are of one cluster.
fn copy(cluster: &[u8], from: usize, part: &mut [u8]) {
    let found = cluster.get(from..).unwrap_or_default();
    for (to, from) in part.iter_mut().zip(found) {
        *to = *from;
    }
}
