//! Arguments that are futures already or become tasks: what `asyncio.ensure_future()` does.

use pyo3::exceptions::PyRuntimeError;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::PyTuple;

use super::child;
use crate::asyncio::asyncio;
use crate::ffi;
use crate::loops;
use crate::schedule;
use crate::task::Task;

/// The loop that all arguments belong to, if there is nothing about them that only asyncio's own
/// code does right: they are coroutines and futures of that one loop and each is equal to itself
/// only; the loop is not in debug mode, and no task factory runs coroutines meanwhile. If there is a
/// `common` one already, it has to be that.
pub(super) fn common_loop<'py>(
    arguments: &Bound<'py, PyTuple>,
    mut common: Option<Bound<'py, PyAny>>,
) -> PyResult<Option<Bound<'py, PyAny>>> {
    let py = arguments.py();
    let mut makes_tasks = false;
    for argument in arguments {
        let event_loop = if ffi::is_native_coroutine(&argument) {
            makes_tasks = true;
            if common.is_some() {
                continue;
            }
            running_loop(py)?
        } else if ffi::compares_by_identity(&argument) && child::is_future(&argument)? {
            child::loop_of(&argument)?
        } else {
            return Ok(None);
        };
        if common.get_or_insert_with(|| event_loop.clone()).is(&event_loop) {
            continue;
        }
        return Ok(None);
    }
    let Some(event_loop) = common.filter(|event_loop| !event_loop.is_none()) else {
        return Ok(None);
    };
    let plain = denies(&event_loop, "get_debug")?
        && (!makes_tasks || denies(&event_loop, "get_task_factory")?);
    Ok(plain.then_some(event_loop))
}

/// The error as it would be if it had been raised in a function of asyncio's.
pub(super) fn raised_in(error: PyErr, function: &Bound<'_, PyAny>) -> PyErr {
    match function.getattr("__code__") {
        Ok(code) => {
            let globals = asyncio(function.py()).tasks.bind(function.py()).dict();
            ffi::passing_through(error, &code, &globals)
        }
        Err(_) => error,
    }
}

/// The loop that runs in this thread, or None.
pub(super) fn running_loop(py: Python<'_>) -> PyResult<Bound<'_, PyAny>> {
    ffi::call(asyncio(py).find_running_loop.bind(py), &[])
}

/// Whether the loop has this method, and it answers no.
fn denies(event_loop: &Bound<'_, PyAny>, method: &str) -> PyResult<bool> {
    match event_loop.getattr_opt(method)? {
        Some(method) => Ok(!ffi::call(&method, &[])?.is_truthy()?),
        None => Ok(false),
    }
}

/// Whether `create_task(coroutine)` of a loop without a task factory would do nothing but call the
/// class of asyncio's tasks.
fn only_calls_class(event_loop: &Bound<'_, PyAny>) -> PyResult<bool> {
    let is_closed = intern!(event_loop.py(), "is_closed");
    Ok(schedule::only_calls_class(event_loop)?
        || (loops::has_quick_create_task(event_loop)?
            && !ffi::call_method(is_closed, &[event_loop])?.is_truthy()?))
}

/// Makes tasks of coroutines, on one loop.
pub(super) struct Maker<'py> {
    event_loop: Bound<'py, PyAny>,
    /// Whether `create_task()` of that loop would only call the class.
    directly: bool,
}

impl<'py> Maker<'py> {
    pub(super) fn on(event_loop: Bound<'py, PyAny>) -> PyResult<Self> {
        let py = event_loop.py();
        let class = asyncio(py).tasks.bind(py).getattr(intern!(py, "Task"))?;
        let directly = class.is(py.get_type::<Task>()) && only_calls_class(&event_loop)?;
        Ok(Self { event_loop, directly })
    }

    /// `asyncio.ensure_future(coroutine, loop=event_loop)`
    pub(super) fn make(&self, coroutine: Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        let py = coroutine.py();
        if self.directly {
            return Task::create(coroutine, self.event_loop.clone()).map(Bound::into_any);
        }
        let task = ffi::call_method(intern!(py, "create_task"), &[&self.event_loop, &coroutine]);
        if let Err(error) = &task
            && error.is_instance_of::<PyRuntimeError>(py)
        {
            ffi::call_method(intern!(py, "close"), &[&coroutine])?;
        }
        task.map_err(|error| raised_in(error, asyncio(py).ensure_future.bind(py)))
    }
}
