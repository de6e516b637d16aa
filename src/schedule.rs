//! How one ready piece of work reaches its loop.
//!
//! The only place that knows kinds of loops. A loop is asked by `call_soon()` as documented, which
//! every asyncio loop has: stock, uvloop, rloop or a stranger's (rule 7). The stock loops are known
//! exactly: what their `call_soon()` does, when nobody has changed it, is to append to a queue.

use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::PyBool;

use crate::asyncio::asyncio;
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

/// The queue of a stock loop, if `call_soon()` would do nothing but append to it.
///
/// That is so when the loop is of exactly a stock class, its `call_soon` is the one of that class,
/// it is not in debug mode and not closed. Like `call_soon()` itself this does not look at which
/// thread it is in: debug mode does that.
pub(crate) fn stock_queue<'py>(
    event_loop: &Bound<'py, PyAny>,
) -> PyResult<Option<Bound<'py, PyAny>>> {
    let py = event_loop.py();
    let table = asyncio(py);
    let class = event_loop.get_type_ptr().cast();
    if !table.stock_loops.iter().any(|stock| stock.as_ptr() == class) {
        return Ok(None);
    }
    let call_soon = event_loop.getattr(intern!(py, "call_soon"))?;
    let unchanged = ffi::function_of_method(&call_soon) == Some(table.stock_call_soon.as_ptr());
    let no = PyBool::new(py, false);
    if !unchanged
        || !event_loop.getattr(intern!(py, "_debug"))?.is(no)
        || !event_loop.getattr(intern!(py, "_closed"))?.is(no)
    {
        return Ok(None);
    }
    event_loop.getattr(intern!(py, "_ready")).map(Some)
}

/// `queue.append(entry)`
pub(crate) fn append<'py>(queue: &Bound<'py, PyAny>, entry: &Bound<'py, PyAny>) -> PyResult<()> {
    queue.call_method1(intern!(queue.py(), "append"), (entry,)).map(drop)
}

/// Whether `create_task(coroutine)` of a loop without a task factory would do nothing but call the
/// class of asyncio's tasks.
///
/// That is so on a loop whose queue `stock_queue()` gives, if its `create_task` is the one of its
/// class, and on an open loop that has been given one that says so (`loops.py`).
pub(crate) fn only_calls_class(event_loop: &Bound<'_, PyAny>) -> PyResult<bool> {
    let py = event_loop.py();
    let create_task = event_loop.getattr(intern!(py, "create_task"))?;
    if stock_queue(event_loop)?.is_some() {
        let stock = asyncio(py).stock_create_task.as_ptr();
        return Ok(ffi::function_of_method(&create_task) == Some(stock));
    }
    Ok(create_task.getattr_opt(intern!(py, "only_calls_class"))?.is_some()
        && !event_loop.call_method0(intern!(py, "is_closed"))?.is_truthy()?)
}
