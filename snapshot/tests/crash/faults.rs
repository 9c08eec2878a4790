//! Every fault at every call: what fails says so, nothing is lost, and recovery works afterwards.

use std::io::ErrorKind;

use diskdag_snapshot::sim::{Call, Fault, Keep, Limits, Remains, SimFs, Step};
use diskdag_snapshot::{Effect, Error};

use crate::explore::{Found, Operation, crashes, left, wanted, words};
use crate::images::Reader;
use crate::laws::{self, Broken, Wanted};
use crate::picture::View;
use crate::world::{self, control, up};

/// What may go wrong at a call of this kind.
fn faults(call: Call) -> Vec<Fault> {
    let mut faults = vec![Fault::Io];
    let refused = || Fault::Error(ErrorKind::PermissionDenied);
    let full = || Fault::Error(ErrorKind::StorageFull);
    match call {
        Call::Read => faults.extend([Fault::Short, Fault::Error(ErrorKind::Interrupted)]),
        Call::Write => {
            faults.extend([full(), Fault::Short, Fault::Error(ErrorKind::Interrupted)]);
        }
        Call::Sync | Call::SyncData => {
            let kept = [Keep::Nothing, Keep::All, Keep::Even, Keep::Odd];
            faults = kept.into_iter().map(Fault::Lose).collect();
            faults.push(full());
        }
        Call::SyncDir => faults.extend([full(), Fault::DoneAndIo]),
        Call::Create | Call::CreateDir => faults.extend([full(), refused(), Fault::DoneAndIo]),
        Call::Rename | Call::Replace | Call::Link | Call::Exchange => {
            faults.extend([full(), refused(), Fault::DoneAndIo]);
        }
        Call::Remove | Call::RemoveDir => faults.extend([refused(), Fault::DoneAndIo]),
        Call::SetLen => faults.extend([full(), Fault::DoneAndIo]),
        Call::Open | Call::TryLock | Call::SetMode | Call::SetAttributes => faults.push(refused()),
        _ => {}
    }
    if call.changes() {
        faults.extend([Fault::ReadOnly, Fault::PowerOff]);
    }
    faults
}

/// What a careful program does not even notice.
fn is_absorbed(fault: Fault) -> bool {
    matches!(fault, Fault::Short | Fault::Error(ErrorKind::Interrupted))
}

const LIMITS: Limits = Limits { exact: 24, drawn: 4 };

struct Sweep<'o> {
    operation: &'o Operation,
    wanted: Wanted,
    reader: Reader,
    found: Found,
}

/// Every fault at every call of the operation, and every `EIO` at every call of its recovery.
pub(crate) fn sweep(operation: &Operation) -> Found {
    let mut reader = Reader::default();
    let wanted = wanted(operation, &mut reader);
    let mut sweep = Sweep { operation, wanted, reader, found: Found::default() };
    let fs = up(&operation.start, operation.habits);
    let steps = trace(&fs, |fs| run(operation, fs));
    for step in &steps {
        for fault in faults(step.call) {
            sweep.fail(step, fault);
            sweep.found.states += 1;
        }
    }
    sweep.fail_recovery();
    sweep.found
}

fn run(operation: &Operation, fs: &SimFs) -> Result<(), Error> {
    world::pool(fs, 1).and_then(|pool| (operation.run)(&pool))
}

/// All calls of something that is done.
fn trace<T>(fs: &SimFs, act: impl FnOnce(&SimFs) -> T) -> Vec<Step> {
    fs.trace();
    act(fs);
    fs.traced()
}

