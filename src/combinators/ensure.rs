//! Arguments that are futures already or become tasks: what `asyncio.ensure_future()` does.

use pyo3::intern;
use pyo3::prelude::*;
#[cfg(Py_3_12)]
use pyo3::types::PyFunction;
use pyo3::types::{IntoPyDict, PyTuple};

use super::child;
use crate::asyncio::asyncio;
use crate::ffi::{self, fault};
use crate::future;

/// Wrap a coroutine or an awaitable in a future.
///
/// Is `asyncio.ensure_future()`, which returns a future as it is; all that is none is left to asyncio's
/// own.
#[pyfunction]
#[pyo3(signature = (coro_or_future, *, r#loop=None))]
pub(crate) fn ensure_future<'py>(
    coro_or_future: &Bound<'py, PyAny>,
    r#loop: Option<&Bound<'py, PyAny>>,
) -> PyResult<Bound<'py, PyAny>> {
    fault::point();
    let py = coro_or_future.py();
    let event_loop = r#loop.filter(|event_loop| !event_loop.is_none());
    if let Some(future) = future::exact(coro_or_future)
        && event_loop.is_none_or(|event_loop| future.get().belongs_to(py, event_loop))
        && !ffi::has_own_attributes(coro_or_future)
    {
        return Ok(coro_or_future.clone());
    }
    let keywords = event_loop.map(|event_loop| [("loop", event_loop)].into_py_dict(py));
    let arguments = PyTuple::new(py, [coro_or_future])?;
    let function = asyncio(py).ensure_future.bind(py);
    ffi::call_with(function, &arguments, keywords.transpose()?.as_ref())
}

/// The loop that all arguments belong to, if there is nothing about them that only asyncio's own
/// code does right: they are coroutines and futures of that one loop and each is equal to itself
/// only; the loop is not in debug mode, and its tasks are made by no factory but asyncio's eager one. If
/// there is a `common` one already, it has to be that.
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
    let plain = denies_debug(&event_loop)?
        && (!makes_tasks
            || match factory_of(&event_loop)? {
                Some(factory) => factory.is_none() || is_asyncios(&factory)?,
                None => false,
            });
    Ok(plain.then_some(event_loop))
}

/// The error as it would be if it had been raised in a function of asyncio's.
#[cold]
#[inline(never)]
pub(crate) fn raised_in(error: PyErr, function: &Bound<'_, PyAny>) -> PyErr {
    let Ok(code) = function.getattr("__code__") else { return error };
    let own = function.getattr("__globals__").ok().and_then(|own| own.cast_into().ok());
    let globals = own.unwrap_or_else(|| asyncio(function.py()).tasks.bind(function.py()).clone());
    ffi::passing_through(error, &code, &globals)
}

/// The loop that runs in this thread, or None.
pub(super) fn running_loop(py: Python<'_>) -> PyResult<Bound<'_, PyAny>> {
    ffi::call(asyncio(py).find_running_loop.bind(py), &[])
}

/// Whether the loop can tell that it is not in debug mode.
fn denies_debug(event_loop: &Bound<'_, PyAny>) -> PyResult<bool> {
    match event_loop.getattr_opt(intern!(event_loop.py(), "get_debug"))? {
        Some(get_debug) => Ok(!ffi::call(&get_debug, &[])?.is_truthy()?),
        None => Ok(false),
    }
}

/// The task factory of the loop, or its None; nothing where it has no method to tell.
pub(super) fn factory_of<'py>(
    event_loop: &Bound<'py, PyAny>,
) -> PyResult<Option<Bound<'py, PyAny>>> {
    let method = event_loop.getattr_opt(intern!(event_loop.py(), "get_task_factory"))?;
    method.map(|get_task_factory| ffi::call(&get_task_factory, &[])).transpose()
}

/// Whether the factory was made by `asyncio.create_eager_task_factory()`, for whatever class.
#[cfg(Py_3_12)]
fn is_asyncios(factory: &Bound<'_, PyAny>) -> PyResult<bool> {
    let py = factory.py();
    let Some(code) = &asyncio(py).eager_factory_code else { return Ok(false) };
    Ok(factory.is_exact_instance_of::<PyFunction>()
        && factory.getattr(intern!(py, "__code__"))?.is(code))
}

#[cfg(not(Py_3_12))]
#[allow(clippy::unnecessary_wraps)] // as the other
fn is_asyncios(_factory: &Bound<'_, PyAny>) -> PyResult<bool> {
    Ok(false)
}
