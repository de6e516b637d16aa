//! The pass of a stock loop that is being run in this thread by one of our batches.

use std::cell::Cell;

use pyo3::prelude::*;

use super::stock;
use crate::ffi::Deque;

/// Of which loop, in which queue, and the serial number of the batch that was begun there.
#[derive(Clone, Copy)]
struct Running {
    event_loop: usize,
    queue: usize,
    begun: u64,
    /// Whether the loop runs by itself, once somebody has asked; it may be run by hand.
    by_itself: Option<bool>,
}

impl Running {
    const NOTHING: Self = Self { event_loop: 0, queue: 0, begun: 0, by_itself: None };
}

thread_local! {
    static RUNNING: Cell<Running> = const { Cell::new(Running::NOTHING) };
}

/// Notes that a batch is being run, until it is dropped.
pub(super) struct Pass<'a, 'py> {
    outer: Running,
    /// Held for as long as its address is noted.
    _queue: &'a Deque<'py>,
}

impl<'a, 'py> Pass<'a, 'py> {
    pub(super) fn begin(event_loop: &Bound<'py, PyAny>, queue: &'a Deque<'py>) -> Self {
        let running = Running {
            event_loop: event_loop.as_ptr() as usize,
            queue: queue.address(),
            ..Running::NOTHING
        };
        Self { outer: RUNNING.replace(running), _queue: queue }
    }
}

impl Drop for Pass<'_, '_> {
    fn drop(&mut self) {
        RUNNING.set(self.outer);
    }
}

/// The queue of a loop that is in a pass in this thread, and the batch that was begun there, 0 if there
/// is none yet.
pub(super) fn queue_in_use<'py>(event_loop: &Bound<'py, PyAny>) -> Option<(Deque<'py>, u64)> {
    let running = RUNNING.get();
    let is_running = running.event_loop == event_loop.as_ptr() as usize;
    // SAFETY: a `Pass`, further up in this thread, has noted the queue and holds it until then.
    let queue = || unsafe { stock::queue_at(event_loop.py(), running.queue) };
    is_running.then(|| (queue(), running.begun))
}

/// Whether a loop that is in a pass in this thread runs by itself.
pub(super) fn is_run_by(event_loop: &Bound<'_, PyAny>) -> bool {
    let running = RUNNING.get();
    if running.event_loop != event_loop.as_ptr() as usize {
        return false;
    }
    running.by_itself.unwrap_or_else(|| {
        let by_itself = stock::is_in_a_thread(event_loop);
        RUNNING.set(Running { by_itself: Some(by_itself), ..running });
        by_itself
    })
}

/// The batch that was begun in the pass of this queue, 0 if there is none yet; None without such a pass.
pub(super) fn begun_in(queue: &Deque<'_>) -> Option<u64> {
    let running = RUNNING.get();
    (running.queue == queue.address()).then_some(running.begun)
}

/// Notes the batch that was begun.
pub(super) fn has_begun(serial: u64) {
    RUNNING.set(Running { begun: serial, ..RUNNING.get() });
}
