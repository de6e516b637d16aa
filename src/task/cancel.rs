//! Cancelling a task, and with it what it awaits.

use once_cell::sync::OnceCell;
use pyo3::exceptions::PyRecursionError;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::PyType;

use super::{Task, as_future};
use crate::ffi;
use crate::future::{self, Future};
use crate::state::Life;

/// Where the code of our own `Task.cancel` is, to recognise it by.
static OWN_CANCEL: OnceCell<usize> = OnceCell::new();

/// Looks at an object that nobody has touched. Called when the module is made.
pub(super) fn prepare(class: &Bound<'_, PyType>) -> PyResult<()> {
    let py = class.py();
    let untouched = class.call_method1(intern!(py, "__new__"), (class,))?;
    let method = untouched.getattr(intern!(py, "cancel"))?;
    if let Some(implementation) = ffi::implementation_of(&method, &untouched) {
        OWN_CANCEL.get_or_init(|| implementation);
    }
    Ok(())
}

/// `Task.cancel(msg)`: asks the future at the end of the chain of awaits to cancel itself.
///
/// A task that awaits a task passes the request on. That chain is walked, not recursed into: it may
/// be a hundred thousand tasks long. The last task of it, the one whose future does not take the
/// request, gets its `CancelledError` with the next step; for those above it the request is taken.
pub(super) fn cancel<'py>(
    task: &Bound<'py, Task>,
    message: Option<Bound<'py, PyAny>>,
) -> PyResult<bool> {
    let py = task.py();
    if !request(task) {
        return Ok(false);
    }
    let mut last = task.clone();
    let mut walk = CycleDetector::starting_at(task);
    let taken = loop {
        let Some(future) = last.get().waiter.bound(py) else { break false };
        let Some(next) = cancelled_by_us(&future)? else {
            break cancel_future(&future, message.clone())?;
        };
        walk.visit(&next)?;
        if !request(&next) {
            break false;
        }
        last = next;
    };
    if !taken {
        let this = last.get();
        this.cancellation.set(py, this.cancellation.get(py).transition_to_due());
        as_future(&last).get().store_cancel_message(py, message);
    }
    Ok(true)
}

/// `future.cancel(message)`, of what is no task of ours.
pub(super) fn cancel_future<'py>(
    future: &Bound<'py, PyAny>,
    message: Option<Bound<'py, PyAny>>,
) -> PyResult<bool> {
    let py = future.py();
    if let Ok(own) = future.cast_exact::<Future>()
        && !ffi::has_own_attributes(future)
    {
        return future::cancel(own, message);
    }
    future.call_method1(intern!(py, "cancel"), (message,))?.is_truthy()
}

/// Counts the request; false if the task is done.
fn request(task: &Bound<'_, Task>) -> bool {
    let py = task.py();
    let this = task.get();
    as_future(task).get().forget_exception_log(py);
    if as_future(task).get().life(py) != Life::Pending {
        return false;
    }
    this.cancellation.set(py, this.cancellation.get(py).transition_to_requested());
    true
}

/// The future as a task of ours, if `future.cancel()` would run this very code: neither a subclass
/// nor the object itself has put something else in its place.
fn cancelled_by_us<'py>(future: &Bound<'py, PyAny>) -> PyResult<Option<Bound<'py, Task>>> {
    let Ok(task) = future.cast::<Task>() else { return Ok(None) };
    if future.is_exact_instance_of::<Task>() && !ffi::has_own_attributes(future) {
        return Ok(Some(task.clone()));
    }
    let method = future.getattr(intern!(future.py(), "cancel"))?;
    let implementation = ffi::implementation_of(&method, future);
    let ours = implementation.is_some() && implementation.as_ref() == OWN_CANCEL.get();
    Ok(ours.then(|| task.clone()))
}

/// Finds tasks that await each other in a circle, in constant space (R. P. Brent, "An improved
/// Monte Carlo factorization algorithm", BIT 20, 1980).
struct CycleDetector<'py> {
    landmark: Bound<'py, Task>,
    steps: u64,
    until_next_landmark: u64,
}

impl<'py> CycleDetector<'py> {
    fn starting_at(task: &Bound<'py, Task>) -> Self {
        Self { landmark: task.clone(), steps: 0, until_next_landmark: 1 }
    }

    /// # Errors
    /// `RecursionError`, which is what the built-in class ends with in a circle.
    fn visit(&mut self, task: &Bound<'py, Task>) -> PyResult<()> {
        if task.is(&self.landmark) {
            return Err(PyRecursionError::new_err(
                "maximum recursion depth exceeded: tasks await each other in a circle",
            ));
        }
        self.steps += 1;
        if self.steps == self.until_next_landmark {
            self.landmark = task.clone();
            self.steps = 0;
            self.until_next_landmark *= 2;
        }
        Ok(())
    }
}

/// `Task.uncancel()`
pub(super) fn uncancel(task: &Task, py: Python<'_>) -> u32 {
    let withdrawn = task.cancellation.get(py).transition_to_withdrawn(cfg!(Py_3_13));
    task.cancellation.set(py, withdrawn);
    withdrawn.requests()
}
