//! The class `Task`: a coroutine that a loop drives step by step.
//!
//! A pending task is in one of three states, and its fields say which:
//!
//! - **scheduled**: its next step is in the loop's queue; `waiter` is None;
//! - **running**: a step is on the stack, the task is the current one of its loop; `waiter` is None;
//! - **waiting**: `waiter` is the future it awaits, and that future has the task among its callbacks.
//!
//! Verbs have files: `create.rs` makes a task, `step.rs` runs one step, `suspend.rs` deals with what
//! the coroutine yielded, `wakeup.rs` goes on when the awaited future is done, `cancel.rs`
//! cancels, `eager.rs` runs the first step at once, `describe.rs` puts a task into words. The fields are written by those files only.

mod cancel;
mod create;
mod describe;
mod eager;
mod step;
mod suspend;
mod wakeup;

use std::ptr;

use pyo3::exceptions::PyRuntimeError;
use pyo3::ffi::PyObject;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyDict, PyString, PyTuple};
use pyo3::{PyClassInitializer, PyTraverseError, PyVisit};

use crate::asyncio::asyncio;
use crate::ffi::{
    self, AliveList, Arguments, Collected, Construct, Enough, Field, Lifecycle, Links, Listed,
    OriginalDealloc, SharedField, Signature, Spare, Visit, fault, install_constructor,
    install_lifecycle, install_traverse,
};
use crate::future::{self, Future, report};
use crate::schedule::Kept;
use crate::state::{Cancellation, Life};
pub(crate) use cancel::cancel;

/// A coroutine that is run by a loop of asyncio, and the future of its result.
///
/// Takes the coroutine and by keyword the loop (default: the running one), a name, the
/// `contextvars.Context` to run in (default: a copy of the current one) and whether to run up to
/// the first suspension at once. It behaves as `asyncio.Task` of the interpreter it runs on.
#[pyclass(module = "aioxide", extends = Future, subclass, frozen, immutable_type)]
pub(crate) struct Task {
    coroutine: SharedField,
    context: SharedField,
    /// The future that is awaited.
    waiter: SharedField,
    cancellation: Field<Cancellation>,
    /// A name that was given, or asked for before; until then `name_number` stands for it.
    name: SharedField,
    name_number: Field<u64>,
    log_destroy_pending: Field<bool>,
    /// Whether uvloop was given a handle for it alone, and what it keeps of that.
    had_handle: Field<bool>,
    kept: Kept,
    /// Its place among all tasks.
    links: Links,
}

impl Task {
    fn unready() -> Self {
        Self {
            coroutine: Field::new(None),
            context: Field::new(None),
            waiter: Field::new(None),
            cancellation: Field::new(Cancellation::default()),
            name: Field::new(None),
            name_number: Field::new(0),
            log_destroy_pending: Field::new(false),
            had_handle: Field::new(false),
            kept: Kept::nothing(),
            links: Links::new(),
        }
    }

    /// The context its steps run in; an error for a task whose `__init__` has not run.
    pub(crate) fn ready_context<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        self.context.bound(py).ok_or_else(uninitialised)
    }

    /// Whether that is a `contextvars.Context`.
    pub(crate) fn has_plain_context(&self, py: Python<'_>) -> bool {
        let is_plain = |context: &Py<PyAny>| ffi::is_context(context.bind(py));
        self.context.look(py, |context| context.as_ref().is_some_and(is_plain))
    }

    pub(crate) fn kept(&self) -> &Kept {
        &self.kept
    }

    /// Whether uvloop was given a handle for it before; from now on it was.
    pub(crate) fn had_handle(&self, py: Python<'_>) -> bool {
        self.had_handle.replace(py, true)
    }

    /// The loop its steps run on.
    pub(crate) fn ready_loop<'py>(task: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        as_future(task).get().ready_loop(task.py())
    }

    /// Whether it has ended.
    pub(crate) fn is_done(task: &Bound<'_, Self>) -> bool {
        as_future(task).get().life(task.py()) != Life::Pending
    }

    /// Done, and `done()` says so: a subclass may say something else.
    pub(crate) fn is_surely_done(task: &Bound<'_, Self>) -> bool {
        let future = as_future(task).get();
        future.life(task.py()) != Life::Pending && task.is_exact_instance_of::<Self>()
    }

    pub(crate) fn keep_quiet_when_destroyed(&self, py: Python<'_>) {
        self.log_destroy_pending.set(py, false);
    }

    fn unload_into(&self, py: Python<'_>, queue: &mut Vec<Py<PyAny>>) {
        queue.extend(self.coroutine.take(py));
        queue.extend(self.context.take(py));
        queue.extend(self.waiter.take(py));
        queue.extend(self.name.take(py));
        self.kept.unload_into(py, queue);
    }
}

