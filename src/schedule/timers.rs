//! The timers of a stock loop, as a pass of the loop would find them.

use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyList};

use crate::asyncio::asyncio;
use crate::ffi;

/// Where there are more, the loop may sort out those that were cancelled at any place
/// (`_MIN_SCHEDULED_TIMER_HANDLES` in CPython's `asyncio/base_events.py`).
const MOST: usize = 100;

/// Whether a pass of the loop would find no timer that is due; `heap` is where the loop has them. Those
/// in front that were cancelled are dropped here, as such a pass does it.
///
/// # Errors
/// What the clock of the loop raises, or a timer that is none, where the pass would run into the same; or
/// an interrupt of the program.
pub(super) fn are_of_later(
    event_loop: &Bound<'_, PyAny>,
    heap: &Bound<'_, PyList>,
) -> PyResult<bool> {
    let py = event_loop.py();
    while let Some(first) = first_of(heap)? {
        if heap.len() > MOST {
            return Ok(false);
        }
        if !first.getattr(intern!(py, "_cancelled"))?.is_truthy()? {
            return is_of_later(event_loop, &first);
        }
        drop_first(event_loop, heap)?;
    }
    Ok(true)
}

fn first_of<'py>(heap: &Bound<'py, PyList>) -> PyResult<Option<Bound<'py, PyAny>>> {
    if heap.is_empty() { Ok(None) } else { heap.get_item(0).map(Some) }
}

fn drop_first(event_loop: &Bound<'_, PyAny>, heap: &Bound<'_, PyList>) -> PyResult<()> {
    let py = event_loop.py();
    let count = intern!(py, "_timer_cancelled_count");
    event_loop.setattr(count, event_loop.getattr(count)?.sub(1)?)?;
    let timer = ffi::call(asyncio(py).heappop.bind(py), &[heap])?;
    timer.setattr(intern!(py, "_scheduled"), PyBool::new(py, false))
}

/// As the pass compares them: the time of a timer, and that of the loop, may be any numbers.
fn is_of_later(event_loop: &Bound<'_, PyAny>, timer: &Bound<'_, PyAny>) -> PyResult<bool> {
    let py = event_loop.py();
    let now = ffi::call_method(intern!(py, "time"), &[event_loop])?;
    let end = now.add(event_loop.getattr(intern!(py, "_clock_resolution"))?)?;
    timer.getattr(intern!(py, "_when"))?.ge(end)
}
