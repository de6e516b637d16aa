//! The text that stands for a task.

use std::cell::Cell;

use pyo3::prelude::*;

use super::{Task, as_future};
use crate::asyncio::asyncio;
use crate::ffi;

/// How many tasks, each awaiting the next, are shown one inside the other.
///
/// asyncio shows all of them. A long chain then ends in a `RecursionError`, and dropping one, which
/// describes every task of it, would write a text that grows with the square of its length.
const DEEPEST: usize = 20;

thread_local! {
    static NESTED: Cell<usize> = const { Cell::new(0) };
}

/// `repr(task)`, as asyncio words it.
pub(super) fn describe<'py>(task: &Bound<'py, Task>) -> PyResult<Bound<'py, PyAny>> {
    let py = task.py();
    if NESTED.get() >= DEEPEST {
        return shorten(task);
    }
    let _level = Level::enter();
    #[cfg(not(Py_3_12))]
    if task.get().get_coro(py).is_none() {
        return without_coroutine(task);
    }
    ffi::call(asyncio(py).task_repr.bind(py), &[task])
}

/// On 3.11 asyncio knows no task without a coroutine; an eager one that has ended is one.
#[cfg(not(Py_3_12))]
fn without_coroutine<'py>(task: &Bound<'py, Task>) -> PyResult<Bound<'py, PyAny>> {
    let py = task.py();
    let mut info: Vec<String> =
        ffi::call(asyncio(py).future_repr_info.bind(py), &[task])?.extract()?;
    info.insert(1, format!("name={}", task.get().get_name(py).into_pyobject(py)?.repr()?));
    let text = format!("<{} {}>", task.get_type().name()?, info.join(" "));
    Ok(text.into_pyobject(py)?.into_any())
}

/// Says who it is, and leaves the rest out.
fn shorten<'py>(task: &Bound<'py, Task>) -> PyResult<Bound<'py, PyAny>> {
    let py = task.py();
    let class = task.get_type().name()?;
    let state = as_future(task).get().life(py).name().to_lowercase();
    let name = match task.get().get_name(py) {
        Some(name) => name.repr()?.to_string(),
        None => "None".to_owned(),
    };
    Ok(format!("<{class} {state} name={name} ...>").into_pyobject(py)?.into_any())
}

/// One more task around the next one, also when an exception or a panic passes by.
struct Level;

impl Level {
    fn enter() -> Self {
        NESTED.set(NESTED.get() + 1);
        Self
    }
}

impl Drop for Level {
    fn drop(&mut self) {
        NESTED.set(NESTED.get() - 1);
    }
}
