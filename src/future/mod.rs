//! The class `Future`: a result that is not there yet, and who waits for it.
//!
//! The fields are touched by these files only: `create.rs` makes a future, `outcome.rs` finishes it
//! and hands its outcome out, `callbacks.rs` keeps who waits and wakes them, `iterator.rs` is what
//! `await` drives, `finishing.rs` the way into `set_result()`, `report.rs` speaks up for a future that
//! dies with an exception nobody has seen, `rare.rs` keeps what most futures never have, and
//! `awaited_by.rs` the edges of the call graph of 3.14. A [`Task`] is a future, too, and its fields here
//! are those of its base class.
//!
//! A future without a loop is one whose `__init__` has not run: a subclass may have forgotten it.

#[cfg(Py_3_14)]
pub(crate) mod awaited_by;
mod callbacks;
mod create;
mod finishing;
mod iterator;
mod outcome;
mod rare;
pub(crate) mod report;

use pyo3::exceptions::{PyRuntimeError, PyValueError};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyGenericAlias, PyList, PyTuple, PyType};
use pyo3::{PyTraverseError, PyTypeInfo, PyVisit};

pub(crate) use callbacks::{Callback, add as add_callback};
pub(crate) use create::given;
pub(crate) use finishing::prepare;
pub(crate) use iterator::FutureIter;
pub(crate) use outcome::{
    Retrieved, cancel, cancel_with, invalid_state, set_exception, set_result,
};

use crate::asyncio::asyncio;
use crate::combinators::GatheringFuture;
use crate::ffi::{
    self, Collected, Construct, Enough, Field, Lifecycle, OriginalDealloc, SharedField, Spare,
    Visit, fault,
};
use crate::state::Life;
use crate::task::Task;
use callbacks::Callbacks;
use rare::Rare;

/// A result that will be there later, on a loop of asyncio.
///
/// Takes the loop it belongs to; without one, the running loop. It behaves as `asyncio.Future` of
/// the interpreter it runs on, and like that one it is not thread-safe.
#[pyclass(module = "aioxide", subclass, frozen, dict, weakref, immutable_type)]
pub(crate) struct Future {
    event_loop: SharedField,
    life: Field<Life>,
    /// The result of a future that has returned, the exception of one that has raised.
    value: SharedField,
    callbacks: Field<Callbacks>,
    /// What most futures never have.
    rare: Field<Option<Box<Rare>>>,
    /// The tasks that await this one: a task, or a set of them.
    #[cfg(Py_3_14)]
    awaited_by: SharedField,
    /// Whether an exception was set that nobody has retrieved.
    log_traceback: Field<bool>,
    /// Set by the iterator when it yields the future and cleared by the task that sees it: tells
    /// `await future` from `yield future`.
    blocking: Field<bool>,
}

impl Future {
    pub(crate) fn unready() -> Self {
        Self {
            event_loop: Field::new(None),
            life: Field::new(Life::Pending),
            value: Field::new(None),
            callbacks: Field::new(Callbacks::NONE),
            rare: Field::new(None),
            #[cfg(Py_3_14)]
            awaited_by: Field::new(None),
            log_traceback: Field::new(false),
            blocking: Field::new(false),
        }
    }

    pub(crate) fn life(&self, py: Python<'_>) -> Life {
        self.life.get(py)
    }

    /// As `life`, for where a panic could not go anywhere.
    pub(crate) fn peek_life(&self, py: Python<'_>) -> Life {
        self.life.peek(py)
    }

