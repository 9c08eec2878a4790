//! The audit: what it says of sound images, of what they name, and of what changes under it.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use diskdag_qcow2::Control;
use diskdag_qcow2::audit::{Audit, AuditError, Verdict};
use diskdag_qcow2::chain::Policy;
use diskdag_qcow2::create::{Backing, Create};
use diskdag_qcow2::source::MemorySource;

use super::differential::{Plan, scribble};
use super::support::{Chance, ok, qemu, run, scratch};

fn write(path: &Path, options: &Create<'_>) {
    options.build().unwrap().write_to(&fs::File::create(path).unwrap()).unwrap();
}

fn overlay(path: &Path, name: &str, format: Option<&str>) {
    let format = format.map(str::as_bytes);
    let backing = Some(Backing { name: name.as_bytes(), format });
    write(path, &Create { virtual_size: 1 << 20, backing, ..Create::default() });
}

fn kinds(audit: &Audit) -> Vec<&'static str> {
    audit.findings.iter().map(|finding| finding.kind).collect()
}

/// Whatever sound image qemu-img and qemu-io make is safe, and nothing about it is odd.
#[test]
fn what_qemu_makes_is_safe() {
    if !qemu() {
        return;
    }
    let directory = scratch();
    let mut chance = Chance(0xa0d1);
    ok(directory.path(), "qemu-img", &["create", "-q", "-f", "raw", "noise", "2M"]);
    fs::write(directory.path().join("noise"), {
        let mut noise = vec![0; 2 << 20];
        chance.fill(&mut noise);
        noise
    })
    .unwrap();
    let mut with_snapshots = 0;
    for round in 0..24 {
        let plan = Plan::of(&mut chance);
        let name = format!("image{round}");
        plan.create(directory.path(), &name, None);
        scribble(directory.path(), &name, &plan, &mut chance, "noise");
        if !plan.has_data_file() && round % 3 == 0 {
            for tag in ["one", "two"] {
                // Refused where a refcount is one bit wide.
                let taken = run(directory.path(), "qemu-img", &["snapshot", "-c", tag, &name]);
                with_snapshots += usize::from(taken.status.success());
                scribble(directory.path(), &name, &plan, &mut chance, "noise");
            }
        }
        if plan.is_version_3() && round % 2 == 0 {
            ok(directory.path(), "qemu-img", &["bitmap", "--add", &name, "bits"]);
            scribble(directory.path(), &name, &plan, &mut chance, "noise");
        }
        let mut policy = Policy::beneath([directory.path().to_path_buf()]);
        policy.working_directory = Some(directory.path().to_path_buf());
        let audit = Audit::of_path(&directory.path().join(&name), &policy).unwrap();
        // With refcounts of a bit or two QEMU itself may come to map a compressed cluster's host cluster a
        // second time; its own check says so.
        let check = run(directory.path(), "qemu-img", &["check", "-q", &name]);
        if check.status.code() == Some(2) {
            continue;
        }
        assert_eq!(audit.findings, [], "{name}: {plan:?}");
        assert!(audit.readable);
        assert_eq!(audit.references.len(), usize::from(plan.has_data_file()));
    }
    assert!(with_snapshots > 4);
}

