//! Three-valued answers, and the doubts behind the third value.

use crate::doubt::Doubt;
use crate::graph::Inner;
use crate::query::doubts::stale;

/// The answer to "does a depend on b?". The compiler does not let it be dropped:
///
/// ```compile_fail
/// #![deny(unused_must_use)]
/// # let graph = diskdag_graph::Graph::new();
/// # let Some(disk) = graph.find(std::path::Path::new("/x")) else { return };
/// graph.depends_on(disk, disk);
/// ```
#[derive(Clone, Copy, Debug)]
#[must_use = "an answer that nobody looks at was not worth asking; Unknown never permits anything"]
pub enum Answer<'g> {
    /// It does.
    Yes,
    /// It does not.
    No,
    /// Something that the answer rests on could not be asked.
    Unknown(Doubts<'g>),
}

impl Answer<'_> {
    /// Whether the answer is a plain yes.
    pub fn is_yes(&self) -> bool {
        matches!(self, Self::Yes)
    }

    /// Whether the answer is a plain no.
    pub fn is_no(&self) -> bool {
        matches!(self, Self::No)
    }

    /// Whether the answer is not known.
    pub fn is_unknown(&self) -> bool {
        matches!(self, Self::Unknown(_))
    }
}

/// The doubts behind an answer. Holding them costs nothing; [`Doubts::list`] collects them.
#[derive(Clone, Copy, Debug)]
pub struct Doubts<'g> {
    inner: &'g Inner,
    question: Question,
}

#[derive(Clone, Copy, Debug)]
enum Question {
    /// Rests on the chain of `from`.
    Chain { from: u32, to: u32 },
    /// Rests on the whole scope.
    Scope { of: u32 },
    /// About an id that names nothing.
    Stale,
}

impl<'g> Doubts<'g> {
    pub(crate) fn of_chain(inner: &'g Inner, from: u32, to: u32) -> Self {
        Self { inner, question: Question::Chain { from, to } }
    }

    pub(crate) fn of_scope(inner: &'g Inner, of: u32) -> Self {
        Self { inner, question: Question::Scope { of } }
    }

    pub(crate) fn of_stale_id(inner: &'g Inner) -> Self {
        Self { inner, question: Question::Stale }
    }

    /// Every doubt, at least one. O(the disks on the chain) or O(doubtful and missing disks), as
    /// the question is.
    pub fn list(&self) -> Vec<Doubt> {
        match self.question {
            Question::Chain { from, to } => self.inner.chain_doubts(from, to),
            Question::Scope { of } => self.inner.dependents_doubts(of),
            Question::Stale => vec![stale()],
        }
    }
}