    pub(crate) fn event_loop<'py>(&self, py: Python<'py>) -> Option<Bound<'py, PyAny>> {
        self.event_loop.bound(py)
    }

    /// Whether this is the very loop that the future belongs to.
    pub(crate) fn belongs_to(&self, py: Python<'_>, event_loop: &Bound<'_, PyAny>) -> bool {
        self.event_loop.is(py, event_loop)
    }

    /// The loop, or the error of a future that has none.
    pub(crate) fn ready_loop<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        self.event_loop(py)
            .ok_or_else(|| PyRuntimeError::new_err("Future object is not initialized."))
    }

    fn ensure_ready(&self, py: Python<'_>) -> PyResult<()> {
        if self.event_loop.is_some(py) { Ok(()) } else { self.ready_loop(py).map(drop) }
    }

    pub(crate) fn cancel_message<'py>(&self, py: Python<'py>) -> Option<Bound<'py, PyAny>> {
        self.rarely(py, |rare| &mut rare.cancel_message)
    }

    pub(crate) fn store_cancel_message(&self, py: Python<'_>, message: Option<Bound<'_, PyAny>>) {
        drop(self.exchange_rarely(py, |rare| &mut rare.cancel_message, message));
    }

    pub(crate) fn forget_exception_log(&self, py: Python<'_>) {
        self.log_traceback.set(py, false);
    }

    /// Whether an exception was set that nobody has retrieved.
    pub(crate) fn has_unseen_exception(&self, py: Python<'_>) -> bool {
        self.log_traceback.peek(py)
    }

    /// Whether the future was yielded by an `await`; a `true` is taken by asking.
    pub(crate) fn take_blocking(&self, py: Python<'_>) -> bool {
        let blocking = self.blocking.get(py);
        self.blocking.set(py, false);
        blocking
    }

    /// Whether this is a future as it was allocated: without a loop it gets nothing else.
    fn holds_nothing(&self, py: Python<'_>) -> bool {
        #[cfg(Py_3_14)]
        if self.awaited_by.is_some(py) {
            return false;
        }
        !self.event_loop.is_some(py) && !self.rare.is_some(py)
    }

    /// What most futures hold; None for one that holds anything else.
    pub(crate) fn take_out<'py>(&self, py: Python<'py>) -> Option<impl Sized + use<'py>> {
        #[cfg(Py_3_14)]
        if self.awaited_by.is_some(py) {
            return None;
        }
        if self.rare.is_some(py) || self.callbacks.look(py, Callbacks::are_some) {
            return None;
        }
        let bound = |object: Py<PyAny>| object.into_bound(py);
        Some((self.event_loop.take(py).map(bound), self.value.take(py).map(bound)))
    }

    pub(crate) fn unload_into(&self, py: Python<'_>, queue: &mut Vec<Py<PyAny>>) {
        queue.extend(self.event_loop.take(py));
        queue.extend(self.value.take(py));
        if let Some(rare) = self.rare.take(py) {
            rare.unload_into(queue);
        }
        #[cfg(Py_3_14)]
        queue.extend(self.awaited_by.take(py));
        self.callbacks.take(py).unload_into(queue);
    }
}

/// `object`, if nothing in it can have been overridden: exactly a Rust future, task or
/// gathering.
pub(crate) fn exact<'a, 'py>(object: &'a Bound<'py, PyAny>) -> Option<&'a Bound<'py, Future>> {
    let py = object.py();
    let class = object.get_type_ptr();
    if class != Future::type_object_raw(py)
        && class != Task::type_object_raw(py)
        && class != GatheringFuture::type_object_raw(py)
    {
        return None;
    }
    // SAFETY: it is of one of these classes, each of which is `Future` or a subclass.
    Some(unsafe { object.cast_unchecked() })
}

/// Whether nobody sees when a future goes that is done: it is of exactly this class, and its result makes no
/// difference.
pub(crate) fn goes_unseen(future: &Bound<'_, Future>) -> bool {
    let this = future.get();
    let py = future.py();
    future.is_exact_instance_of::<Future>()
        && this.life(py) == Life::Returned
        && this
            .value
            .look(py, |value| value.as_ref().is_none_or(|value| ffi::is_plain(value.bind(py))))
        && this.rare.look(py, Option::is_none)
        && !ffi::has_own_attributes(future)
        && !ffi::has_weak_references(future)
}

/// `context=` as `add_done_callback` takes it: without one, the current context is copied.
pub(crate) enum CallbackContext<'py> {
    Current,
    Given(Bound<'py, PyAny>),
}

impl<'a, 'py> FromPyObject<'a, 'py> for CallbackContext<'py> {
    type Error = std::convert::Infallible;

    fn extract(object: Borrowed<'a, 'py, PyAny>) -> Result<Self, Self::Error> {
        Ok(Self::Given(object.to_owned()))
    }
}

#[pymethods]
impl Future {
    // Subclasses are allocated by `ffi::construct`; this makes the first object, which shows it where.
    #[new]
    #[pyo3(signature = (*_args, **_kwargs), text_signature = "(*, loop=None)")]
    fn new(_args: &Bound<'_, PyTuple>, _kwargs: Option<&Bound<'_, PyDict>>) -> Self {
        Self::unready()
    }

