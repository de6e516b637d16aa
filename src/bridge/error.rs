//! Errors of Rust as exceptions of Python, and outcomes as results.

use std::any::{Any, TypeId};
use std::convert::Infallible;
use std::error::Error;
use std::ffi::OsString;
use std::fmt;
use std::io;
use std::thread;

use pyo3::IntoPyObjectExt;
use pyo3::exceptions::{PyOSError, PyRuntimeError};
use pyo3::intern;
use pyo3::prelude::*;

use crate::ffi;

/// An error that Python sees as an exception. What an error type of your own needs to be returned by
/// a future.
pub trait IntoPyErr: Send + 'static {
    /// Makes the exception. Called on the loop's thread.
    fn into_py_err(self, py: Python<'_>) -> PyErr;
}

impl IntoPyErr for PyErr {
    fn into_py_err(self, _py: Python<'_>) -> PyErr {
        self
    }
}

impl IntoPyErr for Infallible {
    fn into_py_err(self, _py: Python<'_>) -> PyErr {
        match self {}
    }
}

/// `OSError` or the subclass that belongs to the errno; without one, what PyO3 makes of the kind.
impl IntoPyErr for io::Error {
    fn into_py_err(self, py: Python<'_>) -> PyErr {
        os_error(py, self, None)
    }
}

/// An error that went into the box as a `PyErr` or an `io::Error` comes out as one; any other becomes a
/// `RuntimeError` with its text.
impl IntoPyErr for Box<dyn Error + Send + Sync> {
    fn into_py_err(self, py: Python<'_>) -> PyErr {
        let error = match self.downcast::<PyErr>() {
            Ok(error) => return *error,
            Err(other) => other,
        };
        match error.downcast::<io::Error>() {
            Ok(error) => error.into_py_err(py),
            Err(other) => PyRuntimeError::new_err(other.to_string()),
        }
    }
}

/// An I/O error and the file it is about: the exception has `errno` and `filename`, as `open()` raises
/// it.
#[derive(Debug)]
pub struct FileError {
    /// What went wrong.
    pub error: io::Error,
    /// The file, as the exception shows it.
    pub filename: OsString,
}

impl fmt::Display for FileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.filename.display(), self.error)
    }
}

impl Error for FileError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&self.error)
    }
}

impl IntoPyErr for FileError {
    fn into_py_err(self, py: Python<'_>) -> PyErr {
        os_error(py, self.error, Some(self.filename))
    }
}

fn os_error(py: Python<'_>, error: io::Error, filename: Option<OsString>) -> PyErr {
    let Some(number) = error.raw_os_error() else { return error.into() };
    let explain = || -> PyResult<Bound<'_, PyAny>> {
        py.import(intern!(py, "os"))?.call_method1(intern!(py, "strerror"), (number,))
    };
    match (explain(), filename) {
        (Ok(text), None) => PyOSError::new_err((number, text.unbind())),
        (Ok(text), Some(name)) => PyOSError::new_err((number, text.unbind(), name)),
        (Err(error), _) => error,
    }
}

/// What came of some Rust code: its answer, or the panic that ended it.
pub(super) type Caught<R> = thread::Result<R>;

/// The value as Python gets it; nothing is None.
pub(super) fn value_into_py<'py, T>(py: Python<'py>, value: T) -> PyResult<Bound<'py, PyAny>>
where
    T: IntoPyObject<'py> + 'static,
{
    if TypeId::of::<T>() == TypeId::of::<()>() {
        return Ok(py.None().into_bound(py));
    }
    value.into_bound_py_any(py)
}

/// The outcome as Python gets it.
pub(super) fn outcome_into_py<T, E>(
    py: Python<'_>,
    caught: Caught<Result<T, E>>,
) -> PyResult<Bound<'_, PyAny>>
where
    T: for<'a> IntoPyObject<'a> + 'static,
    E: IntoPyErr,
{
    match caught {
        Ok(Ok(value)) => value_into_py(py, value),
        Ok(Err(error)) => Err(error.into_py_err(py)),
        Err(payload) => Err(panicked(payload)),
    }
}

/// A panic as `pyo3_runtime.PanicException`.
fn panicked(payload: Box<dyn Any + Send>) -> PyErr {
    ffi::panicked(payload.as_ref())
}
