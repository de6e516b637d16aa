//! Tasks that uvloop wakes one by one, again and again: each keeps the handle that it was called by.
//!
//! While uvloop comes to its queue anyway, putting a handle at the end of it is all that `call_soon()` would
//! do. A handle that was run does the same when it is put there again, and to make one costs a good part of
//! a step. It belongs to one task, as it has the context of that.
//!
//! Between its calls a handle and what it calls (`resume.rs`) are held by the task alone, and do not hold
//! it. In the queue it is held by the queue alone, as one that is used once. So a task is freed when it would
//! be without, and with it all that it keeps.

use pyo3::prelude::*;

use super::ready::Ready;
use super::resume::Resume;
use super::{CallSoon, uvloop};
use crate::ffi::{Enough, Field, SharedField, Visit, references};
use crate::task::Task;

/// What a task keeps between two calls.
pub(crate) struct Kept {
    /// Whether a handle was made for the task before: one that may be the only one is used once.
    had_one: Field<bool>,
    handle: SharedField,
    resume: SharedField<Resume>,
}

impl Kept {
    pub(crate) fn nothing() -> Self {
        Self {
            had_one: Field::new(false),
            handle: SharedField::new(None),
            resume: SharedField::new(None),
        }
    }

    pub(crate) fn take_out<'py>(
        &self,
        py: Python<'py>,
    ) -> (Option<Bound<'py, PyAny>>, Option<Bound<'py, Resume>>) {
        let handle = self.handle.take(py).map(|handle| handle.into_bound(py));
        (handle, self.resume.take(py).map(|resume| resume.into_bound(py)))
    }

    pub(crate) fn unload_into(&self, py: Python<'_>, queue: &mut Vec<Py<PyAny>>) {
        queue.extend(self.handle.take(py));
        queue.extend(self.resume.take(py).map(Py::into_any));
    }

    pub(crate) fn show(&self, visit: &Visit) -> Result<(), Enough> {
        self.handle.traverse(visit)?;
        self.resume.traverse(visit)
    }
}

/// Gives what is ready to a loop of uvloop's that has its own `call_soon()`: a task by the handle that it keeps,
/// if it does and that can be.
pub(super) fn give(event_loop: &Bound<'_, PyAny>, ready: Ready) -> PyResult<()> {
    let py = event_loop.py();
    let Some(task) = ready.task().map(|task| task.bind(py).clone()) else {
        let handle = super::give(CallSoon::OfUvloop, event_loop, ready, 0)?;
        return uvloop::note(event_loop, &handle);
    };
    let kept = task.get().kept();
    if kept.handle.is_some(py)
        && let Some(queue) = uvloop::queue_to_append_to(event_loop)?
        && let (Some(handle), Some(resume)) = kept.take_out(py)
    {
        resume.get().go_on_with(ready, py);
        return queue.append(&handle);
    }
    let context = task.get().ready_context(py)?;
    let resume = match Resume::with(ready, 0, event_loop)? {
        Ok(resume) => resume,
        Err(ready) => return super::give(CallSoon::OfUvloop, event_loop, ready, 0).map(drop),
    };
    let handle = CallSoon::OfUvloop.call(event_loop, resume.as_any(), None, &context)?;
    if kept.had_one.get(py) {
        resume.get().note_handle(&handle, &task);
    }
    kept.had_one.set(py, true);
    uvloop::note(event_loop, &handle)
}

/// A handle has gone on with a task, by this: the task keeps both for the next time, if it can let go of what
/// the call has held, and nobody sees that it does.
pub(super) fn keep(task: &Bound<'_, Task>, resume: &Bound<'_, Resume>) {
    let py = task.py();
    let Some(handle) = resume.get().handle_for(task) else { return };
    // What is noted with the call has a reference to the task, and so has this call.
    if Task::is_done(task) || references(task) <= 2 || !resume.get().lets_go_unseen(py) {
        return;
    }
    let kept = task.get().kept();
    let former =
        (kept.handle.exchange(py, Some(handle)), kept.resume.exchange(py, Some(resume.clone())));
    drop(former); // the same, if any
}