    #[pyo3(signature = (*args, **kwargs))]
    fn __init__<'py>(
        slf: &Bound<'py, Self>,
        args: &Bound<'py, PyTuple>,
        kwargs: Option<&Bound<'py, PyDict>>,
    ) -> PyResult<()> {
        Self::initialise_from(slf, args, kwargs)
    }

    /// Return the result.
    ///
    /// Raises the exception if one was set, `CancelledError` if the future was cancelled and
    /// `InvalidStateError` if it is not done.
    fn result<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        self.get_result(py)
    }

    /// Return the exception that was set, or None.
    ///
    /// Raises `CancelledError` if the future was cancelled and `InvalidStateError` if it is not
    /// done.
    fn exception<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyAny>>> {
        self.get_exception(py)
    }

    /// Finish the future with a result; `InvalidStateError` if it is done.
    #[pyo3(signature = (result, /))]
    fn set_result(slf: &Bound<'_, Self>, result: Bound<'_, PyAny>) -> PyResult<()> {
        outcome::set_result(slf, result)
    }

    /// Finish the future with an exception, given as an instance or a class; `InvalidStateError` if
    /// it is done.
    #[pyo3(signature = (exception, /))]
    fn set_exception(slf: &Bound<'_, Self>, exception: Bound<'_, PyAny>) -> PyResult<()> {
        outcome::set_exception(slf, exception)
    }

    /// Cancel the future and let its callbacks be called. Return False if it is done.
    #[pyo3(signature = (msg=None))]
    fn cancel(slf: &Bound<'_, Self>, msg: Option<Bound<'_, PyAny>>) -> PyResult<bool> {
        slf.get().ensure_ready(slf.py())?;
        outcome::cancel(slf, msg)
    }

    /// Return True if the future was cancelled.
    fn cancelled(&self, py: Python<'_>) -> bool {
        self.life(py) == Life::Cancelled
    }

    /// Return True if the future has a result or an exception, or was cancelled.
    fn done(&self, py: Python<'_>) -> bool {
        self.life(py).is_done()
    }

    /// Have `fn(future)` called by the loop, in `context`, when the future is done; soon, if it is
    /// done now.
    #[pyo3(
        signature = (r#fn, /, *, context=CallbackContext::Current),
        text_signature = "($self, fn, /, *, context=<unrepresentable>)"
    )]
    fn add_done_callback<'py>(
        slf: &Bound<'py, Self>,
        r#fn: Bound<'py, PyAny>,
        context: CallbackContext<'py>,
    ) -> PyResult<()> {
        let context = match context {
            CallbackContext::Current => ffi::copy_current_context(slf.py())?,
            CallbackContext::Given(context) => context,
        };
        let call = Callback::call(r#fn, context);
        callbacks::add(slf, call)
    }

    /// Remove every registration of `fn` (compared with ==) and return how many there were.
    #[pyo3(signature = (r#fn, /))]
    fn remove_done_callback(slf: &Bound<'_, Self>, r#fn: Bound<'_, PyAny>) -> PyResult<usize> {
        callbacks::remove(slf, &r#fn)
    }

    /// Return the loop that the future belongs to.
    fn get_loop<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        self.ready_loop(py)
    }

    /// Return the error to raise for the cancellation; an error that ended a task is handed out
    /// once.
    fn _make_cancelled_error<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        self.make_cancelled_error(py)
    }

    fn __await__(slf: Bound<'_, Self>) -> PyResult<Bound<'_, FutureIter>> {
        FutureIter::asked_for(slf)
    }

    fn __iter__(slf: Bound<'_, Self>) -> PyResult<Bound<'_, FutureIter>> {
        Self::__await__(slf)
    }

    fn __repr__<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        let py = slf.py();
        slf.get().ensure_ready(py)?;
        ffi::call(asyncio(py).future_repr.bind(py), &[slf])
    }

    fn __del__(slf: &Bound<'_, Self>) {
        report::never_retrieved(slf);
    }

    /// See PEP 585.
    #[classmethod]
    #[pyo3(signature = (key, /))]
    fn __class_getitem__<'py>(
        cls: &Bound<'py, PyType>,
        key: &Bound<'py, PyAny>,
    ) -> PyResult<Bound<'py, PyGenericAlias>> {
        fault::point();
        PyGenericAlias::new(cls.py(), cls, key)
    }

    /// asyncio's class for exactly `Future`, `Task` and what `gather()` returns, so that `isinstance()` holds for code that
    /// has nothing but asyncio's; the true class of a subclass.
    #[getter]
    fn __class__<'py>(slf: &Bound<'py, Self>) -> Bound<'py, PyAny> {
        fault::point();
        let py = slf.py();
        let class = slf.get_type_ptr();
        if class == Self::type_object_raw(py) {
            asyncio(py).future_class.bind(py).clone()
        } else if class == Task::type_object_raw(py) {
            asyncio(py).task_class.bind(py).clone()
        } else if class == GatheringFuture::type_object_raw(py) {
            asyncio(py).gathering_class.bind(py).clone()
        } else {
            slf.get_type().into_any()
        }
    }

    #[setter(__class__)]
    fn set_class(slf: &Bound<'_, Self>, class: Bound<'_, PyAny>) -> PyResult<()> {
        fault::point();
        let py = slf.py();
        let descriptor = asyncio(py).class_descriptor.bind(py);
        descriptor.call_method1(intern!(py, "__set__"), (slf, class)).map(drop)
    }

    #[getter]
    fn _state(&self, py: Python<'_>) -> PyResult<&'static str> {
        self.ensure_ready(py)?;
        Ok(self.life(py).name())
    }

    #[getter]
    fn _loop<'py>(&self, py: Python<'py>) -> Option<Bound<'py, PyAny>> {
        self.event_loop(py)
    }

    #[getter]
    fn _result<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyAny>>> {
        self.ensure_ready(py)?;
        Ok(self.value.bound(py).filter(|_| self.life(py) == Life::Returned))
    }

    #[getter]
    fn _exception<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyAny>>> {
        self.ensure_ready(py)?;
        Ok(self.value.bound(py).filter(|_| self.life(py) == Life::Raised))
    }

    #[getter]
    fn _callbacks<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyList>>> {
        self.ensure_ready(py)?;
        self.callback_pairs(py)
    }

    #[getter]
    fn _source_traceback<'py>(&self, py: Python<'py>) -> Option<Bound<'py, PyAny>> {
        self.source_traceback(py)
    }

    #[getter]
    fn _cancel_message<'py>(&self, py: Python<'py>) -> Option<Bound<'py, PyAny>> {
        self.cancel_message(py)
    }

    #[setter(_cancel_message)]
    fn set_cancel_message(&self, py: Python<'_>, message: Bound<'_, PyAny>) {
        self.store_cancel_message(py, Some(message));
    }

    #[getter]
    fn _log_traceback(&self, py: Python<'_>) -> PyResult<bool> {
        self.ensure_ready(py)?;
        Ok(self.log_traceback.get(py))
    }

    #[setter(_log_traceback)]
    fn set_log_traceback(&self, py: Python<'_>, value: Bound<'_, PyAny>) -> PyResult<()> {
        if value.is_truthy()? {
            return Err(PyValueError::new_err("_log_traceback can only be set to False"));
        }
        self.log_traceback.set(py, false);
        Ok(())
    }

    #[getter]
    fn _asyncio_future_blocking(&self, py: Python<'_>) -> bool {
        self.blocking.get(py)
    }

    #[setter(_asyncio_future_blocking)]
    fn set_blocking(&self, py: Python<'_>, value: Bound<'_, PyAny>) -> PyResult<()> {
        self.ensure_ready(py)?;
        let blocking = value.is_truthy()?;
        self.blocking.set(py, blocking);
        Ok(())
    }

    #[cfg(Py_3_14)]
    #[getter]
    fn _asyncio_awaited_by<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyAny>>> {
        self.awaited_by(py)
    }

    // Here for the class to take part in the collection of garbage; `ffi::install_traverse` puts what
    // is run in its place.
    #[allow(clippy::unused_self, clippy::unnecessary_wraps)]
    fn __traverse__(&self, _visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        Ok(())
    }

    fn __clear__(&self, py: Python<'_>) {
        let mut held = Vec::new();
        self.unload_into(py, &mut held);
    }
}

