//! The passes of stock loops that are being run in this thread by our batches: nearly always one.
//!
//! Where a thread has several stacks (greenlet), they end in any order.

use std::cell::{Cell, RefCell};

use pyo3::prelude::*;

use super::stock;
use crate::ffi::Deque;

/// A pass: of which loop, in which queue, and the serial number of the batch that was begun there.
#[derive(Clone, Copy)]
struct Running {
    /// Tells it from all others of this thread; 0 for none.
    number: u64,
    event_loop: usize,
    queue: usize,
    begun: u64,
    /// Whether the loop runs by itself, once somebody has asked; it may be run by hand.
    by_itself: Option<bool>,
    /// Whether there may be others, which began before.
    has_outer: bool,
}

impl Running {
    const NOTHING: Self =
        Self { number: 0, event_loop: 0, queue: 0, begun: 0, by_itself: None, has_outer: false };
}

thread_local! {
    /// The last one that began, of those that have not ended.
    static RUNNING: Cell<Running> = const { Cell::new(Running::NOTHING) };
    /// The others.
    static OUTER: RefCell<Vec<Running>> = const { RefCell::new(Vec::new()) };
    static NUMBERS: Cell<u64> = const { Cell::new(0) };
}

/// Notes that a batch is being run, until it is dropped.
pub(super) struct Pass<'a, 'py> {
    number: u64,
    /// Held for as long as its address is noted.
    _queue: &'a Deque<'py>,
}

impl<'a, 'py> Pass<'a, 'py> {
    pub(super) fn begin(event_loop: &Bound<'py, PyAny>, queue: &'a Deque<'py>) -> Self {
        let number = NUMBERS.get() + 1;
        NUMBERS.set(number);
        let outer = RUNNING.get();
        let has_outer = outer.number != 0;
        if has_outer {
            OUTER.with_borrow_mut(|others| others.push(outer));
        }
        RUNNING.set(Running {
            number,
            event_loop: event_loop.as_ptr() as usize,
            queue: queue.address(),
            has_outer,
            ..Running::NOTHING
        });
        Self { number, _queue: queue }
    }
}

impl Drop for Pass<'_, '_> {
    fn drop(&mut self) {
        let running = RUNNING.get();
        if running.number != self.number {
            OUTER.with_borrow_mut(|others| others.retain(|other| other.number != self.number));
        } else if running.has_outer {
            let outer = OUTER.with_borrow_mut(Vec::pop);
            RUNNING.set(outer.unwrap_or(Running::NOTHING));
        } else {
            RUNNING.set(Running::NOTHING);
        }
    }
}

/// The queue of a loop that is in a pass in this thread, and the batch that was begun there, 0 if there
/// is none yet.
pub(super) struct InUse {
    pub(super) queue: usize,
    pub(super) begun: u64,
}

/// The queue that a loop is using in this thread. Only while the loop runs by itself: nobody can close it
/// then.
pub(super) fn queue_in_use(event_loop: &Bound<'_, PyAny>) -> Option<InUse> {
    let running = RUNNING.get();
    let is_it = running.event_loop == event_loop.as_ptr() as usize
        && running.by_itself.unwrap_or_else(|| is_run_by(event_loop));
    is_it.then_some(InUse { queue: running.queue, begun: running.begun })
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

/// Whether a pass of the loop is being run in this thread.
pub(super) fn is_in_one(event_loop: &Bound<'_, PyAny>) -> bool {
    let is_of_it = |running: &Running| running.event_loop == event_loop.as_ptr() as usize;
    let running = RUNNING.get();
    is_of_it(&running)
        || running.has_outer && OUTER.with_borrow(|others| others.iter().any(is_of_it))
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
