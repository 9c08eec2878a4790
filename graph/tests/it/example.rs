//! The example that a reader copies from does what it says.

#[expect(dead_code, unreachable_pub, reason = "an example is a program of its own")]
#[path = "../../examples/own_store.rs"]
mod own_store;

#[test]
fn own_store_asks_before_it_deletes() {
    assert_eq!(
        own_store::run().unwrap(),
        [
            "alice reads through alice -> python -> debian",
            "alice depends on debian",
            "debian <- python (1)",
            "debian <- alice (2)",
            "debian <- bob (2)",
            "python: kept, needed by alice, bob",
            "bob reads through bob -> debian",
            "python: deleted, 300 bytes freed",
            "debian: kept, needed by bob",
            "bob and debian together: yes, 2060 bytes",
            "3 disks before, 1 now",
        ]
    );
}
