//! A blocking call that a Python future waits for.

use std::mem;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use pyo3::prelude::*;

use super::error::{Caught, IntoPyErr, outcome_into_py};
use super::runtime;
use super::scope::{self, Current, Scope};
use crate::ffi::{RawWork, Ticket, Work, table};

/// A Python future of the running loop for a function that blocks: it is called by a thread that the
/// runtime keeps for such calls.
///
/// A call that has not begun when Python cancels the future is never made. One that has begun goes on,
/// and nobody learns what comes of it.
///
/// # Errors
/// As [`future_into_py`](super::future_into_py).
pub fn blocking_into_py<C, T, E>(py: Python<'_>, call: C) -> PyResult<Bound<'_, PyAny>>
where
    C: FnOnce() -> Result<T, E> + Send + 'static,
    T: for<'a> IntoPyObject<'a> + Send + 'static,
    E: IntoPyErr,
{
    let table = table(py)?;
    let event_loop = table.running_loop(py)?;
    let (runtime, lookout) = runtime::blocking(py)?;
    let scope = Current::first(&event_loop).scope(py)?;
    let job =
        Arc::new(Blocking { stage: Mutex::new(Stage::Waiting(call)), ticket: OnceLock::new() });
    let (future, ticket) = table.pending(&event_loop, RawWork::new(job.clone()))?;
    let _ = job.ticket.set(ticket);
    lookout.call(runtime, Box::new(move || job.run(scope)));
    Ok(future)
}

struct Blocking<C, R> {
    stage: Mutex<Stage<C, R>>,
    ticket: OnceLock<Ticket>,
}

enum Stage<C, R> {
    Waiting(C),
    Running,
    Over(Caught<R>),
    Nothing,
}

impl<C, R> Blocking<C, R> {
    fn stage(&self) -> MutexGuard<'_, Stage<C, R>> {
        self.stage.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<C, T, E> Blocking<C, Result<T, E>>
where
    C: FnOnce() -> Result<T, E> + Send + 'static,
    T: for<'a> IntoPyObject<'a> + Send + 'static,
    E: IntoPyErr,
{
    fn run(self: Arc<Self>, scope: Option<Arc<Scope>>) {
        let call = {
            let mut stage = self.stage();
            match mem::replace(&mut *stage, Stage::Running) {
                Stage::Waiting(call) => call,
                other => {
                    *stage = other;
                    return;
                }
            }
        };
        let current = scope.map_or(Current::Nothing, Current::Later);
        let (outcome, current) = scope::within(current, || catch_unwind(AssertUnwindSafe(call)));
        drop(current);
        *self.stage() = Stage::Over(outcome);
        // Also when nobody wants it any more: what it holds is then dropped by the loop's thread.
        if let Some(ticket) = self.ticket.get() {
            ticket.push(RawWork::new(self.clone()));
        }
    }
}

impl<C, T, E> Work for Blocking<C, Result<T, E>>
where
    C: FnOnce() -> Result<T, E> + Send + 'static,
    T: for<'a> IntoPyObject<'a> + Send + 'static,
    E: IntoPyErr,
{
    fn deliver(self: Arc<Self>, py: Python<'_>) {
        let stage = mem::replace(&mut *self.stage(), Stage::Nothing);
        if let (Stage::Over(outcome), Some(ticket)) = (stage, self.ticket.get()) {
            ticket.settle(outcome_into_py(py, outcome), py);
        }
    }

    fn cancel(self: &Arc<Self>, _py: Python<'_>) -> bool {
        let mut stage = self.stage();
        let unwanted = match &*stage {
            Stage::Running => None,
            _ => Some(mem::replace(&mut *stage, Stage::Nothing)),
        };
        drop(stage);
        drop(unwanted);
        true
    }
}
