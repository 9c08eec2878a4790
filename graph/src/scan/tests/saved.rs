use super::fleet::{Fleet, picture};
use crate::scan::{IndexError, Record};

fn saved(fleet: &Fleet) -> (std::path::PathBuf, Vec<u8>) {
    let path = fleet.path("index");
    fleet.fresh().record.save(&path).unwrap();
    let bytes = std::fs::read(&path).unwrap();
    (path, bytes)
}

#[test]
fn the_next_process_starts_from_a_saved_index() {
    let fleet = Fleet::some();
    let (path, _) = saved(&fleet);
    let again = fleet.again(&Record::load(&path).unwrap());
    assert_eq!((again.statistics.listed, again.statistics.opened), (0, 0));
    assert_eq!(picture(&again.graph), picture(&fleet.fresh().graph));
    // What was loaded is saved again byte for byte.
    let other = fleet.path("other");
    Record::load(&path).unwrap().save(&other).unwrap();
    assert_eq!(std::fs::read(&path).unwrap(), std::fs::read(&other).unwrap());
    let left = std::fs::read_dir(fleet.path("")).unwrap().count();
    assert_eq!(left, 4, "in, out, index, other: no leftovers");
}

/// Every byte counts: none can be another without the index being given up.
#[test]
fn a_damaged_index_is_worth_nothing_and_never_a_wrong_answer() {
    let fleet = Fleet::some();
    let (path, bytes) = saved(&fleet);
    for at in 0..bytes.len() {
        let mut damaged = bytes.clone();
        damaged[at] ^= 1 << (at % 8);
        std::fs::write(&path, &damaged).unwrap();
        assert!(Record::load(&path).is_err(), "byte {at}");
    }
    for length in [0, 1, 71, 72, bytes.len() / 2, bytes.len() - 1] {
        std::fs::write(&path, &bytes[..length]).unwrap();
        assert!(matches!(Record::load(&path), Err(IndexError::Damaged { .. })), "{length} bytes");
    }
    std::fs::write(&path, [&bytes[..], b"x"].concat()).unwrap();
    assert!(matches!(Record::load(&path), Err(IndexError::Damaged { .. })));
}

#[test]
fn an_index_of_another_version_or_from_before_a_reboot_is_not_used() {
    let fleet = Fleet::some();
    let (path, bytes) = saved(&fleet);
    let mut newer = bytes.clone();
    newer[8] += 1;
    std::fs::write(&path, newer).unwrap();
    assert!(matches!(Record::load(&path), Err(IndexError::Version { .. })));
    let mut older = bytes;
    older[16] ^= 1;
    std::fs::write(&path, older).unwrap();
    assert!(matches!(Record::load(&path), Err(IndexError::OtherBoot { .. })));
    assert!(Record::load(&fleet.path("none")).unwrap_err().is_absent());
}
