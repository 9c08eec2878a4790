//! QEMU's locks, asked without taking one.

use std::path::Path;

#[cfg(target_os = "linux")]
use crate::sys::causes;
use crate::usage::InUse;

/// Asks QEMU's lock bytes, without taking one.
#[cfg(target_os = "linux")]
pub(crate) fn qemu_locks(path: &Path) -> InUse {
    use nix::fcntl::{FcntlArg, fcntl};
    use nix::libc;

    let unknown = |error: &dyn std::error::Error| InUse::Unknown {
        reason: format!("its locks could not be asked: {}", causes(error)),
    };
    let file = match diskdag_qcow2::open::open_image(path) {
        Ok(opened) => opened.file,
        Err(error) => return unknown(&error),
    };
    let mut held = Vec::new();
    for byte in (100..=104).chain(200..=204) {
        let mut lock =
            libc::flock { l_type: WRITE_LOCK, l_whence: 0, l_start: byte, l_len: 1, l_pid: 0 };
        match fcntl(&file, FcntlArg::F_OFD_GETLK(&mut lock)) {
            Ok(_) if lock.l_type == UNLOCKED => {}
            Ok(_) => held.push(byte),
            Err(error) => return unknown(&error),
        }
    }
    if held.is_empty() {
        return InUse::No;
    }
    let writes = held.iter().any(|byte| (101..=103).contains(byte));
    let role = if writes { "a writer" } else { "a reader" };
    let bytes: Vec<String> = held.iter().map(ToString::to_string).collect();
    InUse::Yes {
        writes,
        detail: format!("in use by {role} (QEMU lock bytes {})", bytes.join(", ")),
    }
}

/// `F_WRLCK` and `F_UNLCK` in the type that the kernel's structure has for them.
#[cfg(target_os = "linux")]
const WRITE_LOCK: i16 = 1;
#[cfg(target_os = "linux")]
const UNLOCKED: i16 = 2;

/// Other systems: QEMU's locks there are not open-file-description locks that can be asked.
#[cfg(not(target_os = "linux"))]
pub(crate) fn qemu_locks(_path: &Path) -> InUse {
    InUse::NotAsked
}
