//! The awaited future is done: the task goes on.

use pyo3::intern;
use pyo3::prelude::*;

use super::{Task, step};
use crate::asyncio::asyncio;
use crate::ffi::{self, Body, Function};
use crate::future::{self, Future, Retrieved};
use crate::schedule;
use crate::seat::Seat;
use crate::state::Life;

/// What wakes a task. asyncio shows its name among the callbacks of a future that is awaited, and a
/// signature since 3.13.
static WAKEUP: Function = Function::new::<Wakeup>(
    c"task_wakeup",
    if cfg!(Py_3_13) { Some(c"task_wakeup($self, object, /)\n--\n\n") } else { None },
);

struct Wakeup;

impl Body for Wakeup {
    type Receiver = Task;
    const LEAST_ARGUMENTS: usize = 1;
    const NAME: &'static str = "task_wakeup";

    fn call<'py>(task: &Bound<'py, Task>, future: Option<Bound<'py, PyAny>>) -> PyResult<()> {
        let Some(future) = future else { return Ok(()) };
        let event_loop = Task::ready_loop(task)?;
        // A future of the built-in classes has nobody but its loop call this.
        if asyncio(task.py()).is_builtin_future(&future) {
            return schedule::run_turn(&event_loop, task, |seat| by_builtin(task, &future, seat));
        }
        let mut seat = Seat::new(&event_loop)?;
        let outcome = wakeup(task, &future, &mut seat);
        seat.clear_after(outcome)
    }
}

impl Task {
    /// The function that wakes the task when it is called with the future that is done.
    pub(crate) fn wakeup_function<'py>(task: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        WAKEUP.bind(task)
    }

    /// Goes on with a future of ours that is done.
    pub(crate) fn wakeup<'py>(
        task: &Bound<'py, Self>,
        future: &Bound<'py, Future>,
        seat: &mut Seat<'_, 'py>,
    ) -> PyResult<()> {
        wakeup(task, future, seat)
    }
}

/// Runs the next step with the outcome of the future: an exception is thrown into the coroutine, a
/// result is left for the iterator that the coroutine awaits.
fn wakeup<'py>(
    task: &Bound<'py, Task>,
    future: &Bound<'py, PyAny>,
    seat: &mut Seat<'_, 'py>,
) -> PyResult<()> {
    // To make an error may have the collector run, and with it whatever finalisers do.
    let is_plain = future::exact(future)
        .is_some_and(|future| future.get().life(future.py()) == Life::Returned);
    if !is_plain {
        seat.clear()?;
    }
    #[cfg(Py_3_14)]
    if let Ok(own) = future.cast::<Future>() {
        own.get().discard_awaited_by(task.as_any())?;
    }
    step::step(task, exception_of(future), seat)
}

/// The same with a future of exactly a built-in class. Answers whether nobody can see if that one lives
/// on for a while: it has no weak references, and neither can its result have any.
fn by_builtin<'py>(
    task: &Bound<'py, Task>,
    future: &Bound<'py, PyAny>,
    seat: &mut Seat<'_, 'py>,
) -> PyResult<bool> {
    let py = future.py();
    let outcome = ffi::call_method_or_take_raised(future, intern!(py, "result"));
    let is_plain = outcome.as_ref().is_ok_and(ffi::is_plain);
    step::step(task, outcome.err(), seat)?;
    if !is_plain {
        return Ok(false);
    }
    let references = ffi::call(asyncio(py).getweakrefcount.bind(py), &[future])?;
    Ok(!references.is_truthy()?)
}

fn exception_of<'py>(future: &Bound<'py, PyAny>) -> Option<Bound<'py, PyAny>> {
    let py = future.py();
    let Some(own) = future::exact(future) else {
        return ffi::call_method_or_take_raised(future, intern!(py, "result")).err();
    };
    match Future::retrieve(own.get(), py) {
        Ok(Retrieved::Result(_)) => None,
        Ok(Retrieved::Exception(exception) | Retrieved::Cancelled(exception)) => Some(exception),
        Err(error) => Some(error.into_value(py).into_bound(py).into_any()),
    }
}
