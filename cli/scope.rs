//! Which directories a question is about: `--root`, else `DISKDAG_ROOTS`, else the configured
//! roots, else what the question itself names.

use std::ffi::OsStr;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::time::Duration;

use diskdag_graph::scan::{Control, Live, Owners, Scan, Scanned, Scope, Settings, Sources};
use diskdag_graph::{DiskId, ScopeSource};
use diskdag_snapshot::pool::FOLDER;
use diskdag_snapshot::{Host, Pool};

use crate::args::Common;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::index;
use crate::probe::{Leads, leads};
use crate::progress::Bar;
use crate::settings::Configuration;

/// The variable that declares a scope.
const VARIABLE: &str = "DISKDAG_ROOTS";

/// The variable that names the files of owners.
const OWNERS_VARIABLE: &str = "DISKDAG_OWNERS";

/// So many in flight keep a disk busy that is read cold.
const READERS: usize = 32;

/// How to declare a scope.
pub(crate) const HOW_TO_DECLARE: &str = "name every directory whose images may depend on it: --root DIR \
(repeatable), DISKDAG_ROOTS=DIR:DIR, or once for all `diskdag roots add DIR`";

/// A question about directories, as `scan`, `tree` and `graph` ask it.
pub(crate) struct Survey {
    /// What the scan found.
    pub(crate) scanned: Scanned,
    /// Show only what hangs together with a disk under one of these; nothing: show all.
    pub(crate) only: Option<Vec<PathBuf>>,
    /// The disks among what was named.
    pub(crate) asked: Vec<DiskId>,
}

/// A path from the root, as it was typed: links and `..` stay, because QEMU resolves names from
/// the path as opened.
pub(crate) fn absolute(path: &Path) -> Result<PathBuf, Failure> {
    std::path::absolute(path).map_err(|error| {
        let shown = crate::escape::path(path);
        Failure::new(Exit::Usage, "usage", format!("not a path: '{shown}': {error}"))
    })
}

/// Scans what is asked about `images`: the declared scope, else the directories they lie in.
pub(crate) fn about(
    images: &[PathBuf],
    common: &Common,
) -> Result<(Scanned, Vec<DiskId>, Vec<PathBuf>), Failure> {
    about_places(images, &[], common)
}

/// The same of what lies in some directories (absolute paths) as well.
pub(crate) fn about_places(
    images: &[PathBuf],
    directories: &[PathBuf],
    common: &Common,
) -> Result<(Scanned, Vec<DiskId>, Vec<PathBuf>), Failure> {
    let settings = Configuration::load()?.settings;
    let images = images.iter().map(|path| absolute(path)).collect::<Result<Vec<_>, _>>()?;
    let places: Vec<PathBuf> = images.iter().chain(directories).cloned().collect();
    let (scope, owners) = with_pools(declared(common, &settings)?, &answering(&places, common))?;
    let scope = match scope {
        Some(scope) => scope,
        None => {
            let mut roots: Vec<PathBuf> = Vec::new();
            for root in places.iter().flat_map(|place| Scope::assumed(place).roots) {
                if !roots.contains(&root) {
                    roots.push(root);
                }
            }
            // A directory that is not there holds no image either: say that of the image.
            roots.retain(|root| leads(root, common) != Leads::Elsewhere);
            Scope { roots, source: ScopeSource::Assumed }
        }
    };
    let scan = Scan::new(scope).images(images.clone());
    let scanned = run(scan, owners, &settings, common)?;
    let ids = found(&images, &scanned)?;
    Ok((scanned, ids, images))
}

/// Reads the chains of `images` and nothing else.
pub(crate) fn follow(
    images: &[PathBuf],
    common: &Common,
) -> Result<(Scanned, Vec<DiskId>, Vec<PathBuf>), Failure> {
    let settings = Configuration::load()?.settings;
    let images = images.iter().map(|path| absolute(path)).collect::<Result<Vec<_>, _>>()?;
    let scanned = run(Scan::follow(images.clone()), Vec::new(), &settings, common)?;
    let ids = found(&images, &scanned)?;
    Ok((scanned, ids, images))
}

/// Scans the declared scope and `paths`. With `around_images`, an image among them stands for its
/// directory where nothing is declared, and only what hangs together with it is shown.
pub(crate) fn survey(
    paths: &[PathBuf],
    common: &Common,
    around_images: bool,
) -> Result<Survey, Failure> {
    let settings = Configuration::load()?.settings;
    let Surveyed { scope, owners, images, only } =
        surveyed(paths, common, &settings, around_images)?;
    let scan = Scan::new(scope).images(images.clone());
    let scanned = run(scan, owners, &settings, common)?;
    let asked = found(&images, &scanned)?;
    Ok(Survey { scanned, only, asked })
}

