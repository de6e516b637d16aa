//! Driving a coroutine by one step.

use std::ptr;

use pyo3::exceptions::PyStopIteration;
use pyo3::ffi;
use pyo3::intern;
use pyo3::prelude::*;

use super::error::{given_exception_matches, take_raised};
use super::unwind::{PyIter_Send, PyObject_VectorcallMethod, hang_if_ended};

/// What a coroutine did with one `send` or `throw`.
pub(crate) enum Progress<'py> {
    /// It waits for this object.
    Yielded(Bound<'py, PyAny>),
    /// It ended with this result.
    Returned(Bound<'py, PyAny>),
    /// It ended with this exception.
    Raised(Bound<'py, PyAny>),
}

/// `coroutine.send(None)`. The end of a native coroutine costs no `StopIteration`.
pub(crate) fn send<'py>(coroutine: &Bound<'py, PyAny>) -> Progress<'py> {
    let py = coroutine.py();
    let mut answer = ptr::null_mut();
    // SAFETY: attached; with NEXT and RETURN the answer is an owned reference, with ERROR an
    // exception is set.
    unsafe {
        let argument = ffi::Py_None();
        match hang_if_ended(|| PyIter_Send(coroutine.as_ptr(), argument, &raw mut answer)) {
            ffi::PySendResult::PYGEN_NEXT => Progress::Yielded(Bound::from_owned_ptr(py, answer)),
            ffi::PySendResult::PYGEN_RETURN => {
                Progress::Returned(Bound::from_owned_ptr(py, answer))
            }
            ffi::PySendResult::PYGEN_ERROR => Progress::Raised(take_raised(py)),
        }
    }
}

/// `coroutine.throw(exception)`
pub(crate) fn throw<'py>(
    coroutine: &Bound<'py, PyAny>,
    exception: &Bound<'py, PyAny>,
) -> Progress<'py> {
    let py = coroutine.py();
    let arguments = [coroutine.as_ptr(), exception.as_ptr()];
    // SAFETY: attached; two borrowed arguments; the answer is an owned reference, or NULL with an
    // exception set.
    let yielded = unsafe {
        let name = intern!(py, "throw").as_ptr();
        let answer = hang_if_ended(|| {
            PyObject_VectorcallMethod(name, arguments.as_ptr(), arguments.len(), ptr::null_mut())
        });
        Bound::from_owned_ptr_or_opt(py, answer)
    };
    match yielded {
        Some(object) => Progress::Yielded(object),
        None => returned_or_raised(take_raised(py)),
    }
}

/// A `StopIteration` is how `throw` says that the coroutine has returned.
fn returned_or_raised(exception: Bound<'_, PyAny>) -> Progress<'_> {
    let py = exception.py();
    if !given_exception_matches(&exception, &py.get_type::<PyStopIteration>()) {
        return Progress::Raised(exception);
    }
    match exception.getattr(intern!(py, "value")) {
        Ok(result) => Progress::Returned(result),
        Err(error) => Progress::Raised(error.into_value(py).into_bound(py).into_any()),
    }
}

/// Whether this is what calling an `async def` function gives.
pub(crate) fn is_native_coroutine(object: &Bound<'_, PyAny>) -> bool {
    // SAFETY: attached; only the type is looked at.
    unsafe { ffi::PyCoro_CheckExact(object.as_ptr()) != 0 }
}

/// `isinstance(object, types.GeneratorType)`: a generator is no coroutine.
pub(crate) fn is_generator(object: &Bound<'_, PyAny>) -> PyResult<bool> {
    let class = (&raw mut ffi::PyGen_Type).cast();
    // SAFETY: attached; the type of generators lives as long as the interpreter.
    match unsafe { ffi::PyObject_IsInstance(object.as_ptr(), class) } {
        -1 => Err(PyErr::fetch(object.py())),
        answer => Ok(answer != 0),
    }
}
