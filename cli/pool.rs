//! Which pool a verb works on, and what its writing verbs do before anything else.

use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use diskdag_snapshot::survey::ScanSurvey;
use diskdag_snapshot::{Control, Done, Host, Notice, Pool, Recovered};
use serde_json::{Map, Value, json};

use crate::args::{Common, InPool, Writing};
use crate::escape;
use crate::failure::Failure;
use crate::json::{Answer, put_bytes, put_path};
use crate::output::Output;
use crate::progress::Bar;
use crate::scope;
use crate::settings::Configuration;
use crate::signals;

/// The host, with the scope that somebody declared and the doubts that somebody waived.
pub(crate) fn host(common: &Common) -> Result<Host, Failure> {
    let settings = Configuration::load()?.settings;
    let declared = scope::declared(common, &settings)?;
    let threads = common.threads.or_else(|| std::thread::available_parallelism().ok());
    let threads = threads.unwrap_or(NonZeroUsize::MIN);
    let mut survey = ScanSurvey::new(threads)
        .waivers(settings.waivers().to_vec())
        .roots(declared.map(|scope| scope.roots).unwrap_or_default())
        .owners(scope::declared_owners(common)?);
    if let Some(seconds) = common.patience {
        survey = survey.patience(Duration::from_secs(seconds.into()));
    }
    Ok(Host { survey: Arc::new(survey), ..Host::real(threads) })
}

/// The pool: the one that is named, else that of `disk`, else that of the current directory.
pub(crate) fn find(host: &Host, place: &InPool, disk: Option<&Path>) -> Result<Pool, Failure> {
    let path = place.pool.as_deref().or(disk).unwrap_or(Path::new("."));
    Ok(Pool::find(host, &scope::absolute(path)?)?)
}

/// What a reading verb says to a long call, and what shows how far that is.
pub(crate) fn reading(common: &Common) -> (Bar, Control) {
    let (bar, scan) = Bar::new(common);
    (bar, scan.into())
}

/// Paths from the root, as they were typed.
pub(crate) fn absolute(paths: &[PathBuf]) -> Result<Vec<PathBuf>, Failure> {
    paths.iter().map(|path| scope::absolute(path)).collect()
}

/// A pool in which whatever had begun has ended, and how to write to it.
pub(crate) struct Writer {
    pub(crate) pool: Pool,
    pub(crate) control: Control,
    recovered: Recovered,
    stop: Arc<AtomicBool>,
    _bar: Bar,
}

impl Writer {
    /// Finds the pool and recovers it, if something has not ended there.
    pub(crate) fn open(
        writing: &Writing,
        disk: Option<&Path>,
        common: &Common,
        out: &mut Output,
    ) -> Result<Self, Failure> {
        let mut writer = Self::without_recovery(writing, disk, common)?;
        writer.recovered = writer.pool.recover(&writer.control)?;
        for line in action_lines(&writer.recovered) {
            out.notice(format!("recovered: {line}"));
        }
        Ok(writer)
    }

    /// Finds the pool, and leaves it as it is.
    pub(crate) fn without_recovery(
        writing: &Writing,
        disk: Option<&Path>,
        common: &Common,
    ) -> Result<Self, Failure> {
        let stop = signals::stop_flag()?;
        let pool = find(&host(common)?, &writing.place, disk)?;
        let (bar, scan) = Bar::new(common);
        let mut control = Control::from(scan.cancelled_by(Arc::clone(&stop)));
        if let Some(wait) = writing.wait {
            (control.pool_wait, control.image_wait) = (wait.duration(), wait.duration());
        }
        Ok(Self { pool, control, recovered: Recovered::default(), stop, _bar: bar })
    }

    /// Why an operation failed, and what had been recovered before.
    pub(crate) fn failure(&self, error: diskdag_snapshot::Error) -> Failure {
        let mut failure = Failure::from(error);
        if !self.recovered.actions.is_empty() {
            failure.more.insert("recovered".to_owned(), actions(&self.recovered).into());
        }
        if signals::is_raised(&self.stop) {
            failure.details.insert(0, "  a signal asked to stop".to_owned());
        }
        failure
    }

    /// The answer of a verb that has done something to disks.
    pub(crate) fn done(&self, verb: &str, done: &Done, out: &mut Output) -> Result<(), Failure> {
        self.answer(verb, Some(done.op.to_string()), done, out)
    }

    /// The same of one that only says what it would do.
    pub(crate) fn would_do(
        &self,
        verb: &str,
        done: &Done,
        out: &mut Output,
    ) -> Result<(), Failure> {
        self.answer(verb, None, done, out)
    }

    fn answer(
        &self,
        verb: &str,
        operation: Option<String>,
        done: &Done,
        out: &mut Output,
    ) -> Result<(), Failure> {
        let mut answer = Answer::begin(out, verb)?;
        answer.path("pool", self.pool.top())?;
        answer.field("dry-run", operation.is_none())?;
        answer.field("operation", operation)?;
        let disks = done.disks.iter().map(|disk| {
            let mut map = Map::new();
            put_path(&mut map, "disk", &disk.disk);
            match &disk.snapshot {
                Some(name) => put_bytes(&mut map, "snapshot", name.as_bytes()),
                None => drop(map.insert("snapshot".to_owned(), Value::Null)),
            }
            map.insert("id".to_owned(), json!(disk.id.0));
            put_path(&mut map, "path", &disk.path);
            Value::Object(map)
        });
        answer.list("disks", disks)?;
        answer.list("notices", done.notices.iter().map(notice))?;
        answer.field("freed", done.freed)?;
        answer.list("recovered", actions(&self.recovered))?;
        Ok(answer.end()?)
    }

    /// What had been recovered, for answers of other shapes.
    pub(crate) fn recovered(&self) -> Vec<Value> {
        actions(&self.recovered)
    }
}

/// Notices, on standard error.
pub(crate) fn say_notices(notices: &[Notice], out: &mut Output) {
    for Notice { path, detail, .. } in notices {
        out.notice(format!("{}: {}", escape::path(path), escape::words(detail)));
    }
}

fn notice(notice: &Notice) -> Value {
    let mut map = Map::new();
    map.insert("kind".to_owned(), json!(notice.kind));
    put_path(&mut map, "path", &notice.path);
    map.insert("detail".to_owned(), json!(notice.detail));
    map.into()
}

/// What recovery did, a line an action.
pub(crate) fn action_lines(recovered: &Recovered) -> Vec<String> {
    let line = |action: &diskdag_snapshot::Action| {
        let of = match &action.snapshot {
            Some(name) => format!(", snapshot {}", escape::name(name.as_bytes())),
            None => String::new(),
        };
        let (disk, detail) = (escape::path(&action.disk), escape::words(&action.detail));
        format!("{disk}{of}: {}: {detail}", action.outcome.name())
    };
    recovered.actions.iter().map(line).collect()
}

/// What recovery did.
pub(crate) fn actions(recovered: &Recovered) -> Vec<Value> {
    let value = |action: &diskdag_snapshot::Action| {
        let mut map = Map::new();
        map.insert("operation".to_owned(), json!(action.op.to_string()));
        put_path(&mut map, "disk", &action.disk);
        match &action.snapshot {
            Some(name) => put_bytes(&mut map, "snapshot", name.as_bytes()),
            None => drop(map.insert("snapshot".to_owned(), Value::Null)),
        }
        map.insert("action".to_owned(), json!(action.outcome.name()));
        map.insert("detail".to_owned(), json!(action.detail));
        Value::Object(map)
    };
    recovered.actions.iter().map(value).collect()
}
