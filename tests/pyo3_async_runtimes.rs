//! Extensions built on pyo3-async-runtimes run on our tasks: their futures are awaited and cancelled
//! by a Rust task, and a coroutine they drive becomes one.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use pyo3::prelude::*;
use pyo3::types::PyDict;
use pyo3_async_runtimes::tokio::{future_into_py, into_future};

use aioxide::_core;

/// Set when the future that `wait_forever` made is dropped.
static DROPPED: AtomicBool = AtomicBool::new(false);

struct SetOnDrop;

impl Drop for SetOnDrop {
    fn drop(&mut self) {
        DROPPED.store(true, Ordering::SeqCst);
    }
}

/// A future that yields to the runtime and then answers.
#[pyfunction]
fn answer(py: Python<'_>) -> PyResult<Bound<'_, PyAny>> {
    future_into_py(py, async {
        tokio::task::yield_now().await;
        Ok(42)
    })
}

/// A future that is never ready; `started` is called when it is first polled.
#[pyfunction]
fn wait_forever(py: Python<'_>, started: Py<PyAny>) -> PyResult<Bound<'_, PyAny>> {
    future_into_py(py, async move {
        let _guard = SetOnDrop;
        Python::attach(|py| started.call0(py))?;
        std::future::pending::<()>().await;
        Ok(())
    })
}

/// Drives a Python coroutine from Rust and adds one to what it returns.
#[pyfunction]
fn one_more<'py>(py: Python<'py>, coroutine: Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
    let future = into_future(coroutine)?;
    future_into_py(py, async move {
        let number = future.await?;
        Python::attach(|py| number.extract::<i64>(py)).map(|number| number + 1)
    })
}

const PROGRAM: &std::ffi::CStr = c"
import asyncio
import threading

def make_task(loop, coro, **kwargs):
    return Task(coro, loop=loop, **kwargs)

async def main():
    loop = asyncio.get_running_loop()
    loop.set_task_factory(make_task)

    async def awaits_rust():
        return await answer()

    awaited = await loop.create_task(awaits_rust())

    kinds = []
    async def driven_by_rust():
        kinds.append(type(asyncio.current_task()) is Task)
        await asyncio.sleep(0)
        return 1

    driven = await one_more(driven_by_rust())

    started = asyncio.Event()
    async def waits():
        await wait_forever(lambda: loop.call_soon_threadsafe(started.set))

    task = loop.create_task(waits())
    await started.wait()
    task.cancel()
    try:
        await task
    except asyncio.CancelledError:
        pass
    return awaited, driven, kinds, task.cancelled()

outcome = asyncio.run(main())
";

#[test]
fn rust_futures_and_rust_tasks_await_and_cancel_each_other() -> PyResult<()> {
    pyo3::append_to_inittab!(_core);
    Python::initialize();
    let runtime =
        Arc::new(tokio::runtime::Handle::clone(pyo3_async_runtimes::tokio::get_runtime().handle()));
    Python::attach(|py| {
        let names = PyDict::new(py);
        names.set_item("Task", py.import("_core")?.getattr("Task")?)?;
        for function in [
            wrap_pyfunction!(answer, py)?,
            wrap_pyfunction!(wait_forever, py)?,
            wrap_pyfunction!(one_more, py)?,
        ] {
            names.set_item(function.getattr("__name__")?, function)?;
        }
        py.run(PROGRAM, Some(&names), None)?;
        let outcome = names.get_item("outcome")?.expect("the program sets it");
        let expected: (i64, i64, Vec<bool>, bool) = (42, 2, vec![true], true);
        assert_eq!(outcome.extract::<(i64, i64, Vec<bool>, bool)>()?, expected);
        let tasks = py.import("asyncio.tasks")?;
        assert!(
            !tasks.getattr("Task")?.is(&tasks.getattr("_PyTask")?),
            "asyncio keeps its C classes"
        );
        // The runtime drops the cancelled future when it gets to it.
        py.detach(|| {
            runtime.block_on(async {
                while !DROPPED.load(Ordering::SeqCst) {
                    tokio::task::yield_now().await;
                }
            });
        });
        Ok(())
    })
}
