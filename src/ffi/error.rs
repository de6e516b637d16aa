//! Raising, taking and chaining exceptions exactly as C code does.
//!
//! PyO3's own `PyErr::fetch` turns a `PanicException` back into a panic. A coroutine may end with
//! one, and its task must then hold it like any other exception: where an exception is *taken* from
//! the interpreter as a value, the functions of this file are used.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr;

use pyo3::exceptions::PySystemError;
use pyo3::ffi;
use pyo3::panic::PanicException;
use pyo3::prelude::*;
use pyo3::types::{PyCode, PyDict};

/// Takes the exception that is set in this thread out of the interpreter, as a normalised instance
/// that carries its traceback.
pub(crate) fn take_raised(py: Python<'_>) -> Bound<'_, PyAny> {
    take_raised_or_none(py).unwrap_or_else(|| {
        PySystemError::new_err("an error was reported without an exception")
            .into_value(py)
            .into_bound(py)
            .into_any()
    })
}

#[cfg(Py_3_12)]
fn take_raised_or_none(py: Python<'_>) -> Option<Bound<'_, PyAny>> {
    // SAFETY: attached (the token); the function returns an owned reference or NULL.
    unsafe { Bound::from_owned_ptr_or_opt(py, ffi::PyErr_GetRaisedException()) }
}

#[cfg(not(Py_3_12))]
fn take_raised_or_none(py: Python<'_>) -> Option<Bound<'_, PyAny>> {
    let mut kind = ptr::null_mut();
    let mut value = ptr::null_mut();
    let mut traceback = ptr::null_mut();
    // SAFETY: attached (the token). Fetch hands over up to three owned references, which
    // NormalizeException exchanges for others; each is given to a `Bound` once.
    unsafe {
        ffi::PyErr_Fetch(&raw mut kind, &raw mut value, &raw mut traceback);
        if kind.is_null() {
            return None;
        }
        ffi::PyErr_NormalizeException(&raw mut kind, &raw mut value, &raw mut traceback);
        drop(Bound::from_owned_ptr(py, kind));
        let traceback = Bound::from_owned_ptr_or_opt(py, traceback);
        let value = Bound::from_owned_ptr(py, value);
        if let Some(traceback) = traceback {
            ffi::PyException_SetTraceback(value.as_ptr(), traceback.as_ptr());
        }
        Some(value)
    }
}

/// An exception instance as an error to return, unchanged: nothing is chained to it.
pub(crate) fn as_raised(exception: Bound<'_, PyAny>) -> PyErr {
    PyErr::from_value(exception)
}

/// Raises an exception instance as `PyErr_SetObject` does: an exception that is being handled
/// becomes its `__context__`.
pub(crate) fn raise(exception: Bound<'_, PyAny>) -> PyErr {
    as_raised(chained(exception))
}

/// The instance, as it would be when it was raised.
pub(crate) fn chained(exception: Bound<'_, PyAny>) -> Bound<'_, PyAny> {
    if is_handling_nothing(exception.py()) {
        return exception;
    }
    let kind = exception.get_type();
    // SAFETY: attached, `exception` is an instance of the exception class `kind`.
    unsafe { ffi::PyErr_SetObject(kind.as_ptr(), exception.as_ptr()) };
    take_raised(exception.py())
}

/// Whether no `except` or `finally` is handling an exception.
pub(super) fn is_handling_nothing(py: Python<'_>) -> bool {
    // SAFETY: attached; the answer is an owned reference or NULL.
    unsafe { Bound::from_owned_ptr_or_opt(py, ffi::PyErr_GetHandledException()) }.is_none()
}

/// Sets an exception instance as the one that is raised, unchanged.
#[cfg(Py_3_12)]
pub(super) fn set_raised(exception: Bound<'_, PyAny>) {
    // SAFETY: attached; the function takes over the reference.
    unsafe { ffi::PyErr_SetRaisedException(exception.into_ptr()) };
}

#[cfg(not(Py_3_12))]
pub(super) fn set_raised(exception: Bound<'_, PyAny>) {
    let py = exception.py();
    as_raised(exception).restore(py);
}

/// Makes `earlier` the context of `later`, which was raised while the first was on its way out.
pub(crate) fn chain(py: Python<'_>, earlier: PyErr, later: PyErr) -> PyErr {
    let later = later.into_value(py);
    // SAFETY: both are exception instances; SetContext takes over the reference it is given.
    unsafe { ffi::PyException_SetContext(later.as_ptr(), earlier.into_value(py).into_ptr()) };
    as_raised(later.into_bound(py).into_any())
}

/// The error with one more entry in its traceback, the outermost: as if it had passed through a
/// function of this code, whose names are looked up in `globals`.
pub(crate) fn passing_through<'py>(
    error: PyErr,
    code: &Bound<'py, PyAny>,
    globals: &Bound<'py, PyDict>,
) -> PyErr {
    let py = code.py();
    if !code.is_instance_of::<PyCode>() {
        return error;
    }
    // SAFETY: attached; the code is a code object and the globals are a dict. The frame is an owned
    // reference or NULL; a traceback entry takes one of its own.
    unsafe {
        let frame = ffi::PyFrame_New(
            ffi::PyThreadState_Get(),
            code.as_ptr().cast(),
            globals.as_ptr(),
            ptr::null_mut(),
        );
        let Some(frame) = Bound::from_owned_ptr_or_opt(py, frame.cast()) else {
            return PyErr::fetch(py);
        };
        error.restore(py);
        ffi::PyTraceBack_Here(frame.as_ptr().cast());
    }
    as_raised(take_raised(py))
}

/// What `call` answers; a panic as the exception that PyO3's own entry points make of it.
///
/// Nothing that `call` was at may be relied on afterwards but what rule 2 keeps consistent.
pub(crate) fn catch_panic<T>(call: impl FnOnce() -> PyResult<T>) -> PyResult<T> {
    catch_unwind(AssertUnwindSafe(call)).unwrap_or_else(|payload| Err(panicked(payload.as_ref())))
}

/// A panic as the exception that PyO3's own entry points make of it.
pub(crate) fn panicked(payload: &(dyn Any + Send)) -> PyErr {
    let message = payload
        .downcast_ref::<String>()
        .map(String::as_str)
        .or_else(|| payload.downcast_ref::<&str>().copied())
        .unwrap_or("panic from Rust code");
    PanicException::new_err((message.to_owned(),))
}

/// Whether `exception` is an instance of `class`, without asking any `__instancecheck__`.
pub(crate) fn given_exception_matches(
    exception: &Bound<'_, PyAny>,
    class: &Bound<'_, PyAny>,
) -> bool {
    // SAFETY: attached; both are valid objects.
    unsafe { ffi::PyErr_GivenExceptionMatches(exception.as_ptr(), class.as_ptr()) != 0 }
}

/// The traceback an exception instance carries.
pub(crate) fn traceback_of<'py>(exception: &Bound<'py, PyAny>) -> Option<Bound<'py, PyAny>> {
    // SAFETY: `exception` is an exception instance; the answer is an owned reference or NULL.
    unsafe {
        Bound::from_owned_ptr_or_opt(
            exception.py(),
            ffi::PyException_GetTraceback(exception.as_ptr()),
        )
    }
}

/// Gives an exception instance this traceback, or none.
pub(crate) fn set_traceback(exception: &Bound<'_, PyAny>, traceback: Option<&Bound<'_, PyAny>>) {
    let none = exception.py().None();
    let traceback = traceback.map_or(none.as_ptr(), Bound::as_ptr);
    // SAFETY: `exception` is an exception instance, `traceback` one of its own or None: it cannot
    // be refused.
    unsafe { ffi::PyException_SetTraceback(exception.as_ptr(), traceback) };
}

/// Makes `reason` both the cause and the context of an exception instance.
pub(crate) fn set_cause_and_context(exception: &Bound<'_, PyAny>, reason: Bound<'_, PyAny>) {
    // SAFETY: both are exception instances; each setter takes over the reference it is given.
    unsafe {
        ffi::PyException_SetCause(exception.as_ptr(), reason.clone().into_ptr());
        ffi::PyException_SetContext(exception.as_ptr(), reason.into_ptr());
    }
}

#[cfg(Py_3_14)]
unsafe extern "C" {
    /// Public since 3.13; PyO3 does not declare it.
    fn PyErr_FormatUnraisable(format: *const std::ffi::c_char, ...);
}

/// Reports an error that has no caller to go to, from a call of `function`.
pub(crate) fn unraisable(error: PyErr, function: &Bound<'_, PyAny>) {
    let py = function.py();
    error.restore(py);
    // SAFETY: attached, an exception is set, and the one argument is what `%R` asks for.
    #[cfg(Py_3_14)]
    unsafe {
        PyErr_FormatUnraisable(
            c"Exception ignored while calling asyncio function %R".as_ptr(),
            function.as_ptr(),
        );
    }
    // SAFETY: attached and an exception is set.
    #[cfg(not(Py_3_14))]
    unsafe {
        ffi::PyErr_WriteUnraisable(function.as_ptr());
    }
}
