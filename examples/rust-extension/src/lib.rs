//! A small extension whose asynchronous functions are written in Rust: they are awaited like any other,
//! on any loop of asyncio.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use aioxide::bridge;
use futures_core::Stream;
use pyo3::prelude::*;
use tokio::io::{self, AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{Sleep, sleep};

/// Serve one connection on a free port of this host: what it sends is sent back. Return the port.
#[pyfunction]
fn serve_echo(py: Python<'_>) -> PyResult<Bound<'_, PyAny>> {
    bridge::future_into_py(py, async {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let port = listener.local_addr()?.port();
        tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await?;
            let (mut reader, mut writer) = stream.split();
            io::copy(&mut reader, &mut writer).await
        });
        io::Result::Ok(port)
    })
}

/// Send `message` to that port and return the answer, as bytes. Without a server it fails with a
/// `ConnectionRefusedError`: errors of I/O are those that Python's own functions raise.
#[pyfunction]
fn ask(py: Python<'_>, port: u16, message: Vec<u8>) -> PyResult<Bound<'_, PyAny>> {
    bridge::future_into_py(py, async move {
        let mut stream = TcpStream::connect(("127.0.0.1", port)).await?;
        stream.write_all(&message).await?;
        stream.shutdown().await?;
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await?;
        io::Result::Ok(answer)
    })
}

/// Runs when the future that owns it is dropped.
struct OnDrop(Py<PyAny>);

impl Drop for OnDrop {
    fn drop(&mut self) {
        bridge::attach(|py| {
            if let Err(error) = self.0.call0(py) {
                error.write_unraisable(py, None);
            }
        });
    }
}

/// Wait for an hour, which somebody is going to cut short; `stopped` is called then.
#[pyfunction]
fn wait_long(py: Python<'_>, stopped: Py<PyAny>) -> PyResult<Bound<'_, PyAny>> {
    let on_drop = OnDrop(stopped);
    bridge::future_into_py(py, async move {
        let _on_drop = on_drop;
        sleep(Duration::from_secs(3600)).await;
        PyResult::Ok(())
    })
}

/// Counts down, with a pause before each number.
struct Countdown {
    next: u32,
    pause: Duration,
    sleep: Pin<Box<Sleep>>,
}

impl Stream for Countdown {
    type Item = PyResult<u32>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if self.next == 0 {
            return Poll::Ready(None);
        }
        if self.sleep.as_mut().poll(context).is_pending() {
            return Poll::Pending;
        }
        let pause = self.pause;
        self.sleep = Box::pin(sleep(pause));
        self.next -= 1;
        Poll::Ready(Some(Ok(self.next + 1)))
    }
}

/// Iterate asynchronously over the numbers from `start` down to 1, each after `pause` seconds.
#[pyfunction]
fn countdown(py: Python<'_>, start: u32, pause: f64) -> PyResult<Bound<'_, PyAny>> {
    let pause = Duration::from_secs_f64(pause);
    let _in_runtime = bridge::runtime(py)?.enter();
    bridge::stream_into_py(py, Countdown { next: start, pause, sleep: Box::pin(sleep(pause)) })
}

/// Await `awaitable`, which gives a text, and return that text so many times over.
#[pyfunction]
fn repeat<'py>(
    py: Python<'py>,
    awaitable: Bound<'py, PyAny>,
    times: usize,
) -> PyResult<Bound<'py, PyAny>> {
    let word = bridge::into_future(awaitable)?;
    bridge::future_into_py(py, async move {
        let word = word.await?;
        bridge::attach(|py| word.extract::<String>(py)).map(|word| word.repeat(times))
    })
}

/// The module. `import()` makes a missing aioxide, or one that does not fit, an `ImportError` of this
/// module.
#[pymodule(gil_used = true)]
mod echo_extension {
    #[pymodule_export]
    use super::{ask, countdown, repeat, serve_echo, wait_long};
    use pyo3::prelude::*;

    #[pymodule_init]
    fn init(module: &Bound<'_, PyModule>) -> PyResult<()> {
        aioxide::bridge::import(module.py())
    }
}
