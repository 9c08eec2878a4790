//! The example that embedders copy from does what it says.

#[expect(dead_code, unreachable_pub, reason = "an example is a program of its own")]
#[path = "../../examples/snapshot_cycle.rs"]
mod snapshot_cycle;

#[test]
fn snapshot_cycle_goes_through_a_disks_life() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().canonicalize().unwrap();
    assert_eq!(
        snapshot_cycle::run(&dir).unwrap(),
        [
            "took installed as vm@1-installed.qcow2",
            "the guest reads \"installed\"",
            "installed: needed by 5 disks",
            "broken: needed by 0 disks",
            "refused: 5 disks are in the way",
            "purged: space was freed",
            "0 operations had not ended",
        ]
    );
}
