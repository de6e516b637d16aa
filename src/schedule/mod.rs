//! How ready work reaches its loop.
//!
//! The only place that knows kinds of loops. A loop is asked by `call_soon()` as documented, which
//! every asyncio loop has: stock, uvloop, rloop or a stranger's (rule 7). The stock loops are known
//! exactly (`stock.rs`): what their `call_soon()` does, when nobody has changed it, is to append to a
//! queue. There, what becomes ready one after the other shares one entry of the queue (`batch.rs`).
//! A loop that has nothing of asyncio's is given tasks to call as cheaply as can be (`resume.rs`), and
//! uvloop several at once where that makes no difference (`turn.rs`, `several.rs`), or one by a handle that
//! its task keeps (`kept.rs`).

mod batch;
mod kept;
mod known;
mod pass;
mod ready;
mod resume;
mod several;
mod stock;
mod timers;
mod turn;
mod unended;
mod uvloop;
mod woken;

use pyo3::intern;
use pyo3::prelude::*;

pub(crate) use kept::Kept;
use ready::Work;
pub(crate) use ready::{Ready, Step, Wakeup};
use resume::Resume;
use stock::QueueEnd;
pub(crate) use stock::{is_running, task_factory};
pub(crate) use uvloop::has_its_create_task;

use crate::ffi;
use crate::seat::Seat;
use crate::task::Task;

/// How many passes of a loop are run as one, at most: then it looks for signals again.
const MOST_PASSES: usize = 64;

/// Called when the module is made, before anybody can have changed the loops.
pub(crate) fn prepare(py: Python<'_>) -> PyResult<()> {
    batch::prepare(py);
    resume::prepare(py)?;
    several::prepare(py)?;
    stock::look_up(py)
}

/// Has the loop run this soon: in the order in which things became ready, never at once. Answers
/// whether it went straight into the queue of a stock loop that is out of debug mode, and in a pass of
/// that queue.
pub(crate) fn soon(event_loop: &Bound<'_, PyAny>, work: impl Work) -> PyResult<bool> {
    let Some(work) = stock::join(event_loop, work) else { return Ok(true) };
    if stock::is_of_stock_class(event_loop) {
        return soon_apart(event_loop, work);
    }
    soon_elsewhere(event_loop, work).map(|()| false)
}

/// The same for what does not join anything.
#[inline(never)]
fn soon_apart(event_loop: &Bound<'_, PyAny>, work: impl Work) -> PyResult<bool> {
    if let Some(end) = stock::queue_to_append_to(event_loop)?
        && work.has_plain_context(event_loop.py())
    {
        let is_in_pass = end.pass.is_some();
        return batch::push(end, event_loop, work.into()).map(|()| is_in_pass);
    }
    soon_elsewhere(event_loop, work).map(|()| false)
}

/// The same for all other loops, and for contexts that are none: those have a `run()` of their own.
#[inline(never)]
fn soon_elsewhere<W: Work>(event_loop: &Bound<'_, PyAny>, work: W) -> PyResult<()> {
    let is_plain = work.has_plain_context(event_loop.py());
    let work = if is_plain { turn::join(event_loop, work)? } else { Some(work) };
    let Some(work) = work else { return Ok(()) };
    if uvloop::has_its_call_soon(event_loop)? {
        return kept::give(event_loop, work.into());
    }
    give(CallSoon::OfLoop, event_loop, work.into(), 0).map(drop)
}

/// Gives what is ready to the loop; answers with the handle. `before` is how many tasks in a row went
/// there by themselves before this one.
fn give<'py>(
    call_soon: CallSoon,
    event_loop: &Bound<'py, PyAny>,
    ready: Ready,
    before: u8,
) -> PyResult<Bound<'py, PyAny>> {
    let context = ready.context(event_loop.py())?;
    match Resume::with(ready, before, event_loop)? {
        Ok(resume) => call_soon.call(event_loop, resume.as_any(), None, &context),
        Err(ready) => give_callback(call_soon, event_loop, &ready),
    }
}

