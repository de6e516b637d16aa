//! The queue of a loop: what Rust has ready for it, and the Python futures that wait for Rust.
//!
//! Any thread puts work in, and wakes the loop if nobody has since it last looked (rule 8: a wake-up
//! never waits). The loop's thread takes out everything at once. A loop looks into its queue for as
//! long as somebody needs it to: a future that is pending, or a [`hold`]. Then it stops watching, and
//! nothing of the queue stays in it; when it is closed meanwhile, what is pending ends quietly.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use pyo3::exceptions::{PyAttributeError, PyNotImplementedError};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyWeakrefMethods, PyWeakrefReference};

use super::drain::Drain;
use super::signal::Signal;
use crate::asyncio::asyncio;
use crate::ffi::{self, EnteredContext, Field, RawWork};
use crate::future::Future;

/// The queue of one loop.
pub(crate) struct LoopQueue {
    /// Weakly: the loop is none of its queue's business once nobody else wants it.
    event_loop: Py<PyWeakrefReference>,
    pending: Field<HashMap<u64, Pending>>,
    /// How many others need the loop to look.
    holds: AtomicUsize,
    inbox: Mutex<Inbox>,
    pub(super) signal: Signal,
    /// Set in the child of a fork, where the threads that may have locked the inbox are missing.
    orphaned: AtomicBool,
}

/// A future that waits for its work.
pub(super) struct Pending {
    pub(super) future: Py<PyWeakrefReference>,
    pub(super) work: RawWork,
    /// The future itself, as long as somebody waits for it: the outcome will reach them, so that they
    /// are not garbage.
    pub(super) awaited: Option<Py<Future>>,
}

#[derive(Default)]
struct Inbox {
    arrived: Vec<RawWork>,
    /// The loop has been woken and has not looked yet.
    signalled: bool,
    closed: bool,
}

/// The queues of the loops that look into them, by the address of the loop.
static QUEUES: Field<Option<HashMap<usize, Arc<LoopQueue>>>> = Field::new(None);

static NUMBERS: AtomicU64 = AtomicU64::new(0);

/// Lets `change` work on the queues. It must not run Python code.
fn with_queues<R>(
    py: Python<'_>,
    change: impl FnOnce(&mut HashMap<usize, Arc<LoopQueue>>) -> R,
) -> R {
    let mut queues = QUEUES.take(py).unwrap_or_default();
    let answer = change(&mut queues);
    drop(QUEUES.replace(py, Some(queues))); // nothing: nobody ran since `take`
    answer
}

/// The queue of this loop, which it looks into from now on.
pub(super) fn of(event_loop: &Bound<'_, PyAny>) -> PyResult<Arc<LoopQueue>> {
    let py = event_loop.py();
    let address = event_loop.as_ptr() as usize;
    let known = with_queues(py, |queues| queues.get(&address).cloned());
    match known.filter(|queue| queue.serves(event_loop)) {
        Some(queue) => Ok(queue),
        None => LoopQueue::new(event_loop),
    }
}

/// Makes the loop look into its queue until [`LoopQueue::let_go`].
pub(super) fn hold(event_loop: &Bound<'_, PyAny>) -> PyResult<Arc<LoopQueue>> {
    let queue = of(event_loop)?;
    queue.holds.fetch_add(1, Ordering::SeqCst);
    Ok(queue)
}

/// Every queue there is, on any loop.
pub(super) fn all(py: Python<'_>) -> Vec<Arc<LoopQueue>> {
    with_queues(py, |queues| queues.values().cloned().collect())
}

/// In the child of a fork: the loops, the runtime and its threads are the parent's.
pub(super) fn forget_all(py: Python<'_>) {
    for queue in with_queues(py, std::mem::take).into_values() {
        queue.orphaned.store(true, Ordering::SeqCst);
        std::mem::forget(queue.pending.take(py));
        std::mem::forget(queue);
    }
}

