//! A disk as nearly all are, on its way into a record without a detour over [`Facts`](crate::Facts): those would ask
//! the heap for four boxes that are taken apart at once.

use super::pile::{Pile, number};
use super::sheet::{LONG, Record};
use super::text::{self, NameOf};

/// A qcow2 image in a file of one path, about which nothing is odd, and which needs at most one other.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Plain<'p> {
    pub(crate) device: u64,
    pub(crate) inode: u64,
    pub(crate) in_scope: bool,
    pub(crate) virtual_size: u64,
    pub(crate) actual_size: u64,
    pub(crate) length: u64,
    pub(crate) unseen_links: u64,
    pub(crate) directory: &'p [u8],
    pub(crate) name: &'p [u8],
    pub(crate) reference: Option<NameOf<'p>>,
}

impl Pile {
    /// Adds the record of a disk, told at a time: the very one that its facts would make. False, and nothing is
    /// added, if its text is so long that it has to lie aside.
    pub(crate) fn push_plain(&mut self, plain: &Plain<'_>, at: u64) -> bool {
        let text = self.room();
        let start = text.len();
        text::put_plain(text, plain, at);
        let room = text.len() - start;
        if room > LONG {
            text.truncate(start);
            return false;
        }
        let (start, room) = (number(start), number(room));
        self.records.push(Record { start, room, ..Record::plain(plain) });
        true
    }
}
