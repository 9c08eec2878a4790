//! The power going out, and the process being killed, before every call of every operation.

use std::collections::HashSet;

use diskdag_snapshot::catalogue::conformance::{op, pin};
use diskdag_snapshot::catalogue::{Batch, Catalogue, CatalogueError, Change, LogCatalogue, State};
use diskdag_snapshot::sim::{Call, Disk, Fault, Habits, Keep, Limits, Moment, SimFs};

use crate::scenario::{
    LIMITS, Until, allowed, commit, empty, habits, handle, handle_on, path, put,
};

/// What was found to be wrong.
type Wrong = String;

/// Looks at every state that a crash may leave in one of these moments. Every one has to load, as one of
/// the states that may be there; then the next commit has to work. Answers how many there were.
fn look(moments: &[Moment], untils: &[Until], limits: Limits) -> Result<usize, Wrong> {
    let mut seen = HashSet::new();
    for moment in moments {
        let states = allowed(moment, untils);
        let killed = moment.disk.killed();
        let before = |wrong| format!("before {:?}: {wrong}", moment.step);
        survives(&killed, states).map_err(before)?;
        outlives(&killed, &[]).map_err(before)?;
        for remains in moment.disk.power_cuts(limits) {
            if seen.insert(remains.fingerprint) {
                survives(&remains.disk, states).map_err(before)?;
            }
        }
    }
    Ok(seen.len())
}

fn check(name: &str, moments: &[Moment], untils: &[Until]) {
    match look(moments, untils, LIMITS) {
        Ok(states) => println!("{name}: {states} states in {} moments", moments.len()),
        Err(wrong) => panic!("{name}, {wrong}"),
    }
}

fn load(disk: &Disk, states: &[State]) -> Result<LogCatalogue, Wrong> {
    let (_, catalogue) = handle_on(disk);
    let found = catalogue.load().map_err(|error| error.to_string())?;
    if states.contains(&found) {
        return Ok(catalogue);
    }
    let allowed: Vec<_> = states.iter().map(|state| state.revision).collect();
    Err(format!("revision {:?} is there, one of {allowed:?} should be", found.revision))
}

/// One of these states is there, and the next commit works.
fn survives(disk: &Disk, states: &[State]) -> Result<(), Wrong> {
    let catalogue = load(disk, states)?;
    let mut state = catalogue.load().map_err(|error| error.to_string())?;
    let fence = catalogue.fence().map_err(|error| error.to_string())?;
    let batch = Batch { fence, ..put(&state, state.next_id.0) };
    catalogue.commit(&batch).map_err(|error| error.to_string())?;
    state.apply(&batch).map_err(|error| error.to_string())?;
    let found = catalogue.load().map_err(|error| error.to_string())?;
    if found == state { Ok(()) } else { Err("another state than was committed".into()) }
}

/// What a program sees under its fence, after another was killed, survives the power going out while
/// it goes on, with these faults at its calls.
fn outlives(killed: &Disk, faults: &[(u64, Fault)]) -> Result<(), Wrong> {
    let limits = Limits { exact: 16, drawn: 2 };
    let (fs, catalogue) = handle_on(killed);
    for (number, fault) in faults {
        fs.fail_at(*number, *fault);
    }
    catalogue.fence().map_err(|error| error.to_string())?;
    let mut state = catalogue.load().map_err(|error| error.to_string())?;
    fs.record();
    let mut untils = vec![Until { call: fs.calls(), states: vec![state.clone()] }];
    let before = state.clone();
    commit(&catalogue, &mut state).map_err(|error| error.to_string())?;
    untils.push(Until { call: fs.calls(), states: vec![before, state] });
    let mut seen = HashSet::new();
    for moment in fs.recorded() {
        for remains in moment.disk.power_cuts(limits) {
            if seen.insert(remains.fingerprint) {
                load(&remains.disk, allowed(&moment, &untils))
                    .map_err(|wrong| format!("and then before {:?}: {wrong}", moment.step))?;
            }
        }
    }
    Ok(())
}

/// Commits one by one, as many as it takes to see `checkpoints`, and records them.
fn commits(habits: Habits, checkpoints: u64) -> (Vec<Moment>, Vec<Until>) {
    let (fs, catalogue) = empty(habits);
    let created = fs.counts().of(Call::SyncDir);
    let mut state = State::default();
    let mut untils = vec![Until { call: fs.calls(), states: vec![state.clone()] }];
    fs.record();
    // One before a checkpoint, one after it.
    let syncs = |fs: &SimFs| fs.counts().of(Call::SyncDir) - created;
    while syncs(&fs) < 2 * checkpoints {
        let before = state.clone();
        commit(&catalogue, &mut state).expect("commits");
        untils.push(Until { call: fs.calls(), states: vec![before, state.clone()] });
    }
    (fs.recorded(), untils)
}

