//! The call graph of 3.14: which tasks await a future (`asyncio.capture_call_graph()`).
//!
//! The built-in classes keep these edges in fields of their own, which only they can reach: an edge
//! from a built-in future to a Rust task is not kept.

use pyo3::prelude::*;
use pyo3::types::{PyFrozenSet, PySet};

use super::Future;
use crate::asyncio::asyncio;

impl Future {
    /// None, or a frozen set of who awaits this future.
    pub(super) fn awaited_by<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyAny>>> {
        let Some(held) = self.awaited_by.bound(py) else {
            return Ok(None);
        };
        let everybody = match held.cast_exact::<PySet>() {
            Ok(several) => PyFrozenSet::new(py, several.iter())?,
            Err(_) => PyFrozenSet::new(py, [held])?,
        };
        Ok(Some(everybody.into_any()))
    }

    /// Notes that `waiter` awaits this future. Most have one waiter, which is held by itself.
    pub(crate) fn add_awaited_by(&self, waiter: &Bound<'_, PyAny>) -> PyResult<()> {
        let py = waiter.py();
        let Some(held) = self.awaited_by.bound(py) else {
            self.awaited_by.put(waiter.clone());
            return Ok(());
        };
        if let Ok(several) = held.cast_exact::<PySet>() {
            return several.add(waiter);
        }
        let several = PySet::new(py, [waiter, &held])?;
        self.awaited_by.put(several.into_any());
        Ok(())
    }

    /// Forgets that `waiter` awaits this future, if it was noted.
    pub(crate) fn discard_awaited_by(&self, waiter: &Bound<'_, PyAny>) -> PyResult<()> {
        let py = waiter.py();
        let Some(held) = self.awaited_by.bound(py) else {
            return Ok(());
        };
        if held.is(waiter) {
            self.awaited_by.clear(py);
        } else if let Ok(several) = held.cast_exact::<PySet>() {
            several.discard(waiter)?;
        }
        Ok(())
    }
}

/// Record that `fut` is awaited by `waiter`.
///
/// Rust futures take any future as a waiter; everything else is left to the built-in function.
#[pyfunction]
#[pyo3(signature = (fut, waiter, /))]
pub(crate) fn future_add_to_awaited_by(
    fut: Bound<'_, PyAny>,
    waiter: Bound<'_, PyAny>,
) -> PyResult<()> {
    let py = fut.py();
    let Ok(future) = fut.cast::<Future>() else {
        return asyncio(py).future_add_to_awaited_by.bind(py).call1((&fut, waiter)).map(drop);
    };
    if is_future(&waiter)? { future.get().add_awaited_by(&waiter) } else { Ok(()) }
}

/// Record that `fut` is no longer awaited by `waiter`.
#[pyfunction]
#[pyo3(signature = (fut, waiter, /))]
pub(crate) fn future_discard_from_awaited_by(
    fut: Bound<'_, PyAny>,
    waiter: Bound<'_, PyAny>,
) -> PyResult<()> {
    let py = fut.py();
    let Ok(future) = fut.cast::<Future>() else {
        return asyncio(py).future_discard_from_awaited_by.bind(py).call1((&fut, waiter)).map(drop);
    };
    future.get().discard_awaited_by(&waiter)
}

/// Whether `object` is a future of either kind.
fn is_future(object: &Bound<'_, PyAny>) -> PyResult<bool> {
    Ok(object.is_instance_of::<Future>()
        || object.is_instance(asyncio(object.py()).future_class.bind(object.py()))?)
}
