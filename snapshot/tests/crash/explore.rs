//! Every crash of an operation, every state that it may leave, recovery, and every crash of that.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use diskdag_snapshot::sim::{Disk, Fault, Habits, Limits, Moment, Remains, Step};
use diskdag_snapshot::{Error, Pool, Recovered};

use crate::foreign::{Foreign, files};
use crate::images::Reader;
use crate::laws::{self, Broken, Wanted};
use crate::picture::{Picture, View, is_disk};
use crate::world::{self, CARELESS, control, up};

/// An operation, and what it does to whom it is done for.
pub(crate) struct Operation {
    pub(crate) name: &'static str,
    /// The disk on which it is done.
    pub(crate) start: Disk,
    pub(crate) run: fn(&Pool) -> Result<(), Error>,
    /// What it makes of a picture.
    pub(crate) effect: fn(&mut Picture),
    /// Where it may end on its way, each step being one of its own; if it has several.
    pub(crate) between: Option<fn(&mut Picture)>,
    /// What others may do after a crash.
    pub(crate) foreign: Vec<Foreign>,
    /// Whether it leaves files that only `gc` takes away, if it is cut off.
    pub(crate) leaves_orphans: bool,
    /// What the file system can do.
    pub(crate) habits: Habits,
}

/// How far to look.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Depth {
    /// States of a crash of the operation.
    pub(crate) first: Limits,
    /// States of a crash of its recovery; `None` if that is not cut off.
    pub(crate) second: Option<Limits>,
    /// Of how many states of each crash others act and recovery is cut off: the first and the last ones,
    /// and some between.
    pub(crate) deeper: usize,
    /// Whether others act.
    pub(crate) foreign: bool,
    /// Stop after so many broken laws.
    pub(crate) enough: usize,
}

impl Default for Depth {
    fn default() -> Self {
        Self {
            first: Limits { exact: 512, drawn: 64 },
            second: Some(Limits { exact: 48, drawn: 8 }),
            deeper: 32,
            foreign: true,
            enough: 8,
        }
    }
}

/// What was found.
#[derive(Debug, Default)]
pub(crate) struct Found {
    /// Distinct states that were recovered from.
    pub(crate) states: usize,
    pub(crate) crashes: usize,
    pub(crate) crashes_of_recovery: usize,
    /// What breaks a law, and how one gets there.
    pub(crate) broken: Vec<(Broken, String)>,
}

impl Found {
    pub(crate) fn add(&mut self, broken: Vec<Broken>, way: impl Fn() -> String) {
        self.broken.extend(broken.into_iter().map(|broken| (broken, way())));
    }

    /// Whether any of the broken laws is this one.
    pub(crate) fn breaks(&self) -> bool {
        !self.broken.is_empty()
    }

    pub(crate) fn assert_kept(&self, name: &str) {
        let lines =
            self.broken.iter().map(|((law, what), way)| format!("law {law}: {what}\n    {way}"));
        assert!(!self.breaks(), "{name}:\n{}", lines.collect::<Vec<_>>().join("\n"));
    }
}

/// One look at an operation: what it should do, what was seen already.
struct Look<'o> {
    operation: &'o Operation,
    depth: Depth,
    reader: Reader,
    seen: HashSet<(u64, usize)>,
    found: Found,
}

/// Looks at all of it; with `plant`, at an operation in which that goes wrong.
pub(crate) fn explore(operation: &Operation, depth: Depth, plant: Option<(u64, Fault)>) -> Found {
    let mut look = Look {
        operation,
        depth,
        reader: Reader::default(),
        seen: HashSet::new(),
        found: Found::default(),
    };
    let mut wanted = wanted(operation, &mut look.reader);
    let (moments, result) = crashes(operation, plant);
    if plant.is_none() {
        result.unwrap_or_else(|error| panic!("{}: {error:?}", operation.name));
    } else if result.is_err() {
        // It noticed: there is no planted program that goes on.
        return look.found;
    }
    look.found.crashes = moments.len();
    for moment in &moments {
        wanted.done = moment.step.is_none();
        let all = left(&moment.disk, look.depth.first);
        for (nth, remains) in all.iter().enumerate() {
            let deeper = is_among(nth, all.len(), look.depth.deeper);
            look.crashed(remains, &wanted, moment.step.as_ref(), deeper);
            if look.found.broken.len() >= look.depth.enough {
                look.found.states = look.seen.len();
                return look.found;
            }
        }
    }
    look.found.states = look.seen.len();
    look.found
}

