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
    SwapFolders {
        from: u8,
        to: u8,
    },
    /// Out of the scope.
    MoveFolderOut(u8),
    /// And in again, perhaps as another.
    MoveFolderIn {
        from: u8,
        to: u8,
    },
    RemoveFolder(u8),
    /// The same, and there is another at once.
    ReplaceFolder(u8),
    MakeFolder(u8),
    /// Who may do what in it; nothing to root.
    Rights {
        folder: u8,
        mode: u32,
    },
    SymlinkFolder {
        from: u8,
        to: Place,
    },
    Outside {
        at: Place,
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
    (0..FOLDERS, 0..5_u8)
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
            Self::Relative => relative(from, &name(to)),
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

/// What lies at `to`, from the directory of `from`.
fn relative(from: Place, to: &str) -> String {
    let (from, to): (Vec<&str>, Vec<&str>) =
        (folder(from.0).split('/').collect(), to.split('/').collect());
    let same = from.iter().zip(&to).take_while(|(one, other)| one == other).count();
    "../".repeat(from.len() - same) + &to[same..].join("/")
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
        2 => folders_two().prop_map(|(from, to)| Act::MoveFolder { from, to }),
        1 => folders_two().prop_map(|(from, to)| Act::SwapFolders { from, to }),
        1 => (1..FOLDERS).prop_map(Act::MoveFolderOut),
        1 => folders_two().prop_map(|(from, to)| Act::MoveFolderIn { from, to }),
        1 => (1..FOLDERS).prop_map(Act::RemoveFolder),
        1 => (1..FOLDERS).prop_map(Act::ReplaceFolder),
        1 => (1..FOLDERS).prop_map(Act::MakeFolder),
        1 => (1..FOLDERS, proptest::sample::select(vec![0o755, 0o755, 0o444, 0]))
            .prop_map(|(folder, mode)| Act::Rights { folder, mode }),
        1 => (0..FOLDERS, place()).prop_map(|(from, to)| Act::SymlinkFolder { from, to }),
        1 => (place(), proptest::option::of(place()))
            .prop_map(|(at, backing)| Act::Outside { at, backing }),
    ]
}

fn folders_two() -> impl Strategy<Value = (u8, u8)> {
    (1..FOLDERS, 1..FOLDERS)
}

const FOLDERS: u8 = 6;

fn folder(number: u8) -> &'static str {
    ["in", "in/a", "in/a/b", "in/c", "in/c/b", "in/d"][usize::from(number)]
}

/// The directories in which all happens, whatever lies in their way: what is written through a symbolic link to a
/// directory that is gone is a file under that directory's name.
pub(super) fn folders(fleet: &Fleet) {
    for folder in ["in", "in/a", "in/a/b", "in/c", "out"] {
        if !fleet.path(folder).is_dir() {
            drop(std::fs::remove_file(fleet.path(folder)));
        }
        fleet.folder(folder);
    }
}

fn name((directory, name): Place) -> String {
    format!("{}/{name}", folder(directory))
}

fn rights(folder: &std::path::Path, mode: u32) {
    use std::os::unix::fs::PermissionsExt as _;
    drop(std::fs::set_permissions(folder, std::fs::Permissions::from_mode(mode)));
}

/// Whether a file can be made there. One that is there goes, or what lies behind a link would be written to.
fn is_free(path: &std::path::Path) -> bool {
    drop(std::fs::remove_file(path));
    std::fs::File::create(path).is_ok()
}

/// All directories, open to all, so that they can be removed.
pub(super) struct Opened<'f>(pub(super) &'f Fleet);

impl Drop for Opened<'_> {
    fn drop(&mut self) {
        let mut below = vec![self.0.path("")];
        while let Some(path) = below.pop() {
            rights(&path, 0o755);
            let entries = std::fs::read_dir(&path).into_iter().flatten().flatten();
            let folders = entries.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()));
            below.extend(folders.map(|entry| entry.path()));
        }
    }
}

impl Act {
    /// Does it. What cannot be done (no such file, a directory in the way) is not done.
    pub(super) fn run(&self, fleet: &Fleet) {
        let path = |place: &Place| fleet.path(&name(*place));
        let touch = |place: &Place| fleet.touch(&path(place));
        match self {
            Self::Write { at, backing, spelling, format } => {
                let names = backing.map(|to| spelling.spell(fleet, *at, to));
                if is_free(&path(at)) {
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
            Self::SwapFolders { from, to } => {
                let aside = fleet.path("in/aside");
                let (from, to) = (fleet.path(folder(*from)), fleet.path(folder(*to)));
                drop(std::fs::rename(&to, &aside));
                drop(std::fs::rename(&from, &to));
                drop(std::fs::rename(&aside, &from));
                // Where one lay in the other.
                drop(std::fs::rename(&aside, &to));
                [from, to].iter().for_each(|path| fleet.touch(path));
            }
            Self::MoveFolderOut(number) => {
                let out = fleet.path(&format!("out/{number}"));
                drop(std::fs::rename(fleet.path(folder(*number)), out));
                fleet.touch(&fleet.path(folder(*number)));
            }
            Self::MoveFolderIn { from, to } => {
                let out = fleet.path(&format!("out/{from}"));
                drop(std::fs::rename(out, fleet.path(folder(*to))));
                fleet.touch(&fleet.path(folder(*to)));
            }
            Self::RemoveFolder(number) => {
                drop(std::fs::remove_dir_all(fleet.path(folder(*number))));
                fleet.touch(&fleet.path(folder(*number)));
            }
            Self::ReplaceFolder(number) => {
                drop(std::fs::remove_dir_all(fleet.path(folder(*number))));
                drop(std::fs::create_dir(fleet.path(folder(*number))));
                fleet.touch(&fleet.path(folder(*number)));
            }
            Self::MakeFolder(number) => {
                drop(std::fs::create_dir(fleet.path(folder(*number))));
                fleet.touch(&fleet.path(folder(*number)));
            }
            Self::Rights { folder: number, mode } => {
                rights(&fleet.path(folder(*number)), *mode);
            }
            Self::SymlinkFolder { from, to } => {
                drop(std::os::unix::fs::symlink(fleet.path(folder(*from)), path(to)));
            }
            Self::Outside { at, backing } => {
                let names = backing.map(|at| format!("../{}", name(at)));
                fleet.image("out/base", names.as_deref());
                if is_free(&path(at)) {
                    fleet.image(&name(*at), Some(&relative(*at, "out/base")));
                }
            }
        }
        for place in self.places() {
            touch(&place);
        }
    }

    fn places(&self) -> Vec<Place> {
        match self {
            Self::Write { at, .. }
            | Self::Raw(at)
            | Self::Remove(at)
            | Self::SymlinkFolder { to: at, .. }
            | Self::Outside { at, .. } => vec![*at],
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
        let _opened = Opened(&fleet);
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
