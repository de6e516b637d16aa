//! Threads that the interpreter ends in the middle of Rust code.
//!
//! When the interpreter shuts down, a daemon thread that wants to go on running Python code is ended
//! where it stands: up to 3.13 by `pthread_exit`, which unwinds its stack by force (3.14 lets it hang,
//! `PyThread_hang_thread`). Rust refuses to be unwound by anything but its own panics and aborts the
//! process. So Python code is run through declarations that allow unwinding, and a guard in the frame
//! that calls them lets the thread hang, as 3.14 does: it holds no lock of the interpreter, and the
//! process is about to end.

use std::ptr;
use std::thread;

use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyTuple};

unsafe extern "C-unwind" {
    /// As PyO3 declares them, but for the unwinding.
    pub(super) fn PyIter_Send(
        iterator: *mut ffi::PyObject,
        argument: *mut ffi::PyObject,
        result: *mut *mut ffi::PyObject,
    ) -> ffi::PySendResult;
    fn PyObject_Call(
        callable: *mut ffi::PyObject,
        args: *mut ffi::PyObject,
        kwargs: *mut ffi::PyObject,
    ) -> *mut ffi::PyObject;
    pub(super) fn PyObject_VectorcallMethod(
        name: *mut ffi::PyObject,
        arguments: *const *mut ffi::PyObject,
        flagged_count: usize,
        names: *mut ffi::PyObject,
    ) -> *mut ffi::PyObject;
}

/// Runs `call`; if its thread is ended in there, the thread hangs here for what is left of the
/// process.
pub(super) fn hang_if_ended<R>(call: impl FnOnce() -> R) -> R {
    let guard = HangOnForcedUnwind;
    let answer = call();
    std::mem::forget(guard);
    answer
}

/// `callable(*args, **kwargs)` in a thread that the interpreter may end meanwhile.
pub(crate) fn call_or_hang<'py>(
    callable: &Bound<'py, PyAny>,
    args: &Bound<'py, PyTuple>,
    kwargs: Option<&Bound<'py, PyDict>>,
) -> PyResult<Bound<'py, PyAny>> {
    let kwargs = kwargs.map_or(ptr::null_mut(), Bound::as_ptr);
    // SAFETY: attached; the objects are borrowed; the answer is owned, or NULL with an exception set.
    unsafe {
        let answer = hang_if_ended(|| PyObject_Call(callable.as_ptr(), args.as_ptr(), kwargs));
        Bound::from_owned_ptr_or_err(callable.py(), answer)
    }
}

struct HangOnForcedUnwind;

impl Drop for HangOnForcedUnwind {
    /// Only reached by unwinding, and by that of a panic it goes on.
    fn drop(&mut self) {
        while !thread::panicking() {
            thread::park();
        }
    }
}
