//! The tokio runtime: made at the first use, stopped at the exit of the interpreter, and made afresh
//! in the child of a fork.
//!
//! tokio is a part of each extension that uses it, so each extension that uses this crate has a
//! runtime of its own; loops and classes are what they share.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use pyo3::exceptions::{PyRuntimeError, PyValueError};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyCFunction, PyDict, PyTuple};
use tokio::runtime::{Builder, Handle, Runtime};

use super::lookout::Lookout;
use crate::ffi::{self, Field, table};

/// How long the exit of the interpreter waits for what cannot be interrupted: a poll, a blocking call.
const PATIENCE: Duration = Duration::from_secs(1);

/// How many threads the runtime gets; tokio's defaults where nothing is said.
#[derive(Clone, Copy, Default)]
struct Configuration {
    worker_threads: Option<usize>,
    blocking_threads: Option<usize>,
}

#[derive(Clone, Copy)]
enum State {
    Unmade(Configuration),
    Made(&'static Made),
    Stopped,
}

struct Made {
    handle: Handle,
    /// Empty once it is stopped or somebody has borrowed it for ever.
    owned: Mutex<Option<Runtime>>,
    configuration: Configuration,
    lookout: Lookout,
}

/// Attached threads only: one at a time, and a fork is made by one of them.
static STATE: Field<State> =
    Field::new(State::Unmade(Configuration { worker_threads: None, blocking_threads: None }));

/// Set when the runtime has been stopped for good: its threads must leave the interpreter alone.
static ENDED: AtomicBool = AtomicBool::new(false);

/// Whether the interpreter has been told to call `stop` and `begin_anew`; children inherit that.
static ANNOUNCED: Field<bool> = Field::new(false);

/// Says how many threads the runtime gets: for futures (default: one a processor core) and for
/// blocking calls (default: up to 512).
///
/// # Errors
/// `RuntimeError` once the runtime is there, `ValueError` for zero.
pub fn configure_runtime(
    py: Python<'_>,
    worker_threads: Option<usize>,
    blocking_threads: Option<usize>,
) -> PyResult<()> {
    let State::Unmade(former) = STATE.get(py) else {
        return Err(PyRuntimeError::new_err(
            "the runtime has been made already: configure it before its first use",
        ));
    };
    for (name, count) in
        [("worker_threads", worker_threads), ("blocking_threads", blocking_threads)]
    {
        if count == Some(0) {
            return Err(PyValueError::new_err(format!("{name} must be at least 1")));
        }
    }
    STATE.set(
        py,
        State::Unmade(Configuration {
            worker_threads: worker_threads.or(former.worker_threads),
            blocking_threads: blocking_threads.or(former.blocking_threads),
        }),
    );
    Ok(())
}

/// The runtime, made now if this is the first use.
///
/// # Errors
/// `RuntimeError` when the interpreter is about to exit, `OSError` when there are no threads to be
/// had.
pub fn runtime(py: Python<'_>) -> PyResult<&'static Handle> {
    made(py).map(|made| &made.handle)
}

/// The runtime, and where one of its threads may look out for a blocking call.
pub(super) fn blocking(py: Python<'_>) -> PyResult<(&'static Handle, &'static Lookout)> {
    made(py).map(|made| (&made.handle, &made.lookout))
}

fn made(py: Python<'_>) -> PyResult<&'static Made> {
    match STATE.get(py) {
        State::Made(made) => Ok(made),
        State::Unmade(configuration) => make(py, configuration),
        State::Stopped => Err(PyRuntimeError::new_err(
            "the runtime has been stopped: the interpreter is about to exit",
        )),
    }
}

fn make(py: Python<'_>, configuration: Configuration) -> PyResult<&'static Made> {
    announce(py)?;
    if let State::Made(made) = STATE.get(py) {
        return Ok(made); // by another thread, which ran meanwhile
    }
    let mut builder = Builder::new_multi_thread();
    builder.enable_all().thread_name("aioxide");
    builder.on_thread_start(ffi::begin_thread).on_thread_stop(|| ffi::end_thread(!has_ended()));
    if let Some(count) = configuration.worker_threads {
        builder.worker_threads(count);
    }
    if let Some(count) = configuration.blocking_threads {
        builder.max_blocking_threads(count);
    }
    let runtime = builder.build()?;
    let handle = runtime.handle().clone();
    let made =
        Made { handle, owned: Mutex::new(Some(runtime)), configuration, lookout: Lookout::new() };
    let made: &'static Made = Box::leak(Box::new(made));
    STATE.set(py, State::Made(made));
    Ok(made)
}

/// Asks the interpreter for a call at its exit and after a fork.
fn announce(py: Python<'_>) -> PyResult<()> {
    if ANNOUNCED.get(py) {
        return Ok(());
    }
    ANNOUNCED.set(py, true);
    let at_exit =
        PyCFunction::new_closure(py, None, None, |args: &Bound<'_, PyTuple>, _| stop(args.py()))?;
    py.import(intern!(py, "atexit"))?.call_method1(intern!(py, "register"), (at_exit,))?;
    let os = py.import(intern!(py, "os"))?;
    if let Some(register) = os.getattr_opt(intern!(py, "register_at_fork"))? {
        let in_child = PyCFunction::new_closure(py, None, None, |args: &Bound<'_, PyTuple>, _| {
            begin_anew(args.py());
        })?;
        let names = PyDict::new(py);
        names.set_item(intern!(py, "after_in_child"), in_child)?;
        register.call((), Some(&names))?;
    }
    Ok(())
}

/// At the exit of the interpreter: every future that is pending is dropped, then the runtime ends.
fn stop(py: Python<'_>) -> PyResult<()> {
    let State::Made(made) = STATE.get(py) else { return Ok(()) };
    STATE.set(py, State::Stopped);
    table(py)?.stop_everything(py);
    let runtime = made.owned.lock().unwrap_or_else(PoisonError::into_inner).take();
    if let Some(runtime) = runtime {
        py.detach(|| runtime.shutdown_timeout(PATIENCE));
    }
    ENDED.store(true, Ordering::SeqCst);
    Ok(())
}

pub(super) fn has_ended() -> bool {
    ENDED.load(Ordering::SeqCst)
}

/// In the child of a fork, where the runtime's threads are missing. What belongs to them is left alone
/// for ever: they may have held locks.
fn begin_anew(py: Python<'_>) {
    if let State::Made(made) = STATE.get(py) {
        STATE.set(py, State::Unmade(made.configuration));
    }
}

/// Makes pyo3-async-runtimes use this runtime, so that futures made by either run on the same
/// threads. Call it when your module is made, before anything uses pyo3-async-runtimes.
///
/// That crate keeps the runtime for the life of the process, so it is not shut down at the exit of the
/// interpreter; aioxide's own futures are dropped then all the same.
///
/// # Errors
/// `RuntimeError` when pyo3-async-runtimes has a runtime already, and as [`runtime`].
#[cfg(feature = "pyo3-async-runtimes")]
pub fn share_with_pyo3_async_runtimes(py: Python<'_>) -> PyResult<()> {
    runtime(py)?;
    let State::Made(made) = STATE.get(py) else { return Ok(()) };
    let Some(runtime) = made.owned.lock().unwrap_or_else(PoisonError::into_inner).take() else {
        return Ok(()); // shared already
    };
    let runtime: &'static Runtime = Box::leak(Box::new(runtime));
    pyo3_async_runtimes::tokio::init_with_runtime(runtime)
        .map_err(|()| PyRuntimeError::new_err("pyo3-async-runtimes has a runtime already"))
}
