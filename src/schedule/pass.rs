//! The passes of stock loops that are being run by our batches.

use pyo3::prelude::*;

use super::batch::Batch;
use super::stock;
use super::unended::{Node, Unended};
use crate::ffi::{Deque, Field, SharedField};

static PASSES: Unended<Running> = Unended::new();

/// A pass of a loop, of what is in a queue.
pub(super) struct Running {
    queue: Field<usize>,
    /// The batch that was begun in it, if there is one yet.
    batch: SharedField<Batch>,
    /// Whether the loop runs by itself, once somebody has asked; it may be run by hand.
    by_itself: Field<Option<bool>>,
}

impl Running {
    fn new() -> Self {
        Self { queue: Field::new(0), batch: SharedField::new(None), by_itself: Field::new(None) }
    }

    /// Whether it is one of this queue.
    #[inline]
    pub(super) fn is_of(&self, queue: &Bound<'_, PyAny>) -> bool {
        self.queue.peek(queue.py()) == queue.as_ptr() as usize
    }

    /// What `look` makes of the batch that was begun. It must run no Python code.
    #[inline]
    pub(super) fn look_at_batch<'py, R>(
        &self,
        py: Python<'py>,
        look: impl FnOnce(Option<&Bound<'py, Batch>>) -> R,
    ) -> R {
        self.batch.look(py, |batch| look(batch.as_ref().map(|batch| batch.bind(py))))
    }

    /// Notes the batch that was begun.
    pub(super) fn has_begun(&self, batch: Bound<'_, Batch>) {
        self.batch.put(batch);
    }

    /// Whether the loop runs by itself: nobody can close it then.
    #[inline(always)]
    fn is_by_itself(&self, event_loop: &Bound<'_, PyAny>) -> bool {
        let py = event_loop.py();
        self.by_itself.peek(py).unwrap_or_else(|| {
            let by_itself = stock::is_in_a_thread(event_loop);
            self.by_itself.poke(py, Some(by_itself));
            by_itself
        })
    }
}

/// Notes that a batch is being run, until it is dropped.
pub(super) struct Pass<'a, 'py> {
    running: &'static Node<Running>,
    /// Held for as long as its address is noted.
    queue: &'a Deque<'py>,
}

impl<'a, 'py> Pass<'a, 'py> {
    pub(super) fn begin(event_loop: &Bound<'py, PyAny>, queue: &'a Deque<'py>) -> Self {
        let py = event_loop.py();
        let running = PASSES.begin(event_loop, Running::new);
        running.batch.clear(py);
        running.queue.poke(py, queue.as_any().as_ptr() as usize);
        running.by_itself.poke(py, None);
        Self { running, queue }
    }

    /// Ends it. Answers with the batch that was begun in it.
    pub(super) fn end(self) -> Option<Bound<'py, Batch>> {
        self.running.batch.exchange(self.queue.py(), None)
    }
}

impl Drop for Pass<'_, '_> {
    fn drop(&mut self) {
        let py = self.queue.py();
        PASSES.end(py, self.running);
        let batch = self.running.batch.replace(py, None);
        PASSES.keep(py, self.running);
        drop(batch);
    }
}

/// The pass that a loop is in, if it runs by itself.
#[inline(always)]
pub(super) fn of(event_loop: &Bound<'_, PyAny>) -> Option<&'static Running> {
    let running: &'static Running = PASSES.find(event_loop, |_| true)?;
    running.is_by_itself(event_loop).then_some(running)
}

/// Whether a pass of the loop is being run.
pub(super) fn is_in_one(event_loop: &Bound<'_, PyAny>) -> bool {
    PASSES.find(event_loop, |_| true).is_some()
}
