//! Streams: a Rust stream as an asynchronous iterator of Python, and the reverse.
//!
//! Neither runs ahead. A Rust stream goes on when Python asks for the next item; an iterator of Python
//! is asked for more as long as there is room for it in a buffer.

use std::future::poll_fn;
use std::mem;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use futures_core::Stream;
use pyo3::exceptions::{PyRuntimeError, PyStopAsyncIteration};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyCFunction, PyTuple};
use tokio::sync::mpsc::{self, Receiver};

use super::error::{IntoPyErr, value_into_py};
use super::into_future::{PythonFuture, into_future};
use super::job::future_into_py;
use crate::ffi::{RawStream, Source, table};

/// An asynchronous iterator of Python over the items of a Rust stream.
///
/// The stream is polled while Python awaits the next item, and at no other time. Cancelling that loses
/// no item. `aclose()` drops the stream, as does the end of the last reference. An error ends it.
///
/// # Errors
/// `RuntimeError` where no loop runs.
pub fn stream_into_py<S, T, E>(py: Python<'_>, stream: S) -> PyResult<Bound<'_, PyAny>>
where
    S: Stream<Item = Result<T, E>> + Send + 'static,
    T: for<'a> IntoPyObject<'a> + Send + 'static,
    E: IntoPyErr,
{
    let table = table(py)?;
    table.running_loop(py)?;
    let stream = Mutex::new(Place::There { stream: Box::pin(stream), item: None });
    table.iterate(py, RawStream::new(Arc::new(Items { stream })))
}

/// A stream, and where it is at the moment.
struct Items<S, T> {
    stream: Mutex<Place<S, T>>,
}

enum Place<S, T> {
    There {
        stream: Pin<Box<S>>,
        /// An item that has come out of it and that nobody has seen.
        item: Option<T>,
    },
    /// Somebody awaits the next item.
    InUse,
    Ended,
}

impl<S, T> Items<S, T> {
    fn stream(&self) -> MutexGuard<'_, Place<S, T>> {
        self.stream.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<S, T, E> Source for Items<S, T>
where
    S: Stream<Item = Result<T, E>> + Send + 'static,
    T: for<'a> IntoPyObject<'a> + Send + 'static,
    E: IntoPyErr,
{
    fn next<'py>(self: &Arc<Self>, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let place = mem::replace(&mut *self.stream(), Place::InUse);
        let taken = match place {
            Place::There { stream, item } => {
                Some(Taken { items: self.clone(), stream: Some(stream), item })
            }
            Place::Ended => {
                *self.stream() = Place::Ended;
                None
            }
            Place::InUse => return Err(in_use("__anext__")),
        };
        future_into_py(py, async move {
            let Some(mut taken) = taken else { return Err(StreamError::Ended) };
            while taken.item.is_none() {
                poll_fn(|context| taken.poll_next(context)).await?;
            }
            Ok(taken)
        })
    }

    fn close<'py>(self: &Arc<Self>, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let place = mem::replace(&mut *self.stream(), Place::Ended);
        if matches!(place, Place::InUse) {
            *self.stream() = place;
            return Err(in_use("aclose"));
        }
        drop(place);
        future_into_py(py, async { Ok::<_, PyErr>(()) })
    }
}

fn in_use(method: &str) -> PyErr {
    PyRuntimeError::new_err(format!("{method}(): the next item of the stream is awaited already"))
}

/// A stream and its next item in somebody's hands. When they let go of it, the stream is put back, with
/// the item if that has not become an object of Python: cancelling loses none.
struct Taken<S, T> {
    items: Arc<Items<S, T>>,
    /// None when the stream has ended.
    stream: Option<Pin<Box<S>>>,
    item: Option<T>,
}

/// An error of the stream, or its end.
enum StreamError<E> {
    Failed(E),
    Ended,
}

