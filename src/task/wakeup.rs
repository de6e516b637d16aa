//! The awaited future is done: the task goes on.

use pyo3::intern;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::PyType;

use super::{Task, handle, step, uninitialised};
use crate::ffi::{self, HiddenMethod};
use crate::future::{self, Future, Retrieved};

/// `Task.task_wakeup`, which is no attribute of the class. asyncio shows this name among the callbacks
/// of a future that is awaited.
static WAKEUP: PyOnceLock<HiddenMethod> = PyOnceLock::new();

/// Called when the module is made.
pub(super) fn prepare(class: &Bound<'_, PyType>) -> PyResult<()> {
    WAKEUP.get_or_try_init(class.py(), || HiddenMethod::take_out_of(class, "task_wakeup")).map(drop)
}

impl Task {
    /// The function that wakes the task when it is called with the future that is done.
    pub(crate) fn wakeup_function<'py>(task: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        WAKEUP.get(task.py()).ok_or_else(uninitialised)?.bind(task)
    }

    /// Has the task woken by the loop, with the future that is done.
    pub(crate) fn wake_soon<'py>(
        task: &Bound<'py, Self>,
        future: &Bound<'py, Future>,
    ) -> PyResult<()> {
        handle::push(task, Some(future))
    }
}

/// Runs the next step with the outcome of the future: an exception is thrown into the coroutine, a
/// result is left for the iterator that the coroutine awaits.
pub(super) fn wakeup<'py>(task: &Bound<'py, Task>, future: &Bound<'py, PyAny>) -> PyResult<()> {
    #[cfg(Py_3_14)]
    if let Ok(own) = future.cast::<Future>() {
        own.get().discard_awaited_by(task.as_any())?;
    }
    step::step(task, exception_of(future))
}

fn exception_of<'py>(future: &Bound<'py, PyAny>) -> Option<Bound<'py, PyAny>> {
    let py = future.py();
    let Some(own) = future::exact(future) else {
        return ffi::call_method_or_take_raised(future, intern!(py, "result")).err();
    };
    match Future::retrieve(own.get(), py) {
        Ok(Retrieved::Result(_)) => None,
        Ok(Retrieved::Exception(exception)) => Some(exception),
        Err(error) => Some(error.into_value(py).into_bound(py).into_any()),
    }
}
