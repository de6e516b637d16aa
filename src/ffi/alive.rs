//! A list of objects that does not keep them alive.
//!
//! It runs through the objects themselves: joining and leaving it allocates nothing and calls
//! nothing. An object leaves it when it is deallocated, before its memory goes; until then it may be
//! seen with a count of zero, which is how a dying object is told.
//!
//! The links are plain cells: a panic half-way would leave pointers to what is gone, and deallocation,
//! which is where objects leave, could not tell anybody of one.

use std::cell::Cell;
use std::ptr;

use pyo3::PyClass;
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::pyclass::boolean_struct::True;

/// An object's place in the list.
pub(crate) struct Links {
    previous: Cell<*mut ffi::PyObject>,
    next: Cell<*mut ffi::PyObject>,
}

// SAFETY: as for `Field`: only a thread that is attached gets at the pointers.
unsafe impl Sync for Links {}
// SAFETY: as above.
unsafe impl Send for Links {}

impl Links {
    pub(crate) const fn new() -> Self {
        Self { previous: Cell::new(ptr::null_mut()), next: Cell::new(ptr::null_mut()) }
    }
}

/// A class whose objects are in a list.
pub(crate) trait Listed: PyClass<Frozen = True> + Sync {
    fn links(&self) -> &Links;
    fn list() -> &'static AliveList;
}

/// The first object of a list.
pub(crate) struct AliveList(Cell<*mut ffi::PyObject>);

// SAFETY: as for `Links`.
unsafe impl Sync for AliveList {}

impl AliveList {
    pub(crate) const fn new() -> Self {
        Self(Cell::new(ptr::null_mut()))
    }
}

/// The links of an object in the list.
///
/// # Safety
/// Attached; the object is of the class, and its memory is there as long as the answer is used.
unsafe fn links<'a, T: Listed + 'a>(py: Python<'_>, object: *mut ffi::PyObject) -> &'a Links {
    // SAFETY: the caller vouches for the object; its value is inside it.
    unsafe {
        let object = Borrowed::from_ptr(py, object).cast_unchecked::<T>();
        &*ptr::from_ref(object.get().links())
    }
}

fn is_in_list<T: Listed>(object: *mut ffi::PyObject, links: &Links) -> bool {
    T::list().0.get() == object || !links.previous.get().is_null()
}

/// Puts the object in its list, if it is not there.
pub(crate) fn join_list<T: Listed>(object: &Bound<'_, T>) {
    let py = object.py();
    let own = object.get().links();
    if is_in_list::<T>(object.as_ptr(), own) {
        return;
    }
    let second = T::list().0.get();
    own.next.set(second);
    if !second.is_null() {
        // SAFETY: what is in the list has not been deallocated.
        unsafe { links::<T>(py, second) }.previous.set(object.as_ptr());
    }
    T::list().0.set(object.as_ptr());
}

/// Takes the object out of its list, if it is there.
pub(crate) fn leave_list<T: Listed>(object: Borrowed<'_, '_, T>) {
    let py = object.py();
    let own = object.get().links();
    if !is_in_list::<T>(object.as_ptr(), own) {
        return;
    }
    let previous = own.previous.replace(ptr::null_mut());
    let next = own.next.replace(ptr::null_mut());
    if previous.is_null() {
        T::list().0.set(next);
    } else {
        // SAFETY: neighbours in the list have not been deallocated.
        unsafe { links::<T>(py, previous) }.next.set(next);
    }
    if !next.is_null() {
        // SAFETY: as above.
        unsafe { links::<T>(py, next) }.previous.set(previous);
    }
}

/// The objects of the list that are not dying.
pub(crate) fn alive<T: Listed>(py: Python<'_>) -> Vec<Bound<'_, T>> {
    let mut alive = Vec::new();
    let mut object = T::list().0.get();
    while !object.is_null() {
        // SAFETY: what is in the list has not been deallocated; nothing in this loop runs Python code
        // that could deallocate it. An object with a count above zero may be referred to once more.
        unsafe {
            if ffi::Py_REFCNT(object) > 0 {
                alive.push(Bound::from_borrowed_ptr(py, object).cast_into_unchecked());
            }
            object = links::<T>(py, object).next.get();
        }
    }
    alive
}
