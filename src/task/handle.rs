//! A ready task in the queue of a stock loop: a `Handle` with nothing to look up.

use pyo3::exceptions::{PyKeyboardInterrupt, PySystemExit};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyTuple};
use pyo3::{PyTraverseError, PyVisit};

use super::{Task, as_future, step, wakeup};
use crate::asyncio::asyncio;
use crate::ffi::{self, EnteredContext, Field, SharedField, fault};
use crate::future::Future;
use crate::schedule;

/// What passes for a `Handle` of asyncio in the queue of a loop: `BaseEventLoop._run_once` asks
/// whether it is cancelled and runs it; libraries ask, and do, more.
#[pyclass(module = "aioxide._core", frozen, immutable_type)]
pub(crate) struct TaskHandle {
    /// None once the handle is cancelled.
    task: SharedField<Task>,
    /// The future whose end wakes the task; without one this is a plain step.
    future: SharedField<Future>,
}

/// Puts the next step of the task, or its wake-up by `future`, in the queue of its loop.
///
/// A stock loop gets the handle right away; every other one is asked by `call_soon()`.
pub(super) fn push<'py>(
    task: &Bound<'py, Task>,
    future: Option<&Bound<'py, Future>>,
) -> PyResult<()> {
    let py = task.py();
    let event_loop = as_future(task).get().ready_loop(py)?;
    let context = task.get().ready_context(py)?;
    // Whatever else was given as a context has a `run()` of its own.
    if ffi::is_context(&context)
        && let Some(queue) = schedule::stock_queue(&event_loop)?
    {
        let task = Field::new(Some(task.clone().unbind()));
        let future = Field::new(future.map(|future| future.clone().unbind()));
        let handle = Bound::new(py, TaskHandle { task, future })?;
        return schedule::append(&queue, handle.as_any());
    }
    match future {
        Some(future) => {
            let wakeup = Task::wakeup_function(task)?;
            schedule::call_soon_with(&event_loop, &wakeup, future, &context)
        }
        None => schedule::call_soon(&event_loop, &step::function(task)?, &context),
    }
}

#[pymethods]
impl TaskHandle {
    /// The loop asks this where nobody would catch what it raises.
    #[getter(_cancelled)]
    fn is_cancelled(&self, py: Python<'_>) -> bool {
        ffi::catch_panic(|| Ok(!self.task.is_some(py))).unwrap_or_else(|panic| {
            panic.write_unraisable(py, None);
            false
        })
    }

    fn cancelled(&self, py: Python<'_>) -> bool {
        self.is_cancelled(py)
    }

    /// Takes the step out: it is not run, and the handle holds nothing any more.
    fn cancel(&self, py: Python<'_>) {
        fault::point();
        let held = (self.task.take(py), self.future.take(py));
        drop(held);
    }

    /// Runs the step in the task's context. What it raises is reported to the loop, a panic as well,
    /// except for what is meant to end the program.
    fn _run(&self, py: Python<'_>) -> PyResult<()> {
        let mut task = None;
        let ran = ffi::catch_panic(|| {
            task = self.task.bound(py);
            task.as_ref().map_or(Ok(()), |task| self.run(task))
        });
        let Err(error) = ran else { return Ok(()) };
        if error.is_instance_of::<PySystemExit>(py)
            || error.is_instance_of::<PyKeyboardInterrupt>(py)
        {
            return Err(error);
        }
        if let Some(task) = task {
            return self.report(&task, error);
        }
        error.write_unraisable(py, None); // a panic before the task was known
        Ok(())
    }

    /// The function that stands for what is run, as asyncio's log shows it; None once cancelled.
    #[getter(_callback)]
    fn callback<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyAny>>> {
        self.task.bound(py).map(|task| self.function(&task)).transpose()
    }

    #[getter(_args)]
    fn args<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyTuple>>> {
        self.task.bound(py).map(|_| PyTuple::new(py, self.future.bound(py))).transpose()
    }

    #[getter(_context)]
    fn own_context<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyAny>>> {
        self.task.bound(py).map(|task| task.get().ready_context(py)).transpose()
    }

    #[cfg(Py_3_12)]
    fn get_context<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyAny>>> {
        self.own_context(py)
    }

    #[getter(_loop)]
    fn event_loop<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyAny>>> {
        self.task.bound(py).map(|task| as_future(&task).get().ready_loop(py)).transpose()
    }

    /// Debug mode has handles of asyncio's in its queue, which know where they were made.
    #[classattr]
    #[pyo3(name = "_source_traceback")]
    const SOURCE_TRACEBACK: Option<bool> = None;

    /// A handle passes for asyncio's own.
    #[getter]
    fn __class__<'py>(slf: &Bound<'py, Self>) -> Bound<'py, PyAny> {
        fault::point();
        asyncio(slf.py()).handle_class.bind(slf.py()).clone()
    }

    fn __repr__(&self, py: Python<'_>) -> PyResult<String> {
        match self.task.bound(py) {
            Some(task) => Ok(self.shown(&task)?.repr()?.to_string()),
            None => Ok("<Handle cancelled>".to_owned()),
        }
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        self.task.traverse(&visit)?;
        self.future.traverse(&visit)
    }

    fn __clear__(&self, py: Python<'_>) {
        self.cancel(py);
    }
}

impl TaskHandle {
    fn run(&self, task: &Bound<'_, Task>) -> PyResult<()> {
        let py = task.py();
        let entered = EnteredContext::enter(task.get().ready_context(py)?)?;
        let outcome = match self.future.bound(py) {
            Some(future) => wakeup::wakeup(task, &future),
            None => step::step(task, None),
        };
        outcome.and(entered.exit())
    }

    fn function<'py>(&self, task: &Bound<'py, Task>) -> PyResult<Bound<'py, PyAny>> {
        if self.future.is_some(task.py()) {
            Task::wakeup_function(task)
        } else {
            step::function(task)
        }
    }

    /// A handle of asyncio's own that would do the same.
    fn shown<'py>(&self, task: &Bound<'py, Task>) -> PyResult<Bound<'py, PyAny>> {
        let py = task.py();
        asyncio(py).handle_class.bind(py).call1((
            self.function(task)?,
            PyTuple::new(py, self.future.bound(py))?,
            as_future(task).get().ready_loop(py)?,
            task.get().ready_context(py)?,
        ))
    }

    /// Reports an error as `Handle._run` does, with a handle of asyncio's to show.
    fn report(&self, task: &Bound<'_, Task>, error: PyErr) -> PyResult<()> {
        let py = task.py();
        let handle = self.shown(task)?;
        let format_source = asyncio(py).format_callback_source.bind(py);
        let shown = ffi::call(format_source, &[&self.function(task)?, &handle.getattr("_args")?])?;
        let context = PyDict::new(py);
        context.set_item(intern!(py, "message"), format!("Exception in callback {shown}"))?;
        context.set_item(intern!(py, "exception"), error.into_value(py))?;
        context.set_item(intern!(py, "handle"), handle)?;
        let event_loop = as_future(task).get().ready_loop(py)?;
        ffi::call_method(intern!(py, "call_exception_handler"), &[&event_loop, &context]).map(drop)
    }
}
