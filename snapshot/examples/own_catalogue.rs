//! The pool's records in the caller's own store, and a row of the caller's own in the same transaction.
//!
//! A sandbox runtime has a database already. When it takes a checkpoint of a sandbox, the snapshot of
//! its disk and the row that says so have to be there together, or neither. So it is the pool's
//! catalogue itself; the row travels with the batch, as its tag. Here the database is one JSON
//! document, replaced in one step; with PostgreSQL, `commit` would be one transaction.
//!
//! ```console
//! $ cargo run -p diskdag-snapshot --example own_catalogue
//! ```

use std::collections::BTreeMap;
use std::error::Error;
use std::fs::{self, File};
use std::io::{self, ErrorKind, Write};
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

use diskdag_qcow2::create::Create as NewImage;
use diskdag_snapshot::catalogue::conformance::{self, Handles};
use diskdag_snapshot::catalogue::{Batch, Catalogue, CatalogueError, Fence, OpId, Revision, State};
use diskdag_snapshot::{Control, Create, Host, Pool, SnapshotName};
use serde::{Deserialize, Serialize};

/// The whole database: the pool's records, and the runtime's own.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Document {
    pool: State,
    /// The newest fence that was handed out.
    fence: Fence,
    /// Checkpoints by sandbox, oldest first.
    sandboxes: BTreeMap<String, Vec<Checkpoint>>,
}

/// A row of the runtime's own.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Checkpoint {
    sandbox: String,
    /// The snapshots' operation: how a checkpoint finds its disks again.
    op: OpId,
    memory_image: String,
}

impl Checkpoint {
    /// What tells the runtime's tags from those that others may give.
    const PREFIX: &'static [u8] = b"checkpoint:";

    fn to_tag(&self) -> serde_json::Result<Vec<u8>> {
        Ok([Self::PREFIX, &serde_json::to_vec(self)?].concat())
    }

    /// `None` for a tag that is not the runtime's.
    fn of_tag(tag: &[u8]) -> Option<serde_json::Result<Self>> {
        tag.strip_prefix(Self::PREFIX).map(serde_json::from_slice)
    }
}

/// The database, in a directory of its own. Any number of handles and processes may have it.
#[derive(Debug)]
struct Database {
    dir: PathBuf,
}

impl Database {
    fn create(dir: PathBuf) -> Result<Self, CatalogueError> {
        fs::create_dir(&dir).map_err(|cause| failed("making", &dir, cause))?;
        let database = Self { dir };
        let _lock = database.lock()?;
        database.save(&Document::default())?;
        Ok(database)
    }

    fn document(&self) -> PathBuf {
        self.dir.join("runtime.json")
    }

    /// A document that is not there is a database that was lost, and not an empty one.
    fn read(&self) -> Result<Document, CatalogueError> {
        let path = self.document();
        let bytes = match fs::read(&path) {
            Err(error) if error.kind() == ErrorKind::NotFound => {
                return Err(CatalogueError::Missing { path });
            }
            other => other.map_err(|cause| failed("reading", &path, cause))?,
        };
        serde_json::from_slice(&bytes)
            .map_err(|error| CatalogueError::Damaged { path, what: error.to_string() })
    }

    /// Complete and forced out under another name; then the name, in one step; then the directory. Until
    /// the rename nothing has happened, and after it all of it may have.
    fn save(&self, document: &Document) -> Result<(), CatalogueError> {
        let (path, new) = (self.document(), self.dir.join("runtime.json.new"));
        let write = || {
            let mut file = File::create(&new)?;
            file.write_all(&serde_json::to_vec(document)?)?;
            file.sync_all()?;
            fs::rename(&new, &path)
        };
        write().map_err(|cause| failed("writing", &new, cause))?;
        let forced_out = File::open(&self.dir).and_then(|dir| dir.sync_all());
        forced_out.map_err(|cause| CatalogueError::Undecided { cause })
    }

    /// One writer at a time. Readers need none: a document is replaced, never changed.
    fn lock(&self) -> Result<File, CatalogueError> {
        let path = self.dir.join("lock");
        let lock = || {
            let file = File::create(&path)?;
            file.lock()?;
            Ok(file)
        };
        lock().map_err(|cause| failed("locking", &path, cause))
    }
}

