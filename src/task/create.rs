//! Making a task.

use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyString};

use super::{Task, as_future, eager};
use crate::asyncio::asyncio;
use crate::ffi::{self, Arguments};
use crate::future::given;
use crate::registry;
use crate::schedule::{self, Step};
use crate::state::Cancellation;

impl Task {
    /// `Task(coroutine, loop=event_loop)`
    pub(crate) fn create<'py>(
        coroutine: Bound<'py, PyAny>,
        event_loop: Bound<'py, PyAny>,
    ) -> PyResult<Bound<'py, Self>> {
        let task = ffi::blank::<Self>(coroutine.py())?;
        initialise(&task, &mut [Some(coroutine), Some(event_loop), None, None, None])?;
        Ok(task)
    }

    /// `Task(coroutine, loop=event_loop, eager_start=True)`
    pub(crate) fn create_eagerly<'py>(
        coroutine: Bound<'py, PyAny>,
        event_loop: Bound<'py, PyAny>,
    ) -> PyResult<Bound<'py, Self>> {
        let task = ffi::blank::<Self>(coroutine.py())?;
        let at_once = PyBool::new(coroutine.py(), true).to_owned().into_any();
        initialise(&task, &mut [Some(coroutine), Some(event_loop), None, None, Some(at_once)])?;
        Ok(task)
    }
}

/// `Task.__init__`
pub(super) fn initialise<'py>(
    task: &Bound<'py, Task>,
    arguments: &mut Arguments<'py>,
) -> PyResult<()> {
    let [.., eager_start] = arguments;
    if eager_start.take().map_or(Ok(false), |flag| flag.is_truthy())? {
        return initialise_eagerly(task, arguments);
    }
    let event_loop = fill(task, arguments)?;
    schedule_first_step(task, &event_loop)
}

/// The same where the first step is to be run at once: what it runs may make another such task, and so on.
fn initialise_eagerly<'py>(
    task: &Bound<'py, Task>,
    arguments: &mut Arguments<'py>,
) -> PyResult<()> {
    let _counted = ffi::Counted::begin(task.py())?;
    let event_loop = fill(task, arguments)?;
    if schedule::is_running(&event_loop)? {
        return eager::start(task, &event_loop);
    }
    schedule_first_step(task, &event_loop)
}

fn schedule_first_step(task: &Bound<'_, Task>, event_loop: &Bound<'_, PyAny>) -> PyResult<()> {
    schedule::soon(event_loop, Step(task.clone().unbind()))?;
    registry::register(task);
    Ok(())
}

/// Gives the task all it has, and answers with its loop.
#[inline(never)] // tasks that make each other at once need little of the stack
fn fill<'py>(
    task: &Bound<'py, Task>,
    arguments: &mut Arguments<'py>,
) -> PyResult<Bound<'py, PyAny>> {
    let py = task.py();
    let [coroutine, event_loop, name, context, _] = arguments;
    let coroutine = coroutine.take().unwrap_or_else(|| py.None().into_bound(py)); // the signature has it
    as_future(task).get().start(given(event_loop.take()), py)?;
    let event_loop = as_future(task).get().ready_loop(py)?;
    if !is_coroutine(&coroutine)? {
        task.get().log_destroy_pending.set(py, false);
        return Err(no_coroutine(&coroutine));
    }
    let context = match given(context.take()) {
        Some(context) => context,
        None => ffi::copy_current_context(py)?,
    };
    fill_in(task, coroutine, context, given(name.take()))?;
    registry::count_task();
    Ok(event_loop)
}

#[cold]
#[inline(never)]
fn no_coroutine(object: &Bound<'_, PyAny>) -> PyErr {
    match object.repr() {
        Ok(shown) => PyTypeError::new_err(format!("a coroutine was expected, got {shown}")),
        Err(error) => error,
    }
}

fn fill_in(
    task: &Bound<'_, Task>,
    coroutine: Bound<'_, PyAny>,
    context: Bound<'_, PyAny>,
    name: Option<Bound<'_, PyAny>>,
) -> PyResult<()> {
    let py = task.py();
    let this = task.get();
    this.cancellation.set(py, Cancellation::default());
    this.log_destroy_pending.set(py, true);
    let former = (
        this.context.exchange(py, Some(context)),
        this.waiter.exchange(py, None),
        this.coroutine.exchange(py, Some(coroutine)),
    );
    drop((former, this.kept.take_out(py)));
    let name = name.map(name_from).transpose()?;
    if name.is_none() {
        this.name_number.set(py, registry::next_name());
    }
    drop(this.name.exchange(py, name));
    Ok(())
}

/// `value` if it is a string, else `str(value)`.
pub(super) fn name_from(value: Bound<'_, PyAny>) -> PyResult<Bound<'_, PyAny>> {
    if value.is_exact_instance_of::<PyString>() {
        Ok(value)
    } else {
        value.str().map(Bound::into_any)
    }
}

/// Whether asyncio takes this for a coroutine: not only native ones are.
fn is_coroutine(object: &Bound<'_, PyAny>) -> PyResult<bool> {
    if ffi::is_native_coroutine(object) {
        return Ok(true);
    }
    ffi::call(asyncio(object.py()).iscoroutine.bind(object.py()), &[object])?.is_truthy()
}
