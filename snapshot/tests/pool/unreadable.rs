//! What cannot be asked is not absent.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use diskdag_graph::State;
use diskdag_graph::scan::Control;
use diskdag_qcow2::create::{Backing, Create as NewImage};
use diskdag_snapshot::fs::{Fs, write_all};
use diskdag_snapshot::sim::{Call, Fault, Habits, SimFs, Step};
use diskdag_snapshot::survey::{FsSurvey, Question, Survey};

/// A pool of one overlay, whose backing file lies in a directory beside it.
fn fleet() -> SimFs {
    let fs = SimFs::default();
    for dir in ["/p", "/elsewhere"] {
        fs.create_dir(Path::new(dir)).unwrap();
    }
    let backing = Backing { name: b"/elsewhere/base.qcow2", format: Some(b"qcow2") };
    let overlay = NewImage { virtual_size: 1 << 20, backing: Some(backing), ..NewImage::default() };
    let base = NewImage { virtual_size: 1 << 20, ..NewImage::default() };
    for (path, image) in [("/p/vm.qcow2", overlay), ("/elsewhere/base.qcow2", base)] {
        let layout = image.build().unwrap();
        let file = fs.create(Path::new(path), 0o644).unwrap();
        for (offset, bytes) in &layout.pieces {
            write_all(&*file, *offset, bytes).unwrap();
        }
    }
    fs
}

fn base(fs: &SimFs) -> (State, usize) {
    let survey = FsSurvey::new(Arc::new(fs.clone()));
    let roots = [PathBuf::from("/p")];
    let question = Question { roots: &roots, ..Question::default() };
    let graph = survey.survey(&question, &Control::default()).unwrap().graph;
    let id = graph.find(Path::new("/elsewhere/base.qcow2")).unwrap();
    (graph.disk(id).unwrap().state(), graph.doubts().len())
}

#[test]
fn a_backing_file_that_cannot_be_asked_about_is_not_missing() {
    let fs = fleet();
    let anew = || SimFs::on(fs.disk(), Habits::default());
    let look = anew();
    look.trace();
    assert_eq!(base(&look), (State::Ok, 0));
    // The same look again, on a disk on which that question fails for good.
    let again = anew();
    let asks = |step: &&Step| step.call == Call::Stat && step.path.ends_with("base.qcow2");
    for step in look.traced().iter().filter(asks) {
        again.fail_at(step.number, Fault::Io);
    }
    let (state, doubts) = base(&again);
    assert_eq!(state, State::Unreadable);
    assert!(doubts > 0, "and it is said");
    // One that is not there is missing.
    fs.remove(Path::new("/elsewhere/base.qcow2")).unwrap();
    assert_eq!(base(&fs).0, State::Missing);
}
