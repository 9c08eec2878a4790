//! Missing files by their file names: a base that was just moved is missing under its old path,
//! and is there under a new one that ends in the same name.

use std::hash::{BuildHasher, Hasher, RandomState};

use foldhash::fast::FixedState;

use crate::facts::{Facts, Key, State};
use crate::graph::{Inner, bytes};
use crate::sorted::Sorted;

/// The missing files by file name.
#[derive(Clone, Debug)]
pub(crate) struct Namesakes {
    /// The hash of a name, and a slot that bears it.
    by_name: Sorted<(u32, u32)>,
    hasher: FixedState,
}

impl Default for Namesakes {
    fn default() -> Self {
        // Whoever may name files could choose names that collide under a seed that is known.
        let seed = RandomState::new().build_hasher().finish();
        Self { by_name: Sorted::default(), hasher: FixedState::with_seed(seed) }
    }
}

impl Namesakes {
    /// What was known of `slot` is now `facts`.
    pub(crate) fn replace(&mut self, slot: u32, before: Option<&Facts>, facts: &Facts) {
        if let Some(before) = before {
            self.forget(slot, before);
        }
        if facts.state == State::Missing {
            for name in names(facts).flatten() {
                self.by_name.insert((self.hash(name), slot));
            }
        }
    }

    /// `slot` is not there any more, not even as missing.
    pub(crate) fn forget(&mut self, slot: u32, facts: &Facts) {
        if facts.state == State::Missing {
            for name in names(facts).flatten() {
                self.by_name.remove(&(self.hash(name), slot));
            }
        }
    }

    fn hash(&self, name: &[u8]) -> u32 {
        u32::try_from(self.hasher.hash_one(name) >> 32).unwrap_or(0)
    }
}

impl Inner {
    /// The missing files that are called `name`, each once, in the order of their slots.
    pub(crate) fn missing_called<'g>(&'g self, name: &'g [u8]) -> impl Iterator<Item = u32> + 'g {
        let hash = self.namesakes.hash(name);
        let found =
            self.namesakes.by_name.range((hash, 0)..=(hash, u32::MAX)).map(|(_, slot)| slot);
        found.filter(move |slot| {
            let is_called = |facts: &Facts| names(facts).any(|have| have == Some(name));
            self.facts(*slot).is_some_and(is_called)
        })
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
pub(crate) fn names(facts: &Facts) -> impl Iterator<Item = Option<&[u8]>> {
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