/// Scans the declared scope and `paths`, to be kept current, with what people say in the files that are read again.
pub(crate) fn live(
    paths: &[PathBuf],
    common: &Common,
) -> Result<(Live, Sources, Control), Failure> {
    let configuration = Configuration::load()?;
    let settings = &configuration.settings;
    let Surveyed { scope, owners, .. } = surveyed(paths, common, settings, true)?;
    let named = owners.iter().cloned().chain(declared_owners(common)?).collect();
    let sources = Sources::new(configuration.directory().ok().map(Path::to_owned), named);
    let scan = how(Scan::new(scope), owners, settings, common)?;
    let index = index::place(common)?;
    let before = index.as_ref().map(|path| index::load(path, common)).unwrap_or_default();
    let (_bar, control) = Bar::new(common);
    let live = Live::begin_after(scan, &before, &control)?;
    if let Some(path) = index {
        index::keep(&path, &before, live.scanned(), common);
    }
    Ok((live, sources, Control::default()))
}

/// Has what is said of these disks' bytes count what their file system shares with other files.
pub(crate) fn ask_reflinks(
    scanned: &mut Scanned,
    disks: impl IntoIterator<Item = DiskId>,
    common: &Common,
) -> Result<(), Failure> {
    let (_bar, control) = Bar::new(common);
    Ok(scanned.ask_reflinks(disks, &control)?)
}

/// The same of all disks.
pub(crate) fn ask_all_reflinks(scanned: &mut Scanned, common: &Common) -> Result<(), Failure> {
    let all: Vec<DiskId> = scanned.graph.disks().map(|disk| disk.id()).collect();
    ask_reflinks(scanned, all, common)
}

/// What is to be surveyed.
struct Surveyed {
    scope: Scope,
    /// The owners that the pools in it are configured with.
    owners: Vec<PathBuf>,
    images: Vec<PathBuf>,
    only: Option<Vec<PathBuf>>,
}

fn surveyed(
    paths: &[PathBuf],
    common: &Common,
    settings: &Settings,
    around_images: bool,
) -> Result<Surveyed, Failure> {
    let paths = paths.iter().map(|path| absolute(path)).collect::<Result<Vec<_>, _>>()?;
    // What does not answer is a root that the scan will find not to answer.
    let (directories, images): (Vec<_>, Vec<_>) =
        paths.iter().cloned().partition(|path| leads(path, common) != Leads::Elsewhere);
    let here = [absolute(Path::new("."))?];
    let asked = if paths.is_empty() { here.to_vec() } else { answering(&paths, common) };
    let (declared, owners) = with_pools(declared(common, settings)?, &asked)?;
    let is_restricted = !paths.is_empty() && (declared.is_some() || !images.is_empty());
    let mut scope = match declared {
        Some(scope) => scope,
        None if paths.is_empty() => Scope { roots: here.to_vec(), source: ScopeSource::Assumed },
        None => {
            let around = images.iter().filter(|_| around_images);
            let around = around.filter_map(|image| image.parent()).filter(|path| path.is_dir());
            let roots = around.map(Path::to_owned).collect();
            Scope { roots, source: ScopeSource::Assumed }
        }
    };
    for directory in directories {
        if !scope.roots.contains(&directory) {
            scope.roots.push(directory);
        }
    }
    Ok(Surveyed { scope, owners, images, only: is_restricted.then_some(paths) })
}

/// Those of the paths whose file systems answer.
fn answering(paths: &[PathBuf], common: &Common) -> Vec<PathBuf> {
    let answers = |path: &&PathBuf| leads(path, common) != Leads::Nowhere;
    paths.iter().filter(answers).cloned().collect()
}

/// The declared scope, and the pools that the images lie in with the roots that they are configured with: a
/// pool is a declaration, too. And the files of the owners that they are configured with.
fn with_pools(
    declared: Option<Scope>,
    images: &[PathBuf],
) -> Result<(Option<Scope>, Vec<PathBuf>), Failure> {
    let host = Host::real(std::num::NonZeroUsize::MIN);
    // Of a directory it is the directory itself that may be in a pool, or the top of one.
    let inside: Vec<PathBuf> = images.iter().map(|image| image.join(FOLDER)).collect();
    let places = images.iter().zip(&inside);
    let places = places.map(|(image, inside)| if image.is_dir() { inside } else { image });
    let (mut roots, mut owners) = (Vec::new(), Vec::new());
    for pool in Pool::around(&host, places.map(|path| &**path))? {
        roots.extend(pool.roots()?);
        owners.extend(pool.owners()?);
    }
    let mut scope = match declared {
        None if roots.is_empty() => return Ok((None, owners)),
        None => Scope::declared([], ScopeSource::Pool),
        Some(scope) => scope,
    };
    for root in roots {
        if !scope.roots.contains(&root) {
            scope.roots.push(root);
        }
    }
    Ok((Some(scope), owners))
}

