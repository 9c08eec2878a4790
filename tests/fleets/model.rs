//! The naive side: plain lists and repeated walks, from knowledge of how the files were made.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use crate::support::{Fleet, Image, Random};

/// A file as it was made.
pub(crate) struct File {
    /// Every path that leads to it, absolute and plain; the first is the file itself.
    pub(crate) paths: Vec<String>,
    backing: Option<String>,
    data_file: Option<String>,
}

/// Where a name leads.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Target {
    File(usize),
    Missing(String),
}

/// All files of a fleet.
pub(crate) struct Model {
    pub(crate) files: Vec<File>,
    by_path: BTreeMap<String, usize>,
}

const FOLDERS: [&str; 7] = ["", "a", "a/b", "a/b/deeper", "c", "c/d", "e"];
const ENDINGS: [&str; 4] = [".qcow2", "", ".img", ".disk"];

/// A path without `.`, `..` and doubled slashes. No folder here is a link.
pub(crate) fn normal(path: &str) -> String {
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    format!("/{}", parts.join("/"))
}

fn folder_of(path: &str) -> &str {
    path.rsplit_once('/').unwrap().0
}

fn name_of(path: &str) -> &str {
    path.rsplit_once('/').unwrap().1
}

/// QEMU's rule: the folder of the path as opened, and the name behind it.
fn resolve(opened: &str, name: &str) -> String {
    if name.starts_with('/') {
        normal(name)
    } else {
        normal(&format!("{}/{name}", folder_of(opened)))
    }
}

/// A name for `to` that works from the folder of `from`.
fn spell(random: &mut Random, from: &str, to: &str) -> String {
    if random.percent(25) {
        return to.to_owned();
    }
    let [from, to] = [folder_of(from), to].map(|path| path.split('/').collect::<Vec<_>>());
    let common = from.iter().zip(&to).take_while(|(left, right)| left == right).count();
    let mut name = "../".repeat(from.len() - common);
    name += &to[common..].join(if random.percent(10) { "/./" } else { "/" });
    if random.percent(15) { format!("./{name}") } else { name }
}

impl Model {
    /// Makes `size` files in the fleet.
    pub(crate) fn random(random: &mut Random, fleet: &Fleet, size: usize) -> Model {
        for folder in FOLDERS {
            fleet.folder(folder);
        }
        let mut model = Model { files: Vec::new(), by_path: BTreeMap::new() };
        while model.files.len() < size {
            model.add(random, fleet);
        }
        model
    }

    /// A path where nothing is yet. Names repeat from folder to folder, on purpose.
    fn free_path(&self, random: &mut Random, fleet: &Fleet, ending: &str) -> String {
        for turn in 0.. {
            let folder = fleet.path(random.pick(&FOLDERS));
            let path = folder.join(format!("disk-{}{ending}", random.below(40 + turn)));
            let path = normal(path.to_str().unwrap());
            if !self.by_path.contains_key(&path) {
                return path;
            }
        }
        unreachable!("the numbers grow until one is free")
    }

    fn add(&mut self, random: &mut Random, fleet: &Fleet) {
        let index = self.files.len();
        let raw = random.percent(10);
        // A name says whether it is raw, so that a reference that leads to another file than it
        // was written for still finds what it declares.
        let ending = if raw { ".raw" } else { *random.pick(&ENDINGS) };
        let path = self.free_path(random, fleet, ending);
        let mut file = File { paths: vec![path.clone()], backing: None, data_file: None };
        if raw {
            fleet.bytes(&path, &[0; 4096]);
        } else {
            let image = self.describe(random, &mut file, index);
            fleet.write(&path, &image);
        }
        self.by_path.insert(path.clone(), index);
        while random.percent(15) {
            let link = self.free_path(random, fleet, ending);
            if random.percent(50) {
                std::fs::hard_link(&path, &link).unwrap();
            } else {
                let to = spell(random, &link, &path);
                std::os::unix::fs::symlink(to, &link).unwrap();
            }
            self.by_path.insert(link.clone(), index);
            file.paths.push(link);
        }
        self.files.push(file);
    }

