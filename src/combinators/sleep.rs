//! What `asyncio.sleep(0)` awaits: a pass of the loop.
//!
//! `sleep()` itself stays asyncio's own: a coroutine function whose coroutines have a frame, a name
//! and a warning if they are never awaited. Only the generator inside it is a lighter object.

use pyo3::exceptions::PyStopIteration;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::PyTuple;

use crate::asyncio::asyncio;
use crate::ffi::Field;

/// Yields None once.
#[pyclass(module = "aioxide._core", frozen, immutable_type)]
pub(crate) struct Pass {
    over: Field<bool>,
}

/// Return an awaitable that waits for one pass of the loop.
#[pyfunction]
#[pyo3(name = "__sleep0")]
pub(crate) fn sleep0() -> Pass {
    Pass { over: Field::new(false) }
}

#[pymethods]
impl Pass {
    fn __await__(slf: Bound<'_, Self>) -> Bound<'_, Self> {
        slf
    }

    fn __iter__(slf: Bound<'_, Self>) -> Bound<'_, Self> {
        slf
    }

    fn __next__<'py>(&self, py: Python<'py>) -> Option<Bound<'py, PyAny>> {
        let over = self.over.get(py);
        self.over.set(py, true);
        (!over).then(|| py.None().into_bound(py))
    }

    #[pyo3(signature = (_value, /))]
    fn send(&self, py: Python<'_>, _value: Bound<'_, PyAny>) -> PyResult<()> {
        self.__next__(py).map(drop).ok_or_else(|| PyStopIteration::new_err(()))
    }

    /// Raise the exception in asyncio's generator, which leaves its frame in the traceback.
    #[pyo3(signature = (*exception))]
    fn throw<'py>(&self, exception: &Bound<'py, PyTuple>) -> PyResult<Bound<'py, PyAny>> {
        let py = exception.py();
        self.over.set(py, true);
        let generator = asyncio(py).sleep0.bind(py).call0()?;
        generator.call_method1(intern!(py, "send"), (py.None(),))?;
        generator.call_method1(intern!(py, "throw"), exception)
    }

    fn close(&self, py: Python<'_>) {
        self.over.set(py, true);
    }
}