impl Lifecycle for Future {
    fn original_dealloc() -> &'static OriginalDealloc {
        static ORIGINAL: OriginalDealloc = OriginalDealloc::new();
        &ORIGINAL
    }

    fn has_last_word(this: Borrowed<'_, '_, Self>) -> bool {
        let future = this.get();
        future.has_unseen_exception(this.py()) || future.has_link(this.py())
    }

    fn finalise(this: &Bound<'_, Self>) {
        outcome::stop_work(this);
        report::never_retrieved(this);
    }

    fn spare() -> Option<&'static Spare> {
        static SPARE: Spare = Spare::new();
        Some(&SPARE)
    }

    fn leave(_this: Borrowed<'_, '_, Self>) {}

    fn take_out<'py>(this: Borrowed<'_, 'py, Self>) -> Option<impl Sized + use<'py>> {
        this.get().take_out(this.py())
    }

    fn unload(this: &Bound<'_, Self>, queue: &mut Vec<Py<PyAny>>) {
        this.get().unload_into(this.py(), queue);
    }
}

impl Collected for Future {
    fn show(this: Borrowed<'_, '_, Self>, visit: &Visit) -> Result<(), Enough> {
        this.get().show_held(visit)
    }
}

impl Future {
    pub(crate) fn show_held(&self, visit: &Visit) -> Result<(), Enough> {
        self.event_loop.traverse(visit)?;
        self.value.traverse(visit)?;
        self.rare.traverse(visit)?;
        #[cfg(Py_3_14)]
        self.awaited_by.traverse(visit)?;
        self.callbacks.traverse(visit)
    }
}
