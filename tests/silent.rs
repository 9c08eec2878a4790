//! A file system whose daemon takes requests and does not answer them, as sshfs without a network. Needs the
//! right to mount; a process that has asked it something cannot even be killed.

use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::AsRawFd;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use diskdag_qcow2::create::{Backing, Create};
use nix::mount::{MntFlags, MsFlags, mount, umount2};
use nix::sched::{CloneFlags, unshare};

use crate::support::{Finished, finish};

/// Opcodes of `linux/fuse.h`.
const GETATTR: u32 = 3;
const STATFS: u32 = 17;
const RELEASEDIR: u32 = 29;
const INIT: u32 = 26;
const OPENDIR: u32 = 27;
const READDIR: u32 = 28;

/// Mounted as long as it is there.
struct Silent {
    place: PathBuf,
    daemon: Option<Arc<File>>,
}

impl Silent {
    fn at(place: PathBuf) -> Option<Self> {
        let daemon = File::options().read(true).write(true).open("/dev/fuse").ok()?;
        let options = format!("fd={},rootmode=40000,user_id=0,group_id=0", daemon.as_raw_fd());
        let flags = MsFlags::MS_NOSUID | MsFlags::MS_NODEV;
        mount(Some("silent"), &place, Some("fuse"), flags, Some(&*options)).ok()?;
        let daemon = Arc::new(daemon);
        let serve = Arc::clone(&daemon);
        std::thread::spawn(move || {
            let mut request = vec![0; 1 << 20];
            while let Ok(length) = (&*serve).read(&mut request) {
                answer(&serve, &request[..length]);
            }
        });
        Some(Self { place, daemon: Some(daemon) })
    }
}

impl Drop for Silent {
    fn drop(&mut self) {
        // Aborts the connection: whoever waits gets an error, the daemon's thread too.
        umount2(&self.place, MntFlags::MNT_FORCE | MntFlags::MNT_DETACH).ok();
        self.daemon.take();
    }
}

/// The root is a directory that holds `disk.qcow2`; of that no question is answered.
fn answer(mut daemon: &File, request: &[u8]) {
    let word = |at: usize| u32::from_le_bytes(request[at..at + 4].try_into().unwrap());
    let numbers = |list: &[u64]| list.iter().flat_map(|n| n.to_le_bytes()).collect::<Vec<u8>>();
    let body = match word(4) {
        INIT => {
            let mut body = vec![0; 64];
            body[..4].copy_from_slice(&7_u32.to_le_bytes());
            body[4..8].copy_from_slice(&31_u32.to_le_bytes());
            body[20..24].copy_from_slice(&(1_u32 << 16).to_le_bytes());
            body
        }
        GETATTR => {
            let mut body = vec![0; 104];
            body[16] = 1;
            body[76..80].copy_from_slice(&0o40_755_u32.to_le_bytes());
            body[80] = 2;
            body
        }
        STATFS => vec![0; 80],
        OPENDIR => numbers(&[1, 0]),
        READDIR if request[48..56] == [0; 8] => {
            let name = b"disk.qcow2\0\0\0\0\0\0";
            [&numbers(&[2, 1])[..], &10_u32.to_le_bytes(), &8_u32.to_le_bytes(), name].concat()
        }
        READDIR | RELEASEDIR => Vec::new(),

        _ => return,
    };
    let length = u32::try_from(16 + body.len()).unwrap().to_le_bytes();
    daemon.write_all(&[&length[..], &[0; 4], &request[8..16], &body].concat()).ok();
}

/// In a mount namespace of this thread alone, so that no other test sees it.
fn alone() -> nix::Result<()> {
    unshare(CloneFlags::CLONE_NEWNS)?;
    mount(None::<&str>, "/", None::<&str>, MsFlags::MS_REC | MsFlags::MS_PRIVATE, None::<&str>)
}

/// What the command answers about such a file system; nothing where none can be mounted here.
fn asked(arguments: &'static [&'static str], file: &'static str) -> Option<Finished> {
    answered(arguments, move |silent, _| silent.join(file))
}

/// The same about an image whose backing file lies there.
fn asked_on_top(arguments: &'static [&'static str]) -> Option<Finished> {
    answered(arguments, |silent, folder| {
        let backing = silent.join("disk.qcow2").into_os_string().into_encoded_bytes();
        let backing = Backing { name: &backing, format: Some(b"qcow2") };
        let create = Create { virtual_size: 1 << 20, backing: Some(backing), ..Create::default() };
        let image = folder.join("top.qcow2");
        create.build().unwrap().write_to(&File::create(&image).unwrap()).unwrap();
        image
    })
}

/// What it answers about an image that may be made for it, beside such a file system.
fn answered(
    arguments: &'static [&'static str],
    image: impl FnOnce(&Path, &Path) -> PathBuf + Send + 'static,
) -> Option<Finished> {
    let ask = move || {
        let [place, folder] =
            [(); 2].map(|()| tempfile::Builder::new().prefix("dd").tempdir().unwrap());
        let silent = alone().ok().and_then(|()| Silent::at(place.path().to_owned()))?;
        let mut command = Command::new(env!("CARGO_BIN_EXE_diskdag"));
        command.args(arguments).args(["--patience", "1"]);
        command.arg(image(&silent.place, folder.path()));
        Some(finish(command.env_remove("DISKDAG_ROOTS").env_remove("DISKDAG_INDEX")))
    };
    let finished = std::thread::spawn(ask).join().unwrap();
    if finished.is_none() {
        println!("skipped: no file system of a daemon can be mounted here");
    }
    finished
}

#[test]
fn the_command_ends_with_its_answer_though_what_it_asked_never_does() {
    let Some(finished) = asked(&["scan"], "") else { return };
    let said = String::from_utf8_lossy(&finished.stdout).into_owned();
    assert_eq!(finished.code, Some(7), "{said}");
    assert!(said.contains("did not answer within 1 s"), "{said}");
}

#[test]
fn verbs_that_open_an_image_themselves_end_though_it_never_answers() {
    for (arguments, code) in
        [(&["info"][..], 1), (&["check"], 1), (&["map"], 1), (&["measure"], 1), (&["audit"], 7)]
    {
        let Some(finished) = asked(arguments, "disk.qcow2") else { return };
        let said = String::from_utf8_lossy(&finished.stderr).into_owned();
        assert_eq!(finished.code, Some(code), "{arguments:?}: {said}");
        assert!(said.contains("did not answer within 1 s"), "{arguments:?}: {said}");
    }
}

#[test]
fn verbs_that_open_a_chain_end_though_a_layer_of_it_never_answers() {
    for (arguments, code, is_silent) in [
        (&["info", "--backing-chain"][..], 1, true),
        (&["map"], 1, true),
        (&["measure"], 1, true),
        (&["map", "--allow-dir", "/"], 1, true),
        (&["audit", "--allow-dir", "/"], 7, true),
        (&["info"], 0, false),
        // The policy forbids to ask.
        (&["map", "--no-follow"], 1, false),
        (&["audit"], 4, false),
    ] {
        let Some(finished) = asked_on_top(arguments) else { return };
        let said = String::from_utf8_lossy(&finished.stderr).into_owned();
        assert_eq!(finished.code, Some(code), "{arguments:?}: {said}");
        let says = said.contains("what it names did not answer within 1 s");
        assert_eq!(says, is_silent, "{arguments:?}: {said}");
    }
}
