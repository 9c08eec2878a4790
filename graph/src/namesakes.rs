//! Missing files by their file names: a base that was just moved is missing under its old path,
//! and is there under a new one that ends in the same name.

use crate::facts::{Facts, Key};
use crate::graph::{Inner, bytes};

/// The missing files, sorted by file name. Made anew with the labels, in O(m log m).
#[derive(Clone, Debug, Default)]
pub(crate) struct Namesakes {
    /// A slot, and which of its names.
    by_name: Vec<(u32, u32)>,
}

impl Namesakes {
    pub(crate) fn of<'g>(missing: &[u32], facts: impl Fn(u32) -> Option<&'g Facts>) -> Self {
        let mut named: Vec<(&[u8], u32, u32)> = Vec::new();
        for &slot in missing {
            let Some(facts) = facts(slot) else { continue };
            let names = names(facts).zip(0..);
            named.extend(names.filter_map(|(name, nth)| Some((name?, slot, nth))));
        }
        named.sort_unstable();
        named.dedup_by_key(|(name, slot, _)| (*name, *slot));
        Self { by_name: named.into_iter().map(|(_, slot, nth)| (slot, nth)).collect() }
    }
}

impl Inner {
    /// The missing files that are called `name`, each once, in the order of their slots.
    pub(crate) fn missing_called(&self, name: &[u8]) -> impl Iterator<Item = u32> + '_ {
        let all = &self.namesakes.by_name;
        let name_of = |&(slot, nth): &(u32, u32)| {
            self.facts(slot).and_then(|facts| names(facts).nth(nth as usize)).flatten()
        };
        let from = all.partition_point(|one| name_of(one) < Some(name));
        let to = all.partition_point(|one| name_of(one) <= Some(name));
        all[from..to.max(from)].iter().map(|(slot, _)| *slot)
    }

    /// The missing files that bear a file name of `image`: it may be one of them, moved. The image
    /// itself is none. A file may come twice if both have several names.
    pub(crate) fn namesakes(&self, image: u32) -> impl Iterator<Item = u32> + '_ {
        let names = self.facts(image).into_iter().flat_map(file_names);
        names.flat_map(|name| self.missing_called(name)).filter(move |slot| *slot != image)
    }

    /// Whether a missing file bears a file name of `image`, and is another.
    pub(crate) fn is_namesake(&self, missing: u32, image: u32) -> bool {
        missing != image
            && self.facts(image).is_some_and(|image| {
                file_names(image).any(|name| {
                    self.facts(missing)
                        .is_some_and(|missing| names(missing).flatten().any(|have| have == name))
                })
            })
    }
}

/// The file names of an image, under all its paths.
pub(crate) fn file_names(facts: &Facts) -> impl Iterator<Item = &[u8]> {
    facts.paths.iter().filter_map(|path| file_name(bytes(path)))
}

/// What a missing file is called: by its paths, or else by the name that it is known by.
fn names(facts: &Facts) -> impl Iterator<Item = Option<&[u8]>> {
    let key = match &facts.key {
        Key::Name(name) if facts.paths.is_empty() => Some(&**name),
        _ => None,
    };
    facts.paths.iter().map(|path| bytes(path)).chain(key).map(file_name)
}

/// What stands behind the last slash.
fn file_name(path: &[u8]) -> Option<&[u8]> {
    path.rsplit(|byte| *byte == b'/').next().filter(|name| !name.is_empty())
}
