//! What a stock loop has called by a handle of its own, and the batches that are ready after it.

use pyo3::prelude::*;

use super::batch::Batch;
use super::pass::Pass;
use crate::asyncio::asyncio;
use crate::ffi::{self, Deque, LeftContext};
use crate::seat::Seat;
use crate::task::Task;

/// Runs `first`, which a stock loop has called by a handle of its own for this task, and then the next
/// batches as long as the loop would do nothing else: unless `first` says no, and until the task is done.
/// Then whatever that handle holds, and first of all the task, is to go at once.
pub(super) fn run<'py>(
    queue: &Deque<'py>,
    event_loop: &Bound<'py, PyAny>,
    task: &Bound<'py, Task>,
    first: impl FnOnce(&mut Seat<'_, 'py>) -> PyResult<bool>,
) -> PyResult<()> {
    let context = task.get().ready_context(task.py())?;
    let mut seat = Seat::new(event_loop)?;
    let pass = Pass::begin(event_loop, queue);
    let mut may_go_on = false;
    let outcome = first(&mut seat).map(|answer| may_go_on = answer);
    seat.clear_after(outcome)?;
    let Some(begun) = pass.end() else { return Ok(()) };
    if !may_go_on || Task::is_done(task) || queue.len() != 1 || !is_running_here(event_loop)? {
        return Ok(());
    }
    // It is not the current one if somebody else than the loop has called this.
    let Ok(left) = LeftContext::leave(context) else { return Ok(()) };
    let outcome = match Batch::take_next(event_loop, queue, begun) {
        Ok(Some(batch)) => Batch::run(&batch, Some(task)),
        outcome => outcome.map(drop),
    };
    outcome.and(left.enter_again())
}

/// Whether the loop is the one that this thread runs.
fn is_running_here(event_loop: &Bound<'_, PyAny>) -> PyResult<bool> {
    let py = event_loop.py();
    let running = ffi::call(asyncio(py).find_running_loop.bind(py), &[])?;
    Ok(running.is(event_loop))
}
