//! How one ready piece of work reaches its loop.
//!
//! The only place that talks to loops about work. It uses `call_soon()` as documented, which every
//! asyncio loop has: stock, uvloop, rloop or a stranger's (rule 7).

use pyo3::intern;
use pyo3::prelude::*;

use crate::ffi;

/// `loop.call_soon(callback, context=context)`
pub(crate) fn call_soon<'py>(
    event_loop: &Bound<'py, PyAny>,
    callback: &Bound<'py, PyAny>,
    context: &Bound<'py, PyAny>,
) -> PyResult<()> {
    let name = intern!(event_loop.py(), "call_soon");
    ffi::call_method_in_context(name, &[event_loop, callback], context).map(drop)
}

/// `loop.call_soon(callback, argument, context=context)`
pub(crate) fn call_soon_with<'py>(
    event_loop: &Bound<'py, PyAny>,
    callback: &Bound<'py, PyAny>,
    argument: &Bound<'py, PyAny>,
    context: &Bound<'py, PyAny>,
) -> PyResult<()> {
    let name = intern!(event_loop.py(), "call_soon");
    ffi::call_method_in_context(name, &[event_loop, callback, argument], context).map(drop)
}
