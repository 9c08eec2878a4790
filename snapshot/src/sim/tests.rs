//! A small protocol of old, whose crash states can be counted by hand.

use std::collections::BTreeSet;
use std::path::Path;

use super::*;
use crate::fs::{Access, Claim, Fs, LockMode, read_all, write_all};

/// Name and bytes of every file in the top directory.
fn files(disk: &Disk) -> Vec<(String, Vec<u8>)> {
    let fs = SimFs::on(disk.clone(), Habits::default());
    let read = |name: &str| {
        let file = fs.open(&Path::new("/").join(name), Access::Read).unwrap();
        read_all(&*file, 1 << 20).unwrap()
    };
    let names = fs.list(Path::new("/")).unwrap().into_iter();
    let names = names.map(|entry| entry.name.into_string().unwrap());
    names.map(|name| (name.clone(), read(&name))).collect()
}

/// Each distinct thing that a power cut may leave of `disk`, in words: `name=first byte×length`.
fn left(disk: &Disk) -> BTreeSet<String> {
    let word = |(name, bytes): (String, Vec<u8>)| {
        let mut runs: Vec<(u8, usize)> = Vec::new();
        for byte in bytes {
            match runs.last_mut() {
                Some((last, count)) if *last == byte => *count += 1,
                _ => runs.push((byte, 1)),
            }
        }
        let runs: Vec<_> = runs.iter().map(|(byte, count)| format!("{byte}x{count}")).collect();
        format!("{name}={}", runs.join("+"))
    };
    let words = |remains: Remains| {
        assert!(remains.disk.is_clean());
        files(&remains.disk).into_iter().map(word).collect::<Vec<_>>().join(" ")
    };
    disk.power_cuts(Limits::default()).into_iter().map(words).collect()
}

fn words(of: &[&str]) -> BTreeSet<String> {
    of.iter().map(|word| (*word).to_owned()).collect()
}

/// A file `a` of 1024 times 1, durable.
fn old() -> SimFs {
    let fs = SimFs::default();
    let file = fs.create(Path::new("/a"), 0o644).unwrap();
    write_all(&*file, 0, &[1; 1024]).unwrap();
    file.sync().unwrap();
    fs.sync_dir(Path::new("/")).unwrap();
    assert_eq!(left(&fs.disk()), words(&["a=1x1024"]));
    fs
}

#[test]
fn a_write_is_torn_at_sectors() {
    let fs = old();
    let file = fs.open(Path::new("/a"), Access::Write).unwrap();
    file.write_at(0, &[2; 1024]).unwrap();
    let wanted = words(&["a=1x1024", "a=2x512+1x512", "a=1x512+2x512", "a=2x1024"]);
    assert_eq!(left(&fs.disk()), wanted);
    file.sync_data().unwrap();
    assert_eq!(left(&fs.disk()), words(&["a=2x1024"]));
}

#[test]
fn every_version_of_a_sector_may_be_the_one_that_is_out() {
    let fs = old();
    let file = fs.open(Path::new("/a"), Access::Write).unwrap();
    for version in 2..5 {
        file.write_at(0, &[version; 512]).unwrap();
    }
    let wanted = words(&["a=1x1024", "a=2x512+1x512", "a=3x512+1x512", "a=4x512+1x512"]);
    assert_eq!(left(&fs.disk()), wanted);
}

#[test]
fn a_length_comes_without_its_bytes_and_bytes_without_their_length() {
    let fs = old();
    let file = fs.open(Path::new("/a"), Access::Write).unwrap();
    file.write_at(1024, &[2; 600]).unwrap();
    let wanted = words(&[
        "a=1x1024",
        "a=1x1024+0x512",
        "a=1x1024+2x512",
        "a=1x1024+0x600",
        "a=1x1024+2x512+0x88",
        "a=1x1024+0x512+2x88",
        "a=1x1024+2x600",
    ]);
    assert_eq!(left(&fs.disk()), wanted);
}