    fn describe(&self, random: &mut Random, file: &mut File, index: usize) -> Image {
        let opened = file.paths[0].clone();
        let mut image = Image::new();
        image.cluster_bits = *random.pick(&[9, 9, 10, 12, 16]);
        if random.percent(15) {
            image.version = 2;
        }
        if index == 0 || random.percent(15) {
            return image;
        }
        if random.percent(8) {
            let gone = format!("gone/{}-{index}.qcow2", random.below(5));
            let name = spell(random, &opened, &format!("{}/{gone}", folder_of(&opened)));
            file.backing = Some(name.clone());
            return image.backing(name, "qcow2");
        }
        // Recent ones more often, so that chains grow deep.
        let last = if random.percent(60) {
            index - 1 - random.below(index.min(5))
        } else {
            random.below(index)
        };
        let target = random.pick(&self.files[last].paths).clone();
        let name = spell(random, &opened, &target);
        file.backing = Some(name.clone());
        let raw = Path::new(&name).extension().is_some_and(|extension| extension == "raw");
        image = image.backing(name, if raw { "raw" } else { "qcow2" });
        let raws: Vec<_> = self.by_path.keys().filter(|path| path.ends_with(".raw")).collect();
        if random.percent(6) && image.version == 3 && !raws.is_empty() {
            let data = random.pick(&raws).to_string();
            image = image.data_file(&data);
            file.data_file = Some(data);
        }
        image
    }

    fn target(&self, path: String) -> Target {
        match self.by_path.get(&path) {
            Some(index) => Target::File(*index),
            None => Target::Missing(path),
        }
    }

    /// Who needs what, and how.
    pub(crate) fn edges(&self) -> BTreeSet<(usize, Target, &'static str)> {
        let mut edges = BTreeSet::new();
        for (index, file) in self.files.iter().enumerate() {
            if let Some(name) = &file.backing {
                for path in &file.paths {
                    edges.insert((index, self.target(resolve(path, name)), "backing"));
                }
            }
            if let Some(name) = &file.data_file {
                edges.insert((index, self.target(name.clone()), "data-file"));
            }
        }
        edges
    }

    /// Paths that are needed and lead to nothing.
    pub(crate) fn missing(&self) -> BTreeSet<String> {
        let missing = self.edges().into_iter().filter_map(|(_, to, _)| match to {
            Target::Missing(path) => Some(path),
            Target::File(_) => None,
        });
        missing.collect()
    }

    /// Everything that needs a file, and in how many steps at least; not the file itself.
    pub(crate) fn dependents(&self, of: usize) -> BTreeMap<usize, u64> {
        let edges = self.edges();
        let mut found = BTreeMap::from([(of, 0)]);
        for depth in 1.. {
            let before = found.len();
            for (from, to, _) in &edges {
                let Target::File(to) = to else { continue };
                if found.get(to) == Some(&(depth - 1)) {
                    found.entry(*from).or_insert(depth);
                }
            }
            if found.len() == before {
                break;
            }
        }
        found.remove(&of);
        found
    }

    /// A file and everything that needs it.
    pub(crate) fn with_dependents(&self, of: usize) -> BTreeSet<usize> {
        self.dependents(of).into_keys().chain([of]).collect()
    }

    /// Could a missing reference of somebody outside of the set be meant for one of its members?
    /// Somebody who needs a file of the same name, that is where it was not found.
    pub(crate) fn is_doubtful(&self, set: &BTreeSet<usize>) -> bool {
        self.edges().iter().any(|(from, to, _)| {
            let Target::Missing(path) = to else { return false };
            let mut names = set.iter().flat_map(|index| &self.files[*index].paths);
            !set.contains(from) && names.any(|known| name_of(known) == name_of(path))
        })
    }

    /// Files that need themselves, grouped.
    pub(crate) fn cycles(&self) -> BTreeSet<BTreeSet<usize>> {
        let reach: Vec<_> = (0..self.files.len()).map(|index| self.dependents(index)).collect();
        let itself: BTreeSet<_> = self
            .edges()
            .into_iter()
            .filter_map(|(from, to, _)| (to == Target::File(from)).then_some(from))
            .collect();
        let group = |index: usize| -> BTreeSet<usize> {
            let mutual =
                reach[index].keys().copied().filter(|other| reach[*other].contains_key(&index));
            mutual.chain([index]).collect()
        };
        let groups = (0..self.files.len()).map(group);
        groups.filter(|group| group.len() > 1 || !group.is_disjoint(&itself)).collect()
    }

    /// What QEMU opens for this path: every name from the folder of the path before it. Nothing,
    /// if it comes back to a file.
    pub(crate) fn chain(&self, path: &str) -> Option<Vec<Target>> {
        let mut opened = path.to_owned();
        let mut chain = Vec::new();
        loop {
            let target = self.target(opened.clone());
            if chain.contains(&target) {
                return None;
            }
            chain.push(target.clone());
            let Target::File(index) = target else { return Some(chain) };
            let Some(name) = &self.files[index].backing else { return Some(chain) };
            opened = resolve(&opened, name);
        }
    }
}