/// Whether the `nth` of `all` is one of `some` that are spread evenly over them, the last among them.
const fn is_among(nth: usize, all: usize, some: usize) -> bool {
    (nth + 1) * some / all > nth * some / all
}

/// Does it, and keeps what the disk was like before each of its steps.
pub(crate) fn crashes(
    operation: &Operation,
    plant: Option<(u64, Fault)>,
) -> (Vec<Moment>, Result<(), Error>) {
    let fs = up(&operation.start, operation.habits);
    if let Some((number, fault)) = plant {
        fs.fail_at(number, fault);
    }
    fs.record();
    let result = world::pool(&fs, 1).and_then(|pool| (operation.run)(&pool));
    (fs.recorded(), result)
}

/// What a crash may leave: the end of the process, and all that the end of the power may.
pub(crate) fn left(disk: &Disk, limits: Limits) -> Vec<Remains> {
    let killed = disk.killed();
    let fingerprint = killed.fingerprint();
    let mut left = disk.power_cuts(limits);
    if !left.iter().any(|remains| remains.fingerprint == fingerprint) {
        left.push(Remains { disk: killed, fingerprint });
    }
    left
}

/// What the operation should do: pictures by its own words, and what the files are like without a crash.
pub(crate) fn wanted(operation: &Operation, reader: &mut Reader) -> Wanted {
    let start = &operation.start;
    let before = View::of(start, reader).picture;
    let mut after = before.clone();
    (operation.effect)(&mut after);
    let end = up(start, operation.habits);
    let done = world::pool(&end, 1).and_then(|pool| (operation.run)(&pool));
    done.unwrap_or_else(|error| panic!("{}: {error:?}", operation.name));
    let made = View::of(&end.disk(), reader).picture;
    assert!(made == after, "{}: {}", operation.name, made.differs(&after));
    let (old, new) = (files(&up(start, CARELESS)), files(&end));
    let between = operation.between.map(|step| {
        let mut between = before.clone();
        step(&mut between);
        between
    });
    Wanted {
        before,
        after,
        between,
        modes: modes(start).into_iter().chain(modes(&end.disk())).collect(),
        files: old.intersection(&new).copied().collect(),
        leaves_orphans: operation.leaves_orphans,
        ordered: operation.habits.ordered,
        ..Wanted::default()
    }
}

/// Permissions of the live disks.
fn modes(disk: &Disk) -> Vec<(PathBuf, u32)> {
    let files = disk.files().into_iter().filter(|file| is_disk(&file.path));
    files.map(|file| (file.path, file.mode)).collect()
}

