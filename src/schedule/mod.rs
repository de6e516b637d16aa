//! How ready work reaches its loop.
//!
//! The only place that knows kinds of loops. A loop is asked by `call_soon()` as documented, which
//! every asyncio loop has: stock, uvloop, rloop or a stranger's (rule 7). The stock loops are known
//! exactly (`stock.rs`): what their `call_soon()` does, when nobody has changed it, is to append to a
//! queue. There, what becomes ready one after the other shares one entry of the queue (`batch.rs`).
//! A loop that has nothing of asyncio's is given tasks to call as cheaply as can be (`resume.rs`), and
//! uvloop several at once where that makes no difference (`turn.rs`, `several.rs`).

mod batch;
mod known;
mod pass;
mod ready;
mod resume;
mod several;
mod stock;
mod turn;
mod uvloop;

use pyo3::intern;
use pyo3::prelude::*;

use ready::Work;
pub(crate) use ready::{Ready, Step, Wakeup};
use resume::Resume;
pub(crate) use stock::{debug_of, is_running, only_calls_class};
use turn::Join;

use crate::ffi;

/// How many passes of a loop are run as one, at most: then it looks for signals again.
const MOST_PASSES: usize = 64;

/// Called when the module is made, before anybody can have changed the loops.
pub(crate) fn prepare(py: Python<'_>) -> PyResult<()> {
    batch::prepare(py);
    resume::prepare(py);
    several::prepare(py);
    stock::look_up(py)
}

/// Has the loop run this soon: in the order in which things became ready, never at once. Answers
/// whether it went straight into the queue of a stock loop that is out of debug mode.
pub(crate) fn soon(event_loop: &Bound<'_, PyAny>, work: impl Work) -> PyResult<bool> {
    if let Some(end) = stock::queue_to_append_to(event_loop)?
        && work.has_plain_context(event_loop.py())
    {
        return batch::push(end, event_loop, work).map(|()| true);
    }
    soon_elsewhere(event_loop, work.into()).map(|()| false)
}

/// The same for all other loops, and for contexts that are none: those have a `run()` of their own.
#[inline(never)]
fn soon_elsewhere(event_loop: &Bound<'_, PyAny>, ready: Ready) -> PyResult<()> {
    let py = event_loop.py();
    let context = ready.context(py)?;
    let (mut ready, mut before) = (ready, 0);
    if ready.has_plain_context(py) {
        match turn::join(event_loop, ready)? {
            Join::Joined => return Ok(()),
            Join::Alone(alone, others) => (ready, before) = (alone, others),
        }
    }
    if let Some(resume) = Resume::with(&ready, before, event_loop)? {
        ready.release(py);
        return call_soon(event_loop, resume.as_any(), &context).map(drop);
    }
    let callback = ready.callback(py)?;
    match ready.argument(py) {
        Some(argument) => call_soon_with(event_loop, &callback, argument, &context),
        None => call_soon(event_loop, &callback, &context).map(drop),
    }
}

/// Has the loop call this soon, in a copy of the current context.
pub(crate) fn soon_call(event_loop: &Bound<'_, PyAny>, function: Bound<'_, PyAny>) -> PyResult<()> {
    let context = ffi::copy_current_context(event_loop.py())?.unbind();
    let ready = Ready::Call { function: function.unbind(), argument: None, context };
    soon(event_loop, ready).map(drop)
}

/// Whether what is ready goes straight into the queue of this loop: nobody else sees it come.
pub(crate) fn is_unseen(event_loop: &Bound<'_, PyAny>) -> PyResult<bool> {
    Ok(stock::queue_to_append_to(event_loop)?.is_some())
}

/// `loop.call_soon(callback, context=context)`
fn call_soon<'py>(
    event_loop: &Bound<'py, PyAny>,
    callback: &Bound<'py, PyAny>,
    context: &Bound<'py, PyAny>,
) -> PyResult<Bound<'py, PyAny>> {
    let name = intern!(event_loop.py(), "call_soon");
    ffi::call_method_in_context(name, &[event_loop, callback], context)
}

/// `loop.call_soon(callback, argument, context=context)`
pub(crate) fn call_soon_with<'py>(
    event_loop: &Bound<'py, PyAny>,
    callback: &Bound<'py, PyAny>,
    argument: &Bound<'py, PyAny>,
    context: &Bound<'py, PyAny>,
) -> PyResult<()> {
    let name = intern!(event_loop.py(), "call_soon");
    ffi::call_method_in_context(name, &[event_loop, callback, argument], context).map(drop)
}
