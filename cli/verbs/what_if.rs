//! `what-if`: what a set of changes would do, without making them.

use std::collections::{HashMap, HashSet};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use diskdag_graph::scan::Scanned;
use diskdag_graph::{
    Change, DepthPolicy, DiskId, EdgeFacts, EdgeKind, Facts, Graph, Key, Reference, Removal,
    Verdict, WhatIf,
};
use serde_json::{Map, Value, json};

use crate::args::{self, Common};
use crate::escape;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::health::Health;
use crate::json::{self, Answer, put_path, put_paths};
use crate::output::Output;
use crate::scope;
use crate::show;
use crate::text::{count, size};
use crate::verbs::can_rm;

/// One change that was named.
struct Named {
    kind: &'static str,
    path: PathBuf,
    onto: Option<PathBuf>,
}

/// Everything that there is to say.
struct Told<'g> {
    scanned: &'g Scanned,
    named: Vec<Named>,
    /// The images that are removed, as they were named.
    asked: HashMap<DiskId, &'g Path>,
    what: WhatIf,
    /// Nothing where nothing is removed.
    removal: Option<Removal>,
    /// Bytes that those which are flattened or put elsewhere take over, at most.
    copies: u64,
    /// Tops of chains that would be deeper than the policy has it, and deeper than they are.
    deep: Vec<(DiskId, u32)>,
}

pub(crate) fn run(args: &args::WhatIf, common: &Common, out: &mut Output) -> Result<Exit, Failure> {
    let named = named(args)?;
    let is_there = |one: &Named| (one.kind != "create").then(|| one.path.clone());
    let images = named.iter().flat_map(|one| is_there(one).into_iter().chain(one.onto.clone()));
    let images: Vec<PathBuf> = images.collect();
    let (mut scanned, ids, paths) = scope::about(&images, common)?;
    can_rm::gone(&scanned.graph, &ids, &paths)?;
    scope::ask_all_reflinks(&mut scanned, common)?;
    let told = Told::of(&scanned, named, &ids, &paths)?;
    let doubts = match &told.removal {
        Some(removal) => removal.doubts.clone(),
        None => Health::of(&scanned.graph).doubts,
    };
    let limit = args.limit.unwrap_or(usize::MAX);
    match out.json {
        true => told.print_json(&doubts, limit, out)?,
        false => {
            told.print_text(doubts.is_empty(), limit, out)?;
            show::notice_coverage(out, &scanned.graph, &doubts);
        }
    }
    let verdict = told.removal.as_ref().map(|removal| removal.verdict);
    let broken = !told.what.broken.is_empty() || !told.what.cycles.is_empty();
    Ok(Exit::Refused
        .when(verdict == Some(Verdict::No))
        .or(Exit::Unknown.when(verdict == Some(Verdict::Unknown)))
        .or(Exit::Broken.when(broken))
        .or(Exit::Unknown.when(verdict.is_none() && !doubts.is_empty())))
}

/// The changes in the order in which they are made: what is removed goes last.
fn named(args: &args::WhatIf) -> Result<Vec<Named>, Failure> {
    let mut named = Vec::new();
    for (kind, pairs) in [("create", &args.create), ("rebase", &args.rebase)] {
        for pair in pairs.chunks_exact(2) {
            let [path, onto] = pair else { continue };
            let (path, onto) = (scope::absolute(path)?, Some(scope::absolute(onto)?));
            named.push(Named { kind, path, onto });
        }
    }
    for (kind, paths) in [("flatten", &args.flatten), ("rm", &args.rm)] {
        for path in paths {
            named.push(Named { kind, path: scope::absolute(path)?, onto: None });
        }
    }
    let mut seen = HashSet::new();
    for one in named.iter().filter(|one| one.kind != "rm") {
        if !seen.insert(&one.path) {
            let message = format!("{}: two changes of one disk", escape::path(&one.path));
            return Err(Failure::new(Exit::Usage, "usage", message));
        }
        if one.kind == "create" && one.path.symlink_metadata().is_ok() {
            let message = format!("{}: is there already", escape::path(&one.path));
            return Err(Failure::new(Exit::Usage, "usage", message));
        }
    }
    Ok(named)
}

