//! Threads that the interpreter ends in the middle of Rust code.
//!
//! When the interpreter shuts down, a daemon thread that wants to go on running Python code is ended
//! where it stands: up to 3.13 by `pthread_exit`, which unwinds its stack by force (3.14 lets it hang,
//! `PyThread_hang_thread`). Rust refuses to be unwound by anything but its own panics and aborts the
//! process; what it drops before that, it drops without the GIL. So functions that are written in
//! Python, and may be where a thread is ended, are called through declarations that allow unwinding
//! (`ffi::call`, `ffi::call_method`, `ffi::send` …, not PyO3's methods), and a guard in the frame that
//! calls them lets the thread hang, as 3.14 does: it holds no lock of the interpreter, and the process
//! is about to end.
//!
//! PyO3 declares the same functions as ones that never unwind. Where both declarations meet, which is
//! in an optimised build, the compiler believes that one and drops the guard. So their addresses are
//! hidden from it, by [`black_box`].

use std::hint::black_box;
use std::thread;

use pyo3::ffi::{PyObject, PySendResult};

mod declared {
    use super::{PyObject, PySendResult};

    pub(super) type Send = unsafe extern "C-unwind" fn(
        *mut PyObject,
        *mut PyObject,
        *mut *mut PyObject,
    ) -> PySendResult;
    pub(super) type Call =
        unsafe extern "C-unwind" fn(*mut PyObject, *mut PyObject, *mut PyObject) -> *mut PyObject;
    pub(super) type Vectorcall = unsafe extern "C-unwind" fn(
        *mut PyObject,
        *const *mut PyObject,
        usize,
        *mut PyObject,
    ) -> *mut PyObject;

    unsafe extern "C-unwind" {
        /// As PyO3 declares them, but for the unwinding.
        pub(super) fn PyIter_Send(
            iterator: *mut PyObject,
            argument: *mut PyObject,
            result: *mut *mut PyObject,
        ) -> PySendResult;
        pub(super) fn PyObject_Call(
            callable: *mut PyObject,
            arguments: *mut PyObject,
            keywords: *mut PyObject,
        ) -> *mut PyObject;
        pub(super) fn PyObject_Vectorcall(
            callable: *mut PyObject,
            arguments: *const *mut PyObject,
            flagged_count: usize,
            names: *mut PyObject,
        ) -> *mut PyObject;
        pub(super) fn PyObject_VectorcallMethod(
            name: *mut PyObject,
            arguments: *const *mut PyObject,
            flagged_count: usize,
            names: *mut PyObject,
        ) -> *mut PyObject;
    }
}

/// # Safety
/// As the function of the C API, to be called within `hang_if_ended`; so are those below.
#[inline]
#[allow(non_snake_case)] // as in C
pub(super) unsafe fn PyIter_Send(
    iterator: *mut PyObject,
    argument: *mut PyObject,
    result: *mut *mut PyObject,
) -> PySendResult {
    // SAFETY: the caller vouches for the arguments.
    unsafe { black_box(declared::PyIter_Send as declared::Send)(iterator, argument, result) }
}

/// # Safety
/// As above.
#[inline]
#[allow(non_snake_case)] // as in C
pub(super) unsafe fn PyObject_Call(
    callable: *mut PyObject,
    arguments: *mut PyObject,
    keywords: *mut PyObject,
) -> *mut PyObject {
    // SAFETY: the caller vouches for the arguments.
    unsafe { black_box(declared::PyObject_Call as declared::Call)(callable, arguments, keywords) }
}

/// # Safety
/// As above.
#[inline]
#[allow(non_snake_case)] // as in C
pub(super) unsafe fn PyObject_Vectorcall(
    callable: *mut PyObject,
    arguments: *const *mut PyObject,
    flagged_count: usize,
    names: *mut PyObject,
) -> *mut PyObject {
    let function = black_box(declared::PyObject_Vectorcall as declared::Vectorcall);
    // SAFETY: the caller vouches for the arguments.
    unsafe { function(callable, arguments, flagged_count, names) }
}

/// # Safety
/// As above.
#[inline]
#[allow(non_snake_case)] // as in C
pub(super) unsafe fn PyObject_VectorcallMethod(
    name: *mut PyObject,
    arguments: *const *mut PyObject,
    flagged_count: usize,
    names: *mut PyObject,
) -> *mut PyObject {
    let function = black_box(declared::PyObject_VectorcallMethod as declared::Vectorcall);
    // SAFETY: the caller vouches for the arguments.
    unsafe { function(name, arguments, flagged_count, names) }
}

/// Runs `call`; if its thread is ended in there, the thread hangs here for what is left of the
/// process.
pub(super) fn hang_if_ended<R>(call: impl FnOnce() -> R) -> R {
    let guard = HangOnForcedUnwind;
    let answer = call();
    std::mem::forget(guard);
    answer
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
