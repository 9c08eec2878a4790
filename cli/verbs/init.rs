//! `init`: makes a pool of a directory.

use std::io::Write;

use diskdag_snapshot::Pool;
use diskdag_snapshot::pool::Config;

use crate::args::{Common, Init};
use crate::escape;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::json::Answer;
use crate::output::Output;
use crate::pool;
use crate::scope;

pub(crate) fn run(args: &Init, common: &Common, out: &mut Output) -> Result<Exit, Failure> {
    let dir = scope::absolute(&args.dir)?;
    let metadata = dir.metadata().map_err(|error| Failure::on(&dir, "make a pool of", &error))?;
    if !metadata.is_dir() {
        let message = format!("cannot make a pool of {}: not a directory", escape::path(&dir));
        return Err(Failure::new(Exit::Failed, "not-a-directory", message));
    }
    let mut roots = Vec::new();
    for root in pool::absolute(&common.roots)? {
        let metadata = root.metadata().map_err(|error| Failure::on(&root, "search", &error))?;
        if !metadata.is_dir() {
            let message = format!("cannot search {}: not a directory", escape::path(&root));
            return Err(Failure::new(Exit::Failed, "not-a-directory", message));
        }
        roots.push(root);
    }
    let owners = pool::absolute(&common.owners)?;
    for path in &owners {
        path.metadata().map_err(|error| Failure::on(path, "read", &error))?;
    }
    let pool = Pool::init(&pool::host(common)?, &dir, &Config { roots, owners })?;
    if out.json {
        let mut answer = Answer::begin(out, "init")?;
        answer.path("pool", pool.top())?;
        let roots = pool.roots()?;
        answer.paths("roots", roots.iter().skip(1).map(|root| &**root))?;
        answer.paths("owners", pool.owners()?.iter().map(|path| &**path))?;
        answer.end()?;
    } else {
        writeln!(out, "{} is a pool; its disks stay as they are", escape::path(pool.top()))?;
    }
    Ok(Exit::Ok)
}