#[test]
fn what_is_cut_off_may_stay_or_be_zeros() {
    let fs = old();
    let file = fs.open(Path::new("/a"), Access::Write).unwrap();
    file.set_len(512).unwrap();
    assert_eq!(left(&fs.disk()), words(&["a=1x1024", "a=1x512", "a=1x512+0x512"]));
}

/// Write, force out, rename over the old one, force out the directory: every step counted by hand.
#[test]
fn the_states_of_a_replaced_file_are_the_ones_that_were_counted_by_hand() {
    let fs = old();
    fs.record();
    let file = fs.create(Path::new("/n"), 0o644).unwrap();
    write_all(&*file, 0, &[2; 600]).unwrap();
    file.sync().unwrap();
    fs.replace(Path::new("/n"), Path::new("/a")).unwrap();
    fs.sync_dir(Path::new("/")).unwrap();
    let moments = fs.recorded();
    let calls: Vec<_> =
        moments.iter().filter_map(|moment| Some(moment.step.as_ref()?.call)).collect();
    assert_eq!(calls, [Call::Create, Call::Write, Call::Sync, Call::Replace, Call::SyncDir]);

    let old = "a=1x1024";
    let created = [old, "a=1x1024 n="];
    let written = [
        "a=1x1024 n=0x512",
        "a=1x1024 n=2x512",
        "a=1x1024 n=0x600",
        "a=1x1024 n=2x512+0x88",
        "a=1x1024 n=0x512+2x88",
        "a=1x1024 n=2x600",
    ];
    let wanted = [
        words(&[old]),
        words(&created),
        words(&[&created[..], &written[..]].concat()),
        words(&[old, "a=1x1024 n=2x600"]),
        words(&[old, "a=1x1024 n=2x600", "a=2x600"]),
        words(&["a=2x600"]),
    ];
    for (moment, wanted) in moments.iter().zip(wanted) {
        assert_eq!(left(&moment.disk), wanted, "before {:?}", moment.step);
    }
}

/// The same without forcing out the file: a replaced file without its bytes, as is known from ext4.
#[test]
fn a_file_that_was_not_forced_out_may_replace_the_old_one_empty() {
    let fs = old();
    let file = fs.create(Path::new("/n"), 0o644).unwrap();
    write_all(&*file, 0, &[2; 512]).unwrap();
    fs.replace(Path::new("/n"), Path::new("/a")).unwrap();
    let left = left(&fs.disk());
    for wanted in ["a=", "a=0x512", "a=2x512", "a=1x1024"] {
        assert!(left.contains(wanted), "{wanted} in {left:?}");
    }
    fs.sync_dir(Path::new("/")).unwrap();
    assert!(!self::left(&fs.disk()).contains("a=1x1024"));
}

#[test]
fn two_names_are_exchanged_in_one_step() {
    let fs = old();
    let file = fs.create(Path::new("/b"), 0o644).unwrap();
    write_all(&*file, 0, &[2; 512]).unwrap();
    file.sync().unwrap();
    fs.sync_dir(Path::new("/")).unwrap();
    fs.exchange(Path::new("/a"), Path::new("/b")).unwrap();
    assert_eq!(left(&fs.disk()), words(&["a=1x1024 b=2x512", "a=2x512 b=1x1024"]));
    let error = fs.rename(Path::new("/a"), Path::new("/b")).unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::AlreadyExists);
}

#[test]
fn a_removed_name_may_come_back_and_an_open_file_lives_on() {
    let fs = old();
    let file = fs.open(Path::new("/a"), Access::Read).unwrap();
    fs.remove(Path::new("/a")).unwrap();
    assert_eq!(read_all(&*file, 1 << 20).unwrap(), [1; 1024]);
    assert_eq!(left(&fs.disk()), words(&["", "a=1x1024"]));
    assert_eq!(files(&fs.disk().killed()), [], "the process sees what it did");
}

