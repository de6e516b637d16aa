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
#[cfg(Py_3_12)]
use super::error::is_handling_nothing;
use super::spare::{Kept, install_keeping};

unsafe extern "C" {
    /// `raise StopIteration(value)`, whatever the value; PyO3 does not declare it.
    fn _PyGen_SetStopIterationValue(value: *mut ffi::PyObject) -> std::ffi::c_int;
}

/// What an iterator gives when it is advanced.
pub(crate) enum Advance<'py> {
    Yielded(Bound<'py, PyAny>),
    Returned(Bound<'py, PyAny>),
    /// It has returned before.
    Exhausted,
}

/// The iterator behind `await`.
pub(crate) trait Iterate: Kept {
    type Awaited: PyClass;

    /// Whether the end with the result None is `StopIteration(None)`, not `StopIteration()`.
    fn raises_none(&self, py: Python<'_>) -> bool;

    /// A new iterator; what cannot be awaited is refused.
    fn new(awaited: Bound<'_, Self::Awaited>) -> PyResult<Bound<'_, Self>>;

    /// The same where nothing can go wrong. Must not panic.
    fn new_plainly<'py>(awaited: &Bound<'py, Self::Awaited>) -> Option<Bound<'py, Self>>;

    fn advance<'py>(&self, py: Python<'py>) -> PyResult<Advance<'py>>;

    /// The same where nothing can go wrong. Must not panic.
    fn advance_plainly<'py>(&self, py: Python<'py>) -> Option<Advance<'py>>;
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
            (**class).tp_iter = Some(make_to_keep::<I>);
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
        if let Some(made) = I::new_plainly(&awaited) {
            return made.into_ptr();
        }
        let made = catch_panic(|| I::new(awaited));
        made.map_or_else(|error| raise(error), Bound::into_ptr)
    }
}

/// As `make`, for whoever may keep it before it is advanced: `iter(future)`.
unsafe extern "C" fn make_to_keep<I: Iterate>(awaited: *mut ffi::PyObject) -> *mut ffi::PyObject {
    // SAFETY: as for `make`, whose answer is an iterator or NULL.
    unsafe {
        let made = make::<I>(awaited);
        if !made.is_null() {
            ensure_tracked(made);
        }
        made
    }
}

/// Has the garbage collector see the iterator. Most of those that `await` makes come to their end at
/// once, where a future is done: it would be in vain.
///
/// # Safety
/// Attached; it is one of ours, which holds what it holds.
unsafe fn ensure_tracked(iterator: *mut ffi::PyObject) {
    // SAFETY: the caller vouches for the object.
    unsafe {
        if ffi::PyObject_GC_IsTracked(iterator) == 0 {
            ffi::PyObject_GC_Track(iterator.cast());
        }
    }
}

