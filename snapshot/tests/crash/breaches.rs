//! Each law, broken by hand: it has to say so.

use std::path::{Path, PathBuf};

use diskdag_snapshot::fs::{Access, Fs};
use diskdag_snapshot::sim::{Disk, Habits, SimFs};
use diskdag_snapshot::{Create, Recovered};

use crate::foreign::files;
use crate::guest;
use crate::images::Reader;
use crate::laws::{self, Wanted};
use crate::picture::View;
use crate::world::{self, DISKS, FOLDER, OTHERS, control, fleet, name, paths, pattern};

/// The fleet after `act`, and what is wanted of the fleet as it was.
struct Bench {
    reader: Reader,
    fs: SimFs,
    wanted: Wanted,
}

impl Bench {
    fn new() -> Self {
        let fs = SimFs::on(fleet(), Habits { root: true, ..Habits::default() });
        let mut reader = Reader::default();
        let before = View::of(&fs.disk(), &mut reader).picture;
        let after = before.clone();
        let wanted = Wanted { before, after, files: files(&fs), ..Wanted::default() };
        Self { reader, fs, wanted }
    }

    fn view(&mut self) -> View {
        View::of(&self.fs.disk(), &mut self.reader)
    }

    /// The laws that are broken now, each once.
    fn broken(&mut self) -> Vec<u32> {
        let view = self.view();
        let broken = laws::after_recovery(&view, &self.wanted, &mut self.reader);
        let mut laws: Vec<_> = broken.into_iter().map(|(law, _)| law).collect();
        laws.sort_unstable();
        laws.dedup();
        laws
    }

    fn remove(&self, path: &str) {
        self.fs.remove(Path::new(path)).expect("it is there");
    }
}

fn vm() -> &'static Path {
    Path::new(DISKS[0])
}

#[test]
fn the_fleet_as_it_is_keeps_all_laws() {
    assert_eq!(Bench::new().broken(), [0; 0]);
}

#[test]
fn law_1_a_live_path_that_is_gone() {
    let mut bench = Bench::new();
    bench.fs.rename(vm(), Path::new("/p/elsewhere.qcow2")).unwrap();
    assert!(bench.broken().contains(&1));
}

#[test]
fn law_1_a_live_disk_that_does_not_open() {
    let mut bench = Bench::new();
    let file = bench.fs.open(vm(), Access::Write).unwrap();
    file.set_len(100).unwrap();
    assert!(bench.broken().contains(&1));
}

#[test]
fn law_1_metadata_that_is_torn() {
    let mut bench = Bench::new();
    let file = bench.fs.open(vm(), Access::Write).unwrap();
    // The refcounts.
    file.write_at(1024, &[0; 512]).unwrap();
    assert!(bench.broken().contains(&1));
}

#[test]
fn law_2_a_guest_that_reads_something_else() {
    let mut bench = Bench::new();
    guest::write(&bench.fs, vm(), 0, &[0xff; 10]).unwrap();
    assert!(bench.broken().contains(&2));
}

#[test]
fn law_2_a_disk_that_changed_under_who_relies_on_it() {
    let mut bench = Bench::new();
    let content = bench.view().picture.live[vm()].clone().unwrap();
    guest::write(&bench.fs, vm(), 0, &pattern(1)[..10]).unwrap();
    bench.wanted.after = bench.view().picture;
    bench.wanted.relied.insert(vm().to_owned(), content);
    assert!(bench.broken().contains(&2));
}

#[test]
fn law_2_a_live_disk_that_only_its_owner_can_read() {
    let mut bench = Bench::new();
    bench.wanted.modes.insert((vm().to_owned(), 0o644));
    assert_eq!(bench.broken(), [0; 0]);
    bench.fs.open(vm(), Access::Write).unwrap().set_mode(0o600).unwrap();
    assert_eq!(bench.broken(), [2]);
}

#[test]
fn law_3_a_snapshot_that_is_gone() {
    let mut bench = Bench::new();
    bench.remove("/p/vm@2-k1.qcow2");
    assert!(bench.broken().contains(&3));
}

#[test]
fn law_3_a_snapshot_that_reads_something_else() {
    let mut bench = Bench::new();
    guest::write(&bench.fs, Path::new("/p/vm@2-k1.qcow2"), 0, &[0xff; 10]).unwrap();
    assert!(bench.broken().contains(&3));
}

#[test]
fn law_3_a_catalogue_that_cannot_be_read() {
    let mut bench = Bench::new();
    let log = Path::new(FOLDER).join("catalogue.log");
    bench.fs.open(&log, Access::Write).unwrap().set_len(10).unwrap();
    assert!(bench.broken().contains(&3));
}

#[test]
fn law_4_a_backing_file_that_is_gone() {
    let mut bench = Bench::new();
    bench.fs.rename(Path::new("/p/vm@1-s1.qcow2"), Path::new("/p/old.qcow2")).unwrap();
    assert!(bench.broken().contains(&4));
}

