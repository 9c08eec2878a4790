//! Permissions are tested as somebody whom they bind: root reads everything.

use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

use super::command;

/// The user without rights, by convention, on Linux and elsewhere.
const NOBODY: u32 = 65534;

/// Are these tests run by root?
pub(crate) fn is_root() -> bool {
    // A new file belongs to whoever made it; std has no getuid.
    tempfile::NamedTempFile::new().unwrap().as_file().metadata().unwrap().uid() == 0
}

/// The command in a place where every user can run it, and what keeps it there.
pub(crate) struct Program {
    pub(crate) path: PathBuf,
    _copy: Option<TempDir>,
}

impl Program {
    /// The built command where Cargo put it.
    pub(crate) fn built() -> Program {
        Program { path: command().into(), _copy: None }
    }

    /// The built command, copied if a folder above it is closed to other users.
    pub(crate) fn for_everybody() -> Program {
        let built = Program::built();
        let open = |path: &Path| path.metadata().is_ok_and(|found| found.mode() & 0o001 != 0);
        if built.path.ancestors().all(open) {
            return built;
        }
        let copy = tempfile::tempdir().unwrap();
        open_to_all(copy.path());
        let path = copy.path().join("diskdag");
        // By a program of its own: a file that this process had open for writing could be
        // inherited by another test's child, and would then be refused as "text file busy".
        assert!(Command::new("cp").arg(&built.path).arg(&path).status().unwrap().success());
        open_to_all(&path);
        Program { path, _copy: Some(copy) }
    }
}

/// Makes the command run as nobody, when the tests run as root.
pub(crate) fn unprivileged(command: &mut Command) {
    if is_root() {
        command.uid(NOBODY).gid(NOBODY);
    }
}

/// Lets every user read and enter.
pub(crate) fn open_to_all(path: &Path) {
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).unwrap();
}

/// Gives a folder to the user that [`unprivileged`] commands run as.
pub(crate) fn give_away(path: &Path) {
    if is_root() {
        chown(path, Some(NOBODY), Some(NOBODY)).unwrap();
    }
}
