//! What a class, an object and a dict have at the moment, read without running any of their code.

use std::ptr;

use pyo3::PyClass;
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyBytes, PyDict, PyFloat, PyInt, PyString, PyType};

use super::method::definition_of;

unsafe extern "C" {
    /// As `type.__getattribute__` looks, without binding; PyO3 does not declare it.
    fn _PyType_Lookup(
        class: *mut ffi::PyTypeObject,
        name: *mut ffi::PyObject,
    ) -> *mut ffi::PyObject;
    /// As `object.__getattribute__`; nor this one, nor the next.
    fn _PyObject_GenericGetAttrWithDict(
        object: *mut ffi::PyObject,
        name: *mut ffi::PyObject,
        dict: *mut ffi::PyObject,
        quiet: std::ffi::c_int,
    ) -> *mut ffi::PyObject;
    fn _PyObject_GetMethod(
        object: *mut ffi::PyObject,
        name: *mut ffi::PyObject,
        method: *mut *mut ffi::PyObject,
    ) -> std::ffi::c_int;
}

/// A number that the class gives up as soon as it or one of its bases is changed, and never takes
/// again; 0 when it has none for the moment.
pub(crate) fn version_of(class: *mut ffi::PyTypeObject) -> u32 {
    // SAFETY: the caller got the pointer from an object or a type that is alive.
    unsafe { (*class).tp_version_tag }
}

/// Whether nobody can give the class other members than it has.
pub(crate) fn never_changes(class: &Bound<'_, PyType>) -> bool {
    // SAFETY: attached; only the flags are looked at.
    let flags = unsafe { ffi::PyType_GetFlags(class.as_type_ptr()) };
    flags & ffi::Py_TPFLAGS_HEAPTYPE == 0 || flags & ffi::Py_TPFLAGS_IMMUTABLETYPE != 0
}

/// What the class or one of its bases has under this name.
pub(crate) fn member_of<'py>(
    class: *mut ffi::PyTypeObject,
    name: &Bound<'py, PyString>,
) -> Option<Bound<'py, PyAny>> {
    // SAFETY: attached; the answer is a borrowed reference or NULL, without an exception.
    unsafe { Bound::from_borrowed_ptr_or_opt(name.py(), _PyType_Lookup(class, name.as_ptr())) }
}

/// `object.name`, None if there is no such attribute: for objects whose class finds attributes as
/// `object` does. It leaves the object's `__dict__` unmade where it is.
pub(crate) fn attribute_of<'py>(
    object: &Bound<'py, PyAny>,
    name: &Bound<'py, PyString>,
) -> Option<Bound<'py, PyAny>> {
    let (object, py) = (object.as_ptr(), object.py());
    // SAFETY: attached; told to keep quiet about what is missing, the function answers an owned
    // reference or NULL. What a property could have raised is no exception to go on with.
    unsafe {
        let value = _PyObject_GenericGetAttrWithDict(object, name.as_ptr(), ptr::null_mut(), 1);
        if value.is_null() {
            ffi::PyErr_Clear();
        }
        Bound::from_owned_ptr_or_opt(py, value)
    }
}

/// The function that `object.name()` would call: that of the class, unless the object has one of its
/// own.
pub(crate) fn method_of<'py>(
    object: &Bound<'py, PyAny>,
    name: &Bound<'py, PyString>,
) -> PyResult<Bound<'py, PyAny>> {
    let mut method = ptr::null_mut();
    // SAFETY: attached; the answer is an owned reference, bound already or not, or NULL with an
    // exception set.
    unsafe {
        _PyObject_GetMethod(object.as_ptr(), name.as_ptr(), &raw mut method);
        Bound::from_owned_ptr_or_err(object.py(), method)
    }
}

/// Whether it makes no difference how long an object lives.
pub(crate) fn is_plain(object: &Bound<'_, PyAny>) -> bool {
    object.is_none()
        || object.is_exact_instance_of::<PyBool>()
        || object.is_exact_instance_of::<PyInt>()
        || object.is_exact_instance_of::<PyFloat>()
        || object.is_exact_instance_of::<PyString>()
        || object.is_exact_instance_of::<PyBytes>()
}

