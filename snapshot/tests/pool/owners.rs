//! A disk that an owner names is not free to go: not by rm, not by gc, not from the trash.

use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use diskdag_graph::scan;
use diskdag_snapshot::pool::Config;
use diskdag_snapshot::survey::{Question, ScanSurvey, Survey, Surveyed};
use diskdag_snapshot::{
    Collect, Create, Error, ErrorKind, Host, Pool, ReasonKind, Refusal, Remove, Restore, Selection,
};

use crate::support::{Fleet, name};

/// A pool whose owners are in a mapping; two snapshots of a disk, of which the second is needed by nothing.
fn fleet() -> (Fleet, std::path::PathBuf) {
    let fleet = Fleet::with(Config { owners: vec!["owners".into()], ..Config::default() });
    std::fs::write(fleet.dir.join("owners"), "").unwrap();
    let disk = fleet.image("vm.qcow2", b"first");
    for snapshot in ["s1", "s2"] {
        let create = Create::new(name(snapshot), vec![disk.clone()]);
        fleet.pool.create(&create, &Fleet::control()).unwrap();
    }
    let restore = Restore::new(name("s1"), vec![disk.clone()]);
    fleet.pool.restore(&restore, &Fleet::control()).unwrap();
    fleet.pool.purge_trash(None, &Fleet::control()).unwrap();
    (fleet, disk)
}

fn owned(fleet: &Fleet, path: &Path) {
    let line = format!("{}\tvm build-a\n", path.display());
    std::fs::write(fleet.dir.join("owners"), line).unwrap();
}

fn refused<T: std::fmt::Debug>(result: Result<T, Error>) -> Refusal {
    match result {
        Err(Error { kind: ErrorKind::Refused(refusal), .. }) => refusal,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_snapshot_that_an_owner_names_stays() {
    let (fleet, disk) = fleet();
    let file = fleet.dir.join("vm@2-s2.qcow2");
    owned(&fleet, &file);
    let mut remove = Remove::new(Selection::named(name("s2"), vec![disk.clone()]));
    let refusal = refused(fleet.pool.remove(&remove, &Fleet::control()));
    let [reason] = &refusal.reasons[..] else { panic!("{refusal:?}") };
    assert_eq!((reason.kind, &*reason.path), (ReasonKind::Owner, &*file));
    assert!(reason.detail.contains("vm build-a"), "{reason:?}");
    assert!(reason.advice.as_ref().is_some_and(|advice| advice.contains("--retire")));

    // Its name can go; its file stays for as long as the owner names it.
    remove.retire = true;
    fleet.pool.remove(&remove, &Fleet::control()).unwrap();
    let collected = fleet.pool.collect(&Collect::default(), &Fleet::control()).unwrap();
    assert!(collected.dead.is_empty(), "{collected:?}");
    assert_eq!(collected.kept[0].reason, "is a disk of vm build-a");
    owned(&fleet, &disk);
    let collected = fleet.pool.collect(&Collect::default(), &Fleet::control()).unwrap();
    assert_eq!(collected.dead.len(), 1, "{collected:?}");
    assert!(!file.exists());
}

#[test]
fn what_an_owner_names_is_not_purged() {
    let (fleet, disk) = fleet();
    let remove = Remove::new(Selection::named(name("s2"), vec![disk]));
    let done = fleet.pool.remove(&remove, &Fleet::control()).unwrap();
    owned(&fleet, &done.disks[0].path);
    let refusal = refused(fleet.pool.purge_trash(None, &Fleet::control()));
    assert_eq!(refusal.reasons[0].kind, ReasonKind::Owner);
    assert!(done.disks[0].path.exists());
}

/// An owner's file that cannot be read may name anything.
#[test]
fn owners_that_cannot_be_read_are_a_doubt() {
    let (fleet, disk) = fleet();
    std::fs::remove_file(fleet.dir.join("owners")).unwrap();
    let remove = Remove::new(Selection::named(name("s2"), vec![disk.clone()]));
    let refusal = refused(fleet.pool.remove(&remove, &Fleet::control()));
    assert!(refusal.is_unknown(), "{refusal:?}");
    assert!(refusal.doubts[0].path.ends_with("owners"), "{refusal:?}");
    // Whoever goes back does it for the owner.
    let restore = Restore::new(name("s1"), vec![disk]);
    fleet.pool.restore(&restore, &Fleet::control()).unwrap();
}

/// Somebody writes an owner's file between the two looks.
struct Meanwhile {
    survey: ScanSurvey,
    file: PathBuf,
    text: String,
}

impl Survey for Meanwhile {
    fn survey(&self, asked: &Question<'_>, control: &scan::Control) -> Result<Surveyed, ErrorKind> {
        self.survey.survey(asked, control)
    }

    fn again(
        &self,
        before: &Surveyed,
        asked: &Question<'_>,
        control: &scan::Control,
    ) -> Result<Surveyed, ErrorKind> {
        std::fs::write(&self.file, &self.text).unwrap();
        self.survey.again(before, asked, control)
    }

    fn follow(&self, images: &[PathBuf], control: &scan::Control) -> Result<Surveyed, ErrorKind> {
        self.survey.follow(images, control)
    }
}

fn removed_meanwhile(text: impl Fn(&Path) -> String) -> (Fleet, Refusal) {
    let (fleet, disk) = fleet();
    let file = fleet.dir.join("vm@2-s2.qcow2");
    let meanwhile = Meanwhile {
        survey: ScanSurvey::new(NonZeroUsize::MIN),
        file: fleet.dir.join("owners"),
        text: text(&file),
    };
    let host = Host { survey: Arc::new(meanwhile), ..Host::real(NonZeroUsize::MIN) };
    let pool = Pool::find(&host, &fleet.dir).unwrap();
    let remove = Remove::new(Selection::named(name("s2"), vec![disk]));
    let refusal = refused(pool.remove(&remove, &Fleet::control()));
    assert!(file.exists(), "it is back");
    (fleet, refusal)
}

#[test]
fn a_snapshot_that_an_owner_comes_to_name_while_it_goes_is_put_back() {
    let (_fleet, refusal) = removed_meanwhile(|file| format!("{}\tvm build-a\n", file.display()));
    let [reason] = &refusal.reasons[..] else { panic!("{refusal:?}") };
    assert!(reason.path.ends_with("vm@2-s2.qcow2"), "{reason:?}");
}

#[test]
fn a_snapshot_is_put_back_if_what_owners_say_cannot_be_read_any_more() {
    let (_fleet, refusal) = removed_meanwhile(|_| "<domain>".to_owned());
    assert!(refusal.is_unknown(), "{refusal:?}");
}

#[test]
fn a_configuration_that_makes_no_sense_is_an_error_and_not_an_empty_one() {
    let (fleet, disk) = fleet();
    let path = fleet.dir.join(".diskdag/config");
    std::fs::write(&path, "{\"roots\": \"/everything\"}").unwrap();
    let pool = Pool::find(&Host::real(NonZeroUsize::MIN), &fleet.dir).unwrap();
    let remove = Remove::new(Selection::named(name("s2"), vec![disk]));
    let error = pool.remove(&remove, &Fleet::control()).unwrap_err();
    assert!(matches!(&error.kind, ErrorKind::Config { path: of, .. } if *of == path), "{error:?}");
}
