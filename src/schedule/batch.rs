//! Ready work in the queue of a stock loop: what becomes ready one after the other is one entry.
//!
//! The loop promises an order: first in, first out, and what becomes ready while the entries of one
//! pass are run waits for the next pass. So work joins the entry at the end of the queue only if that
//! entry was made by the pass that is being run, which is known for sure as long as the batch is
//! running that made it. Everything else gets an entry of its own.
//!
//! While a batch of several runs, it stands in front of the queue again with what is left of it: a
//! loop that is run inside one of its steps goes on with it, and so does the loop after an exception
//! that has left it.
//!
//! When nothing but the next batch is there, a pass of the loop would only look at files and timers
//! that there are not: some of those passes are left out.

use std::collections::VecDeque;

use pyo3::intern;
use pyo3::panic::PanicException;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyTuple};
use pyo3::{PyTraverseError, PyVisit};

use super::MOST_PASSES;
use super::pass::{self, Pass};
use super::ready::{Ready, Work};
use super::stock::{self, QueueEnd};
use crate::asyncio::asyncio;
use crate::ffi::{
    self, Collected, Deque, Enough, Field, SharedField, Visit, fault, install_traverse,
};
use crate::seat::Seat;
use crate::task::Task;

/// How many batches are kept to be used again, and for how many entries each keeps its memory.
const MOST_SPARE: usize = 4;
const MOST_SPARE_ENTRIES: usize = 1024;

/// An entry of a loop's queue. It answers what a `Handle` does, for the first piece of its work.
#[pyclass(module = "aioxide._core", name = "ReadyHandle", frozen, immutable_type)]
pub(crate) struct Batch {
    event_loop: SharedField,
    work: Field<VecDeque<Ready>>,
    cancelled: Field<bool>,
    /// What was run already, for the loop to show what took so long or what has left it.
    shown: Field<Option<Ready>>,
}

static SPARE: Field<Vec<Py<Batch>>> = Field::new(Vec::new());

/// Puts work at the end of the queue, in a batch of its own.
pub(super) fn push(end: QueueEnd<'_>, event_loop: &Bound<'_, PyAny>, work: Ready) -> PyResult<()> {
    let batch = Batch::begin(event_loop)?;
    batch.get().work.push_back(event_loop.py(), work);
    end.queue.append(batch.as_any())?;
    if let Some(pass) = end.pass {
        pass.has_begun(batch);
    }
    Ok(())
}

/// Called when the module is made.
pub(super) fn prepare(py: Python<'_>) {
    install_traverse::<Batch>(py);
}

