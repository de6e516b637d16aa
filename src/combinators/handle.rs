//! A ready [`DoneCallback`] in the queue of a stock loop: a `Handle` with nothing to look up.

use pyo3::exceptions::{PyKeyboardInterrupt, PySystemExit};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::PyDict;
use pyo3::{PyTraverseError, PyVisit};

use super::DoneCallback;
use crate::asyncio::asyncio;
use crate::ffi::EnteredContext;
use crate::future::Future;
use crate::schedule;

/// What `BaseEventLoop._run_once` asks of an entry of its queue, and no more.
#[pyclass(module = "aioxide._core", frozen, immutable_type)]
pub(super) struct CallbackHandle {
    callback: Py<DoneCallback>,
    future: Py<Future>,
}

/// Puts the call `callback(future)` in the queue of a stock loop.
pub(super) fn push<'py>(
    queue: &Bound<'py, PyAny>,
    callback: &Bound<'py, DoneCallback>,
    future: &Bound<'py, Future>,
) -> PyResult<()> {
    let handle =
        CallbackHandle { callback: callback.clone().unbind(), future: future.clone().unbind() };
    schedule::append(queue, Bound::new(queue.py(), handle)?.as_any())
}

#[pymethods]
impl CallbackHandle {
    #[classattr]
    #[pyo3(name = "_cancelled")]
    const CANCELLED: bool = false;

    /// Makes the call in the callback's context. What it raises is reported to the loop, except for
    /// what is meant to end the program.
    fn _run(&self, py: Python<'_>) -> PyResult<()> {
        let Err(error) = self.run(py) else { return Ok(()) };
        if error.is_instance_of::<PySystemExit>(py)
            || error.is_instance_of::<PyKeyboardInterrupt>(py)
        {
            return Err(error);
        }
        self.report(py, error)
    }

    #[getter(_callback)]
    fn callback<'py>(&self, py: Python<'py>) -> Bound<'py, DoneCallback> {
        self.callback.bind(py).clone()
    }

    #[getter(_args)]
    fn args<'py>(&self, py: Python<'py>) -> (Bound<'py, Future>,) {
        (self.future.bind(py).clone(),)
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        visit.call(&self.callback)?;
        visit.call(&self.future)
    }
}

impl CallbackHandle {
    fn run(&self, py: Python<'_>) -> PyResult<()> {
        let callback = self.callback.bind(py);
        let entered = EnteredContext::enter(callback.get().context(py))?;
        let outcome = DoneCallback::run(callback, self.future.bind(py));
        outcome.and(entered.exit())
    }

    /// Reports an error as `Handle._run` does, with a handle of asyncio's to show.
    fn report(&self, py: Python<'_>, error: PyErr) -> PyResult<()> {
        let table = asyncio(py);
        let event_loop = self.future.bind(py).get().ready_loop(py)?;
        let (callback, args) = (self.callback(py), self.args(py));
        let shown = table.format_callback_source.bind(py).call1((&callback, &args))?;
        let handle = table.handle_class.bind(py).call1((
            callback,
            args,
            &event_loop,
            self.callback.bind(py).get().context(py),
        ))?;
        let context = PyDict::new(py);
        context.set_item(intern!(py, "message"), format!("Exception in callback {shown}"))?;
        context.set_item(intern!(py, "exception"), error.into_value(py))?;
        context.set_item(intern!(py, "handle"), handle)?;
        event_loop.call_method1(intern!(py, "call_exception_handler"), (context,)).map(drop)
    }
}
