//! How far the children of a combinator are, and whether the loop has to be asked to see to one.

use pyo3::prelude::*;

use crate::ffi::Field;

#[derive(Clone, Copy, Default)]
struct Counts {
    total: usize,
    finished: usize,
    registered: usize,
    announced: usize,
}

/// Counts the children of a combinator.
#[derive(Default)]
pub(super) struct Tally(Field<Counts>);

impl Tally {
    /// The children are known: `total` different ones, of which `registered` announce their end.
    pub(super) fn start(&self, py: Python<'_>, total: usize, registered: usize) {
        self.0.set(py, Counts { total, registered, ..self.0.get(py) });
    }

    /// Whether the children are known.
    pub(super) fn is_started(&self, py: Python<'_>) -> bool {
        self.0.get(py).total > 0
    }

    /// One more child has been seen to; whether it was the last.
    pub(super) fn finish_one(&self, py: Python<'_>) -> bool {
        let mut counts = self.0.get(py);
        counts.finished += 1;
        self.0.set(py, counts);
        counts.finished == counts.total
    }

    /// A child announces its end. If nothing but counting it has to be `done` about it, that is done
    /// here, and the answer is that the loop need not call.
    ///
    /// Each child counts where its call would have been in the queue. So the last one that announces
    /// itself is always called for, and what follows from all being done happens there.
    pub(super) fn is_announcement_enough(&self, py: Python<'_>, only_counts: bool) -> bool {
        let mut counts = self.0.get(py);
        counts.announced += 1;
        let enough = only_counts && counts.announced < counts.registered;
        counts.finished += usize::from(enough);
        self.0.set(py, counts);
        enough
    }
}
