//! What a class and an object have at the moment, read without running any of their code.

use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyString};

unsafe extern "C" {
    /// As `type.__getattribute__` looks, without binding; PyO3 does not declare it.
    fn _PyType_Lookup(
        class: *mut ffi::PyTypeObject,
        name: *mut ffi::PyObject,
    ) -> *mut ffi::PyObject;
}

/// A number that the class gives up as soon as it or one of its bases is changed, and never takes
/// again; 0 when it has none for the moment.
pub(crate) fn version_of(class: *mut ffi::PyTypeObject) -> u32 {
    // SAFETY: the caller got the pointer from an object or a type that is alive.
    unsafe { (*class).tp_version_tag }
}

/// What the class or one of its bases has under this name.
pub(crate) fn member_of<'py>(
    class: *mut ffi::PyTypeObject,
    name: &Bound<'py, PyString>,
) -> Option<Bound<'py, PyAny>> {
    // SAFETY: attached; the answer is a borrowed reference or NULL, without an exception.
    unsafe { Bound::from_borrowed_ptr_or_opt(name.py(), _PyType_Lookup(class, name.as_ptr())) }
}

/// `object.__dict__`, of an object of a class written in Python that defines none of its own.
pub(crate) fn attributes_of<'py>(object: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyDict>> {
    // SAFETY: attached; the answer is an owned reference to the dict, or NULL with an exception set.
    unsafe {
        let dict = ffi::PyObject_GenericGetDict(object.as_ptr(), std::ptr::null_mut());
        Ok(Bound::from_owned_ptr_or_err(object.py(), dict)?.cast_into_unchecked())
    }
}

/// `attributes.get(name)`
pub(crate) fn attribute<'a, 'py>(
    attributes: &'a Bound<'py, PyDict>,
    name: &Bound<'py, PyString>,
) -> Option<Borrowed<'a, 'py, PyAny>> {
    // SAFETY: attached; comparing names runs no code, so the answer is a reference that the dict
    // keeps alive until it is changed, or NULL without an exception.
    unsafe {
        let value = ffi::PyDict_GetItemWithError(attributes.as_ptr(), name.as_ptr());
        Borrowed::from_ptr_or_opt(attributes.py(), value)
    }
}

/// Whether there is no other reference to the object than this one.
pub(crate) fn is_unshared<T>(object: &Bound<'_, T>) -> bool {
    // SAFETY: attached; the object is valid.
    unsafe { ffi::Py_REFCNT(object.as_ptr()) == 1 }
}
