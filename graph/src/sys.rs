//! The one module that speaks to the operating system below std: directories, descriptors, kinds
//! of file systems, locks.

use std::path::Path;

use crate::usage::InUse;

/// QEMU's lock bytes: `(first, last, the byte among them that means "writes")`.
#[cfg(target_os = "linux")]
pub(crate) fn qemu_locks(path: &Path) -> InUse {
    use nix::fcntl::{FcntlArg, fcntl};

    let file = match diskdag_qcow2::open::open_image(path) {
        Ok(opened) => opened.file,
        Err(error) => return InUse::Unknown { reason: format!("cannot ask its locks: {error}") },
    };
    let held = |byte: i64| -> Result<bool, nix::Error> {
        let mut lock = nix::libc::flock {
            l_type: nix::libc::F_WRLCK as i16,
            l_whence: nix::libc::SEEK_SET as i16,
            l_start: byte,
            l_len: 1,
            l_pid: 0,
        };
        fcntl(&file, FcntlArg::F_OFD_GETLK(&mut lock))?;
        Ok(lock.l_type != nix::libc::F_UNLCK as i16)
    };
    let mut holds = Vec::new();
    for byte in (100..=104).chain(200..=204) {
        match held(byte) {
            Ok(true) => holds.push(byte),
            Ok(false) => {}
            Err(error) => {
                return InUse::Unknown { reason: format!("cannot ask its locks: {error}") };
            }
        }
    }
    if holds.is_empty() {
        return InUse::No;
    }
    let writes = holds.iter().any(|byte| (101..=103).contains(byte));
    let bytes: Vec<String> = holds.iter().map(i64::to_string).collect();
    let role = if writes { "a writer" } else { "a reader" };
    InUse::Yes { writes, detail: format!("in use by {role} (QEMU lock bytes {})", bytes.join(", ")) }
}

/// Other systems: QEMU's locks there are not open-file-description locks that can be asked.
#[cfg(not(target_os = "linux"))]
pub(crate) fn qemu_locks(_path: &Path) -> InUse {
    InUse::NotAsked
}
