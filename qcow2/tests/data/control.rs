//! Long calls that are stopped: soon, wherever they are, and without half an answer.

use std::io;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Instant;

use diskdag_qcow2::audit::{Audit, AuditError};
use diskdag_qcow2::chain::Policy;
use diskdag_qcow2::check::{CheckError, Options, check};
use diskdag_qcow2::compare::compare_controlled;
use diskdag_qcow2::measure::{MeasureError, Target, measure_controlled};
use diskdag_qcow2::source::Source;
use diskdag_qcow2::{Chain, Control, GuestOffset, Image, ImageError, Layer, Progress, Stop};

/// An image of 2048 L2 tables of 4 KiB, without a byte in memory: all its guest clusters follow each other in the
/// file. Sets a flag with a certain read, and counts those after it.
struct Endless {
    flag: Arc<AtomicBool>,
    at_read: u64,
    reads: Arc<AtomicU64>,
}

const CLUSTER: u64 = 1 << 12;
const TABLES: u64 = 2048;
const PER_TABLE: u64 = CLUSTER / 8;
/// The first cluster of the L1 table, of the L2 tables, and of data.
const L1: u64 = 3;
const L2: u64 = L1 + TABLES * 8 / CLUSTER;
const DATA: u64 = (L2 + TABLES) * CLUSTER;
const LENGTH: u64 = DATA + TABLES * PER_TABLE * CLUSTER;

impl Endless {
    fn new(at_read: u64) -> (Self, Arc<AtomicBool>, Arc<AtomicU64>) {
        let (flag, reads) = (Arc::<AtomicBool>::default(), Arc::<AtomicU64>::default());
        (Self { flag: flag.clone(), at_read, reads: reads.clone() }, flag, reads)
    }

    fn word(at: u64) -> u64 {
        match (at / CLUSTER, at % CLUSTER) {
            (0, 0) => u64::from_be_bytes(*b"QFI\xfb\0\0\0\x03"),
            (0, 16) => 12,
            (0, 24) => TABLES * PER_TABLE * CLUSTER,
            (0, 32) => TABLES,
            (0, 40) => L1 * CLUSTER,
            (0, 48) => CLUSTER,
            (0, 56) => 1 << 32,
            (0, 96) => (4 << 32) | 104,
            (L1..L2, entry) => {
                (1 << 63) | ((L2 + ((at / CLUSTER - L1) * CLUSTER + entry) / 8) * CLUSTER)
            }
            (table, entry) if (L2..L2 + TABLES).contains(&table) => {
                (1 << 63) | (DATA + ((table - L2) * PER_TABLE + entry / 8) * CLUSTER)
            }
            _ => 0,
        }
    }

    fn chain(self) -> Chain {
        Chain::new(vec![Layer::image(Image::open(self).unwrap().active().unwrap())])
    }
}

impl Source for Endless {
    fn len(&self) -> io::Result<u64> {
        Ok(LENGTH)
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.reads.fetch_add(1, Ordering::Relaxed);
        if read == self.at_read {
            self.flag.store(true, Ordering::Relaxed);
        }
        assert_eq!(offset % 8, 0, "tables are read by words");
        for (at, bytes) in (offset..).step_by(8).zip(buffer.chunks_mut(8)) {
            bytes.copy_from_slice(&Self::word(at).to_be_bytes()[..bytes.len()]);
        }
        Ok(buffer.len())
    }

    fn allocated(&self) -> io::Result<u64> {
        Ok(CLUSTER)
    }
}

fn is_stopped(error: &ImageError) -> bool {
    matches!(error, ImageError::Stopped(Stop::Cancelled))
}

#[test]
fn a_check_stops_within_a_read_or_two() {
    for (at_read, threads) in [(0, 1), (3, 1), (6, 1), (6, 2)] {
        let (source, flag, reads) = Endless::new(at_read);
        let mut options = Options::default();
        options.threads = threads;
        options.control = Control::default().cancelled_by(flag);
        let error = check(&source, LENGTH, &options).unwrap_err();
        assert!(matches!(error, CheckError::Stopped(Stop::Cancelled)), "{error}");
        assert!(reads.load(Ordering::Relaxed) <= at_read + 1 + threads as u64);
    }
}

#[test]
fn a_map_stops_in_the_midst_of_an_extent() {
    let (source, flag, reads) = Endless::new(10);
    let chain = source.chain();
    let control = Control::default().cancelled_by(flag);
    let mut extents = chain.extents().controlled_by(&control);
    // All of it is one extent: what came before it was stopped is a piece of it.
    let error = extents.find_map(Result::err).unwrap();
    assert!(is_stopped(&error.error), "{error}");
    assert!(extents.next().is_none());
    assert!(reads.load(Ordering::Relaxed) <= 300, "{reads:?}");
}

