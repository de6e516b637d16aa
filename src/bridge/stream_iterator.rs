//! A stream of Rust as Python sees it: an asynchronous iterator.

use pyo3::prelude::*;

#[cfg(feature = "fault-injection")]
pub(crate) use injection::stream_of_numbers;

use crate::ffi::{RawStream, fault};

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
        fault::point();
        slf
    }

    /// Return a future of the next item; it raises `StopAsyncIteration` when the stream has ended.
    ///
    /// Raises `RuntimeError` while another one is awaited.
    fn __anext__<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        fault::point();
        self.stream.next(py)
    }

    /// Drop the stream; a future of None. Nothing comes out of it any more.
    ///
    /// Raises `RuntimeError` while the next item is awaited.
    fn aclose<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        fault::point();
        self.stream.close(py)
    }
}

#[cfg(feature = "fault-injection")]
mod injection {
    use std::ops::Range;
    use std::pin::Pin;
    use std::task::{Context, Poll};

    use futures_core::Stream;
    use pyo3::prelude::*;

    use crate::bridge::stream_into_py;

    struct Numbers(Range<u64>);

    impl Stream for Numbers {
        type Item = PyResult<u64>;

        fn poll_next(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Self::Item>> {
            Poll::Ready(self.0.next().map(Ok))
        }
    }

    /// An iterator over a stream of Rust, which only other extensions have otherwise.
    #[pyfunction]
    pub(crate) fn stream_of_numbers(py: Python<'_>) -> PyResult<Bound<'_, PyAny>> {
        stream_into_py(py, Numbers(0..2))
    }
}
