//! What a Python future that waits for Rust adds to the life of a future.
//!
//! The class calls these functions where something happens to such a future; every other one has no
//! [`Link`], and they are not called for it. A future that is done, or about to be, has none any more.

use std::sync::Arc;

use pyo3::prelude::*;
use pyo3::types::PyWeakrefMethods;

use super::queue::{LoopQueue, Pending};
use crate::ffi::Kind;
use crate::future::{self, Future};

/// What a pending future knows of the work it waits for.
pub(crate) struct Link {
    queue: Arc<LoopQueue>,
    number: u64,
}

impl Link {
    pub(super) fn new(queue: Arc<LoopQueue>, number: u64) -> Self {
        Self { queue, number }
    }
}

/// Somebody begins to wait for the future: from now on its work keeps it alive.
pub(crate) fn keep(future: &Bound<'_, Future>) {
    change_awaited(future, Some(future.clone().unbind()));
}

/// Nobody waits any more.
pub(crate) fn release(future: &Bound<'_, Future>) {
    change_awaited(future, None);
}

fn change_awaited(future: &Bound<'_, Future>, awaited: Option<Py<Future>>) {
    let py = future.py();
    let Some(link) = future.get().take_link(py) else { return };
    let former = link.queue.with_pending(py, |pending| {
        let place = pending.get_mut(&link.number).map(|entry| &mut entry.awaited);
        place.map(|place| std::mem::replace(place, awaited))
    });
    future.get().put_link(py, link);
    drop(former);
}

/// Somebody cancels the future: its work is dropped. Returns false if that takes until a thread of the
/// runtime has let go of it; the future stays pending until then, as a task does that is cancelled.
pub(crate) fn cancel(future: &Bound<'_, Future>) -> bool {
    let py = future.py();
    let Some(link) = future.get().take_link(py) else { return true };
    let Some(entry) = link.queue.remove_pending(py, link.number) else { return true };
    if entry.work.cancel(py) {
        finish(py, &link.queue, entry);
        return true;
    }
    // Nothing has run meanwhile: the work has only been told.
    link.queue.with_pending(py, |pending| pending.insert(link.number, entry));
    future.get().put_link(py, link);
    false
}

/// The future is done, or dies: its work is dropped, sooner or later.
pub(crate) fn abandon(future: &Bound<'_, Future>) {
    let py = future.py();
    let Some(link) = future.get().take_link(py) else { return };
    if let Some(entry) = link.queue.remove_pending(py, link.number) {
        entry.work.cancel(py);
        finish(py, &link.queue, entry);
    }
}

/// The work is over; the loop may have nothing left to look for.
fn finish(py: Python<'_>, queue: &Arc<LoopQueue>, entry: Pending) {
    drop(entry);
    if queue.is_idle(py) {
        queue.wake();
    }
}

/// The work has an outcome, for a future that may have come to its end without it. The caller is the
/// loop, which looks afterwards whether anything is left to look for.
pub(super) fn settle<'py>(
    py: Python<'py>,
    queue: &Arc<LoopQueue>,
    number: u64,
    kind: Kind,
    value: Option<Bound<'py, PyAny>>,
) {
    let Some(entry) = queue.remove_pending(py, number) else { return };
    let Some(future) = entry.future.bind(py).upgrade() else { return };
    let Ok(future) = future.cast_into::<Future>() else { return };
    drop(future.get().take_link(py));
    if let Err(error) = end(&future, kind, value) {
        error.write_unraisable(py, Some(future.as_any()));
    }
    drop(entry);
}

/// Ends the future as its work did.
fn end<'py>(
    future: &Bound<'py, Future>,
    kind: Kind,
    value: Option<Bound<'py, PyAny>>,
) -> PyResult<()> {
    let py = future.py();
    match (kind, value) {
        (Kind::Returned, Some(result)) => future::set_result(future, result),
        (Kind::Raised, Some(exception)) => fail(future, exception),
        _ => {
            let message = future.get().cancel_message(py);
            future::cancel(future, message).map(drop)
        }
    }
}

/// Ends the future with an exception. A `CancelledError` cancels it, as it does a task; one that no
/// future takes (`StopIteration`) is replaced by the error of the attempt.
fn fail<'py>(future: &Bound<'py, Future>, exception: Bound<'py, PyAny>) -> PyResult<()> {
    let py = future.py();
    let cancelled = crate::asyncio::asyncio(py).cancelled_error.bind(py);
    if crate::ffi::given_exception_matches(&exception, cancelled) {
        return future::cancel_with(future, exception).map(drop);
    }
    let Err(refused) = future::set_exception(future, exception) else { return Ok(()) };
    if future.get().life(py).is_done() {
        return Err(refused);
    }
    future::set_exception(future, refused.into_value(py).into_bound(py).into_any())
}

/// A future that is done from the start.
pub(super) fn finished<'py>(
    event_loop: &Bound<'py, PyAny>,
    kind: Kind,
    value: Bound<'py, PyAny>,
) -> PyResult<Bound<'py, PyAny>> {
    let future = Future::new_on(event_loop)?;
    end(&future, kind, Some(value))?;
    Ok(future.into_any())
}
