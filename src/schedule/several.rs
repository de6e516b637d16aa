//! Several tasks that uvloop runs by one handle.
//!
//! A handle that was run is used again for what becomes ready meanwhile (`turn.rs`): two of them take
//! turns as long as there always is something ready.
//!
//! When nothing but the next of them is there, uvloop would only look at files and timers that there are
//! not: some of those looks are left out, as on the stock loops (`batch.rs`).

use std::collections::VecDeque;

use pyo3::intern;
use pyo3::panic::PanicException;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyString, PyWeakrefMethods, PyWeakrefReference};
use pyo3::{PyTraverseError, PyVisit};

use super::ready::{self, Ready};
use super::turn::{Entry, Turn};
use super::{MOST_PASSES, call_soon, stock, uvloop};
use crate::ffi::{
    self, Collected, Deque, Enough, Field, Kept, LeftContext, LibuvLoop, SharedField, Spare, Visit,
    fault,
};
use crate::seat::Seat;

/// What uvloop calls for several tasks. Whoever looks at it sees the function of the first.
#[pyclass(module = "aioxide._core", frozen, immutable_type)]
pub(crate) struct Several {
    event_loop: SharedField,
    work: Field<VecDeque<Ready>>,
    /// What uvloop calls it in: a context that nobody else can have entered. The work has contexts of
    /// its own.
    context: SharedField,
    /// The handle that uvloop has for it, and the queue that the handle was put into. They hold it.
    handle: SharedField<PyWeakrefReference>,
    queue: SharedField<PyWeakrefReference>,
    /// For what becomes ready while this one runs.
    spare: Field<Option<Entry>>,
    libuv: Field<Option<LibuvLoop>>,
    /// What has raised something that was reported.
    shown: Field<Option<Ready>>,
}

/// Called when the module is made.
pub(super) fn prepare(py: Python<'_>) {
    ffi::install_keeping::<Several>(py);
    ffi::install_traverse::<Several>(py);
}

