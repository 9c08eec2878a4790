//! What lies in which table. Keys are ids, values are JSON.

use std::collections::BTreeMap;

use redb::{
    Builder, ReadTransaction, ReadableDatabase, ReadableTable, TableDefinition, WriteTransaction,
};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::ImageError;
use super::memory::Memory;
use crate::catalogue::state::Done;
use crate::catalogue::{Fence, Intent, OpId, Pin, Revision, SnapshotRecord, State, TrashRecord};
use crate::name::Id;

/// The version of the tables that is written.
pub(in crate::catalogue) const FORMAT: u32 = 1;

type ById = TableDefinition<'static, u64, &'static [u8]>;

const SNAPSHOTS: ById = TableDefinition::new("snapshots");
const PINS: ById = TableDefinition::new("pins");
const TRASH: ById = TableDefinition::new("trash");
/// By the operation's 16 bytes.
const INTENTS: TableDefinition<'static, &[u8], &[u8]> = TableDefinition::new("intents");
/// By the revision that the batch made.
const DONE: ById = TableDefinition::new("done");
/// By what the row is.
const META: TableDefinition<'static, &str, &[u8]> = TableDefinition::new("meta");

/// The one row of META, by this key.
const META_KEY: &str = "pool";

/// The version of the tables, readable whatever else changes.
const VERSION_KEY: &str = "version";

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Meta {
    revision: Revision,
    fence: Fence,
    next_id: Id,
    confirmed: bool,
    lost: Vec<String>,
}

/// Brings what tables of one version held to the next.
type Migration = fn(&mut State) -> Result<(), ImageError>;

/// From version 1 to 2 first. There is one version, so there is nothing to bring.
const MIGRATIONS: [Migration; FORMAT as usize - 1] = [];

pub(super) fn write(state: &State, to: Memory) -> Result<(), ImageError> {
    write_as(FORMAT, state, to)
}

/// The same, saying that the tables have this version.
pub(super) fn write_as(version: u32, state: &State, to: Memory) -> Result<(), ImageError> {
    let database = Builder::new().create_with_backend(to).map_err(refused)?;
    let change = database.begin_write().map_err(refused)?;
    put(&change, SNAPSHOTS, "snapshots", state.snapshots.iter().map(|(id, row)| (id.0, row)))?;
    put(&change, PINS, "pins", state.pins.iter().map(|(id, row)| (id.0, row)))?;
    put(&change, TRASH, "trash", state.trash.iter().map(|(id, row)| (id.0, row)))?;
    put(&change, DONE, "done", state.done.iter().map(|row| (row.revision.0, row)))?;
    {
        let mut table = change.open_table(INTENTS).map_err(refused)?;
        for (op, intent) in &state.intents {
            let row = json("intents", intent)?;
            table.insert(op.0.as_slice(), row.as_slice()).map_err(refused)?;
        }
        let mut table = change.open_table(META).map_err(refused)?;
        let meta = Meta {
            revision: state.revision,
            fence: state.fence,
            next_id: state.next_id,
            confirmed: state.confirmed,
            lost: state.lost.clone(),
        };
        let rows = [(VERSION_KEY, json("meta", &version)?), (META_KEY, json("meta", &meta)?)];
        for (key, row) in rows {
            table.insert(key, row.as_slice()).map_err(refused)?;
        }
    }
    change.commit().map_err(refused)?;
    database.close().map_err(refused)?;
    Ok(())
}

fn refused(error: impl Into<redb::Error>) -> ImageError {
    ImageError::Database(Box::new(error.into()))
}

fn put<'a, T: Serialize + 'a>(
    change: &WriteTransaction,
    table: ById,
    name: &'static str,
    rows: impl Iterator<Item = (u64, &'a T)>,
) -> Result<(), ImageError> {
    let mut table = change.open_table(table).map_err(refused)?;
    for (key, row) in rows {
        table.insert(key, json(name, row)?.as_slice()).map_err(refused)?;
    }
    Ok(())
}

fn json<T: Serialize>(table: &'static str, row: &T) -> Result<Vec<u8>, ImageError> {
    serde_json::to_vec(row).map_err(|cause| ImageError::Row { table, cause })
}

fn parse<T: DeserializeOwned>(table: &'static str, row: &[u8]) -> Result<T, ImageError> {
    serde_json::from_slice(row).map_err(|cause| ImageError::Row { table, cause })
}

pub(super) fn read(from: Memory) -> Result<State, ImageError> {
    let database = Builder::new().open_read_only_with_backend(from).map_err(refused)?;
    let view = database.begin_read().map_err(refused)?;
    let table = view.open_table(META).map_err(refused)?;
    let meta = |key| {
        let row = table.get(key).map_err(refused)?;
        Ok::<_, ImageError>(row.ok_or(ImageError::Misplaced { table: "meta" })?.value().to_vec())
    };
    let version: u32 = parse("meta", &meta(VERSION_KEY)?)?;
    if version > FORMAT {
        return Err(ImageError::Newer { found: version });
    }
    let first = version.checked_sub(1).ok_or(ImageError::Misplaced { table: "meta" })?;
    let meta: Meta = parse("meta", &meta(META_KEY)?)?;
    let mut state = State {
        revision: meta.revision,
        fence: meta.fence,
        next_id: meta.next_id,
        confirmed: meta.confirmed,
        lost: meta.lost,
        snapshots: rows(&view, SNAPSHOTS, "snapshots", |row: &SnapshotRecord| row.id)?,
        pins: rows(&view, PINS, "pins", |row: &Pin| row.snapshot)?,
        trash: rows(&view, TRASH, "trash", |row: &TrashRecord| row.id)?,
        intents: BTreeMap::new(),
        done: rows::<_, BTreeMap<_, _>>(&view, DONE, "done", |row: &Done| Id(row.revision.0))?
            .into_values()
            .collect(),
    };
    let table = view.open_table(INTENTS).map_err(refused)?;
    for row in table.iter().map_err(refused)? {
        let (key, row) = row.map_err(refused)?;
        let intent: Intent = parse("intents", row.value())?;
        let OpId(op) = intent.op;
        if key.value() != op {
            return Err(ImageError::Misplaced { table: "intents" });
        }
        state.intents.insert(intent.op, intent);
    }
    MIGRATIONS.iter().skip(first as usize).try_for_each(|migrate| migrate(&mut state))?;
    Ok(state)
}

/// All rows of a table, each of which has to lie under its own key.
fn rows<T: DeserializeOwned, R: FromIterator<(Id, T)>>(
    view: &ReadTransaction,
    table: ById,
    name: &'static str,
    key_of: impl Fn(&T) -> Id,
) -> Result<R, ImageError> {
    let table = view.open_table(table).map_err(refused)?;
    let rows = table.iter().map_err(refused)?.map(|row| {
        let (key, row) = row.map_err(refused)?;
        let row = parse(name, row.value())?;
        if key_of(&row) != Id(key.value()) {
            return Err(ImageError::Misplaced { table: name });
        }
        Ok((Id(key.value()), row))
    });
    rows.collect()
}
