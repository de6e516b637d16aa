//! Python code and Python awaitables, from Rust futures.

use std::future::poll_fn;
use std::pin::pin;
use std::task::Poll;

use aioxide::bridge;
use pyo3::prelude::*;

use crate::tally::Made;
use crate::{Answer, yield_now};

/// Calls `function` after so many yields.
#[pyfunction]
#[pyo3(signature = (function, yields=0))]
pub(crate) fn call(py: Python<'_>, function: Py<PyAny>, yields: usize) -> Answer<'_> {
    bridge::future_into_py(py, async move {
        yield_now(yields).await;
        bridge::attach(|py| function.call0(py))
    })
}

/// Calls `before`, awaits what `make` returns, then calls `after` and answers its result.
#[pyfunction]
#[pyo3(signature = (before, make, after, yields=1))]
pub(crate) fn call_between(
    py: Python<'_>,
    before: Py<PyAny>,
    make: Py<PyAny>,
    after: Py<PyAny>,
    yields: usize,
) -> Answer<'_> {
    bridge::future_into_py(py, async move {
        yield_now(yields).await;
        bridge::attach(|py| before.call0(py))?;
        bridge::attach(|py| bridge::into_future(make.bind(py).call0()?))?.await?;
        bridge::attach(|py| after.call0(py))
    })
}

/// Awaits the awaitable and answers its result.
#[pyfunction]
#[pyo3(signature = (awaitable, yields=0))]
pub(crate) fn drive(awaitable: Bound<'_, PyAny>, yields: usize) -> Answer<'_> {
    let py = awaitable.py();
    let made = Made::new();
    let future = bridge::into_future(awaitable)?;
    bridge::future_into_py(py, async move {
        yield_now(yields).await;
        let result = future.await;
        made.finish();
        result
    })
}

/// Awaits both at the same time; answers the results.
#[pyfunction]
pub(crate) fn drive_both<'py>(left: Bound<'py, PyAny>, right: Bound<'py, PyAny>) -> Answer<'py> {
    let py = left.py();
    let (left, right) = (bridge::into_future(left)?, bridge::into_future(right)?);
    bridge::future_into_py(py, async move {
        let (mut left, mut right) = (pin!(left), pin!(right));
        let mut results = (None, None);
        poll_fn(move |context| {
            if results.0.is_none()
                && let Poll::Ready(result) = left.as_mut().poll(context)
            {
                results.0 = Some(result);
            }
            if results.1.is_none()
                && let Poll::Ready(result) = right.as_mut().poll(context)
            {
                results.1 = Some(result);
            }
            match &results {
                (Some(_), Some(_)) => Poll::Ready(std::mem::take(&mut results)),
                _ => Poll::Pending,
            }
        })
        .await
        .into_results()
    })
}

trait IntoResults {
    fn into_results(self) -> PyResult<(Py<PyAny>, Py<PyAny>)>;
}

impl IntoResults for (Option<PyResult<Py<PyAny>>>, Option<PyResult<Py<PyAny>>>) {
    fn into_results(self) -> PyResult<(Py<PyAny>, Py<PyAny>)> {
        match self {
            (Some(left), Some(right)) => Ok((left?, right?)),
            _ => unreachable!("both are awaited"),
        }
    }
}

/// Begins to await the awaitable (with `polls`), then drops it and answers nothing.
#[pyfunction]
#[pyo3(signature = (awaitable, started=None))]
pub(crate) fn drive_and_drop<'py>(
    awaitable: Bound<'py, PyAny>,
    started: Option<Bound<'py, PyAny>>,
) -> Answer<'py> {
    let py = awaitable.py();
    let mut future = Box::pin(bridge::into_future(awaitable)?);
    let started = started.map(bridge::into_future).transpose()?;
    bridge::future_into_py(py, async move {
        if let Some(started) = started {
            let polled = poll_fn(|context| Poll::Ready(future.as_mut().poll(context))).await;
            assert!(polled.is_pending());
            started.await?;
        }
        drop(future);
        Ok::<_, PyErr>(())
    })
}

/// Spawns the awaitable; answers nothing, at once.
#[pyfunction]
pub(crate) fn spawn(awaitable: Bound<'_, PyAny>) -> PyResult<()> {
    bridge::spawn_python(awaitable).map(drop)
}

/// Spawns the awaitable and ends it when `started` is done; answers how it ended.
#[pyfunction]
pub(crate) fn spawn_and_abort<'py>(
    awaitable: Bound<'py, PyAny>,
    started: Bound<'py, PyAny>,
) -> Answer<'py> {
    let py = awaitable.py();
    let spawned = bridge::spawn_python(awaitable)?;
    let started = bridge::into_future(started)?;
    bridge::future_into_py(py, async move {
        started.await?;
        spawned.abort();
        spawned.await
    })
}
