//! A walk over the tables of one disk, front to back: what [`Map`](super::Map) gives for one image and
//! [`Extents`](crate::chain::Extents) for all layers.
//!
//! A table is looked at a window at a time, and a window word by word as long as the words are plain: data in
//! the range of the file that is known, zeros, nothing. That is what there are millions of, and each costs
//! a few instructions. For all else the general decoder is asked, run by run.
#![forbid(unsafe_code)]

use std::collections::HashSet;

use core::ops::Range;

use super::part::Part;
use super::pieces::{COMPRESSED, DATA, NOWHERE, PRESENT, Piece, Pieces, ZERO, tag};
use super::plain::{PlainData, other, same};
use super::view::Place;
use super::window::{Uniform, Window};
use super::{ImageError, View};
use crate::table::{Geometry, L2View, Run, RunKind};
use crate::units::{GuestOffset, HostOffset};

/// Pieces that are taken at most from tables which are used more than once. What goes on as before is no new piece:
/// tables that say the same of all their clusters make no more work than a hole does.
const REPEATS: usize = 1000;
/// Tables that are remembered; after so many others one is forgotten. A forged image needs as many that exist.
const TABLES: usize = 1 << 16;

/// A walk over one disk. It only goes forward.
pub(crate) struct Walk {
    window: Window,
    /// The guest bytes that the words in the window stand for.
    part: Range<u64>,
    /// Host bytes of which it is known what data there is.
    known: Known,
    /// Whether compressed clusters keep their place, and so are pieces of their own.
    places: bool,
    repeats: Option<Repeats>,
}

/// Host bytes of which it is known what data there is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Known {
    pub(crate) from: u64,
    pub(crate) to: u64,
    /// Of a piece that lies there.
    pub(crate) flags: u64,
}

/// Why a walk stopped.
#[derive(Debug)]
pub(crate) enum Stop {
    /// It got somewhere.
    Further,
    /// Nothing is allocated here, and there is a layer below.
    Below { length: u64 },
    /// Data that does not all lie in the range that is known.
    Data { offset: u64, length: u64 },
}

/// Where a walk is on its way through the layers.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Level {
    pub(crate) depth: u32,
    /// Whether what is not allocated is looked for further below.
    pub(crate) below: bool,
}

impl Walk {
    /// Of a disk whose tables are anybody's: it ends with an error after a thousand small pieces from tables
    /// that are used more than once, which no sound image has. The window takes at most `bytes` bytes.
    pub(crate) fn bounded(bytes: usize) -> Self {
        let known = Known { from: 0, to: 0, flags: 0 };
        let repeats = Some(Repeats::default());
        Self { window: Window::new(bytes), part: 0..0, known, places: false, repeats }
    }

    /// Of all that the tables say, wherever it lies.
    pub(crate) fn literal() -> Self {
        let known = Known { from: 0, to: u64::MAX, flags: PRESENT | DATA };
        Self { window: Window::new(usize::MAX), part: 0..0, known, places: true, repeats: None }
    }

    /// From now on compressed clusters keep their place.
    pub(crate) fn place_compressed(&mut self) {
        self.places = true;
    }

    /// From now on data in that range is of that kind.
    pub(crate) fn learn(&mut self, known: Known) {
        self.known = known;
    }

    /// Goes on from `at` to `end` at most, as far as is easily done: what is there goes to `found`, which has room for
    /// one piece, and `at` behind them.
    ///
    /// # Errors
    ///
    /// An entry at `at` that can't be read through, or whatever keeps its table from being read.
    #[inline]
    pub(crate) fn go(
        &mut self,
        view: &View,
        at: &mut u64,
        end: u64,
        level: Level,
        found: &mut impl Pieces,
    ) -> Result<Stop, ImageError> {
        if !self.part.contains(at)
            && let Some((uniform, length)) = self.find(view, *at, end)?
        {
            self.count(view, Some(uniform))?;
            let flags = match uniform {
                Uniform::Unallocated if level.below => return Ok(Stop::Below { length }),
                Uniform::Unallocated => ZERO,
                Uniform::Zero => PRESENT | ZERO,
            };
            found.push(Piece::new(level.depth, flags, NOWHERE, length));
            *at += length;
            return Ok(Stop::Further);
        }
        let end = end.min(self.part.end);
        let taken = self.plain(view.image().geometry(), *at, end, level, found);
        if taken > 0 {
            *at += taken;
            return Ok(Stop::Further);
        }
        self.single(view, at, end, level, found)
    }

    /// Finds the part of a table that has the entry for `at`. How far all is alike from there, or `None` if the
    /// words have to be looked at.
    fn find(
        &mut self,
        view: &View,
        at: u64,
        end: u64,
    ) -> Result<Option<(Uniform, u64)>, ImageError> {
        let (image, guest) = (view.image(), GuestOffset(at));
        let offset = match view.place(guest, end - at)? {
            Place::Unallocated { len } => {
                self.leave_table();
                return Ok(Some((Uniform::Unallocated, len)));
            }
            Place::Table { index, offset } => {
                self.enter_table(index, offset);
                offset
            }
        };
        let part = Part::of(image, offset, guest, self.window.limit());
        let bytes = part.bytes(image);
        self.part = 0..0;
        let from = at & !(bytes - 1);
        let Some((uniform, parts)) = self.window.move_to(image, &part)? else {
            self.part = from..from.saturating_add(bytes);
            return Ok(None);
        };
        // What lies behind the table's end is another table's.
        let table = 1 << image.geometry().l1_bits();
        let to_table_end = table - (at & (table - 1));
        let to = from.saturating_add(parts.saturating_mul(bytes)) - at;
        Ok(Some((uniform, to.min(to_table_end).min(end - at))))
    }

