//! The operations, each on a disk of its own, with what it does in a person's words.

use std::path::{Path, PathBuf};

use diskdag_snapshot::fs::Fs;
use diskdag_snapshot::sim::Disk;
use diskdag_snapshot::{
    Clones, Collect, Collected, Create, Error, ErrorKind, Remove, Restore, Selection,
};

use crate::explore::Operation;
use crate::foreign::Foreign;
use crate::guest;
use crate::picture::{Label, Picture};
use crate::world::{CARELESS, DISKS, control, fleet, name, paths, pattern, pool, up};

fn path(disk: usize) -> PathBuf {
    PathBuf::from(DISKS[disk])
}

fn label(disk: usize, name: &str) -> Label {
    (path(disk), name.to_owned())
}

/// What others may do to the first disk and to the file beside it.
fn around(disk: usize, side: &str) -> Vec<Foreign> {
    vec![
        Foreign::Write(path(disk)),
        Foreign::WriteAtOnce(path(disk)),
        Foreign::Use(path(disk)),
        Foreign::Overlay(path(disk)),
        Foreign::Overlay(side.into()),
        Foreign::Remove(side.into()),
        Foreign::Rename(path(disk)),
    ]
}

fn listed(picture: &mut Picture, disk: usize, name: &str) {
    let seen = picture.live[&path(disk)].clone();
    picture.snapshots.insert(label(disk, name), seen);
}

pub(crate) fn create_one() -> Operation {
    Operation {
        name: "create with one disk",
        start: fleet(),
        run: |pool| pool.create(&Create::new(name("s2"), paths(&DISKS[..1])), &control()).map(drop),
        effect: |picture| listed(picture, 0, "s2"),
        between: None,
        foreign: around(0, "/p/vm@6-s2.qcow2"),
        leaves_orphans: false,
        habits: CARELESS,
    }
}

pub(crate) fn create_three() -> Operation {
    Operation {
        name: "create with three disks",
        start: fleet(),
        run: |pool| pool.create(&Create::new(name("s2"), paths(&DISKS)), &control()).map(drop),
        effect: |picture| (0..3).for_each(|disk| listed(picture, disk, "s2")),
        between: None,
        foreign: around(0, "/p/vm@6-s2.qcow2"),
        leaves_orphans: false,
        habits: CARELESS,
    }
}

pub(crate) fn restore() -> Operation {
    Operation {
        name: "restore",
        start: fleet(),
        run: |pool| {
            pool.restore(&Restore::new(name("s1"), paths(&DISKS[..1])), &control()).map(drop)
        },
        effect: |picture| {
            let snapshot = picture.snapshots[&label(0, "s1")].clone();
            let old = picture.live.insert(path(0), snapshot).expect("it was there");
            picture.trash.push((path(0), old));
            picture.trash.sort();
        },
        between: None,
        foreign: around(0, "/p/.vm@6.trash"),
        leaves_orphans: false,
        habits: CARELESS,
    }
}

pub(crate) fn restore_two() -> Operation {
    Operation {
        name: "restore of two disks",
        start: fleet(),
        run: |pool| {
            pool.restore(&Restore::new(name("s1"), paths(&DISKS[..2])), &control()).map(drop)
        },
        effect: |picture| {
            for disk in 0..2 {
                let snapshot = picture.snapshots[&label(disk, "s1")].clone();
                let old = picture.live.insert(path(disk), snapshot).expect("it was there");
                picture.trash.push((path(disk), old));
            }
            picture.trash.sort();
        },
        between: None,
        foreign: around(0, "/p/.vm@6.trash"),
        leaves_orphans: false,
        habits: CARELESS,
    }
}

pub(crate) fn restore_keep() -> Operation {
    Operation {
        name: "restore --keep",
        start: fleet(),
        run: |pool| {
            let keep = Some(name("k3"));
            let restore = Restore { keep, ..Restore::new(name("s1"), paths(&DISKS[..1])) };
            pool.restore(&restore, &control()).map(drop)
        },
        effect: |picture| {
            listed(picture, 0, "k3");
            let snapshot = picture.snapshots[&label(0, "s1")].clone();
            picture.live.insert(path(0), snapshot);
        },
        between: None,
        foreign: around(0, "/p/vm@6-k3.qcow2"),
        leaves_orphans: false,
        habits: CARELESS,
    }
}

