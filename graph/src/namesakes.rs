//! Missing files by their file names: a base that was just moved is missing under its old path,
//! and is there under a new one that ends in the same name.

use std::hash::{BuildHasher, Hasher, RandomState};

use foldhash::fast::FixedState;

use crate::facts::{KeyRef, State};
use crate::graph::{Inner, bytes};
use crate::records::Known;
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
    /// This is known of `slot` now.
    pub(crate) fn note(&mut self, slot: u32, known: Known<'_>) {
        if known.state() == State::Missing {
            for name in names(known).flatten() {
                self.by_name.insert((self.hash(name), slot));
            }
        }
    }

    /// This is not known of `slot` any more.
    pub(crate) fn forget(&mut self, slot: u32, known: Known<'_>) {
        if known.state() == State::Missing {
            for name in names(known).flatten() {
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
            let is_called = |known| names(known).any(|have| have == Some(name));
            self.known(*slot).is_some_and(is_called)
        })
    }

    /// The missing files that bear a file name of `image`: it may be one of them, moved. The image
    /// itself is none. A file may come twice if both have several names.
    pub(crate) fn namesakes(&self, image: u32) -> impl Iterator<Item = u32> + '_ {
        let names = self.known(image).into_iter().flat_map(file_names);
        names.flat_map(|name| self.missing_called(name)).filter(move |slot| *slot != image)
    }

    /// Whether a missing file bears a file name of `image`, and is another.
    pub(crate) fn is_namesake(&self, missing: u32, image: u32) -> bool {
        let bears = |missing, image| {
            file_names(image).any(|name| names(missing).flatten().any(|have| have == name))
        };
        let both = self.known(missing).zip(self.known(image));
        missing != image && both.is_some_and(|(missing, image)| bears(missing, image))
    }
}

/// The file names of an image, under all its paths.
pub(crate) fn file_names<'g>(known: Known<'g>) -> impl Iterator<Item = &'g [u8]> + use<'g> {
    known.paths().filter_map(|path| file_name(bytes(path)))
}

/// What a missing file is called: by its paths, or else by the name that it is known by.
pub(crate) fn names<'g>(known: Known<'g>) -> impl Iterator<Item = Option<&'g [u8]>> + use<'g> {
    let paths = known.paths();
    let key = match known.key() {
        KeyRef::Name(name) if paths.len() == 0 => Some(name),
        _ => None,
    };
    paths.map(bytes).chain(key).map(file_name)
}

/// What stands behind the last slash.
fn file_name(path: &[u8]) -> Option<&[u8]> {
    path.rsplit(|byte| *byte == b'/').next().filter(|name| !name.is_empty())
}
