//! A catalogue whose files were changed as arbitrary bytes say, for the fuzzer and for plain tests.

use std::path::Path;
use std::sync::{Arc, LazyLock};

use diskdag_snapshot::catalogue::conformance::{batch, intent, op, pin, snapshot, trash};
use diskdag_snapshot::catalogue::{Catalogue, CatalogueError, Change, LogCatalogue, State};
use diskdag_snapshot::fs::{Access, Fs, read_all, write_all};
use diskdag_snapshot::name::Id;
use diskdag_snapshot::sim::SimFs;
use twox_hash::XxHash3_64;

const FILES: [&str; 2] = ["/catalogue.redb", "/catalogue.log"];

/// A small catalogue's files, and all states that it went through.
struct Original {
    files: [Vec<u8>; 2],
    states: Vec<State>,
}

static ORIGINAL: LazyLock<Original> = LazyLock::new(|| {
    let fs = SimFs::default();
    let catalogue = open(&fs);
    let mut state = State::default();
    catalogue.create(&state).expect("a catalogue");
    let mut states = vec![state.clone()];
    for id in 1..=9 {
        let changes = vec![
            Change::Advance { next_id: Id(id + 1) },
            Change::PutSnapshot(snapshot(id)),
            Change::PutPin(pin(id)),
            Change::OpenIntent(intent(id)),
            Change::PutTrash(trash(id)),
            Change::DropSnapshot { id: Id(id - 1) },
        ];
        let batch = batch(&state, op(id), 0, changes);
        catalogue.commit(&batch).expect("commits");
        state.apply(&batch).expect("fits");
        states.push(state.clone());
    }
    let bytes = |name| {
        let file = fs.open(Path::new(name), Access::Read).expect("there");
        read_all(&*file, 1 << 20).expect("read")
    };
    Original { files: FILES.map(bytes), states }
});

fn open(fs: &SimFs) -> LogCatalogue {
    LogCatalogue::with_log_len(Arc::new(fs.clone()), "/", LogCatalogue::LOG_LEN_MIN)
}

/// The next bytes of the fuzzer's, or zeros.
fn take<const N: usize>(data: &mut &[u8]) -> [u8; N] {
    let (head, rest) = data.split_at(N.min(data.len()));
    *data = rest;
    let mut bytes = [0; N];
    bytes.get_mut(..head.len()).expect("no longer").copy_from_slice(head);
    bytes
}

/// Gives the sectors at the beginning of the files, or a record, a checksum that is right again.
fn seal(bytes: &mut [u8], at: usize) {
    if at < 4096
        && let Some(sector) = bytes.get_mut(at..at + 512)
    {
        let (fields, sum) = sector.split_at_mut(504);
        sum.copy_from_slice(&XxHash3_64::oneshot(fields).to_be_bytes());
        return;
    }
    let Some((head, rest)) = bytes.get_mut(at..).and_then(|record| record.split_at_mut_checked(40))
    else {
        return;
    };
    let len = head.get(4..8).and_then(|len| len.try_into().ok()).map_or(0, u32::from_be_bytes);
    if let Some(payload) = rest.get(..len as usize) {
        let seed = XxHash3_64::oneshot(head.get(..32).expect("a head"));
        let sum = XxHash3_64::oneshot_with_seed(seed, payload);
        head.get_mut(32..).expect("a head").copy_from_slice(&sum.to_be_bytes());
    }
}

/// Changes the files as `data` says, and loads what is there. What is not sealed again reads as a state
/// that was committed, or not at all; nothing panics.
pub(crate) fn run(mut data: &[u8]) {
    let original = &*ORIGINAL;
    let mut files = original.files.clone();
    let mut sealed = false;
    // At most so many changes, whatever comes.
    for _ in 0..64 {
        if data.is_empty() {
            break;
        }
        let [kind, high, low, len] = take(&mut data);
        let file = usize::from(kind & 1);
        let bytes = &mut files[file];
        let place = usize::from(u16::from_be_bytes([high, low]));
        // In the checkpoint only the header is worth the while: one checksum is over all of the rest.
        let at = place % bytes.len().clamp(1, if file == 0 { 600 } else { usize::MAX });
        match kind >> 1 & 7 {
            0 => bytes.truncate(at),
            1 => bytes.extend(std::iter::repeat_n(0, place)),
            2 | 3 => {
                seal(bytes, at / 512 * 512);
                sealed = true;
            }
            4 => {
                let from = usize::from(len) * 512;
                let sector = bytes.get(from..from + 512).map(<[u8]>::to_vec);
                let to = bytes.get_mut(at / 512 * 512..at / 512 * 512 + 512);
                if let (Some(sector), Some(to)) = (sector, to) {
                    to.copy_from_slice(&sector);
                }
            }
            _ => {
                let end = bytes.len().min(at + usize::from(len % 16) + 1);
                for byte in bytes.get_mut(at..end).unwrap_or_default() {
                    [*byte] = take(&mut data);
                }
            }
        }
    }
    let fs = SimFs::default();
    for (name, bytes) in FILES.iter().zip(&files) {
        let file = fs.create(Path::new(name), 0o644).expect("made");
        write_all(&*file, 0, bytes).expect("written");
    }
    match open(&fs).load() {
        Ok(state) => assert!(sealed || original.states.contains(&state), "a state of nowhere"),
        Err(CatalogueError::Damaged { .. }) => {}
        Err(CatalogueError::Newer { .. }) => assert!(sealed, "a version of nowhere"),
        Err(error) => panic!("{error}"),
    }
}