impl<'g> Told<'g> {
    fn of(
        scanned: &'g Scanned,
        named: Vec<Named>,
        ids: &[DiskId],
        paths: &'g [PathBuf],
    ) -> Result<Self, Failure> {
        let graph = &scanned.graph;
        let id_of: HashMap<&Path, DiskId> =
            paths.iter().map(|path| &**path).zip(ids.iter().copied()).collect();
        let key_of = |path: &Path| {
            let disk = id_of.get(path).and_then(|id| graph.disk(*id));
            disk.map_or_else(
                || Key::name(path.as_os_str().as_encoded_bytes()),
                |disk| disk.key().to_key(),
            )
        };
        let (mut changes, mut changed, mut removed) = (Vec::new(), Vec::new(), Vec::new());
        for Named { kind, path, onto } in &named {
            let below = onto.as_deref().map(|onto| EdgeFacts::backing(key_of(onto)));
            let Some(&disk) = id_of.get(&**path) else {
                let facts = Facts { references: below.into_iter().collect(), ..new(path) };
                changes.push(Change::Insert(facts));
                continue;
            };
            if *kind == "rm" {
                removed.push(disk);
                continue;
            }
            let own = graph.disk(disk).map(|disk| disk.references()).unwrap_or_default();
            let stay = own.iter().filter(|edge| edge.kind != EdgeKind::Backing);
            changes.push(Change::Repoint {
                disk,
                references: below.into_iter().chain(stay.map(Reference::to_facts)).collect(),
            });
            changed.push(disk);
        }
        let failed = |error| Failure::new(Exit::Failed, "graph", format!("{error}"));
        let before = graph.what_if(changes.clone()).map_err(failed)?.graph;
        let removal = (!removed.is_empty())
            .then(|| can_rm::ask(scanned, &before, before.removal(&removed)))
            .transpose()?;
        changes.extend(removed.iter().map(|disk| Change::Remove(*disk)));
        let what = graph.what_if(changes).map_err(failed)?;
        let copies = changed.iter().map(|disk| copied(graph, &before, *disk));
        let copies = copies.fold(0, u64::saturating_add);
        let deep = what.graph.deepest_chains(DepthPolicy::default().warn, usize::MAX);
        let is_new = |(top, depth): &(DiskId, u32)| graph.depth(*top) < *depth;
        let deep = deep.into_iter().filter(is_new).collect();
        let asked = show::asked_as(ids, paths);
        Ok(Self { scanned, named, asked, what, removal, copies, deep })
    }

    fn path(&self, id: DiskId) -> &Path {
        let known = || self.scanned.graph.disk(id).or_else(|| self.what.graph.disk(id));
        let path = || known().map_or(Path::new(""), |disk| disk.path());
        self.asked.get(&id).copied().unwrap_or_else(path)
    }

    fn paths<'a>(&'a self, ids: &'a [DiskId]) -> impl Iterator<Item = &'a Path> {
        ids.iter().map(|id| self.path(*id))
    }

    /// What would be missing, each with those that need it themselves.
    fn missing(&self) -> impl Iterator<Item = (&Path, Vec<&Path>)> {
        self.what.newly_missing.iter().map(|id| {
            let disk = self.what.graph.disk(*id);
            let needed_by = disk.into_iter().flat_map(|disk| disk.needed_by());
            let mut needed_by: Vec<&Path> = needed_by.map(|edge| self.path(edge.from)).collect();
            needed_by.sort_unstable();
            needed_by.dedup();
            (self.path(*id), needed_by)
        })
    }

    /// What the disks that would be needed no more give back.
    fn unneeded_bytes(&self) -> u64 {
        self.what.graph.freed_by(&self.what.unneeded)
    }

    fn print_json(
        &self,
        doubts: &[diskdag_graph::Doubt],
        limit: usize,
        out: &mut Output,
    ) -> io::Result<()> {
        let (graph, what) = (&self.scanned.graph, &self.what);
        let mut answer = Answer::begin(out, "what-if")?;
        answer.coverage(graph, doubts)?;
        let changes = self.named.iter().map(|Named { kind, path, onto }| {
            let mut map = Map::new();
            map.insert("kind".to_owned(), json!(kind));
            put_path(&mut map, "path", path);
            if let Some(onto) = onto {
                put_path(&mut map, "onto", onto);
            }
            Value::Object(map)
        });
        answer.list("changes", changes)?;
        let verdict = self.removal.as_ref().map(|removal| removal.verdict.name());
        answer.field("verdict", verdict)?;
        let blockers = self.removal.iter().flat_map(|removal| &removal.blockers);
        let blockers = blockers.take(limit);
        answer
            .list("blockers", blockers.map(|one| can_rm::blocker_json(graph, &self.asked, one)))?;
        let all = self.removal.as_ref().map_or(0, |removal| removal.blockers.len());
        answer.field("blockers-total", all)?;
        answer.field("frees", what.freed)?;
        answer.field("copies", self.copies)?;
        let missing = self.missing().map(|(path, needed_by)| {
            let mut map = Map::new();
            put_path(&mut map, "path", path);
            put_paths(&mut map, "needed-by", needed_by);
            Value::Object(map)
        });
        answer.list("missing", missing)?;
        answer.paths("broken", self.paths(&what.broken).take(limit))?;
        answer.field("broken-total", what.broken.len())?;
        let cycles = what.cycles.iter().map(|cycle| {
            let paths = self.paths(cycle).map(|path| path.to_string_lossy());
            json!(paths.collect::<Vec<_>>())
        });
        answer.list("cycles", cycles)?;
        let unneeded = what.unneeded.iter().take(limit).map(|id| {
            let mut map = Map::new();
            put_path(&mut map, "path", self.path(*id));
            map.insert("frees".to_owned(), json!(what.graph.freed_by(&[*id])));
            Value::Object(map)
        });
        answer.list("unneeded", unneeded)?;
        answer.field("unneeded-total", what.unneeded.len())?;
        answer.field("unneeded-frees", self.unneeded_bytes())?;
        answer.field("deepest-before", graph.deepest())?;
        answer.field("deepest", what.graph.deepest())?;
        let deep = self.deep.iter().map(|(top, depth)| {
            let mut map = Map::new();
            put_path(&mut map, "path", self.path(*top));
            map.insert("depth".to_owned(), json!(depth));
            map.insert("verdict".to_owned(), json!(DepthPolicy::default().judge(*depth).name()));
            Value::Object(map)
        });
        answer.list("deep", deep)?;
        answer.list("doubts", doubts.iter().map(json::doubt))?;
        answer.end()
    }

