//! A Rust future that a Python future waits for.
//!
//! It is polled first where it is made, on the loop's thread. If it is ready then, the Python future is
//! done from the start and nothing else is made. Otherwise the future rests until its waker is used,
//! and goes to the runtime: a tokio task polls it from then on. Its outcome comes back through the
//! queue of the loop.

use std::mem;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::task::{Context, Poll, Wake, Waker};

use pyo3::prelude::*;
use tokio::runtime::Handle;
use tokio::task::AbortHandle;

use super::error::{Caught, IntoPyErr, outcome_into_py};
use super::runtime::runtime;
use super::scope::{self, Current, Scope};
use super::stage::{AfterPoll, Cancelling, Stage};
use crate::ffi::{RawWork, Ticket, Work, table};

/// A Python future of the running loop that ends as the Rust future does.
///
/// The future is polled once before this function returns, attached to the interpreter; from then on
/// it is polled by the runtime. What it returns becomes the result (nothing: None), its error the
/// exception, a panic a `pyo3_runtime.PanicException`. When Python cancels the future, or nobody refers
/// to it any more, the Rust future is dropped, and that has happened when anybody sees the
/// `CancelledError`.
///
/// # Errors
/// `RuntimeError` where no loop runs, or the interpreter is about to exit.
pub fn future_into_py<F, T, E>(py: Python<'_>, future: F) -> PyResult<Bound<'_, PyAny>>
where
    F: Future<Output = Result<T, E>> + Send + 'static,
    T: for<'a> IntoPyObject<'a> + Send + 'static,
    E: IntoPyErr,
{
    let table = table(py)?;
    let event_loop = table.running_loop(py)?;
    let job = Arc::new(Job::new(runtime(py)?, future));
    let waker = Waker::from(job.clone());
    let entered = job.runtime.enter();
    let (polled, mut current) =
        scope::within(Current::first(&event_loop), || job.poll(&mut Context::from_waker(&waker)));
    drop(entered);
    if let Poll::Ready(outcome) = polled {
        job.stage.transition_to_gone();
        return table.finished(&event_loop, outcome_into_py(py, outcome));
    }
    let pending = current.scope(py).and_then(|scope| {
        let _ = scope.map(|scope| job.scope.set(scope));
        table.pending(&event_loop, RawWork::new(job.clone()))
    });
    match pending {
        Ok((future, ticket)) => {
            let _ = job.ticket.set(ticket);
            job.rest();
            Ok(future)
        }
        Err(error) => {
            job.drop_contents();
            job.stage.transition_to_gone();
            Err(error)
        }
    }
}

struct Job<F: Future> {
    stage: Stage,
    /// Touched by the one whom `stage` allows to.
    contents: Mutex<Contents<F>>,
    scope: OnceLock<Arc<Scope>>,
    ticket: OnceLock<Ticket>,
    runtime: &'static Handle,
    /// The tokio task, to end it when the future is taken away from it.
    driver: Mutex<Option<AbortHandle>>,
}

enum Contents<F: Future> {
    Future(Pin<Box<F>>),
    Outcome(Caught<F::Output>),
    Nothing,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl<F, T, E> Job<F>
where
    F: Future<Output = Result<T, E>> + Send + 'static,
    T: for<'a> IntoPyObject<'a> + Send + 'static,
    E: IntoPyErr,
{
    fn new(runtime: &'static Handle, future: F) -> Self {
        Self {
            stage: Stage::polling(),
            contents: Mutex::new(Contents::Future(Box::pin(future))),
            scope: OnceLock::new(),
            ticket: OnceLock::new(),
            runtime,
            driver: Mutex::new(None),
        }
    }

    /// Polls the future; when it is ready, it is dropped. A panic is its outcome. The caller has the
    /// right to poll.
    fn poll(&self, context: &mut Context<'_>) -> Poll<Caught<F::Output>> {
        let mut contents = lock(&self.contents);
        let Contents::Future(future) = &mut *contents else { return Poll::Pending };
        let polled = catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(context)));
        let outcome = match polled {
            Ok(Poll::Pending) => return Poll::Pending,
            Ok(Poll::Ready(output)) => Ok(output),
            Err(payload) => Err(payload),
        };
        let future = mem::replace(&mut *contents, Contents::Nothing);
        drop(contents);
        drop_quietly(future);
        Poll::Ready(outcome)
    }

    /// Ends a poll that was not the last one.
    fn rest(self: &Arc<Self>) {
        match self.stage.transition_to_resting() {
            AfterPoll::Rest { woken: true } => self.hand_over(),
            AfterPoll::Rest { woken: false } => (),
            AfterPoll::Drop => self.drop_and_deliver(),
        }
    }

    /// Python has cancelled the future while it was polled.
    fn drop_and_deliver(self: &Arc<Self>) {
        self.drop_contents();
        self.stage.transition_to_gone();
        self.send_to_loop();
    }

    fn drop_contents(&self) {
        let contents = mem::replace(&mut *lock(&self.contents), Contents::Nothing);
        let _entered = self.runtime.enter();
        drop_quietly(contents);
    }

    fn send_to_loop(self: &Arc<Self>) {
        if let Some(ticket) = self.ticket.get() {
            ticket.push(RawWork::new(self.clone()));
        }
    }

    /// Gives the future to the runtime, unless it has been taken away.
    fn hand_over(self: &Arc<Self>) {
        let mut driver = lock(&self.driver);
        if !self.stage.is_cancelled() {
            *driver = Some(self.runtime.spawn(Driver(self.clone())).abort_handle());
        }
    }
}

