//! Rust futures and Python tasks as one thing, for extensions written in Rust.
//!
//! **Rust to Python**: [`future_into_py`] and its relatives ([`local_future_into_py`],
//! [`blocking_into_py`], [`stream_into_py`]) return an `aioxide.Future` of the running loop, whatever
//! loop that is. **Python to Rust**: [`into_future`], [`spawn_python`] and [`stream_from_py`]. Python
//! code in between is called within [`attach`]. Errors become exceptions by [`IntoPyErr`].
//!
//! The public part is written against a table of functions (`ffi::Table`), which aioxide fills and
//! other extensions import: `future_into_py` and the rest run in the extension that uses them, on a
//! tokio runtime of its own; what they share is the class `aioxide.Future` and one queue for each loop.
//!
//! | file | |
//! |---|---|
//! | `runtime.rs` | the tokio runtime, from its first use to the exit |
//! | `job.rs`, `stage.rs` | a Rust future that a Python future waits for |
//! | `local.rs`, `blocking.rs` | the same for futures that stay in their thread, and for blocking calls |
//! | `into_future.rs`, `stream.rs` | Python awaitables and iterators as futures and streams, and streams for Python |
//! | `lookout.rs` | a thread of the blocking pool that waits for its next call awake |
//! | `scope.rs` | which loop and context a Rust future belongs to |
//! | `error.rs` | errors and panics as exceptions |
//! | `queue.rs`, `signal.rs`, `drain.rs` | the queue of a loop: how it is woken, what it calls then |
//! | `work.rs` | what waiting for Rust adds to the life of a `Future` |
//! | `offer.rs` | the table of functions |
//! | `stream_iterator.rs`, `python.rs` | what Python sees of it |
//!
//! Rules 8 to 10 of docs/architecture.md are about this module.

mod blocking;
mod error;
mod into_future;
mod job;
mod local;
mod lookout;
mod runtime;
mod scope;
mod stage;
mod stream;

#[cfg(feature = "module")]
mod drain;
#[cfg(feature = "module")]
mod offer;
#[cfg(feature = "module")]
pub(crate) mod python;
#[cfg(feature = "module")]
mod queue;
#[cfg(feature = "module")]
mod signal;
#[cfg(feature = "module")]
pub(crate) mod stream_iterator;
#[cfg(feature = "module")]
mod work;

use pyo3::prelude::*;

pub use blocking::blocking_into_py;
pub use error::{FileError, IntoPyErr};
pub use into_future::{PythonFuture, into_future, spawn_python};
pub use job::future_into_py;
pub use local::local_future_into_py;
#[cfg(feature = "pyo3-async-runtimes")]
pub use runtime::share_with_pyo3_async_runtimes;
pub use runtime::{configure_runtime, runtime};
pub use scope::attach;
pub use stream::{PythonStream, stream_from_py, stream_into_py};

#[cfg(feature = "module")]
pub(crate) use work::{Link, abandon, cancel, keep, release};

/// Finds the installed aioxide. An extension calls this when its module is made, so that a missing or
/// unfit aioxide is known at its import and not later.
///
/// # Errors
/// `ImportError`
pub fn import(py: Python<'_>) -> PyResult<()> {
    crate::ffi::table(py).map(drop)
}

/// Makes aioxide's own table and puts it into the module for others. Called when the module is made.
#[cfg(feature = "module")]
pub(crate) fn prepare(module: &Bound<'_, PyModule>) -> PyResult<()> {
    let py = module.py();
    let table = crate::ffi::table_of::<offer::Aioxide>();
    crate::ffi::use_own(table);
    module.setattr("_bridge_api", crate::ffi::capsule(py, table)?)?;
    let os = py.import(pyo3::intern!(py, "os"))?;
    if let Some(register) = os.getattr_opt(pyo3::intern!(py, "register_at_fork"))? {
        let names = pyo3::types::PyDict::new(py);
        let forget = pyo3::types::PyCFunction::new_closure(py, None, None, |args, _| {
            queue::forget_all(args.py());
            signal::forget(args.py());
        })?;
        names.set_item(pyo3::intern!(py, "after_in_child"), forget)?;
        register.call((), Some(&names))?;
    }
    Ok(())
}