fn run(
    scan: Scan,
    owners: Vec<PathBuf>,
    settings: &Settings,
    common: &Common,
) -> Result<Scanned, Failure> {
    let scan = how(scan, owners, settings, common)?;
    let (_bar, control) = Bar::new(common);
    let Some(path) = index::place(common)? else { return Ok(scan.run(&control)?) };
    let before = index::load(&path, common);
    let scanned = scan.run_after(&before, &control)?;
    index::keep(&path, &before, &scanned, common);
    Ok(scanned)
}

/// What the command line says about how to scan; `owners` are those that somebody has configured.
fn how(
    scan: Scan,
    mut owners: Vec<PathBuf>,
    settings: &Settings,
    common: &Common,
) -> Result<Scan, Failure> {
    let threads = common.threads.or_else(|| std::thread::available_parallelism().ok());
    let mut scan = scan
        .waivers(settings.waivers().to_vec())
        .threads(threads.unwrap_or(NonZeroUsize::MIN))
        .readers(common.threads.or(NonZeroUsize::new(READERS)).unwrap_or(NonZeroUsize::MIN));
    if let Some(seconds) = common.patience {
        scan = scan.patience(Duration::from_secs(seconds.into()));
    }
    owners.extend(declared_owners(common)?);
    Ok(if owners.is_empty() { scan } else { scan.owners(Owners::read(&owners)) })
}

/// The files of owners that somebody named: by flags, else in the variable.
pub(crate) fn declared_owners(common: &Common) -> Result<Vec<PathBuf>, Failure> {
    let variable = std::env::var_os(OWNERS_VARIABLE);
    let owners: Vec<PathBuf> = match (common.owners.is_empty(), variable) {
        (true, Some(variable)) => paths_in(&variable),
        _ => common.owners.clone(),
    };
    owners.iter().map(|path| absolute(path)).collect()
}

/// The paths in a variable, as in PATH.
fn paths_in(variable: &OsStr) -> Vec<PathBuf> {
    std::env::split_paths(variable).filter(|path| !path.as_os_str().is_empty()).collect()
}

/// The ids of `images`, or everything that keeps one from having an id.
fn found(images: &[PathBuf], scanned: &Scanned) -> Result<Vec<DiskId>, Failure> {
    let mut ids = Vec::with_capacity(images.len());
    let mut failures = Vec::new();
    for (path, result) in images.iter().zip(&scanned.images) {
        match result {
            Ok(id) => ids.push(*id),
            Err(error) => failures.push(Failure::image(path, error)),
        }
    }
    Failure::all(failures).map_or(Ok(ids), Err)
}

/// The scope that somebody declared.
pub(crate) fn declared(common: &Common, settings: &Settings) -> Result<Option<Scope>, Failure> {
    let variable = std::env::var_os(VARIABLE);
    let Some((roots, source)) = choose(&common.roots, variable.as_deref(), settings.roots()) else {
        return Ok(None);
    };
    let roots = roots.iter().map(|root| absolute(root)).collect::<Result<Vec<_>, _>>()?;
    Ok(Some(Scope::declared(roots, source)))
}

fn choose(
    flags: &[PathBuf],
    variable: Option<&OsStr>,
    configured: &[PathBuf],
) -> Option<(Vec<PathBuf>, ScopeSource)> {
    let variable: Vec<PathBuf> = variable.into_iter().flat_map(paths_in).collect();
    if !flags.is_empty() {
        Some((flags.to_vec(), ScopeSource::Flag))
    } else if !variable.is_empty() {
        Some((variable, ScopeSource::Environment))
    } else if !configured.is_empty() {
        Some((configured.to_vec(), ScopeSource::Config))
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use std::ffi::OsStr;
    use std::path::PathBuf;

    use diskdag_graph::ScopeSource;

    use super::choose;

    #[test]
    fn the_nearest_declaration_wins_alone() {
        let paths = |names: &[&str]| names.iter().map(PathBuf::from).collect::<Vec<_>>();
        let (flag, config) = (paths(&["/f"]), paths(&["/c"]));
        let variable = Some(OsStr::new("/a:/b"));
        assert_eq!(choose(&flag, variable, &config), Some((flag.clone(), ScopeSource::Flag)));
        let both = paths(&["/a", "/b"]);
        assert_eq!(choose(&[], variable, &config), Some((both, ScopeSource::Environment)));
        let expected = Some((config.clone(), ScopeSource::Config));
        assert_eq!(choose(&[], None, &config), expected);
        assert_eq!(choose(&[], Some(OsStr::new("")), &config), expected);
        assert_eq!(choose(&[], None, &[]), None);
    }
}
