//! A graph of one's own records: no directory is scanned, no file is opened.
//!
//! A sandbox runtime knows its disks already, from its own database. It tells the graph what it
//! knows, asks it before it deletes anything, and keeps it current as it works.
//!
//! ```console
//! $ cargo run --example own_store
//! ```

use std::collections::BTreeMap;

use diskdag_graph::{
    Answer, ApplyError, Change, DiskId, EdgeFacts, Facts, Format, Graph, Key, Verdict,
};

/// One row of the runtime's own database.
struct Record {
    /// What the record's disk reads through to, if anything.
    base: Option<&'static str>,
    /// Bytes on disk.
    bytes: u64,
}

/// The records, and the graph that answers for them.
#[derive(Default)]
struct Store {
    records: BTreeMap<&'static str, Record>,
    graph: Graph,
}

impl Store {
    /// The runtime's own names are the keys: nothing has to be a path.
    fn key(name: &str) -> Key {
        Key::name(name)
    }

    fn facts(name: &str, record: &Record) -> Facts {
        let facts = Facts {
            format: Format::Qcow2,
            actual_size: Some(record.bytes),
            ..Facts::new(Self::key(name))
        };
        match record.base {
            Some(base) => facts.backed_by(Self::key(base)),
            None => facts,
        }
    }

    /// Loads many records at once. One batch is one relabelling, and references may name records
    /// that come later.
    fn load(&mut self, records: Vec<(&'static str, Record)>) -> Result<(), ApplyError> {
        let facts = records.iter().map(|(name, record)| Self::facts(name, record));
        self.graph.apply(facts.map(Change::Insert))?;
        self.records.extend(records);
        Ok(())
    }

    /// A disk now has another base, or none.
    fn rebase(&mut self, name: &'static str, base: Option<&'static str>) -> Result<(), ApplyError> {
        let Some(disk) = self.find(name) else { return Ok(()) };
        let references = base.map(|base| EdgeFacts::backing(Self::key(base)));
        self.graph
            .apply([Change::Repoint { disk, references: references.into_iter().collect() }])?;
        if let Some(record) = self.records.get_mut(name) {
            record.base = base;
        }
        Ok(())
    }

    /// Deletes a disk, unless that would hurt another. `Verdict::Unknown` never permits: here it
    /// cannot come up, as the records are all there is, but nobody has to remember that.
    fn delete(&mut self, name: &'static str) -> Result<String, ApplyError> {
        let Some(disk) = self.find(name) else { return Ok(format!("{name}: no such disk")) };
        let removal = self.graph.removal(&[disk]);
        if removal.verdict != Verdict::Yes {
            let blockers: Vec<_> = removal.blockers.iter().map(|one| one.path.display()).collect();
            let blockers = blockers.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
            return Ok(format!("{name}: kept, needed by {blockers}"));
        }
        self.graph.apply([Change::Remove(disk)])?;
        self.records.remove(name);
        Ok(format!("{name}: deleted, {} bytes freed", removal.frees))
    }

    /// Ids are cheap to keep and never name another disk; a name is looked up in O(1).
    fn find(&self, name: &str) -> Option<DiskId> {
        self.graph.find_key(&Self::key(name))
    }

    /// Every disk on the way down, this one first.
    fn chain(&self, name: &str) -> String {
        let Some(disk) = self.find(name) else { return String::new() };
        let steps = self.graph.chain(disk).filter_map(|id| self.graph.disk(id));
        steps.map(|disk| disk.path().display().to_string()).collect::<Vec<_>>().join(" -> ")
    }
}

/// The tour; returns what it has to say.
///
/// # Errors
///
/// None in truth: every id that it hands to the graph is fresh.
pub fn run() -> Result<Vec<String>, ApplyError> {
    let mut said = Vec::new();
    let mut store = Store::default();
    store.load(vec![
        ("alice", Record { base: Some("python"), bytes: 40 }),
        ("bob", Record { base: Some("python"), bytes: 60 }),
        ("python", Record { base: Some("debian"), bytes: 300 }),
        ("debian", Record { base: None, bytes: 2_000 }),
    ])?;
    said.push(format!("alice reads through {}", store.chain("alice")));

    // A relation has three answers; the compiler does not let the third be forgotten.
    if let (Some(alice), Some(debian)) = (store.find("alice"), store.find("debian")) {
        said.push(match store.graph.depends_on(alice, debian) {
            Answer::Yes => "alice depends on debian".to_owned(),
            Answer::No => "alice does not depend on debian".to_owned(),
            Answer::Unknown(doubts) => format!("nobody can know: {:?}", doubts.list()),
        });
        for dependent in store.graph.dependents(debian).nearest_first() {
            if let Some(disk) = store.graph.disk(dependent.disk) {
                said.push(format!("debian <- {} ({})", disk.path().display(), dependent.depth));
            }
        }
    }

    said.push(store.delete("python")?);

    // Alice's disk was flattened, bob's moved to another base: the graph hears of it.
    store.rebase("alice", None)?;
    store.rebase("bob", Some("debian"))?;
    said.push(format!("bob reads through {}", store.chain("bob")));
    said.push(store.delete("python")?);
    said.push(store.delete("debian")?);

    // What is to go together is judged together.
    let both: Vec<DiskId> = ["bob", "debian"].iter().filter_map(|name| store.find(name)).collect();
    let removal = store.graph.removal(&both);
    said.push(format!(
        "bob and debian together: {}, {} bytes",
        removal.verdict.name(),
        removal.frees
    ));

    // A version is kept by cloning the handle, for as long as anybody wants to look at it.
    let before = store.graph.clone();
    store.graph.apply(both.into_iter().map(Change::Remove))?;
    said.push(format!("{} disks before, {} now", before.len(), store.graph.len()));
    Ok(said)
}

fn main() -> Result<(), ApplyError> {
    for line in run()? {
        println!("{line}");
    }
    Ok(())
}
