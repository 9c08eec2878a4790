//! qemu-img as a child process: its start, some 20 ms, is part of what a caller waits for.

use crate::Result;
use serde_json::Value;
use std::path::Path;
use std::process::{Command, Stdio};

/// Whether there is one.
pub(crate) fn is_there() -> bool {
    Command::new("qemu-img").arg("--version").stdout(Stdio::null()).status().is_ok()
}

/// Clusters allocated and fragmented, corruptions and leaks.
pub(crate) fn check(path: &Path) -> Result<[u64; 4]> {
    let mut command = Command::new("qemu-img");
    command.args(["check", "-f", "qcow2", "--output=json"]).arg(path).stdin(Stdio::null());
    let output = command.output()?;
    let object: Value = serde_json::from_slice(&output.stdout)?;
    let number = |key: &str| object.get(key).and_then(Value::as_u64).unwrap_or_default();
    let keys = ["allocated-clusters", "fragmented-clusters", "corruptions", "leaks"];
    Ok(keys.map(number))
}