#[test]
fn attributes_are_lost_like_bytes_and_not_forced_out_with_them_alone() {
    let fs = old();
    let modes = |fs: &SimFs| -> BTreeSet<u32> {
        let mode = |remains: &Remains| {
            let fs = SimFs::on(remains.disk.clone(), Habits::default());
            fs.stat(Path::new("/a")).unwrap().mode
        };
        fs.disk().power_cuts(Limits::default()).iter().map(mode).collect()
    };
    let file = fs.open(Path::new("/a"), Access::Write).unwrap();
    file.set_mode(0o444).unwrap();
    file.sync_data().unwrap();
    assert_eq!(modes(&fs), BTreeSet::from([0o444, 0o644]));
    file.sync().unwrap();
    assert_eq!(modes(&fs), BTreeSet::from([0o444]));
    let refused = fs.open(Path::new("/a"), Access::Write).unwrap_err();
    assert_eq!(refused.kind(), std::io::ErrorKind::PermissionDenied);
}

/// What Linux does: the error comes once, and what was dirty is gone.
#[test]
fn after_an_error_of_sync_the_next_one_proves_nothing() {
    let fs = old();
    let file = fs.open(Path::new("/a"), Access::Write).unwrap();
    file.write_at(0, &[2; 1024]).unwrap();
    fs.fail_at(fs.calls() + 1, Fault::Lose(Keep::Even));
    assert_eq!(file.sync().unwrap_err().raw_os_error(), Some(5));
    file.sync().unwrap();
    assert_eq!(read_all(&*file, 1 << 20).unwrap(), [2; 1024], "the page cache still has it");
    assert_eq!(left(&fs.disk()), words(&["a=2x512+1x512"]));
    assert_eq!(files(&fs.disk().evicted())[0].1[1023], 1);
    file.write_at(512, &[3; 512]).unwrap();
    file.sync().unwrap();
    assert_eq!(left(&fs.disk()), words(&["a=2x512+3x512"]), "what is written again is dirty again");
}

#[test]
fn an_operation_that_the_power_leaves_changes_nothing_any_more() {
    let whole = old();
    whole.record();
    let act = |fs: &SimFs| -> std::io::Result<()> {
        let file = fs.create(Path::new("/n"), 0o644)?;
        write_all(&*file, 0, &[2; 600])?;
        file.sync()?;
        fs.replace(Path::new("/n"), Path::new("/a"))?;
        fs.sync_dir(Path::new("/"))
    };
    let before = whole.calls();
    act(&whole).unwrap();
    for moment in whole.recorded() {
        let Some(step) = moment.step else { continue };
        let cut = old();
        cut.fail_at(step.number - before + cut.calls(), Fault::PowerOff);
        assert!(is_power_off(&act(&cut).unwrap_err()));
        assert!(is_power_off(&cut.stat(Path::new("/a")).unwrap_err()));
        assert_eq!(cut.disk().fingerprint(), moment.disk.fingerprint(), "{step:?}");
    }
}

#[test]
fn faults_come_at_their_call_and_only_there() {
    let fs = old();
    let first = fs.calls() + 1;
    fs.fail_at(first, Fault::Short);
    fs.fail_at(first + 1, Fault::Error(std::io::ErrorKind::Interrupted));
    fs.fail_at(first + 3, Fault::DoneAndIo);
    let file = fs.outside().open(Path::new("/a"), Access::Write).unwrap();
    drop(file);
    assert_eq!(fs.calls() + 1, first, "others' calls are not counted");
    let file = fs.open(Path::new("/a"), Access::Write).unwrap();
    assert_eq!(file.write_at(0, &[2; 100]).unwrap_err().kind(), std::io::ErrorKind::Interrupted);
    assert_eq!(file.write_at(0, &[2; 100]).unwrap(), 100);
    assert!(fs.remove(Path::new("/a")).is_err());
    assert!(fs.stat(Path::new("/a")).is_err(), "it was removed all the same");
    fs.fail_at(fs.calls() + 1, Fault::Short);
    assert_eq!(file.write_at(0, &[3; 1500]).unwrap(), 512);
    fs.fail_at(fs.calls() + 1, Fault::Short);
    assert_eq!(file.write_at(0, &[3; 100]).unwrap(), 100);
    assert_eq!(fs.counts().of(Call::Write), 5);
}

