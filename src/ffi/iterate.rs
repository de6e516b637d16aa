//! Awaiting an object of ours, with nothing raised and nothing allocated where that can be.
//!
//! PyO3 has no `am_send`, and lets `__next__` end with a value only by raising `StopIteration`. So
//! the slots that `await` goes through are put on the types right after those are made: the one that
//! makes the iterator and those that advance it. The memory of iterators is kept (`spare.rs`).
//!
//! These functions do without PyO3's count of attachments, which is how a `Py` that is dropped knows
//! that it may be: they hold `Bound`s only, and count where an error has to be dealt with.

use std::ptr;

use pyo3::PyClass;
use pyo3::ffi;
use pyo3::prelude::*;

use super::error::catch_panic;
use super::spare::{Kept, install_keeping};

unsafe extern "C" {
    /// `raise StopIteration(value)`, whatever the value; PyO3 does not declare it.
    fn _PyGen_SetStopIterationValue(value: *mut ffi::PyObject) -> std::ffi::c_int;
}

/// What an iterator gives when it is advanced.
pub(crate) enum Advance<'py> {
    Yielded(Bound<'py, PyAny>),
    Returned(Bound<'py, PyAny>),
}

/// The iterator behind `await`.
pub(crate) trait Iterate: Kept {
    type Awaited: PyClass;

    /// A new iterator; what cannot be awaited is refused.
    fn new(awaited: Bound<'_, Self::Awaited>) -> PyResult<Bound<'_, Self>>;

    fn advance<'py>(&self, py: Python<'py>) -> PyResult<Advance<'py>>;

    /// The result if it is there, where nothing can go wrong: the iterator is exhausted then. Must not
    /// panic.
    fn take_result<'py>(&self, py: Python<'py>) -> Option<Bound<'py, PyAny>>;
}

/// Puts the short way on the types of what is awaited. Once, when the module is made.
pub(crate) fn install_awaiting<I: Iterate>(py: Python<'_>, awaited: &[*mut ffi::PyTypeObject]) {
    let iterator = I::type_object_raw(py);
    // SAFETY: the types are ready and used by no other thread yet, and have no subclasses but each
    // other; the tables of slots are their own. The functions have the signatures that the slots
    // call for.
    unsafe {
        for class in awaited {
            (*(**class).tp_as_async).am_await = Some(make::<I>);
            (**class).tp_iter = Some(make::<I>);
            ffi::PyType_Modified(*class);
        }
        (*iterator).tp_iternext = Some(next::<I>);
        let heap = iterator.cast::<ffi::PyHeapTypeObject>();
        (*heap).as_async.am_send = Some(send::<I>);
        (*iterator).tp_as_async = &raw mut (*heap).as_async;
        ffi::PyType_Modified(iterator);
    }
    install_keeping::<I>(py);
}

unsafe extern "C" fn make<I: Iterate>(awaited: *mut ffi::PyObject) -> *mut ffi::PyObject {
    // SAFETY: the interpreter calls this attached, with an object of the awaited class.
    unsafe {
        let py = Python::assume_attached();
        let awaited = Bound::from_borrowed_ptr(py, awaited).cast_into_unchecked::<I::Awaited>();
        let made = catch_panic(|| I::new(awaited));
        made.map_or_else(|error| raise(error), Bound::into_ptr)
    }
}

unsafe extern "C" fn next<I: Iterate>(iterator: *mut ffi::PyObject) -> *mut ffi::PyObject {
    // SAFETY: as for `send`. A bare NULL is the end with the result None.
    unsafe {
        match advance::<I>(iterator) {
            Ok(Advance::Yielded(object)) => object.into_ptr(),
            Ok(Advance::Returned(result)) => {
                if !result.is_none() {
                    _PyGen_SetStopIterationValue(result.as_ptr());
                }
                ptr::null_mut()
            }
            Err(error) => raise(error),
        }
    }
}

unsafe extern "C" fn send<I: Iterate>(
    iterator: *mut ffi::PyObject,
    _value: *mut ffi::PyObject,
    answer: *mut *mut ffi::PyObject,
) -> ffi::PySendResult {
    // SAFETY: the interpreter calls this attached, with an object of the type of `I` that it keeps
    // alive for the call, and with a place for an owned reference, or NULL with an exception set.
    unsafe {
        let py = Python::assume_attached();
        let this = Borrowed::from_ptr(py, iterator).cast_unchecked::<I>();
        if let Some(result) = this.get().take_result(py) {
            answer.write(result.into_ptr());
            return ffi::PySendResult::PYGEN_RETURN;
        }
        let (result, object) = match advance::<I>(iterator) {
            Ok(Advance::Yielded(object)) => (ffi::PySendResult::PYGEN_NEXT, object.into_ptr()),
            Ok(Advance::Returned(object)) => (ffi::PySendResult::PYGEN_RETURN, object.into_ptr()),
            Err(error) => (ffi::PySendResult::PYGEN_ERROR, raise(error)),
        };
        answer.write(object);
        result
    }
}

/// # Safety
/// Attached; the object is of the type of `I` and stays alive for the call.
unsafe fn advance<'py, I: Iterate>(iterator: *mut ffi::PyObject) -> PyResult<Advance<'py>> {
    // SAFETY: the caller vouches for the object.
    unsafe {
        let py = Python::assume_attached();
        let iterator = Borrowed::from_ptr(py, iterator).cast_unchecked::<I>();
        catch_panic(|| iterator.get().advance(py))
    }
}

/// Sets the error in the interpreter, and answers NULL as C functions do then.
///
/// # Safety
/// Attached.
#[cold]
unsafe fn raise(error: PyErr) -> *mut ffi::PyObject {
    // SAFETY: the caller vouches for the attachment.
    unsafe { Python::attach_unchecked(|py| error.restore(py)) };
    ptr::null_mut()
}
