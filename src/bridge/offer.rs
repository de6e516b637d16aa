//! What aioxide offers to the bridge, its own and those of other extensions: the other side of
//! `ffi::Table`.

use std::sync::Arc;

use pyo3::exceptions::PyValueError;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::PyDict;

use super::queue::{self, LoopQueue};
use super::signal;
use super::stream_iterator::StreamIterator;
use super::work::{self, Link};
use crate::asyncio::asyncio;
use crate::ffi::{self, Kind, Offer, RawStream, RawWork};
use crate::future::Future;
use crate::task::Task;

/// aioxide, as extensions see it.
pub(crate) struct Aioxide;

impl Offer for Aioxide {
    type Queue = LoopQueue;

    fn running_loop(py: Python<'_>) -> PyResult<Bound<'_, PyAny>> {
        asyncio(py).get_running_loop.bind(py).call0()
    }

    fn finished<'py>(
        event_loop: &Bound<'py, PyAny>,
        kind: Kind,
        value: Bound<'py, PyAny>,
    ) -> PyResult<Bound<'py, PyAny>> {
        work::finished(event_loop, kind, value)
    }

    fn pending<'py>(
        event_loop: &Bound<'py, PyAny>,
        work: RawWork,
    ) -> PyResult<(Bound<'py, PyAny>, Arc<LoopQueue>, u64)> {
        let future = Future::new_on(event_loop)?;
        let queue = queue::of(event_loop)?;
        let number = queue.add_pending(&future, work)?;
        future.get().put_link(event_loop.py(), Link::new(queue.clone(), number));
        Ok((future.into_any(), queue, number))
    }

    fn settle<'py>(
        queue: &Arc<LoopQueue>,
        number: u64,
        kind: Kind,
        value: Option<Bound<'py, PyAny>>,
        py: Python<'py>,
    ) {
        work::settle(py, queue, number, kind, value);
    }

    fn push(queue: &Arc<LoopQueue>, work: RawWork) {
        queue.push(work);
    }

    fn hold(event_loop: &Bound<'_, PyAny>) -> PyResult<Arc<LoopQueue>> {
        queue::hold(event_loop)
    }

    fn let_go(queue: &Arc<LoopQueue>) {
        queue.let_go();
    }

    /// What `asyncio.ensure_future()` does, but that the task is one of ours, with its context.
    fn start<'py>(
        event_loop: &Bound<'py, PyAny>,
        awaitable: &Bound<'py, PyAny>,
        context: &Bound<'py, PyAny>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let py = event_loop.py();
        let table = asyncio(py);
        if table.isfuture.bind(py).call1((awaitable,))?.is_truthy()? {
            let own = awaitable.call_method0(intern!(py, "get_loop"))?;
            if !own.is(event_loop) {
                return Err(PyValueError::new_err("the future belongs to a different loop"));
            }
            return Ok(awaitable.clone());
        }
        let coroutine = if ffi::is_native_coroutine(awaitable)
            || table.iscoroutine.bind(py).call1((awaitable,))?.is_truthy()?
        {
            awaitable.clone()
        } else {
            let coroutines = py.import(intern!(py, "aioxide.coroutines"))?;
            coroutines.call_method1(intern!(py, "drive"), (awaitable,))?
        };
        let names = PyDict::new(py);
        names.set_item(intern!(py, "loop"), event_loop)?;
        names.set_item(intern!(py, "context"), context)?;
        py.get_type::<Task>().call((coroutine,), Some(&names))
    }

    fn iterate(py: Python<'_>, stream: RawStream) -> PyResult<Bound<'_, PyAny>> {
        Bound::new(py, StreamIterator::new(stream)).map(Bound::into_any)
    }

    fn stop_everything(py: Python<'_>) {
        for queue in queue::all(py) {
            queue.stop_pending(py);
        }
        signal::stop(py);
    }
}
