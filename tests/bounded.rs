//! What is printed is bounded: findings are counted, the first few shown, and who wants all says so.

use crate::support::{Fleet, Image, items};

/// A hundred thousand odd images were 24 MB of text.
#[test]
fn a_scan_counts_its_findings_and_shows_a_few() {
    let fleet = Fleet::new();
    fleet.base("base.qcow2");
    for number in 0..60 {
        fleet.write(format!("odd-{number:02}.qcow2"), &Image::undeclared("base.qcow2"));
        fleet.overlay(&format!("lost-{number:02}.qcow2"), format!("gone-{number:02}.qcow2"));
        fleet.bytes(format!("broken-{number:02}.qcow2"), b"QFI\xfb\0\0\0\x03");
    }
    let scan =
        |words: &[&str]| fleet.diskdag("scan").rooted().args(words).go().exits_one_of(&[6, 7]);
    let short = scan(&[]);
    let odd = |text: &str| text.lines().filter(|line| line.contains("/odd-")).count();
    let lost = |text: &str| text.lines().filter(|line| line.contains("/gone-")).count();
    assert!((1..=20).contains(&odd(short.text())), "{}", short.whole());
    assert!((1..=20).contains(&lost(short.text())), "{}", short.whole());
    let short = short.says(": 60").says("and 50 more; --all shows all");
    assert!(short.text().lines().count() < 150, "{}", short.whole());
    let all = scan(&["--all"]).never_says("--all shows all");
    assert!(odd(all.text()) >= 60 && lost(all.text()) >= 60, "{}", all.whole());
    let value = scan(&["--json"]).value();
    let findings = items(&value, "findings");
    assert!(findings.len() >= 60, "{}", findings.len());
    assert_eq!(items(&value, "missing").len(), 60);
}

/// A directory that is mistyped allows nothing, and that is said.
#[test]
fn an_allowed_directory_that_is_not_there_is_named() {
    let fleet = Fleet::three();
    let nowhere = fleet.path("nowhere");
    let allow = |verb: &str, directory: &std::path::Path| {
        fleet.diskdag(verb).arg("--allow-dir").arg(directory).image("leaf.qcow2").go()
    };
    let says = format!("--allow-dir {} allows nothing: ", nowhere.display());
    allow("audit", &nowhere).exits(4).says(&says);
    allow("map", &nowhere).exits(1).says(&says);
    allow("measure", &nowhere).exits(1).says(&says);
    let file = fleet.path("leaf.qcow2");
    allow("audit", &file).exits(4).says("allows nothing: ").says("not a directory");
    allow("audit", &fleet.root()).exits(0).never_says("allows nothing");
}
