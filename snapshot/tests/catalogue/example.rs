//! The example that embedders copy from does what it says.

#[expect(dead_code, unreachable_pub, reason = "an example is a program of its own")]
#[path = "../../examples/own_catalogue.rs"]
mod own_catalogue;

#[test]
fn own_catalogue_commits_a_row_of_its_own_with_the_snapshot() {
    let lines = own_catalogue::run().expect("runs");
    let laws = diskdag_snapshot::catalogue::conformance::LAWS.len();
    assert_eq!(
        lines,
        [
            &format!("{laws} laws kept"),
            "alice: alice-1.mem with alice@1-idle.qcow2",
            "alice: alice-2.mem with alice@2-busy.qcow2",
            "2 snapshots",
        ]
    );
}