/// A panic in a destructor has been printed; it must not get in the way of what comes next.
fn drop_quietly<T>(value: T) {
    let _ = catch_unwind(AssertUnwindSafe(|| drop(value)));
}

impl<F, T, E> Wake for Job<F>
where
    F: Future<Output = Result<T, E>> + Send + 'static,
    T: for<'a> IntoPyObject<'a> + Send + 'static,
    E: IntoPyErr,
{
    /// The waker of the first poll. tokio's takes its place afterwards.
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        if self.stage.transition_to_woken() {
            self.hand_over();
        }
    }
}

/// What polls the future on the runtime.
struct Driver<F: Future>(Arc<Job<F>>);

impl<F, T, E> Future for Driver<F>
where
    F: Future<Output = Result<T, E>> + Send + 'static,
    T: for<'a> IntoPyObject<'a> + Send + 'static,
    E: IntoPyErr,
{
    type Output = ();

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let job = &self.0;
        if !job.stage.transition_to_polling() {
            return Poll::Ready(());
        }
        let current = job.scope.get().cloned().map_or(Current::Nothing, Current::Later);
        match scope::within(current, || job.poll(context)).0 {
            Poll::Ready(outcome) => {
                *lock(&job.contents) = Contents::Outcome(outcome);
                job.stage.transition_to_gone();
                job.send_to_loop();
                Poll::Ready(())
            }
            Poll::Pending => match job.stage.transition_to_resting() {
                AfterPoll::Rest { .. } => Poll::Pending,
                AfterPoll::Drop => {
                    job.drop_and_deliver();
                    Poll::Ready(())
                }
            },
        }
    }
}

impl<F, T, E> Work for Job<F>
where
    F: Future<Output = Result<T, E>> + Send + 'static,
    T: for<'a> IntoPyObject<'a> + Send + 'static,
    E: IntoPyErr,
{
    fn deliver(self: Arc<Self>, py: Python<'_>) {
        let contents = mem::replace(&mut *lock(&self.contents), Contents::Nothing);
        let Some(ticket) = self.ticket.get() else { return };
        match contents {
            Contents::Outcome(outcome) if !self.stage.is_cancelled() => {
                ticket.settle(outcome_into_py(py, outcome), py);
            }
            unwanted => {
                drop_quietly(unwanted);
                ticket.settle_cancelled(py);
            }
        }
    }

    fn cancel(self: &Arc<Self>, _py: Python<'_>) -> bool {
        match self.stage.transition_to_cancelled() {
            Cancelling::Later => return false,
            Cancelling::Over => self.drop_contents(),
            Cancelling::Take => {
                self.drop_contents();
                self.stage.transition_to_gone();
                if let Some(driver) = lock(&self.driver).take() {
                    driver.abort();
                }
            }
        }
        true
    }
}
