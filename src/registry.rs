//! Which tasks there are, how they are numbered and counted.
//!
//! All tasks are a list of ours, which asyncio's set shows, too (`python/aioxide/registry.py`).

use std::sync::atomic::{AtomicU64, Ordering};

use pyo3::prelude::*;

use crate::ffi::{self, fault};
use crate::task::Task;

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