/// Whether there are weak references to an object of a class that has them at a place of its own.
pub(crate) fn has_weak_references(object: &Bound<'_, PyAny>) -> bool {
    // SAFETY: attached; a positive offset is that of the first of them, or NULL, in the object.
    unsafe {
        let offset = (*ffi::Py_TYPE(object.as_ptr())).tp_weaklistoffset;
        offset <= 0
            || !(*object.as_ptr().byte_offset(offset).cast::<*mut ffi::PyObject>()).is_null()
    }
}

/// Whether there is no other reference to the object than this one.
pub(crate) fn is_unshared<T>(object: &Bound<'_, T>) -> bool {
    // SAFETY: attached; the object is valid.
    unsafe { ffi::Py_REFCNT(object.as_ptr()) == 1 }
}

/// How many references to the object there are.
pub(crate) fn references<T>(object: &Bound<'_, T>) -> isize {
    // SAFETY: attached; the object is valid.
    unsafe { ffi::Py_REFCNT(object.as_ptr()) }
}

/// Has the garbage collector look at an object that it was told to leave out, as at a new one.
pub(crate) fn track<T: PyClass>(object: &Bound<'_, T>) {
    // SAFETY: attached; the class is one that the collector may look at, and the object not tracked.
    unsafe { ffi::PyObject_GC_Track(object.as_ptr().cast()) };
}

/// Has the garbage collector leave out an object, which must not hold anything meanwhile.
pub(crate) fn untrack<T: PyClass>(object: &Bound<'_, T>) {
    // SAFETY: attached; the class is one that the collector may look at.
    unsafe { ffi::PyObject_GC_UnTrack(object.as_ptr().cast()) };
}

/// Gives a class a method, which may be one that cannot be changed. `PyType_Modified` has to follow.
///
/// # Safety
/// The definition lives as long as the class, which is ready and used by no other thread yet.
pub(super) unsafe fn put_method(
    class: &Bound<'_, PyType>,
    name: &Bound<'_, PyString>,
    definition: *mut ffi::PyMethodDef,
) -> PyResult<()> {
    // SAFETY: attached; the caller vouches for the definition and the class, whose dict is its own. The
    // descriptor is an owned reference, or NULL with an exception set.
    unsafe {
        let method = ffi::PyDescr_NewMethod(class.as_type_ptr(), definition);
        let method = Bound::from_owned_ptr_or_err(class.py(), method)?;
        let members = (*class.as_type_ptr()).tp_dict;
        match ffi::PyDict_SetItem(members, name.as_ptr(), method.as_ptr()) {
            0 => Ok(()),
            _ => Err(PyErr::fetch(class.py())),
        }
    }
}

/// Gives a class methods of its own that do what those do which it has from its base.
///
/// asyncio's tasks have theirs, too, and the interpreter calls a method by a short way only on objects
/// of exactly the class that it belongs to. Once, when the module is made.
pub(crate) fn own_methods(base: &Bound<'_, PyType>, class: &Bound<'_, PyType>) -> PyResult<()> {
    let members = base.getattr("__dict__")?;
    let own = class.getattr("__dict__")?;
    for entry in members.call_method0("items")?.try_iter()? {
        let (name, member) = entry?.extract::<(Bound<'_, PyString>, Bound<'_, PyAny>)>()?;
        if let Some(definition) = definition_of(&member)
            && !own.contains(&name)?
        {
            // SAFETY: the definition of a descriptor lives as long as PyO3 does. The class is ready, and
            // no other thread uses it yet.
            unsafe { put_method(class, &name, definition)? };
        }
    }
    // SAFETY: attached; the class is ready.
    unsafe { ffi::PyType_Modified(class.as_type_ptr()) };
    Ok(())
}

/// A number that a dict gives up for ever with each change (PEP 509).
#[cfg(not(Py_3_14))]
#[allow(deprecated)] // it is kept up to date for as long as it is there: up to 3.13
#[allow(clippy::unnecessary_wraps)] // as below
pub(crate) fn version_of_dict(dict: &Bound<'_, PyDict>) -> Option<u64> {
    // SAFETY: attached; a dict is such an object.
    Some(unsafe { (*dict.as_ptr().cast::<ffi::PyDictObject>()).ma_version_tag })
}

/// Dicts have no such number any more.
#[cfg(Py_3_14)]
pub(crate) fn version_of_dict(_dict: &Bound<'_, PyDict>) -> Option<u64> {
    None
}
