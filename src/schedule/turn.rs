//! What becomes ready while a loop that is not asyncio's own runs something of ours.
//!
//! On uvloop, what becomes ready one after the other makes do with one call of its `call_soon()`. As on
//! the stock loops (`batch.rs`), only what becomes ready in one piece of work goes together, and only as
//! long as nobody else has put something behind it in the queue. Callbacks go to the loop by
//! themselves: uvloop has words of its own for what a callback raises.
//!
//! A handle that was run already needs no such call: while uvloop runs its queue, putting a handle at
//! the end of it is all that `call_soon()` would do. The first handle of that kind costs more than one
//! that is used only once. So where a single task goes on, and then another one, the first few of them
//! go to the loop by themselves.

use std::cell::RefCell;
use std::mem;

use pyo3::prelude::*;

use super::ready::Ready;
use super::several::Several;
use super::{stock, uvloop};
use crate::ffi::{Deque, Enough, Traverse, Visit};

/// Tasks that go together, and the handle that uvloop has for them.
pub(super) struct Entry {
    pub(super) several: Py<Several>,
    pub(super) handle: Py<PyAny>,
}

impl Entry {
    fn clone_ref(&self, py: Python<'_>) -> Self {
        Self { several: self.several.clone_ref(py), handle: self.handle.clone_ref(py) }
    }
}

impl Traverse for Option<Entry> {
    fn traverse(&self, visit: &Visit) -> Result<(), Enough> {
        let Some(entry) = self else { return Ok(()) };
        visit.call(&entry.several)?;
        visit.call(&entry.handle)
    }
}

/// The piece of work that a loop is at in this thread.
pub(super) struct Turn {
    event_loop: usize,
    /// The queue of the loop, where it is known.
    queue: Option<Py<PyAny>>,
    /// What was begun for the tasks that have become ready, last in the queue at that time.
    begun: Option<Entry>,
    /// What was run already, where uvloop runs its queue.
    spare: Option<Entry>,
    /// How many in a row went to the loop by themselves, before this one; None if the next does not.
    alone: Option<u8>,
}

/// How many in a row go to the loop by themselves, at most.
const MOST_ALONE: u8 = 3;

thread_local! {
    static TURN: RefCell<Turn> = const {
        RefCell::new(Turn { event_loop: 0, queue: None, begun: None, spare: None, alone: None })
    };
}

/// What is to be done with what is ready.
pub(super) enum Join {
    /// Nothing more.
    Joined,
    /// It goes to the loop by itself, as the one that has this number of others in a row before it.
    Alone(Ready, u8),
}

/// Puts what is ready together with what has become ready before it.
pub(super) fn join(event_loop: &Bound<'_, PyAny>, ready: Ready) -> PyResult<Join> {
    let py = event_loop.py();
    let (is_here, alone) = Turn::look(event_loop, ready.is_of_task());
    if let Some(before) = alone {
        return Ok(Join::Alone(ready, before + 1));
    }
    if !is_here || !ready.can_join() || !uvloop::only_appends(event_loop)? {
        return Ok(Join::Alone(ready, 0));
    }
    let several = match Turn::last_in_queue(py) {
        Some(several) => several,
        None => Turn::begin_another(event_loop)?,
    };
    several.get().push(py, ready);
    Ok(Join::Joined)
}

impl Turn {
    /// Notes that the loop is at a piece of work, until the answer is dropped: one that went to the loop
    /// by itself, as did so many in a row `before` it.
    pub(super) fn begin(event_loop: &Bound<'_, PyAny>, before: u8) -> Outer {
        Self::replace(event_loop, None, None, (before < MOST_ALONE).then_some(before))
    }

    /// The same, while uvloop runs its queue; `spare` can be put there again.
    pub(super) fn begin_in_pass(
        event_loop: &Bound<'_, PyAny>,
        queue: &Deque<'_>,
        spare: Option<Entry>,
    ) -> Outer {
        Self::replace(event_loop, Some(queue.as_any().clone().unbind()), spare, None)
    }

