//! The laws of the design, each a function that says what breaks it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use diskdag_snapshot::Recovered;
use diskdag_snapshot::catalogue::{OverlayMember, Work};
use diskdag_snapshot::name::{FileName, pending_path};

use crate::images::{Content, Reader, Unreadable};
use crate::picture::{Label, Picture, Seen, View, is_disk};
use crate::world::{FOLDER, TOP};

/// A law, and what breaks it.
pub(crate) type Broken = (u32, String);

/// What must be so, whatever happened.
#[derive(Clone, Debug, Default)]
pub(crate) struct Wanted {
    /// Before the operation.
    pub(crate) before: Picture,
    /// After it.
    pub(crate) after: Picture,
    /// Between its steps, if it has several.
    pub(crate) between: Option<Picture>,
    /// Permissions of live disks, before and after.
    pub(crate) modes: BTreeSet<(PathBuf, u32)>,
    /// Files that are there before and after, by their bytes: nothing may take them away.
    pub(crate) files: BTreeSet<(u64, u64)>,
    /// Live disks whose content somebody relies on since, as it is then: written to, in use, with an overlay.
    pub(crate) relied: BTreeMap<PathBuf, Content>,
    /// What a machine has written to a live disk whose name was not on the medium yet.
    pub(crate) written: BTreeMap<PathBuf, Content>,
    /// Paths that somebody has taken away.
    pub(crate) lost: BTreeSet<PathBuf>,
    /// Disks that somebody has given another name: from the new one to the old one.
    pub(crate) renamed: BTreeMap<PathBuf, PathBuf>,
    /// Live disks that a machine has open: which file.
    pub(crate) open: BTreeMap<PathBuf, u64>,
    /// Whether somebody has done anything: then an operation on several disks may end in the middle.
    pub(crate) foreign: bool,
    /// Whether the operation has returned `Ok`.
    pub(crate) done: bool,
    /// Whether the file system forces out names before files: then a machine's writes are never found elsewhere.
    pub(crate) ordered: bool,
    /// Whether the operation leaves files that only `gc` takes away, if it is cut off.
    pub(crate) leaves_orphans: bool,
}

impl Wanted {
    /// Whether the image rests on something that somebody has taken away.
    fn excused(&self, seen: &Seen) -> bool {
        seen.as_ref().is_err_and(|why| self.lost.contains(why.layer()))
    }

    /// What it was called before somebody gave its disk another name.
    fn first_label(&self, (disk, name): &Label) -> Label {
        (self.renamed.get(disk).unwrap_or(disk).clone(), name.clone())
    }

    fn snapshot(&self, label: &Label) -> Option<&Seen> {
        let old = self.first_label(label);
        let labels = [label, &old];
        let of = |picture| labels.into_iter().find_map(|label| Picture::snapshot(picture, label));
        of(&self.before).or_else(|| of(&self.after))
    }
}

/// 1. A live disk's path always exists and always opens, and what is there is sound.
pub(crate) fn live_paths_open(view: &View, wanted: &Wanted, reader: &mut Reader) -> Vec<Broken> {
    let mut broken = Vec::new();
    let always = wanted.before.live.keys().filter(|path| wanted.after.live.contains_key(*path));
    let relied = wanted.relied.keys();
    let mut paths: BTreeSet<&PathBuf> = always.chain(relied).collect();
    paths.extend(view.picture.live.keys());
    for path in paths.into_iter().filter(|path| !wanted.lost.contains(*path)) {
        match view.picture.live.get(path) {
            None => broken.push((1, format!("{} is not there", path.display()))),
            Some(Err(why)) if !wanted.excused(&Err(why.clone())) => {
                broken.push((1, format!("{} does not open: {why}", path.display())));
            }
            Some(_) if !reader.is_sound(&view.still, path) => {
                broken.push((1, format!("{} has damaged metadata", path.display())));
            }
            Some(_) => {}
        }
    }
    broken
}

/// 2. Its guest's content is that from before or that from after; and what somebody relies on stays.
pub(crate) fn guests_see_before_or_after(view: &View, wanted: &Wanted) -> Vec<Broken> {
    let mut broken = Vec::new();
    for (path, seen) in &view.picture.live {
        let Ok(content) = seen else { continue };
        let fits = |seen: Option<&Seen>| seen.is_some_and(|seen| seen.as_ref() == Ok(content));
        if let Some(relied) = wanted.relied.get(path) {
            if relied != content {
                broken.push((2, format!("{} changed under who relies on it", path.display())));
            }
        } else if wanted.written.get(path) != Some(content)
            && !fits(wanted.before.live.get(path))
            && !fits(wanted.after.live.get(path))
        {
            broken.push((2, format!("{} reads as it never did", path.display())));
        }
    }
    broken
}