fn uninitialised() -> PyErr {
    PyRuntimeError::new_err("uninitialized Task object")
}

/// The future that a task is.
fn as_future<'a, 'py>(task: &'a Bound<'py, Task>) -> &'a Bound<'py, Future> {
    task.as_super()
}

/// Prepares the types for their first objects. Called when the module is made.
pub(crate) fn prepare(py: Python<'_>) -> PyResult<()> {
    install_lifecycle::<Future>(py);
    install_lifecycle::<Task>(py);
    future::prepare(py)?;
    install_traverse::<Future>(py);
    install_traverse::<Task>(py);
    install_constructor::<Future>(py)?;
    install_constructor::<Task>(py)?;
    let class = py.get_type::<Task>();
    ffi::own_methods(&py.get_type::<Future>(), &class)?;
    cancel::prepare(&class)
}

#[pymethods]
impl Task {
    // Subclasses are allocated by `ffi::construct`; this makes the first object, which shows it where.
    #[new]
    #[pyo3(
        signature = (*_args, **_kwargs),
        text_signature = "(coro, *, loop=None, name=None, context=None, eager_start=False)"
    )]
    fn new(
        _args: &Bound<'_, PyTuple>,
        _kwargs: Option<&Bound<'_, PyDict>>,
    ) -> PyClassInitializer<Self> {
        PyClassInitializer::from(Future::unready()).add_subclass(Self::unready())
    }

    #[pyo3(signature = (*args, **kwargs))]
    fn __init__<'py>(
        slf: &Bound<'py, Self>,
        args: &Bound<'py, PyTuple>,
        kwargs: Option<&Bound<'py, PyDict>>,
    ) -> PyResult<()> {
        Self::initialise_from(slf, args, kwargs)
    }

    /// Ask the task to cancel itself: `CancelledError(msg)` is thrown into its coroutine at the
    /// next opportunity, which may catch it. Return False if the task is done.
    #[pyo3(signature = (msg=None))]
    fn cancel(slf: &Bound<'_, Self>, msg: Option<Bound<'_, PyAny>>) -> PyResult<bool> {
        cancel::cancel(as_future(slf), msg)
    }

    /// Return how many requests to cancel there were, less those that were taken back.
    fn cancelling(&self, py: Python<'_>) -> u32 {
        self.cancellation.get(py).requests()
    }

    /// Take one request to cancel back and return how many are left.
    fn uncancel(&self, py: Python<'_>) -> u32 {
        cancel::uncancel(self, py)
    }

    /// Refused: a task's result is what its coroutine returns.
    #[pyo3(signature = (result, /))]
    #[allow(clippy::unused_self)] // a method of the class all the same
    fn set_result(&self, result: Bound<'_, PyAny>) -> PyResult<()> {
        fault::point();
        let _ = result;
        Err(PyRuntimeError::new_err("Task does not support set_result operation"))
    }

    /// Refused: a task's exception is what its coroutine raises.
    #[pyo3(signature = (exception, /))]
    #[allow(clippy::unused_self)] // a method of the class all the same
    fn set_exception(&self, exception: Bound<'_, PyAny>) -> PyResult<()> {
        fault::point();
        let _ = exception;
        Err(PyRuntimeError::new_err("Task does not support set_exception operation"))
    }

    /// Return the coroutine; None when the first step, run at once, has ended it.
    fn get_coro<'py>(&self, py: Python<'py>) -> Option<Bound<'py, PyAny>> {
        self.coroutine.bound(py)
    }

    /// Return the context the coroutine runs in.
    fn get_context<'py>(&self, py: Python<'py>) -> Option<Bound<'py, PyAny>> {
        self.context.bound(py)
    }

    /// Return the name.
    fn get_name<'py>(&self, py: Python<'py>) -> Option<Bound<'py, PyAny>> {
        self.name.bound(py).or_else(|| {
            let number = self.name_number.get(py);
            (number != 0).then(|| PyString::new(py, &format!("Task-{number}")).into_any())
        })
    }

    /// Set the name to `str(value)`.
    #[pyo3(signature = (value, /))]
    pub(crate) fn set_name(&self, value: Bound<'_, PyAny>) -> PyResult<()> {
        self.name.put(create::name_from(value)?);
        Ok(())
    }

    /// Return the frames of the coroutine, or those of the traceback if it raised; at most `limit`.
    #[pyo3(signature = (*, limit=None))]
    fn get_stack<'py>(
        slf: &Bound<'py, Self>,
        limit: Option<Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let none = slf.py().None().into_bound(slf.py());
        let get_stack = asyncio(slf.py()).task_get_stack.bind(slf.py());
        ffi::call(get_stack, &[slf, limit.as_ref().unwrap_or(&none)])
    }

    /// Print the frames of the coroutine to `file`, by default standard error; at most `limit`.
    #[pyo3(signature = (*, limit=None, file=None))]
    fn print_stack<'py>(
        slf: &Bound<'py, Self>,
        limit: Option<Bound<'py, PyAny>>,
        file: Option<Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let none = slf.py().None().into_bound(slf.py());
        let print_stack = asyncio(slf.py()).task_print_stack.bind(slf.py());
        ffi::call(
            print_stack,
            &[slf, limit.as_ref().unwrap_or(&none), file.as_ref().unwrap_or(&none)],
        )
    }

    fn __repr__<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        describe::describe(slf)
    }

    fn __del__(slf: &Bound<'_, Self>) {
        finalise(slf);
    }

    #[getter]
    fn _coro<'py>(&self, py: Python<'py>) -> Option<Bound<'py, PyAny>> {
        self.coroutine.bound(py)
    }

    #[getter]
    fn _fut_waiter<'py>(&self, py: Python<'py>) -> Option<Bound<'py, PyAny>> {
        self.waiter.bound(py)
    }

    #[getter]
    fn _must_cancel(&self, py: Python<'_>) -> bool {
        self.cancellation.get(py).is_due()
    }

    #[getter]
    fn _log_destroy_pending(&self, py: Python<'_>) -> bool {
        self.log_destroy_pending.get(py)
    }

    #[setter(_log_destroy_pending)]
    fn set_log_destroy_pending(&self, py: Python<'_>, value: Bound<'_, PyAny>) -> PyResult<()> {
        let log = value.is_truthy()?;
        self.log_destroy_pending.set(py, log);
        Ok(())
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

impl Construct for Task {
    fn signature() -> &'static Signature {
        static SIGNATURE: Signature =
            Signature::new(1, &["coro", "loop", "name", "context", "eager_start"]);
        &SIGNATURE
    }

    fn builtin(py: Python<'_>) -> &Bound<'_, PyAny> {
        asyncio(py).task_class.bind(py)
    }

    fn offsets() -> &'static PyOnceLock<Vec<usize>> {
        static OFFSETS: PyOnceLock<Vec<usize>> = PyOnceLock::new();
        &OFFSETS
    }

    fn addresses(this: &Bound<'_, Self>) -> Vec<usize> {
        vec![ptr::from_ref(as_future(this).get()) as usize, ptr::from_ref(this.get()) as usize]
    }

    unsafe fn write_unready(object: *mut PyObject, offsets: &[usize]) {
        // SAFETY: the caller vouches for the object and for the offsets of these values in it.
        unsafe {
            Future::write_unready(object, offsets);
            object.byte_add(offsets[1]).cast::<Self>().write(Self::unready());
        }
    }

    fn initialise<'py>(this: &Bound<'py, Self>, arguments: &mut Arguments<'py>) -> PyResult<()> {
        create::initialise(this, arguments)
    }
}

