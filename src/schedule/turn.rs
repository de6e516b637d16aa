//! What becomes ready while uvloop runs something of ours.
//!
//! It does not go to the loop at once, but when the turn ends: all of it by one handle, at the position
//! in the queue that its first piece would have. For the order to stay that of single handles, only
//! what becomes ready one after the other goes together, and only as long as nobody else has put
//! something behind it. When the loop would do nothing but come back for it, since nothing else is ready
//! and nothing is watched, it is run in the same turn: some looks at files and timers that there are
//! not are left out, as on the stock loops (`batch.rs`).

use std::cell::Cell;
use std::collections::VecDeque;
use std::mem;

use pyo3::intern;
use pyo3::panic::PanicException;
use pyo3::prelude::*;
use pyo3::types::PyDict;

use super::ready::{self, Ready, Work};
use super::several::Several;
use super::unended::{Node, Unended};
use super::{CallSoon, MOST_PASSES, give, give_callback, stock, uvloop};
use crate::ffi::{self, Deque, Field, LeftContext, SharedField};
use crate::seat::Seat;
use crate::task::Task;

/// For how many pieces of work a turn that has ended keeps the memory.
const MOST_SPARE: usize = 1024;

/// How many in a row go to the loop by themselves, at most.
const MOST_ALONE: u8 = 3;

static TURNS: Unended<Begun> = Unended::new();

/// A turn, for what becomes ready in it.
struct Begun {
    thread: Field<usize>,
    /// The queue of the loop, since something has become ready.
    queue: SharedField,
    /// What is ready: first what is left of the pass that is being run, then what has become so since.
    ready: Field<VecDeque<Ready>>,
    left_of_pass: Field<usize>,
    /// How many entries the queue had when the first of those others became ready.
    position: Field<usize>,
    /// Not while what has become ready is on its way to the loop: then everything else goes there.
    is_open: Field<bool>,
}

/// A turn, until it ends.
struct Turn<'a, 'py> {
    event_loop: &'a Bound<'py, PyAny>,
    begun: &'static Node<Begun>,
    has_ended: Cell<bool>,
}

/// How what has become ready goes to the loop.
enum Next<'a, 'py> {
    /// A single task by itself, if fewer than `MOST_ALONE` in a row went so `before` it: the first
    /// handle that can be used again costs more than one that is used only once.
    Alone { before: u8 },
    /// By the handle that is being run. That needs no call: while uvloop runs its queue, putting a
    /// handle at the end of it is all that `call_soon()` would do.
    Again(&'a Bound<'py, Several>),
}

/// Has the turn that the loop is at in this thread see to the work; gives it back if there is none.
pub(super) fn join<W: Work>(event_loop: &Bound<'_, PyAny>, work: W) -> PyResult<Option<W>> {
    let Some(turn) = Begun::of(event_loop) else { return Ok(Some(work)) };
    if !uvloop::only_appends(event_loop)? {
        return Ok(Some(work));
    }
    let Some(work) = turn.add(event_loop, work)? else { return Ok(None) };
    if turn.added(event_loop.py()) == 0 {
        return Ok(Some(work));
    }
    // Somebody has put something behind what is ready.
    turn.hand_over(event_loop)?;
    turn.add(event_loop, work)
}

/// Runs `first`, which went to the loop by itself for this task, as did so many in a row `before` it, and
/// what becomes ready meanwhile: unless `first` says no, and until the task is done. Then whatever the
/// loop's handle holds, and first of all the task, is to go at once; `let_go` drops what can go before.
pub(super) fn run<'py>(
    event_loop: &Bound<'py, PyAny>,
    task: &Bound<'py, Task>,
    before: u8,
    first: impl FnOnce(&mut Seat<'_, 'py>) -> PyResult<bool>,
    let_go: impl FnOnce(),
) -> PyResult<()> {
    let mut seat = Seat::new(event_loop)?;
    let Some(turn) = Turn::begin(event_loop)? else {
        let outcome = first(&mut seat).map(drop);
        return seat.clear_after(outcome);
    };
    let outcome = first(&mut seat).and_then(|may_go_on| {
        if !may_go_on || Task::is_done(task) || !turn.goes_on()? {
            return Ok(());
        }
        // It is not the current one if somebody else than the loop has called this.
        let context = task.get().ready_context(task.py())?;
        let Ok(left) = LeftContext::leave(context) else { return Ok(()) };
        seat.clear()?;
        let_go();
        let outcome = turn.run_passes(&mut seat, MOST_PASSES, Some(task));
        outcome.and(left.enter_again())
    });
    let outcome = seat.clear_after(outcome);
    turn.end(outcome, &Next::Alone { before })
}

