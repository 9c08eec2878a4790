//! What was away for a moment, just when somebody looked for it: a graph that is kept current finds it again.

use std::ffi::CStr;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use super::fleet::Fleet;
use super::live::{live, live_of, refresh, settled};
use crate::DoubtKind;
use crate::scan::content::Content;
use crate::scan::entries::unreadable;
use crate::scan::orders::Gate;
use crate::scan::part::Part;
use crate::scan::work::Place;
use crate::scan::{Control, Live};
use crate::sys::Directory;

/// Does something once, when somebody is about to look at a path.
struct Once<F> {
    path: PathBuf,
    is_due: AtomicBool,
    act: F,
}

impl<F: Fn() + Send + Sync + 'static> Once<F> {
    /// Not before it is told to.
    fn at(path: PathBuf, act: F) -> Arc<Self> {
        Arc::new(Self { path, is_due: AtomicBool::new(false), act })
    }

    fn arm(&self) {
        self.is_due.store(true, Ordering::SeqCst);
    }

    fn has_acted(&self) -> bool {
        !self.is_due.load(Ordering::SeqCst)
    }
}

impl<F: Fn() + Send + Sync + 'static> Gate for Once<F> {
    fn pass(&self, directory: &Path, name: Option<&CStr>) {
        let name = name.map(|name| name.to_str().unwrap());
        let path = name.map_or(directory.to_owned(), |name| directory.join(name));
        if path == self.path && self.is_due.swap(false, Ordering::SeqCst) {
            (self.act)();
        }
    }
}

/// Lets nobody through to a path until it is told to.
#[derive(Default)]
struct Mute {
    path: PathBuf,
    has_answered: Mutex<bool>,
    answers: Condvar,
}

impl Mute {
    fn answer(&self) {
        *self.has_answered.lock().unwrap() = true;
        self.answers.notify_all();
    }
}

impl Gate for Mute {
    fn pass(&self, directory: &Path, name: Option<&CStr>) {
        let name = name.map(|name| name.to_str().unwrap());
        if name.map_or(directory.to_owned(), |name| directory.join(name)) == self.path {
            let has_answered = self.has_answered.lock().unwrap();
            drop(self.answers.wait_while(has_answered, |has_answered| !*has_answered).unwrap());
        }
    }
}

fn is_as_fresh(live: &mut Live, fleet: &Fleet) {
    refresh(live);
    assert_eq!(settled(live.graph()), settled(&fleet.fresh().graph));
}

/// A directory above it was renamed and renamed back: those above are told of that, and are what they were.
#[test]
fn a_directory_that_is_looked_for_while_the_one_above_it_is_away_is_found_when_that_is_back() {
    for is_new in [false, true] {
        let fleet = Arc::new(Fleet::told());
        fleet.folder("in/a/b");
        let (from, to) = (fleet.path("in/a"), fleet.path("in/away"));
        let gate = Once::at(fleet.path("in/a/b/x"), {
            let (from, to) = (from.clone(), to.clone());
            move || std::fs::rename(&from, &to).unwrap()
        });
        let make = || {
            fleet.folder("in/a/b/x");
            fleet.image("in/a/b/x/over", Some("../base"));
        };
        if !is_new {
            make();
            gate.arm();
        }
        let Some(mut live) = live_of(fleet.scan().gate(Arc::clone(&gate) as Arc<dyn Gate>)) else {
            return;
        };
        if is_new {
            make();
            gate.arm();
            refresh(&mut live);
        }
        assert!(gate.has_acted());
        std::fs::rename(&to, &from).unwrap();
        is_as_fresh(&mut live, &fleet);
        assert!(live.graph().find(&fleet.path("in/a/b/x/over")).is_some());
        is_as_fresh(&mut live, &fleet);
    }
}

/// It was believed to lead where it had led before, and nobody had walked there.
#[test]
fn a_link_whose_directory_is_away_for_a_while_leads_there_again_when_that_is_back() {
    let fleet = Fleet::told();
    fleet.folder("in");
    fleet.folder("out/d");
    fleet.image("out/d/base", None);
    symlink("../out/d", fleet.path("in/link")).unwrap();
    let Some(mut live) = live(&fleet) else { return };
    is_as_fresh(&mut live, &fleet);
    for (from, to) in [("out/d", "out/e"), ("out/e", "out/d"), ("out", "else"), ("else", "out")] {
        std::fs::rename(fleet.path(from), fleet.path(to)).unwrap();
        is_as_fresh(&mut live, &fleet);
    }
    assert!(live.graph().find(&fleet.path("in/link/base")).is_some());
}

/// The same, where it is away only while it is looked at.
#[test]
fn a_link_whose_directory_is_away_while_it_is_looked_at_is_looked_at_again() {
    let fleet = Arc::new(Fleet::told());
    fleet.folder("in/a");
    fleet.folder("out/d");
    fleet.image("out/d/base", None);
    symlink("../out/d", fleet.path("in/link")).unwrap();
    let (from, to) = (fleet.path("out/d"), fleet.path("out/e"));
    let gate = Once::at(fleet.path("in/link"), {
        let (from, to) = (from.clone(), to.clone());
        move || std::fs::rename(&from, &to).unwrap()
    });
    let scan = fleet.scan().gate(Arc::clone(&gate) as Arc<dyn Gate>);
    let Some(mut live) = live_of(scan) else { return };
    is_as_fresh(&mut live, &fleet);
    // By a walk, or by a look at the link alone.
    for act in ["walk", "look"] {
        match act {
            "walk" => symlink("a", fleet.path("in/other")).unwrap(),
            _ => std::fs::rename(&from, fleet.path("out/f")).unwrap(),
        }
        if act == "look" {
            std::fs::rename(fleet.path("out/f"), &from).unwrap();
            std::fs::remove_file(fleet.path("in/link")).unwrap();
            symlink("../out/d", fleet.path("in/link")).unwrap();
        }
        gate.arm();
        refresh(&mut live);
        assert!(gate.has_acted(), "{act}");
        std::fs::rename(&to, &from).unwrap();
        is_as_fresh(&mut live, &fleet);
        assert!(live.graph().find(&fleet.path("in/link/base")).is_some(), "{act}");
    }
}

