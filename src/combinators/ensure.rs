//! Arguments that are futures already or become tasks: what `asyncio.ensure_future()` does.

use pyo3::exceptions::PyRuntimeError;
use pyo3::intern;
use pyo3::prelude::*;
#[cfg(Py_3_12)]
use pyo3::types::PyFunction;
use pyo3::types::{IntoPyDict, PyTuple};

use super::child;
use crate::asyncio::{asyncio, is_in_force};
use crate::ffi::{self, fault};
use crate::future;
use crate::loops;
use crate::schedule;
use crate::task::Task;

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
fn factory_of<'py>(event_loop: &Bound<'py, PyAny>) -> PyResult<Option<Bound<'py, PyAny>>> {
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

/// Whether a factory would do nothing but call our class for an eager task.
#[cfg(Py_3_12)]
pub(crate) fn only_calls_class_eagerly(factory: &Bound<'_, PyAny>) -> bool {
    let py = factory.py();
    let Some(asyncios) = &asyncio(py).eager_factory_code else { return false };
    ffi::code_and_first_free(factory)
        .is_some_and(|(code, class)| code.is(asyncios) && class.is(py.get_type::<Task>()))
}

#[cfg(not(Py_3_12))]
pub(crate) fn only_calls_class_eagerly(_factory: &Bound<'_, PyAny>) -> bool {
    false
}

/// Whether `create_task(coroutine)` of a loop without a task factory would do nothing but call the
/// class of asyncio's tasks.
fn only_calls_class(event_loop: &Bound<'_, PyAny>) -> PyResult<bool> {
    let is_closed = intern!(event_loop.py(), "is_closed");
    Ok(schedule::only_calls_class(event_loop)?
        || (loops::has_quick_create_task(event_loop)?
            && !ffi::call_method(is_closed, &[event_loop])?.is_truthy()?))
}

/// How a loop makes tasks of coroutines.
enum Way<'py> {
    /// Its `create_task()` would only call the class.
    Class,
    /// It would only call this factory, which would only call the class for an eager task.
    Eager(Bound<'py, PyAny>),
    /// It is called.
    Loop,
}

impl<'py> Way<'py> {
    fn of(event_loop: &Bound<'py, PyAny>) -> PyResult<Self> {
        let py = event_loop.py();
        let Some(factory) = factory_of(event_loop)? else { return Ok(Self::Loop) };
        if factory.is_none() {
            let directly = is_in_force::<Task>(&asyncio(py).tasks, intern!(py, "Task"))?
                && only_calls_class(event_loop)?;
            return Ok(if directly { Self::Class } else { Self::Loop });
        }
        let directly = !asyncio(py).quirks.names_what_factories_make
            && schedule::only_calls_class(event_loop)?
            && only_calls_class_eagerly(&factory);
        Ok(if directly { Self::Eager(factory) } else { Self::Loop })
    }
}

/// Makes tasks of coroutines, on one loop.
pub(super) struct Maker<'py> {
    event_loop: Bound<'py, PyAny>,
    way: Way<'py>,
}

impl<'py> Maker<'py> {
    pub(super) fn on(event_loop: Bound<'py, PyAny>) -> PyResult<Self> {
        let way = Way::of(&event_loop)?;
        Ok(Self { event_loop, way })
    }

    /// `asyncio.ensure_future(coroutine, loop=event_loop)`
    pub(super) fn make(&mut self, coroutine: Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        let py = coroutine.py();
        if let Way::Class = self.way {
            return Task::create(coroutine, self.event_loop.clone()).map(Bound::into_any);
        }
        let task = self.make_with_python(&coroutine);
        if let Err(error) = &task
            && error.is_instance_of::<PyRuntimeError>(py)
        {
            ffi::call_method(intern!(py, "close"), &[&coroutine])?;
        }
        task.map_err(|error| raised_in(error, asyncio(py).inner_ensure_future.bind(py)))
    }

    /// Makes a task where code of others runs meanwhile, and may change how the next one is made.
    fn make_with_python(&mut self, coroutine: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        let create_task = intern!(coroutine.py(), "create_task");
        let Way::Eager(factory) = &self.way else {
            return ffi::call_method(create_task, &[&self.event_loop, coroutine]);
        };
        let task = Task::create_eagerly(coroutine.clone(), self.event_loop.clone());
        let task = task.map(Bound::into_any).map_err(|error| {
            let error = raised_in(error, factory);
            match ffi::method_of(&self.event_loop, create_task) {
                Ok(create_task) => raised_in(error, &create_task),
                Err(_) => error,
            }
        })?;
        self.way = Way::of(&self.event_loop)?;
        Ok(task)
    }
}