pub(crate) fn remove() -> Operation {
    Operation {
        name: "rm",
        start: fleet(),
        run: |pool| {
            let which = Selection::named(name("k1"), paths(&DISKS[..1]));
            pool.remove(&Remove::new(which), &control()).map(drop)
        },
        effect: |picture| {
            let seen = picture.snapshots.remove(&label(0, "k1")).expect("it was there");
            picture.trash.push((PathBuf::from("/p/vm@2-k1.qcow2"), seen));
            picture.trash.sort();
        },
        between: None,
        foreign: vec![
            Foreign::Write(path(0)),
            Foreign::Overlay("/p/vm@2-k1.qcow2".into()),
            Foreign::Remove("/p/vm@2-k1.qcow2".into()),
            Foreign::Remove("/p/.vm@2-k1@6.trash".into()),
        ],
        leaves_orphans: false,
        habits: CARELESS,
    }
}

pub(crate) fn retire() -> Operation {
    Operation {
        name: "rm --retire",
        start: fleet(),
        run: |pool| {
            let which = Selection::named(name("s1"), paths(&DISKS[..1]));
            let remove = Remove { retire: true, ..Remove::new(which) };
            pool.remove(&remove, &control()).map(drop)
        },
        effect: |picture| {
            let seen = picture.snapshots.remove(&label(0, "s1")).expect("it was there");
            picture.retired.insert("/p/vm@1-s1.qcow2".into(), seen);
        },
        between: None,
        foreign: vec![Foreign::Write(path(0)), Foreign::Overlay("/p/vm@1-s1.qcow2".into())],
        leaves_orphans: false,
        habits: CARELESS,
    }
}

pub(crate) fn clone_two() -> Operation {
    Operation {
        name: "clone (two)",
        start: fleet(),
        run: |pool| {
            let new = paths(&["/p/n1.qcow2", "/p/sub/n2.qcow2"]);
            pool.clone_snapshot(&Clones::new(name("s1"), path(0), new), &control()).map(drop)
        },
        effect: |picture| {
            let seen = picture.snapshots[&label(0, "s1")].clone();
            picture.live.insert("/p/n1.qcow2".into(), seen.clone());
            picture.live.insert("/p/sub/n2.qcow2".into(), seen);
        },
        between: None,
        foreign: vec![
            Foreign::Write("/p/n1.qcow2".into()),
            Foreign::WriteAtOnce("/p/n1.qcow2".into()),
            Foreign::Use("/p/n1.qcow2".into()),
            Foreign::Overlay("/p/n1.qcow2".into()),
            Foreign::Remove("/p/n1.qcow2".into()),
            Foreign::Rename("/p/n1.qcow2".into()),
        ],
        leaves_orphans: false,
        habits: CARELESS,
    }
}

pub(crate) fn trash_restore() -> Operation {
    Operation {
        name: "trash restore",
        start: fleet(),
        run: |pool| {
            let items: Vec<_> = pool.state()?.trash.keys().copied().collect();
            pool.restore_trash(&items, None, &control()).map(drop)
        },
        effect: |picture| {
            let (_, seen) = picture.trash.pop().expect("one item lies there");
            picture.snapshots.insert(label(0, "k2"), seen);
        },
        between: None,
        foreign: vec![
            Foreign::Write(path(0)),
            Foreign::Overlay("/p/vm@3-k2.qcow2".into()),
            Foreign::Remove("/p/vm@3-k2.qcow2".into()),
        ],
        leaves_orphans: false,
        habits: CARELESS,
    }
}

pub(crate) fn purge() -> Operation {
    Operation {
        name: "purge",
        start: fleet(),
        run: |pool| pool.purge_trash(None, &control()).map(drop),
        effect: |picture| picture.trash.clear(),
        between: None,
        foreign: vec![Foreign::Write(path(0)), Foreign::Remove("/p/.vm@3-k2@4.trash".into())],
        leaves_orphans: true,
        habits: CARELESS,
    }
}

pub(crate) fn freeze() -> Operation {
    Operation {
        name: "create --freeze",
        start: fleet(),
        run: |pool| {
            let create = Create { freeze: true, ..Create::new(name("gold"), paths(&DISKS[2..])) };
            pool.create(&create, &control()).map(drop)
        },
        effect: |picture| listed(picture, 2, "gold"),
        between: None,
        foreign: vec![Foreign::Write(path(0)), Foreign::Overlay(path(2))],
        leaves_orphans: false,
        habits: CARELESS,
    }
}

