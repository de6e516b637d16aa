//! What to do with the object that a coroutine has yielded: wait for it, go on, or complain.

use pyo3::exceptions::PyRuntimeError;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::PyString;

use super::step::{self, Left};
use super::{Task, as_future, cancel};
use crate::asyncio::asyncio;
use crate::ffi;
use crate::future::{self, Callback, Future};
use crate::schedule::{self, Step};

/// Deals with what the coroutine yielded.
///
/// Futures of ours are told apart by exact class, because a subclass may have overridden anything;
/// those and all others are treated by the protocol (`_asyncio_future_blocking`,
/// `add_done_callback()`, documented under "Extending").
pub(super) fn suspend<'py>(
    task: &Bound<'py, Task>,
    yielded: Bound<'py, PyAny>,
    event_loop: &Bound<'py, PyAny>,
) -> PyResult<Left> {
    let own_loop;
    let event_loop = if as_future(task).get().belongs_to(task.py(), event_loop) {
        event_loop
    } else {
        // The coroutine has made its own task anew.
        own_loop = as_future(task).get().ready_loop(task.py())?;
        &own_loop
    };
    if yielded.is_none() {
        let is_known = schedule::soon(event_loop, Step(task.clone().unbind()))?;
        return Ok(if is_known { Left::KnownLoop } else { Left::Anything });
    }
    wait_for(task, yielded, event_loop).map(|()| Left::Anything)
}

fn wait_for<'py>(
    task: &Bound<'py, Task>,
    yielded: Bound<'py, PyAny>,
    event_loop: &Bound<'py, PyAny>,
) -> PyResult<()> {
    if yielded.is(task) {
        return complain(task, &format!("Task cannot await on itself: {}", task.repr()?));
    }
    if let Some(future) = future::exact(&yielded) {
        return wait_for_own(task, future, event_loop);
    }
    match blocking_of(&yielded)? {
        Some(blocking) => wait_for_foreign(task, &yielded, blocking, event_loop),
        None => complain_about_object(task, &yielded),
    }
}

fn wait_for_own<'py>(
    task: &Bound<'py, Task>,
    future: &Bound<'py, Future>,
    event_loop: &Bound<'py, PyAny>,
) -> PyResult<()> {
    let py = task.py();
    let this = future.get();
    if !this.belongs_to(py, event_loop) {
        return complain_about_loop(task, future);
    }
    if !this.take_blocking(py) {
        return complain_about_yield(task, future);
    }
    #[cfg(Py_3_14)]
    this.add_awaited_by(task.as_any())?;
    future::add_callback(future, Callback::Wakeup(task.clone().unbind()))?;
    begin_to_wait(task, future)
}

/// `_asyncio_future_blocking` as true or false; None for what is no future.
fn blocking_of(object: &Bound<'_, PyAny>) -> PyResult<Option<bool>> {
    match object.getattr_opt(intern!(object.py(), "_asyncio_future_blocking"))? {
        Some(blocking) if !blocking.is_none() => blocking.is_truthy().map(Some),
        _ => Ok(None),
    }
}

fn wait_for_foreign<'py>(
    task: &Bound<'py, Task>,
    future: &Bound<'py, PyAny>,
    blocking: bool,
    event_loop: &Bound<'py, PyAny>,
) -> PyResult<()> {
    let py = task.py();
    if !loop_of(future)?.is(event_loop) {
        return complain_about_loop(task, future);
    }
    if !blocking {
        return complain_about_yield(task, future);
    }
    #[cfg(Py_3_14)]
    if let Ok(own) = future.cast::<Future>() {
        own.get().add_awaited_by(task.as_any())?;
    }
    future.setattr(intern!(py, "_asyncio_future_blocking"), false)?;
    let wakeup = Task::wakeup_function(task)?;
    let (name, context) = (intern!(py, "add_done_callback"), task.get().ready_context(py)?);
    ffi::call_method_in_context(name, &[future, &wakeup], &context)?;
    begin_to_wait(task, future)
}

/// `future.get_loop()`, or what older futures have instead.
fn loop_of<'py>(future: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
    let py = future.py();
    if asyncio(py).is_builtin_future(future) {
        return ffi::call_method(intern!(py, "get_loop"), &[future]); // makes no bound method
    }
    match future.getattr_opt(intern!(py, "get_loop"))? {
        Some(get_loop) => ffi::call(&get_loop, &[]),
        None => future.getattr(intern!(py, "_loop")),
    }
}

/// The task is registered with the future: it waits. A cancellation that is due goes on to the
/// future; if that one refuses, it stays due for the step after the wake-up.
fn begin_to_wait<'py>(task: &Bound<'py, Task>, future: &Bound<'py, PyAny>) -> PyResult<()> {
    let py = task.py();
    task.get().waiter.put(future.clone());
    if task.get().cancellation.get(py).is_due() {
        let message = as_future(task).get().cancel_message(py);
        if cancel::cancel_future(future, message.as_ref())? {
            let cancellation = task.get().cancellation.get(py);
            task.get().cancellation.set(py, cancellation.transition_to_delivered());
        }
    }
    Ok(())
}

/// Throws a `RuntimeError` into the coroutine with the next step, so that it learns where it erred.
fn complain(task: &Bound<'_, Task>, message: &str) -> PyResult<()> {
    let py = task.py();
    let error = py.get_type::<PyRuntimeError>().call1((PyString::new(py, message),))?;
    step::schedule_throw(task, &error)
}

fn complain_about_loop(task: &Bound<'_, Task>, future: &Bound<'_, PyAny>) -> PyResult<()> {
    let (task_repr, future_repr) = (task.repr()?, future.repr()?);
    let message = format!("Task {task_repr} got Future {future_repr} attached to a different loop");
    complain(task, &message)
}

fn complain_about_yield(task: &Bound<'_, Task>, future: &Bound<'_, PyAny>) -> PyResult<()> {
    let (task_repr, future_repr) = (task.repr()?, future.repr()?);
    let message =
        format!("yield was used instead of yield from in task {task_repr} with {future_repr}");
    complain(task, &message)
}

fn complain_about_object(task: &Bound<'_, Task>, object: &Bound<'_, PyAny>) -> PyResult<()> {
    if !ffi::is_generator(object)? {
        return complain(task, &format!("Task got bad yield: {}", object.repr()?));
    }
    let (task_repr, shown) = (task.repr()?, object.repr()?);
    let message = format!(
        "yield was used instead of yield from for generator in task {task_repr} with {shown}"
    );
    complain(task, &message)
}
