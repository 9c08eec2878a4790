//! Bytes back into a record: everything is checked, so that what comes out of it can be used like
//! what a scan has made. `None` for anything that [`crate::scan::encode`] does not write.

use std::path::PathBuf;
use std::sync::Arc;

use diskdag_qcow2::Foreign;
use hashbrown::HashMap;

use crate::facts::Finding;
use crate::scan::content::{Content, FormatName, Image};
use crate::scan::encode::{flag, format, tag};
use crate::scan::part::{Entry, Part};
use crate::scan::paths::os_str;
use crate::scan::record::{Folder, Inner};
use crate::scan::text::{Span, Text};
use crate::sys::Measures;

/// The record in `bytes`.
pub(super) fn decode(bytes: &[u8]) -> Option<Inner> {
    let mut rest = Rest(bytes);
    let generation = rest.u64()?;
    let folders = rest.list(Rest::folder)?;
    let sorted = folders.windows(2).all(|pair| pair[0].path < pair[1].path);
    let parts = rest.list(|rest| Some((rest.u32()?, Arc::new(rest.part()?))))?;
    let in_order = parts.windows(2).all(|pair| pair[0].0 <= pair[1].0);
    let in_range = parts.iter().all(|(folder, _)| (*folder as usize) < folders.len());
    let outside = rest.list(|rest| Some((rest.string()?.into(), Arc::new(rest.part()?))))?;
    let outside: HashMap<_, _, _> = outside.into_iter().collect();
    (rest.0.is_empty() && sorted && in_order && in_range)
        .then(|| Inner::new(folders, parts, outside.into()).of_generation(generation))
}

/// What is still to be read.
struct Rest<'b>(&'b [u8]);

