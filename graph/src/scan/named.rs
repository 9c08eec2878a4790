//! What a scan was asked about by name: images, and the disks of owners.

use std::path::PathBuf;

use crate::doubt::{Doubt, DoubtKind};
use crate::facts::Key;
use crate::graph::{DiskId, Graph, bytes};
use crate::scan::assembly::{Assembly, Step};
use crate::scan::owners::{Claim, Owned};
use crate::scan::places::Place;
use crate::scan::question::Gap;
use crate::scan::run::Scan;
use crate::scan::scanned::ImageError;

impl Scan {
    /// Finds the images asked about and the disks that owners name; each is a disk whatever it holds.
    pub(super) fn place(&self, assembly: &mut Assembly<'_>) -> Step<Named> {
        let places = self.place_images(assembly)?;
        Ok(Named { places, claims: self.place_claims(assembly)? })
    }

    /// Finds the files that owners name.
    fn place_claims(&self, assembly: &mut Assembly<'_>) -> Step<Vec<Result<Key, Gap>>> {
        let claims = self.owners.iter().flat_map(|owners| &owners.claims);
        let place = |claim: &Claim| {
            Ok(match assembly.locate(0, bytes(&claim.path))? {
                Place::File(file) => {
                    assembly.tables.want(file);
                    Ok(assembly.tables.key(file))
                }
                Place::Nowhere { gap, .. } => Err(gap),
            })
        };
        claims.map(place).collect()
    }

    /// What owners say about the disks of a graph.
    pub(crate) fn owned(&self, graph: &Graph, named: &Named) -> Owned {
        let Some(owners) = &self.owners else { return Owned::default() };
        let mut doubts = Vec::new();
        let claims = named.claims.iter().zip(&owners.claims);
        let disks = claims.map(|(place, claim)| match place {
            Ok(key) => graph.find_key(key),
            // What is not there is no disk, or a missing one that something needs.
            Err(Gap::Missing) => graph.find_key(&Key::name(bytes(&claim.path))),
            Err(Gap::NotAFile(_) | Gap::Refused(_)) => None,
            Err(Gap::Unreadable(reason)) => {
                let reason =
                    format!("{} names it, and it could not be looked at: {reason}", claim.owner);
                let path = claim.path.clone();
                doubts.push(Doubt { path, kind: DoubtKind::Owner, reason });
                None
            }
        });
        let disks = disks.collect();
        Owned::new(owners, disks, doubts)
    }

    /// Finds the images asked about; each is a disk whatever it holds.
    fn place_images(&self, assembly: &mut Assembly<'_>) -> Step<Vec<Placed>> {
        let place = |image: &PathBuf| {
            Ok(Placed(match assembly.locate(0, bytes(image))? {
                Place::File(file) => {
                    assembly.tables.want(file);
                    Ok(assembly.tables.key(file))
                }
                Place::Nowhere { path, gap } => {
                    let error = match gap {
                        Gap::Missing => ImageError::NotFound,
                        Gap::NotAFile(kind) => ImageError::NotAFile(kind.to_string()),
                        Gap::Refused(reason) => ImageError::Refused(reason),
                        Gap::Unreadable(reason) => ImageError::Unreadable(reason),
                    };
                    Err((Key::name(path), error))
                }
            }))
        };
        self.images.iter().map(place).collect()
    }
}

/// Where the images asked about are, and the disks of owners.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Named {
    places: Vec<Placed>,
    pub(super) claims: Vec<Result<Key, Gap>>,
}

impl Named {
    /// The files that are named.
    pub(super) fn keys(&self) -> impl Iterator<Item = &Key> {
        let places = self.places.iter().filter_map(|place| place.0.as_ref().ok());
        places.chain(self.claims.iter().filter_map(|claim| claim.as_ref().ok()))
    }

    /// The images in a graph.
    pub(super) fn images(&self, graph: &Graph) -> Vec<Result<DiskId, ImageError>> {
        self.places.iter().map(|place| place.id(graph)).collect()
    }
}

/// Where an image that was asked about is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Placed(Result<Key, (Key, ImageError)>);

impl Placed {
    /// A missing image that something refers to is a node like any other.
    fn id(&self, graph: &Graph) -> Result<DiskId, ImageError> {
        match &self.0 {
            Ok(key) => graph.find_key(key).ok_or(ImageError::NotFound),
            Err((key, error)) => graph.find_key(key).ok_or_else(|| error.clone()),
        }
    }
}
