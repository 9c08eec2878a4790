//! A disk's life in a pool: snapshots, going back, clones, removal, recovery.
//!
//! ```console
//! $ cargo run -p diskdag-snapshot --example snapshot_cycle
//! ```
//!
//! It works in a temporary directory of its own, on an image that it makes itself.

use std::error::Error;
use std::io;
use std::num::NonZeroUsize;
use std::os::unix::fs::FileExt;
use std::path::Path;

use diskdag_qcow2::chain::{Chain, Policy};
use diskdag_qcow2::{GuestOffset, create};
use diskdag_snapshot::{
    Clones, Control, Create, ErrorKind, Host, Pool, Remove, Restore, Selection, SnapshotName,
};

/// Goes through it in `dir`, and says what it sees.
pub fn run(dir: &Path) -> Result<Vec<String>, Box<dyn Error>> {
    let mut said = Vec::new();
    let host = Host::real(NonZeroUsize::MIN);
    // Cancel, deadlines and how long to wait for locks; the default waits ten seconds for the pool.
    let control = Control::default();

    // A pool is a directory with a folder of records. Disks that lie there stay as they are.
    let pool = Pool::init(&host, dir, &diskdag_snapshot::pool::Config::default())?;
    let vm = dir.join("vm.qcow2");
    let image = create::Create { virtual_size: 1 << 20, ..create::Create::default() };
    image.build()?.write_to(&std::fs::File::create_new(&vm)?)?;
    guest_writes(&vm, b"installed")?;

    // The live file becomes the snapshot, an overlay takes its path, in one step.
    let installed = SnapshotName::new("installed")?;
    let done = pool.create(&Create::new(installed.clone(), vec![vm.clone()]), &control)?;
    for disk in &done.disks {
        said.push(format!("took {} as {}", installed, file_name(&disk.path)));
    }
    guest_writes(&vm, b"broken!!!")?;

    // Back again; what was live is kept under a name of its own. Without `keep` it goes to the trash.
    let mut restore = Restore::new(installed.clone(), vec![vm.clone()]);
    restore.keep = Some(SnapshotName::new("broken")?);
    pool.restore(&restore, &control)?;
    said.push(format!("the guest reads {:?}", guest_reads(&vm)?));

    // Any number of disks on top of a snapshot, with one commit.
    let clones = (1..=3).map(|number| dir.join(format!("clone-{number}.qcow2"))).collect();
    pool.clone_snapshot(&Clones::new(installed.clone(), vm.clone(), clones), &control)?;

    // Takes no lock: readers are never kept waiting.
    for listed in pool.list(Some(&vm), &control)?.snapshots {
        let name = &listed.record.name;
        said.push(format!("{name}: needed by {} disks", listed.dependents));
    }

    // Refused while anything needs it, and everything that does is named.
    let remove = Remove::new(Selection::named(installed, vec![vm.clone()]));
    match pool.remove(&remove, &control).map_err(|error| error.kind) {
        Err(ErrorKind::Refused(refusal)) => {
            said.push(format!("refused: {} disks are in the way", refusal.reasons.len()));
        }
        Err(other) => return Err(other.into()),
        Ok(_) => return Err("removed what is needed".into()),
    }
    let broken = Selection::named(SnapshotName::new("broken")?, vec![vm.clone()]);
    pool.remove(&Remove::new(broken), &control)?;
    let freed = pool.purge_trash(None, &control)?.freed;
    said.push(format!(
        "purged: {}",
        if freed > 0 { "space was freed" } else { "nothing was freed" }
    ));

    // Called once at the start of a program that works on pools: ends what a crash has cut off.
    let recovered = pool.recover(&control)?;
    said.push(format!("{} operations had not ended", recovered.actions.len()));
    Ok(said)
}

fn file_name(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

/// What the guest reads at the beginning of its disk, through all layers.
fn guest_reads(image: &Path) -> Result<String, Box<dyn Error>> {
    let dir = image.parent().unwrap_or(Path::new("/")).to_owned();
    let chain = Chain::open(image, &Policy::trusting(dir))?;
    let mut bytes = [0; 9];
    chain.read_at(GuestOffset(0), &mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// A guest that writes to the first cluster of a disk: here, by hand, what QEMU does for one. A table and the
/// data are put behind the end of the file, counted, and then linked.
fn guest_writes(image: &Path, bytes: &[u8]) -> io::Result<()> {
    const CLUSTER: u64 = 64 << 10;
    let file = std::fs::OpenOptions::new().read(true).write(true).open(image)?;
    let number_at = |at: u64| {
        let mut bytes = [0; 8];
        file.read_exact_at(&mut bytes, at).map(|()| u64::from_be_bytes(bytes))
    };
    let (l1, refcounts) = (number_at(40)?, number_at(number_at(48)?)?);
    let table = file.metadata()?.len().next_multiple_of(CLUSTER);
    let data = table + CLUSTER;
    file.set_len(data + CLUSTER)?;
    file.write_all_at(bytes, data)?;
    file.write_all_at(&(data | 1 << 63).to_be_bytes(), table)?;
    for cluster in [table / CLUSTER, data / CLUSTER] {
        file.write_all_at(&1_u16.to_be_bytes(), refcounts + 2 * cluster)?;
    }
    file.write_all_at(&(table | 1 << 63).to_be_bytes(), l1)
}

fn main() -> Result<(), Box<dyn Error>> {
    let dir = tempfile::tempdir()?;
    for line in run(&dir.path().canonicalize()?)? {
        println!("{line}");
    }
    Ok(())
}
