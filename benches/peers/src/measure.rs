//! Side by side in one process: every contestant once per round, the order turned each round.
//!
//! What disturbs a machine for longer than a round disturbs all contestants alike, and the median
//! drops what is shorter. So the ratios hold on a busy machine where the nanoseconds do not.

use crate::Result;
use crate::row::{Goal, Row};
use std::hint::black_box;
use std::time::{Duration, Instant};

/// A sample is repeated within one measurement until it takes at least this long.
const SAMPLE: Duration = Duration::from_millis(10);

/// Runs its work so many times and tells how long that took.
type Runner<'a> = Box<dyn FnMut(u32) -> Result<Duration> + 'a>;

/// Work to be timed, and how many operations one run of it is.
pub(crate) struct Work<'a> {
    operations: usize,
    run: Runner<'a>,
}

/// Work of `operations` operations that cannot fail.
pub(crate) fn plain<'a, T>(operations: usize, mut work: impl FnMut() -> T + 'a) -> Work<'a> {
    let run = move |times: u32| {
        let start = Instant::now();
        for _ in 0..times {
            black_box(work());
        }
        Ok(start.elapsed())
    };
    Work { operations, run: Box::new(run) }
}

/// Work of `operations` operations that may fail, which ends the measurement.
pub(crate) fn fallible<'a, T>(
    operations: usize,
    mut work: impl FnMut() -> Result<T> + 'a,
) -> Work<'a> {
    let run = move |times: u32| {
        let start = Instant::now();
        for _ in 0..times {
            black_box(work()?);
        }
        Ok(start.elapsed())
    };
    Work { operations, run: Box::new(run) }
}

/// The same, where something has to be done before each run that is not timed.
pub(crate) fn prepared<'a, T>(
    operations: usize,
    mut prepare: impl FnMut() -> Result<()> + 'a,
    mut work: impl FnMut() -> Result<T> + 'a,
) -> Work<'a> {
    let run = move |times: u32| {
        let mut took = Duration::ZERO;
        for _ in 0..times {
            prepare()?;
            let start = Instant::now();
            black_box(work()?);
            took += start.elapsed();
        }
        Ok(took)
    };
    Work { operations, run: Box::new(run) }
}

/// Ours against one or several of theirs.
pub(crate) struct Contest<'a> {
    name: String,
    ours: Work<'a>,
    theirs: Vec<(&'static str, Goal, Work<'a>)>,
}

impl<'a> Contest<'a> {
    pub(crate) fn new(name: impl Into<String>, ours: Work<'a>) -> Self {
        Self { name: name.into(), ours, theirs: Vec::new() }
    }

    pub(crate) fn against(mut self, peer: &'static str, goal: Goal, work: Work<'a>) -> Self {
        self.theirs.push((peer, goal, work));
        self
    }

    /// Warms everybody up, measures `rounds` rounds, and gives one row per peer whose row's name
    /// holds `filter`.
    pub(crate) fn run(mut self, rounds: u32, filter: &str) -> Result<Vec<Row>> {
        self.theirs.retain(|(peer, _, _)| format!("{}/{peer}", self.name).contains(filter));
        if self.theirs.is_empty() {
            return Ok(Vec::new());
        }
        let mut all = vec![Contestant::new(self.ours)?];
        let mut labels = Vec::new();
        for (peer, goal, work) in self.theirs {
            labels.push((peer, goal));
            all.push(Contestant::new(work)?);
        }
        for round in 0..rounds {
            let first = usize::try_from(round)? % all.len();
            let (after, before) = all.split_at_mut(first);
            for contestant in before.iter_mut().chain(after) {
                contestant.sample()?;
            }
        }
        let (ours, theirs) = all.split_first().ok_or("a contest without contestants")?;
        let rows = labels.into_iter().zip(theirs).map(|((peer, goal), theirs)| {
            Row::new(format!("{}/{peer}", self.name), ours.median(), theirs.median(), goal)
        });
        Ok(rows.collect())
    }
}

struct Contestant<'a> {
    work: Work<'a>,
    times: u32,
    /// Nanoseconds per operation.
    samples: Vec<f64>,
}

impl<'a> Contestant<'a> {
    /// The first runs warm the caches up; they also find how often a sample has to repeat the work.
    fn new(mut work: Work<'a>) -> Result<Self> {
        let mut times = 1;
        loop {
            let took = (work.run)(times)?;
            if took >= SAMPLE || times >= 1 << 30 {
                return Ok(Self { work, times, samples: Vec::new() });
            }
            times *= 2;
        }
    }

    fn sample(&mut self) -> Result<()> {
        let took = (self.work.run)(self.times)?;
        let operations = f64::from(self.times) * self.work.operations as f64;
        self.samples.push(took.as_secs_f64() * 1e9 / operations);
        Ok(())
    }

    fn median(&self) -> f64 {
        let mut sorted = self.samples.clone();
        sorted.sort_by(f64::total_cmp);
        let middle = sorted.len() / 2;
        match (sorted.get(middle.wrapping_sub(1)), sorted.get(middle)) {
            (Some(low), Some(high)) if sorted.len().is_multiple_of(2) => (low + high) / 2.0,
            (_, Some(middle)) => *middle,
            _ => f64::NAN,
        }
    }
}
