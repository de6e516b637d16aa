//! One step of a task: the coroutine runs up to its next suspension or to its end.

use pyo3::exceptions::{PyKeyboardInterrupt, PySystemExit};
use pyo3::prelude::*;
use pyo3::types::PyType;

use super::{Task, as_future, suspend, uninitialised};
use crate::asyncio::asyncio;
use crate::ffi::{self, Body, Function, Progress};
use crate::future;
use crate::schedule;
use crate::seat::Seat;
use crate::state::Life;

/// What runs a step of a task.
static STEP: Function = Function::new::<Step>(c"task_step", None);

struct Step;

impl Body for Step {
    type Receiver = Task;
    const LEAST_ARGUMENTS: usize = 0;
    const NAME: &'static str = "task_step";

    fn call<'py>(task: &Bound<'py, Task>, exception: Option<Bound<'py, PyAny>>) -> PyResult<()> {
        let event_loop = Task::ready_loop(task)?;
        let mut seat = Seat::new(&event_loop)?;
        let outcome = step(task, exception, &mut seat);
        seat.clear_after(outcome)
    }
}

impl Task {
    /// The function that runs the next step when it is called; given an exception, it throws that
    /// into the coroutine.
    pub(crate) fn step_function<'py>(task: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        STEP.bind(task)
    }

    /// Runs the next step.
    pub(crate) fn step<'py>(task: &Bound<'py, Self>, seat: &mut Seat<'_, 'py>) -> PyResult<()> {
        step(task, None, seat)
    }
}

/// Puts a step in the loop's queue that throws `exception` into the coroutine.
pub(super) fn schedule_throw(task: &Bound<'_, Task>, exception: &Bound<'_, PyAny>) -> PyResult<()> {
    let py = task.py();
    let event_loop = as_future(task).get().ready_loop(py)?;
    let context = task.get().ready_context(py)?;
    schedule::call_soon_with(&event_loop, &Task::step_function(task)?, exception, &context)
}

/// Runs one step as the current task of the loop. `exception` is thrown into the coroutine.
#[inline(always)]
pub(super) fn step<'py>(
    task: &Bound<'py, Task>,
    exception: Option<Bound<'py, PyAny>>,
    seat: &mut Seat<'_, 'py>,
) -> PyResult<()> {
    if !as_future(task).get().belongs_to(task.py(), seat.event_loop()) {
        return step_elsewhere(task, exception, seat);
    }
    seat.take(task)?;
    match run(task, exception, seat.event_loop()) {
        Ok(Left::KnownLoop) => seat.leave_untouched(),
        Ok(Left::Anything) => seat.leave(),
        Err(error) => seat.clear_after(Err(error)),
    }
}

/// The same for a task that was made anew for another loop since it was put into the queue of this one.
fn step_elsewhere<'py>(
    task: &Bound<'py, Task>,
    exception: Option<Bound<'py, PyAny>>,
    seat: &mut Seat<'_, 'py>,
) -> PyResult<()> {
    seat.clear()?;
    let event_loop = Task::ready_loop(task)?;
    let mut seat = Seat::new(&event_loop)?;
    seat.take(task)?;
    let outcome = run(task, exception, &event_loop).map(drop);
    seat.clear_after(outcome)
}

/// What a step leaves behind when nothing has gone wrong.
pub(super) enum Left {
    /// The last thing it did was to put the next step into the queue of a stock loop, which was out of
    /// debug mode.
    KnownLoop,
    Anything,
}

/// The step itself; the task is the current one of its loop already.
pub(super) fn run<'py>(
    task: &Bound<'py, Task>,
    exception: Option<Bound<'py, PyAny>>,
    event_loop: &Bound<'py, PyAny>,
) -> PyResult<Left> {
    let py = task.py();
    if as_future(task).get().life(py) != Life::Pending {
        return Err(already_done(task, exception));
    }
    let exception = with_due_cancellation(task, exception)?;
    task.get().waiter.clear(py);
    let coroutine = task.get().coroutine.bound(py).ok_or_else(uninitialised)?;
    let progress = match exception {
        None => ffi::send(&coroutine),
        Some(exception) => ffi::throw(&coroutine, &exception),
    };
    match progress {
        Progress::Yielded(object) => return suspend::suspend(task, object, event_loop),
        Progress::Returned(result) => finish(task, result)?,
        Progress::Raised(exception) => fail(task, exception)?,
    }
    Ok(Left::Anything)
}

/// What to throw: a cancellation that is due takes the place of everything but another one.
fn with_due_cancellation<'py>(
    task: &Bound<'py, Task>,
    exception: Option<Bound<'py, PyAny>>,
) -> PyResult<Option<Bound<'py, PyAny>>> {
    let py = task.py();
    let cancellation = task.get().cancellation.get(py);
    if !cancellation.is_due() {
        return Ok(exception);
    }
    let is_cancelled_error = |exception: &Bound<'py, PyAny>| {
        ffi::given_exception_matches(exception, asyncio(py).cancelled_error.bind(py))
    };
    let to_throw = match exception.filter(is_cancelled_error) {
        Some(exception) => exception,
        None => as_future(task).get().make_cancelled_error(py)?,
    };
    task.get().cancellation.set(py, cancellation.transition_to_delivered());
    Ok(Some(to_throw))
}

/// The coroutine returned. A cancellation that came in during its last step wins.
fn finish<'py>(task: &Bound<'py, Task>, result: Bound<'py, PyAny>) -> PyResult<()> {
    let py = task.py();
    let future = as_future(task);
    let cancellation = task.get().cancellation.get(py);
    if cancellation.is_due() {
        task.get().cancellation.set(py, cancellation.transition_to_delivered());
        let message = future.get().cancel_message(py);
        return future::cancel(future, message).map(drop);
    }
    future::set_result(future, result)
}

/// The coroutine raised. What is meant to end the program leaves the loop as well.
fn fail<'py>(task: &Bound<'py, Task>, exception: Bound<'py, PyAny>) -> PyResult<()> {
    let py = task.py();
    let future = as_future(task);
    if ffi::given_exception_matches(&exception, asyncio(py).cancelled_error.bind(py)) {
        return future::cancel_with(future, exception).map(drop);
    }
    future::set_exception(future, exception.clone())?;
    let ends_program = [py.get_type::<PyKeyboardInterrupt>(), py.get_type::<PySystemExit>()]
        .iter()
        .any(|class: &Bound<'_, PyType>| ffi::given_exception_matches(&exception, class));
    if ends_program { Err(ffi::as_raised(exception)) } else { Ok(()) }
}

fn already_done(task: &Bound<'_, Task>, exception: Option<Bound<'_, PyAny>>) -> PyErr {
    let py = task.py();
    let describe = || -> PyResult<PyErr> {
        let shown = exception.unwrap_or_else(|| py.None().into_bound(py));
        let step = if cfg!(Py_3_14) { "__step" } else { "_step" };
        let message = format!("{step}(): already done: {} {}", task.repr()?, shown.repr()?);
        Ok(future::invalid_state(py, message))
    };
    describe().unwrap_or_else(|error| error)
}