impl Several {
    fn new<'py>(
        event_loop: &Bound<'py, PyAny>,
        work: VecDeque<Ready>,
    ) -> PyResult<Bound<'py, Self>> {
        let py = event_loop.py();
        ffi::renew(py, (event_loop.clone(), work, ffi::new_context(py)?))
    }

    /// An entry without work at the end of the loop's queue, and the queue if it can be found.
    pub(super) fn begin<'py>(
        event_loop: &Bound<'py, PyAny>,
    ) -> PyResult<(Entry, Option<Deque<'py>>)> {
        let several = Self::new(event_loop, VecDeque::new())?;
        let handle = several.get().call_soon(&several)?;
        let queue = uvloop::queue_ending_with(event_loop, &handle)?;
        if let Some(queue) = &queue {
            several.get().handle.put(PyWeakrefReference::new(&handle)?);
            several.get().queue.put(PyWeakrefReference::new(queue.as_any())?);
        }
        Ok((Entry { several: several.unbind(), handle: handle.unbind() }, queue))
    }

    /// Puts work behind what it has.
    pub(super) fn push(&self, py: Python<'_>, ready: Ready) {
        self.work.push_back(py, ready);
    }

    /// Leaves `run`, which was run before, to be used again.
    pub(super) fn leave_spare(&self, py: Python<'_>, run: Entry) {
        drop(self.spare.replace(py, Some(run).filter(|run| run.several.get().is_unseen(py))));
    }

    /// Has the loop call it; answers with the loop's handle.
    fn call_soon<'py>(&self, this: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        let py = this.py();
        let (Some(event_loop), Some(context)) = (self.event_loop.bound(py), self.context.bound(py))
        else {
            return Ok(py.None().into_bound(py));
        };
        call_soon(&event_loop, this.as_any(), &context)
    }

    /// Its handle and the queue, where they are known.
    fn place<'py>(this: &Bound<'py, Self>) -> Option<(Entry, Deque<'py>)> {
        let (py, several) = (this.py(), this.get());
        let handle = several.handle.bound(py)?.upgrade()?.unbind();
        let queue = several.queue.bound(py)?.upgrade().and_then(stock::as_queue)?;
        Some((Entry { several: this.clone().unbind(), handle }, queue))
    }

    /// Runs this, and then what has become ready meanwhile as long as the loop would do nothing else.
    fn run_passes(this: &Bound<'_, Self>, event_loop: &Bound<'_, PyAny>) -> PyResult<()> {
        let py = this.py();
        let Some((mut entry, queue)) = Self::place(this) else {
            let turn = Turn::alone(event_loop, 0);
            let _noted = turn.begin();
            let mut seat = Seat::new(event_loop)?;
            let outcome = this.get().run(&mut seat);
            return seat.clear_after(outcome);
        };
        let turn = Turn::in_pass(event_loop, &queue, this.get().spare.take(py));
        let noted = turn.begin();
        let is_last_of_pass = queue.len() == 0;
        let mut seat = Seat::new(event_loop)?;
        for passes_left in (0..MOST_PASSES).rev() {
            entry.several.get().run(&mut seat)?;
            if !is_last_of_pass
                || passes_left == 0
                || !turn.has_begun_all(&queue)
                || !this.get().has_nothing_to_watch(event_loop)?
            {
                break;
            }
            queue.pop_left()?;
            match turn.go_on(&entry, py) {
                Some(next) => entry = next,
                None => break,
            }
        }
        seat.clear()?;
        drop(noted);
        turn.end(py, entry);
        Ok(())
    }

    /// Whether uvloop would come back at once for what is ready, and for nothing else.
    fn has_nothing_to_watch(&self, event_loop: &Bound<'_, PyAny>) -> PyResult<bool> {
        let py = event_loop.py();
        if !self.libuv.is_some(py) {
            drop(self.libuv.replace(py, uvloop::libuv_of(event_loop)?));
        }
        let watches_nothing = self.libuv.look(py, |libuv| {
            libuv.as_ref().is_some_and(|libuv| uvloop::has_nothing_to_watch(py, libuv))
        });
        Ok(watches_nothing && uvloop::only_appends(event_loop)?)
    }

    /// Runs every piece of work, in order. What is left when the loop is to be left stays in front of
    /// everything else, also after a panic, which the loop is told of.
    fn run(&self, seat: &mut Seat<'_, '_>) -> PyResult<()> {
        let event_loop = seat.event_loop();
        let py = event_loop.py();
        let outcome = ffi::catch_panic(|| {
            while let Some(ready) = self.work.pop_front(py) {
                ready.run_or(seat, |ready, event_loop, error| {
                    self.report(ready, event_loop, error)
                })?;
                ready.release(py);
            }
            Ok(())
        });
        let Err(error) = outcome else { return Ok(()) };
        seat.clear()?;
        self.put_back(event_loop)?;
        if !error.is_instance_of::<PanicException>(py) {
            return Err(error);
        }
        let context = PyDict::new(py);
        context.set_item(intern!(py, "message"), "Exception between two ready callbacks")?;
        context.set_item(intern!(py, "exception"), error.into_value(py))?;
        ffi::call_method(intern!(py, "call_exception_handler"), &[event_loop, &context]).map(drop)
    }

    /// Reports what a piece of work has raised, in uvloop's words. The handle shows that one for ever.
    fn report(&self, ready: &Ready, event_loop: &Bound<'_, PyAny>, error: PyErr) -> PyResult<()> {
        let py = event_loop.py();
        let handle = match self.handle.bound(py).and_then(|handle| handle.upgrade()) {
            Some(handle) => handle,
            None => ready.handle(event_loop)?,
        };
        drop(self.shown.replace(py, Some(ready.clone_ref(py))));
        ready::report(event_loop, &ready.callback(py)?, error, &handle)
    }

    /// Whether what was run can be used again: nobody has been shown it.
    pub(super) fn is_unseen(&self, py: Python<'_>) -> bool {
        !self.shown.is_some(py)
    }

    /// The function that asyncio would have in its place.
    fn function<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        fault::point();
        let function = |ready: &Ready| ready.callback(py);
        let shown = self.shown.look(py, |shown| shown.as_ref().map(function));
        shown
            .or_else(|| self.work.look(py, |work| work.front().map(function)))
            .unwrap_or_else(|| Ok(py.None().into_bound(py)))
    }

    fn put_back(&self, event_loop: &Bound<'_, PyAny>) -> PyResult<()> {
        let left = self.work.take(event_loop.py());
        if left.is_empty() {
            return Ok(());
        }
        let several = Self::new(event_loop, left)?;
        let handle = several.get().call_soon(&several)?;
        if let Some(queue) = uvloop::queue_ending_with(event_loop, &handle)? {
            queue.append_left(&handle)?;
            queue.pop()?;
        }
        Ok(())
    }
}