    /// Whole clusters in a row whose words say all there is to know. How many bytes they are.
    #[inline]
    fn plain(
        &self,
        geometry: &Geometry,
        at: u64,
        end: u64,
        level: Level,
        found: &mut impl Pieces,
    ) -> u64 {
        let is_plain = !geometry.extended_l2() && !geometry.data_file();
        let bits = geometry.cluster_bits().get();
        if !is_plain || geometry.in_cluster(GuestOffset(at)) != 0 || self.is_repeat() {
            return 0;
        }
        let clusters = |bytes: u64| usize::try_from(bytes >> bits).unwrap_or(usize::MAX);
        let (from, to) = (clusters(at - self.part.start), clusters(end - self.part.start));
        let words = self.window.words().get(from..to).unwrap_or_default();
        let data = PlainData::new(geometry, &self.known);
        let data_tag = tag(level.depth, self.known.flags);
        let mut rest = words;
        while found.has_room() {
            let taken = found.data(rest, &data, data_tag);
            rest = rest.get(taken..).unwrap_or_default();
            let Some(word) = rest.first().filter(|_| found.has_room()) else { break };
            let Some((flags, offset)) = other(word.get(), geometry) else { break };
            let is_compressed = flags & COMPRESSED != 0;
            if is_compressed && self.places || flags & PRESENT == 0 && level.below {
                break;
            }
            let more = if is_compressed { 1 } else { same(rest, *word).max(1) };
            let more = if offset == NOWHERE { more } else { 1 };
            found.push(Piece::new(level.depth, flags, offset, (more as u64) << bits));
            rest = rest.get(more..).unwrap_or_default();
        }
        ((words.len() - rest.len()) as u64) << bits
    }

    /// What the general decoder makes of the entry for `at`.
    #[cold]
    fn single(
        &mut self,
        view: &View,
        at: &mut u64,
        end: u64,
        level: Level,
        found: &mut impl Pieces,
    ) -> Result<Stop, ImageError> {
        let geometry = view.image().geometry();
        let index = (*at - self.part.start) >> geometry.cluster_bits().get();
        let table = L2View::from_words(self.window.words(), *geometry);
        let guest = GuestOffset(*at);
        let run = match table.run(usize::try_from(index).unwrap_or(usize::MAX), guest, end - *at) {
            Some(Ok(run)) => run,
            Some(Err(bad)) => return Err(view.bad_entry(self.window.offset(), bad)),
            None => Run { kind: RunKind::Unallocated { reserved: None }, len: end - *at },
        };
        self.count(view, None)?;
        let place = |reserved: Option<HostOffset>| reserved.map_or(NOWHERE, HostOffset::get);
        let piece = |flags, offset| Piece::new(level.depth, flags, offset, run.len);
        let piece = match run.kind {
            RunKind::Unallocated { .. } if level.below => {
                return Ok(Stop::Below { length: run.len });
            }
            RunKind::Unallocated { reserved } => piece(ZERO, place(reserved)),
            RunKind::Zero { reserved } => piece(PRESENT | ZERO, place(reserved)),
            RunKind::Compressed { offset, len } if self.places => {
                piece(PRESENT | DATA | COMPRESSED, offset.get()).stored_in(len)
            }
            RunKind::Compressed { .. } => piece(PRESENT | DATA | COMPRESSED, NOWHERE),
            RunKind::Data { offset } => {
                let (from, to) = (offset.get(), offset.get().saturating_add(run.len));
                if from < self.known.from || to > self.known.to {
                    return Ok(Stop::Data { offset: from, length: run.len });
                }
                piece(self.known.flags, from)
            }
        };
        found.push(piece);
        *at += run.len;
        Ok(Stop::Further)
    }
}

/// What is made of tables that are used more than once.
#[derive(Default)]
struct Repeats {
    /// The L1 entry that was looked at last, and whether its L2 table had been another's before.
    table: Option<(u64, bool)>,
    /// L2 tables that were looked at lately.
    seen: HashSet<HostOffset>,
    /// Pieces that came from tables which had been looked at before.
    pieces: usize,
    /// What all of the last of them was, if that can be said in a word.
    uniform: Option<Uniform>,
}

impl Walk {
    fn enter_table(&mut self, index: u64, table: HostOffset) {
        if let Some(repeats) = &mut self.repeats
            && repeats.table.is_none_or(|(last, _)| last != index)
        {
            if repeats.seen.len() >= TABLES {
                repeats.seen.clear();
            }
            repeats.table = Some((index, !repeats.seen.insert(table)));
        }
    }

    fn leave_table(&mut self) {
        if let Some(repeats) = &mut self.repeats {
            repeats.table = None;
        }
    }

    #[inline]
    fn is_repeat(&self) -> bool {
        self.repeats.as_ref().and_then(|repeats| repeats.table).is_some_and(|(_, again)| again)
    }

    /// Counts a piece, and ends the walk if there were too many.
    #[inline]
    fn count(&mut self, view: &View, uniform: Option<Uniform>) -> Result<(), ImageError> {
        let Some(repeats) = &mut self.repeats else { return Ok(()) };
        let Some((index, true)) = repeats.table else { return Ok(()) };
        let goes_on = uniform.is_some() && uniform == repeats.uniform;
        repeats.pieces += usize::from(!goes_on);
        repeats.uniform = uniform;
        if repeats.pieces > REPEATS { Err(view.shared_table(index)) } else { Ok(()) }
    }
}
