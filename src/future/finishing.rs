//! `set_result()` and `set_exception()` as the interpreter calls them.

use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;

use super::{Future, iterator, set_exception, set_result};
use crate::ffi::{self, Body};

struct SetResult;
struct SetException;

/// Prepares the class for its first objects. Called when the module is made.
pub(crate) fn prepare(py: Python<'_>) -> PyResult<()> {
    iterator::prepare(py)?;
    ffi::take_one_argument::<SetResult>(py)?;
    ffi::take_one_argument::<SetException>(py)
}

impl Body for SetResult {
    type Receiver = Future;
    const LEAST_ARGUMENTS: usize = 1;
    const NAME: &'static str = "set_result";

    fn call<'py>(future: &Bound<'py, Future>, result: Option<Bound<'py, PyAny>>) -> PyResult<()> {
        set_result(future, result.ok_or_else(nothing_given)?)
    }
}

impl Body for SetException {
    type Receiver = Future;
    const LEAST_ARGUMENTS: usize = 1;
    const NAME: &'static str = "set_exception";

    fn call<'py>(
        future: &Bound<'py, Future>,
        exception: Option<Bound<'py, PyAny>>,
    ) -> PyResult<()> {
        set_exception(future, exception.ok_or_else(nothing_given)?)
    }
}

#[cold]
fn nothing_given() -> PyErr {
    PyTypeError::new_err("takes exactly one argument (0 given)")
}
