//! Functions that the loop calls, bound to a task: methods that Python code cannot look up.
//!
//! asyncio's own task gives the loop functions that are in no `dir()`. Methods of ours are made by
//! PyO3 like all others and then taken out of the class: what stays is the descriptor, which binds
//! them. Being built-in functions they have a `__self__`, which asyncio's debug mode looks for, and
//! compare equal when they are bound to the same object.

use pyo3::exceptions::PyTypeError;
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::{PyString, PyType};

/// A method that is in no class any more.
pub(crate) struct HiddenMethod(Py<PyAny>);

impl HiddenMethod {
    /// Takes the method out of its class. Called when the module is made.
    pub(crate) fn take_out_of(class: &Bound<'_, PyType>, name: &str) -> PyResult<Self> {
        let descriptor = class.getattr(name)?;
        let name = PyString::intern(class.py(), name);
        let class = class.as_type_ptr();
        // SAFETY: attached; no object of the class has been made and no subclass. The dict of a heap
        // type is its own, and what is cached of it is forgotten.
        unsafe {
            if ffi::PyDict_DelItem((*class).tp_dict, name.as_ptr()) != 0 {
                return Err(PyErr::fetch(descriptor.py()));
            }
            ffi::PyType_Modified(class);
        }
        Ok(Self(descriptor.unbind()))
    }

    /// The method as a function whose `__self__` is `receiver`, an object of its class.
    pub(crate) fn bind<'py>(&self, receiver: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        let py = receiver.py();
        let descriptor = self.0.as_ptr();
        // SAFETY: attached; both objects are valid, and the descriptor checks that the receiver is
        // of its class.
        unsafe {
            let get = (*ffi::Py_TYPE(descriptor)).tp_descr_get;
            let get = get.ok_or_else(|| PyTypeError::new_err("a method binds"))?;
            let class = ffi::Py_TYPE(receiver.as_ptr()).cast();
            Bound::from_owned_ptr_or_err(py, get(descriptor, receiver.as_ptr(), class))
        }
    }
}

/// The address of the C function that a call of `method` would run, if `method` is a built-in one
/// bound to `receiver`; None when Python code has put something else in its place.
pub(crate) fn implementation_of(
    method: &Bound<'_, PyAny>,
    receiver: &Bound<'_, PyAny>,
) -> Option<usize> {
    // SAFETY: attached; the other two functions are asked only of a built-in function.
    unsafe {
        if ffi::PyCFunction_Check(method.as_ptr()) == 0
            || ffi::PyCFunction_GetSelf(method.as_ptr()) != receiver.as_ptr()
        {
            return None;
        }
        ffi::PyCFunction_GetFunction(method.as_ptr()).map(|function| function as usize)
    }
}

/// Whether the object has attributes of its own, which could hide those of its class.
///
/// The class must be one of ours or a subclass: they keep their `__dict__` at an offset that the type
/// tells, and make it with the first attribute that is set.
pub(crate) fn has_own_attributes(object: &Bound<'_, PyAny>) -> bool {
    // SAFETY: attached; a positive offset is that of a pointer to a dict, or NULL, in the object.
    unsafe {
        let offset = (*ffi::Py_TYPE(object.as_ptr())).tp_dictoffset;
        offset <= 0
            || !(*object.as_ptr().byte_offset(offset).cast::<*mut ffi::PyObject>()).is_null()
    }
}

unsafe extern "C" {
    /// The type of bound methods and what is behind one; PyO3 declares neither.
    static mut PyMethod_Type: ffi::PyTypeObject;
    fn PyMethod_Function(method: *mut ffi::PyObject) -> *mut ffi::PyObject;
}

/// The function behind a bound method written in Python, to compare by address.
pub(crate) fn function_of_method(method: &Bound<'_, PyAny>) -> Option<*mut ffi::PyObject> {
    // SAFETY: attached; the second function is asked only of a bound method.
    unsafe {
        let is_method = ffi::Py_TYPE(method.as_ptr()) == &raw mut PyMethod_Type;
        is_method.then(|| PyMethod_Function(method.as_ptr()))
    }
}
