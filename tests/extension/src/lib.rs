//! What the tests of the bridge ask of an extension: futures that do one thing each, and counters.

mod drive;
mod stream;
mod tally;

use std::io;
use std::rc::Rc;
use std::sync::{Condvar, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use aioxide::bridge;
use pyo3::prelude::*;
use tokio::sync::Notify;

use tally::Made;

type Answer<'py> = PyResult<Bound<'py, PyAny>>;

async fn yield_now(times: usize) {
    for _ in 0..times {
        tokio::task::yield_now().await;
    }
}

/// Answers `value` after it has yielded to the runtime so many times.
#[pyfunction]
#[pyo3(signature = (value, yields=0))]
fn answer(py: Python<'_>, value: Py<PyAny>, yields: usize) -> Answer<'_> {
    let made = Made::new();
    bridge::future_into_py(py, async move {
        yield_now(yields).await;
        made.finish();
        Ok::<_, PyErr>(value)
    })
}

#[pyfunction]
fn nothing(py: Python<'_>) -> Answer<'_> {
    bridge::future_into_py(py, async { Ok::<_, PyErr>(()) })
}

#[pyfunction]
fn sleep(py: Python<'_>, seconds: f64) -> Answer<'_> {
    let made = Made::new();
    bridge::future_into_py(py, async move {
        tokio::time::sleep(Duration::from_secs_f64(seconds)).await;
        made.finish();
        Ok::<_, PyErr>(())
    })
}

/// Is never ready. `dropped`, if given, is called by its destructor.
#[pyfunction]
#[pyo3(signature = (dropped=None, yields=0))]
fn forever(py: Python<'_>, dropped: Option<Py<PyAny>>, yields: usize) -> Answer<'_> {
    let made = Made::calling(dropped);
    bridge::future_into_py(py, async move {
        let _made = made;
        yield_now(yields).await;
        std::future::pending::<Result<(), PyErr>>().await
    })
}

/// Raises the exception.
#[pyfunction]
#[pyo3(signature = (exception, yields=0))]
fn fail<'py>(py: Python<'py>, exception: Bound<'py, PyAny>, yields: usize) -> Answer<'py> {
    let error = PyErr::from_value(exception);
    bridge::future_into_py(py, async move {
        yield_now(yields).await;
        Err::<(), _>(error)
    })
}

#[pyfunction]
#[pyo3(signature = (yields=0))]
fn panic(py: Python<'_>, yields: usize) -> Answer<'_> {
    bridge::future_into_py(py, async move {
        yield_now(yields).await;
        assert!(yields > 1_000_000, "as asked");
        Ok::<_, PyErr>(())
    })
}

/// Fails with an `io::Error` of this number, alone, in a box, or with the name of a file.
#[pyfunction]
#[pyo3(signature = (number, how="alone"))]
fn os_error<'py>(py: Python<'py>, number: i32, how: &str) -> Answer<'py> {
    let error = io::Error::from_raw_os_error(number);
    match how {
        "alone" => bridge::future_into_py(py, async { Err::<(), _>(error) }),
        "boxed" => {
            let error: Box<dyn std::error::Error + Send + Sync> = error.into();
            bridge::future_into_py(py, async { Err::<(), _>(error) })
        }
        name => {
            let error = bridge::FileError { error, filename: name.into() };
            bridge::future_into_py(py, async { Err::<(), _>(error) })
        }
    }
}

/// Fails with an error that is only a text.
#[pyfunction]
fn text_error(py: Python<'_>, text: String) -> Answer<'_> {
    let error: Box<dyn std::error::Error + Send + Sync> = text.into();
    bridge::future_into_py(py, async { Err::<(), _>(error) })
}

/// Something that makes polls wait in the middle: a thread of the runtime is held up.
static GATE: (Mutex<(usize, bool)>, Condvar) = (Mutex::new((0, false)), Condvar::new());

/// Is polled by the runtime once, and that poll lasts until `open_gate()`.
#[pyfunction]
#[pyo3(signature = (dropped=None, ready=false))]
fn slow_poll(py: Python<'_>, dropped: Option<Py<PyAny>>, ready: bool) -> Answer<'_> {
    let made = Made::calling(dropped);
    bridge::future_into_py(py, async move {
        let _made = made;
        yield_now(1).await;
        wait_at_gate();
        if !ready {
            std::future::pending::<()>().await;
        }
        Ok::<_, PyErr>(())
    })
}

fn wait_at_gate() {
    let mut gate = GATE.0.lock().unwrap_or_else(PoisonError::into_inner);
    gate.0 += 1;
    GATE.1.notify_all();
    while !gate.1 {
        gate = GATE.1.wait(gate).unwrap_or_else(PoisonError::into_inner);
    }
}

/// Waits until so many polls are held up.
#[pyfunction]
fn wait_for_gate(py: Python<'_>, count: usize) {
    py.detach(|| {
        let mut gate = GATE.0.lock().unwrap_or_else(PoisonError::into_inner);
        while gate.0 < count {
            gate = GATE.1.wait(gate).unwrap_or_else(PoisonError::into_inner);
        }
    });
}

#[pyfunction]
fn open_gate() {
    GATE.0.lock().unwrap_or_else(PoisonError::into_inner).1 = true;
    GATE.1.notify_all();
}

#[pyfunction]
fn close_gate() {
    *GATE.0.lock().unwrap_or_else(PoisonError::into_inner) = (0, false);
}

/// Waits, without letting any other thread attach to the interpreter, until so many futures have come
/// to their end. Returns false after `seconds`.
#[pyfunction]
fn finished_while_attached(count: u64, seconds: f64) -> bool {
    let deadline = Instant::now() + Duration::from_secs_f64(seconds);
    while tally::counts().1 < count {
        if Instant::now() > deadline {
            return false;
        }
        thread::yield_now();
    }
    true
}

static TOGETHER: Notify = Notify::const_new();

/// Waits for `release()`, which lets all such futures go at once.
#[pyfunction]
fn together(py: Python<'_>) -> Answer<'_> {
    let made = Made::new();
    bridge::future_into_py(py, async move {
        TOGETHER.notified().await;
        made.finish();
        Ok::<_, PyErr>(())
    })
}

#[pyfunction]
fn release() {
    TOGETHER.notify_waiters();
}

fn thread_name() -> String {
    thread::current().name().unwrap_or("").to_owned()
}

/// The name of the thread that polls after so many yields.
#[pyfunction]
#[pyo3(signature = (yields=1))]
fn polling_thread(py: Python<'_>, yields: usize) -> Answer<'_> {
    bridge::future_into_py(py, async move {
        yield_now(yields).await;
        Ok::<_, PyErr>(thread_name())
    })
}

/// The same of a future of pyo3-async-runtimes.
#[pyfunction]
fn their_polling_thread(py: Python<'_>) -> Answer<'_> {
    pyo3_async_runtimes::tokio::future_into_py(py, async move {
        yield_now(1).await;
        Ok(thread_name())
    })
}

#[pyfunction]
fn share_runtime(py: Python<'_>) -> PyResult<()> {
    bridge::share_with_pyo3_async_runtimes(py)
}

/// A future that is not `Send`; `dropped`, if given, is called by its destructor.
#[pyfunction]
#[pyo3(signature = (yields=1, dropped=None, ends=true))]
fn local(py: Python<'_>, yields: usize, dropped: Option<Py<PyAny>>, ends: bool) -> Answer<'_> {
    let made = Made::calling(dropped);
    bridge::local_future_into_py(py, async move {
        let names = Rc::new(std::cell::RefCell::new(Vec::new()));
        for _ in 0..yields {
            names.borrow_mut().push(thread_name());
            yield_now(1).await;
        }
        if !ends {
            std::future::pending::<()>().await;
        }
        made.finish();
        Ok::<_, PyErr>(names.take())
    })
}

/// Calls `function` on the blocking pool.
#[pyfunction]
fn blocking(py: Python<'_>, function: Py<PyAny>) -> Answer<'_> {
    bridge::blocking_into_py(py, move || bridge::attach(|py| function.call0(py)))
}

#[pyfunction]
fn import_bridge(py: Python<'_>) -> PyResult<()> {
    bridge::import(py)
}

#[pymodule(gil_used = true)]
mod bridge_probe {
    #[pymodule_export]
    use super::drive::{
        call, call_between, drive, drive_and_drop, drive_both, spawn, spawn_and_abort,
    };
    #[pymodule_export]
    use super::stream::{collect, count_to, endless_wait, failing_stream, take};
    #[pymodule_export]
    use super::tally::{counts, reset_counts};
    #[pymodule_export]
    use super::{
        answer, blocking, close_gate, fail, finished_while_attached, forever, import_bridge, local,
        nothing, open_gate, os_error, panic, polling_thread, release, share_runtime, sleep,
        slow_poll, text_error, their_polling_thread, together, wait_for_gate,
    };
}
