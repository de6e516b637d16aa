//! How a future gets its outcome and hands it out.

use pyo3::exceptions::{PyBaseException, PyRuntimeError, PyStopIteration, PyTypeError};
use pyo3::prelude::*;
use pyo3::types::PyType;

use super::{Future, callbacks};
use crate::asyncio::asyncio;
use crate::bridge;
use crate::ffi;
use crate::state::{AlreadyDone, Life};

/// The outcome of a future, as somebody retrieves it.
pub(crate) enum Retrieved<'py> {
    Result(Bound<'py, PyAny>),
    /// The exception that was set, with the traceback that it had then.
    Exception(Bound<'py, PyAny>),
    /// The error of a future that was cancelled, which is raised now: chained to what is handled.
    Cancelled(Bound<'py, PyAny>),
}

pub(crate) fn invalid_state(py: Python<'_>, message: impl Into<String>) -> PyErr {
    let class = asyncio(py).invalid_state_error.bind(py).clone();
    PyErr::from_type(class, message.into())
}

fn already_done(py: Python<'_>) -> impl FnOnce(AlreadyDone) -> PyErr {
    move |AlreadyDone| invalid_state(py, "invalid state")
}

pub(crate) fn set_result(future: &Bound<'_, Future>, result: Bound<'_, PyAny>) -> PyResult<()> {
    let py = future.py();
    let this = future.get();
    this.ensure_ready(py)?;
    let returned = this.life(py).transition_to_returned().map_err(already_done(py))?;
    this.life.set(py, returned);
    this.value.put(result);
    callbacks::hand_over_all(future)
}

pub(crate) fn set_exception(
    future: &Bound<'_, Future>,
    exception: Bound<'_, PyAny>,
) -> PyResult<()> {
    let py = future.py();
    let this = future.get();
    this.ensure_ready(py)?;
    let refused = |life: Life| life.transition_to_raised().map_err(already_done(py));
    refused(this.life(py))?;
    let exception = as_instance(exception)?;
    // Making the instance may have run code that finished the future.
    let raised = refused(this.life(py))?;
    this.life.set(py, raised);
    let traceback = ffi::traceback_of(&exception);
    let former = (
        this.exchange_rarely(py, |rare| &mut rare.traceback, traceback),
        this.value.exchange(py, Some(exception)),
    );
    drop(former);
    callbacks::hand_over_all(future)?;
    this.log_traceback.set(py, true);
    Ok(())
}

/// What `set_exception` was given, as an instance that may be thrown into a coroutine.
fn as_instance(exception: Bound<'_, PyAny>) -> PyResult<Bound<'_, PyAny>> {
    let py = exception.py();
    let exception = if is_exception_class(&exception) { exception.call0()? } else { exception };
    if !exception.is_instance_of::<PyBaseException>() {
        return Err(PyTypeError::new_err("invalid exception object"));
    }
    without_stop_iteration(py, exception)
}

pub(super) fn is_exception_class(object: &Bound<'_, PyAny>) -> bool {
    object
        .cast::<PyType>()
        .is_ok_and(|class| class.is_subclass_of::<PyBaseException>().unwrap_or(false))
}

/// A `StopIteration` thrown into a coroutine would end it as if it had returned.
fn without_stop_iteration<'py>(
    py: Python<'py>,
    exception: Bound<'py, PyAny>,
) -> PyResult<Bound<'py, PyAny>> {
    const MESSAGE: &str =
        "StopIteration interacts badly with generators and cannot be raised into a Future";
    if asyncio(py).quirks.wraps_stop_iteration {
        if !exception.is_instance_of::<PyStopIteration>() {
            return Ok(exception);
        }
        let wrapper = PyRuntimeError::new_err(MESSAGE).into_value(py).into_bound(py).into_any();
        ffi::set_cause_and_context(&wrapper, exception);
        Ok(wrapper)
    } else if exception.is_exact_instance_of::<PyStopIteration>() {
        Err(PyTypeError::new_err(MESSAGE))
    } else {
        Ok(exception)
    }
}

pub(crate) fn cancel(
    future: &Bound<'_, Future>,
    message: Option<Bound<'_, PyAny>>,
) -> PyResult<bool> {
    let py = future.py();
    let this = future.get();
    this.log_traceback.set(py, false);
    if this.has_link(py) {
        if !bridge::cancel(future) {
            this.store_cancel_message(py, message);
            return Ok(true);
        }
        if this.life(py) == Life::Cancelled {
            return Ok(true); // by what the work ran when it was dropped
        }
    }
    let Ok(cancelled) = this.life(py).transition_to_cancelled() else {
        return Ok(false);
    };
    this.life.set(py, cancelled);
    this.store_cancel_message(py, message);
    callbacks::hand_over_all(future)?;
    Ok(true)
}

/// Ends a task whose coroutine let a `CancelledError` out; the first who asks gets that very error.
pub(crate) fn cancel_with(future: &Bound<'_, Future>, error: Bound<'_, PyAny>) -> PyResult<bool> {
    let py = future.py();
    drop(future.get().exchange_rarely(py, |rare| &mut rare.cancelled_error, Some(error)));
    cancel(future, None)
}

/// A future dies that waits for work of Rust: the work is dropped. Should the future live on all the
/// same, it is a cancelled one; nobody waits for it, or it would not die.
pub(super) fn stop_work(future: &Bound<'_, Future>) {
    let py = future.py();
    let this = future.get();
    if this.has_link(py) {
        bridge::abandon(future);
        if let Ok(cancelled) = this.life(py).transition_to_cancelled() {
            this.life.set(py, cancelled);
        }
    }
}

impl Future {
    /// The outcome of a future that is done; the error of `result()` if there is none to be had.
    pub(crate) fn retrieve<'py>(&self, py: Python<'py>) -> PyResult<Retrieved<'py>> {
        match self.life(py) {
            Life::Cancelled => {
                Ok(Retrieved::Cancelled(ffi::chained(self.make_cancelled_error(py)?)))
            }
            Life::Pending => Err(invalid_state(py, "Result is not set.")),
            Life::Returned => Ok(Retrieved::Result(self.value_or_none(py))),
            Life::Raised => {
                self.log_traceback.set(py, false);
                let exception = self.value_or_none(py);
                let traceback = self.exchange_rarely(py, |rare| &mut rare.traceback, None);
                ffi::set_traceback(&exception, traceback.as_ref());
                Ok(Retrieved::Exception(exception))
            }
        }
    }

    /// The value of a future that is done. The garbage collector may have cleared it away.
    fn value_or_none<'py>(&self, py: Python<'py>) -> Bound<'py, PyAny> {
        self.value.bound(py).unwrap_or_else(|| py.None().into_bound(py))
    }

    /// The result of a future that has one, as `get_result` gives it. Must not panic.
    pub(crate) fn plain_result<'py>(&self, py: Python<'py>) -> Option<Bound<'py, PyAny>> {
        if self.life.peek(py) != Life::Returned || !self.event_loop.is_some(py) {
            return None;
        }
        self.value.look(py, |value| value.as_ref().map(|value| value.bind(py).clone()))
    }

    pub(crate) fn get_result<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        self.ensure_ready_for_outcome(py)?;
        match self.retrieve(py)? {
            Retrieved::Result(result) => Ok(result),
            Retrieved::Exception(exception) => Err(ffi::raise(exception)),
            Retrieved::Cancelled(error) => Err(ffi::as_raised(error)),
        }
    }

    pub(crate) fn get_exception<'py>(
        &self,
        py: Python<'py>,
    ) -> PyResult<Option<Bound<'py, PyAny>>> {
        self.ensure_ready_for_outcome(py)?;
        match self.life(py) {
            Life::Cancelled => Err(ffi::raise(self.make_cancelled_error(py)?)),
            Life::Pending => Err(invalid_state(py, "Exception is not set.")),
            Life::Returned => Ok(None),
            Life::Raised => {
                self.log_traceback.set(py, false);
                Ok(self.value.bound(py))
            }
        }
    }

    /// These two methods have an error of their own for a future without a loop.
    fn ensure_ready_for_outcome(&self, py: Python<'_>) -> PyResult<()> {
        if self.event_loop.is_some(py) {
            Ok(())
        } else {
            Err(invalid_state(py, "Future object is not initialized."))
        }
    }

    /// The error that ended a task, to the first who asks; then new ones, with the message.
    pub(crate) fn make_cancelled_error<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        if let Some(error) = self.exchange_rarely(py, |rare| &mut rare.cancelled_error, None) {
            return Ok(error);
        }
        let class = asyncio(py).cancelled_error.bind(py);
        match self.cancel_message(py).filter(|message| !message.is_none()) {
            Some(message) => class.call1((message,)),
            None => class.call0(),
        }
    }
}
