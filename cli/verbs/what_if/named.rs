//! The changes as they were named.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use diskdag_graph::DiskId;
use diskdag_graph::scan::Supposition;

use crate::args::{self, Common};
use crate::escape;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::probe::{Leads, leads};
use crate::scope;

/// One change that was named.
#[derive(Clone)]
pub(super) struct Named {
    /// The word for it.
    pub(super) kind: &'static str,
    /// The image, or the one that is made, or the directory; where it is when its turn comes.
    pub(super) path: PathBuf,
    /// What it is put on, or where it goes.
    pub(super) other: Option<PathBuf>,
    /// It is a directory, which is moved with all that is in it.
    pub(super) is_directory: bool,
    /// Where it is now; for one that is made, where it will be.
    pub(super) is_at: PathBuf,
    /// Where that is now which it is put on; nothing where that is made.
    onto_at: Option<PathBuf>,
    /// The path that it is moved to, in the directory there if there is one.
    lands: Option<PathBuf>,
}

/// The changes in the order in which they are made.
pub(super) fn of(args: &args::WhatIf, common: &Common) -> Result<Vec<Named>, Failure> {
    let mut all: Vec<Named> = Vec::new();
    for pair in args.mv.chunks_exact(2) {
        let [path, other] = pair else { continue };
        let (path, mut to) = (scope::absolute(path)?, scope::absolute(other)?);
        let is_at = place_of(&all, &path).unwrap_or_else(|| path.clone());
        let takes_in =
            place_of(&all, &to).is_some_and(|to| leads(&to, common) == Leads::ToDirectory);
        let into = path.file_name().filter(|_| takes_in).map(|name| to.join(name));
        let lands = Some(into.unwrap_or_else(|| to.clone()));
        // A slash at the end says that it is a directory.
        if other.as_os_str().as_encoded_bytes().ends_with(b"/") {
            to.push("");
        }
        let is_directory = leads(&is_at, common) == Leads::ToDirectory;
        let other = Some(to);
        all.push(Named { kind: "mv", path, other, is_directory, is_at, onto_at: None, lands });
    }
    let made = args.create.chunks_exact(2).filter_map(|pair| pair.first());
    let made = made.map(|path| scope::absolute(path)).collect::<Result<HashSet<_>, _>>()?;
    for (kind, pairs) in [("create", &args.create), ("rebase", &args.rebase)] {
        for pair in pairs.chunks_exact(2) {
            let [path, other] = pair else { continue };
            let other = scope::absolute(other)?;
            let onto = place_of(&all, &other).unwrap_or_else(|| other.clone());
            let onto_at = Some(onto).filter(|_| !made.contains(&other));
            let path = scope::absolute(path)?;
            let is_at = Some(&path).filter(|_| kind != "create");
            let is_at = is_at.and_then(|path| place_of(&all, path)).unwrap_or_else(|| path.clone());
            let (is_directory, other, lands) = (false, Some(other), None);
            all.push(Named { kind, path, other, is_directory, is_at, onto_at, lands });
        }
    }
    for (kind, paths) in [("flatten", &args.flatten), ("rm", &args.rm)] {
        for path in paths {
            let path = scope::absolute(path)?;
            let is_at = place_of(&all, &path).unwrap_or_else(|| path.clone());
            let (is_directory, other, onto_at, lands) = (false, None, None, None);
            all.push(Named { kind, path, other, is_directory, is_at, onto_at, lands });
        }
    }
    contradictions(&all)?;
    Ok(all)
}

/// Where that lies now which lies at a path when these moves are made; nothing where it was moved away. What none of
/// them is about lies where it lies.
fn place_of(moves: &[Named], path: &Path) -> Option<PathBuf> {
    moves.iter().rev().try_fold(path.to_owned(), |path, one| {
        match one.lands.as_ref().and_then(|to| path.strip_prefix(to).ok()) {
            Some(rest) if rest.as_os_str().is_empty() => Some(one.path.clone()),
            Some(rest) => Some(one.path.join(rest)),
            None => (one.lands.is_none() || !path.starts_with(&one.path)).then_some(path),
        }
    })
}

/// One disk is put on one other, and what goes is nowhere else.
fn contradictions(all: &[Named]) -> Result<(), Failure> {
    let (mut put, mut made, mut moved) = (HashSet::new(), HashSet::new(), HashSet::new());
    for one in all {
        let is_first = match one.kind {
            "mv" => moved.insert(&one.path),
            "create" => put.insert(&one.is_at) && made.insert(&one.path),
            "rm" => !moved.contains(&one.path) && !made.contains(&one.path),
            _ => put.insert(&one.is_at) && !made.contains(&one.path),
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
    let mut images: Vec<PathBuf> = Vec::new();
    for one in all {
        let image = Some(&one.is_at).filter(|_| one.kind != "create" && !one.is_directory);
        for path in image.into_iter().chain(&one.onto_at) {
            if !images.contains(path) {
                images.push(path.clone());
            }
        }
    }
    images
}

/// The directories that are moved, where they are now.
pub(super) fn directories(all: &[Named]) -> Vec<PathBuf> {
    let directories = all.iter().filter(|one| one.is_directory);
    directories.map(|one| one.is_at.clone()).collect()
}

impl Named {
    /// Where a file that is moved gets to.
    pub(super) fn lands(&self) -> Option<&Path> {
        self.lands.as_deref()
    }

    /// The same for the library; nothing where there is no such image. What some disks are called by now can be put
    /// for other names.
    pub(super) fn supposition(
        &self,
        disk: impl Fn(&Self) -> Option<DiskId>,
        called: impl Fn(&Path) -> PathBuf,
    ) -> Option<Supposition> {
        let onto = || self.other.as_deref().map(&called);
        Some(match self.kind {
            "mv" => Supposition::Move { from: called(&self.path), to: self.other.clone()? },
            "create" => Supposition::Create { path: self.path.clone(), onto: onto()? },
            "rm" => Supposition::Remove(disk(self)?),
            _ => Supposition::Rebase { disk: disk(self)?, onto: onto() },
        })
    }
}