impl<'b> Rest<'b> {
    fn take(&mut self, length: usize) -> Option<&'b [u8]> {
        let (taken, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(taken)
    }

    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        self.take(N)?.first_chunk().copied()
    }

    fn u8(&mut self) -> Option<u8> {
        self.array::<1>().map(|[byte]| byte)
    }

    fn bool(&mut self) -> Option<bool> {
        match self.u8()? {
            0 => Some(false),
            1 => Some(true),
            _ => None,
        }
    }

    fn u32(&mut self) -> Option<u32> {
        self.array().map(u32::from_le_bytes)
    }

    fn u64(&mut self) -> Option<u64> {
        self.array().map(u64::from_le_bytes)
    }

    fn length(&mut self) -> Option<usize> {
        usize::try_from(self.u64()?).ok()
    }

    fn string(&mut self) -> Option<&'b [u8]> {
        let length = self.length()?;
        self.take(length)
    }

    fn text(&mut self) -> Option<&'b str> {
        std::str::from_utf8(self.string()?).ok()
    }

    fn list<T>(&mut self, mut each: impl FnMut(&mut Self) -> Option<T>) -> Option<Vec<T>> {
        let count = self.length()?;
        // An element has a byte at least: no length that is made up takes memory.
        let mut list = Vec::with_capacity(count.min(self.0.len()));
        for _ in 0..count {
            list.push(each(self)?);
        }
        Some(list)
    }

    fn folder(&mut self) -> Option<Folder> {
        let path = PathBuf::from(os_str(self.string()?));
        let measures = self.measures()?;
        let is_settled = self.bool()?;
        let folders = self.string()?;
        let ends = folders.last().is_none_or(|last| *last == 0);
        let names = folders.split(|byte| *byte == 0).filter(|name| !name.is_empty());
        let sound = path.is_absolute() && ends && names.into_iter().all(is_name);
        let folder = Folder {
            path: path.into(),
            measures,
            is_settled,
            is_told: false,
            folders: folders.into(),
        };
        sound.then_some(folder)
    }

    fn part(&mut self) -> Option<Part> {
        let text = Text::from_bytes(self.string()?.to_vec());
        let entries = self.list(|rest| rest.entry(&text))?;
        Some(Part::new(text, entries))
    }

    fn entry(&mut self, text: &Text) -> Option<Entry> {
        let name = self.span(text)?;
        if !ends_as_name(text.get_and_next(name)?) {
            return None;
        }
        let flags = self.u8()?;
        let has = |flag: u8| flags & flag != 0;
        if flags > flag::SYMLINK | flag::SETTLED | flag::MEASURED {
            return None;
        }
        let measures = if has(flag::MEASURED) { Some(self.measures()?) } else { None };
        let content = match self.u8()? {
            tag::OTHER => Content::Other(None),
            tag::FOREIGN => Content::Other(Some(Foreign::named(self.string()?)?)),
            tag::IMAGE => Content::Image(self.image(text)?),
            tag::BROKEN => Content::Broken(self.text()?.into()),
            tag::UNREADABLE => Content::Unreadable(self.text()?.into()),
            tag::ELSEWHERE => Content::Elsewhere,
            _ => return None,
        };
        let (is_symlink, is_settled) = (has(flag::SYMLINK), has(flag::SETTLED));
        Some(Entry { name, is_symlink, is_settled, measures, content })
    }

    fn image(&mut self, text: &Text) -> Option<Image> {
        let virtual_size = self.u64()?;
        let backing = self.optional(text)?;
        let data_file = self.optional(text)?;
        let backing_format = match self.u8()? {
            format::NONE => None,
            format::QCOW2 => Some(FormatName::Qcow2),
            format::RAW => Some(FormatName::Raw),
            format::OTHER => Some(FormatName::Other(self.span(text)?)),
            _ => return None,
        };
        let findings = self.list(|rest| {
            let kind = rest.text()?.to_owned().into();
            Some(Finding { kind, detail: rest.text()?.to_owned(), breaks: rest.bool()? })
        })?;
        let findings = (!findings.is_empty()).then(|| findings.into());
        Some(Image { virtual_size, backing, backing_format, data_file, findings })
    }

    fn measures(&mut self) -> Option<Measures> {
        let bytes = self.array::<56>()?;
        let [device, inode, len, allocated, links, times @ ..] = bytes.as_chunks().0 else {
            return None;
        };
        let [modified, changed] = times else { return None };
        Some(Measures {
            device: u64::from_le_bytes(*device),
            inode: u64::from_le_bytes(*inode),
            len: u64::from_le_bytes(*len),
            allocated: u64::from_le_bytes(*allocated),
            links: u64::from_le_bytes(*links),
            modified: i64::from_le_bytes(*modified),
            changed: i64::from_le_bytes(*changed),
        })
    }

    fn optional(&mut self, text: &Text) -> Option<Option<Span>> {
        if self.bool()? { self.span(text).map(Some) } else { Some(None) }
    }

    fn span(&mut self, text: &Text) -> Option<Span> {
        let (at, len) = (self.u32()?, self.u32()?);
        let end = (at as usize).checked_add(len as usize)?;
        (end <= text.bytes().len()).then(|| Span::new(at, len))
    }
}

/// Whether this can be the name of an entry of a directory.
fn is_name(name: &[u8]) -> bool {
    !name.is_empty() && name != b"." && name != b".." && !name.contains(&b'/')
}

/// Whether this is such a name with its NUL behind it. One pass: it is asked of every entry.
fn ends_as_name(name: &[u8]) -> bool {
    let end = name.iter().position(|byte| matches!(byte, 0 | b'/'));
    match (end, name) {
        (Some(end), [.., 0]) => end + 1 == name.len() && !matches!(name, [0] | b".\0" | b"..\0"),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_that_are_made_up_take_no_memory() {
        assert!(decode(&[0xff; 16]).is_none());
        assert!(decode(&[0; 32]).is_some_and(|record| record.folders.is_empty()));
        assert!(decode(&[0; 33]).is_none());
        let names: [&[u8]; 9] = [b"a", b"..x", b"...", b"", b".", b"..", b"a/b", b"/", b"a\0b"];
        for name in names {
            let with_nul = [name, b"\0"].concat();
            let is_it = is_name(name) && !name.contains(&0);
            assert_eq!(ends_as_name(&with_nul), is_it, "{name:?}");
            assert!(!ends_as_name(name));
        }
        assert!(!is_name(b"../x") && !is_name(b"..") && is_name(b"..x"));
    }
}
