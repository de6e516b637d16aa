//! `asyncio.shield()`

use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::PyTuple;

use super::awaiter::Awaiter;
use super::ensure;
use super::maker::Maker;
use super::{DoneCallback, child};
use crate::asyncio::asyncio;
use crate::ffi;

/// Return a future that ends as the given one does, or as a task made of the given coroutine, and
/// can be cancelled without cancelling that.
#[pyfunction]
#[pyo3(signature = (arg))]
pub(crate) fn shield(arg: Bound<'_, PyAny>) -> PyResult<Bound<'_, PyAny>> {
    let py = arg.py();
    let arguments = PyTuple::new(py, [&arg])?;
    let Some(event_loop) = ensure::common_loop(&arguments, None)? else {
        return asyncio(py).shield.bind(py).call1(arguments);
    };
    let as_in_asyncio = |error| ensure::raised_in(error, asyncio(py).shield.bind(py));
    let mut inner = arg;
    if ffi::is_native_coroutine(&inner) {
        let made = Maker::on(event_loop.clone()).and_then(|mut maker| maker.make(inner));
        inner = made.map_err(as_in_asyncio)?;
    }
    protect(inner, event_loop).map_err(as_in_asyncio)
}

fn protect<'py>(
    inner: Bound<'py, PyAny>,
    event_loop: Bound<'py, PyAny>,
) -> PyResult<Bound<'py, PyAny>> {
    let py = inner.py();
    if child::is_done(&inner)? {
        return Ok(inner);
    }
    let outer = ffi::call_method(intern!(py, "create_future"), &[&event_loop])?;
    let awaiter = Awaiter::default();
    awaiter.note(&event_loop)?;
    awaiter.add_to(&inner)?;
    let forget_awaiter =
        if awaiter.is_nobody(py) { None } else { Some(DoneCallback::of_awaiter(py, awaiter)?) };
    if let Some(forget_awaiter) = &forget_awaiter {
        child::add_done_callback(&inner, forget_awaiter)?;
    }
    let pass_on = DoneCallback::of_shielded(&outer)?;
    child::add_done_callback(&inner, &pass_on)?;
    child::add_done_callback(&outer, &DoneCallback::of_shield(&inner, pass_on, forget_awaiter)?)?;
    Ok(outer)
}

/// The inner future is done: so is the outer one, unless it has been cancelled before.
pub(super) fn pass_on(inner: &Bound<'_, PyAny>, outer: &Bound<'_, PyAny>) -> PyResult<()> {
    let py = inner.py();
    if child::is_cancelled(outer)? {
        if asyncio(py).quirks.shield_drops_late_exceptions && !child::is_cancelled(inner)? {
            child::exception(inner)?; // it counts as retrieved
        }
        return Ok(());
    }
    if child::is_cancelled(inner)? {
        return ffi::call_method(intern!(outer.py(), "cancel"), &[outer]).map(drop);
    }
    match child::exception(inner)? {
        Some(exception) => child::set_exception(outer, exception),
        None => child::set_result(outer, child::result(inner)?),
    }
}

/// The outer future is done: nothing of it is left with an inner one that goes on.
pub(super) fn let_go(
    inner: &Bound<'_, PyAny>,
    pass_on: &Bound<'_, DoneCallback>,
    forget_awaiter: Option<&Bound<'_, DoneCallback>>,
) -> PyResult<()> {
    if child::is_done(inner)? {
        return Ok(());
    }
    child::remove_done_callback(inner, pass_on)?;
    let Some(forget_awaiter) = forget_awaiter else { return Ok(()) };
    child::remove_done_callback(inner, forget_awaiter)?;
    forget_awaiter.get().forget_awaiter(inner)
}
