//! A directory: its entries, and what happened to them since it was last forced out.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::sync::Arc;

/// Names, and the inodes that they lead to.
pub(super) type Entries = Arc<BTreeMap<OsString, u64>>;

/// A directory.
#[derive(Clone, Debug, Default)]
pub(super) struct Directory {
    /// What everybody sees.
    pub(super) live: Entries,
    /// What the medium has for certain.
    pub(super) durable: Entries,
    /// What lies between, oldest first. Each is atomic.
    pub(super) pending: Vec<Change>,
}

/// One step between two states of a directory. Names the inodes that it finds, so that it can only
/// happen to the entries to which it did happen: of two steps of which one needs the other, none comes
/// about without it or before it. Those that are left commute.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Change {
    /// A name that was nobody's: a new file or directory, or one more name.
    Add { name: OsString, inode: u64 },
    /// A name is nobody's any more.
    Remove { name: OsString, inode: u64 },
    /// Another name, taken from whoever had it.
    Move { from: OsString, to: OsString, inode: u64, replaced: Option<u64> },
    /// Two names exchanged.
    Exchange { a: (OsString, u64), b: (OsString, u64) },
}

impl Directory {
    pub(super) fn clean(entries: Entries) -> Self {
        Self { live: Arc::clone(&entries), durable: entries, pending: Vec::new() }
    }

    /// Does it, for everybody to see and not yet durably. `false` if the entries are others.
    pub(super) fn change(&mut self, change: Change) -> bool {
        let done = apply(&change, Arc::make_mut(&mut self.live));
        if done {
            self.pending.push(change);
        }
        done
    }

    pub(super) fn sync(&mut self) {
        self.durable = Arc::clone(&self.live);
        self.pending.clear();
    }

    /// What the medium has if just these of the pending steps happened; `None` if that cannot be.
    pub(super) fn with(&self, happened: impl Fn(usize) -> bool) -> Option<Entries> {
        let mut entries = Arc::clone(&self.durable);
        for (nth, change) in self.pending.iter().enumerate() {
            if happened(nth) && !apply(change, Arc::make_mut(&mut entries)) {
                return None;
            }
        }
        Some(entries)
    }
}

fn apply(change: &Change, entries: &mut BTreeMap<OsString, u64>) -> bool {
    let is = |entries: &BTreeMap<OsString, u64>, name: &OsString, inode: u64| {
        entries.get(name) == Some(&inode)
    };
    match change {
        Change::Add { name, inode } => {
            let free = !entries.contains_key(name);
            if free {
                entries.insert(name.clone(), *inode);
            }
            free
        }
        Change::Remove { name, inode } => {
            let there = is(entries, name, *inode);
            if there {
                entries.remove(name);
            }
            there
        }
        Change::Move { from, to, inode, replaced } => {
            let fits = is(entries, from, *inode) && entries.get(to) == replaced.as_ref();
            if fits {
                entries.remove(from);
                entries.insert(to.clone(), *inode);
            }
            fits
        }
        Change::Exchange { a: (a, in_a), b: (b, in_b) } => {
            let fits = is(entries, a, *in_a) && is(entries, b, *in_b);
            if fits {
                entries.insert(a.clone(), *in_b);
                entries.insert(b.clone(), *in_a);
            }
            fits
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entries(of: &[(&str, u64)]) -> Entries {
        Arc::new(of.iter().map(|(name, inode)| ((*name).into(), *inode)).collect())
    }

    #[test]
    fn a_step_does_not_come_without_the_one_that_it_needs() {
        let mut directory = Directory::clean(entries(&[("live", 1)]));
        assert!(directory.change(Change::Add { name: "side".into(), inode: 2 }));
        let exchange = Change::Exchange { a: ("live".into(), 1), b: ("side".into(), 2) };
        assert!(directory.change(exchange));
        let states: Vec<_> =
            (0..4).map(|mask| directory.with(|nth| mask >> nth & 1 == 1)).collect();
        assert_eq!(states[0], Some(entries(&[("live", 1)])));
        assert_eq!(states[1], Some(entries(&[("live", 1), ("side", 2)])));
        assert_eq!(states[2], None, "there is nothing to exchange it with");
        assert_eq!(states[3], Some(entries(&[("live", 2), ("side", 1)])));
    }

    #[test]
    fn a_name_that_changed_hands_is_not_taken_from_the_wrong_one() {
        let mut directory = Directory::clean(entries(&[("live", 1), ("new", 2)]));
        let replace = |inode, from: &str, replaced| Change::Move {
            from: from.into(),
            to: "live".into(),
            inode,
            replaced: Some(replaced),
        };
        assert!(directory.change(replace(2, "new", 1)));
        assert!(!directory.change(replace(2, "new", 1)));
        directory.sync();
        assert_eq!(directory.durable, entries(&[("live", 2)]));
        assert!(directory.pending.is_empty());
    }
}
