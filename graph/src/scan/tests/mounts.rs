//! File systems that come and go below a watched directory: needs the right to mount.

use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Duration;

use super::fleet::Fleet;
use super::live::{live, refresh, settled};
use crate::scan::EventKind;

/// A file system in memory, until it is dropped.
struct Mounted(PathBuf);

impl Mounted {
    /// Nothing, with a word on why, where that is not allowed.
    fn at(place: PathBuf) -> Option<Self> {
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "none"]).arg(&place).stderr(Stdio::null());
        if mount.status().is_ok_and(|status| status.success()) {
            return Some(Self(place));
        }
        eprintln!("skipped: nothing may be mounted here");
        None
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        let status = Command::new("umount").arg(&self.0).status();
        assert!(status.is_ok_and(|status| status.success()) || std::thread::panicking());
    }
}

/// Of what comes to lie over a directory, or goes from it, that directory is not told.
#[test]
fn what_is_mounted_below_a_watched_directory_is_seen_to_come_and_to_go() {
    let fleet = Fleet::new();
    fleet.folder("in/place");
    fleet.image("in/place/hidden", None);
    fleet.image("in/overlay", Some("place/shown"));
    let Some(mut live) = live(&fleet) else { return };
    let Some(mounted) = Mounted::at(fleet.path("in/place")) else { return };
    assert!(live.wait(Duration::from_secs(60)), "it is worth looking");
    let events = refresh(&mut live);
    assert_eq!(events, [(EventKind::Gone, "hidden".to_owned())]);
    fleet.image("in/place/shown", None);
    assert!(refresh(&mut live).contains(&(EventKind::Appeared, "shown".to_owned())));
    assert_eq!(settled(live.graph()), settled(&fleet.fresh().graph));
    drop(mounted);
    assert!(live.wait(Duration::from_secs(60)), "it is worth looking");
    let events = refresh(&mut live);
    assert!(events.contains(&(EventKind::Gone, "shown".to_owned())), "{events:?}");
    assert!(events.contains(&(EventKind::Appeared, "hidden".to_owned())), "{events:?}");
    assert_eq!(settled(live.graph()), settled(&fleet.fresh().graph));
    assert!(live.is_watching());
}