/// Runs `work`, which went to the loop by the handle of `several`, and what becomes ready meanwhile.
pub(super) fn run_several<'py>(
    event_loop: &Bound<'py, PyAny>,
    several: &Bound<'py, Several>,
    work: &Field<VecDeque<Ready>>,
) -> PyResult<()> {
    let py = event_loop.py();
    let mut seat = Seat::new(event_loop)?;
    let Some(turn) = Turn::begin(event_loop)? else {
        let outcome = run_all(|| work.pop_front(py), &mut seat, None).map(drop);
        let outcome = seat.clear_after(outcome);
        return outcome.and(put_in_front(event_loop, work.take(py)));
    };
    let outcome = match turn.run_first(work, &mut seat) {
        Ok(true) => turn.run_passes(&mut seat, MOST_PASSES - 1, None),
        outcome => outcome.map(drop),
    };
    let outcome = seat.clear_after(outcome);
    turn.end(outcome, &Next::Again(several))
}

impl Begun {
    fn new() -> Self {
        Self {
            thread: Field::new(0),
            queue: SharedField::new(None),
            ready: Field::new(VecDeque::new()),
            left_of_pass: Field::new(0),
            position: Field::new(0),
            is_open: Field::new(false),
        }
    }

    /// The turn that a loop is at in this thread.
    fn of(event_loop: &Bound<'_, PyAny>) -> Option<&'static Self> {
        let py = event_loop.py();
        Some(TURNS.find(event_loop, |turn| turn.is_in_this_thread(py))?)
    }

    /// A turn begins.
    fn begin(event_loop: &Bound<'_, PyAny>) -> &'static Node<Self> {
        let py = event_loop.py();
        let turn = TURNS.begin(event_loop, Self::new);
        turn.thread.poke(py, ffi::this_thread(py));
        turn.is_open.poke(py, true);
        turn
    }

    fn is_in_this_thread(&self, py: Python<'_>) -> bool {
        self.thread.peek(py) == ffi::this_thread(py)
    }

    /// How much has become ready since the pass began.
    fn added(&self, py: Python<'_>) -> usize {
        self.ready.len(py) - self.left_of_pass.peek(py)
    }

    /// Notes that work is ready; gives it back if somebody has put something behind that before it, or if
    /// the queue of the loop is not known yet.
    fn add<W: Work>(&self, event_loop: &Bound<'_, PyAny>, work: W) -> PyResult<Option<W>> {
        let py = event_loop.py();
        if !self.is_open.peek(py) || !self.knows_queue(event_loop)? {
            return Ok(Some(work));
        }
        let length = self.queue_length(py)?;
        if self.added(py) == 0 {
            self.position.poke(py, length);
        }
        if self.position.peek(py) != length {
            return Ok(Some(work));
        }
        self.ready.push_back_with(py, || work.into());
        Ok(None)
    }

    fn knows_queue(&self, event_loop: &Bound<'_, PyAny>) -> PyResult<bool> {
        if !self.queue.is_some(event_loop.py()) {
            let Some(queue) = uvloop::queue_of(event_loop)? else { return Ok(false) };
            self.queue.put(queue.as_any().clone());
        }
        Ok(true)
    }

    fn queue_length(&self, py: Python<'_>) -> PyResult<usize> {
        let length = |queue: &Py<PyAny>| queue.bind(py).len();
        self.queue.look(py, |queue| queue.as_ref().map_or(Ok(0), length))
    }

    /// Gives what has become ready since the pass began to the loop.
    fn deliver<'py>(&self, event_loop: &Bound<'py, PyAny>, next: &Next<'_, 'py>) -> PyResult<()> {
        let py = event_loop.py();
        let Some(queue) = self.queue.bound(py).and_then(stock::as_queue) else { return Ok(()) };
        let position = self.position.peek(py);
        let left = self.left_of_pass.peek(py);
        if left == 0 {
            return deliver(event_loop, &queue, &self.ready, position, next);
        }
        let mut ready = self.ready.take(py);
        let added = Field::new(ready.split_off(left));
        drop(self.ready.replace(py, ready)); // empty
        deliver(event_loop, &queue, &added, position, next)
    }

    /// The same in the middle of a turn.
    fn hand_over(&self, event_loop: &Bound<'_, PyAny>) -> PyResult<()> {
        let py = event_loop.py();
        self.is_open.poke(py, false);
        let outcome = self.deliver(event_loop, &Next::Alone { before: 0 });
        self.is_open.poke(py, true);
        outcome
    }
}

impl<'a, 'py> Turn<'a, 'py> {
    /// None for a loop that is not uvloop's.
    #[inline]
    fn begin(event_loop: &'a Bound<'py, PyAny>) -> PyResult<Option<Self>> {
        if !uvloop::is_known(event_loop)? {
            return Ok(None);
        }
        let begun = Begun::begin(event_loop);
        Ok(Some(Self { event_loop, begun, has_ended: Cell::new(false) }))
    }