impl LoopQueue {
    fn new(event_loop: &Bound<'_, PyAny>) -> PyResult<Arc<Self>> {
        let py = event_loop.py();
        let new = |signal| -> PyResult<Arc<Self>> {
            Ok(Arc::new(Self {
                event_loop: PyWeakrefReference::new(event_loop)?.unbind(),
                pending: Field::new(HashMap::new()),
                holds: AtomicUsize::new(0),
                inbox: Mutex::default(),
                signal,
                orphaned: AtomicBool::new(false),
            }))
        };
        let queue = match watched(event_loop, &new)? {
            Some(queue) => queue,
            None => new(Signal::by_thread(py)?)?,
        };
        let address = event_loop.as_ptr() as usize;
        let former = with_queues(py, |queues| queues.insert(address, queue.clone()));
        drop(former); // the queue of a loop that had this address before
        Ok(queue)
    }

    pub(super) fn event_loop<'py>(&self, py: Python<'py>) -> Option<Bound<'py, PyAny>> {
        self.event_loop.bind(py).upgrade()
    }

    fn serves(&self, event_loop: &Bound<'_, PyAny>) -> bool {
        !self.inbox().closed
            && self.event_loop(event_loop.py()).is_some_and(|own| own.is(event_loop))
    }

    fn inbox(&self) -> MutexGuard<'_, Inbox> {
        self.inbox.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Puts work in and wakes the loop. Any thread may do this.
    pub(super) fn push(self: &Arc<Self>, work: RawWork) {
        let mut inbox = self.inbox();
        if inbox.closed {
            drop(inbox);
            work.discard();
            return;
        }
        inbox.arrived.push(work);
        self.signal_once(inbox);
    }

    fn signal_once(self: &Arc<Self>, mut inbox: MutexGuard<'_, Inbox>) {
        if !std::mem::replace(&mut inbox.signalled, true) {
            drop(inbox);
            self.signal.send(self);
        }
    }

    /// Takes out everything; what comes later will wake the loop anew.
    pub(super) fn take_arrived(&self) -> Vec<RawWork> {
        let mut inbox = self.inbox();
        inbox.signalled = false;
        std::mem::take(&mut inbox.arrived)
    }

    /// Lets `change` work on the futures that are pending. It must not run Python code.
    pub(super) fn with_pending<R>(
        &self,
        py: Python<'_>,
        change: impl FnOnce(&mut HashMap<u64, Pending>) -> R,
    ) -> R {
        let mut pending = self.pending.take(py);
        let answer = change(&mut pending);
        drop(self.pending.replace(py, pending)); // empty: nobody ran since `take`
        answer
    }

    pub(super) fn add_pending(&self, future: &Bound<'_, Future>, work: RawWork) -> PyResult<u64> {
        let py = future.py();
        let number = NUMBERS.fetch_add(1, Ordering::Relaxed);
        let future = PyWeakrefReference::new(future.as_any())?.unbind();
        let entry = Pending { future, work, awaited: None };
        self.with_pending(py, |pending| pending.insert(number, entry));
        Ok(number)
    }

    pub(super) fn remove_pending(&self, py: Python<'_>, number: u64) -> Option<Pending> {
        self.with_pending(py, |pending| pending.remove(&number))
    }

    /// Whether nobody needs the loop to look.
    pub(super) fn is_idle(&self, py: Python<'_>) -> bool {
        self.holds.load(Ordering::SeqCst) == 0
            && self.with_pending(py, |pending| pending.is_empty())
    }

    /// Ends a [`hold`]. Any thread may do this; the loop finds out that it need not look any more.
    pub(super) fn let_go(self: &Arc<Self>) {
        if self.holds.fetch_sub(1, Ordering::SeqCst) == 1 {
            self.wake();
        }
    }

    /// Wakes the loop, to see whether anybody still needs it to look.
    pub(super) fn wake(self: &Arc<Self>) {
        let inbox = self.inbox();
        if !inbox.closed {
            self.signal_once(inbox);
        }
    }

    /// The loop stops watching, since nobody needs it to. On the loop's thread.
    pub(super) fn stop_watching(self: &Arc<Self>, py: Python<'_>) -> PyResult<()> {
        self.close(py);
        #[cfg(unix)]
        if let Signal::Pipe(pipe) = &self.signal
            && let Some(event_loop) = self.event_loop(py)
        {
            event_loop.call_method1(intern!(py, "remove_reader"), (pipe.watched(),))?;
        }
        Ok(())
    }

    /// Whether the queue belongs to the parent of this process.
    pub(super) fn is_orphaned(&self) -> bool {
        self.orphaned.load(Ordering::SeqCst)
    }

    /// Nothing comes out of this queue any more. What is pending is stopped: on a loop that is closed
    /// nobody will ever see how it ends.
    pub(super) fn close(&self, py: Python<'_>) {
        if self.is_orphaned() {
            return;
        }
        let arrived = {
            let mut inbox = self.inbox();
            inbox.closed = true;
            std::mem::take(&mut inbox.arrived)
        };
        with_queues(py, |queues| queues.retain(|_, queue| !std::ptr::eq(&raw const **queue, self)));
        self.stop_pending(py);
        arrived.into_iter().for_each(RawWork::discard);
    }

    /// Drops the work of everything that is pending; the futures stay as they are.
    pub(super) fn stop_pending(&self, py: Python<'_>) {
        for entry in self.with_pending(py, std::mem::take).into_values() {
            entry.work.cancel(py);
        }
    }

    /// Wakes a loop that watches nothing. Called by the thread that is there for it.
    pub(super) fn call_threadsafe(self: &Arc<Self>, py: Python<'_>) {
        let called = self.event_loop(py).map(|event_loop| {
            ffi::catch_panic(|| {
                let drain = Bound::new(py, Drain::passing(self.clone()))?;
                event_loop.call_method1(intern!(py, "call_soon_threadsafe"), (drain,)).map(drop)
            })
        });
        // Without a loop, or with one that is closed, there is nobody to wake.
        if called.is_none_or(|answer| answer.is_err()) {
            self.close(py);
        }
    }
}

