//! A snapshot as programs take it that keep their records in SQLite: the live disk is renamed, an overlay made
//! under its name, a row inserted. No file and no directory is forced out; the database's commit is.

use crate::Result;
use crate::floor::durable;
use diskdag_qcow2::create::Layout;
use rusqlite::Connection;
use std::path::{Path, PathBuf};

pub(crate) struct Records {
    connection: Connection,
    dir: PathBuf,
    next: u64,
}

impl Records {
    /// A directory of `count` live disks, and a database.
    pub(crate) fn new(dir: &Path, count: usize, base: &Layout) -> Result<Self> {
        std::fs::create_dir(dir)?;
        for number in 0..count {
            durable::write(&dir.join(format!("{number}.qcow2")), base)?;
        }
        let connection = Connection::open(dir.join("records.sqlite"))?;
        connection.execute_batch(
            "CREATE TABLE snapshot (id INTEGER PRIMARY KEY, disk TEXT, name TEXT, file TEXT)",
        )?;
        Ok(Self { connection, dir: dir.to_owned(), next: 0 })
    }

    pub(crate) fn create(&mut self, overlay: &Layout) -> Result<()> {
        let number = self.next;
        self.next += 1;
        let live = self.dir.join(format!("{number}.qcow2"));
        let name = format!("{number}@s.qcow2");
        std::fs::rename(&live, self.dir.join(&name))?;
        durable::write(&live, overlay)?;
        let disk = live.to_string_lossy();
        self.connection.execute(
            "INSERT INTO snapshot (disk, name, file) VALUES (?1, ?2, ?3)",
            rusqlite::params![disk, "s", name],
        )?;
        Ok(())
    }
}
