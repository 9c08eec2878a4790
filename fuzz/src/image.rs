//! What holds of any bytes as a whole image, and of images that were built.

use diskdag_qcow2::audit::{Audit, Verdict};
use diskdag_qcow2::check::{Options, check};
use diskdag_qcow2::source::MemorySource;
use diskdag_qcow2::{Chain, Control, GuestOffset, Image, Layer, View};

use super::build::{Built, Choices, build};
use super::counting::Counting;

/// Bytes as a whole image: everything that can be asked ends without a panic, and reads no more than the file
/// has bytes, a few times over.
pub fn image(file: &[u8]) {
    let source = Counting::new(file);
    let length = file.len() as u64;
    let bounded = |what: &str, times: u64| source.bounded(what, times);
    let audit = Audit::of_source(&source, b"", &Control::none()).unwrap();
    bounded("audit", 12);
    assert!(audit.findings.len() < 64 && audit.references.len() <= 2);
    assert!(audit.findings.iter().all(|finding| finding.details.len() <= 3 && finding.count > 0));
    drop(check(&source, length, &Options::default()));
    bounded("check", 12);
    let Ok(image) = Image::open(source.clone()) else { return };
    assert!(audit.findings.iter().all(|finding| finding.kind != "not-qcow2"));
    if let Ok(table) = image.snapshots() {
        for snapshot in table.iter().take(16).flatten() {
            bounded("snapshots", 12);
            if let Ok(view) = image.snapshot_view(&snapshot) {
                guest(&view);
            }
            source.cost();
        }
    }
    if let Ok(Some(directory)) = image.bitmaps() {
        for bitmap in directory.iter().take(16).flatten() {
            drop(image.bitmap_table(&bitmap));
            bounded("bitmaps", 12);
        }
    }
    drop(image.refcount_table());
    drop(image.luks(&mut Vec::new()));
    bounded("tables", 12);
    let Ok(view) = image.active() else { return };
    bounded("L1", 12);
    let chain = Chain::new(vec![Layer::image(view.clone())]);
    let mut end = 0;
    for extent in chain.extents().take(2000).map_while(Result::ok) {
        assert_eq!(extent.start.get(), end, "no gaps");
        assert!(extent.length > 0);
        end += extent.length;
    }
    assert!(end <= chain.size());
    source.cost();
    guest(&view);
}

/// Reads some of what the guest sees, and follows its map for a while.
fn guest(view: &View) {
    let mut buffer = [0; 3000];
    for at in [0, 700, view.size() / 2, view.size().saturating_sub(100)] {
        drop(view.read_at(GuestOffset(at), &mut buffer));
    }
    let mut end = 0;
    let whole = GuestOffset(0)..GuestOffset(u64::MAX);
    for extent in view.map(whole).take(500).map_while(Result::ok) {
        assert_eq!(extent.guest.get(), end, "no gaps");
        end += extent.len;
    }
}

/// Tables built from arbitrary choices: the guest reads what the builder put there, the image is safe, and a
/// check finds nothing.
pub fn tables(data: &[u8]) {
    let mut choices = Choices(data);
    let extended = choices.byte() % 4 == 0;
    let clusters = if extended { 6 } else { 40 };
    let Built { file, guest, .. } = build(&mut choices, clusters, extended);
    let audit = Audit::of_source(&MemorySource(&file), b"", &Control::none()).unwrap();
    assert_eq!((audit.verdict(), audit.readable), (Verdict::Safe, true), "{:?}", audit.findings);
    let length = file.len() as u64;
    if let Ok(report) = check(&MemorySource(&file), length, &Options::default()) {
        assert_eq!((report.corruptions, report.check_errors), (0, 0), "{:?}", report.findings);
    }
    let image = Image::open(MemorySource(file)).expect("the builder's header is in order");
    let view = image.active().expect("and its L1 table");
    let mut read = vec![0xcc; guest.len()];
    view.read_at(GuestOffset(0), &mut read).expect("and all of its entries");
    let expected: Vec<u8> = guest.iter().map(|byte| byte.unwrap_or(0)).collect();
    assert!(read == expected, "the guest reads something else");
    for extent in view.map(GuestOffset(0)..GuestOffset(u64::MAX)) {
        let extent = extent.expect("all entries are in order");
        let at = usize::try_from(extent.guest.get()).expect("small");
        let here = guest.get(at).copied().flatten();
        let unallocated = matches!(extent.kind, diskdag_qcow2::table::RunKind::Unallocated { .. });
        assert_eq!(unallocated, here.is_none(), "at {at}");
    }
}

/// Layers built from arbitrary choices, of different sizes and cluster sizes, over a raw base or none: any
/// range reads what a naive reader finds.
pub fn chain(data: &[u8]) {
    let mut choices = Choices(data);
    let depth = 1 + choices.below(5);
    let mut layers = Vec::new();
    let mut contents: Vec<Vec<Option<u8>>> = Vec::new();
    for _ in 0..depth {
        let extended = choices.byte() % 4 == 0;
        let clusters = 1 + choices.below(if extended { 2 } else { 48 });
        let built = build(&mut choices, clusters, extended);
        let image = Image::open(MemorySource(built.file)).expect("in order");
        layers.push(Layer::image(image.active().expect("in order")));
        contents.push(built.guest);
    }
    if choices.byte() % 2 == 0 {
        let raw = vec![choices.byte(); choices.below(20_000)];
        let sectors = raw.len().next_multiple_of(512);
        let mut content: Vec<_> = raw.iter().copied().map(Some).collect();
        content.resize(sectors, Some(0));
        layers.push(Layer::raw(MemorySource(raw)).expect("memory"));
        contents.push(content);
    }
    let chain = Chain::new(layers);
    let expected = |at: usize| {
        // A layer that is too short ends the search: it reads as zeros.
        contents.iter().map_while(|layer| layer.get(at)).find_map(|byte| *byte).unwrap_or(0)
    };
    let size = contents.first().map_or(0, Vec::len);
    assert_eq!(chain.size(), size as u64);
    for _ in 0..8 {
        let (at, length) = (choices.below(size), choices.below(9000));
        let mut buffer = vec![0xcc; length];
        let read = chain.read_at(GuestOffset(at as u64), &mut buffer).expect("in order");
        assert_eq!(read, length.min(size - at));
        for (offset, byte) in buffer.iter().take(read).enumerate() {
            assert_eq!(*byte, expected(at + offset), "byte {} of {size}", at + offset);
        }
    }
    let mut end = 0;
    for extent in chain.extents() {
        let extent = extent.expect("in order");
        assert_eq!(extent.start.get(), end);
        end += extent.length;
    }
    assert_eq!(end, size as u64);
}
