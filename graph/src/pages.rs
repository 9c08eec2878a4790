//! Arrays of which versions share whatever is the same in both.
//!
//! An array is cut into pages behind reference counts. A clone copies the list of pages; a write copies
//! the page that it falls into if another version still holds it, and nothing otherwise. So a version
//! costs what differs from the next one, readers need no lock, and a writer never waits for a reader.
//!
//! Two kinds: in a [`Flat`] array an item is one read of the list of pages away, and pages are large, so
//! that the list stays small. In [`Pages`] the list is itself a flat array, of groups of pages: a clone
//! costs one reference count per [`FAN`] pages, so these can be small, and a write copies little.
//!
//! Items that nobody has written are the blank one, and pages of them cost nothing.

use triomphe::Arc as Shared;

use crate::sizes::cut;

/// Pages in a group.
const FAN: usize = cut(64, 2);

type Page<T, const P: usize> = Shared<[T; P]>;

/// An endless array with `P` items to a page, a power of two, and a list of all pages.
#[derive(Clone, Debug)]
pub(crate) struct Flat<T, const P: usize> {
    pages: Vec<Page<T, P>>,
    blank: Page<T, P>,
}

/// An endless array with `P` items to a page, a power of two, and a list of groups of pages.
#[derive(Clone, Debug)]
pub(crate) struct Pages<T, const P: usize> {
    groups: Flat<Page<T, P>, FAN>,
}

/// Writing: what both have in common.
pub(crate) trait Paged<T, const P: usize> {
    /// A page, to be written: a copy of it if another version shares it.
    fn page(&mut self, number: usize) -> &mut [T; P];

    /// The item, to be written.
    #[inline]
    fn at(&mut self, at: u32) -> &mut T {
        let at = at as usize;
        &mut self.page(at / P)[at % P]
    }

    /// Makes these the first items.
    fn fill(&mut self, items: impl Iterator<Item = T>) {
        self.each((0..).zip(items), |(at, _)| *at, |(_, item), place| *place = item);
    }

    /// Calls `write` with items and what belongs to each. Where one comes behind another of the same
    /// page, that is looked for once.
    fn each<I>(
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
}

impl<T: Clone, const P: usize> Flat<T, P> {
    /// An array whose items are all `blank`.
    pub(crate) fn of(blank: T) -> Self {
        const { assert!(P.is_power_of_two()) };
        Self { pages: Vec::new(), blank: Shared::new(std::array::from_fn(|_| blank.clone())) }
    }

    /// One read that is nearly always in the processor's cache, then the item itself.
    #[inline]
    pub(crate) fn get(&self, at: u32) -> &T {
        let at = at as usize;
        &self.pages.get(at / P).unwrap_or(&self.blank)[at % P]
    }

    /// The item, if its page or a later one was ever written.
    #[inline]
    pub(crate) fn written(&self, at: u32) -> Option<&T> {
        let at = at as usize;
        self.pages.get(at / P).map(|page| &page[at % P])
    }

    #[cold]
    fn grow(&mut self, pages: usize) {
        self.pages.resize_with(pages, || Shared::clone(&self.blank));
    }
}

impl<T: Clone, const P: usize> Paged<T, P> for Flat<T, P> {
    #[inline]
    fn page(&mut self, number: usize) -> &mut [T; P] {
        if number >= self.pages.len() {
            self.grow(number + 1);
        }
        Shared::make_mut(&mut self.pages[number])
    }
}

impl<T: Clone, const P: usize> Pages<T, P> {
    /// An array whose items are all `blank`.
    pub(crate) fn of(blank: T) -> Self {
        const { assert!(P.is_power_of_two()) };
        Self { groups: Flat::of(Shared::new(std::array::from_fn(|_| blank.clone()))) }
    }

    /// Two reads that are nearly always in the processor's cache, then the item itself.
    #[inline]
    pub(crate) fn get(&self, at: u32) -> &T {
        let at = at as usize;
        let number = at / P;
        &self.groups.pages.get(number / FAN).unwrap_or(&self.groups.blank)[number % FAN][at % P]
    }
}

impl<T: Clone, const P: usize> Paged<T, P> for Pages<T, P> {
    #[inline]
    fn page(&mut self, number: usize) -> &mut [T; P] {
        Shared::make_mut(&mut self.groups.page(number / FAN)[number % FAN])
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
        let blank = &pages.groups.blank[0];
        let written = pages.groups.pages.iter().flat_map(|group| group.iter());
        assert_eq!(written.filter(|page| !Shared::ptr_eq(page, blank)).count(), 1);

        let mut flat: Flat<u32, 16> = Flat::of(7);
        *flat.at(5_000) = 1;
        assert_eq!((*flat.get(0), *flat.get(u32::MAX), *flat.get(5_000)), (7, 7, 1));
        assert_eq!(flat.pages.iter().filter(|page| !Shared::ptr_eq(page, &flat.blank)).count(), 1);
    }

    #[test]
    fn a_version_shares_what_was_not_written_since() {
        let mut pages: Pages<u32, 16> = Pages::of(0);
        let mut flat: Flat<u32, 16> = Flat::of(0);
        for at in 0..4_096 {
            *pages.at(at) = at;
            *flat.at(at) = at;
        }
        let before = (pages.clone(), flat.clone());
        *pages.at(100) = 1;
        *pages.at(101) = 1;
        *flat.at(100) = 1;
        assert_eq!((*before.0.get(100), *pages.get(100)), (100, 1));
        assert_eq!((*before.1.get(100), *flat.get(100)), (100, 1));
        let pairs = before.0.groups.pages.iter().zip(&pages.groups.pages);
        let differ = pairs.flat_map(|(a, b)| a.iter().zip(b.iter()));
        assert_eq!(differ.filter(|(a, b)| !Shared::ptr_eq(a, b)).count(), 1);
        let pairs = before.1.pages.iter().zip(&flat.pages);
        assert_eq!(pairs.filter(|(a, b)| !Shared::ptr_eq(a, b)).count(), 1);
    }
}
