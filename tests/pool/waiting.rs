//! Waiting for locks, and being told to stop.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

use super::support::Pool;

/// Holds the pool's lock as another writer would, with `flock`'s own lock; ends when it is dropped.
struct Holder(std::process::Child);

impl Holder {
    fn of(pool: &Pool) -> Option<Holder> {
        if !has_flock() {
            return None;
        }
        let mut command = Command::new("flock");
        command.arg("-x").arg(pool.fleet.path(".diskdag/lock")).args([
            "sh",
            "-c",
            "echo held; exec cat",
        ]);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
        assert_eq!(line, "held\n");
        Some(Holder(child))
    }
}

impl Drop for Holder {
    fn drop(&mut self) {
        drop(self.0.stdin.take());
        let _ended = self.0.wait();
    }
}

/// Whether there is another program that can hold the pool's lock.
fn has_flock() -> bool {
    let version = Command::new("flock").arg("--version").stdout(Stdio::null()).status();
    let found = version.is_ok_and(|status| status.success());
    if !found {
        println!("skipped: no flock on this machine (util-linux)");
    }
    found
}

/// Writers wait for each other, and say so in the end; readers wait for nobody.
#[test]
fn a_pool_that_somebody_writes_to() {
    let Some(pool) = Pool::with_vm() else { return };
    pool.ok("snap create s1 vm.qcow2");
    let Some(holder) = Holder::of(&pool) else {
        return;
    };
    let busy = pool.json("snap create s2 vm.qcow2 --wait=0", 75);
    assert_eq!(busy["kind"], "locked");
    pool.ends("gc --wait=0.05", 75).says("--wait");
    for line in
        ["snap list", "tree", "scan", "trash list", "can-rm vm.qcow2", "dependents vm.qcow2"]
    {
        pool.ok(line);
    }
    drop(holder);
    pool.ok("snap create s2 vm.qcow2 --wait=0");
}

#[test]
fn waiting_is_a_number_of_seconds() {
    let Some(pool) = Pool::with_vm() else { return };
    for wait in ["--wait=x", "--wait=-1", "--wait=1h"] {
        pool.ends(&format!("snap create s1 vm.qcow2 {wait}"), 64);
    }
    // The word behind it is a disk, not a number.
    pool.ok("snap create s1 --wait vm.qcow2");
}

/// Who waits for an image gets it once it is free.
#[test]
fn an_image_is_waited_for() {
    let Some(pool) = Pool::with_vm() else { return };
    let held = pool.qemu.hold(&pool.fleet.path("vm.qcow2"), false);
    pool.ends("snap create s1 vm.qcow2 --wait=0.05", 75);
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| pool.ok("snap create s1 vm.qcow2 --wait"));
        held.release();
        waiting.join().unwrap();
    });
    assert_eq!(pool.snapshots(), ["vm.qcow2@s1"]);
}

/// Who waits for an image keeps nobody from the pool.
#[test]
fn others_write_while_an_image_is_waited_for() {
    let Some(pool) = Pool::with_vm() else { return };
    pool.disk("other.qcow2");
    let held = pool.qemu.hold(&pool.fleet.path("vm.qcow2"), false);
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| pool.ok("snap create s1 vm.qcow2 --wait"));
        for number in 0..10 {
            pool.ok(&format!("snap create s{number} other.qcow2"));
        }
        assert!(!waiting.is_finished());
        held.release();
        waiting.join().unwrap();
    });
    assert_eq!(pool.snapshots().len(), 11);
}

/// Whether a process has come to catch a signal.
fn listens_to(process: u32, signal: &str) -> bool {
    let number = match signal {
        "HUP" => 1,
        "INT" => 2,
        _ => 15,
    };
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap();
    let caught = status.lines().find_map(|line| line.strip_prefix("SigCgt:")).unwrap();
    u64::from_str_radix(caught.trim(), 16).unwrap() & (1 << (number - 1)) != 0
}

/// A signal while it waits: nothing was done, and it says so.
#[test]
fn a_signal_stops_what_has_not_been_committed() {
    let Some(pool) = Pool::with_vm() else { return };
    let before = pool.bytes();
    let held = pool.qemu.hold(&pool.fleet.path("vm.qcow2"), false);
    for signal in ["INT", "TERM", "HUP"] {
        // Waits for ever; asked to stop until it does, since nobody tells when it listens.
        let child = Command::new(env!("CARGO_BIN_EXE_diskdag"))
            .args(["snap", "create", "s1", "vm.qcow2", "--wait"])
            .current_dir(pool.fleet.root())
            .env("DISKDAG_CONFIG", pool.fleet.settings())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        while !listens_to(child.id(), signal) {
            std::thread::yield_now();
        }
        let kill =
            Command::new("kill").arg(format!("-{signal}")).arg(child.id().to_string()).status();
        assert!(kill.unwrap().success());
        let ended = child.wait_with_output().unwrap();
        let said = String::from_utf8_lossy(&ended.stderr).into_owned();
        assert_eq!(ended.status.code(), Some(1), "{signal}: {said}");
        assert!(said.contains("stopped"), "{signal}: {said}");
    }
    held.release();
    assert_eq!(pool.files(), ["vm.qcow2"]);
    assert_eq!(pool.bytes(), before);
    pool.ok("snap create s1 vm.qcow2");
}
