//! A Python awaitable as a Rust future: a task on the loop runs it, and wakes the Rust side when it is
//! done.

use std::mem;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::task::{Context, Poll, Waker};

use pyo3::exceptions::PyRuntimeError;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyCFunction, PyTuple};

use super::scope::{self, Scope};
use crate::ffi::{Hold, RawWork, Work, table};

/// A Rust future of what the awaitable returns or raises.
///
/// A coroutine becomes an `aioxide.Task` when the Rust future is first polled: on the loop of the Rust
/// future that calls this function, elsewhere on the running loop. It runs in the context of the Rust
/// future that polls it (elsewhere in a copy of the one that is current now), and is the current task
/// there. A future of Python is waited for as it is. Dropping the Rust future cancels what it waits for.
///
/// # Errors
/// `RuntimeError` where there is no loop.
pub fn into_future(awaitable: Bound<'_, PyAny>) -> PyResult<PythonFuture> {
    Ok(PythonFuture { drive: Drive::new(awaitable)?, started: false, detached: false })
}

/// Has the awaitable run by a task of the loop, without anybody waiting: it starts as soon as the loop
/// gets to it, and goes on when the answer is dropped. The answer is a Rust future of its end.
///
/// # Errors
/// As [`into_future`].
pub fn spawn_python(awaitable: Bound<'_, PyAny>) -> PyResult<PythonFuture> {
    let drive = Drive::new(awaitable)?;
    drive.begin();
    Ok(PythonFuture { drive, started: true, detached: true })
}

/// A Rust future of a Python awaitable. See [`into_future`] and [`spawn_python`].
#[must_use = "dropping it cancels the Python side, unless that was spawned"]
pub struct PythonFuture {
    drive: Arc<Drive>,
    started: bool,
    detached: bool,
}

impl PythonFuture {
    /// Cancels the Python side. What this future then gives is the `CancelledError`, unless that is
    /// caught in there.
    pub fn abort(&self) {
        self.drive.cancel(false);
    }
}

impl Future for PythonFuture {
    type Output = PyResult<Py<PyAny>>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        if let Some(outcome) = self.drive.look(context.waker()) {
            return Poll::Ready(outcome);
        }
        if !mem::replace(&mut self.started, true) {
            self.drive.run_in(scope::polled());
            self.drive.begin();
        }
        Poll::Pending
    }
}

impl Drop for PythonFuture {
    fn drop(&mut self) {
        if !self.detached {
            self.drive.cancel(true);
        }
    }
}

/// What the loop and the Rust side share of an awaitable.
struct Drive {
    /// Where it was made.
    origin: Arc<Scope>,
    /// Where it is polled, if that is a future on the same loop.
    scope: OnceLock<Arc<Scope>>,
    hold: Hold,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    progress: Progress,
    waker: Option<Waker>,
    /// The Rust side wants it to end, and has told the loop.
    cancelled: bool,
    /// The Rust side is gone.
    unwanted: bool,
}

#[derive(Default)]
enum Progress {
    /// Waits for the loop.
    Waiting(Py<PyAny>),
    /// The loop is making the task.
    Starting,
    Running(Py<PyAny>),
    Over(PyResult<Py<PyAny>>),
    #[default]
    Nothing,
}