impl Sweep<'_> {
    fn fail(&mut self, step: &Step, fault: Fault) {
        let fs = up(&self.operation.start, self.operation.habits);
        fs.fail_at(step.number, fault);
        let result = run(self.operation, &fs);
        let way = || format!("{fault:?} at {}", words(step));
        if let Err(error) = &result
            && is_absorbed(fault)
        {
            self.found.add(vec![(10, format!("it cannot take that: {error:?}"))], way);
        }
        let wanted = Wanted { done: result.is_ok(), ..self.wanted.clone() };
        let disk = fs.disk();
        let view = View::of(&disk, &mut self.reader);
        self.found.add(laws::at_any_instant(&view, &wanted, &mut self.reader), way);
        self.found.add(told_the_truth(&view, &result, &wanted), way);
        if fault == Fault::PowerOff {
            return;
        }
        // Those who go on on the same host, those who come up again after the power went out, and those to
        // whom the page cache shows what the medium has.
        let mut remains = left(&disk, LIMITS);
        let evicted = disk.evicted();
        remains.push(Remains { fingerprint: evicted.fingerprint(), disk: evicted });
        for remains in remains {
            self.recovers(&remains, &wanted, &way);
        }
    }

    fn recovers(&mut self, remains: &Remains, wanted: &Wanted, way: &dyn Fn() -> String) {
        let fs = up(&remains.disk, self.operation.habits);
        let recovered = world::pool(&fs, 2).and_then(|pool| pool.recover(&control()));
        if let Err(error) = recovered {
            return self.found.add(vec![(6, format!("recovery fails: {error:?}"))], way);
        }
        let view = View::of(&fs.disk(), &mut self.reader);
        self.found.add(laws::after_recovery(&view, wanted, &mut self.reader), way);
    }

    /// Recovery that fails at one of its calls can be tried again.
    fn fail_recovery(&mut self) {
        let operation = self.operation;
        let (moments, _) = crashes(operation, None);
        let mut seen = std::collections::HashSet::new();
        for moment in moments.iter().filter(|moment| moment.step.is_some()) {
            let crashed = moment.disk.killed();
            if !seen.insert(crashed.fingerprint()) {
                continue;
            }
            let recover = |fs: &SimFs, start| {
                world::pool(fs, start).and_then(|pool| pool.recover(&control()))
            };
            let steps = trace(&up(&crashed, operation.habits), |fs| recover(fs, 2).map(drop));
            for step in steps {
                let fault = match step.call {
                    Call::Sync | Call::SyncData => Fault::Lose(Keep::Even),
                    _ => Fault::Io,
                };
                let way =
                    || format!("recovery from {:?}: {fault:?} at {}", moment.step, words(&step));
                let fs = up(&crashed, operation.habits);
                fs.fail_at(step.number, fault);
                let _whatever = recover(&fs, 2).is_ok();
                self.found.states += 1;
                let disk = fs.disk();
                let view = View::of(&disk, &mut self.reader);
                let broken = laws::at_any_instant(&view, &self.wanted, &mut self.reader);
                self.found.add(broken, way);
                let killed = disk.killed();
                let remains = Remains { fingerprint: killed.fingerprint(), disk: killed };
                let wanted = self.wanted.clone();
                self.recovers(&remains, &wanted, &way);
            }
        }
    }
}

/// An error says what was changed: nothing, all of it, or that nobody knows yet.
pub(crate) fn told_the_truth(
    view: &View,
    result: &Result<(), Error>,
    wanted: &Wanted,
) -> Vec<Broken> {
    let picture = &view.picture;
    let open = view.state.as_ref().map_or(0, |state| state.intents.len());
    match result.as_ref().map_err(|error| error.effect) {
        Ok(()) if *picture != wanted.after => {
            vec![(5, format!("it says that it is done: {}", picture.differs(&wanted.after)))]
        }
        Err(Effect::None) if *picture != wanted.before || open > 0 => {
            let differs = picture.differs(&wanted.before);
            vec![(10, format!("it says that nothing was changed: {open} open; {differs}"))]
        }
        Err(Effect::Done)
            if *picture != wanted.after && wanted.between.as_ref() != Some(picture) =>
        {
            let differs = picture.differs(&wanted.after);
            vec![(10, format!("it says that all was done: {differs}"))]
        }
        _ => Vec::new(),
    }
}