/// 2. What takes a live disk's place has its permissions.
pub(crate) fn permissions_stay(view: &View, wanted: &Wanted) -> Vec<Broken> {
    let known = |path: &PathBuf| wanted.modes.iter().any(|(known, _)| known == path);
    let changed = view.still.files.values().filter(|file| {
        known(&file.path) && !wanted.modes.contains(&(file.path.clone(), file.mode))
    });
    let word = |path: &Path, mode| (2, format!("{} has permissions {mode:o}", path.display()));
    changed.map(|file| word(&file.path, file.mode)).collect()
}

/// 3. A snapshot that is listed exists, and reads what the disk read when it was taken.
pub(crate) fn snapshots_read_as_taken(view: &View, wanted: &Wanted) -> Vec<Broken> {
    let mut broken = Vec::new();
    for (label, seen) in &view.picture.snapshots {
        let was = wanted.snapshot(label);
        if was != Some(seen) && !wanted.excused(seen) {
            let why =
                seen.as_ref().err().map_or("reads as it never did".into(), ToString::to_string);
            broken.push((3, format!("snapshot {} of {}: {why}", label.1, label.0.display())));
        }
    }
    for (file, seen) in &view.picture.retired {
        if let Err(why) = seen
            && !wanted.excused(seen)
        {
            broken.push((3, format!("the retired {}: {why}", file.display())));
        }
    }
    broken
}

/// 4. No image's backing file is missing because of us, and none is its own.
pub(crate) fn chains_are_whole(view: &View, wanted: &Wanted, reader: &mut Reader) -> Vec<Broken> {
    let mut broken = Vec::new();
    let open = waiting(view);
    for (path, file) in &view.still.files {
        if path.starts_with(FOLDER) || !reader.is_qcow2(&view.still, file) {
            continue;
        }
        let Err(why) = reader.chain(&view.still, path) else { continue };
        // Until it has its place an overlay of `create` is its own backing file. It stays so where a machine
        // wrote to it and the power took its place away again, or where a person has to decide.
        let displaced = !wanted.written.is_empty() && !is_disk(path);
        let is_own = matches!(why, Unreadable::Cycle(_));
        let waits = open.contains(path) || (displaced && is_own);
        if !wanted.lost.contains(why.layer()) && !waits {
            broken.push((4, format!("{}: {why}", path.display())));
        }
    }
    broken
}

/// Where overlays of operations that have not ended were written, or wait.
fn waiting(view: &View) -> BTreeSet<PathBuf> {
    let intents = view.state.iter().flat_map(|state| state.intents.values());
    let members = intents.flat_map(|intent| match &intent.work {
        Work::Overlay { members, .. } => members.as_slice(),
        _ => &[],
    });
    let places = |member: &OverlayMember| {
        let pending = pending_path(&Path::new(TOP).join(&member.live), member.id);
        [Some(Path::new(TOP).join(&member.side)), pending.ok()]
    };
    members.flat_map(places).flatten().collect()
}

/// 5. What returned `Ok` is durable; 6. what did not is finished or undone, all of it.
pub(crate) fn all_or_nothing(view: &View, wanted: &Wanted) -> Vec<Broken> {
    let picture = &view.picture;
    if wanted.foreign {
        return sets_cut_in_the_middle_are_marked(view, wanted);
    }
    if wanted.done && *picture != wanted.after {
        return vec![(
            5,
            format!("it returned Ok and is lost: {}", picture.differs(&wanted.after)),
        )];
    }
    if *picture != wanted.before
        && *picture != wanted.after
        && wanted.between.as_ref() != Some(picture)
    {
        let (before, after) = (picture.differs(&wanted.before), picture.differs(&wanted.after));
        return vec![(6, format!("neither before ({before}) nor after ({after})"))];
    }
    Vec::new()
}

/// 6. A set that was cut in the middle and then written to is kept, and marked.
fn sets_cut_in_the_middle_are_marked(view: &View, wanted: &Wanted) -> Vec<Broken> {
    let Ok(state) = &view.state else { return Vec::new() };
    let new: Vec<_> = wanted
        .after
        .snapshots
        .keys()
        .filter(|label| !wanted.before.snapshots.contains_key(*label))
        .collect();
    let listed = view.picture.snapshots.keys().map(|label| wanted.first_label(label));
    let count = listed.filter(|label| new.contains(&label)).count();
    if count == 0 || count == new.len() {
        return Vec::new();
    }
    let top = Path::new(TOP);
    let unmarked = state.snapshots.values().filter(|record| {
        let label = (top.join(&record.disk), record.name.to_string());
        new.contains(&&wanted.first_label(&label)) && !record.inconsistent
    });
    let word = |name: String| (6, format!("{name}: one of a set that was cut, and not marked"));
    unmarked.map(|record| word(record.file.display().to_string())).collect()
}