impl Drive {
    fn new(awaitable: Bound<'_, PyAny>) -> PyResult<Arc<Self>> {
        let py = awaitable.py();
        let table = table(py)?;
        let origin = match scope::current(py)? {
            Some(scope) => scope,
            None => Scope::new(&table.running_loop(py)?)?,
        };
        let hold = table.hold(origin.event_loop.bind(py))?;
        let progress = Progress::Waiting(awaitable.unbind());
        let state = Mutex::new(State { progress, ..State::default() });
        Ok(Arc::new(Self { origin, scope: OnceLock::new(), hold, state }))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn scope(&self) -> &Scope {
        self.scope.get().unwrap_or(&self.origin)
    }

    fn run_in(&self, scope: Option<Arc<Scope>>) {
        if let Some(scope) = scope.filter(|scope| scope.event_loop.is(&self.origin.event_loop)) {
            let _ = self.scope.set(scope);
        }
    }

    /// Tells the loop to look at what there is to do.
    fn begin(self: &Arc<Self>) {
        self.hold.push(RawWork::new(self.clone()));
    }

    /// The outcome, once; until it is there, `waker` is woken for it.
    fn look(&self, waker: &Waker) -> Option<PyResult<Py<PyAny>>> {
        let mut state = self.state();
        match mem::take(&mut state.progress) {
            Progress::Over(outcome) => Some(outcome),
            other => {
                state.progress = other;
                if !state.waker.as_ref().is_some_and(|known| known.will_wake(waker)) {
                    state.waker = Some(waker.clone());
                }
                None
            }
        }
    }

    /// The Rust side wants the awaitable to end; with `unwanted`, it does not want to know how.
    fn cancel(self: &Arc<Self>, unwanted: bool) {
        let mut state = self.state();
        state.unwanted |= unwanted;
        let waker = if unwanted { state.waker.take() } else { None };
        if matches!(state.progress, Progress::Nothing)
            || (!unwanted && matches!(state.progress, Progress::Over(_)))
        {
            return;
        }
        state.cancelled = true;
        drop(state);
        drop(waker);
        self.begin();
    }

    fn end(&self, outcome: PyResult<Py<PyAny>>) {
        let mut state = self.state();
        let unwanted = state.unwanted.then(|| mem::take(&mut state.progress));
        let outcome = if state.unwanted {
            Some(outcome)
        } else {
            state.progress = Progress::Over(outcome);
            None
        };
        let waker = state.waker.take();
        drop(state);
        drop((unwanted, outcome));
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    /// Makes the task.
    fn start(self: &Arc<Self>, awaitable: &Bound<'_, PyAny>) -> PyResult<()> {
        let py = awaitable.py();
        let event_loop = self.origin.event_loop.bind(py);
        let context = self.scope().begin_driving(py)?;
        let started = table(py)?.start(event_loop, awaitable, &context).and_then(|task| {
            self.observe(&task)?;
            Ok(task)
        });
        match started {
            Ok(task) => {
                self.state().progress = Progress::Running(task.unbind());
                Ok(())
            }
            Err(error) => {
                self.scope().end_driving(py);
                Err(error)
            }
        }
    }

    /// Learns of the end of the task.
    fn observe(self: &Arc<Self>, task: &Bound<'_, PyAny>) -> PyResult<()> {
        let py = task.py();
        let drive = self.clone();
        let done = move |args: &Bound<'_, PyTuple>, _: Option<&Bound<'_, pyo3::types::PyDict>>| {
            let py = args.py();
            drive.scope().end_driving(py);
            let task = args.get_item(0);
            let result = task.and_then(|task| task.call_method0(intern!(py, "result")));
            drive.end(result.map(Bound::unbind));
        };
        let done = PyCFunction::new_closure(py, None, None, done)?;
        task.call_method1(intern!(py, "add_done_callback"), (done,)).map(drop)
    }
}

impl Work for Drive {
    /// The loop does what is to be done: start, or cancel.
    fn deliver(self: Arc<Self>, py: Python<'_>) {
        let (progress, cancelled) = {
            let mut state = self.state();
            let progress = mem::take(&mut state.progress);
            if matches!(progress, Progress::Waiting(_)) && !state.cancelled {
                state.progress = Progress::Starting;
            }
            (progress, state.cancelled)
        };
        match progress {
            Progress::Waiting(awaitable) if cancelled => {
                let closed = close(awaitable.bind(py));
                let error = closed.err().unwrap_or_else(|| cancelled_error(py));
                self.end(Err(error));
            }
            Progress::Waiting(awaitable) => match self.start(awaitable.bind(py)) {
                Ok(()) if self.state().cancelled => self.deliver(py),
                Ok(()) => (),
                Err(error) => self.end(Err(error)),
            },
            Progress::Running(task) if cancelled => {
                let asked = task.bind(py).call_method0(intern!(py, "cancel"));
                let mut state = self.state();
                if matches!(state.progress, Progress::Nothing) && !state.unwanted {
                    state.progress = Progress::Running(task);
                }
                drop(state);
                if let Err(error) = asked {
                    error.write_unraisable(py, None);
                }
            }
            Progress::Over(_) if self.state().unwanted => (),
            other => self.state().progress = other,
        }
    }

    /// The loop is closed: nothing will come of the awaitable.
    fn discard(self: Arc<Self>) {
        self.end(Err(PyRuntimeError::new_err("Event loop is closed")));
    }
}

/// Ends an awaitable that was never awaited, which a coroutine would complain of.
fn close(awaitable: &Bound<'_, PyAny>) -> PyResult<()> {
    let py = awaitable.py();
    if let Some(close) = awaitable.getattr_opt(intern!(py, "close"))? {
        close.call0()?;
    } else if let Some(cancel) = awaitable.getattr_opt(intern!(py, "cancel"))? {
        cancel.call0()?;
    }
    Ok(())
}

fn cancelled_error(py: Python<'_>) -> PyErr {
    let make = || -> PyResult<Bound<'_, PyAny>> {
        py.import(intern!(py, "asyncio"))?.call_method0(intern!(py, "CancelledError"))
    };
    make().map_or_else(|error| error, PyErr::from_value)
}
