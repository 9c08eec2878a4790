//! What holds of what `info`, `map`, `measure` and `compare` answer about any bytes as an image, alone and over a
//! raw base.

use std::io::Write as _;

use diskdag_qcow2::chain::Extent;
use diskdag_qcow2::compare::{Comparison, compare};
use diskdag_qcow2::info::Info;
use diskdag_qcow2::measure::{Measure, Target, measure};
use diskdag_qcow2::source::MemorySource;
use diskdag_qcow2::{Chain, GuestOffset, Image, Layer};

use super::counting::Counting;

/// Disks up to this size are read whole.
const WHOLE: u64 = 512 << 10;
/// Extents of a map that are looked at.
const EXTENTS: usize = 2000;

/// Bytes as a whole image.
pub fn verbs(file: &[u8]) {
    info(file);
    let Ok(view) = Image::open(Counting::new(file)).and_then(|image| image.active()) else {
        return;
    };
    // From a source of its own, so that nobody takes it for the same file.
    let Ok(again) = Image::open(MemorySource(file.to_vec())).and_then(|image| image.active())
    else {
        panic!("the same bytes open again");
    };
    let alone = Chain::new(vec![Layer::image(view.clone())]);
    let base = MemorySource(vec![0x5a; 40_000]);
    let over = Layer::raw(base).map(|base| Chain::new(vec![Layer::image(view), base]));
    let over = over.expect("memory can be asked");
    for chain in [&alone, &over] {
        maps(chain, file);
        measures(chain);
    }
    if alone.size() <= WHOLE {
        compares(&alone, &Chain::new(vec![Layer::image(again)]), &over);
    }
}

/// Through a file: that is what it is for.
fn info(bytes: &[u8]) {
    let mut file = tempfile::NamedTempFile::new().expect("a place for a file");
    file.write_all(bytes).expect("room for it");
    for declared in [None, Some(&b"qcow2"[..]), Some(b"raw")] {
        let Ok(info) = Info::of(file.path(), declared) else { continue };
        assert!(info.file_length() >= bytes.len() as u64);
        assert!(info.snapshots().count() <= bytes.len() / 40 + 1);
        assert!(info.bitmaps().count() <= bytes.len() / 24 + 1);
        assert_eq!(
            info.header().is_some_and(|header| header.backing_name().is_some()),
            info.full_backing_name().is_some()
        );
        info.faults().iter().for_each(|fault| assert!(!fault.to_string().is_empty()));
    }
}

/// The map has no gaps, windows of it are parts of it, and the guest reads what it says.
fn maps(chain: &Chain, file: &[u8]) {
    let whole: Vec<Extent> = chain.extents().take(EXTENTS).map_while(Result::ok).collect();
    let mut end = 0;
    for extent in &whole {
        assert_eq!(extent.start.get(), end, "no gaps");
        assert!(extent.length > 0 && !(extent.compressed && extent.offset.is_some()));
        end += extent.length;
    }
    assert!(end <= chain.size());
    let third = GuestOffset(end / 3);
    for extent in chain.extents_of(third, end / 3).take(100).map_while(Result::ok) {
        let at = whole.partition_point(|one| one.start <= extent.start) - 1;
        let of = &whole[at];
        assert!(extent.start.get() + extent.length <= of.start.get() + of.length);
        let moved = |offset: u64| offset + (extent.start.get() - of.start.get());
        assert_eq!(extent.offset.map(|at| at.get()), of.offset.map(|at| moved(at.get())));
        assert_eq!((extent.depth, extent.data, extent.zero), (of.depth, of.data, of.zero));
    }
    let Some(first) = whole.first().filter(|_| chain.size() <= WHOLE) else { return };
    assert_eq!(first.start.get(), 0);
    let mut buffer = vec![0xcc; 4096];
    for extent in &whole {
        let length = usize::try_from(extent.length).map_or(4096, |length| length.min(4096));
        let Ok(read) = chain.read_at(extent.start, &mut buffer[..length]) else { continue };
        assert_eq!(read, length);
        let read = &buffer[..length];
        match extent.offset.filter(|_| extent.data && !extent.zero && extent.depth == 0) {
            _ if extent.zero => assert!(read.iter().all(|byte| *byte == 0), "{extent:?}"),
            Some(offset) => {
                let from = usize::try_from(offset.get()).unwrap_or(usize::MAX).min(file.len());
                let there = &file[from..file.len().min(from.saturating_add(length))];
                assert!(read.starts_with(there), "{extent:?}");
                assert!(read[there.len()..].iter().all(|byte| *byte == 0), "{extent:?}");
            }
            None => {}
        }
    }
}

fn measures(chain: &Chain) {
    for words in ["cluster_size=512", "cluster_size=2M,extended_l2=on", "compat=0.10"] {
        let Ok(target) = Target::from_words("qcow2", &[words]) else { panic!("{words}") };
        let Ok(Measure { required, fully_allocated, .. }) = measure(chain, &target) else {
            continue;
        };
        assert!(required <= fully_allocated, "{required} of {fully_allocated}");
        assert!(fully_allocated >= chain.size());
    }
}

fn compares(one: &Chain, same: &Chain, over: &Chain) {
    if let Ok(found) = compare(one, same, true) {
        assert_eq!(found, Comparison::Identical { sizes_differ: false });
    }
    let (there, back) = (compare(one, over, false), compare(over, one, false));
    if let (Ok(there), Ok(back)) = (there, back) {
        assert_eq!(there, back, "it is the same the other way round");
    }
}
