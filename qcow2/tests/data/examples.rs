//! The examples run, and say what their documentation says.

#[path = "../../examples/inspect_untrusted.rs"]
mod inspect_untrusted;

use std::path::PathBuf;

use diskdag_qcow2::Verdict;

use super::forge::Forge;
use super::support::scratch;

fn inspect(image: PathBuf, directories: Vec<PathBuf>) -> (Verdict, String) {
    let mut said = Vec::new();
    let verdict = inspect_untrusted::run(&image, directories, &mut said).unwrap();
    (verdict, String::from_utf8(said).unwrap())
}

#[test]
fn inspect_untrusted() {
    let directory = scratch();
    let path = directory.path().join("upload");
    std::fs::write(&path, &Forge::new().0).unwrap();
    let (verdict, said) = inspect(path.clone(), Vec::new());
    assert_eq!(verdict, Verdict::Safe, "{said}");
    assert!(said.contains("qcow2 version 3, a disk of 67108864 bytes"), "{said}");

    let name = b"\x1b[2J/etc/passwd";
    let mut forge = Forge::new();
    forge.u64(8, 1024).u32(16, name.len() as u32).bytes(1024, name);
    std::fs::write(&path, &forge.0).unwrap();
    let (verdict, said) = inspect(path, vec![directory.path().to_path_buf()]);
    assert_eq!(verdict, Verdict::Unsafe, "{said}");
    assert!(said.contains("names a backing file: \\x1b[2J/etc/passwd"), "{said}");
    assert!(!said.contains('\u{1b}'), "nothing that a terminal obeys");
}