/// What was behind it stayed in the graph.
#[test]
fn a_link_to_a_directory_that_is_replaced_by_one_that_leads_nowhere_leads_nowhere() {
    let fleet = Fleet::told();
    fleet.folder("in");
    fleet.folder("out/d");
    fleet.image("out/d/base", None);
    symlink("../out/d", fleet.path("in/link")).unwrap();
    fleet.image("in/over", Some("link/base"));
    let Some(mut live) = live(&fleet) else { return };
    for target in ["nowhere", "../out/d", "/dev/null", "../out/d", "over", "../out/d", "link"] {
        symlink(target, fleet.path("in/new")).unwrap();
        std::fs::rename(fleet.path("in/new"), fleet.path("in/link")).unwrap();
        is_as_fresh(&mut live, &fleet);
    }
}

/// Nobody listed the directory again, so nobody found that file, and nobody said so any more.
#[test]
fn a_file_that_did_not_answer_is_a_doubt_until_it_does() {
    let fleet = Arc::new(Fleet::some());
    let gate = Arc::new(Mute { path: fleet.path("in/deep/3"), ..Mute::default() });
    let patience = Duration::from_millis(1500);
    let scan = || fleet.scan().patience(patience).gate(Arc::clone(&gate) as Arc<dyn Gate>);
    let doubted = |graph: &crate::Graph| {
        let doubts = &graph.coverage().doubts;
        let of = |doubt: &&crate::Doubt| doubt.kind == DoubtKind::File;
        doubts.iter().filter(of).map(|doubt| doubt.path.clone()).collect::<Vec<_>>()
    };
    let first = scan().run(&Control::default()).unwrap();
    assert_eq!(doubted(&first.graph), [fleet.path("in/deep/3")]);
    // Of what a scan has learned another one makes use.
    let second = scan().run_after(&first.record, &Control::default()).unwrap();
    assert_eq!(doubted(&second.graph), [fleet.path("in/deep/3")]);
    let Ok(mut live) = Live::begin(scan(), &Control::default()) else { return };
    refresh(&mut live);
    assert_eq!(doubted(live.graph()), [fleet.path("in/deep/3")]);
    gate.answer();
    is_as_fresh(&mut live, &fleet);
    let again = scan().run_after(&second.record, &Control::default()).unwrap();
    assert_eq!(settled(&again.graph), settled(&fleet.fresh().graph));
    assert!(live.graph().find(&fleet.path("in/deep/3")).is_some());
}

/// A directory on the way there could not be passed when it was opened, and can be by now: it was taken for nothing, and
/// nobody asked about it again.
#[test]
fn what_could_not_be_opened_and_is_a_directory_by_now_is_not_taken_for_nothing() {
    let fleet = Fleet::told();
    fleet.folder("in/d");
    symlink("d", fleet.path("in/link")).unwrap();
    symlink("/dev/null", fleet.path("in/null")).unwrap();
    let directory = Directory::open(&fleet.path("in")).unwrap();
    let path = fleet.path("in").into();
    let at = Place { is_trusted: false, directory, path, is_remote: false, known: None };
    let refused = std::io::Error::from(std::io::ErrorKind::PermissionDenied);
    let mut part = Part::default();
    for (name, is_symlink) in [(c"d", false), (c"link", true), (c"null", true), (c"gone", true)] {
        unreadable(&at, name, is_symlink, &refused, &mut part);
    }
    let kept = part.entries.iter().map(|entry| (part.name(entry), &entry.content));
    let kept: Vec<(&[u8], bool)> =
        kept.map(|(name, content)| (name, matches!(content, Content::Unreadable(_)))).collect();
    let expected: [(&[u8], bool); 4] =
        [(b"d", true), (b"link", true), (b"null", false), (b"gone", true)];
    assert_eq!(kept, expected);
    assert!(part.entries.iter().all(|entry| entry.measures.is_none() && !entry.is_told()));
}

/// Makes an image when a directory was opened, and is not watched yet.
struct Between {
    fleet: Arc<Fleet>,
    directory: PathBuf,
}

impl Gate for Between {
    fn pass(&self, _: &Path, _: Option<&CStr>) {}

    fn opened(&self, directory: &Path) {
        if directory == self.directory {
            self.fleet.image("in/deep/new", Some("5"));
        }
    }
}

/// The directory was as the index said when it was asked, and the watch was set after that.
#[test]
fn what_comes_into_a_directory_before_it_is_watched_is_found_by_who_starts_from_an_index() {
    let fleet = Arc::new(Fleet::some());
    let before = fleet.fresh().record;
    let directory = fleet.path("in/deep");
    let gate = Arc::new(Between { fleet: Arc::clone(&fleet), directory });
    let live = Live::begin_after(fleet.scan().gate(gate), &before, &Control::default()).unwrap();
    assert!(live.graph().find(&fleet.path("in/deep/new")).is_some());
    assert_eq!(settled(live.graph()), settled(&fleet.fresh().graph));
}
