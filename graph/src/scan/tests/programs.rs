use proptest::prelude::*;

use super::fleet::{Fleet, picture};
use crate::scan::Record;

/// What somebody does behind the scan's back.
#[derive(Clone, Debug)]
pub(super) enum Act {
    /// A new image, or an old one that names another backing file from now on.
    Write {
        at: Place,
        backing: Option<Place>,
    },
    Raw(Place),
    Move {
        from: Place,
        to: Place,
    },
    Remove(Place),
    Link {
        from: Place,
        to: Place,
    },
    Symlink {
        from: Place,
        to: Place,
    },
    MoveFolder {
        from: u8,
        to: u8,
    },
    RemoveFolder(u8),
    Outside {
        backing: Option<Place>,
    },
}

/// One of a few names in one of a few directories, so that they meet often.
pub(super) type Place = (u8, u8);

fn place() -> impl Strategy<Value = Place> {
    (0..3_u8, 0..5_u8)
}

pub(super) fn acts() -> impl Strategy<Value = Act> {
    let two = || (place(), place());
    prop_oneof![
        6 => (place(), proptest::option::of(place()))
            .prop_map(|(at, backing)| Act::Write { at, backing }),
        1 => place().prop_map(Act::Raw),
        2 => two().prop_map(|(from, to)| Act::Move { from, to }),
        2 => place().prop_map(Act::Remove),
        1 => two().prop_map(|(from, to)| Act::Link { from, to }),
        1 => two().prop_map(|(from, to)| Act::Symlink { from, to }),
        1 => (0..3_u8, 0..3_u8).prop_map(|(from, to)| Act::MoveFolder { from, to }),
        1 => (0..3_u8).prop_map(Act::RemoveFolder),
        1 => proptest::option::of(place()).prop_map(|backing| Act::Outside { backing }),
    ]
}

fn folder(number: u8) -> &'static str {
    ["in", "in/a", "in/a/b"][usize::from(number)]
}

/// The directories in which all happens.
pub(super) fn folders(fleet: &Fleet) {
    for folder in ["in", "in/a", "in/a/b", "out"] {
        fleet.folder(folder);
    }
}

fn name((directory, name): Place) -> String {
    format!("{}/{name}", folder(directory))
}

impl Act {
    /// Does it. What cannot be done (no such file, a directory in the way) is not done.
    pub(super) fn run(&self, fleet: &Fleet) {
        let path = |place: &Place| fleet.path(&name(*place));
        let touch = |place: &Place| fleet.touch(&path(place));
        match self {
            Self::Write { at, backing } => {
                let names = backing.map(|at| fleet.path(&name(at)));
                let names = names.as_ref().map(|path| path.to_str().unwrap());
                if path(at).parent().unwrap().is_dir() && !path(at).is_dir() {
                    let _through_a_link = std::fs::remove_file(path(at));
                    fleet.image(&name(*at), names);
                }
            }
            Self::Raw(at) => drop(std::fs::write(path(at), [3; 99])),
            Self::Move { from, to } => {
                drop(std::fs::rename(path(from), path(to)));
                touch(from);
            }
            Self::Remove(at) => drop(std::fs::remove_file(path(at))),
            Self::Link { from, to } => drop(std::fs::hard_link(path(from), path(to))),
            Self::Symlink { from, to } => {
                drop(std::os::unix::fs::symlink(path(from), path(to)));
            }
            Self::MoveFolder { from, to } => {
                drop(std::fs::rename(fleet.path(folder(*from)), fleet.path(folder(*to))));
                for number in [*from, *to] {
                    fleet.touch(&fleet.path(folder(number)));
                }
            }
            Self::RemoveFolder(number) => {
                if *number > 0 {
                    drop(std::fs::remove_dir_all(fleet.path(folder(*number))));
                    fleet.touch(&fleet.path(folder(*number)));
                    fleet.folder(folder(*number));
                }
            }
            Self::Outside { backing } => {
                let names = backing.map(|at| format!("../{}", name(at)));
                fleet.image("out/base", names.as_deref());
                fleet.image("in/outward", Some("../out/base"));
            }
        }
        for place in self.places() {
            touch(&place);
        }
    }

    fn places(&self) -> Vec<Place> {
        match self {
            Self::Write { at, .. } | Self::Raw(at) | Self::Remove(at) => vec![*at],
            Self::Move { from, to } | Self::Link { from, to } | Self::Symlink { from, to } => {
                vec![*from, *to]
            }
            _ => Vec::new(),
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    /// The oracle is a scan that knows nothing: after every few changes a rescan says what it says,
    /// and so does one that starts from a saved index.
    #[test]
    fn a_rescan_finds_what_a_scan_finds(
        program in proptest::collection::vec(proptest::collection::vec(acts(), 1..4), 1..10)
    ) {
        let fleet = Fleet::new();
        folders(&fleet);
        let mut record = fleet.fresh().record;
        let index = fleet.path("index");
        for acts in program {
            for act in &acts {
                act.run(&fleet);
            }
            let fresh = fleet.fresh();
            let again = fleet.again(&record);
            prop_assert_eq!(picture(&again.graph), picture(&fresh.graph), "after {:?}", acts);
            again.record.save(&index).unwrap();
            record = Record::load(&index).unwrap();
            prop_assert_eq!(picture(&fleet.again(&record).graph), picture(&fresh.graph));
        }
    }
}
