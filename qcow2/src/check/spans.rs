//! Tables that lie over one another are read once, and counted as often as they are named.
#![forbid(unsafe_code)]

use std::vec::Vec;

/// Bytes of the file, from `start` to `end`, and how many tables they belong to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Span {
    pub(super) start: u64,
    pub(super) end: u64,
    /// Of them, active tables: 0 or 1.
    pub(super) active: u32,
    /// All of them.
    pub(super) all: u64,
}

/// Cuts spans wherever one begins or ends: what comes out is disjoint and in order, at most two pieces
/// for each span that goes in.
///
/// So 13,000 snapshots whose tables overlap in half a megabyte cost half a megabyte. O(n log n).
pub(super) fn disjoint(spans: &[Span]) -> Vec<Span> {
    let mut edges = Vec::with_capacity(2 * spans.len());
    for span in spans.iter().filter(|span| span.start < span.end) {
        edges.push((span.start, true, span.active, span.all));
        edges.push((span.end, false, span.active, span.all));
    }
    edges.sort_unstable();
    let mut pieces = Vec::with_capacity(edges.len());
    let (mut active, mut all, mut from) = (0_u32, 0_u64, 0);
    for (at, begins, active_change, all_change) in edges {
        if at > from && all > 0 {
            pieces.push(Span { start: from, end: at, active, all });
        }
        from = at;
        if begins {
            active += active_change;
            all += all_change;
        } else {
            active -= active_change;
            all -= all_change;
        }
    }
    pieces
}

#[cfg(test)]
mod tests {
    use super::{Span, disjoint};

    #[test]
    fn overlapping_spans_are_cut_and_counted() {
        let span = |start, end, active, all| Span { start, end, active, all };
        let pieces = disjoint(&[span(0, 10, 1, 1), span(5, 20, 0, 1), span(5, 10, 0, 3)]);
        assert_eq!(pieces, [span(0, 5, 1, 1), span(5, 10, 1, 5), span(10, 20, 0, 1)]);
        assert_eq!(disjoint(&[span(3, 3, 1, 1)]), []);
    }

    #[test]
    fn a_gap_stays_a_gap() {
        let span = |start, end| Span { start, end, active: 0, all: 1 };
        assert_eq!(disjoint(&[span(30, 40), span(10, 20)]), [span(10, 20), span(30, 40)]);
    }
}
