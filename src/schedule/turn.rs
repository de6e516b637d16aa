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

use pyo3::prelude::*;

use super::ready::Ready;
use super::several::Several;
use super::{stock, uvloop};
use crate::ffi::{self, Deque, Enough, Field, Noted, Scoped, SharedField, Traverse, Visit};

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
    queue: SharedField,
    /// What was begun for the tasks that have become ready, last in the queue at that time.
    begun: Field<Option<Entry>>,
    /// What was run already, where uvloop runs its queue.
    spare: Field<Option<Entry>>,
    /// How many in a row went to the loop by themselves, before this one; None if the next does not.
    alone: Field<Option<u8>>,
}

/// How many in a row go to the loop by themselves, at most.
const MOST_ALONE: u8 = 3;

thread_local! {
    static TURN: Scoped<Turn> = const { Scoped::new() };
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
    ffi::with_noted(&TURN, |turn| {
        let is_of_loop = |turn: &&Turn| turn.event_loop == event_loop.as_ptr() as usize;
        let Some(turn) = turn.filter(is_of_loop) else { return Ok(Join::Alone(ready, 0)) };
        if ready.is_of_task()
            && let Some(before) = turn.alone.take(py)
        {
            return Ok(Join::Alone(ready, before + 1));
        }
        if !ready.can_join() || !uvloop::only_appends(event_loop)? {
            return Ok(Join::Alone(ready, 0));
        }
        let several = match turn.last_in_queue(py) {
            Some(several) => several,
            None => turn.begin_another(event_loop)?,
        };
        several.get().push(py, ready);
        Ok(Join::Joined)
    })
}

impl Turn {
    /// The turn of a piece of work that went to the loop by itself, as did so many in a row `before` it.
    pub(super) fn alone(event_loop: &Bound<'_, PyAny>, before: u8) -> Self {
        Self::new(event_loop, None, None, (before < MOST_ALONE).then_some(before))
    }

    /// The turn of what uvloop takes from its queue; `spare` can be put there again.
    pub(super) fn in_pass(
        event_loop: &Bound<'_, PyAny>,
        queue: &Deque<'_>,
        spare: Option<Entry>,
    ) -> Self {
        Self::new(event_loop, Some(queue.as_any().clone().unbind()), spare, None)
    }

    fn new(
        event_loop: &Bound<'_, PyAny>,
        queue: Option<Py<PyAny>>,
        spare: Option<Entry>,
        alone: Option<u8>,
    ) -> Self {
        Self {
            event_loop: event_loop.as_ptr() as usize,
            queue: Field::new(queue),
            begun: Field::new(None),
            spare: Field::new(spare),
            alone: Field::new(alone),
        }
    }

    /// Notes that it is the turn of this thread, until the answer is dropped.
    pub(super) fn begin(&self) -> Noted<'_, Self> {
        ffi::note(&TURN, self)
    }

    fn queue<'py>(&self, py: Python<'py>) -> Option<Deque<'py>> {
        self.queue.bound(py).and_then(stock::as_queue)
    }

    /// What was begun, if it is still the last entry of the loop's queue.
    fn last_in_queue<'py>(&self, py: Python<'py>) -> Option<Bound<'py, Several>> {
        let queue = self.queue(py)?;
        self.begun.look(py, |begun| {
            let begun = begun.as_ref()?;
            let is_last = queue.ends_with(begun.handle.bind(py));
            is_last.then(|| begun.several.bind(py).clone())
        })
    }

    /// Puts an entry without work at the end of the loop's queue.
    fn begin_another<'py>(&self, event_loop: &Bound<'py, PyAny>) -> PyResult<Bound<'py, Several>> {
        let py = event_loop.py();
        let entry = if let (Some(spare), Some(queue)) = (self.spare.take(py), self.queue(py)) {
            queue.append(spare.handle.bind(py))?;
            spare
        } else {
            let (entry, queue) = Several::begin(event_loop)?;
            drop(self.queue.exchange(py, queue.map(|queue| queue.as_any().clone())));
            entry
        };
        let several = entry.several.bind(py).clone();
        drop(self.begun.replace(py, Some(entry)));
        Ok(several)
    }

    /// Whether what was begun is all that is in the queue.
    pub(super) fn has_begun_all(&self, queue: &Deque<'_>) -> bool {
        let py = queue.py();
        queue.len() == 1
            && self.begun.look(py, |begun| {
                begun.as_ref().is_some_and(|begun| queue.begins_with(begun.handle.bind(py)))
            })
    }

    /// What was begun is run next, and what was run can be used again.
    pub(super) fn go_on(&self, run: &Entry, py: Python<'_>) -> Option<Entry> {
        let run = run.several.get().is_unseen(py).then(|| run.clone_ref(py));
        let next = self.begun.take(py);
        drop(self.spare.replace(py, run));
        next
    }

    /// Leaves what was run last for the next turn to use.
    pub(super) fn end(&self, py: Python<'_>, run: Entry) {
        if let Some(begun) = self.begun.take(py) {
            begun.several.get().leave_spare(py, run);
        }
    }
}