    /// Whether the loop would do nothing but come back for what has become ready.
    fn goes_on(&self) -> PyResult<bool> {
        let py = self.event_loop.py();
        if self.begun.added(py) == 0 {
            return Ok(false);
        }
        Ok(self.begun.queue_length(py)? == 0
            && uvloop::has_nothing_to_watch(self.event_loop)?
            && TURNS.all_others(py, self.begun, |other| !other.is_in_this_thread(py))
            && uvloop::only_appends(self.event_loop)?)
    }

    /// Runs this work as the first pass.
    fn run_first(&self, work: &Field<VecDeque<Ready>>, seat: &mut Seat<'_, 'py>) -> PyResult<bool> {
        let py = self.event_loop.py();
        self.begun.ready.swap(py, work); // empty
        self.run_pass(seat, None)
    }

    /// Runs what has become ready as long as the turn goes on, and until the task is done.
    fn run_passes(
        &self,
        seat: &mut Seat<'_, 'py>,
        most: usize,
        task: Option<&Bound<'py, Task>>,
    ) -> PyResult<()> {
        for _ in 0..most {
            if !self.goes_on()? || !self.run_pass(seat, task)? {
                break;
            }
        }
        Ok(())
    }

    /// Runs all that is ready now.
    fn run_pass(
        &self,
        seat: &mut Seat<'_, 'py>,
        task: Option<&Bound<'py, Task>>,
    ) -> PyResult<bool> {
        let (py, begun) = (self.event_loop.py(), self.begun);
        begun.left_of_pass.poke(py, begun.ready.len(py));
        let next = || {
            begun.left_of_pass.poke(py, begun.left_of_pass.peek(py).checked_sub(1)?);
            begun.ready.pop_front(py)
        };
        run_all(next, seat, task)
    }

    /// Ends the turn. What is left of a pass goes in front of everything else.
    fn end(self, outcome: PyResult<()>, next: &Next<'_, 'py>) -> PyResult<()> {
        let (py, delivered) = (self.event_loop.py(), self.deliver(next));
        mem::forget(self); // what it does when it goes was done
        match (outcome, delivered) {
            (Err(earlier), Err(later)) => Err(ffi::chain(py, earlier, later)),
            (outcome, delivered) => outcome.and(delivered),
        }
    }

    /// Gives what is ready to the loop, unless that was done.
    fn deliver(&self, next: &Next<'_, 'py>) -> PyResult<()> {
        let (py, begun) = (self.event_loop.py(), self.begun);
        if self.has_ended.replace(true) {
            return Ok(());
        }
        TURNS.end(py, begun);
        let mut outcome = Ok(());
        if begun.queue.is_some(py) || !begun.ready.is_empty(py) {
            begun.is_open.poke(py, false);
            if begun.ready.len(py) > 0 {
                outcome = self.deliver_some(next);
            }
            begun.queue.clear(py);
            if !begun.ready.is_empty(py) || begun.ready.capacity(py) > MOST_SPARE {
                drop(begun.ready.take(py)); // what is left could not be delivered
            }
        }
        TURNS.keep(py, begun);
        outcome
    }