impl Listed for Task {
    fn links(&self) -> &Links {
        &self.links
    }

    fn list() -> &'static AliveList {
        static TASKS: AliveList = AliveList::new();
        &TASKS
    }
}

impl Lifecycle for Task {
    fn original_dealloc() -> &'static OriginalDealloc {
        static ORIGINAL: OriginalDealloc = OriginalDealloc::new();
        &ORIGINAL
    }

    fn has_last_word(this: Borrowed<'_, '_, Self>) -> bool {
        is_lost(&this) || as_future(&this).get().has_unseen_exception(this.py())
    }

    fn finalise(this: &Bound<'_, Self>) {
        finalise(this);
    }

    fn spare() -> Option<&'static Spare> {
        static SPARE: Spare = Spare::new();
        Some(&SPARE)
    }

    fn leave(this: Borrowed<'_, '_, Self>) {
        ffi::leave_list(this);
    }

    fn take_out<'py>(this: Borrowed<'_, 'py, Self>) -> Option<impl Sized + use<'py>> {
        let (py, task) = (this.py(), this.get());
        let of_future = as_future(&this).get().take_out(py)?;
        let bound = |field: &SharedField| field.take(py).map(|object| object.into_bound(py));
        let (coroutine, context) = (bound(&task.coroutine), bound(&task.context));
        let (waiter, name) = (bound(&task.waiter), bound(&task.name));
        Some((coroutine, context, waiter, name, task.kept.take_out(py), of_future))
    }

    fn unload(this: &Bound<'_, Self>, queue: &mut Vec<Py<PyAny>>) {
        this.get().unload_into(this.py(), queue);
        as_future(this).get().unload_into(this.py(), queue);
    }
}