#[test]
fn a_measure_stops() {
    let (source, flag, reads) = Endless::new(10);
    let control = Control::default().cancelled_by(flag);
    let error = measure_controlled(&source.chain(), &Target::QCOW2, &control).unwrap_err();
    assert!(matches!(&error, MeasureError::Chain(error) if is_stopped(&error.error)), "{error}");
    assert!(reads.load(Ordering::Relaxed) <= 300, "{reads:?}");
}

#[test]
fn a_compare_stops() {
    let (source, flag, reads) = Endless::new(10);
    let control = Control::default().cancelled_by(flag);
    let (one, other) = (source.chain(), Endless::new(u64::MAX).0.chain());
    let error = compare_controlled(&one, &other, false, &control).unwrap_err();
    assert!(is_stopped(&error.error.error), "{error}");
    assert!(reads.load(Ordering::Relaxed) <= 300, "{reads:?}");
}

#[test]
fn an_audit_stops_within_a_read() {
    for at_read in [0, 3, 6, 100] {
        let (source, flag, reads) = Endless::new(at_read);
        let control = Control::default().cancelled_by(flag);
        let stopped = Audit::of_source(&source, b"", &control).unwrap_err();
        assert_eq!(stopped, Stop::Cancelled);
        assert!(reads.load(Ordering::Relaxed) <= at_read + 2, "{reads:?}");
    }
}

/// Whichever layer it is at, and although every single layer is small.
#[test]
fn an_audit_of_a_chain_stops_between_layers() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("top.qcow2");
    std::fs::write(&path, b"anything").unwrap();
    let control = Control::default().cancelled_by(Arc::new(AtomicBool::new(true)));
    let audit = |path| Audit::of_path_controlled(path, &Policy::nothing(), &control);
    assert!(matches!(audit(&path), Err(AuditError::Stopped(Stop::Cancelled))));
    let nowhere = directory.path().join("nowhere");
    assert!(matches!(audit(&nowhere), Err(AuditError::NotFound)));
}

#[test]
fn a_map_of_one_image_stops_in_the_midst_of_an_extent() {
    let (source, flag, reads) = Endless::new(10);
    let view = Image::open(source).unwrap().active().unwrap();
    let control = Control::default().cancelled_by(flag);
    let whole = GuestOffset(0)..GuestOffset(u64::MAX);
    let mut extents = view.map(whole).controlled_by(&control);
    let error = extents.find_map(Result::err).unwrap();
    assert!(is_stopped(&error), "{error}");
    assert!(extents.next().is_none());
    assert!(reads.load(Ordering::Relaxed) <= 20, "{reads:?}");
}

#[test]
fn what_is_late_is_stopped() {
    let late = Control::default().until(Instant::now());
    let mut options = Options::default();
    options.control = late.clone();
    let (source, ..) = Endless::new(u64::MAX);
    let error = check(&source, LENGTH, &options).unwrap_err();
    assert!(matches!(error, CheckError::Stopped(Stop::DeadlinePassed)), "{error}");
    let error = source.chain().extents().controlled_by(&late).find_map(Result::err).unwrap();
    assert!(matches!(error.error, ImageError::Stopped(Stop::DeadlinePassed)), "{error}");
}

/// What a control was told, by a call that ended.
fn told(call: impl FnOnce(Control)) -> Vec<Progress> {
    let told = Arc::new(Mutex::new(Vec::new()));
    let into = told.clone();
    call(Control::default().reporting(move |progress| into.lock().unwrap().push(progress)));
    Arc::into_inner(told).unwrap().into_inner().unwrap()
}

#[test]
fn progress_grows_up_to_all_there_is() {
    let checked = told(|control| {
        let mut options = Options::default();
        options.control = control;
        assert!(check(&Endless::new(u64::MAX).0, LENGTH, &options).is_ok());
    });
    let total = TABLES * CLUSTER;
    assert_eq!(checked.last(), Some(&Progress { done: total, total }));
    let measured = told(|control| {
        let chain = Endless::new(u64::MAX).0.chain();
        assert!(measure_controlled(&chain, &Target::QCOW2, &control).is_ok());
    });
    for told in [checked, measured] {
        assert!(told.len() > 2, "{told:?}");
        assert!(told.is_sorted_by_key(|progress| progress.done), "{told:?}");
        assert!(told.iter().all(|progress| progress.done <= progress.total));
    }
}
