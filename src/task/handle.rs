//! A ready task in the queue of a stock loop: a `Handle` with nothing to look up.

use pyo3::exceptions::{PyKeyboardInterrupt, PySystemExit};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyTuple};
use pyo3::{PyTraverseError, PyVisit};

use super::{Task, as_future, step, wakeup};
use crate::asyncio::asyncio;
use crate::ffi::{self, EnteredContext, fault};
use crate::future::Future;
use crate::schedule;

/// What `BaseEventLoop._run_once` asks of an entry of its queue, and no more: whether it is
/// cancelled (it cannot be, nobody else has it), to run, and for a slow one what it was.
#[pyclass(module = "aioxide._core", frozen, immutable_type)]
pub(crate) struct TaskHandle {
    task: Py<Task>,
    /// The future whose end wakes the task; without one this is a plain step.
    future: Option<Py<Future>>,
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
        let future = future.map(|future| future.clone().unbind());
        let handle = Bound::new(py, TaskHandle { task: task.clone().unbind(), future })?;
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
    #[classattr]
    #[pyo3(name = "_cancelled")]
    const CANCELLED: bool = false;

    /// Runs the step in the task's context. What it raises is reported to the loop, a panic as well,
    /// except for what is meant to end the program.
    fn _run(&self, py: Python<'_>) -> PyResult<()> {
        let Err(error) = ffi::catch_panic(|| self.run(py)) else { return Ok(()) };
        if error.is_instance_of::<PySystemExit>(py)
            || error.is_instance_of::<PyKeyboardInterrupt>(py)
        {
            return Err(error);
        }
        self.report(py, error)
    }

    /// The function that stands for what is run, as asyncio's log shows it.
    #[getter(_callback)]
    fn callback<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        fault::point();
        match self.future {
            Some(_) => Task::wakeup_function(self.task.bind(py)),
            None => step::function(self.task.bind(py)),
        }
    }

    #[getter(_args)]
    fn args<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyTuple>> {
        fault::point();
        PyTuple::new(py, &self.future)
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        visit.call(&self.task)?;
        visit.call(&self.future)
    }
}

impl TaskHandle {
    fn run(&self, py: Python<'_>) -> PyResult<()> {
        let task = self.task.bind(py);
        let entered = EnteredContext::enter(task.get().ready_context(py)?)?;
        let outcome = match &self.future {
            Some(future) => wakeup::wakeup(task, future.bind(py)),
            None => step::step(task, None),
        };
        outcome.and(entered.exit())
    }

    /// Reports an error as `Handle._run` does, with a handle of asyncio's to show.
    fn report(&self, py: Python<'_>, error: PyErr) -> PyResult<()> {
        let table = asyncio(py);
        let task = self.task.bind(py);
        let event_loop = as_future(task).get().ready_loop(py)?;
        let (callback, args) = (self.callback(py)?, self.args(py)?);
        let shown = ffi::call(table.format_callback_source.bind(py), &[&callback, &args])?;
        let handle = table.handle_class.bind(py).call1((
            callback,
            args,
            &event_loop,
            task.get().ready_context(py)?,
        ))?;
        let context = PyDict::new(py);
        context.set_item(intern!(py, "message"), format!("Exception in callback {shown}"))?;
        context.set_item(intern!(py, "exception"), error.into_value(py))?;
        context.set_item(intern!(py, "handle"), handle)?;
        ffi::call_method(intern!(py, "call_exception_handler"), &[&event_loop, &context]).map(drop)
    }
}