/// Whether this, were it to die now, would be worth a word: its coroutine has not ended.
fn is_lost(task: &Bound<'_, Task>) -> bool {
    let py = task.py();
    let life = as_future(task).get().peek_life(py);
    life == Life::Pending && task.get().log_destroy_pending.peek(py)
}

/// Reports a task that dies before its coroutine has ended, then what every future reports.
fn finalise(task: &Bound<'_, Task>) {
    let py = task.py();
    let future = as_future(task);
    // The collector has cleared the weak references, which asyncio knows its tasks by up to 3.13: it
    // does not know this one any more, even should it live on.
    if cfg!(not(Py_3_14)) && ffi::is_collected(task) {
        ffi::leave_list(task.as_borrowed());
    }
    if is_lost(task) {
        let describe = || {
            let context = PyDict::new(py);
            context.set_item(intern!(py, "task"), task)?;
            context.set_item(intern!(py, "message"), "Task was destroyed but it is pending!")?;
            Ok(context)
        };
        report::call_exception_handler(future, describe());
    }
    report::never_retrieved(future);
}

impl Collected for Task {
    fn show(this: Borrowed<'_, '_, Self>, visit: &Visit) -> Result<(), Enough> {
        as_future(&this).get().show_held(visit)?;
        this.get().coroutine.traverse(visit)?;
        this.get().context.traverse(visit)?;
        this.get().waiter.traverse(visit)?;
        this.get().name.traverse(visit)?;
        this.get().kept.show(visit)
    }
}
