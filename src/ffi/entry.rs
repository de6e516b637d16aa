//! The way from the interpreter into functions of ours that it calls without PyO3's macros.
//!
//! PyO3 counts how often a thread is attached; a `Py` that is dropped where it counts none is not
//! dropped at once. What `Python::attach` costs beyond the count, asking the interpreter whether the
//! thread is attached, is a good part of a call that comes from elsewhere than Rust. The functions that
//! PyO3's macros put around each method only count, and turn panics into exceptions; they are public,
//! but hidden. So this is the only file that names them.

use std::marker::PhantomData;

use pyo3::ffi;
use pyo3::impl_::trampoline::{MethodDef, fastcall_cfunction_with_keywords as fastcall};
use pyo3::prelude::*;

/// What is run.
pub(super) trait Entry {
    /// Answers with an owned reference.
    ///
    /// # Safety
    /// To be called by [`enter`] only, with what that was given.
    unsafe fn run(py: Python<'_>, passed: Passed) -> PyResult<*mut ffi::PyObject>;
}

/// What [`enter`] was given.
pub(super) struct Passed {
    pub(super) receiver: *mut ffi::PyObject,
    pub(super) arguments: *const *mut ffi::PyObject,
    pub(super) count: ffi::Py_ssize_t,
    pub(super) names: *mut ffi::PyObject,
}

struct Defined<E>(PhantomData<E>);

impl<E: Entry> MethodDef<fastcall::Func> for Defined<E> {
    const METH: fastcall::Func = |py, receiver, arguments, count, names| {
        // SAFETY: only `enter` has this called, with what it was given.
        unsafe { E::run(py, Passed { receiver, arguments, count, names }) }
    };
}

/// Runs it, and answers as the interpreter takes it: with an owned reference, or NULL and an exception
/// set, which a panic is made into.
///
/// # Safety
/// Attached; all that is given is as `E` takes it.
pub(super) unsafe extern "C" fn enter<E: Entry>(
    receiver: *mut ffi::PyObject,
    arguments: *const *mut ffi::PyObject,
    count: ffi::Py_ssize_t,
    names: *mut ffi::PyObject,
) -> *mut ffi::PyObject {
    // SAFETY: the caller vouches for everything.
    unsafe { fastcall::<Defined<E>>(receiver, arguments, count, names) }
}
