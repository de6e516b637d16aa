//! Streams of either side.

use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::task::{Context, Poll};

use aioxide::bridge;
use futures_core::Stream;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

use crate::Answer;
use crate::tally::Made;

/// Counts from zero; `asked` is called for each item, `late` says that it is not ready when asked for.
struct Count {
    next: usize,
    end: usize,
    late: bool,
    waiting: bool,
    fails: bool,
    asked: Option<Py<PyAny>>,
    #[allow(dead_code)] // for its destructor
    made: Made,
}

impl Stream for Count {
    type Item = PyResult<usize>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if self.late && !self.waiting {
            self.waiting = true;
            context.waker().wake_by_ref();
            return Poll::Pending;
        }
        self.waiting = false;
        if let Some(asked) = &self.asked {
            bridge::attach(|py| asked.call1(py, (self.next,)))?;
        }
        if self.next == self.end {
            return Poll::Ready(self.fails.then(|| Err(PyValueError::new_err("the end"))));
        }
        self.next += 1;
        Poll::Ready(Some(Ok(self.next - 1)))
    }
}

/// The numbers below `end`.
#[pyfunction]
#[pyo3(signature = (end, late=false, asked=None, dropped=None))]
pub(crate) fn count_to(
    py: Python<'_>,
    end: usize,
    late: bool,
    asked: Option<Py<PyAny>>,
    dropped: Option<Py<PyAny>>,
) -> Answer<'_> {
    let made = Made::calling(dropped);
    let stream = Count { next: 0, end, late, waiting: false, fails: false, asked, made };
    bridge::stream_into_py(py, stream)
}

/// The numbers below `end`, then a `ValueError`.
#[pyfunction]
pub(crate) fn failing_stream(py: Python<'_>, end: usize) -> Answer<'_> {
    let made = Made::new();
    let stream = Count { next: 0, end, late: true, waiting: false, fails: true, asked: None, made };
    bridge::stream_into_py(py, stream)
}

/// A stream whose first item never comes.
struct EndlessWait;

impl Stream for EndlessWait {
    type Item = PyResult<()>;

    fn poll_next(self: Pin<&mut Self>, _context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        Poll::Pending
    }
}

#[pyfunction]
pub(crate) fn endless_wait(py: Python<'_>) -> Answer<'_> {
    bridge::stream_into_py(py, EndlessWait)
}

async fn next(stream: Pin<&mut bridge::PythonStream>) -> Option<PyResult<Py<PyAny>>> {
    let mut stream = stream;
    poll_fn(|context| stream.as_mut().poll_next(context)).await
}

/// The items of the iterable, as a list.
#[pyfunction]
#[pyo3(signature = (iterable, buffer=1))]
pub(crate) fn collect(iterable: Bound<'_, PyAny>, buffer: usize) -> Answer<'_> {
    let py = iterable.py();
    let stream = bridge::stream_from_py(iterable, buffer)?;
    bridge::future_into_py(py, async move {
        let mut stream = pin!(stream);
        let mut items = Vec::new();
        while let Some(item) = next(stream.as_mut()).await {
            items.push(item?);
        }
        Ok::<_, PyErr>(items)
    })
}

/// The first items of the iterable; waits for `before` each time, then drops the stream.
#[pyfunction]
#[pyo3(signature = (iterable, count, buffer=1, before=None))]
pub(crate) fn take(
    iterable: Bound<'_, PyAny>,
    count: usize,
    buffer: usize,
    before: Option<Py<PyAny>>,
) -> Answer<'_> {
    let py = iterable.py();
    let stream = bridge::stream_from_py(iterable, buffer)?;
    bridge::future_into_py(py, async move {
        let mut stream = pin!(stream);
        let mut items = Vec::new();
        for _ in 0..count {
            if let Some(before) = &before {
                bridge::attach(|py| bridge::into_future(before.bind(py).call0()?))?.await?;
            }
            match next(stream.as_mut()).await {
                Some(item) => items.push(item?),
                None => break,
            }
        }
        Ok::<_, PyErr>(items)
    })
}