#[test]
fn commits_and_checkpoints() {
    let (moments, untils) = commits(habits(), 2);
    check("commit, checkpoint", &moments, &untils);
}

/// Where names cannot be exchanged the checkpoint takes the name of the old one.
#[test]
fn checkpoints_without_an_exchange() {
    let (moments, untils) = commits(Habits { exchange: false, ..habits() }, 1);
    check("checkpoint without exchange", &moments, &untils);
}

#[test]
fn groups_are_there_whole_or_not_at_all() {
    let (fs, catalogue) = empty(habits());
    let before = State::default();
    let mut after = before.clone();
    let group: Vec<_> = (1..=4)
        .map(|id| {
            let batch = put(&after, id);
            after.apply(&batch).expect("fits");
            batch
        })
        .collect();
    fs.record();
    let begin = Until { call: fs.calls(), states: vec![before.clone()] };
    assert!(catalogue.commit_all(&group).iter().all(Result::is_ok));
    let untils = [begin, Until { call: fs.calls(), states: vec![before, after] }];
    check("commit of a group", &fs.recorded(), &untils);
}

/// A batch that is longer than the log is committed by a checkpoint.
#[test]
fn what_does_not_fit_in_the_log() {
    let (fs, catalogue) = empty(habits());
    let mut before = State::default();
    commit(&catalogue, &mut before).expect("commits");
    let changes = (1..=30).map(|id| Change::PutPin(pin(id))).collect();
    let batch = Batch { changes, op: op(77), ..put(&before, 77) };
    let mut after = before.clone();
    after.apply(&batch).expect("fits");
    fs.record();
    let begin = Until { call: fs.calls(), states: vec![before.clone()] };
    catalogue.commit(&batch).expect("commits");
    assert_eq!(fs.counts().of(Call::Exchange), 1, "by a checkpoint");
    let until = Until { call: fs.calls(), states: vec![before, after.clone()] };
    let mut state = after.clone();
    let mut untils = vec![begin, until];
    for _ in 0..2 {
        let before = state.clone();
        commit(&catalogue, &mut state).expect("commits");
        untils.push(Until { call: fs.calls(), states: vec![before, state.clone()] });
    }
    check("commit by a checkpoint", &fs.recorded(), &untils);
}

/// While a catalogue is made, or made again, there is none or a whole one.
#[test]
fn creating_and_replacing() {
    let (fs, _) = empty(habits());
    let mut state = State::default();
    commit(&handle(&fs), &mut state).expect("commits");
    let damage = |fs: &SimFs| {
        let outside = fs.outside();
        let file = diskdag_snapshot::fs::Fs::open(
            &outside,
            &path("catalogue.redb"),
            diskdag_snapshot::fs::Access::Write,
        );
        let file = file.expect("the checkpoint");
        diskdag_snapshot::fs::write_all(file.as_ref(), 5000, b"damage").expect("written");
        file.sync().expect("durable");
    };
    damage(&fs);
    let catalogue = handle(&fs);
    assert!(matches!(catalogue.load(), Err(CatalogueError::Damaged { .. })));
    fs.record();
    catalogue.replace(&state).expect("replaced");
    let moments = fs.recorded();
    let mut seen = HashSet::new();
    let mut found = (0, 0);
    for moment in &moments {
        let last = moment.step.is_none();
        let killed = moment.disk.killed();
        let cuts = moment.disk.power_cuts(LIMITS).into_iter().map(|remains| remains.disk);
        for disk in cuts.chain([killed]) {
            if !seen.insert(disk.fingerprint()) && !last {
                continue;
            }
            let (_, catalogue) = handle_on(&disk);
            match catalogue.load() {
                Ok(there) => {
                    assert_eq!(there, state);
                    found.0 += 1;
                }
                Err(CatalogueError::Damaged { .. } | CatalogueError::Missing { .. }) if !last => {
                    found.1 += 1;
                    catalogue.replace(&state).expect("replaced after a crash");
                    assert_eq!(catalogue.load().expect("loads"), state);
                }
                Err(error) => panic!("before {:?}: {error}", moment.step),
            }
        }
    }
    println!("replace: {} states in {} moments, {found:?} new and old", seen.len(), moments.len());
    assert!(found.0 > 0 && found.1 > 0);
}

