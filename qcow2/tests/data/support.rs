//! What the tests share: QEMU's tools, chance with a seed, a source that counts.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

/// splitmix64: the same numbers everywhere for the same seed.
#[derive(Clone)]
pub(crate) struct Chance(pub u64);

impl Chance {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub(crate) fn below(&mut self, end: u64) -> u64 {
        self.next() % end.max(1)
    }

    pub(crate) fn one_in(&mut self, n: u64) -> bool {
        self.below(n) == 0
    }

    pub(crate) fn of<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[self.below(choices.len() as u64) as usize]
    }

    pub(crate) fn fill(&mut self, bytes: &mut [u8]) {
        for chunk in bytes.chunks_mut(8) {
            chunk.copy_from_slice(&self.next().to_le_bytes()[..chunk.len()]);
        }
    }
}

/// Whether QEMU's tools are there. If not the test says so and ends; with `DISKDAG_REQUIRE_QEMU=1` it fails.
pub(crate) fn qemu() -> bool {
    let there = ["qemu-img", "qemu-io"].iter().all(|tool| {
        let quiet = Command::new(tool).arg("--version").stdin(Stdio::null()).output();
        quiet.is_ok_and(|output| output.status.success())
    });
    if !there {
        println!("skipped: qemu-img and qemu-io are not there");
        assert_ne!(
            std::env::var_os("DISKDAG_REQUIRE_QEMU").as_deref(),
            Some(OsStr::new("1")),
            "DISKDAG_REQUIRE_QEMU=1, but qemu-img and qemu-io are not there"
        );
    }
    there
}

/// Runs one of QEMU's tools, in `directory`, for at most 60 seconds.
pub(crate) fn run(directory: &Path, tool: &str, args: &[&str]) -> Output {
    Command::new("timeout")
        .args(["60", tool])
        .args(args)
        .current_dir(directory)
        .stdin(Stdio::null())
        .output()
        .unwrap()
}

/// The same, and it has to succeed.
pub(crate) fn ok(directory: &Path, tool: &str, args: &[&str]) -> String {
    let output = run(directory, tool, args);
    assert!(
        output.status.success(),
        "{tool} {args:?}: {}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8_lossy(&output.stdout).into_owned()
}

pub(crate) fn scratch() -> tempfile::TempDir {
    tempfile::Builder::new().prefix("diskdag-data-").tempdir().unwrap()
}

/// A number from the environment, to make a campaign longer.
pub(crate) fn setting(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().and_then(|value| value.parse().ok()).unwrap_or(default)
}

pub(crate) fn path(directory: &Path, name: &str) -> PathBuf {
    directory.join(name)
}
