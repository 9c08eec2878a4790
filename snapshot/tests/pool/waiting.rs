//! Who waits for an image keeps nobody from the pool.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use diskdag_graph::{InUse, Usage};
use diskdag_snapshot::host::Clock;
use diskdag_snapshot::{Control, Create, ErrorKind, Host, Pool};

use crate::support::{Fleet, name};

/// A disk that is in use until somebody says otherwise.
struct Busy {
    disk: PathBuf,
    is_free: Arc<AtomicBool>,
}

impl Usage for Busy {
    fn in_use(&self, path: &Path) -> InUse {
        match path == self.disk && !self.is_free.load(Ordering::SeqCst) {
            true => InUse::Yes { detail: "is in use by a test".to_owned(), writes: true },
            false => InUse::No,
        }
    }
}

/// Time that passes only when somebody waits, and counts how often.
struct Counted(Arc<AtomicU64>);

impl Clock for Counted {
    fn now(&self) -> jiff::Timestamp {
        jiff::Timestamp::UNIX_EPOCH
    }

    fn pause(&self, _: Duration) {
        self.0.fetch_add(1, Ordering::SeqCst);
        std::thread::yield_now();
    }
}

#[test]
fn others_write_to_the_pool_while_an_image_is_waited_for() {
    let fleet = Fleet::new();
    let (used, other) = (fleet.image("vm.qcow2", b"one"), fleet.image("b.qcow2", b"two"));
    let (is_free, pauses) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
    let usage = Busy { disk: used.clone(), is_free: Arc::clone(&is_free) };
    let host = Host {
        usage: Arc::new(usage),
        clock: Arc::new(Counted(Arc::clone(&pauses))),
        ..fleet.pool.host().clone()
    };
    let (waiting, working) =
        (Pool::find(&host, &fleet.dir).unwrap(), Pool::find(&host, &fleet.dir).unwrap());
    let patient = Control { image_wait: Duration::MAX, ..Control::default() };
    std::thread::scope(|scope| {
        let waiter = scope.spawn(|| waiting.create(&Create::new(name("s1"), vec![used]), &patient));
        while pauses.load(Ordering::SeqCst) == 0 {
            std::thread::yield_now();
        }
        let hasty = Control { pool_wait: Duration::ZERO, ..Control::default() };
        // Its look at the pool comes and goes: it is met there now and then, and never for long.
        let created = loop {
            match working.create(&Create::new(name("s1"), vec![other.clone()]), &hasty) {
                Err(error) if matches!(error.kind, ErrorKind::Locked { .. }) => {}
                other => break other,
            }
        };
        created.unwrap();
        assert!(!waiter.is_finished(), "the image is still in use");
        is_free.store(true, Ordering::SeqCst);
        waiter.join().unwrap().unwrap();
    });
    assert_eq!(fleet.pool.state().unwrap().snapshots.len(), 2);
}

#[test]
fn who_waits_for_an_image_can_be_stopped() {
    let fleet = Fleet::new();
    let disk = fleet.image("vm.qcow2", b"one");
    let usage = Busy { disk: disk.clone(), is_free: Arc::new(AtomicBool::new(false)) };
    let pauses = Arc::new(AtomicU64::new(0));
    let clock = Arc::new(Counted(Arc::clone(&pauses)));
    let host = Host { usage: Arc::new(usage), clock, ..fleet.pool.host().clone() };
    let pool = Pool::find(&host, &fleet.dir).unwrap();
    let stop = Arc::new(AtomicBool::new(false));
    let call = diskdag_graph::scan::Control::default().cancelled_by(Arc::clone(&stop));
    let control = Control { image_wait: Duration::MAX, ..Control::from(call) };
    std::thread::scope(|scope| {
        let waiter = scope.spawn(|| pool.create(&Create::new(name("s1"), vec![disk]), &control));
        while pauses.load(Ordering::SeqCst) == 0 {
            std::thread::yield_now();
        }
        stop.store(true, Ordering::SeqCst);
        let error = waiter.join().unwrap().unwrap_err();
        assert!(matches!(error.kind, ErrorKind::Stopped), "{error:?}");
    });
    assert!(fleet.pool.state().unwrap().snapshots.is_empty());
}