#[test]
fn nothing_is_followed_unless_it_is_allowed() {
    let directory = scratch();
    let (inside, outside) = (directory.path().join("in"), directory.path().join("out"));
    fs::create_dir(&inside).unwrap();
    fs::create_dir(&outside).unwrap();
    write(&inside.join("base"), &Create { virtual_size: 1 << 20, ..Create::default() });
    write(&outside.join("base"), &Create { virtual_size: 1 << 20, ..Create::default() });
    symlink("../out/base", inside.join("link")).unwrap();
    let top = inside.join("top");
    let allowed = Policy::beneath([inside.clone()]);
    let absolute = outside.join("base");
    for (name, is_safe) in [
        ("base", true),
        ("./base", true),
        ("../in/base", true),
        ("link", false),
        ("../out/base", false),
        ("../out/missing", false),
        (absolute.to_str().unwrap(), false),
        ("/nonexistent/base", false),
        ("nbd://127.0.0.1:1", false),
        ("json:{\"driver\":\"raw\",\"file.filename\":\"/etc/passwd\"}", false),
        ("file:base", false),
    ] {
        overlay(&top, name, Some("qcow2"));
        let audit = Audit::of_path(&top, &Policy::nothing()).unwrap();
        assert_eq!(audit.verdict(), Verdict::Unsafe, "{name}");
        let audit = Audit::of_path(&top, &allowed).unwrap();
        assert_eq!(audit.verdict() == Verdict::Safe, is_safe, "{name}: {audit:?}");
        assert_eq!(audit.references[0].allowed, is_safe, "{name}");
    }
}

/// What is refused looks the same whether or not it is there.
#[test]
fn a_refusal_does_not_say_whether_there_is_such_a_file() {
    let directory = scratch();
    let inside = directory.path().join("in");
    fs::create_dir(&inside).unwrap();
    let top = inside.join("top");
    let secret = directory.path().join("secret");
    overlay(&top, "../secret", Some("raw"));
    let policy = Policy::beneath([inside]);
    let absent = Audit::of_path(&top, &policy).unwrap();
    fs::write(&secret, b"secret").unwrap();
    assert_eq!(Audit::of_path(&top, &policy).unwrap(), absent);
    fs::remove_file(&secret).unwrap();
    fs::create_dir(&secret).unwrap();
    assert_eq!(Audit::of_path(&top, &policy).unwrap(), absent);
}

#[test]
fn what_is_allowed_is_audited_too() {
    let directory = scratch();
    let at = |name: &str| directory.path().join(name);
    let policy = Policy::beneath([directory.path().to_path_buf()]);
    let audit = |name: &str| Audit::of_path(&at(name), &policy).unwrap();

    overlay(&at("middle"), "/etc/passwd", Some("raw"));
    overlay(&at("top"), "middle", Some("qcow2"));
    let found = audit("top");
    assert_eq!(found.verdict(), Verdict::Unsafe);
    assert_eq!(found.findings[0].depth, 1);
    assert_eq!(kinds(&found), ["refused-reference"]);

    overlay(&at("loop"), "loop", Some("qcow2"));
    assert_eq!(kinds(&audit("loop")), ["cycle"]);
    overlay(&at("a"), "b", Some("qcow2"));
    overlay(&at("b"), "./a", Some("qcow2"));
    assert_eq!(kinds(&audit("a")), ["cycle"]);

    fs::write(at("text"), b"this is no image, but long enough to have a sector\n").unwrap();
    overlay(&at("over-text"), "text", Some("qcow2"));
    assert!(kinds(&audit("over-text")).contains(&"format-mismatch"));
    overlay(&at("over-raw"), "text", Some("raw"));
    assert_eq!(audit("over-raw").verdict(), Verdict::Safe);
    overlay(&at("over-undeclared"), "text", None);
    assert_eq!(audit("over-undeclared").verdict(), Verdict::Unsafe);
    overlay(&at("over-missing"), "gone", Some("raw"));
    assert_eq!(audit("over-missing").verdict(), Verdict::Undecidable);
    overlay(&at("over-odd"), "text", Some("nosuchdriver"));
    assert_eq!(audit("over-odd").verdict(), Verdict::Undecidable);
}

#[test]
fn a_long_chain_is_walked_as_far_as_the_policy_allows() {
    let directory = scratch();
    let at = |depth: usize| directory.path().join(depth.to_string());
    write(&at(0), &Create { virtual_size: 1 << 20, ..Create::default() });
    for depth in 1..300_usize {
        overlay(&at(depth), &(depth - 1).to_string(), Some("qcow2"));
    }
    let mut policy = Policy::beneath([directory.path().to_path_buf()]);
    let audit = Audit::of_path(&at(299), &policy).unwrap();
    assert_eq!((audit.verdict(), audit.references.len()), (Verdict::Safe, 299));
    policy.max_layers = 100;
    assert_eq!(kinds(&Audit::of_path(&at(299), &policy).unwrap()), ["too-deep"]);
}

