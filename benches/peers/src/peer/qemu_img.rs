//! qemu-img, run as a process: it has no library. Some 10 ms of each run are its start.

use crate::Result;
use std::ffi::OsStr;
use std::process::{Command, Stdio};

/// Whether it can be run. Where it can't its rows are left out, and that is said.
pub(crate) fn is_there() -> bool {
    let quiet = Command::new("qemu-img").arg("--version").stdin(Stdio::null()).output();
    quiet.is_ok_and(|output| output.status.success())
}

/// Runs it; what it prints goes nowhere.
pub(crate) fn run(arguments: &[&OsStr]) -> Result<()> {
    let status = Command::new("qemu-img")
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .status()?;
    if status.success() { Ok(()) } else { Err(format!("qemu-img: {status}").into()) }
}

/// Runs it and returns what it prints.
pub(crate) fn output(arguments: &[&OsStr]) -> Result<Vec<u8>> {
    let output = Command::new("qemu-img").args(arguments).stdin(Stdio::null()).output()?;
    if output.status.success() {
        Ok(output.stdout)
    } else {
        Err(format!("qemu-img: {}", output.status).into())
    }
}