impl Kept for Several {
    type Held<'py> = (Bound<'py, PyAny>, VecDeque<Ready>, Bound<'py, PyAny>);
    const HOLDS_UNBOUND: bool = true;

    fn spare() -> &'static Spare {
        static SPARE: Spare = Spare::new();
        &SPARE
    }

    fn empty() -> Self {
        Self {
            event_loop: SharedField::new(None),
            work: Field::new(VecDeque::new()),
            context: SharedField::new(None),
            handle: SharedField::new(None),
            queue: SharedField::new(None),
            spare: Field::new(None),
            libuv: Field::new(None),
            shown: Field::new(None),
        }
    }

    fn fill(&self, (event_loop, work, context): Self::Held<'_>) {
        let py = event_loop.py();
        drop(self.work.replace(py, work)); // empty
        self.event_loop.put(event_loop);
        self.context.put(context);
    }

    fn take_out(&self, py: Python<'_>) -> impl Sized {
        let bound = |object: Py<PyAny>| object.into_bound(py);
        let objects = (self.event_loop.take(py).map(bound), self.context.take(py).map(bound));
        let place = (self.handle.take(py), self.queue.take(py), self.libuv.take(py));
        (self.work.take(py), self.shown.take(py), self.spare.take(py), objects, place)
    }
}

#[pymethods]
impl Several {
    fn __call__(slf: &Bound<'_, Self>) -> PyResult<()> {
        let py = slf.py();
        let several = slf.get();
        let (Some(event_loop), Some(context)) =
            (several.event_loop.bound(py), several.context.bound(py))
        else {
            return Ok(());
        };
        // What a task leaves behind is dropped in no context of a task.
        let left = LeftContext::leave(context)?;
        let outcome = Self::run_passes(slf, &event_loop);
        outcome.and(left.enter_again())
    }

    fn __getattr__<'py>(
        &self,
        py: Python<'py>,
        name: &Bound<'py, PyString>,
    ) -> PyResult<Bound<'py, PyAny>> {
        self.function(py)?.getattr(name)
    }

    fn __repr__<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyString>> {
        self.function(py)?.repr()
    }

    // Here for the class to take part in the collection of garbage; `ffi::install_traverse` puts what
    // is run in its place.
    #[allow(clippy::unused_self, clippy::unnecessary_wraps)]
    fn __traverse__(&self, _visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        Ok(())
    }

    fn __clear__(&self, py: Python<'_>) {
        drop(self.take_out(py));
    }
}

impl Collected for Several {
    fn show(this: Borrowed<'_, '_, Self>, visit: &Visit) -> Result<(), Enough> {
        let this = this.get();
        this.event_loop.traverse(visit)?;
        this.work.traverse(visit)?;
        this.context.traverse(visit)?;
        this.handle.traverse(visit)?;
        this.queue.traverse(visit)?;
        this.spare.traverse(visit)?;
        this.libuv.traverse(visit)?;
        this.shown.traverse(visit)
    }
}
