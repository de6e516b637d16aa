//! The same Rust futures, given to Python by aioxide and by pyo3-async-runtimes, on one runtime.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use pyo3::prelude::*;

/// How many futures have been dropped.
static DROPPED: AtomicU64 = AtomicU64::new(0);

struct CountDrop;

impl Drop for CountDrop {
    fn drop(&mut self) {
        DROPPED.fetch_add(1, Ordering::Relaxed);
    }
}

#[pyfunction]
fn dropped() -> u64 {
    DROPPED.load(Ordering::Relaxed)
}

async fn ready() -> PyResult<u64> {
    Ok(1)
}

async fn yield_once() -> PyResult<u64> {
    tokio::task::yield_now().await;
    Ok(1)
}

async fn sleep(milliseconds: u64) -> PyResult<u64> {
    let _count = CountDrop;
    tokio::time::sleep(Duration::from_millis(milliseconds)).await;
    Ok(1)
}

/// Three functions that make these futures by the given `future_into_py`.
macro_rules! futures {
    ($module:ident, $future_into_py:path) => {
        #[pymodule]
        mod $module {
            use pyo3::prelude::*;

            #[pyfunction]
            fn ready(py: Python<'_>) -> PyResult<Bound<'_, PyAny>> {
                $future_into_py(py, super::ready())
            }

            #[pyfunction]
            fn yield_once(py: Python<'_>) -> PyResult<Bound<'_, PyAny>> {
                $future_into_py(py, super::yield_once())
            }

            #[pyfunction]
            fn sleep(py: Python<'_>, milliseconds: u64) -> PyResult<Bound<'_, PyAny>> {
                $future_into_py(py, super::sleep(milliseconds))
            }
        }
    };
}

futures!(ours, aioxide::bridge::future_into_py);
futures!(theirs, pyo3_async_runtimes::tokio::future_into_py);

#[pymodule]
mod bridge_comparison {
    #[pymodule_export]
    use super::{dropped, ours, theirs};
    use pyo3::prelude::*;

    #[pymodule_init]
    fn init(module: &Bound<'_, PyModule>) -> PyResult<()> {
        aioxide::bridge::share_with_pyo3_async_runtimes(module.py())
    }
}
