//! Programs from plain bytes: what a fuzzer changes one by one. Any bytes are a program.

use diskdag_graph::EdgeKind;

use crate::oracle::{Condition, Looks, Name, Reference, Said, declared, file};
use crate::program::{Program, Step};

/// So few disks that they meet each other.
const DISKS: Name = 12;

/// More would only make a run slower.
const MOST_STEPS: usize = 48;

struct Bytes<'b>(std::slice::Iter<'b, u8>);

impl Bytes<'_> {
    /// The next byte; zeros behind the end.
    fn next(&mut self) -> u8 {
        self.0.next().copied().unwrap_or(0)
    }

    fn references(&mut self) -> Vec<Reference> {
        let count = self.next() % 5;
        let mut references = Vec::new();
        for _ in 0..count {
            let (to, flags) = (self.next() % DISKS, self.next());
            let kind = if flags & 4 == 0 { EdgeKind::Backing } else { EdgeKind::DataFile };
            let (certain, ends) = (flags & 1 == 0, flags & 2 != 0);
            let declared = declared(flags / 8);
            references.push(Reference { to, kind, certain, ends, declared });
        }
        references
    }

    fn said(&mut self) -> Said {
        let flags = self.next();
        let condition = match flags % 8 {
            0 => Condition::Unreadable,
            1 => Condition::Opaque,
            2 => Condition::Missing,
            _ => Condition::Fine,
        };
        let paths = (0..flags / 8 % 3).map(|_| {
            let path = self.next();
            format!("/d{}/{}", path % 4, file(path / 4))
        });
        Said {
            paths: paths.collect(),
            name: self.next() % DISKS,
            references: self.references(),
            condition,
            allocated: self.next().into(),
            links: (self.next() % 4).into(),
            looks: Looks::of(self.next()),
        }
    }
}

impl Program {
    /// Reads a program; what is missing at the end is zero.
    pub(crate) fn of_bytes(bytes: &[u8]) -> Self {
        let mut bytes = Bytes(bytes.iter());
        let mut batches = vec![Vec::new()];
        let sets = (0..2).map(|_| u64::from(bytes.next()) * 0x0101).collect();
        for _ in 0..MOST_STEPS {
            if bytes.0.len() == 0 {
                break;
            }
            let step = match bytes.next() % 8 {
                0 => {
                    batches.push(Vec::new());
                    continue;
                }
                1 => Step::Remove(bytes.next() % DISKS),
                2 | 3 => Step::Repoint(bytes.next() % DISKS, bytes.references()),
                _ => Step::Insert(bytes.said()),
            };
            if let Some(batch) = batches.last_mut() {
                batch.push(step);
            }
        }
        Self { batches, sets }
    }
}
