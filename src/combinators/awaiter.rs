//! Who calls a combinator, and so awaits its children: an edge of the call graph of 3.14.
//!
//! Older versions keep no such graph; there it is always nobody.

use pyo3::prelude::*;

#[cfg(Py_3_14)]
use crate::asyncio::asyncio;
#[cfg(Py_3_14)]
use crate::ffi::{self, SharedField};
use crate::ffi::{Enough, Visit};
#[cfg(Py_3_14)]
use crate::future::awaited_by::{future_add_to_awaited_by, future_discard_from_awaited_by};

/// The task that awaits the children of a combinator, if there is one.
#[derive(Default)]
pub(super) struct Awaiter {
    #[cfg(Py_3_14)]
    task: SharedField,
}

#[cfg(Py_3_14)]
impl Awaiter {
    /// From now on this is the task that `event_loop` runs, or nobody.
    pub(super) fn note(&self, event_loop: &Bound<'_, PyAny>) -> PyResult<()> {
        if !event_loop.is_none() {
            let py = event_loop.py();
            let task = ffi::call(asyncio(py).current_task.bind(py), &[event_loop])?;
            drop(self.task.exchange(py, Some(task).filter(|task| !task.is_none())));
        }
        Ok(())
    }

    pub(super) fn is_nobody(&self, py: Python<'_>) -> bool {
        !self.task.is_some(py)
    }

    pub(super) fn add_to(&self, child: &Bound<'_, PyAny>) -> PyResult<()> {
        let task = self.task.bound(child.py());
        task.map_or(Ok(()), |task| future_add_to_awaited_by(child.clone(), task))
    }

    pub(super) fn discard_from(&self, child: &Bound<'_, PyAny>) -> PyResult<()> {
        let task = self.task.bound(child.py());
        task.map_or(Ok(()), |task| future_discard_from_awaited_by(child.clone(), task))
    }

    pub(super) fn traverse(&self, visit: &Visit) -> Result<(), Enough> {
        self.task.traverse(visit)
    }

    pub(super) fn unload_into(&self, py: Python<'_>, queue: &mut Vec<Py<PyAny>>) {
        queue.extend(self.task.take(py));
    }
}

#[cfg(not(Py_3_14))]
#[allow(clippy::unused_self, clippy::unnecessary_wraps)] // as in 3.14, where there is something to do
impl Awaiter {
    pub(super) fn note(&self, _event_loop: &Bound<'_, PyAny>) -> PyResult<()> {
        Ok(())
    }

    pub(super) fn is_nobody(&self, _py: Python<'_>) -> bool {
        true
    }

    pub(super) fn add_to(&self, _child: &Bound<'_, PyAny>) -> PyResult<()> {
        Ok(())
    }

    pub(super) fn discard_from(&self, _child: &Bound<'_, PyAny>) -> PyResult<()> {
        Ok(())
    }

    pub(super) fn traverse(&self, _visit: &Visit) -> Result<(), Enough> {
        Ok(())
    }

    pub(super) fn unload_into(&self, _py: Python<'_>, _queue: &mut Vec<Py<PyAny>>) {}
}