    fn deliver_some(&self, next: &Next<'_, 'py>) -> PyResult<()> {
        let (py, begun) = (self.event_loop.py(), self.begun);
        let delivered = begun.deliver(self.event_loop, next);
        let left = begun.left_of_pass.peek(py);
        begun.left_of_pass.poke(py, 0);
        if left == 0 {
            return delivered;
        }
        delivered.and(put_in_front(self.event_loop, begun.ready.take(py)))
    }
}

impl Drop for Turn<'_, '_> {
    /// Only finds something to do when a panic passes by.
    fn drop(&mut self) {
        if let Err(error) = self.deliver(&Next::Alone { before: 0 }) {
            error.write_unraisable(self.event_loop.py(), None);
        }
    }
}

/// Gives what is ready to the loop, at this position of its queue, and leaves `ready` empty.
fn deliver<'py>(
    event_loop: &Bound<'py, PyAny>,
    queue: &Deque<'py>,
    ready: &Field<VecDeque<Ready>>,
    position: usize,
    next: &Next<'_, 'py>,
) -> PyResult<()> {
    let py = event_loop.py();
    let handle = match next {
        _ if ready.len(py) == 0 => return Ok(()),
        Next::Again(several) if let Some(handle) = several.get().again(py, ready) => {
            queue.append(&handle)?;
            handle
        }
        Next::Alone { before }
            if let Some(single) =
                ready.pop_single(py, |ready| *before < MOST_ALONE || !ready.is_of_task()) =>
        {
            give(CallSoon::BeforeDebugMode, event_loop, single, before + 1)?
        }
        _ => Several::give(event_loop, ready.take(py))?,
    };
    move_last(queue, &handle, position)
}

/// Gives what is left of some work to the loop, in front of everything else.
fn put_in_front(event_loop: &Bound<'_, PyAny>, left: VecDeque<Ready>) -> PyResult<()> {
    if left.is_empty() {
        return Ok(());
    }
    let handle = Several::give(event_loop, left)?;
    match uvloop::queue_of(event_loop)? {
        Some(queue) => move_last(&queue, &handle, 0),
        None => Ok(()),
    }
}

/// Moves the last entry of the queue, which is this handle, to an earlier position.
fn move_last(queue: &Deque<'_>, handle: &Bound<'_, PyAny>, position: usize) -> PyResult<()> {
    let is_in_place = queue.len() <= position + 1;
    if is_in_place || !queue.ends_with(handle) {
        return Ok(());
    }
    queue.pop()?;
    queue.insert(position, handle).or_else(|error| queue.append(handle).and(Err(error)))
}

/// Runs every piece of work, in order. False if some may be left: since the task is done, or after a panic,
/// which the loop is told of. What is left after an error is to be run later, too.
fn run_all<'py>(
    mut next: impl FnMut() -> Option<Ready>,
    seat: &mut Seat<'_, 'py>,
    task: Option<&Bound<'py, Task>>,
) -> PyResult<bool> {
    let event_loop = seat.event_loop();
    let py = event_loop.py();
    let outcome = ffi::catch_panic(|| {
        while let Some(ready) = next() {
            ready.run_or(seat, report)?;
            ready.release(py);
            if task.is_some_and(Task::is_done) {
                return Ok(false);
            }
        }
        Ok(true)
    });
    let error = match outcome {
        Err(error) if error.is_instance_of::<PanicException>(py) => error,
        outcome => return outcome,
    };
    seat.clear()?;
    let context = PyDict::new(py);
    context.set_item(intern!(py, "message"), "Exception between two ready callbacks")?;
    context.set_item(intern!(py, "exception"), error.into_value(py))?;
    ffi::call_method(intern!(py, "call_exception_handler"), &[event_loop, &context])?;
    Ok(false)
}

/// Reports what a piece of work has raised, in uvloop's words and with a handle of its own.
fn report(ready: &Ready, event_loop: &Bound<'_, PyAny>, error: PyErr) -> PyResult<()> {
    let handle = handle_to_show(ready, event_loop)?;
    ready::report(event_loop, &ready.callback(event_loop.py())?, error, &handle)
}

fn handle_to_show<'py>(
    ready: &Ready,
    event_loop: &Bound<'py, PyAny>,
) -> PyResult<Bound<'py, PyAny>> {
    let handle = give_callback(CallSoon::BeforeDebugMode, event_loop, ready)?;
    if let Some(queue) = uvloop::queue_of(event_loop)?
        && queue.ends_with(&handle)
    {
        queue.pop()?; // it was made to be looked at
        return Ok(handle);
    }
    handle.call_method0(intern!(event_loop.py(), "cancel"))?;
    ready.handle(event_loop)
}
