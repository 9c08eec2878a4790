//! Re-pointing an overlay: what a power cut leaves names the old backing file or the new one.

use std::path::Path;

use diskdag_qcow2::Header;
use diskdag_qcow2::create::{Backing, Create as NewImage};
use diskdag_snapshot::fs::{Access, Fs, read_up_to, write_all};
use diskdag_snapshot::sim::{Habits, Limits, SimFs};
use diskdag_snapshot::{RepointError, repoint};

const OVERLAY: &str = "/d/overlay";

/// An overlay of a backing file called `name`, on a simulated disk on which everything is durable.
fn overlay(name: &[u8], version: u32, cluster_bits: u32) -> SimFs {
    let fs = SimFs::default();
    fs.create_dir(Path::new("/d")).unwrap();
    let layout = NewImage {
        version,
        virtual_size: 1 << 20,
        cluster_bits: diskdag_qcow2::ClusterBits::new(cluster_bits).unwrap(),
        backing: Some(Backing { name, format: Some(b"qcow2") }),
        ..NewImage::default()
    };
    let layout = layout.build().unwrap();
    let file = fs.create(Path::new(OVERLAY), 0o644).unwrap();
    for (offset, bytes) in &layout.pieces {
        write_all(&*file, *offset, bytes).unwrap();
    }
    file.set_len(layout.len).unwrap();
    file.sync().unwrap();
    for dir in ["/d", "/"] {
        fs.sync_dir(Path::new(dir)).unwrap();
    }
    fs
}

fn backing(fs: &SimFs) -> Vec<u8> {
    let file = fs.open(Path::new(OVERLAY), Access::Read).unwrap();
    let bytes = read_up_to(&*file, 0, 1 << 16).unwrap();
    let header = Header::parse_prefix(&bytes, file.len().unwrap()).unwrap();
    assert_eq!(header.backing_format(), Some(&b"qcow2"[..]));
    header.backing_name().unwrap().to_vec()
}

#[test]
fn a_power_cut_leaves_the_old_name_or_the_new_one() {
    let mut states = 0;
    for (old, new) in [(&b"old"[..], &b"new"[..]), (b"a", &[b'n'; 900]), (&[b'o'; 1000], b"short")]
    {
        for (version, bits) in [(3, 16), (2, 16), (3, 12)] {
            let fs = overlay(old, version, bits);
            fs.record();
            repoint(&fs, Path::new(OVERLAY), new).unwrap();
            assert_eq!(backing(&fs), new);
            let counts = fs.counts();
            for moment in fs.recorded() {
                for left in moment.disk.power_cuts(Limits::default()) {
                    let found = backing(&SimFs::on(left.disk, Habits::default()));
                    assert!(found == old || found == new, "{:?}", found.escape_ascii());
                    states += 1;
                }
            }
            assert!(counts.syncs() >= 2);
        }
    }
    assert!(states > 50, "{states} states");
}

#[test]
fn many_times_in_a_row_the_room_is_used_again() {
    let fs = overlay(b"first", 3, 12);
    for number in 0..200 {
        let name = format!("backing-{number}-{}", "x".repeat(number % 50));
        repoint(&fs, Path::new(OVERLAY), name.as_bytes()).unwrap();
        assert_eq!(backing(&fs), name.as_bytes());
    }
}

/// Two names of the same length take turns at two places, and the header stays as short as it was.
#[test]
fn names_that_follow_each_other_do_not_wander_off() {
    let fs = overlay(b"base-a.qcow2", 3, 16);
    let mut places = std::collections::BTreeSet::new();
    for number in 0..20 {
        let name: &[u8] = if number % 2 == 0 { b"base-b.qcow2" } else { b"base-a.qcow2" };
        repoint(&fs, Path::new(OVERLAY), name).unwrap();
        let file = fs.open(Path::new(OVERLAY), Access::Read).unwrap();
        let place = read_up_to(&*file, 8, 8).unwrap();
        places.insert(u64::from_be_bytes(place.try_into().unwrap()));
    }
    assert!(places.len() <= 2 && places.iter().all(|at| *at < 4096), "{places:?}");
}

#[test]
fn what_must_not_be_written_to_is_refused() {
    let fs = overlay(b"old", 3, 16);
    let refused = |name: &[u8]| repoint(&fs, Path::new(OVERLAY), name).unwrap_err();
    assert!(matches!(refused(b""), RepointError::BadName { .. }));
    assert!(matches!(refused(b"a\0b"), RepointError::BadName { .. }));
    assert!(matches!(refused(&[b'x'; 1024]), RepointError::BadName { .. }));
    let file = fs.open(Path::new(OVERLAY), Access::Write).unwrap();
    // The corrupt bit.
    write_all(&*file, 79, &[2]).unwrap();
    assert!(matches!(refused(b"new"), RepointError::Unfit { .. }));
    assert_eq!(backing(&fs), b"old");
}