    fn replace(
        event_loop: &Bound<'_, PyAny>,
        queue: Option<Py<PyAny>>,
        spare: Option<Entry>,
        alone: Option<u8>,
    ) -> Outer {
        let event_loop = event_loop.as_ptr() as usize;
        Outer(Some(TURN.replace(Self { event_loop, queue, begun: None, spare, alone })))
    }

    /// Whether this loop is the one that is at a piece of work; and for a task that goes to the loop by
    /// itself then, how many others in a row did so before.
    fn look(event_loop: &Bound<'_, PyAny>, is_of_task: bool) -> (bool, Option<u8>) {
        TURN.with_borrow_mut(|turn| {
            let is_here = turn.event_loop == event_loop.as_ptr() as usize;
            (is_here, if is_here && is_of_task { turn.alone.take() } else { None })
        })
    }

    fn queue(py: Python<'_>) -> Option<Deque<'_>> {
        let queue = TURN.with_borrow(|turn| turn.queue.as_ref().map(|it| it.bind(py).clone()));
        queue.and_then(stock::as_queue)
    }

    /// What was begun, if it is still the last entry of the loop's queue.
    fn last_in_queue(py: Python<'_>) -> Option<Bound<'_, Several>> {
        TURN.with_borrow(|turn| {
            let begun = turn.begun.as_ref()?;
            let queue = stock::as_queue(turn.queue.as_ref()?.bind(py).clone())?;
            let is_last = queue.ends_with(begun.handle.bind(py));
            is_last.then(|| begun.several.bind(py).clone())
        })
    }

    /// Puts an entry without work at the end of the loop's queue.
    fn begin_another<'py>(event_loop: &Bound<'py, PyAny>) -> PyResult<Bound<'py, Several>> {
        let py = event_loop.py();
        let spare = TURN.with_borrow_mut(|turn| turn.spare.take());
        let (entry, queue) = match (spare, Self::queue(py)) {
            (Some(spare), Some(queue)) => {
                queue.append(spare.handle.bind(py))?;
                (spare, Some(queue))
            }
            _ => Several::begin(event_loop)?,
        };
        let several = entry.several.bind(py).clone();
        let queue = queue.map(|queue| queue.as_any().clone().unbind());
        let former = TURN.with_borrow_mut(|turn| {
            (mem::replace(&mut turn.queue, queue), turn.begun.replace(entry))
        });
        drop(former);
        Ok(several)
    }

    /// Whether what was begun is all that is in the queue.
    pub(super) fn has_begun_all(queue: &Deque<'_>) -> bool {
        TURN.with_borrow(|turn| {
            let is_first = |begun: &Entry| queue.begins_with(begun.handle.bind(queue.py()));
            queue.len() == 1 && turn.begun.as_ref().is_some_and(is_first)
        })
    }

    /// What was begun is run next, and what was run can be used again.
    pub(super) fn go_on(run: &Entry, py: Python<'_>) -> Option<Entry> {
        let run = run.several.get().is_unseen(py).then(|| run.clone_ref(py));
        let (next, former) =
            TURN.with_borrow_mut(|turn| (turn.begun.take(), mem::replace(&mut turn.spare, run)));
        drop(former);
        next
    }
}

/// The turn that was before, until it is dropped.
pub(super) struct Outer(Option<Turn>);

impl Outer {
    /// Ends a turn, and leaves what was run for the next one to use.
    pub(super) fn end(mut self, py: Python<'_>, run: Entry) {
        let Some(outer) = self.0.take() else { return };
        if let Some(begun) = TURN.replace(outer).begun {
            begun.several.get().leave_spare(py, run);
        }
    }
}

impl Drop for Outer {
    fn drop(&mut self) {
        drop(self.0.take().map(|turn| TURN.replace(turn)));
    }
}
