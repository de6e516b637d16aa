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
use crate::ffi::{Enough, Field, SharedField, Traverse, Visit, references};
use crate::task::Task;

/// What a task keeps between two calls: in a box, because nearly every task has none.
pub(crate) struct Kept(Field<Option<Box<Pair>>>);

/// A handle, and what it calls: both or none.
#[derive(Default)]
struct Pair {
    handle: SharedField,
    resume: SharedField<Resume>,
}

type Taken<'py> = (Option<Bound<'py, PyAny>>, Option<Bound<'py, Resume>>);

impl Kept {
    pub(crate) fn nothing() -> Self {
        Self(Field::new(None))
    }

    fn is_some(&self, py: Python<'_>) -> bool {
        self.0.look(py, |pair| pair.as_ref().is_some_and(|pair| pair.handle.is_some(py)))
    }

    /// Takes out all of it.
    pub(crate) fn take_out<'py>(&self, py: Python<'py>) -> Taken<'py> {
        let taken = self.take(py);
        drop(self.0.take(py)); // the box, which is empty
        taken
    }

    /// Takes out what is kept, and leaves the box for the next.
    fn take<'py>(&self, py: Python<'py>) -> Taken<'py> {
        self.exchange(py, None, None)
    }

    fn put<'py>(&self, handle: Bound<'py, PyAny>, resume: Bound<'py, Resume>) -> Taken<'py> {
        let py = handle.py();
        if !self.0.is_some(py) {
            drop(self.0.replace(py, Some(Box::default()))); // there was none
        }
        self.exchange(py, Some(handle), Some(resume))
    }

    fn exchange<'py>(
        &self,
        py: Python<'py>,
        handle: Option<Bound<'py, PyAny>>,
        resume: Option<Bound<'py, Resume>>,
    ) -> Taken<'py> {
        let handle = handle.map(Bound::unbind);
        let resume = resume.map(Bound::unbind);
        let exchange =
            |pair: &Pair| (pair.handle.replace(py, handle), pair.resume.replace(py, resume));
        let former = self.0.look(py, |pair| pair.as_deref().map(exchange));
        let (handle, resume) = former.unwrap_or_default();
        (handle.map(|handle| handle.into_bound(py)), resume.map(|resume| resume.into_bound(py)))
    }

    pub(crate) fn unload_into(&self, py: Python<'_>, queue: &mut Vec<Py<PyAny>>) {
        let (handle, resume) = self.take(py);
        queue.extend(handle.map(Bound::unbind));
        queue.extend(resume.map(|resume| resume.into_any().unbind()));
    }

    pub(crate) fn show(&self, visit: &Visit) -> Result<(), Enough> {
        self.0.traverse(visit)
    }
}

impl Traverse for Option<Box<Pair>> {
    fn traverse(&self, visit: &Visit) -> Result<(), Enough> {
        let Some(pair) = self else { return Ok(()) };
        pair.handle.traverse(visit)?;
        pair.resume.traverse(visit)
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
    if kept.is_some(py)
        && let Some(queue) = uvloop::queue_to_append_to(event_loop)?
        && let (Some(handle), Some(resume)) = kept.take(py)
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
    // A task that has one the first time may have no other.
    if task.get().had_handle(py) {
        resume.get().note_handle(&handle, &task);
    }
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
    drop(task.get().kept().put(handle, resume.clone())); // the same, if any
}