impl Look<'_> {
    fn crashed(&mut self, remains: &Remains, wanted: &Wanted, step: Option<&Step>, deeper: bool) {
        // What was done before the last step may be seen in a state of an earlier crash: then less is wanted.
        let variants = if wanted.done { 1 << 16 } else { 0 };
        if !self.seen.insert((remains.fingerprint, variants)) {
            return;
        }
        let way = || format!("crash before {}", step.map_or("nothing".into(), words));
        let raw = View::of(&remains.disk, &mut self.reader);
        self.found.add(laws::at_any_instant(&raw, wanted, &mut self.reader), way);
        if wanted.done {
            // Whoever lists snapshots does not recover first.
            self.found.add(laws::all_or_nothing(&raw, wanted), way);
        }
        self.recover(remains, wanted, &way, deeper);
        if !self.depth.foreign || !deeper {
            return;
        }
        for (nth, foreign) in self.operation.foreign.iter().enumerate() {
            let fs = up(&remains.disk, self.operation.habits);
            let Some(wanted) = foreign.act(&fs.outside(), wanted, &mut self.reader) else {
                continue;
            };
            let disk = match foreign.takes_time() {
                true => fs.disk().settled(),
                false => fs.disk(),
            };
            let fingerprint = disk.fingerprint();
            if !self.seen.insert((fingerprint, variants + nth + 1)) {
                continue;
            }
            let way = || format!("{}, then {foreign:?}", way());
            match foreign {
                Foreign::Use(_) => self.recover_beside(&fs, &wanted, &way),
                _ => self.recover(&Remains { disk, fingerprint }, &wanted, &way, true),
            }
        }
    }

    /// Recovers, and recovers from every crash of that.
    fn recover(
        &mut self,
        remains: &Remains,
        wanted: &Wanted,
        way: &dyn Fn() -> String,
        deeper: bool,
    ) {
        let start = if deeper { 2 } else { 3 };
        let fs = up(&remains.disk, self.operation.habits);
        let limits = self.depth.second.filter(|_| deeper);
        if limits.is_some() {
            fs.record();
        }
        let recovered = world::pool(&fs, start).and_then(|pool| pool.recover(&control()));
        self.judge(&fs, recovered, start, wanted, way);
        let Some(limits) = limits else { return };
        for moment in fs.recorded() {
            self.found.crashes_of_recovery += 1;
            for remains in left(&moment.disk, limits) {
                let variant = (remains.fingerprint, 1 << 20 | usize::from(wanted.foreign));
                if !self.seen.insert(variant) {
                    continue;
                }
                let way = || {
                    let step = moment.step.as_ref().map_or("nothing".into(), words);
                    format!("{}, then recovery crashed before {step}", way())
                };
                let raw = View::of(&remains.disk, &mut self.reader);
                self.found.add(laws::at_any_instant(&raw, wanted, &mut self.reader), way);
                self.recover(&remains, wanted, &way, false);
                if self.found.broken.len() >= self.depth.enough {
                    return;
                }
            }
        }
    }

    /// Recovers while a machine runs.
    fn recover_beside(
        &mut self,
        fs: &diskdag_snapshot::sim::SimFs,
        wanted: &Wanted,
        way: &dyn Fn() -> String,
    ) {
        let recovered = world::pool(fs, 2).and_then(|pool| pool.recover(&control()));
        self.judge(fs, recovered, 2, wanted, way);
    }

    fn judge(
        &mut self,
        fs: &diskdag_snapshot::sim::SimFs,
        recovered: Result<Recovered, Error>,
        start: u64,
        wanted: &Wanted,
        way: &dyn Fn() -> String,
    ) {
        let first = match recovered {
            Ok(first) => first,
            Err(error) => {
                return self.found.add(vec![(6, format!("recovery fails: {error:?}"))], way);
            }
        };
        let view = View::of(&fs.disk(), &mut self.reader);
        self.found.add(laws::after_recovery(&view, wanted, &mut self.reader), || {
            format!("{}, then recovered: {}", way(), told(&first))
        });
        let again =
            world::pool(&fs.outside(), start + 10).and_then(|pool| pool.recover(&control()));
        match again {
            Err(error) => {
                self.found
                    .add(vec![(6, format!("recovery fails the second time: {error:?}"))], way);
            }
            Ok(second) => {
                let after = View::of(&fs.disk(), &mut self.reader);
                let broken = laws::recovery_is_idempotent(&first, (&view, &after), &second, wanted);
                self.found.add(broken, way);
            }
        }
    }
}

pub(crate) fn words(step: &Step) -> String {
    let path = step.path.strip_prefix(Path::new(world::TOP)).unwrap_or(&step.path);
    format!("call {} {:?} {}", step.number, step.call, path.display())
}

fn told(recovered: &Recovered) -> String {
    let actions = recovered.actions.iter();
    let actions = actions.map(|action| format!("{}: {}", action.outcome.name(), action.detail));
    format!("[{}] {:?}", actions.collect::<Vec<_>>().join("; "), recovered.questions)
}
