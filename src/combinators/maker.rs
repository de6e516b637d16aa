//! How coroutines become tasks: `create_task()` of a loop, without calling it where it would do nothing but
//! call our class.

use pyo3::exceptions::PyRuntimeError;
use pyo3::intern;
use pyo3::prelude::*;

use super::ensure::{factory_of, raised_in};
use crate::asyncio::{asyncio, is_in_force};
use crate::ffi::{self, Counted};
use crate::loops;
use crate::schedule;
use crate::task::Task;

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

/// How a loop makes tasks of coroutines.
pub(super) enum Way<'py> {
    /// Its `create_task()` would only call the class.
    Class,
    /// It would only call this factory, which would only call the class for an eager task.
    Eager(Bound<'py, PyAny>),
    /// It is called.
    Loop,
}

impl<'py> Way<'py> {
    #[inline(never)] // as little of the stack as can be, while tasks make each other at once
    fn of(event_loop: &Bound<'py, PyAny>) -> PyResult<Self> {
        if let Some(way) = Self::of_stock(event_loop)? {
            return Ok(way);
        }
        let is_closed = intern!(event_loop.py(), "is_closed");
        let directly = loops::has_quick_create_task(event_loop)?
            && factory_of(event_loop)?.is_some_and(|factory| factory.is_none())
            && is_class_in_force(event_loop.py())?
            && !ffi::call_method(is_closed, &[event_loop])?.is_truthy()?;
        Ok(if directly { Self::Class } else { Self::Loop })
    }

    /// The same for a stock loop that is open and out of debug mode; None for any other.
    #[inline(never)]
    pub(super) fn of_stock(event_loop: &Bound<'py, PyAny>) -> PyResult<Option<Self>> {
        let Some(factory) = schedule::task_factory(event_loop)? else { return Ok(None) };
        Ok(Some(if factory.is_none() {
            if is_class_in_force(event_loop.py())? { Self::Class } else { Self::Loop }
        } else if only_calls_class_eagerly(&factory) {
            Self::Eager(factory)
        } else {
            Self::Loop
        }))
    }
}

/// Whether our class is what a loop finds in asyncio.
fn is_class_in_force(py: Python<'_>) -> PyResult<bool> {
    is_in_force::<Task>(&asyncio(py).tasks, intern!(py, "Task"))
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
        if let Way::Class = self.way {
            return Task::create(coroutine, self.event_loop.clone()).map(Bound::into_any);
        }
        match self.make_with_python(&coroutine) {
            Ok(task) => Ok(task),
            Err(error) => Err(not_made(error, &coroutine)),
        }
    }

    /// Makes a task where code of others runs meanwhile, and may change how the next one is made.
    fn make_with_python(&mut self, coroutine: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        // What 3.13 counts for calls within calls allows for less of the stack than this takes.
        let counted = cfg!(all(Py_3_13, not(Py_3_14))).then(|| Counted::begin(coroutine.py()));
        let _counted = counted.transpose()?;
        let Way::Eager(factory) = &self.way else {
            let create_task = intern!(coroutine.py(), "create_task");
            return ffi::call_method(create_task, &[&self.event_loop, coroutine]);
        };
        let task = create_eagerly(coroutine.clone(), &self.event_loop, factory)?;
        self.way = Way::of(&self.event_loop)?;
        Ok(task.into_any())
    }
}

/// What `asyncio.ensure_future()` does where `create_task()` has failed.
#[cold]
#[inline(never)]
fn not_made(error: PyErr, coroutine: &Bound<'_, PyAny>) -> PyErr {
    let py = coroutine.py();
    if error.is_instance_of::<PyRuntimeError>(py)
        && let Err(later) = ffi::call_method(intern!(py, "close"), &[coroutine])
    {
        return later;
    }
    raised_in(error, asyncio(py).inner_ensure_future.bind(py))
}

/// What `create_task(coroutine)` of a stock loop would have this factory make.
pub(super) fn create_eagerly<'py>(
    coroutine: Bound<'py, PyAny>,
    event_loop: &Bound<'py, PyAny>,
    factory: &Bound<'py, PyAny>,
) -> PyResult<Bound<'py, Task>> {
    let py = coroutine.py();
    let task = match Task::create_eagerly(coroutine, event_loop.clone()) {
        Ok(task) => task,
        Err(error) => return Err(raised_in_create_task(raised_in(error, factory), event_loop)),
    };
    if asyncio(py).quirks.names_what_factories_make {
        task.get().set_name(py.None().into_bound(py))?;
    }
    Ok(task)
}

/// The error as it would be if it had been raised in `create_task()` of the loop.
#[cold]
#[inline(never)]
pub(super) fn raised_in_create_task(error: PyErr, event_loop: &Bound<'_, PyAny>) -> PyErr {
    match ffi::method_of(event_loop, intern!(event_loop.py(), "create_task")) {
        Ok(create_task) => raised_in(error, &create_task),
        Err(_) => error,
    }
}
