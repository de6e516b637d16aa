//! asyncio's `Task` and `Future`, written in Rust.
//!
//! The crate in layers, each using those above it (docs/architecture.md tells the whole story):
//!
//! - [`state`]: the life of a future and the cancellation of a task, as plain values
//! - [`ffi`]: every raw call of CPython's C API
//! - [`asyncio`]: the objects of the standard library that are looked up once
//! - [`schedule`]: how a ready piece of work reaches its loop
//! - [`registry`]: current task, all tasks, names and counts
//! - [`future`]: the class `Future`
//! - [`task`]: the class `Task`
//! - [`combinators`]: asyncio's functions that make tasks and that wait for them
//! - [`bridge`]: Rust futures and Python tasks as one thing
//! - [`loops`]: methods for loops that look the classes up only once

pub mod bridge;
// Without the classes, what only they need lies idle.
#[cfg_attr(not(feature = "module"), allow(dead_code))]
mod ffi;

#[cfg(feature = "module")]
mod asyncio;
#[cfg(feature = "module")]
mod combinators;
#[cfg(feature = "module")]
mod future;
#[cfg(feature = "module")]
mod loops;
#[cfg(feature = "module")]
mod registry;
#[cfg(feature = "module")]
mod schedule;
#[cfg(feature = "module")]
mod seat;
#[cfg(feature = "module")]
mod state;
#[cfg(feature = "module")]
mod task;

#[cfg(feature = "module")]
use pyo3::exceptions::PyImportError;
#[cfg(feature = "module")]
use pyo3::prelude::*;

/// The Rust core of aioxide.
// One thread at a time is attached: what `ffi::Field` relies on.
#[cfg(feature = "module")]
#[pymodule(gil_used = true)]
pub mod _core {
    #[pymodule_export]
    use crate::bridge::python::{configure_runtime, read_file, to_thread, write_file};
    #[cfg(feature = "fault-injection")]
    #[pymodule_export]
    use crate::bridge::stream_iterator::stream_of_numbers;
    #[pymodule_export]
    use crate::combinators::ensure::ensure_future;
    #[pymodule_export]
    use crate::combinators::gather::gather;
    #[pymodule_export]
    use crate::combinators::shield::shield;
    #[pymodule_export]
    use crate::combinators::{GatheringFuture, Watch};
    #[cfg(feature = "fault-injection")]
    #[pymodule_export]
    use crate::ffi::fault::{panic_at, points_passed};
    #[pymodule_export]
    use crate::future::Future;
    #[cfg(Py_3_14)]
    #[pymodule_export]
    use crate::future::awaited_by::{future_add_to_awaited_by, future_discard_from_awaited_by};
    #[pymodule_export]
    use crate::loops::quick_methods;
    #[pymodule_export]
    use crate::registry::{counts, register, registered_tasks, unregister};
    #[pymodule_export]
    use crate::task::Task;

    #[pymodule_export]
    #[allow(non_upper_case_globals)]
    const __version__: &str = env!("CARGO_PKG_VERSION");

    use super::{Bound, PyImportError, PyModule, PyResult};

    #[pymodule_init]
    fn init(module: &Bound<'_, PyModule>) -> PyResult<()> {
        let py = module.py();
        if !crate::ffi::is_main_interpreter(py) {
            return Err(PyImportError::new_err("aioxide does not support sub-interpreters"));
        }
        crate::ffi::keep_unless_watched();
        crate::asyncio::look_up(py)?;
        crate::seat::prepare(py)?;
        crate::schedule::prepare(py)?;
        crate::task::prepare(py)?;
        crate::combinators::prepare(py)?;
        crate::combinators::create_task::add_to(module)?;
        crate::bridge::prepare(module)
    }
}
