//! QEMU as the oracle: what it says of an image is what an image is.
//!
//! Only harmless images are shown to it: it opens what they name, and some of the things that
//! these tests make would keep it busy for ever.

use std::ffi::OsStr;
use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use super::{Finished, finish};

/// Proof that `qemu-img` can be run.
#[derive(Clone, Copy)]
pub(crate) struct Qemu(());

/// QEMU's tools, or nothing where they are not installed: the test then says that it was skipped.
///
/// With `DISKDAG_REQUIRE_QEMU=1` (as .ci/run sets it) their absence is a failure instead.
pub(crate) fn require_qemu() -> Option<Qemu> {
    let found = Command::new("qemu-img")
        .arg("--version")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success());
    if found {
        return Some(Qemu(()));
    }
    let required = std::env::var_os("DISKDAG_REQUIRE_QEMU").is_some_and(|value| value == "1");
    assert!(!required, "DISKDAG_REQUIRE_QEMU=1, but there is no qemu-img");
    println!("skipped: no qemu-img on this machine (Debian: qemu-utils, Fedora: qemu-img)");
    None
}

impl Qemu {
    /// Runs `qemu-img` in a folder and returns however it ended.
    pub(crate) fn try_img<A: AsRef<OsStr>>(
        self,
        folder: &Path,
        arguments: impl IntoIterator<Item = A>,
    ) -> Finished {
        finish(Command::new("qemu-img").args(arguments).current_dir(folder))
    }

    /// Runs `qemu-img` in a folder; it has to succeed.
    #[track_caller]
    pub(crate) fn img<A: AsRef<OsStr>>(
        self,
        folder: &Path,
        arguments: impl IntoIterator<Item = A>,
    ) -> Vec<u8> {
        let arguments: Vec<_> = arguments.into_iter().collect();
        let shown: Vec<_> = arguments.iter().map(AsRef::as_ref).collect();
        let finished = self.try_img(folder, &shown);
        let heard = String::from_utf8_lossy(&finished.stderr);
        assert_eq!(finished.code, Some(0), "qemu-img {shown:?}: {heard}");
        finished.stdout
    }

    /// `qemu-img create`, quiet; arguments after the format.
    #[track_caller]
    pub(crate) fn create(self, folder: &Path, format: &str, arguments: &[&str]) {
        let mut all = vec!["create", "-q", "-f", format];
        all.extend(arguments);
        self.img(folder, all);
    }

    /// An overlay that names its backing file in these words, which nobody looks at.
    #[track_caller]
    pub(crate) fn overlay(self, folder: &Path, name: &str, backing: &str, format: &str) {
        self.create(folder, "qcow2", &["-u", "-b", backing, "-F", format, name, "1M"]);
    }

    /// `qemu-img info --output=json`.
    #[track_caller]
    pub(crate) fn info(self, folder: &Path, image: impl AsRef<OsStr>) -> Value {
        let image = image.as_ref();
        let out = self.img(folder, [OsStr::new("info"), OsStr::new("--output=json"), image]);
        serde_json::from_slice(&out).unwrap()
    }

    /// `qemu-img info --backing-chain --output=json`: top first.
    #[track_caller]
    pub(crate) fn chain(self, folder: &Path, image: impl AsRef<OsStr>) -> Vec<Value> {
        let options = ["info", "--backing-chain", "--output=json"].map(OsStr::new);
        let out = self.img(folder, options.into_iter().chain([image.as_ref()]));
        serde_json::from_slice(&out).unwrap()
    }

    /// Holds an image open with `qemu-nbd`, for reading and writing, until this is dropped.
    pub(crate) fn serve(self, image: &Path, socket: &Path) -> Held {
        let mut command = Command::new("qemu-nbd");
        command.args(["-f", "qcow2", "-k"]).arg(socket).arg(image);
        let child = command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut held = Held { child, connection: None };
        // It greets whom it serves, and it serves once the image is open. There is no signal to
        // wait for in this mode, which in return ends when its last client goes.
        let patience = Instant::now() + Duration::from_secs(60);
        let mut connection = loop {
            match UnixStream::connect(socket) {
                Ok(connection) => break connection,
                Err(error) => {
                    assert!(Instant::now() < patience, "qemu-nbd does not answer: {error}");
                    let ended = held.child.try_wait().unwrap();
                    assert!(ended.is_none(), "qemu-nbd has ended: {ended:?}");
                    std::thread::yield_now();
                }
            }
        };
        let mut greeting = [0; 8];
        connection.read_exact(&mut greeting).unwrap();
        assert_eq!(&greeting, b"NBDMAGIC");
        held.connection = Some(connection);
        held
    }

    /// Holds an image open with `qemu-io` until this is dropped.
    pub(crate) fn hold(self, image: &Path, read_only: bool) -> Held {
        let mut command = Command::new("qemu-io");
        command.args(["-f", "qcow2"]).args(read_only.then_some("-r")).arg(image);
        let child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let mut held = Held { child, connection: None };
        // An answer to a question means that the image is open.
        writeln!(held.child.stdin.as_mut().unwrap(), "length").unwrap();
        let mut answer = String::new();
        BufReader::new(held.child.stdout.as_mut().unwrap()).read_line(&mut answer).unwrap();
        assert!(answer.contains("KiB") || answer.contains("MiB"), "qemu-io says {answer:?}");
        held
    }
}

/// An image held open by another process, with QEMU's own locks.
pub(crate) struct Held {
    child: Child,
    connection: Option<UnixStream>,
}

impl Held {
    /// Ends the process and returns when it, and with it every lock, is gone.
    pub(crate) fn release(self) {
        drop(self);
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        // Also on the way out of a failed test: nothing may keep running.
        drop(self.connection.take());
        let _already_gone = self.child.kill();
        let _no_other_waits = self.child.wait();
    }
}