#[test]
fn nothing_there_is_no_verdict() {
    let found = Audit::of_path(Path::new("/nonexistent"), &Policy::nothing());
    assert!(matches!(found, Err(AuditError::NotFound)));
}

#[test]
fn a_broken_header_still_says_what_it_names() {
    let backing = Some(Backing { name: b"base", format: Some(b"raw") });
    let layout = Create { virtual_size: 1 << 20, backing, ..Create::default() }.build().unwrap();
    let mut bytes = vec![0; layout.len as usize];
    for (offset, piece) in &layout.pieces {
        bytes[*offset as usize..][..piece.len()].copy_from_slice(piece);
    }
    bytes[36..40].copy_from_slice(&u32::MAX.to_be_bytes());
    let audit = Audit::of_source(&MemorySource(&bytes), b"dir/", &Control::none()).unwrap();
    assert_eq!(kinds(&audit), ["too-large", "refused-reference"]);
    assert_eq!(audit.references[0].resolved.as_deref(), Some(Path::new("dir/base")));
    assert!(!audit.readable);
}

/// Bytes of which, after a number of reads, some are gone.
struct Shrinking {
    bytes: Vec<u8>,
    left: std::sync::atomic::AtomicUsize,
}

impl Shrinking {
    fn now(&self) -> &[u8] {
        match self.left.load(std::sync::atomic::Ordering::Relaxed) {
            0 => &self.bytes[..4 << 16],
            _ => &self.bytes,
        }
    }
}

impl diskdag_qcow2::source::Source for Shrinking {
    fn len(&self) -> std::io::Result<u64> {
        Ok(self.now().len() as u64)
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> std::io::Result<usize> {
        use std::sync::atomic::Ordering::Relaxed;
        let found = MemorySource(self.now()).read_at(offset, buffer);
        self.left.fetch_update(Relaxed, Relaxed, |left| left.checked_sub(1)).ok();
        found
    }
}

#[test]
fn a_file_that_shrinks_while_it_is_read_cannot_be_decided() {
    let forge = super::forge::Forge::new();
    for reads in 1..100 {
        let left = std::sync::atomic::AtomicUsize::new(reads);
        let source = Shrinking { bytes: forge.0.clone(), left };
        let audit = Audit::of_source(&source, b"", &Control::none()).unwrap();
        if source.left.into_inner() > 0 {
            assert!(reads > 5, "it has been read in fewer pieces than it has structures");
            assert_eq!(audit.verdict(), Verdict::Safe);
            return;
        }
        assert_eq!(audit.verdict(), Verdict::Undecidable, "after {reads} reads");
        assert_eq!(kinds(&audit), ["changed-during-read"], "after {reads} reads");
        assert!(!audit.readable);
    }
    panic!("a hundred reads for six clusters");
}

#[test]
fn a_file_that_is_cut_short_under_a_map_cannot_be_decided() {
    let directory = scratch();
    let path = directory.path().join("image");
    fs::write(&path, &super::forge::Forge::new().0).unwrap();
    let file = fs::OpenOptions::new().read(true).write(true).open(&path).unwrap();
    // SAFETY: not kept on purpose; the pages that are gone are not touched, which is what this test is about.
    let source = unsafe { diskdag_qcow2::source::MappedSource::new(&file) }.unwrap();
    assert_eq!(Audit::of_source(&source, b"", &Control::none()).unwrap().verdict(), Verdict::Safe);
    file.set_len(3 << 16).unwrap();
    let audit = Audit::of_source(&source, b"", &Control::none()).unwrap();
    assert_eq!(audit.verdict(), Verdict::Unsafe, "it is a file that was cut, and says so");
    assert!(kinds(&audit).contains(&"out-of-bounds"));
}