#[test]
fn law_4_an_image_that_is_its_own_backing_file() {
    let mut bench = Bench::new();
    guest::make(&bench.fs, Path::new("/p/.x@3.new"), Some(".x@3.new")).unwrap();
    assert!(bench.broken().contains(&4));
}

#[test]
fn law_5_an_operation_that_returned_ok_and_is_lost() {
    let mut bench = Bench::new();
    bench.wanted.after.trash.clear();
    bench.wanted.done = true;
    assert_eq!(bench.broken(), [5]);
}

#[test]
fn law_6_an_operation_that_is_neither_finished_nor_undone() {
    let mut bench = Bench::new();
    let pool = world::pool(&bench.fs, 1).unwrap();
    pool.create(&Create::new(name("s2"), paths(&DISKS[..1])), &control()).unwrap();
    let one = bench.view().picture;
    pool.create(&Create::new(name("s2"), paths(&DISKS[1..2])), &control()).unwrap();
    bench.wanted.after = bench.view().picture;
    assert_eq!(bench.broken(), [0; 0]);
    bench.wanted.before = one;
    bench.wanted.after.snapshots.clear();
    assert_eq!(bench.broken(), [3, 6]);
}

#[test]
fn law_6_a_set_that_was_cut_and_is_not_marked() {
    let mut bench = Bench::new();
    let pool = world::pool(&bench.fs, 1).unwrap();
    pool.create(&Create::new(name("s2"), paths(&DISKS[..1])), &control()).unwrap();
    let after = bench.view().picture;
    bench.wanted.after = after.clone();
    let other = after.snapshots[&(PathBuf::from(DISKS[1]), "s1".to_owned())].clone();
    bench.wanted.after.snapshots.insert((DISKS[1].into(), "s2".into()), other);
    bench.wanted.foreign = true;
    assert_eq!(bench.broken(), [6]);
}

#[test]
fn law_6_a_disk_that_was_replaced_while_it_was_open() {
    let mut bench = Bench::new();
    bench.wanted.open.insert(vm().to_owned(), 12345);
    assert_eq!(bench.broken(), [6]);
}

#[test]
fn law_6_a_recovery_that_does_something_the_second_time() {
    let mut bench = Bench::new();
    let (before, wanted) = (bench.view(), bench.wanted.clone());
    let same = |first: &Recovered, second: &Recovered, after: &View| {
        laws::recovery_is_idempotent(first, (&before, after), second, &wanted).len()
    };
    let calm = Recovered::default();
    let mut asks = Recovered::default();
    asks.questions.push("which one?".to_owned());
    let still = bench.view();
    assert_eq!(same(&calm, &calm, &still), 0);
    assert_eq!(same(&asks, &asks, &still), 1, "nobody interfered, and it asks");
    assert_eq!(same(&calm, &asks, &still), 1);
    guest::make(&bench.fs, Path::new("/p/new.qcow2"), None).unwrap();
    let changed = bench.view();
    assert_eq!(same(&calm, &calm, &changed), 1, "it changes files");
    let pool = world::pool(&bench.fs, 1).unwrap();
    pool.create(&Create::new(name("s2"), paths(&DISKS[..1])), &control()).unwrap();
    let recorded = bench.view();
    assert_eq!(same(&calm, &calm, &recorded), 2, "and what is recorded");
}

#[test]
fn law_6_an_operation_that_stays_open() {
    let mut bench = Bench::new();
    let operation = crate::operations::create_one();
    let (moments, _) = crate::explore::crashes(&operation, None);
    let open = |disk: &Disk, reader: &mut Reader| {
        View::of(disk, reader).state.is_ok_and(|state| !state.intents.is_empty())
    };
    let crashed = moments.iter().find(|moment| open(&moment.disk, &mut bench.reader));
    let view = View::of(&crashed.unwrap().disk, &mut bench.reader);
    let calm = Recovered::default();
    let broken = laws::recovery_is_idempotent(&calm, (&view, &view), &calm, &bench.wanted);
    assert_eq!(broken.len(), 1, "{broken:?}");
}

#[test]
fn law_7_a_file_of_somebody_elses_that_is_gone() {
    let mut bench = Bench::new();
    bench.remove(OTHERS);
    assert!(bench.broken().contains(&7));
}

#[test]
fn law_8_a_leftover_that_is_listed_nowhere() {
    let mut bench = Bench::new();
    guest::make(&bench.fs, Path::new("/p/.x@3.trash"), None).unwrap();
    assert_eq!(bench.broken(), [8]);
}

#[test]
fn law_8_an_item_of_the_trash_that_is_not_there() {
    let mut bench = Bench::new();
    let trash = bench.view().still.files.into_keys();
    let trash = trash.into_iter().find(|path| path.extension().is_some_and(|it| it == "trash"));
    bench.fs.remove(&trash.unwrap()).unwrap();
    assert!(bench.broken().contains(&8));
}

#[test]
fn law_11_an_id_that_would_be_given_again() {
    let mut bench = Bench::new();
    guest::make(&bench.fs, Path::new("/p/vm@99-x.qcow2"), None).unwrap();
    assert!(bench.broken().contains(&11));
}
