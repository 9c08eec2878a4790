//! Numbers by hash.

use hashbrown::HashTable;

/// Finds numbers under hashes, which it keeps: what the numbers stand for is looked at only where the hash is the
/// same, and never when the table grows.
#[derive(Debug, Default)]
pub(in crate::scan) struct Numbers {
    table: HashTable<Numbered>,
}

#[derive(Clone, Copy, Debug)]
struct Numbered {
    hash: u32,
    number: u32,
}

impl Numbered {
    /// The table looks at the bits of both ends.
    fn spread(&self) -> u64 {
        spread(self.hash)
    }
}

fn spread(hash: u32) -> u64 {
    u64::from(hash) << 32 | u64::from(hash)
}

impl Numbers {
    /// Makes room for so many more.
    pub(in crate::scan) fn reserve(&mut self, more: usize) {
        self.table.reserve(more, Numbered::spread);
    }

    /// The number under this hash that is the right one.
    pub(in crate::scan) fn find(&self, hash: u32, is_it: impl Fn(u32) -> bool) -> Option<u32> {
        let same = |have: &Numbered| have.hash == hash && is_it(have.number);
        self.table.find(spread(hash), same).map(|found| found.number)
    }

    /// The same; where there is none, this number from now on.
    pub(in crate::scan) fn find_or_insert(
        &mut self,
        hash: u32,
        number: u32,
        is_it: impl Fn(u32) -> bool,
    ) -> u32 {
        let same = |have: &Numbered| have.hash == hash && is_it(have.number);
        let entry = self.table.entry(spread(hash), same, Numbered::spread);
        entry.or_insert(Numbered { hash, number }).get().number
    }

    /// A number that is not there yet.
    pub(in crate::scan) fn insert(&mut self, hash: u32, number: u32) {
        self.table.insert_unique(spread(hash), Numbered { hash, number }, Numbered::spread);
    }

    /// Takes a number away; whether it was there.
    pub(in crate::scan) fn remove(&mut self, hash: u32, number: u32) -> bool {
        let found = self.table.find_entry(spread(hash), |have| have.number == number);
        found.map(|found| found.remove()).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_one_hash_is_told_apart() {
        let mut numbers = Numbers::default();
        for number in 0..1_000 {
            assert_eq!(numbers.find_or_insert(number % 7, number, |have| have == number), number);
        }
        assert_eq!(numbers.find_or_insert(3, 5_000, |have| have == 17), 17);
        assert!(numbers.remove(3, 17) && !numbers.remove(3, 17));
        assert_eq!(numbers.find(3, |have| have == 17), None);
        numbers.insert(3, 17);
        assert_eq!(numbers.find(3, |have| have == 17), Some(17));
        assert_eq!(numbers.find(4, |have| have == 17), None);
    }
}
