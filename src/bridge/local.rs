//! A Rust future that stays in its thread, for futures that are not `Send`.
//!
//! It is polled by the loop's thread alone: its waker puts it into the queue of the loop. The futures
//! themselves lie in a table of their thread, so that whatever is shared with others is `Send`.

use std::cell::RefCell;
use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, ThreadId};

use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;
use tokio::runtime::Handle;

use super::error::{Caught, IntoPyErr, outcome_into_py};
use super::runtime::runtime;
use super::scope::{self, Current, Scope};
use crate::ffi::{RawWork, Ticket, Work, table};

type Outcome = PyResult<Py<PyAny>>;
type LocalFuture = Pin<Box<dyn Future<Output = Outcome>>>;

thread_local! {
    /// The futures of this thread that rest.
    static RESTING: RefCell<HashMap<u64, LocalFuture>> = RefCell::default();
}

static KEYS: AtomicU64 = AtomicU64::new(0);

/// A Python future of the running loop that ends as the Rust future does, which need not be `Send`.
///
/// Every poll is made by the loop's thread, attached to the interpreter. Otherwise as
/// [`future_into_py`](super::future_into_py).
///
/// # Errors
/// As [`future_into_py`](super::future_into_py).
pub fn local_future_into_py<F, T, E>(py: Python<'_>, future: F) -> PyResult<Bound<'_, PyAny>>
where
    F: Future<Output = Result<T, E>> + 'static,
    T: for<'a> IntoPyObject<'a> + 'static,
    E: IntoPyErr,
{
    let table = table(py)?;
    let event_loop = table.running_loop(py)?;
    let job = Arc::new(LocalJob {
        key: KEYS.fetch_add(1, Ordering::Relaxed),
        thread: thread::current().id(),
        queued: AtomicBool::new(false),
        polling: AtomicBool::new(false),
        cancelled: AtomicBool::new(false),
        scope: OnceLock::new(),
        ticket: OnceLock::new(),
        runtime: runtime(py)?,
    });
    let mut future: LocalFuture = Box::pin(async move {
        let output = future.await;
        Python::attach(|py| outcome_into_py(py, Ok(output)).map(Bound::unbind))
    });
    let (polled, mut current) = job.poll(&mut future, Current::first(&event_loop));
    if let Poll::Ready(caught) = polled {
        return table.finished(&event_loop, into_result(py, caught));
    }
    let scope = current.scope(py)?;
    let _ = scope.map(|scope| job.scope.set(scope));
    let (python_future, ticket) = table.pending(&event_loop, RawWork::new(job.clone()))?;
    RESTING.with_borrow_mut(|resting| resting.insert(job.key, future));
    let _ = job.ticket.set(ticket);
    if job.queued.load(Ordering::SeqCst) {
        job.enqueue(); // woken before it had anywhere to go
    }
    Ok(python_future)
}

fn into_result(py: Python<'_>, caught: Caught<Outcome>) -> PyResult<Bound<'_, PyAny>> {
    match caught {
        Ok(outcome) => outcome.map(|result| result.into_bound(py)),
        Err(payload) => outcome_into_py::<(), PyErr>(py, Err(payload)),
    }
}

struct LocalJob {
    key: u64,
    thread: ThreadId,
    /// Whether it is in the loop's queue, or on its way there.
    queued: AtomicBool,
    polling: AtomicBool,
    cancelled: AtomicBool,
    scope: OnceLock<Arc<Scope>>,
    ticket: OnceLock<Ticket>,
    runtime: &'static Handle,
}

impl LocalJob {
    fn poll(
        self: &Arc<Self>,
        future: &mut LocalFuture,
        current: Current,
    ) -> (Poll<Caught<Outcome>>, Current) {
        let waker = Waker::from(self.clone());
        let _entered = self.runtime.enter();
        self.polling.store(true, Ordering::SeqCst);
        let answer = scope::within(current, || {
            let context = &mut Context::from_waker(&waker);
            match catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(context))) {
                Ok(polled) => polled.map(Ok),
                Err(payload) => Poll::Ready(Err(payload)),
            }
        });
        self.polling.store(false, Ordering::SeqCst);
        answer
    }

    fn enqueue(self: &Arc<Self>) {
        if let Some(ticket) = self.ticket.get() {
            ticket.push(RawWork::new(self.clone()));
        }
    }

    /// Takes the future out of the table; it is not there while it is polled. In its own thread.
    fn take(&self) -> Option<LocalFuture> {
        RESTING.with_borrow_mut(|resting| resting.remove(&self.key))
    }

    fn drop_future(&self, future: LocalFuture) {
        let _entered = self.runtime.enter();
        let _ = catch_unwind(AssertUnwindSafe(|| drop(future)));
    }

    /// The loop runs, with this future to be polled, or dropped, by its thread.
    fn go_on(self: &Arc<Self>, py: Python<'_>, ticket: &Ticket) {
        let Some(mut future) = self.take() else { return };
        if !self.cancelled.load(Ordering::SeqCst) {
            let current = self.scope.get().cloned().map_or(Current::Nothing, Current::Later);
            if let Poll::Ready(caught) = self.poll(&mut future, current).0 {
                self.drop_future(future);
                return ticket.settle(into_result(py, caught), py);
            }
        }
        if self.cancelled.load(Ordering::SeqCst) {
            self.drop_future(future);
            return ticket.settle_cancelled(py);
        }
        RESTING.with_borrow_mut(|resting| resting.insert(self.key, future));
    }
}

impl Wake for LocalJob {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        if !self.queued.swap(true, Ordering::SeqCst) {
            self.enqueue();
        }
    }
}

impl Work for LocalJob {
    fn deliver(self: Arc<Self>, py: Python<'_>) {
        self.queued.store(false, Ordering::SeqCst);
        let Some(ticket) = self.ticket.get() else { return };
        if thread::current().id() == self.thread {
            self.go_on(py, ticket);
        } else {
            let message = "a local Rust future can only go on in the thread that made it";
            ticket.settle(Err(PyRuntimeError::new_err(message)), py);
        }
    }

    fn discard(self: Arc<Self>) {
        if thread::current().id() == self.thread
            && let Some(future) = self.take()
        {
            self.drop_future(future);
        }
    }

    fn cancel(self: &Arc<Self>, _py: Python<'_>) -> bool {
        self.cancelled.store(true, Ordering::SeqCst);
        if thread::current().id() != self.thread {
            self.enqueue(); // its own thread drops it
            return false;
        }
        if let Some(future) = self.take() {
            self.drop_future(future);
        }
        !self.polling.load(Ordering::SeqCst)
    }
}