/// The same with the callback that asyncio would have in its place.
fn give_callback<'py>(
    call_soon: CallSoon,
    event_loop: &Bound<'py, PyAny>,
    ready: &Ready,
) -> PyResult<Bound<'py, PyAny>> {
    let py = event_loop.py();
    let (callback, context) = (ready.callback(py)?, ready.context(py)?);
    call_soon.call(event_loop, &callback, ready.argument(py).map(Bound::as_any), &context)
}

/// Has the loop call this soon, in a copy of the current context.
pub(crate) fn soon_call(event_loop: &Bound<'_, PyAny>, function: Bound<'_, PyAny>) -> PyResult<()> {
    let context = ffi::copy_current_context(event_loop.py())?.unbind();
    let ready = Ready::Call { function: function.unbind(), argument: None, context };
    soon(event_loop, ready).map(drop)
}

/// `loop.get_debug()`
pub(crate) fn debug_of(event_loop: &Bound<'_, PyAny>) -> PyResult<bool> {
    let debug = match stock::debug_of(event_loop)? {
        Some(debug) => Some(debug),
        None => uvloop::debug_of(event_loop)?,
    };
    debug.map_or_else(
        || ffi::call_method(intern!(event_loop.py(), "get_debug"), &[event_loop])?.is_truthy(),
        Ok,
    )
}

/// Whether what is ready goes straight into the queue of this loop: nobody else sees it come.
pub(crate) fn is_unseen(event_loop: &Bound<'_, PyAny>) -> PyResult<bool> {
    Ok(stock::queue_to_append_to(event_loop)?.is_some())
}

/// Runs what a loop has called by a handle of its own for this task, and then what has become ready
/// meanwhile as long as the loop would do nothing else. Of `first` is asked whether nobody minds if all
/// that the handle holds, but for the task, lives until then.
pub(crate) fn run_turn<'py>(
    event_loop: &Bound<'py, PyAny>,
    task: &Bound<'py, Task>,
    first: impl FnOnce(&mut Seat<'_, 'py>) -> PyResult<bool>,
) -> PyResult<()> {
    match stock::queue_to_append_to(event_loop)? {
        Some(QueueEnd { queue, pass: None }) => woken::run(&queue, event_loop, task, first),
        _ => turn::run(event_loop, task, 0, first, || ()),
    }
}

/// `loop.call_soon(callback, argument, context=context)`
pub(crate) fn call_soon_with<'py>(
    event_loop: &Bound<'py, PyAny>,
    callback: &Bound<'py, PyAny>,
    argument: &Bound<'py, PyAny>,
    context: &Bound<'py, PyAny>,
) -> PyResult<()> {
    CallSoon::OfLoop.call(event_loop, callback, Some(argument), context).map(drop)
}

/// Which `call_soon()` a loop is asked by.
#[derive(Clone, Copy)]
enum CallSoon {
    /// Whatever the loop has by that name.
    OfLoop,
    /// That of uvloop, for what becomes ready while the loop has that one.
    OfUvloop,
    /// The same, for what has become ready while the loop was out of debug mode, which it may be in by now.
    BeforeDebugMode,
}

impl CallSoon {
    /// `loop.call_soon(callback, [argument,] context=context)`
    fn call<'py>(
        self,
        event_loop: &Bound<'py, PyAny>,
        callback: &Bound<'py, PyAny>,
        argument: Option<&Bound<'py, PyAny>>,
        context: &Bound<'py, PyAny>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let py = event_loop.py();
        let with_argument = [event_loop, callback, argument.unwrap_or(callback)];
        let arguments = &with_argument[..2 + usize::from(argument.is_some())];
        match self {
            Self::OfUvloop if let Some(call_soon) = uvloop::call_soon(py) => {
                ffi::call_in_context(call_soon, arguments, context)
            }
            Self::BeforeDebugMode if let Some(call_soon) = uvloop::call_soon(py) => {
                let call = || ffi::call_in_context(call_soon, arguments, context);
                uvloop::out_of_debug_mode(event_loop, call)?
            }
            _ => ffi::call_method_in_context(intern!(py, "call_soon"), arguments, context),
        }
    }
}
