//! The harness proves itself: with a step forgotten, or two taken in the other order, a law breaks.

use diskdag_snapshot::sim::{Call, Fault, Limits, Step};

use crate::explore::{Depth, Operation, crashes, explore, words};

/// A planted program, and whether the harness tells it from ours.
pub(crate) struct Planted {
    pub(crate) what: String,
    /// The law that breaks first; `None` if none does.
    pub(crate) law: Option<u32>,
}

/// Each call that forces something out forgotten, each pair of neighbouring steps swapped.
pub(crate) fn plant(operation: &Operation) -> Vec<Planted> {
    let (moments, _) = crashes(operation, None);
    let steps: Vec<Step> = moments.into_iter().filter_map(|moment| moment.step).collect();
    let steps: Vec<&Step> = steps.iter().filter(|step| can_wait(step.call)).collect();
    let mut planted = Vec::new();
    for (nth, step) in steps.iter().enumerate() {
        if step.call.forces_out() {
            let what = format!("without {}", told(step));
            planted.push(Planted { what, law: breaks(operation, step.number, Fault::Skip) });
        }
        if let Some(next) = steps.get(nth + 1) {
            let what = format!("{} only after {}", told(step), told(next));
            planted.push(Planted { what, law: breaks(operation, step.number, Fault::Defer) });
        }
    }
    planted
}

/// A step without its number, which changes whenever something is asked once more.
fn told(step: &Step) -> String {
    let words = words(step);
    words.splitn(3, ' ').nth(2).unwrap_or_default().to_owned()
}

/// Whether the step can come later than it should: whoever creates or locks needs the answer.
const fn can_wait(call: Call) -> bool {
    !matches!(call, Call::Create | Call::TryLock)
}

fn breaks(operation: &Operation, number: u64, fault: Fault) -> Option<u32> {
    let first = Limits { exact: 48, drawn: 8 };
    let alone = Depth { first, foreign: false, second: None, enough: 1, ..Depth::default() };
    let second = Some(Limits { exact: 6, drawn: 2 });
    let beside = Depth { first, second, enough: 1, deeper: 2, ..Depth::default() };
    [alone, beside].into_iter().find_map(|depth| {
        let found = explore(operation, depth, Some((number, fault)));
        found.broken.first().map(|((law, _), _)| *law)
    })
}

/// Of which pairs of steps the order does not matter in any operation, and why.
type Reason = (fn(&str, &str) -> bool, &'static str);

const OF_ALL: [Reason; 4] = [
    (
        |step, next| step == "Write .diskdag/catalogue.log" && next == step,
        "what was handed out and the record are forced out together",
    ),
    (
        |step, next| step == "SyncData .diskdag/catalogue.log" && next.starts_with("Write .disk"),
        "whoever believes a mark that comes too early touches no file before a commit of their own, \
         which forces out the same log",
    ),
    (
        |step, next| step == "Write .diskdag/catalogue.log" && !next.contains(".diskdag"),
        "a mark that comes late costs one more sync, and nothing else",
    ),
    (
        |step, next| {
            let ((step, of), (next, to)) = (split(step), split(next));
            let together = ["Write", "SetLen", "SetAttributes"];
            of == to
                && !of.contains(".diskdag")
                && [step, next].iter().all(|it| together.contains(it))
        },
        "one sync of the overlay forces out both",
    ),
];

const ENDS: &str = "the last commit only ends the intent, and recovery ends it as well";
const COMES_BACK: &str = "a file that comes back from a purge is an orphan, which gc finds";
const APART: &str = "clones are files of their own, in directories of their own";

/// The same of one operation: its name, the plant, the reason.
const OF_ONE: [(&str, &str, &str); 11] = [
    ("rm", "without SyncData .diskdag/catalogue.log", ENDS),
    ("rm", "Write .diskdag/catalogue.log only after SyncData .diskdag/catalogue.log", ENDS),
    ("clone (two)", "without SyncData .diskdag/catalogue.log", ENDS),
    (
        "clone (two)",
        "Write .diskdag/catalogue.log only after SyncData .diskdag/catalogue.log",
        ENDS,
    ),
    ("purge", "without SyncDir ", COMES_BACK),
    ("purge", "Remove .vm@3-k2@4.trash only after SyncDir ", COMES_BACK),
    ("clone (two)", "Sync .n1@6.new only after SetLen sub/.n2@7.new", APART),
    ("clone (two)", "Sync sub/.n2@7.new only after Rename .n1@6.new", APART),
    ("clone (two)", "Rename .n1@6.new only after Rename sub/.n2@7.new", APART),
    ("clone (two)", "Rename sub/.n2@7.new only after SyncDir ", APART),
    ("clone (two)", "SyncDir  only after SyncDir sub", APART),
];

fn split(step: &str) -> (&str, &str) {
    step.split_once(' ').unwrap_or((step, ""))
}

fn reason(operation: &str, what: &str) -> Option<&'static str> {
    let own = OF_ONE.iter().find(|(name, plant, _)| *name == operation && *plant == what);
    let swapped = what.split_once(" only after ");
    let all = || {
        let (step, next) = swapped?;
        OF_ALL.iter().find(|(fits, _)| fits(step, next)).map(|(_, reason)| *reason)
    };
    own.map(|(_, _, reason)| *reason).or_else(all)
}

/// Every plant is found, or there is a reason; and no reason is given that none needs.
pub(crate) fn assert_found(operation: &str, planted: &[Planted]) {
    let unseen = planted.iter().filter(|planted| planted.law.is_none());
    let unseen: Vec<_> = unseen.map(|planted| planted.what.as_str()).collect();
    let unexplained = unseen.iter().filter(|what| reason(operation, what).is_none());
    assert_eq!(unexplained.collect::<Vec<_>>(), Vec::<&&str>::new(), "{operation}");
    for (name, plant, reason) in OF_ONE {
        assert!(name != operation || unseen.contains(&plant), "{name}: {plant}: {reason}?");
    }
}
