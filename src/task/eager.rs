//! The first step, run at once instead of by the loop (3.12; on 3.11 an extension).

use pyo3::prelude::*;

use super::{Task, as_future, step};
use crate::ffi::{self, EnteredContext};
use crate::registry;
use crate::seat;
use crate::state::Life;

/// Runs the coroutine up to its first suspension, as the current task and in its context, while the
/// task that is running now steps aside.
///
/// Whatever fails on the way, everything that was begun is ended; the first error is returned with
/// the later ones in front of it.
pub(super) fn start<'py>(task: &Bound<'py, Task>, event_loop: &Bound<'py, PyAny>) -> PyResult<()> {
    let py = task.py();
    let aside = SteppedAside::for_task(task, event_loop)?;
    let mut outcome = run_in_context(task, event_loop);
    if let Err(error) = aside.come_back() {
        add(py, &mut outcome, error);
    }
    if as_future(task).get().life(py) == Life::Pending {
        registry::register(task);
        outcome
    } else {
        task.get().coroutine.clear(py);
        outcome
    }
}

fn run_in_context<'py>(task: &Bound<'py, Task>, event_loop: &Bound<'py, PyAny>) -> PyResult<()> {
    registry::register(task);
    let outcome = run_registered(task, event_loop);
    registry::unregister(task);
    outcome
}

fn run_registered<'py>(task: &Bound<'py, Task>, event_loop: &Bound<'py, PyAny>) -> PyResult<()> {
    let py = task.py();
    let entered = EnteredContext::enter(task.get().ready_context(py)?)?;
    let mut outcome = match step::run(task, None, event_loop) {
        Ok(_) => Ok(()),
        Err(error) => Err(error),
    };
    if let Err(error) = entered.exit() {
        add(py, &mut outcome, error);
    }
    outcome
}

/// Adds a later error to the first one, which is left where it is if there is none: to move what was just
/// written costs more than to look at it.
#[cold]
fn add(py: Python<'_>, outcome: &mut PyResult<()>, later: PyErr) {
    let error = match std::mem::replace(outcome, Ok(())) {
        Ok(()) => later,
        Err(first) => ffi::chain(py, first, later),
    };
    *outcome = Err(error);
}

/// The task that ran before, while another one runs in its place.
struct SteppedAside<'a, 'py> {
    event_loop: &'a Bound<'py, PyAny>,
    previous: Option<Bound<'py, PyAny>>,
}

impl<'a, 'py> SteppedAside<'a, 'py> {
    fn for_task(task: &Bound<'py, Task>, event_loop: &'a Bound<'py, PyAny>) -> PyResult<Self> {
        let previous = seat::swap_current_task(event_loop, task.as_any())?;
        Ok(Self { event_loop, previous: Some(previous) })
    }

    fn come_back(mut self) -> PyResult<()> {
        self.come_back_once()
    }

    fn come_back_once(&mut self) -> PyResult<()> {
        self.previous
            .take()
            .map_or(Ok(()), |previous| seat::restore_current_task(self.event_loop, &previous))
    }
}

impl Drop for SteppedAside<'_, '_> {
    /// Only finds something to do when a panic passes by.
    fn drop(&mut self) {
        if let Err(error) = self.come_back_once() {
            error.write_unraisable(self.event_loop.py(), None);
        }
    }
}
