use super::fleet::Fleet;
use crate::scan::{Control, Scanned, Verified};

fn dependents(scanned: &Scanned, fleet: &Fleet, name: &str) -> Verified {
    let image = scanned.graph.find(&fleet.path(name)).unwrap();
    scanned.verify_dependents(&[image], &Control::default()).unwrap()
}

fn chain(scanned: &Scanned, fleet: &Fleet, name: &str) -> Verified {
    let image = scanned.graph.find(&fleet.path(name)).unwrap();
    scanned.verify_chain(image, &Control::default()).unwrap()
}

#[test]
fn what_has_not_changed_is_vouched_for_at_the_price_of_a_stat() {
    let fleet = Fleet::some();
    let scanned = fleet.fresh();
    let verified = dependents(&scanned, &fleet, "in/base");
    assert!(verified.is_unchanged());
    assert_eq!((verified.now().statistics.listed, verified.now().statistics.opened), (0, 0));
    let as_of = |scanned: &Scanned| scanned.graph.coverage().as_of.unwrap();
    assert!(as_of(verified.now()).generation > as_of(&scanned).generation);
    assert!(chain(&scanned, &fleet, "in/deep/3").is_unchanged());
}

/// A guest writes; nobody's answer changes by that.
#[test]
fn a_guest_that_writes_changes_no_answer() {
    let fleet = Fleet::some();
    let scanned = fleet.fresh();
    std::fs::write(fleet.path("in/deep/plain.raw"), [9; 7000]).unwrap();
    fleet.touch(&fleet.path("in/deep/plain.raw"));
    assert!(dependents(&scanned, &fleet, "in/base").is_unchanged());
}

#[test]
fn a_new_overlay_a_rebase_and_a_move_are_seen() {
    for act in 0..3 {
        let fleet = Fleet::some();
        let scanned = fleet.fresh();
        match act {
            0 => fleet.image("in/deep/new", Some("../base")),
            1 => fleet.image("in/deep/4", None),
            _ => {
                std::fs::rename(fleet.path("in/deep/4"), fleet.path("in/deep/44")).unwrap();
                fleet.touch(&fleet.path("in/deep/44"));
            }
        }
        let verified = dependents(&scanned, &fleet, "in/base");
        assert!(matches!(verified, Verified::Changed(_)), "{act}: {verified:?}");
        // A chain that has nothing to do with it is as it was.
        assert!(chain(&scanned, &fleet, "in/deep/3").is_unchanged());
    }
    let fleet = Fleet::some();
    let scanned = fleet.fresh();
    fleet.image("in/base", None);
    assert!(matches!(chain(&scanned, &fleet, "in/deep/3"), Verified::Changed(_)));
}

#[test]
fn what_cannot_be_read_any_more_may_be_anything() {
    let fleet = Fleet::some();
    let scanned = fleet.fresh();
    std::fs::write(fleet.path("in/deep/5"), b"QFI\xfb").unwrap();
    fleet.touch(&fleet.path("in/deep/5"));
    let verified = dependents(&scanned, &fleet, "in/deep/0");
    assert!(matches!(&verified, Verified::Unknown(_, doubts) if doubts.len() == 1), "{verified:?}");
}

/// QEMU would look for the name from its working directory: whatever is called so may be meant.
#[test]
fn a_chain_with_a_guessed_name_is_asked_of_the_scope() {
    let fleet = Fleet::some();
    fleet.image("in/guess", Some("file:other"));
    let scanned = fleet.fresh();
    assert!(chain(&scanned, &fleet, "in/guess").is_unchanged());
    fleet.image("in/deep/other", None);
    let verified = chain(&scanned, &fleet, "in/guess");
    assert!(matches!(verified, Verified::Changed(_)), "{verified:?}");
}

#[test]
fn a_missing_disk_that_is_still_missing_has_not_changed() {
    let fleet = Fleet::some();
    fleet.image("in/broken", Some("gone"));
    let scanned = fleet.fresh();
    assert!(chain(&scanned, &fleet, "in/gone").is_unchanged());
    assert!(chain(&scanned, &fleet, "in/broken").is_unchanged());
    // Elsewhere nothing can be read: no matter for what is missing.
    std::fs::write(fleet.path("in/deep/5"), b"QFI\xfb").unwrap();
    fleet.touch(&fleet.path("in/deep/5"));
    assert!(chain(&scanned, &fleet, "in/gone").is_unchanged());
    fleet.image("in/gone", None);
    for name in ["in/gone", "in/broken"] {
        let verified = chain(&scanned, &fleet, name);
        assert!(matches!(verified, Verified::Changed(_)), "{name}: {verified:?}");
    }
}
