//! The answer for people.

use std::io::{self, Write};
use std::path::Path;

use diskdag_graph::{Blocker, BlockerKind, Verdict};

use crate::escape;
use crate::output::Output;
use crate::show;
use crate::text::{count, size};
use crate::verbs::what_if::parted::OfPool;
use crate::verbs::what_if::told::Told;
use crate::verbs::{can_rm, plan};

impl Told<'_> {
    pub(super) fn print_text(&self, limit: usize, out: &mut Output) -> io::Result<()> {
        let (style, what) = (out.style, &self.after.what);
        self.print_verdict(limit, out)?;
        for (position, one) in self.hindered.iter().take(limit).enumerate() {
            if position == 0 {
                out.part()?;
                writeln!(out, "{}", style.bad("cannot be done as things are"))?;
            }
            let change = if one.is_flattened { "to be flattened" } else { "to be put elsewhere" };
            writeln!(out, "  {}  {change}", escape::path(self.was(one.disk)))?;
            for by in &one.by {
                plan::print_hindrance(&self.scanned.graph, one.disk, by, out)?;
            }
        }
        more(self.hindered.len(), limit, out)?;
        for (position, (path, needed_by)) in self.missing().enumerate() {
            if position == 0 {
                out.part()?;
                writeln!(out, "{}", style.bad("would be missing"))?;
            }
            writeln!(out, "  {}", escape::path(path))?;
            for path in needed_by.iter().take(limit) {
                writeln!(out, "      needed by {}", escape::path(path))?;
            }
            more(needed_by.len(), limit, out)?;
        }
        if !what.broken.is_empty() {
            let many = count(what.broken.len(), "disk", "disks");
            out.part()?;
            writeln!(out, "{}  {many}", style.bad("would be broken"))?;
            list(&mut self.paths(&what.broken), what.broken.len(), limit, out)?;
        }
        for cycle in &what.cycles {
            out.part()?;
            writeln!(out, "{}  nothing could open these", style.bad("would need themselves"))?;
            list(&mut self.paths(cycle), cycle.len(), limit, out)?;
        }
        self.print_moves(limit, out)?;
        if !what.unneeded.is_empty() {
            let frees = format!("{} without them", size(self.unneeded_bytes()));
            let heading = style.unknown("would be needed no more");
            out.part()?;
            writeln!(out, "{heading}  {}", style.faint(frees))?;
            list(&mut self.paths(&what.unneeded), what.unneeded.len(), limit, out)?;
        }
        for (top, depth) in self.deep.iter().take(limit) {
            let warning = show::depth_warning(*depth).unwrap_or_default();
            out.part()?;
            writeln!(out, "{}", style.unknown(warning))?;
            writeln!(out, "  {}  {depth} below it", escape::path(self.path(*top)))?;
        }
        more(self.deep.len(), limit, out)?;
        if !self.is_broken() {
            match self.doubts.is_empty() {
                true => writeln!(out, "{}", style.good("nothing would be broken"))?,
                false => writeln!(out, "nothing that is known would be broken")?,
            }
        }
        let (freed, copies) = (size(what.freed), size(self.copies));
        let takes = match self.takes() {
            0 => String::new(),
            bytes => format!("; what is made takes {}", size(bytes)),
        };
        writeln!(out, "frees {freed}; copies at most {copies}{takes}; nothing was changed")
    }

    /// Whether what goes may go.
    fn print_verdict(&self, limit: usize, out: &mut Output) -> io::Result<()> {
        let style = out.style;
        for (position, (_, disk)) in self.after.replaced.iter().enumerate() {
            if position == 0 {
                writeln!(out, "{}", style.unknown("would be replaced, and be gone"))?;
            }
            writeln!(out, "  {}", escape::path(self.was(*disk)))?;
        }
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
        let headings = [
            (true, "what is in use is not moved"),
            (false, "the catalogue of a pool would not find these"),
        ];
        for (is_use, heading) in headings {
            let of_it = |one: &&Blocker| (one.kind == BlockerKind::InUse) == is_use;
            for (position, one) in self.held.iter().filter(of_it).enumerate() {
                if position == 0 {
                    writeln!(out, "{}: {heading}", style.bad("no"))?;
                }
                writeln!(out, "  {}  {}", escape::path(&one.path), escape::words(&one.detail))?;
            }
        }
        Ok(())
    }

    /// What other names of disks do to those who use the old ones.
    fn print_moves(&self, limit: usize, out: &mut Output) -> io::Result<()> {
        let (style, after) = (out.style, &self.after);
        let finds = |now: Option<_>| match now.and_then(|now| self.place(now)) {
            Some(path) => format!("finds another disk: {}", escape::path(path)),
            None => "finds nothing".to_owned(),
        };
        let headings = [
            (false, style.bad("would have to be re-pointed")),
            (true, style.unknown("would find an overlay of what they need")),
        ];
        for (is_overlay, heading) in headings {
            let mut some =
                after.strayed.iter().filter(|one| one.is_overlay == is_overlay).peekable();
            let all = some.clone().count();
            if some.peek().is_some() {
                out.part()?;
                writeln!(out, "{heading}")?;
            }
            for one in some.take(limit) {
                let (path, name) = (escape::path(self.path(one.disk)), escape::name(&one.name));
                writeln!(out, "  {path}  its {} '{name}' {}", one.kind.name(), finds(one.now))?;
                match self.place(one.was) {
                    Some(to) if is_overlay => writeln!(out, "      over {}", escape::path(to))?,
                    Some(to) => writeln!(out, "      to {}", escape::path(to))?,
                    None => writeln!(out, "      what it needs would be gone")?,
                }
            }
            more(all, limit, out)?;
        }
        if !after.bereft.is_empty() {
            out.part()?;
            writeln!(out, "{}", style.bad("would not find their disks"))?;
        }
        for one in after.bereft.iter().take(limit) {
            let (owner, path) = (escape::words(&one.owner), escape::path(&one.path));
            writeln!(out, "  {owner}  names {path}, and {}", finds(one.now))?;
        }
        more(after.bereft.len(), limit, out)?;
        if !self.parted.is_empty() {
            out.part()?;
            let why = "a pool has a disk by its path: none of them could be restored any more";
            let heading = style.bad("would be parted from their snapshots");
            writeln!(out, "{heading}  {}", style.faint(why))?;
        }
        for OfPool { parted, .. } in self.parted.iter().take(limit) {
            let many = count(parted.snapshots, "snapshot", "snapshots");
            let path = escape::path(&parted.path);
            writeln!(out, "  {path}  {many}; the pool {}", finds(parted.now))?;
        }
        more(self.parted.len(), limit, out)?;
        if !after.found.is_empty() {
            out.part()?;
            writeln!(out, "{}", style.good("would no longer be missing"))?;
        }
        for (found, by) in after.found.iter().take(limit) {
            let (found, by) = (escape::path(self.path(*found)), escape::path(self.path(*by)));
            writeln!(out, "  {found}  needed by {by}")?;
        }
        more(after.found.len(), limit, out)?;
        if !after.outside.is_empty() {
            let why = "who depends on them would not be asked there";
            let heading = style.unknown("would lie in none of the directories asked");
            out.part()?;
            writeln!(out, "{heading}  {}", style.faint(why))?;
            list(&mut self.paths(&after.outside), after.outside.len(), limit, out)?;
        }
        Ok(())
    }
}

fn list(
    paths: &mut dyn Iterator<Item = &Path>,
    all: usize,
    limit: usize,
    out: &mut Output,
) -> io::Result<()> {
    for path in paths.take(limit) {
        writeln!(out, "  {}", escape::path(path))?;
    }
    more(all, limit, out)
}

fn more(all: usize, limit: usize, out: &mut Output) -> io::Result<()> {
    match all.saturating_sub(limit) {
        0 => Ok(()),
        more => writeln!(out, "  and {more} more"),
    }
}
