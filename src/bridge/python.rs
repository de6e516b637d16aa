//! What a Python program gets of the bridge without any extension of its own.

use std::convert::Infallible;
use std::ffi::OsString;
use std::path::PathBuf;

use pyo3::exceptions::PyValueError;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::pybacked::PyBackedBytes;
use pyo3::types::{PyBytes, PyDict, PyMemoryView, PyTuple};

use super::blocking::blocking_into_py;
use super::error::FileError;
use super::job::future_into_py;
use super::runtime;
use super::scope::attach;
use crate::ffi::{self, fault};

/// Say how many threads the runtime has: for Rust futures (by default one a processor core) and, at
/// most, for blocking calls (by default 512). What is not given stays as it is.
///
/// Raises `RuntimeError` once the runtime is there, that is after its first use; `ValueError` for
/// numbers below 1.
#[pyfunction]
#[pyo3(signature = (*, worker_threads=None, blocking_threads=None))]
pub(crate) fn configure_runtime(
    py: Python<'_>,
    worker_threads: Option<i32>,
    blocking_threads: Option<i32>,
) -> PyResult<()> {
    let count =
        |name: &str, given: Option<i32>| {
            let Some(given) = given else { return Ok(None) };
            usize::try_from(given).ok().filter(|count| *count > 0).map(Some).ok_or_else(|| {
                PyValueError::new_err(format!("{name} must be at least 1, not {given}"))
            })
        };
    let worker_threads = count("worker_threads", worker_threads)?;
    let blocking_threads = count("blocking_threads", blocking_threads)?;
    runtime::configure_runtime(py, worker_threads, blocking_threads)
}

/// Call `func(*args, **kwargs)` in a thread of the runtime's blocking pool, in a copy of the current
/// context, and return a future of what it returns or raises.
///
/// Cancelling the future before a thread has begun means that there is no call; afterwards, the call
/// goes on and its outcome is dropped.
#[pyfunction]
#[pyo3(signature = (func, /, *args, **kwargs))]
pub(crate) fn to_thread<'py>(
    func: &Bound<'py, PyAny>,
    args: &Bound<'py, PyTuple>,
    kwargs: Option<&Bound<'py, PyDict>>,
) -> PyResult<Bound<'py, PyAny>> {
    let py = func.py();
    let (func, args) = (func.clone().unbind(), args.clone().unbind());
    let kwargs = kwargs.map(|kwargs| kwargs.clone().unbind());
    blocking_into_py(py, move || {
        attach(|py| {
            // Dropped here, where the thread is attached.
            let (func, args) = (func.into_bound(py), args.into_bound(py));
            let kwargs = kwargs.map(|kwargs| kwargs.into_bound(py));
            ffi::call_with(&func, &args, kwargs.as_ref()).map(Bound::unbind)
        })
    })
}

/// Return a future of the content of the file, as bytes.
///
/// `path` is a string, bytes or a path object. Raises `OSError` as `open()` does.
#[pyfunction]
#[pyo3(signature = (path, /))]
pub(crate) fn read_file<'py>(path: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
    let filename = file_name(path)?;
    future_into_py(path.py(), async move {
        let path = PathBuf::from(&filename);
        tokio::fs::read(path).await.map(Content).map_err(|error| FileError { error, filename })
    })
}

/// Write `data` (anything like bytes) to the file, in the place of what was there, and return a future
/// of the number of bytes.
///
/// `path` is a string, bytes or a path object. Raises `OSError` as `open()` does. A write that has
/// begun when the future is cancelled may go on.
#[pyfunction]
#[pyo3(signature = (path, data, /))]
pub(crate) fn write_file<'py>(
    path: &Bound<'py, PyAny>,
    data: &Bound<'py, PyAny>,
) -> PyResult<Bound<'py, PyAny>> {
    let py = path.py();
    let filename = file_name(path)?;
    let data = if let Ok(bytes) = data.cast_exact::<PyBytes>() {
        bytes.clone()
    } else {
        let copy = PyMemoryView::from(data)?.call_method0(intern!(py, "tobytes"))?;
        copy.cast_into::<PyBytes>()?
    };
    let data = PyBackedBytes::from(data);
    future_into_py(py, async move {
        let (path, count) = (PathBuf::from(&filename), data.len());
        let written = tokio::fs::write(path, data).await;
        written.map(|()| count).map_err(|error| FileError { error, filename })
    })
}

/// The file's name as the system takes it.
fn file_name(path: &Bound<'_, PyAny>) -> PyResult<OsString> {
    let py = path.py();
    let os = py.import(intern!(py, "os"))?;
    fault::point();
    let name: OsString = os.call_method1(intern!(py, "fsdecode"), (path,))?.extract()?;
    if name.as_encoded_bytes().contains(&0) {
        return Err(PyValueError::new_err("embedded null byte"));
    }
    Ok(name)
}

/// The content of a file, which is bytes in Python.
struct Content(Vec<u8>);

impl<'py> IntoPyObject<'py> for Content {
    type Target = PyBytes;
    type Output = Bound<'py, PyBytes>;
    type Error = Infallible;

    fn into_pyobject(self, py: Python<'py>) -> Result<Self::Output, Self::Error> {
        Ok(PyBytes::new(py, &self.0))
    }
}
