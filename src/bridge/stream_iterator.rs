//! A stream of Rust as Python sees it: an asynchronous iterator.

use pyo3::prelude::*;

use crate::ffi::RawStream;

/// Iterates over a stream that Rust makes, item by item: the stream goes on when it is asked.
#[pyclass(module = "aioxide._core", frozen, immutable_type)]
pub(crate) struct StreamIterator {
    stream: RawStream,
}

impl StreamIterator {
    pub(super) fn new(stream: RawStream) -> Self {
        Self { stream }
    }
}

#[pymethods]
impl StreamIterator {
    fn __aiter__(slf: Bound<'_, Self>) -> Bound<'_, Self> {
        slf
    }

    /// Return a future of the next item; it raises `StopAsyncIteration` when the stream has ended.
    ///
    /// Raises `RuntimeError` while another one is awaited.
    fn __anext__<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        self.stream.next(py)
    }

    /// Drop the stream; a future of None. Nothing comes out of it any more.
    ///
    /// Raises `RuntimeError` while the next item is awaited.
    fn aclose<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        self.stream.close(py)
    }
}
