//! Which task runs, which tasks there are, how they are numbered and counted.
//!
//! The current task is that of asyncio, reached through the functions that its documentation names for
//! third-party tasks ("Extending", "Task lifetime support"): so built-in and Rust tasks see each other
//! in one loop. All tasks are a list of ours, which asyncio's set shows, too
//! (`python/aioxide/registry.py`).

use std::sync::atomic::{AtomicU64, Ordering};

use pyo3::prelude::*;

use crate::asyncio::asyncio;
use crate::ffi::{self, fault};
use crate::task::Task;

/// A task that has been made the current one of its loop, until it leaves.
pub(crate) struct CurrentTask<'py> {
    event_loop: Bound<'py, PyAny>,
    task: Option<Bound<'py, PyAny>>,
}

impl<'py> CurrentTask<'py> {
    /// # Errors
    /// `RuntimeError` when another task of the loop is running.
    pub(crate) fn enter(event_loop: Bound<'py, PyAny>, task: Bound<'py, PyAny>) -> PyResult<Self> {
        enter_task(&event_loop, &task)?;
        Ok(Self { event_loop, task: Some(task) })
    }

    /// Leaves, and passes on the outcome of what was run meanwhile.
    pub(crate) fn leave(mut self, outcome: PyResult<()>) -> PyResult<()> {
        let py = self.event_loop.py();
        match (outcome, self.leave_once()) {
            (Err(earlier), Err(later)) => Err(ffi::chain(py, earlier, later)),
            (outcome, left) => outcome.and(left),
        }
    }

    fn leave_once(&mut self) -> PyResult<()> {
        let Some(task) = self.task.take() else { return Ok(()) };
        leave_task(&self.event_loop, &task)
    }
}

impl Drop for CurrentTask<'_> {
    /// Only finds something to do when a panic passes by.
    fn drop(&mut self) {
        if let Err(error) = self.leave_once() {
            error.write_unraisable(self.event_loop.py(), None);
        }
    }
}

/// `asyncio._enter_task(loop, task)`. Up to 3.13 that is an entry in a dict which can be made here;
/// the function is called for its error when another task is in the way.
fn enter_task(event_loop: &Bound<'_, PyAny>, task: &Bound<'_, PyAny>) -> PyResult<()> {
    let py = task.py();
    #[cfg(not(Py_3_14))]
    if let entry = ffi::Entry::new(asyncio(py).current_tasks.bind(py), event_loop)?
        && entry.address()?.is_none()
    {
        return entry.set(task);
    }
    ffi::call(asyncio(py).enter_task.bind(py), &[event_loop, task]).map(drop)
}

/// `asyncio._leave_task(loop, task)`
fn leave_task(event_loop: &Bound<'_, PyAny>, task: &Bound<'_, PyAny>) -> PyResult<()> {
    let py = task.py();
    #[cfg(not(Py_3_14))]
    if let entry = ffi::Entry::new(asyncio(py).current_tasks.bind(py), event_loop)?
        && entry.address()? == Some(task.as_ptr())
    {
        return entry.delete();
    }
    ffi::call(asyncio(py).leave_task.bind(py), &[event_loop, task]).map(drop)
}

/// Makes `task` (or None) the current one of its loop and gives back the one that was, or None:
/// `asyncio._swap_current_task(loop, task)` of 3.12.
pub(crate) fn swap_current_task<'py>(
    event_loop: &Bound<'py, PyAny>,
    task: &Bound<'py, PyAny>,
) -> PyResult<Bound<'py, PyAny>> {
    let py = event_loop.py();
    #[cfg(Py_3_14)]
    return ffi::call(asyncio(py).swap_current_task.bind(py), &[event_loop, task]);
    #[cfg(not(Py_3_14))]
    {
        let entry = ffi::Entry::new(asyncio(py).current_tasks.bind(py), event_loop)?;
        let previous = entry.value()?.unwrap_or_else(|| py.None().into_bound(py));
        if !task.is_none() {
            entry.set(task)?;
        } else if cfg!(all(Py_3_12, not(Py_3_13))) || !previous.is_none() {
            entry.delete()?; // in 3.12 a `KeyError` if there is none, as in asyncio
        }
        Ok(previous)
    }
}

/// Makes the task known to `asyncio.all_tasks()`, which does not keep it alive.
///
/// Its name in Python is for asyncio's own `_register_task()`.
#[pyfunction]
#[pyo3(name = "register_task", signature = (task, /))]
pub(crate) fn register(task: &Bound<'_, Task>) {
    fault::point();
    ffi::join_list(task);
}

/// Makes the task unknown again.
#[pyfunction]
#[pyo3(name = "unregister_task", signature = (task, /))]
pub(crate) fn unregister(task: &Bound<'_, Task>) {
    fault::point();
    ffi::leave_list(task.as_borrowed());
}

/// The tasks that are registered, but for some that are done.
#[pyfunction]
pub(crate) fn registered_tasks(py: Python<'_>) -> Vec<Bound<'_, Task>> {
    fault::point();
    let mut tasks = ffi::alive::<Task>(py);
    tasks.retain(|task| !Task::is_surely_done(task));
    tasks
}

static NAMES: AtomicU64 = AtomicU64::new(0);
static TASKS: AtomicU64 = AtomicU64::new(0);
static FUTURES: AtomicU64 = AtomicU64::new(0);

/// The number in the next automatic name, from 1 in order of creation.
pub(crate) fn next_name() -> u64 {
    NAMES.fetch_add(1, Ordering::Relaxed) + 1
}

pub(crate) fn count_task() {
    TASKS.fetch_add(1, Ordering::Relaxed);
}

pub(crate) fn count_future() {
    FUTURES.fetch_add(1, Ordering::Relaxed);
}

/// How many tasks, and how many futures that are no tasks, this process has made in Rust.
///
/// They are counted when they are initialised, whatever becomes of them.
#[pyfunction]
pub(crate) fn counts() -> (u64, u64) {
    fault::point();
    (TASKS.load(Ordering::Relaxed), FUTURES.load(Ordering::Relaxed))
}