/// A queue whose pipe the loop watches, if it is a loop that watches pipes.
#[cfg(unix)]
fn watched(
    event_loop: &Bound<'_, PyAny>,
    new: &dyn Fn(Signal) -> PyResult<Arc<LoopQueue>>,
) -> PyResult<Option<Arc<LoopQueue>>> {
    let py = event_loop.py();
    let Some(add_reader) = event_loop.getattr_opt(intern!(py, "add_reader"))? else {
        return Ok(None);
    };
    let pipe = super::signal::Pipe::new()?;
    let fd = pipe.watched();
    let queue = new(Signal::Pipe(pipe))?;
    let drain = Bound::new(py, Drain::watching(queue.clone()))?;
    // The loop calls it in the context that is current now: let that be nobody's.
    let entered = EnteredContext::enter(ffi::new_context(py)?)?;
    let here = asyncio(py).get_running_loop.bind(py).call0().is_ok_and(|own| own.is(event_loop));
    let added = if here {
        add_reader.call1((fd, drain))
    } else {
        event_loop.call_method1(intern!(py, "call_soon_threadsafe"), (add_reader, fd, drain))
    };
    entered.exit()?;
    match added {
        Ok(_) => Ok(Some(queue)),
        Err(error)
            if error.is_instance_of::<PyNotImplementedError>(py)
                || error.is_instance_of::<PyAttributeError>(py) =>
        {
            Ok(None)
        }
        Err(error) => Err(error),
    }
}

#[cfg(not(unix))]
fn watched(
    _event_loop: &Bound<'_, PyAny>,
    _new: &dyn Fn(Signal) -> PyResult<Arc<LoopQueue>>,
) -> PyResult<Option<Arc<LoopQueue>>> {
    Ok(None)
}
