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
        spelling: Spelling,
        format: Option<&'static str>,
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

/// How a header names a file.
#[derive(Clone, Copy, Debug)]
pub(super) enum Spelling {
    Absolute,
    /// From the image's own directory.
    Relative,
    /// From QEMU's working directory, whatever that is.
    Anywhere,
    Json,
    Remote,
}

/// One of a few names in one of a few directories, so that they meet often.
pub(super) type Place = (u8, u8);

fn place() -> impl Strategy<Value = Place> {
    (0..3_u8, 0..5_u8)
}

fn spelling() -> impl Strategy<Value = Spelling> {
    prop_oneof![
        4 => Just(Spelling::Absolute),
        4 => Just(Spelling::Relative),
        1 => Just(Spelling::Anywhere),
        1 => Just(Spelling::Json),
        1 => Just(Spelling::Remote),
    ]
}

fn format() -> impl Strategy<Value = Option<&'static str>> {
    let rare = vec![Some("raw"), Some("vmdk"), Some("luks"), None, Some("nonsense")];
    prop_oneof![4 => Just(Some("qcow2")), 1 => proptest::sample::select(rare)]
}

impl Spelling {
    /// The name of `to` in the header of an image at `from`.
    fn spell(self, fleet: &Fleet, from: Place, to: Place) -> String {
        let absolute = fleet.path(&name(to)).to_str().unwrap().to_owned();
        match self {
            Self::Absolute => absolute,
            // Beside it, below it, above it: not out of the scope and in again.
            Self::Relative => match name(to).strip_prefix(&format!("{}/", folder(from.0))) {
                Some(below) => below.to_owned(),
                None => format!("{}{}", "../".repeat(usize::from(from.0 - to.0)), to.1),
            },
            Self::Anywhere => format!("file:{}", to.1),
            Self::Json => {
                format!(
                    r#"json:{{"driver":"qcow2","file":{{"driver":"file","filename":"{absolute}"}}}}"#
                )
            }
            Self::Remote => format!("nbd://host/{}", to.1),
        }
    }
}

pub(super) fn acts() -> impl Strategy<Value = Act> {
    let two = || (place(), place());
    prop_oneof![
        6 => (place(), proptest::option::of(place()), spelling(), format()).prop_map(
            |(at, backing, spelling, format)| Act::Write { at, backing, spelling, format }
        ),
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
            Self::Write { at, backing, spelling, format } => {
                let names = backing.map(|to| spelling.spell(fleet, *at, to));
                if path(at).parent().unwrap().is_dir() && !path(at).is_dir() {
                    let _through_a_link = std::fs::remove_file(path(at));
                    fleet.image_as(&name(*at), names.as_deref(), *format);
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
