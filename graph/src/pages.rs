//! Arrays of which versions share whatever is the same in both.
//!
//! An array is cut into pages and the pages into groups, each behind a reference count. A clone
//! copies the list of groups: one reference count per [`FAN`] × `P` items. A write copies the
//! group and the page that it falls into if another version still holds them, and nothing
//! otherwise. So a version costs what differs from the next one, readers need no lock, and a
//! writer never waits for a reader.
//!
//! Items that nobody has written are the blank one, and pages of them cost nothing.

use std::sync::Arc as Shared;

/// Pages in a group.
const FAN: usize = 64;

type Page<T, const P: usize> = Shared<[T; P]>;

/// An endless array with `P` items to a page, a power of two.
#[derive(Clone, Debug)]
pub(crate) struct Pages<T, const P: usize> {
    groups: Vec<Shared<[Page<T, P>; FAN]>>,
    blank: Page<T, P>,
}

impl<T: Clone, const P: usize> Pages<T, P> {
    /// An array whose items are all `blank`.
    pub(crate) fn of(blank: T) -> Self {
        const { assert!(P.is_power_of_two()) };
        Self { groups: Vec::new(), blank: Shared::new(std::array::from_fn(|_| blank.clone())) }
    }

    /// Two reads that are nearly always in the processor's cache, then the item itself.
    #[inline]
    pub(crate) fn get(&self, at: u32) -> &T {
        let at = at as usize;
        match self.groups.get(at / (FAN * P)) {
            Some(group) => &group[at / P % FAN][at % P],
            None => &self.blank[0],
        }
    }

    /// The item, to be written: a copy of its page if another version shares it.
    #[inline]
    pub(crate) fn at(&mut self, at: u32) -> &mut T {
        let at = at as usize;
        &mut self.page(at / P)[at % P]
    }

    /// Calls `write` with items and what belongs to each. Where one comes behind another of the same
    /// page, that is looked for once.
    pub(crate) fn each<I>(
        &mut self,
        items: impl Iterator<Item = I>,
        at: impl Fn(&I) -> u32,
        mut write: impl FnMut(I, &mut T),
    ) {
        let place = |item: &I| at(item) as usize;
        let mut items = items.peekable();
        while let Some(item) = items.next() {
            let number = place(&item) / P;
            let page = self.page(number);
            let first = place(&item) % P;
            write(item, &mut page[first]);
            while let Some(item) = items.next_if(|item| place(item) / P == number) {
                let next = place(&item) % P;
                write(item, &mut page[next]);
            }
        }
    }

    /// A page, to be written.
    #[inline]
    fn page(&mut self, number: usize) -> &mut [T; P] {
        let group = number / FAN;
        if group >= self.groups.len() {
            self.grow(group + 1);
        }
        Shared::make_mut(&mut Shared::make_mut(&mut self.groups[group])[number % FAN])
    }

    #[cold]
    fn grow(&mut self, groups: usize) {
        let blank = &self.blank;
        let group = || Shared::new(std::array::from_fn(|_| Shared::clone(blank)));
        self.groups.resize_with(groups, group);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_nobody_wrote_is_blank_and_costs_nothing() {
        let mut pages: Pages<u32, 16> = Pages::of(7);
        assert_eq!((*pages.get(0), *pages.get(u32::MAX)), (7, 7));
        *pages.at(5_000) = 1;
        assert_eq!((*pages.get(5_000), *pages.get(4_999), *pages.get(5_001)), (1, 7, 7));
        let written = pages.groups.iter().flat_map(|group| group.iter());
        let own = written.filter(|page| !Shared::ptr_eq(page, &pages.blank));
        assert_eq!(own.count(), 1);
    }

    #[test]
    fn a_version_shares_what_was_not_written_since() {
        let mut pages: Pages<u32, 16> = Pages::of(0);
        for at in 0..4_096 {
            *pages.at(at) = at;
        }
        let before = pages.clone();
        *pages.at(100) = 1;
        *pages.at(101) = 1;
        assert_eq!((*before.get(100), *pages.get(100)), (100, 1));
        let pairs = before.groups.iter().zip(&pages.groups);
        let differ = pairs.flat_map(|(a, b)| a.iter().zip(b.iter()));
        assert_eq!(differ.filter(|(a, b)| !Shared::ptr_eq(a, b)).count(), 1);
    }
}