    fn print_text(&self, is_whole: bool, limit: usize, out: &mut Output) -> io::Result<()> {
        let (style, what) = (out.style, &self.what);
        let paths = |paths: &mut dyn Iterator<Item = &Path>, all: usize, out: &mut Output| {
            for path in paths.take(limit) {
                writeln!(out, "  {}", escape::path(path))?;
            }
            more(all, limit, out)
        };
        if let Some(removal) = &self.removal {
            match removal.verdict {
                Verdict::Yes => writeln!(out, "{}: then they may be removed", style.good("yes"))?,
                Verdict::No => writeln!(out, "{}: not even then", style.bad("no"))?,
                Verdict::Unknown => {
                    let why = "not everything could be asked";
                    writeln!(out, "{}: {why}", style.unknown("unknown"))?;
                }
            }
            can_rm::blockers(&self.scanned.graph, removal, &self.asked, Some(limit), out)?;
        }
        for (position, (path, needed_by)) in self.missing().enumerate() {
            if position == 0 {
                writeln!(out, "\n{}", style.bad("would be missing"))?;
            }
            writeln!(out, "  {}", escape::path(path))?;
            for path in needed_by.iter().take(limit) {
                writeln!(out, "      needed by {}", escape::path(path))?;
            }
            more(needed_by.len(), limit, out)?;
        }
        if !what.broken.is_empty() {
            let many = count(what.broken.len(), "disk", "disks");
            writeln!(out, "\n{}  {many}", style.bad("would be broken"))?;
            paths(&mut self.paths(&what.broken), what.broken.len(), out)?;
        }
        for cycle in &what.cycles {
            writeln!(out, "\n{}  nothing could open these", style.bad("would need themselves"))?;
            paths(&mut self.paths(cycle), cycle.len(), out)?;
        }
        if !what.unneeded.is_empty() {
            let frees = format!("{} without them", size(self.unneeded_bytes()));
            let heading = style.unknown("would be needed no more");
            writeln!(out, "\n{heading}  {}", style.faint(frees))?;
            paths(&mut self.paths(&what.unneeded), what.unneeded.len(), out)?;
        }
        for (top, depth) in self.deep.iter().take(limit) {
            let warning = show::depth_warning(*depth).unwrap_or_default();
            writeln!(out, "\n{}", style.unknown(warning))?;
            writeln!(out, "  {}  {depth} below it", escape::path(self.path(*top)))?;
        }
        more(self.deep.len(), limit, out)?;
        if what.broken.is_empty() && what.cycles.is_empty() {
            match is_whole {
                true => writeln!(out, "{}", style.good("nothing would be broken"))?,
                false => writeln!(out, "nothing that is known would be broken")?,
            }
        }
        let (freed, copies) = (size(what.freed), size(self.copies));
        writeln!(out, "frees {freed}; copies at most {copies}; nothing was changed")
    }
}

fn more(all: usize, limit: usize, out: &mut Output) -> io::Result<()> {
    match all.saturating_sub(limit) {
        0 => Ok(()),
        more => writeln!(out, "  and {more} more"),
    }
}

/// A disk that is not there yet.
fn new(path: &Path) -> Facts {
    Facts::new(Key::name(path.as_os_str().as_encoded_bytes())).at(path)
}

/// What a disk has to take over when its chain is another: what those hold that are in it no more.
fn copied(before: &Graph, after: &Graph, disk: DiskId) -> u64 {
    let stays: HashSet<DiskId> = after.chain(disk).collect();
    let gone = before.chain(disk).filter(|id| !stays.contains(id));
    let bytes = gone.filter_map(|id| before.disk(id)?.actual_size());
    bytes.fold(0, u64::saturating_add)
}
