//! The changes as they were named.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use diskdag_graph::DiskId;
use diskdag_graph::scan::Supposition;

use crate::args;
use crate::escape;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::scope;

/// One change that was named.
#[derive(Clone)]
pub(super) struct Named {
    /// The word for it.
    pub(super) kind: &'static str,
    /// The image, or the one that is made.
    pub(super) path: PathBuf,
    /// What it is put on, or where it goes.
    pub(super) other: Option<PathBuf>,
}

/// The changes in the order in which they are made.
pub(super) fn of(args: &args::WhatIf) -> Result<Vec<Named>, Failure> {
    let mut all = Vec::new();
    for (kind, pairs) in [("mv", &args.mv), ("create", &args.create), ("rebase", &args.rebase)] {
        for pair in pairs.chunks_exact(2) {
            let [path, other] = pair else { continue };
            let mut to = scope::absolute(other)?;
            // A slash at the end says that it is a directory.
            if kind == "mv" && other.as_os_str().as_encoded_bytes().ends_with(b"/") {
                to.push("");
            }
            all.push(Named { kind, path: scope::absolute(path)?, other: Some(to) });
        }
    }
    for (kind, paths) in [("flatten", &args.flatten), ("rm", &args.rm)] {
        for path in paths {
            all.push(Named { kind, path: scope::absolute(path)?, other: None });
        }
    }
    contradictions(&all)?;
    Ok(all)
}

/// One disk is put on one other, and what goes is nowhere else.
fn contradictions(all: &[Named]) -> Result<(), Failure> {
    let (mut put, mut moved) = (HashSet::new(), HashSet::new());
    for one in all {
        let is_first = match one.kind {
            "mv" => moved.insert(&one.path),
            "rm" => !moved.contains(&one.path),
            _ => put.insert(&one.path),
        };
        if !is_first {
            let message = format!("{}: two changes of one disk", escape::path(&one.path));
            return Err(Failure::new(Exit::Usage, "usage", message));
        }
    }
    Ok(())
}

/// The images that have to be there now, each once.
pub(super) fn images(all: &[Named]) -> Vec<PathBuf> {
    let (mut to_come, mut images) = (HashSet::new(), Vec::new());
    for one in all {
        let onto = one.other.iter().filter(|_| one.kind != "mv");
        let image = Some(&one.path).filter(|_| one.kind != "create");
        for path in image.into_iter().chain(onto) {
            if !to_come.contains(path) && !images.contains(path) {
                images.push(path.clone());
            }
        }
        match one.kind {
            "mv" => to_come.extend(one.destinations()),
            "create" => drop(to_come.insert(one.path.clone())),
            _ => {}
        }
    }
    images
}

impl Named {
    /// Where a file that is moved may get to: to the path that was named, or into the directory there.
    pub(super) fn destinations(&self) -> Vec<PathBuf> {
        let other = self.other.iter().filter(|_| self.kind == "mv");
        let into = |to: &PathBuf| Some(to.join(self.path.file_name()?));
        other.flat_map(|to| into(to).into_iter().chain([to.clone()])).collect()
    }

    /// The same for the library; nothing where there is no such image. What some disks are called by now can be put
    /// for other names.
    pub(super) fn supposition(
        &self,
        disk: impl Fn(&Path) -> Option<DiskId>,
        called: impl Fn(&Path) -> PathBuf,
    ) -> Option<Supposition> {
        let onto = || self.other.as_deref().map(&called);
        Some(match self.kind {
            "mv" => Supposition::Move { from: called(&self.path), to: self.other.clone()? },
            "create" => Supposition::Create { path: self.path.clone(), onto: onto()? },
            "rm" => Supposition::Remove(disk(&self.path)?),
            _ => Supposition::Rebase { disk: disk(&self.path)?, onto: onto() },
        })
    }
}
