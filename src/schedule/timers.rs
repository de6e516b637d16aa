//! The timers of a stock loop, as a pass of the loop would find them, and its clock.
//!
//! No Python code is run here: a signal that came in meanwhile would be handled where the program never
//! is, and whatever its handler raised would leave the loop from there.

use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyDict, PyFloat, PyInt, PyList};

use super::stock;
use crate::asyncio::asyncio;
use crate::ffi::{self, Field};

/// Of more, one cannot be taken out of the heap without comparing others, which asyncio has in Python.
const MOST_TO_DROP: usize = 2;

/// Where there are more, the loop may sort out those that were cancelled at any place
/// (`_MIN_SCHEDULED_TIMER_HANDLES` in CPython's `asyncio/base_events.py`).
const MOST: usize = 100;

/// Whether a pass of the loop would find no timer that is due; `heap` is where the loop has them. Those
/// in front that were cancelled are dropped here, as such a pass does it. False where that takes Python
/// code, or where somebody has put another clock in the place of the interpreter's.
pub(super) fn are_of_later(
    event_loop: &Bound<'_, PyAny>,
    heap: &Bound<'_, PyList>,
) -> PyResult<bool> {
    if !has_usual_clock(event_loop.py())? {
        return Ok(false);
    }
    while let Some(first) = first_of(heap)? {
        if heap.len() > MOST || !stock::is_usual_timer(&first) {
            return Ok(false);
        }
        if !first.getattr(intern!(heap.py(), "_cancelled"))?.is_truthy()? {
            return is_of_later(event_loop, &first);
        }
        if heap.len() > MOST_TO_DROP {
            return Ok(false);
        }
        drop_first(event_loop, heap)?;
    }
    Ok(true)
}

/// The versions of both dicts in which the interpreter's clock was last seen in its place.
static SEEN: Field<Option<(u64, u64)>> = Field::new(None);

/// Whether `time()` of a stock loop would ask the interpreter's clock.
fn has_usual_clock(py: Python<'_>) -> PyResult<bool> {
    let asyncio = asyncio(py);
    let (base_events, time_names) = (asyncio.base_events.bind(py), asyncio.time_names.bind(py));
    let versions = ffi::version_of_dict(base_events).zip(ffi::version_of_dict(time_names));
    if versions.is_some() && versions == SEEN.peek(py) {
        return Ok(true);
    }
    let has = |names: &Bound<'_, PyDict>, name, object: &Bound<'_, PyAny>| {
        names.get_item(name).map(|found| found.is_some_and(|found| found.is(object)))
    };
    let is_usual = has(base_events, intern!(py, "time"), asyncio.time.bind(py))?
        && has(time_names, intern!(py, "monotonic"), asyncio.monotonic.bind(py))?;
    if is_usual {
        SEEN.poke(py, versions);
    }
    Ok(is_usual)
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

fn is_of_later(event_loop: &Bound<'_, PyAny>, timer: &Bound<'_, PyAny>) -> PyResult<bool> {
    let py = event_loop.py();
    let due = timer.getattr(intern!(py, "_when"))?;
    let resolution = event_loop.getattr(intern!(py, "_clock_resolution"))?;
    let is_number = |object: &Bound<'_, PyAny>| {
        object.is_exact_instance_of::<PyFloat>() || object.is_exact_instance_of::<PyInt>()
    };
    if !is_number(&due) || !is_number(&resolution) {
        return Ok(false);
    }
    let now = ffi::call(asyncio(py).monotonic.bind(py), &[])?;
    due.ge(now.add(resolution)?)
}
