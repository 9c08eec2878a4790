//! Opening by path. None of these may block; a test that does is the failure.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::Path;

use diskdag_qcow2::open::{FileKind, OpenError, open_image, open_listed};

fn kind(path: &Path) -> FileKind {
    match open_image(path) {
        Err(OpenError::NotRegularFile(kind)) => kind,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_file_is_opened_and_identified() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a\nb\u{1b}");
    fs::write(&path, b"content").unwrap();
    fs::hard_link(&path, dir.path().join("second")).unwrap();
    symlink(&path, dir.path().join("link")).unwrap();
    let opened = open_image(&path).unwrap();
    assert_eq!((opened.stat.len, opened.stat.links), (7, 2));
    for other in ["second", "link"] {
        let other = open_image(&dir.path().join(other)).unwrap();
        assert_eq!(other.stat, opened.stat);
    }
    assert_eq!(open_listed(&path).unwrap().stat, opened.stat);
    assert!(!opened.changed().unwrap());
    fs::write(&path, b"other content").unwrap();
    assert!(opened.changed().unwrap());
}

#[test]
fn what_is_not_there_is_not_found() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("file"), b"").unwrap();
    symlink("nowhere", dir.path().join("dangling")).unwrap();
    for path in ["missing", "missing/too", "file/below", "dangling"] {
        let found = open_image(&dir.path().join(path));
        assert!(matches!(found, Err(OpenError::NotFound)), "{path}: {found:?}");
    }
}

#[test]
fn a_loop_of_links_is_an_error_of_the_system() {
    let dir = tempfile::tempdir().unwrap();
    symlink("b", dir.path().join("a")).unwrap();
    symlink("a", dir.path().join("b")).unwrap();
    assert!(matches!(open_image(&dir.path().join("a")), Err(OpenError::Io(_))));
}

#[test]
fn special_files_are_not_opened() {
    let dir = tempfile::tempdir().unwrap();
    assert_eq!(kind(dir.path()), FileKind::Directory);
    let socket = dir.path().join("socket");
    let _listener = std::os::unix::net::UnixListener::bind(&socket).unwrap();
    assert_eq!(kind(&socket), FileKind::Socket);
    assert_eq!(kind(Path::new("/dev/null")), FileKind::CharacterDevice);
    assert_eq!(kind(Path::new("/dev/zero")), FileKind::CharacterDevice);
}

#[test]
fn a_fifo_does_not_block() {
    let dir = tempfile::tempdir().unwrap();
    let fifo = dir.path().join("fifo");
    let made = std::process::Command::new("mkfifo").arg(&fifo).status();
    if !made.is_ok_and(|status| status.success()) {
        println!("skipped: no mkfifo");
        return;
    }
    assert_eq!(kind(&fifo), FileKind::Fifo);
    symlink(&fifo, dir.path().join("link")).unwrap();
    assert_eq!(kind(&dir.path().join("link")), FileKind::Fifo);
    assert!(matches!(open_listed(&fifo), Err(OpenError::NotRegularFile(FileKind::Fifo))));
}

#[cfg(target_os = "linux")]
#[test]
fn a_pseudo_file_is_refused_although_it_looks_regular() {
    for path in ["/proc/self/mem", "/proc/self/maps", "/proc/version"] {
        let found = open_image(Path::new(path));
        let refused = matches!(found, Err(OpenError::RefusedFilesystem { magic: 0x9fa0 }));
        assert!(refused, "{path}: {found:?}");
    }
    let dir = tempfile::tempdir().unwrap();
    symlink("/proc/self/mem", dir.path().join("innocent.qcow2")).unwrap();
    let found = open_image(&dir.path().join("innocent.qcow2"));
    assert!(matches!(found, Err(OpenError::RefusedFilesystem { .. })));
}

#[test]
fn no_permission_is_an_error_of_the_system() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("secret");
    fs::write(&path, b"x").unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o000)).unwrap();
    match open_image(&path) {
        Err(OpenError::Io(error)) => assert_eq!(error.kind(), std::io::ErrorKind::PermissionDenied),
        // Root may read everything.
        Ok(opened) => assert_eq!(opened.stat.mode & 0o777, 0),
        other => panic!("{other:?}"),
    }
}