impl Catalogue for Database {
    fn load(&self) -> Result<State, CatalogueError> {
        Ok(self.read()?.pool)
    }

    fn commit(&self, batch: &Batch) -> Result<Revision, CatalogueError> {
        let _lock = self.lock()?;
        let mut document = self.read()?;
        // Revisions, fences, ids, batches that are repeated: `apply` knows the rules.
        let before = document.pool.revision;
        let revision = document.pool.apply(batch)?;
        if document.pool.revision == before {
            return Ok(revision);
        }
        if let Some(row) = batch.tag.as_deref().and_then(Checkpoint::of_tag) {
            let row = row.map_err(|error| CatalogueError::Store(Box::new(error)))?;
            document.sandboxes.entry(row.sandbox.clone()).or_default().push(row);
        }
        self.save(&document)?;
        Ok(revision)
    }

    fn fence(&self) -> Result<Fence, CatalogueError> {
        let _lock = self.lock()?;
        let mut document = self.read()?;
        document.fence = Fence(document.fence.0.max(document.pool.fence.0) + 1);
        self.save(&document)?;
        Ok(document.fence)
    }
}

fn failed(doing: &'static str, path: &Path, cause: io::Error) -> CatalogueError {
    CatalogueError::Io { doing, path: path.to_owned(), cause }
}

/// Before a store is trusted: does it keep the laws?
fn keeps_the_laws(dir: &Path) -> Result<usize, Box<dyn Error>> {
    for (number, (_, law)) in conformance::LAWS.iter().enumerate() {
        let dir = dir.join(format!("law-{number}"));
        let one = Database::create(dir.clone())?;
        law(&Handles { one: Box::new(one), other: Box::new(Database { dir }) });
    }
    Ok(conformance::LAWS.len())
}

/// What the example prints, line by line.
///
/// # Errors
///
/// Whatever goes wrong.
pub fn run() -> Result<Vec<String>, Box<dyn Error>> {
    let mut lines = Vec::new();
    let folder = tempfile::tempdir()?;
    let laws = keeps_the_laws(folder.path())?;
    lines.push(format!("{laws} laws kept"));

    // A pool whose records lie in the runtime's database.
    let top = folder.path().join("disks");
    fs::create_dir(&top)?;
    let database = Database::create(folder.path().join("database"))?;
    let dir = database.dir.clone();
    let host = Host::real(NonZeroUsize::MIN);
    let pool = Pool::init(&host, &top, &diskdag_snapshot::pool::Config::default())?
        .with_catalogue(std::sync::Arc::new(database));
    let disk = top.join("alice.qcow2");
    NewImage { virtual_size: 64 << 20, ..NewImage::default() }
        .build()?
        .write_to(&File::create_new(&disk)?)?;

    // The snapshot of the disk, and the row of the checkpoint, in one transaction.
    let control = Control::default();
    for (number, name) in (1..).zip(["idle", "busy"]) {
        let op = host.ids.next()?;
        let memory_image = format!("alice-{number}.mem");
        let row = Checkpoint { sandbox: "alice".into(), op, memory_image };
        let name = SnapshotName::new(name)?;
        let mut create = Create::new(name, vec![disk.clone()]);
        (create.op, create.tag) = (Some(op), Some(row.to_tag()?));
        pool.create(&create, &control)?;
        // After a crash the runtime does not know how far it came: again changes nothing.
        pool.create(&create, &control)?;
    }

    // Anybody who reads the database finds both.
    let document = Database { dir }.read()?;
    for (sandbox, checkpoints) in &document.sandboxes {
        for Checkpoint { op, memory_image, .. } in checkpoints {
            let snapshots = document.pool.snapshots.values().filter(|record| record.op == *op);
            for record in snapshots {
                let file = record.file.display();
                lines.push(format!("{sandbox}: {memory_image} with {file}"));
            }
        }
    }
    lines.push(format!("{} snapshots", document.pool.snapshots.len()));
    Ok(lines)
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut stdout = io::stdout().lock();
    run()?.iter().try_for_each(|line| writeln!(stdout, "{line}"))?;
    Ok(())
}