/// 6. Recovery ends everything, unless somebody has to decide; doing it again changes nothing.
pub(crate) fn recovery_is_idempotent(
    first: &Recovered,
    (before, after): (&View, &View),
    second: &Recovered,
    wanted: &Wanted,
) -> Vec<Broken> {
    let mut broken = Vec::new();
    if !wanted.foreign && !first.questions.is_empty() {
        broken.push((6, format!("nobody interfered, and it asks {:?}", first.questions)));
    }
    if second.questions != first.questions {
        broken.push((6, format!("asked again it asks {:?}", second.questions)));
    }
    if first.questions.is_empty() && !second.actions.is_empty() {
        broken.push((6, format!("asked again it acts: {:?}", second.actions)));
    }
    match (&before.state, &after.state) {
        (Ok(before), Ok(after)) if before != after => {
            broken.push((6, "asked again it changes what is recorded".into()));
        }
        _ => {}
    }
    if before.still.fs.disk().visible(Path::new(FOLDER))
        != after.still.fs.disk().visible(Path::new(FOLDER))
    {
        broken.push((6, "asked again it changes files".into()));
    }
    if let Ok(state) = &after.state
        && first.questions.is_empty()
        && !state.intents.is_empty()
    {
        broken.push((6, format!("{} operations are still open", state.intents.len())));
    }
    broken
}

/// 6. What a machine has open stays where it is.
pub(crate) fn open_disks_stay(view: &View, wanted: &Wanted) -> Vec<Broken> {
    let mut broken = Vec::new();
    for (path, inode) in &wanted.open {
        if view.still.files.get(path).is_none_or(|file| file.inode != *inode) {
            broken.push((6, format!("{} was replaced while it was open", path.display())));
        }
    }
    broken
}

/// 7. Nothing is gone that is not provably ours.
pub(crate) fn nothing_is_gone(view: &View, wanted: &Wanted) -> Vec<Broken> {
    let there: BTreeSet<_> = view.still.files.values().map(|file| file.bytes).collect();
    let gone = wanted.files.difference(&there);
    gone.map(|bytes| (7, format!("a file of {} bytes is gone", bytes.0))).collect()
}

/// 8. What a removal leaves behind is listed, or an orphan that `gc` finds.
pub(crate) fn leftovers_are_listed(view: &View, wanted: &Wanted) -> Vec<Broken> {
    let Ok(state) = &view.state else { return vec![(8, "nothing is recorded".into())] };
    let top = Path::new(TOP);
    let mut listed: BTreeSet<PathBuf> =
        state.snapshots.values().map(|record| top.join(&record.file)).collect();
    listed.extend(state.trash.values().map(|record| top.join(&record.file)));
    let mut broken = Vec::new();
    if !wanted.leaves_orphans && !wanted.foreign {
        for path in view.still.files.keys() {
            let ours = path.starts_with(TOP) && !path.starts_with(FOLDER) && !is_disk(path);
            if ours && !listed.contains(path) {
                broken.push((8, format!("{} is left over", path.display())));
            }
        }
    }
    for record in state.trash.values() {
        let file = top.join(&record.file);
        let lost = wanted.lost.contains(&file) || wanted.lost.contains(&top.join(&record.was));
        if !view.still.files.contains_key(&file) && !lost {
            broken.push((8, format!("{} is listed in the trash and not there", file.display())));
        }
    }
    broken
}

/// 11. Ids are never given twice: those to be given are larger than all that any name holds.
pub(crate) fn ids_are_new(view: &View) -> Vec<Broken> {
    let Ok(state) = &view.state else { return Vec::new() };
    let names = view.still.files.keys().filter(|path| path.starts_with(TOP));
    let ids = names.filter_map(|path| Some((path, FileName::parse(path.file_name()?)?.id())));
    let again = ids.filter(|(_, id)| *id >= state.next_id);
    again
        .map(|(path, id)| (11, format!("{id} of {} would be given again", path.display())))
        .collect()
}

/// The catalogue can always be read.
pub(crate) fn the_catalogue_is_there(view: &View) -> Vec<Broken> {
    view.state.as_ref().err().map(|why| (3, format!("the catalogue: {why}"))).into_iter().collect()
}

/// What holds at every instant, recovered or not.
pub(crate) fn at_any_instant(view: &View, wanted: &Wanted, reader: &mut Reader) -> Vec<Broken> {
    let mut broken = the_catalogue_is_there(view);
    broken.extend(live_paths_open(view, wanted, reader));
    broken.extend(guests_see_before_or_after(view, wanted));
    broken.extend(permissions_stay(view, wanted));
    broken.extend(snapshots_read_as_taken(view, wanted));
    broken.extend(nothing_is_gone(view, wanted));
    broken.extend(ids_are_new(view));
    broken
}

/// What holds after recovery.
pub(crate) fn after_recovery(view: &View, wanted: &Wanted, reader: &mut Reader) -> Vec<Broken> {
    let mut broken = at_any_instant(view, wanted, reader);
    broken.extend(chains_are_whole(view, wanted, reader));
    broken.extend(all_or_nothing(view, wanted));
    broken.extend(open_disks_stay(view, wanted));
    broken.extend(leftovers_are_listed(view, wanted));
    broken
}
