//! Awaiting an object of ours, with nothing raised and nothing allocated where that can be.
//!
//! PyO3 has no `am_send`, and lets `__next__` end with a value only by raising `StopIteration`. So
//! the slots that `await` goes through are put on the types right after those are made: the one that
//! makes the iterator and those that advance it. The memory of iterators is kept for the next ones.
//!
//! These functions do without PyO3's count of attachments, which is how a `Py` that is dropped knows
//! that it may be: they hold `Bound`s only, and count where an error has to be dealt with.

use std::cell::Cell;
use std::ptr;

use pyo3::PyClass;
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::pyclass::boolean_struct::True;

use super::error::catch_panic;
use super::field::SharedField;

unsafe extern "C" {
    /// `raise StopIteration(value)`, whatever the value; PyO3 does not declare it.
    fn _PyGen_SetStopIterationValue(value: *mut ffi::PyObject) -> std::ffi::c_int;
    fn _Py_NewReference(object: *mut ffi::PyObject);
}

/// What an iterator gives when it is advanced.
pub(crate) enum Advance<'py> {
    Yielded(Bound<'py, PyAny>),
    Returned(Bound<'py, PyAny>),
}

/// The iterator behind `await`. Its class is final.
pub(crate) trait Iterate: PyClass<Frozen = True> + Sync {
    type Awaited: PyClass;

    /// Refuses what cannot be awaited.
    fn check(awaited: &Bound<'_, Self::Awaited>) -> PyResult<()>;

    /// A new iterator.
    fn new(awaited: Bound<'_, Self::Awaited>) -> PyResult<Bound<'_, Self>>;

    /// The one field: what it iterates for, until it is exhausted.
    fn awaited(&self) -> &SharedField<Self::Awaited>;

    fn advance<'py>(&self, py: Python<'py>) -> PyResult<Advance<'py>>;

    fn spare() -> &'static Spare;
}

/// Iterators that are gone: of the right type, holding nothing, with a count of zero.
pub(crate) struct Spare {
    objects: [Cell<*mut ffi::PyObject>; MOST_SPARE],
    count: Cell<usize>,
}

// SAFETY: as for `Field`: only a thread that is attached gets at the pointers.
unsafe impl Sync for Spare {}

/// A few more than tasks that end and begin to wait in turns.
const MOST_SPARE: usize = 128;

impl Spare {
    pub(crate) const fn new() -> Self {
        Self { objects: [const { Cell::new(ptr::null_mut()) }; MOST_SPARE], count: Cell::new(0) }
    }

    fn take(&self, _py: Python<'_>) -> Option<*mut ffi::PyObject> {
        let count = self.count.get().checked_sub(1)?;
        self.count.set(count);
        Some(self.objects[count].get())
    }

    /// False when there is no room.
    fn keep(&self, _py: Python<'_>, object: *mut ffi::PyObject) -> bool {
        let count = self.count.get();
        let Some(place) = self.objects.get(count) else { return false };
        place.set(object);
        self.count.set(count + 1);
        true
    }
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
        (*iterator).tp_dealloc = Some(dealloc::<I>);
        let heap = iterator.cast::<ffi::PyHeapTypeObject>();
        (*heap).as_async.am_send = Some(send::<I>);
        (*iterator).tp_as_async = &raw mut (*heap).as_async;
        ffi::PyType_Modified(iterator);
    }
}

unsafe extern "C" fn make<I: Iterate>(awaited: *mut ffi::PyObject) -> *mut ffi::PyObject {
    // SAFETY: the interpreter calls this attached, with an object of the awaited class. Spare memory
    // is of the type of `I`, which it still counts as an object of, and holds nothing.
    unsafe {
        let py = Python::assume_attached();
        let awaited = Bound::from_borrowed_ptr(py, awaited).cast_into_unchecked::<I::Awaited>();
        let made = catch_panic(|| {
            I::check(&awaited)?;
            let Some(object) = I::spare().take(py) else {
                return I::new(awaited).map(Bound::into_ptr);
            };
            let iterator = Borrowed::from_ptr(py, object).cast_unchecked::<I>();
            drop(iterator.get().awaited().exchange(py, Some(awaited)));
            _Py_NewReference(object);
            ffi::PyObject_GC_Track(object.cast());
            Ok(object)
        });
        made.unwrap_or_else(|error| raise(error))
    }
}

unsafe extern "C" fn dealloc<I: Iterate>(object: *mut ffi::PyObject) {
    // SAFETY: the interpreter calls this attached, for an object of exactly the type of `I` whose
    // last reference is gone. What is kept owns nothing but its memory and its reference to the type.
    unsafe {
        let py = Python::assume_attached();
        ffi::PyObject_GC_UnTrack(object.cast());
        let iterator = Borrowed::from_ptr(py, object).cast_unchecked::<I>();
        let awaited = iterator.get().awaited().take(py).map(|awaited| awaited.into_bound(py));
        if !I::spare().keep(py, object) {
            let class = ffi::Py_TYPE(object);
            ffi::PyObject_GC_Del(object.cast());
            ffi::Py_DECREF(class.cast());
        }
        drop(awaited);
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
