//! Questions to a future of any kind, as asyncio's functions written in Python ask them.
//!
//! Futures of ours that nobody has changed are asked directly; all others by the methods they have.

use pyo3::exceptions::PyAttributeError;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::PyString;

use super::DoneCallback;
use crate::ffi;
use crate::future::{self, Callback, Future};
use crate::state::Life;
use crate::task::Task;

/// `child`, if its methods are those of its class, and this one of ours.
pub(super) fn plain<'a, 'py>(child: &'a Bound<'py, PyAny>) -> Option<&'a Bound<'py, Future>> {
    future::exact(child).filter(|_| !ffi::has_own_attributes(child))
}

fn ask<'py>(child: &Bound<'py, PyAny>, name: &str) -> PyResult<Bound<'py, PyAny>> {
    ffi::call_method(&PyString::intern(child.py(), name), &[child])
}

/// `asyncio.isfuture(object)`
pub(super) fn is_future(object: &Bound<'_, PyAny>) -> PyResult<bool> {
    if future::exact(object).is_some() {
        return Ok(true);
    }
    let name = intern!(object.py(), "_asyncio_future_blocking");
    let class = object.getattr(intern!(object.py(), "__class__"))?;
    Ok(class.hasattr(name)? && !object.getattr(name)?.is_none())
}

/// `child.get_loop()`, or `child._loop` where there is no such method.
pub(super) fn loop_of<'py>(child: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
    let py = child.py();
    if let Some(own) = plain(child) {
        return own.get().ready_loop(py);
    }
    match child.getattr(intern!(py, "get_loop")) {
        Ok(get_loop) => ffi::call(&get_loop, &[]),
        Err(error) if error.is_instance_of::<PyAttributeError>(py) => {
            child.getattr(intern!(py, "_loop"))
        }
        Err(error) => Err(error),
    }
}

/// `child.done()`
pub(super) fn is_done(child: &Bound<'_, PyAny>) -> PyResult<bool> {
    match plain(child) {
        Some(own) => Ok(own.get().life(child.py()).is_done()),
        None => ask(child, "done")?.is_truthy(),
    }
}

/// `child.cancelled()`
pub(super) fn is_cancelled(child: &Bound<'_, PyAny>) -> PyResult<bool> {
    match plain(child) {
        Some(own) => Ok(own.get().life(child.py()) == Life::Cancelled),
        None => ask(child, "cancelled")?.is_truthy(),
    }
}

/// `child.exception()`, which counts as having asked for it.
pub(super) fn exception<'py>(child: &Bound<'py, PyAny>) -> PyResult<Option<Bound<'py, PyAny>>> {
    match plain(child) {
        Some(own) => own.get().get_exception(child.py()),
        None => Ok(Some(ask(child, "exception")?).filter(|exception| !exception.is_none())),
    }
}

/// `child.result()`
pub(super) fn result<'py>(child: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
    match plain(child) {
        Some(own) => own.get().get_result(child.py()),
        None => ask(child, "result"),
    }
}

/// `child._make_cancelled_error()`
pub(super) fn make_cancelled_error<'py>(child: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
    match plain(child) {
        Some(own) => own.get().make_cancelled_error(child.py()),
        None => ask(child, "_make_cancelled_error"),
    }
}

/// `child._cancel_message`, which may be None.
pub(super) fn cancel_message<'py>(
    child: &Bound<'py, PyAny>,
) -> PyResult<Option<Bound<'py, PyAny>>> {
    let message = match plain(child) {
        Some(own) => own.get().cancel_message(child.py()),
        None => Some(child.getattr(intern!(child.py(), "_cancel_message"))?),
    };
    Ok(message.filter(|message| !message.is_none()))
}

/// `child.add_done_callback(callback)`; says whether a future of ours took it natively.
pub(super) fn add_done_callback(
    child: &Bound<'_, PyAny>,
    callback: &Bound<'_, DoneCallback>,
) -> PyResult<bool> {
    let py = child.py();
    if let Some(own) = plain(child) {
        future::add_callback(own, Callback::Native(callback.clone().unbind()))?;
        return Ok(true);
    }
    ffi::call_method(intern!(py, "add_done_callback"), &[child, callback])?;
    Ok(false)
}

/// `child.remove_done_callback(callback)`
pub(super) fn remove_done_callback(
    child: &Bound<'_, PyAny>,
    callback: &Bound<'_, DoneCallback>,
) -> PyResult<()> {
    let py = child.py();
    match plain(child) {
        // It has none any more.
        Some(own) if own.get().life(py).is_done() => Ok(()),
        _ => ffi::call_method(intern!(py, "remove_done_callback"), &[child, callback]).map(drop),
    }
}

/// `future.set_result(result)`
pub(super) fn set_result<'py>(
    future: &Bound<'py, PyAny>,
    result: Bound<'py, PyAny>,
) -> PyResult<()> {
    match plain(future).filter(|_| !future.is_instance_of::<Task>()) {
        Some(own) => future::set_result(own, result),
        None => ffi::call_method(intern!(future.py(), "set_result"), &[future, &result]).map(drop),
    }
}

/// `future.set_exception(exception)`
pub(super) fn set_exception<'py>(
    future: &Bound<'py, PyAny>,
    exception: Bound<'py, PyAny>,
) -> PyResult<()> {
    match plain(future).filter(|_| !future.is_instance_of::<Task>()) {
        Some(own) => future::set_exception(own, exception),
        None => {
            ffi::call_method(intern!(future.py(), "set_exception"), &[future, &exception]).map(drop)
        }
    }
}

/// `child._log_destroy_pending = False`
pub(super) fn keep_quiet_when_destroyed(child: &Bound<'_, PyAny>) -> PyResult<()> {
    let py = child.py();
    match plain(child).and_then(|own| own.cast::<Task>().ok()) {
        Some(own) => {
            own.get().keep_quiet_when_destroyed(py);
            Ok(())
        }
        None => child.setattr(intern!(py, "_log_destroy_pending"), false),
    }
}