impl Batch {
    /// A batch without work yet, of memory that was used before if there is some.
    fn begin<'py>(event_loop: &Bound<'py, PyAny>) -> PyResult<Bound<'py, Self>> {
        let py = event_loop.py();
        let batch = match Self::spare(py) {
            Some(batch) => batch,
            None => Bound::new(py, Self::empty())?,
        };
        batch.get().event_loop.put(event_loop.clone());
        Ok(batch)
    }

    fn empty() -> Self {
        Self {
            event_loop: Field::new(None),
            work: Field::new(VecDeque::new()),
            cancelled: Field::new(false),
            shown: Field::new(None),
        }
    }

    /// One that nobody holds any more.
    fn spare(py: Python<'_>) -> Option<Bound<'_, Self>> {
        let batch = SPARE.alter(py, Vec::pop)?.into_bound(py);
        if !ffi::is_unshared(&batch) {
            return None;
        }
        ffi::track(&batch);
        Some(batch)
    }

    /// Keeps a batch that has been run, to be used again when nobody holds it any more. It must have
    /// nothing left to run, or to show.
    fn keep(this: &Bound<'_, Self>) {
        let py = this.py();
        let batch = this.get();
        let is_kept_already = !batch.event_loop.is_some(py);
        if is_kept_already
            || batch.cancelled.get(py)
            || batch.shown.is_some(py)
            || batch.work.len(py) > 0
        {
            return;
        }
        batch.event_loop.clear(py);
        batch.work.shrink_to(py, MOST_SPARE_ENTRIES);
        // Not while it holds nothing: and with what it will hold it is a new object to the collector.
        ffi::untrack(this);
        SPARE.alter(py, |spare| {
            if spare.len() < MOST_SPARE {
                spare.push(this.clone().unbind());
            }
        });
    }

    /// Adds work, which is made where it is to stay. Gives it back if this is not to be run any more.
    #[inline]
    pub(super) fn add<W: Work>(&self, py: Python<'_>, work: W) -> Option<W> {
        if self.cancelled.get(py) || !self.event_loop.is_some(py) {
            return Some(work);
        }
        self.work.push_back_with(py, || work.into());
        None
    }

    /// The next piece of work, and how many are left.
    fn next(&self, py: Python<'_>) -> Option<(Ready, usize)> {
        let left = self.work.len(py).checked_sub(1)?; // asked first: a panic here costs nothing
        Some((self.work.pop_front(py)?, left))
    }

    /// The first piece of work, to look at.
    fn first(&self, py: Python<'_>) -> Option<Ready> {
        let copy = |ready: &Ready| ready.clone_ref(py);
        let first = self.work.alter(py, |work| work.front().map(copy));
        first.or_else(|| self.shown.alter(py, |shown| shown.as_ref().map(copy)))
    }

    /// Runs this batch, and then the next ones as long as the loop would do nothing else, and until `task`
    /// is done. A panic is reported: the loop goes on with what is left.
    pub(super) fn run<'py>(
        this: &Bound<'py, Self>,
        task: Option<&Bound<'py, Task>>,
    ) -> PyResult<()> {
        let mut batch = this.clone();
        let outcome = ffi::catch_panic(|| {
            Self::run_passes(this, &mut batch, task)?;
            if !batch.is(this) {
                Self::keep(this);
            }
            Self::keep(&batch);
            Ok(())
        });
        match outcome {
            Err(error) if error.is_instance_of::<PanicException>(this.py()) => {
                Self::survive(&batch, error)
            }
            Err(error) if !batch.is(this) => {
                // The loop holds what it has taken from its queue, and with it what has left it.
                let shown = batch.get().shown.take(this.py());
                drop(this.get().shown.replace(this.py(), shown));
                Err(error)
            }
            outcome => outcome,
        }
    }

    /// Runs `this`, the one that the loop has taken; `batch` is the one that is run, or was the last.
    fn run_passes<'py>(
        this: &Bound<'py, Self>,
        batch: &mut Bound<'py, Self>,
        task: Option<&Bound<'py, Task>>,
    ) -> PyResult<()> {
        let Some(event_loop) = batch.get().event_loop.bound(batch.py()) else { return Ok(()) };
        let mut seat = Seat::new(&event_loop)?;
        let outcome = Self::run_passes_in(&mut seat, this, batch, task);
        seat.clear_after(outcome)
    }

    fn run_passes_in<'py>(
        seat: &mut Seat<'_, 'py>,
        this: &Bound<'py, Self>,
        batch: &mut Bound<'py, Self>,
        task: Option<&Bound<'py, Task>>,
    ) -> PyResult<()> {
        let event_loop = seat.event_loop();
        for passes_left in (0..MOST_PASSES).rev() {
            let is_first = passes_left == MOST_PASSES - 1;
            let Some(queue) = stock::ready_queue(event_loop) else {
                return batch.get().run_alone(seat);
            };
            let pass = Pass::begin(event_loop, &queue);
            let is_over = Self::run_pass(seat, batch, &queue, is_first, task)?;
            let begun = pass.end().filter(|_| !is_over && passes_left > 0);
            let Some(begun) = begun else { break };
            let Some(first) = Self::take_next(event_loop, &queue, begun)? else { break };
            let before = std::mem::replace(batch, first);
            if !before.is(this) {
                Self::keep(&before);
            }
        }
        Ok(())
    }

    /// Takes the batch that was begun out of the queue: if the loop would do nothing but come back for it.
    pub(super) fn take_next<'py>(
        event_loop: &Bound<'py, PyAny>,
        queue: &Deque<'py>,
        begun: Bound<'py, Self>,
    ) -> PyResult<Option<Bound<'py, Self>>> {
        if !begun.get().event_loop.is_some(begun.py()) // it was run
            || stock::is_in_debug_mode(event_loop) // may run Python code
            || queue.len() != 1
            || pass::is_in_one(event_loop) // somebody waits further up for this loop to come back
            || !stock::has_queue(event_loop, queue)
            || !stock::has_nothing_else(event_loop)?
            || !queue.begins_with(&begun)
        {
            return Ok(None);
        }
        queue.pop_left()?;
        Ok(Some(begun))
    }

    /// Runs every piece of work, in order, until the task is done; answers whether it is. A pass that is
    /// not the first has just been found out of debug mode.
    fn run_pass<'py>(
        seat: &mut Seat<'_, 'py>,
        this: &Bound<'py, Self>,
        queue: &Deque<'py>,
        is_first: bool,
        task: Option<&Bound<'py, Task>>,
    ) -> PyResult<bool> {
        let (py, event_loop) = (this.py(), seat.event_loop());
        let batch = this.get();
        let is_in_front = || queue.begins_with(this);
        let several = batch.work.len(py) > 1;
        if several {
            queue.append_left(this.as_any())?;
        }
        let mut is_known = !is_first;
        loop {
            let debug = !is_known && stock::is_in_debug_mode(event_loop);
            let timed = (debug && several).then(|| Self::begin(event_loop)).transpose()?;
            let Some((ready, left)) = batch.next(py) else { break };
            if several && left == 0 {
                queue.pop_left()?;
            }
            let outcome = if let Some(handle) = timed {
                let outcome = Self::run_timed(seat, &handle, ready);
                if outcome.is_err() {
                    // The loop holds this batch, and with it what has left it.
                    drop(batch.shown.replace(py, handle.get().shown.take(py)));
                }
                outcome
            } else {
                match ready.run(seat) {
                    Ok(()) if !debug => {
                        ready.release(py);
                        Ok(())
                    }
                    outcome => {
                        let outcome = if debug { seat.clear_after(outcome) } else { outcome };
                        drop(batch.shown.replace(py, Some(ready)));
                        outcome
                    }
                }
            };
            is_known = seat.is_untouched();
            // Somebody else may have run, or dropped, what was left, or have given the loop another queue.
            let in_front =
                left > 0 && is_in_front() && (is_known || stock::has_queue(event_loop, queue));
            let is_over = task.is_some_and(Task::is_done);
            if in_front && (is_over || outcome.is_err()) {
                let put_back = ffi::catch_panic(|| {
                    queue.pop_left()?;
                    batch.put_back_one_by_one(event_loop, queue)
                });
                // Whatever ends the program still does.
                put_back.or_else(|error| Self::survive(this, error))?;
            }
            outcome?;
            if is_over {
                return Ok(true);
            }
            if !in_front {
                break;
            }
        }
        Ok(false)
    }

    /// In debug mode the loop times its entries; this is one of several in an entry that it has taken
    /// already, maybe before it was in debug mode. The handle is shown in the place of that entry.
    fn run_timed<'py>(
        seat: &mut Seat<'_, 'py>,
        handle: &Bound<'py, Self>,
        ready: Ready,
    ) -> PyResult<()> {
        let event_loop = seat.event_loop();
        let py = event_loop.py();
        let now = || event_loop.call_method0(intern!(py, "time"))?.extract::<f64>();
        event_loop.setattr(intern!(py, "_current_handle"), handle)?;
        let begun = now()?;
        let outcome = ready.run(seat);
        let outcome = seat.clear_after(outcome);
        seat.touch();
        drop(handle.get().shown.replace(py, Some(ready)));
        let took = now()? - begun;
        let slow = event_loop.getattr(intern!(py, "slow_callback_duration"))?.extract::<f64>()?;
        if outcome.is_ok() && took >= slow {
            let shown = asyncio(py).format_handle.bind(py).call1((handle,))?;
            let arguments = ("Executing %s took %.3f seconds", shown, took);
            asyncio(py).logger.bind(py).call_method1(intern!(py, "warning"), arguments)?;
        }
        event_loop.setattr(intern!(py, "_current_handle"), py.None())?;
        outcome
    }

    /// Puts what is left in front of the queue, each piece of work in a batch of its own.
    fn put_back_one_by_one(
        &self,
        event_loop: &Bound<'_, PyAny>,
        queue: &Deque<'_>,
    ) -> PyResult<()> {
        let py = event_loop.py();
        for _ in 0..self.work.len(py) {
            let single = Self::begin(event_loop)?;
            let Some(ready) = self.work.pop_back(py) else { break };
            single.get().work.push_back(py, ready);
            queue.append_left(single.as_any())?;
        }
        Ok(())
    }

    /// A panic between two pieces of work: what is left stays in front of the queue, and the loop is
    /// told.
    fn survive(this: &Bound<'_, Self>, panic: PyErr) -> PyResult<()> {
        let py = this.py();
        let Some(event_loop) = this.get().event_loop.bound(py) else {
            panic.write_unraisable(py, Some(this.as_any())); // all of it was run
            return Ok(());
        };
        let left = this.get().work.len(py) > 0;
        let queue = stock::ready_queue(&event_loop);
        if let Some(queue) = &queue
            && left
            && !queue.begins_with(this)
        {
            queue.append_left(this.as_any())?;
        }
        let context = PyDict::new(py);
        context.set_item(intern!(py, "message"), "Exception between two ready callbacks")?;
        context.set_item(intern!(py, "exception"), panic.into_value(py))?;
        ffi::call_method(intern!(py, "call_exception_handler"), &[&event_loop, &context])?;
        if queue.is_some() {
            return Ok(());
        }
        let mut seat = Seat::new(&event_loop)?;
        let outcome = this.get().run_alone(&mut seat);
        seat.clear_after(outcome)
    }

    /// Runs all of it for a loop that has another queue by now.
    fn run_alone(&self, seat: &mut Seat<'_, '_>) -> PyResult<()> {
        while let Some((ready, _)) = self.next(seat.event_loop().py()) {
            ready.run(seat)?;
        }
        Ok(())
    }
}