impl<E: IntoPyErr> IntoPyErr for StreamError<E> {
    fn into_py_err(self, py: Python<'_>) -> PyErr {
        match self {
            Self::Failed(error) => error.into_py_err(py),
            Self::Ended => PyStopAsyncIteration::new_err(()),
        }
    }
}

impl<S, T> Taken<S, T> {
    fn poll_next<E>(&mut self, context: &mut Context<'_>) -> Poll<Result<(), StreamError<E>>>
    where
        S: Stream<Item = Result<T, E>>,
    {
        let Some(stream) = &mut self.stream else { return Poll::Ready(Err(StreamError::Ended)) };
        let Poll::Ready(item) = stream.as_mut().poll_next(context) else { return Poll::Pending };
        let end = match item {
            Some(Ok(item)) => {
                self.item = Some(item);
                return Poll::Ready(Ok(()));
            }
            Some(Err(error)) => StreamError::Failed(error),
            None => StreamError::Ended,
        };
        let ended = self.stream.take();
        *self.items.stream() = Place::Ended;
        drop(ended);
        Poll::Ready(Err(end))
    }
}

impl<S, T> Drop for Taken<S, T> {
    fn drop(&mut self) {
        if let Some(stream) = self.stream.take() {
            *self.items.stream() = Place::There { stream, item: self.item.take() };
        }
    }
}

impl<'py, S, T> IntoPyObject<'py> for Taken<S, T>
where
    T: IntoPyObject<'py> + 'static,
{
    type Target = PyAny;
    type Output = Bound<'py, PyAny>;
    type Error = PyErr;

    fn into_pyobject(mut self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let item = self.item.take();
        drop(self);
        item.map_or_else(|| Ok(py.None().into_bound(py)), |item| value_into_py(py, item))
    }
}

/// A Rust stream of the items of an asynchronous iterable of Python, of which up to `buffer` (at least
/// one) wait to be taken.
///
/// One task of the loop runs the iteration, in the context of the calling Rust future. It begins when
/// the stream is first polled. Dropping the stream ends the iteration: a generator's `aclose()` is
/// awaited. An exception comes as the last item.
///
/// # Errors
/// `RuntimeError` where there is no loop.
pub fn stream_from_py(iterable: Bound<'_, PyAny>, buffer: usize) -> PyResult<PythonStream> {
    let py = iterable.py();
    let (sender, receiver) = mpsc::channel::<Py<PyAny>>(buffer.max(1));
    let send = PyCFunction::new_closure(py, None, None, move |args: &Bound<'_, PyTuple>, _| {
        let item = args.get_item(0)?.unbind();
        let sender = sender.clone();
        let sent = async move { Ok::<_, PyErr>(sender.send(item).await.is_ok()) };
        future_into_py(args.py(), sent).map(Bound::unbind)
    })?;
    let coroutines = py.import(intern!(py, "aioxide.coroutines"))?;
    let pump = coroutines.call_method1(intern!(py, "pump"), (iterable, send))?;
    let pump = into_future(pump)?;
    Ok(PythonStream { receiver, pump: Some(pump), failure: None })
}

/// A Rust stream of an asynchronous iterable of Python. See [`stream_from_py`].
#[must_use = "streams do nothing unless polled"]
pub struct PythonStream {
    receiver: Receiver<Py<PyAny>>,
    pump: Option<PythonFuture>,
    /// How the iteration ended; its items come first.
    failure: Option<PyErr>,
}

impl Stream for PythonStream {
    type Item = PyResult<Py<PyAny>>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if let Poll::Ready(Some(item)) = self.receiver.poll_recv(context) {
            return Poll::Ready(Some(Ok(item)));
        }
        if let Some(pump) = &mut self.pump {
            let Poll::Ready(outcome) = Pin::new(pump).poll(context) else { return Poll::Pending };
            self.pump = None;
            self.failure = outcome.err();
            // It may have sent something since this looked.
            if let Ok(item) = self.receiver.try_recv() {
                return Poll::Ready(Some(Ok(item)));
            }
        }
        Poll::Ready(self.failure.take().map(Err))
    }
}