#[test]
fn a_step_that_is_put_off_comes_after_the_next_one() {
    let fs = old();
    fs.fail_at(fs.calls() + 1, Fault::Defer);
    fs.rename(Path::new("/a"), Path::new("/b")).unwrap();
    assert!(fs.outside().stat(Path::new("/a")).is_ok());
    fs.sync_dir(Path::new("/")).unwrap();
    assert_eq!(left(&fs.disk()), words(&["a=1x1024", "b=1x1024"]), "forced out before it was done");
}

#[test]
fn nothing_is_written_where_no_sector_is_free() {
    let fs = old();
    fs.leave_room(Some(1), Some(0));
    let file = fs.open(Path::new("/a"), Access::Write).unwrap();
    let full = std::io::ErrorKind::StorageFull;
    assert_eq!(file.write_at(1024, &[2; 1024]).unwrap_err().kind(), full);
    assert_eq!(file.write_at(1024, &[2; 512]).unwrap(), 512);
    assert_eq!(file.write_at(0, &[3; 512]).unwrap(), 512, "what is there can be written over");
    assert_eq!(fs.create(Path::new("/b"), 0o644).unwrap_err().kind(), full);
    fs.rename(Path::new("/a"), Path::new("/b")).unwrap();
}

#[test]
fn claims_and_locks_go_with_their_holders() {
    let fs = old();
    let (a, lock) = (Path::new("/a"), Path::new("/lock"));
    let first = fs.open(a, Access::Read).unwrap();
    let second = fs.open(a, Access::Read).unwrap();
    assert_eq!(first.claim().unwrap(), Claim::Ours);
    assert!(matches!(second.claim().unwrap(), Claim::InUse { .. }));
    drop(first);
    assert_eq!(second.claim().unwrap(), Claim::Ours);
    fs.use_image(a, "a machine").unwrap();
    assert_eq!(second.claim().unwrap(), Claim::InUse { by: "a machine".to_owned() });

    let held = fs.try_lock(lock, LockMode::Shared).unwrap().unwrap();
    assert!(fs.try_lock(lock, LockMode::Shared).unwrap().is_some());
    assert!(fs.try_lock(lock, LockMode::Exclusive).unwrap().is_none());
    drop(held);
    assert!(fs.try_lock(lock, LockMode::Exclusive).unwrap().is_some());

    let [first, second] = [(); 2].map(|()| fs.open(a, Access::Read).unwrap());
    assert!(first.try_lock(LockMode::Exclusive).unwrap());
    assert!(!second.try_lock(LockMode::Shared).unwrap(), "through another open file");
    assert!(fs.try_lock(a, LockMode::Shared).unwrap().is_none());
    drop(first);
    assert!(second.try_lock(LockMode::Exclusive).unwrap());
}

#[test]
fn links_lead_to_where_they_point() {
    let fs = old();
    fs.create_dir(Path::new("/d")).unwrap();
    fs.symlink(Path::new("../a"), Path::new("/d/l")).unwrap();
    assert_eq!(fs.resolve(Path::new("/d/l")).unwrap(), Path::new("/a"));
    assert!(fs.open(Path::new("/d/l"), Access::Read).is_err(), "the last link is not followed");
    fs.symlink(Path::new("d"), Path::new("/e")).unwrap();
    assert_eq!(fs.resolve(Path::new("/e/../a")).unwrap(), Path::new("/a"));
    fs.symlink(Path::new("loop"), Path::new("/loop")).unwrap();
    assert!(fs.resolve(Path::new("/loop")).is_err());
}