/// Forcing out fails, in each of the ways in which Linux leaves the page cache then, at each sync of
/// commits and checkpoints. What the next program sees under its fence is there for good.
#[test]
fn an_error_of_a_sync_never_takes_back_what_a_later_one_saw() {
    let syncs = {
        let (moments, _) = commits(habits(), 2);
        moments
            .iter()
            .filter_map(|moment| moment.step.as_ref())
            .filter(|step| step.call.forces_out())
            .map(|step| step.number)
            .collect::<Vec<_>>()
    };
    let mut states = 0;
    for number in syncs {
        for keep in [Keep::Nothing, Keep::All, Keep::Even] {
            for evicted in [false, true] {
                let (fs, catalogue) = empty(habits());
                let mut state = State::default();
                fs.fail_at(number, Fault::Lose(keep));
                let mut attempted = state.clone();
                while fs.calls() < number {
                    attempted = state.clone();
                    let batch = put(&state, state.next_id.0);
                    attempted.apply(&batch).expect("fits");
                    match commit(&catalogue, &mut state) {
                        Ok(()) => {}
                        Err(CatalogueError::Undecided { .. }) => break,
                        Err(error) => panic!("{error}"),
                    }
                }
                let name = format!("{keep:?} of sync {number} kept, evicted: {evicted}");
                let fails = |wrong| panic!("{name}: {wrong}");
                let disk = fs.disk();
                let disk = if evicted { disk.evicted() } else { disk }.killed();
                survives(&disk, &[state.clone(), attempted.clone()]).unwrap_or_else(fails);
                outlives(&disk, &[]).unwrap_or_else(fails);
                if !evicted {
                    goes_on(&fs, &catalogue, &[state, attempted]).unwrap_or_else(fails);
                }
                states += 1;
            }
        }
    }
    assert!(states > 40, "{states}");
}

/// The handle that met the error goes on.
fn goes_on(fs: &SimFs, catalogue: &LogCatalogue, states: &[State]) -> Result<(), Wrong> {
    catalogue.fence().map_err(|error| error.to_string())?;
    let mut state = catalogue.load().map_err(|error| error.to_string())?;
    assert!(states.contains(&state));
    for _ in 0..3 {
        commit(catalogue, &mut state).map_err(|error| error.to_string())?;
        for remains in fs.disk().power_cuts(Limits { exact: 16, drawn: 2 }) {
            load(&remains.disk, std::slice::from_ref(&state))?;
        }
    }
    Ok(())
}

/// Every sync is there for a reason: forgotten, it is missed.
#[test]
fn a_sync_that_is_forgotten_is_found() {
    let record = |faults: &[(u64, Fault)]| {
        let (fs, catalogue) = empty(habits());
        for (number, fault) in faults {
            fs.fail_at(*number, *fault);
        }
        let created = fs.counts().of(Call::SyncDir);
        let mut state = State::default();
        let mut untils = vec![Until { call: fs.calls(), states: vec![state.clone()] }];
        fs.record();
        let mut more = 2;
        while more > 0 {
            let before = state.clone();
            commit(&catalogue, &mut state).expect("commits");
            untils.push(Until { call: fs.calls(), states: vec![before, state.clone()] });
            more -= u32::from(fs.counts().of(Call::SyncDir) > created);
        }
        (fs.recorded(), untils)
    };
    let (moments, _) = record(&[]);
    let steps: Vec<_> = moments.into_iter().filter_map(|moment| moment.step).collect();
    let syncs: Vec<_> = steps.iter().filter(|step| step.call.forces_out()).collect();
    let mut dirs = 0;
    for sync in syncs {
        let (moments, untils) = record(&[(sync.number, Fault::Skip)]);
        let found = look(&moments, &untils, LIMITS);
        dirs += u32::from(sync.call == Call::SyncDir);
        if sync.call == Call::SyncDir && dirs == 1 {
            // The one before a checkpoint is there for a checkpoint that was cut off before it.
            assert!(found.is_ok(), "{found:?}");
        } else {
            assert!(found.is_err(), "nobody misses {sync:?}");
        }
    }
    assert_eq!(dirs, 2, "one checkpoint");

    // Killed when the names were exchanged and the directory was not forced out.
    let exchanged = moments_after_exchange();
    outlives(&exchanged, &[]).expect("the next program forces out the directory first");
    let (fs, catalogue) = handle_on(&exchanged);
    let mut state = catalogue.load().expect("loads");
    fs.record();
    commit(&catalogue, &mut state).expect("commits");
    let first = fs.recorded().into_iter().filter_map(|moment| moment.step);
    let mut first = first.filter(|step| step.call == Call::SyncDir);
    let number = first.next().expect("a checkpoint").number;
    // Fencing makes other calls before.
    let shift =
        (0..40).find(|shift| outlives(&exchanged, &[(number + shift, Fault::Skip)]).is_err());
    assert!(shift.is_some(), "nobody misses the sync before a checkpoint");
}

fn moments_after_exchange() -> Disk {
    let (moments, _) = commits(habits(), 1);
    let at = moments
        .iter()
        .position(|moment| moment.step.as_ref().is_some_and(|step| step.call == Call::Exchange));
    let after = at.and_then(|at| moments.get(at + 1)).expect("a checkpoint");
    after.disk.killed()
}