unsafe extern "C" fn next<I: Iterate>(iterator: *mut ffi::PyObject) -> *mut ffi::PyObject {
    // SAFETY: as for `send`. A bare NULL is the end without a result.
    unsafe {
        match advance::<I>(iterator) {
            Some(Advance::Yielded(object)) => object.into_ptr(),
            Some(Advance::Returned(result)) => {
                let iterator = Borrowed::from_ptr(result.py(), iterator).cast_unchecked::<I>();
                if !result.is_none() || iterator.get().raises_none(result.py()) {
                    end_with(&result);
                }
                ptr::null_mut()
            }
            Some(Advance::Exhausted) | None => ptr::null_mut(),
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
        let (result, object) = match advance::<I>(iterator) {
            Some(Advance::Yielded(object)) => (ffi::PySendResult::PYGEN_NEXT, object.into_ptr()),
            Some(Advance::Returned(object)) => (ffi::PySendResult::PYGEN_RETURN, object.into_ptr()),
            Some(Advance::Exhausted) => {
                (ffi::PySendResult::PYGEN_RETURN, ffi::Py_NewRef(ffi::Py_None()))
            }
            None => (ffi::PySendResult::PYGEN_ERROR, ptr::null_mut()),
        };
        answer.write(object);
        result
    }
}

/// What the iterator gives; None with an exception set.
///
/// # Safety
/// Attached; the object is of the type of `I` and stays alive for the call.
#[inline]
unsafe fn advance<'py, I: Iterate>(iterator: *mut ffi::PyObject) -> Option<Advance<'py>> {
    // SAFETY: the caller vouches for the object.
    unsafe {
        let py = Python::assume_attached();
        let iterator = Borrowed::from_ptr(py, iterator).cast_unchecked::<I>();
        let advanced = iterator.get().advance_plainly(py).or_else(|| advance_or_raise(&iterator));
        if matches!(advanced, Some(Advance::Yielded(_))) {
            ensure_tracked(iterator.as_ptr());
        }
        advanced
    }
}

#[cold]
fn advance_or_raise<'py, I: Iterate>(iterator: &Bound<'py, I>) -> Option<Advance<'py>> {
    let advanced = catch_panic(|| iterator.get().advance(iterator.py()));
    // SAFETY: attached.
    advanced.map_err(|error| unsafe { raise(error) }).ok()
}

/// What `raise StopIteration(value)` raises, whatever the value: chained to what is handled where the
/// interpreter does that.
pub(crate) fn stop_iteration(value: &Bound<'_, PyAny>) -> PyErr {
    // SAFETY: attached, as the value tells; Rust code runs with no exception set.
    unsafe { end_with(value) };
    PyErr::fetch(value.py())
}

/// `raise StopIteration(value)`, whatever the value.
///
/// Since 3.12 what is raised is always an object. Where it is chained to nothing it is made here, without
/// a call of its class: an `await` takes the value out and drops the rest at once.
///
/// # Safety
/// Attached, with no exception set.
unsafe fn end_with(value: &Bound<'_, PyAny>) {
    // SAFETY: the caller vouches for the attachment; the value is a valid object.
    unsafe {
        #[cfg(Py_3_12)]
        if is_handling_nothing(value.py()) && raise_new_stop(value) {
            return;
        }
        _PyGen_SetStopIterationValue(value.as_ptr());
    }
}

/// `raise StopIteration(value)` where there is no context. False without memory, with no exception set.
///
/// # Safety
/// Attached.
#[cfg(Py_3_12)]
unsafe fn raise_new_stop(value: &Bound<'_, PyAny>) -> bool {
    // SAFETY: the caller vouches for the attachment. `SetRaised` takes over the exception.
    unsafe {
        let stop = new_stop(value);
        let made = stop.is_some();
        if let Some(stop) = stop {
            ffi::PyErr_SetRaisedException(stop.into_ptr());
        } else {
            ffi::PyErr_Clear();
        }
        made
    }
}

/// `StopIteration(value)`; None with an exception set.
///
/// # Safety
/// Attached.
#[cfg(Py_3_12)]
unsafe fn new_stop<'py>(value: &Bound<'py, PyAny>) -> Option<Bound<'py, PyAny>> {
    let py = value.py();
    // SAFETY: attached; the class is there as long as the interpreter, and its slots take a tuple. A new
    // tuple has a place for a reference that it takes over.
    unsafe {
        let class = ffi::PyExc_StopIteration.cast::<ffi::PyTypeObject>();
        let (new, init) = (*class).tp_new.zip((*class).tp_init)?;
        let arguments = Bound::from_owned_ptr_or_opt(py, ffi::PyTuple_New(1))?;
        ffi::PyTuple_SET_ITEM(arguments.as_ptr(), 0, value.clone().into_ptr());
        let stop = new(class, arguments.as_ptr(), ptr::null_mut());
        let stop = Bound::from_owned_ptr_or_opt(py, stop)?;
        (init(stop.as_ptr(), arguments.as_ptr(), ptr::null_mut()) == 0).then_some(stop)
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
