//! Where names cannot be exchanged a live disk has a second name for a while. Whoever builds on that name keeps what
//! they stand on.

use std::path::Path;

use diskdag_snapshot::fs::Fs;
use diskdag_snapshot::pool::Config;
use diskdag_snapshot::sim::{Call, Habits, SimFs};
use diskdag_snapshot::{Create, Outcome, Pool, Recovered};

use crate::simulated::{host, image};
use crate::support::{Fleet, name};

/// NFS.
const BY_LINKS: Habits = Habits { exchange: false, no_replace: false, ..Habits::PLAIN };

/// A pool as a kill leaves it when the live disk has its second name, and the overlay waits.
fn killed_when_linked() -> SimFs {
    let fs = SimFs::on(SimFs::default().disk(), BY_LINKS);
    fs.create_dir(Path::new("/p")).unwrap();
    image(&fs, "/p/vm.qcow2", None);
    let pool = Pool::init(&host(&fs), Path::new("/p"), &Config::default()).unwrap();
    fs.record();
    let create = Create::new(name("s1"), vec!["/p/vm.qcow2".into()]);
    pool.create(&create, &Fleet::control()).unwrap();
    let moments = fs.recorded();
    let replaces = |call| call == Call::Replace;
    let linked = moments.iter().find(|moment| {
        moment
            .step
            .as_ref()
            .is_some_and(|step| replaces(step.call) && step.path.starts_with("/p/.vm@1.new"))
    });
    SimFs::on(linked.expect("the overlay replaces the live name").disk.killed(), BY_LINKS)
}

fn recover(fs: &SimFs) -> Recovered {
    let pool = Pool::find(&host(fs), Path::new("/p")).unwrap();
    pool.recover(&Fleet::control()).unwrap()
}

fn is_there(fs: &SimFs, path: &str) -> bool {
    fs.stat(Path::new(path)).is_ok()
}

#[test]
fn an_overlay_on_the_second_name_of_a_live_disk_keeps_its_backing_file() {
    let fs = killed_when_linked();
    image(&fs, "/p/theirs.qcow2", Some("vm@1-s1.qcow2"));
    let asked = recover(&fs);
    assert_eq!(asked.actions[0].outcome, Outcome::Kept);
    let [question] = &asked.questions[..] else { panic!("{asked:?}") };
    assert!(question.contains("theirs.qcow2 stands on it"), "{question}");
    assert!(is_there(&fs, "/p/vm@1-s1.qcow2"));
    assert_eq!(recover(&fs).questions, asked.questions, "and it goes on asking");
    // Once nobody stands on it any more it is undone.
    fs.remove(Path::new("/p/theirs.qcow2")).unwrap();
    let undone = recover(&fs);
    assert_eq!(undone.actions[0].outcome, Outcome::Undone);
    assert!(undone.questions.is_empty());
    assert!(!is_there(&fs, "/p/vm@1-s1.qcow2"));
    assert!(is_there(&fs, "/p/vm.qcow2"));
}

/// Whoever names the disk itself stands on a name that stays.
#[test]
fn an_overlay_on_the_live_name_is_in_nobodys_way() {
    let fs = killed_when_linked();
    image(&fs, "/p/theirs.qcow2", Some("vm.qcow2"));
    let undone = recover(&fs);
    assert_eq!(undone.actions[0].outcome, Outcome::Undone, "{undone:?}");
    assert!(is_there(&fs, "/p/vm.qcow2") && !is_there(&fs, "/p/vm@1-s1.qcow2"));
}

/// Between the look and the removal of the name somebody builds upon it: it comes back.
#[test]
fn an_overlay_that_appears_while_the_second_name_goes_gets_it_back() {
    let start = killed_when_linked();
    let look = SimFs::on(start.disk(), BY_LINKS);
    look.trace();
    recover(&look);
    let steps = look.traced();
    let removes = steps
        .iter()
        .find(|step| step.call == Call::Remove && step.path == Path::new("/p/vm@1-s1.qcow2"));
    let fs = SimFs::on(start.disk(), BY_LINKS);
    fs.interfere_at(removes.unwrap().number, |outside| {
        image(outside, "/p/theirs.qcow2", Some("vm@1-s1.qcow2"));
    });
    let asked = recover(&fs);
    assert_eq!(asked.actions[0].outcome, Outcome::Kept, "{asked:?}");
    assert!(is_there(&fs, "/p/vm@1-s1.qcow2"));
    fs.remove(Path::new("/p/theirs.qcow2")).unwrap();
    assert_eq!(recover(&fs).actions[0].outcome, Outcome::Undone);
    assert!(!is_there(&fs, "/p/vm@1-s1.qcow2"));
}
