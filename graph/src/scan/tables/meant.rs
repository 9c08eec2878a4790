//! Who names files from QEMU's working directory, by what those are called.

use hashbrown::{HashMap, HashSet};

use crate::scan::tables::Hasher;

/// Names of images with such references. Each may mean every file whose path ends as the reference does, so which it means
/// depends on nothing but the names of files that bear its last component (and on what lies where it leads from the
/// image's own directory, which is asked for).
#[derive(Debug, Default)]
pub(in crate::scan) struct Meant {
    by_image: HashMap<u32, Vec<Box<[u8]>>, Hasher>,
    by_file_name: HashMap<Box<[u8]>, HashSet<u32, Hasher>, Hasher>,
}

impl Meant {
    /// An image, by this name of it, may mean files that are called so.
    pub(in crate::scan) fn insert(&mut self, image: u32, file_name: &[u8]) {
        self.by_image.entry(image).or_default().push(file_name.into());
        self.by_file_name.entry(file_name.into()).or_default().insert(image);
    }

    /// An image means nothing any more by this name of it.
    pub(in crate::scan) fn remove(&mut self, image: u32) {
        for file_name in self.by_image.remove(&image).into_iter().flatten() {
            if let Some(images) = self.by_file_name.get_mut(&file_name) {
                images.remove(&image);
                if images.is_empty() {
                    self.by_file_name.remove(&file_name);
                }
            }
        }
    }

    /// Who may mean a file that is called so.
    pub(in crate::scan) fn by(&self, file_name: &[u8]) -> impl Iterator<Item = u32> + '_ {
        self.by_file_name.get(file_name).into_iter().flatten().copied()
    }

    /// Whether anybody may.
    pub(in crate::scan) fn is_by_any(&self, file_name: &[u8]) -> bool {
        self.by_file_name.contains_key(file_name)
    }

    /// All of them.
    pub(in crate::scan) fn all(&self) -> impl Iterator<Item = u32> + '_ {
        self.by_image.keys().copied()
    }
}