#[pymethods]
impl Batch {
    fn _run(slf: &Bound<'_, Self>) -> PyResult<()> {
        Self::run(slf, None)
    }

    /// Drop the work.
    fn cancel(&self, py: Python<'_>) {
        self.cancelled.set(py, true);
        drop(self.work.take(py));
    }

    fn cancelled(&self, py: Python<'_>) -> bool {
        self.cancelled.get(py)
    }

    /// Return the context that the work is run in.
    #[cfg(Py_3_12)]
    fn get_context<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyAny>>> {
        self.first(py).map(|ready| ready.context(py)).transpose()
    }

    #[getter]
    fn _cancelled(&self, py: Python<'_>) -> bool {
        self.cancelled.peek(py) // the loop asks, and catches nothing
    }

    #[getter]
    fn _callback<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyAny>>> {
        self.first(py).map(|ready| ready.callback(py)).transpose()
    }

    #[getter]
    fn _args<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyTuple>>> {
        self.first(py).map(|ready| ready.args(py)).transpose()
    }

    #[getter]
    fn _context<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyAny>>> {
        self.first(py).map(|ready| ready.context(py)).transpose()
    }

    #[getter]
    fn _loop<'py>(&self, py: Python<'py>) -> Option<Bound<'py, PyAny>> {
        self.event_loop.bound(py)
    }

    /// None: in debug mode, in which there would be one, the loop's own handles are used.
    #[classattr]
    fn _source_traceback(py: Python<'_>) -> Py<PyAny> {
        py.None()
    }

    /// An entry passes for a handle of asyncio's.
    #[getter]
    fn __class__<'py>(slf: &Bound<'py, Self>) -> Bound<'py, PyAny> {
        fault::point();
        asyncio(slf.py()).handle_class.bind(slf.py()).clone()
    }

    fn __repr__(slf: &Bound<'_, Self>) -> PyResult<String> {
        let py = slf.py();
        match (slf.get().first(py), slf.get().event_loop.bound(py)) {
            (Some(first), Some(event_loop)) => Ok(first.handle(&event_loop)?.repr()?.to_string()),
            _ if slf.get().cancelled.get(py) => Ok("<Handle cancelled>".to_owned()),
            _ => Ok("<Handle>".to_owned()),
        }
    }

    // Here for the class to take part in the collection of garbage; `ffi::install_traverse` puts what
    // is run in its place.
    #[allow(clippy::unused_self, clippy::unnecessary_wraps)]
    fn __traverse__(&self, _visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        Ok(())
    }

    fn __clear__(&self, py: Python<'_>) {
        drop((self.work.take(py), self.shown.take(py)));
        self.event_loop.clear(py);
    }
}

impl Collected for Batch {
    fn show(this: Borrowed<'_, '_, Self>, visit: &Visit) -> Result<(), Enough> {
        this.get().event_loop.traverse(visit)?;
        this.get().work.traverse(visit)?;
        this.get().shown.traverse(visit)
    }
}
