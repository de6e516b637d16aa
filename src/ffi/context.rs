//! Contexts (PEP 567) without a Python call.

use std::mem::ManuallyDrop;

use pyo3::ffi;
use pyo3::prelude::*;

use super::error::unraisable;

/// A copy of the current context, as `contextvars.copy_context()`.
pub(crate) fn copy_current_context(py: Python<'_>) -> PyResult<Bound<'_, PyAny>> {
    // SAFETY: attached; the answer is an owned reference or NULL with an exception set.
    unsafe { Bound::from_owned_ptr_or_err(py, ffi::PyContext_CopyCurrent()) }
}

/// A context without any variables.
#[cfg(feature = "module")]
pub(crate) fn new_context(py: Python<'_>) -> PyResult<Bound<'_, PyAny>> {
    // SAFETY: attached; the answer is an owned reference or NULL with an exception set.
    unsafe { Bound::from_owned_ptr_or_err(py, ffi::PyContext_New()) }
}

/// A copy of this context.
pub(crate) fn copy_context<'py>(context: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
    // SAFETY: attached; anything but a context is refused with an exception.
    unsafe { Bound::from_owned_ptr_or_err(context.py(), ffi::PyContext_Copy(context.as_ptr())) }
}

/// Whether this is a `contextvars.Context`, which nobody can subclass.
pub(crate) fn is_context(object: &Bound<'_, PyAny>) -> bool {
    // SAFETY: attached; only the type is looked at.
    unsafe { ffi::PyContext_CheckExact(object.as_ptr()) != 0 }
}

/// A context that is entered, until it is left or dropped.
pub(crate) struct EnteredContext<'py> {
    context: ManuallyDrop<Bound<'py, PyAny>>,
}

impl<'py> EnteredContext<'py> {
    /// # Errors
    /// `RuntimeError` when the context is entered already, `TypeError` when it is none.
    #[inline(always)]
    pub(crate) fn enter(context: Bound<'py, PyAny>) -> PyResult<Self> {
        enter(&context)?;
        Ok(Self { context: ManuallyDrop::new(context) })
    }

    #[inline(always)]
    pub(crate) fn exit(self) -> PyResult<()> {
        let mut this = ManuallyDrop::new(self);
        // SAFETY: nobody uses it any more, and it is not dropped.
        let context = unsafe { this.take() };
        let outcome = leave(&context);
        release(context);
        outcome
    }

    /// # Safety
    /// To be called once, and then this is not used any more.
    unsafe fn take(&mut self) -> Bound<'py, PyAny> {
        // SAFETY: the caller vouches for that.
        unsafe { ManuallyDrop::take(&mut self.context) }
    }
}

#[inline]
fn enter(context: &Bound<'_, PyAny>) -> PyResult<()> {
    // SAFETY: attached; anything but a context is refused with an exception.
    match unsafe { ffi::PyContext_Enter(context.as_ptr()) } {
        0 => Ok(()),
        _ => Err(PyErr::fetch(context.py())),
    }
}

#[inline]
fn leave(context: &Bound<'_, PyAny>) -> PyResult<()> {
    // SAFETY: attached; a context that is not the current one is refused with an exception.
    match unsafe { ffi::PyContext_Exit(context.as_ptr()) } {
        0 => Ok(()),
        _ => Err(PyErr::fetch(context.py())),
    }
}

/// Drops a reference of an object whose references the interpreter has just counted, in as many bits as it
/// does that. PyO3 reads more of them, and for those a processor waits until the others are written.
#[cfg(all(Py_3_14, not(Py_GIL_DISABLED), target_pointer_width = "64"))]
#[inline]
fn release(object: Bound<'_, PyAny>) {
    let object = object.into_ptr();
    // SAFETY: attached; the reference was an owned one. A count below zero is that of an immortal object.
    unsafe {
        let count = &raw mut (*object).ob_refcnt.refcnt_and_flags.ob_refcnt;
        match (*count).cast_signed() {
            2.. => *count -= 1,
            _ => ffi::Py_DECREF(object),
        }
    }
}

#[cfg(not(all(Py_3_14, not(Py_GIL_DISABLED), target_pointer_width = "64")))]
#[inline]
fn release(object: Bound<'_, PyAny>) {
    drop(object);
}

impl Drop for EnteredContext<'_> {
    /// Only reached when a panic passes by: the context must not stay entered.
    fn drop(&mut self) {
        // SAFETY: this is its end.
        let context = unsafe { self.take() };
        if let Err(error) = leave(&context) {
            unraisable(error, &context);
        }
    }
}

/// A context that is left for a while by what runs in it, until it is entered again or dropped.
pub(crate) struct LeftContext<'py> {
    context: Option<Bound<'py, PyAny>>,
}

impl<'py> LeftContext<'py> {
    /// # Errors
    /// `RuntimeError` when it is not the current context, `TypeError` when it is none.
    pub(crate) fn leave(context: Bound<'py, PyAny>) -> PyResult<Self> {
        leave(&context)?;
        Ok(Self { context: Some(context) })
    }

    pub(crate) fn enter_again(mut self) -> PyResult<()> {
        self.context.take().map_or(Ok(()), |context| enter(&context))
    }
}

impl Drop for LeftContext<'_> {
    /// Only reached when a panic passes by.
    fn drop(&mut self) {
        if let Some(context) = self.context.take()
            && let Err(error) = enter(&context)
        {
            unraisable(error, &context);
        }
    }
}