/// A disk on two layers that somebody else has made.
pub(crate) fn adopt() -> Operation {
    let fs = up(&fleet(), CARELESS);
    for (path, backing) in [
        ("/p/low.qcow2", None),
        ("/p/mid.qcow2", Some("low.qcow2")),
        ("/p/top.qcow2", Some("mid.qcow2")),
    ] {
        guest::make(&fs, Path::new(path), backing).expect("there is room");
    }
    guest::write(&fs, Path::new("/p/top.qcow2"), 0, &pattern(0x33)[..512]).expect("sound");
    Operation {
        name: "adopt",
        start: fs.disk().settled(),
        run: |pool| pool.adopt(Path::new("/p/top.qcow2"), &control()).map(drop),
        effect: |picture| {
            for layer in ["low", "mid"] {
                let seen = picture.live[Path::new(&format!("/p/{layer}.qcow2"))].clone();
                picture.snapshots.insert(("/p/top.qcow2".into(), layer.into()), seen);
            }
        },
        between: None,
        foreign: vec![
            Foreign::Write("/p/top.qcow2".into()),
            Foreign::Overlay("/p/mid.qcow2".into()),
        ],
        leaves_orphans: false,
        habits: CARELESS,
    }
}

pub(crate) fn pin() -> Operation {
    Operation {
        name: "pin",
        start: fleet(),
        run: |pool| pool.pin(&name("s1"), &path(0), "a reason", &control()).map(drop),
        effect: |picture| picture.pins.push((label(0, "s1"), "a reason".to_owned())),
        between: None,
        foreign: vec![Foreign::Write(path(0))],
        leaves_orphans: false,
        habits: CARELESS,
    }
}

/// What cannot be judged is kept, which is no error; here it is one, so that it can be told.
fn collected(collected: Result<Collected, Error>) -> Result<(), Error> {
    if collected?.dead.is_empty() { Err(ErrorKind::Stopped.into()) } else { Ok(()) }
}

pub(crate) fn gc_trash() -> Operation {
    Operation {
        name: "gc of the trash",
        start: fleet(),
        run: |pool| {
            let older_than = jiff::Timestamp::from_second(1_900_000_000).ok();
            let collect = Collect { older_than, ..Collect::default() };
            collected(pool.collect(&collect, &control()))
        },
        effect: |picture| picture.trash.clear(),
        between: None,
        foreign: vec![Foreign::Write(path(0)), Foreign::Remove("/p/.vm@3-k2@4.trash".into())],
        leaves_orphans: true,
        habits: CARELESS,
    }
}

/// A snapshot that was needed when it was retired, and is not any more.
fn retired() -> Disk {
    let fs = up(&fleet(), CARELESS);
    let child = Path::new("/p/child.qcow2");
    guest::make(&fs, child, Some("vm@2-k1.qcow2")).expect("there is room");
    let which = Selection::named(name("k1"), paths(&DISKS[..1]));
    let remove = Remove { retire: true, ..Remove::new(which) };
    let pool = pool(&fs, 5).expect("a pool");
    pool.remove(&remove, &control()).expect("it may be retired");
    fs.remove(child).expect("it is there");
    fs.disk().settled()
}

fn to_trash(picture: &mut Picture) {
    let file = PathBuf::from("/p/vm@2-k1.qcow2");
    let seen = picture.retired.remove(&file).expect("it was there");
    picture.trash.push((file, seen));
    picture.trash.sort();
}

pub(crate) fn gc_retired() -> Operation {
    Operation {
        name: "gc of a retired snapshot",
        start: retired(),
        run: |pool| collected(pool.collect(&Collect::default(), &control())),
        effect: to_trash,
        between: None,
        foreign: vec![
            Foreign::Write(path(0)),
            Foreign::Overlay("/p/vm@2-k1.qcow2".into()),
            Foreign::Remove("/p/vm@2-k1.qcow2".into()),
        ],
        leaves_orphans: false,
        habits: CARELESS,
    }
}

pub(crate) fn gc_purge() -> Operation {
    Operation {
        name: "gc --purge of a retired snapshot",
        start: retired(),
        run: |pool| {
            let collect = Collect { purge: true, ..Collect::default() };
            collected(pool.collect(&collect, &control()))
        },
        effect: |picture| picture.retired.clear(),
        between: Some(to_trash),
        foreign: vec![Foreign::Write(path(0)), Foreign::Overlay("/p/vm@2-k1.qcow2".into())],
        leaves_orphans: true,
        habits: CARELESS,
    }
}
