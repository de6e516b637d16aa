//! What the loop calls when it is woken: everything that is ready is delivered at once.

use std::sync::Arc;

use pyo3::prelude::*;

use super::queue::LoopQueue;
use crate::schedule;

/// The function that a loop calls to look into its queue.
///
/// The one that the loop keeps for its pipe goes away with the loop's own records: when it is closed.
/// That is how the queue learns of it.
#[pyclass(module = "aioxide._core", frozen, immutable_type)]
pub(crate) struct Drain {
    queue: Arc<LoopQueue>,
    kind: Kind,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// For a loop to keep.
    Watching,
    /// For one call.
    Passing,
    /// For one call, for which the loop has not been woken.
    Resting,
}

impl Drain {
    #[cfg(unix)]
    pub(super) fn watching(queue: Arc<LoopQueue>) -> Self {
        Self { queue, kind: Kind::Watching }
    }

    pub(super) fn passing(queue: Arc<LoopQueue>) -> Self {
        Self { queue, kind: Kind::Passing }
    }
}

#[pymethods]
impl Drain {
    /// Delivers what is ready.
    fn __call__(slf: &Bound<'_, Self>) -> PyResult<()> {
        let py = slf.py();
        let queue = &slf.get().queue;
        if queue.is_orphaned() {
            return Ok(()); // what is in the pipe is for the loop of the parent
        }
        if slf.get().kind != Kind::Resting {
            queue.signal.receive();
            let arrived = queue.take_arrived();
            let found_something = !arrived.is_empty();
            for work in arrived {
                work.deliver(py);
            }
            // Whoever has been woken may well start something new: look again after them.
            if found_something && queue.is_idle(py) {
                return rest_later(py, queue);
            }
        }
        if queue.is_idle(py) { queue.stop_watching(py) } else { Ok(()) }
    }
}

/// Has the loop look, after all that is ready now, whether it may stop watching. On its thread.
pub(super) fn rest_later(py: Python<'_>, queue: &Arc<LoopQueue>) -> PyResult<()> {
    let Some(event_loop) = queue.event_loop(py) else { return Ok(()) };
    let drain = Drain { queue: queue.clone(), kind: Kind::Resting };
    schedule::soon_call(&event_loop, Bound::new(py, drain)?.into_any())
}

impl Drop for Drain {
    fn drop(&mut self) {
        if self.kind == Kind::Watching {
            Python::attach(|py| self.queue.close(py));
        }
    }
}
