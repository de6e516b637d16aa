//! Calls within calls, which the interpreter counts.

use std::marker::PhantomData;

use pyo3::ffi;
use pyo3::prelude::*;

/// A call that is counted as one of a C function, until it is dropped.
pub(crate) struct Counted<'py>(PhantomData<Python<'py>>);

impl<'py> Counted<'py> {
    /// # Errors
    /// `RecursionError` where there are too many already.
    #[inline]
    pub(crate) fn begin(py: Python<'py>) -> PyResult<Self> {
        // SAFETY: attached; the text is what the message ends with. An exception is set where it is not 0.
        match unsafe { ffi::Py_EnterRecursiveCall(c" while calling a Python object".as_ptr()) } {
            0 => Ok(Self(PhantomData)),
            _ => Err(PyErr::fetch(py)),
        }
    }
}

impl Drop for Counted<'_> {
    fn drop(&mut self) {
        // SAFETY: attached (the token), in the thread that has begun the call: the token cannot leave it.
        unsafe { ffi::Py_LeaveRecursiveCall() };
    }
}
