//! Objects that a loop calls without arguments, with nothing made or looked through on the way.

use std::marker::PhantomData;
use std::ptr;

use pyo3::PyClass;
use pyo3::exceptions::PyTypeError;
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::pyclass::boolean_struct::True;

use super::entry::{Entry, enter};

/// A class whose objects are called.
pub(crate) trait Callable: PyClass<Frozen = True> + Sync {
    fn run(this: &Bound<'_, Self>) -> PyResult<()>;
}

/// Puts the function on the type. Once, when the module is made.
pub(crate) fn install_call<T: Callable>(py: Python<'_>) {
    // SAFETY: the type is ready, is called by one of PyO3's functions so far, and no other thread runs.
    unsafe { (*T::type_object_raw(py)).tp_call = Some(call::<T>) };
}

unsafe extern "C" fn call<T: Callable>(
    object: *mut ffi::PyObject,
    arguments: *mut ffi::PyObject,
    keywords: *mut ffi::PyObject,
) -> *mut ffi::PyObject {
    // SAFETY: the interpreter calls this attached, with an object of `T` that the caller keeps alive, a
    // tuple, and a dict or NULL.
    unsafe {
        let named = if keywords.is_null() { 0 } else { ffi::PyDict_Size(keywords) };
        let count = ffi::PyTuple_GET_SIZE(arguments) + named;
        enter::<Run<T>>(object, ptr::null(), count, ptr::null_mut())
    }
}

struct Run<T>(PhantomData<T>);

impl<T: Callable> Entry for Run<T> {
    unsafe fn run(
        py: Python<'_>,
        object: *mut ffi::PyObject,
        _arguments: *const *mut ffi::PyObject,
        count: ffi::Py_ssize_t,
        _names: *mut ffi::PyObject,
    ) -> PyResult<*mut ffi::PyObject> {
        if count > 0 {
            return Err(PyTypeError::new_err(format!("takes no arguments ({count} given)")));
        }
        // SAFETY: `call` was given an object of `T`, which lives for the call.
        let this = unsafe { Borrowed::from_ptr(py, object).cast_unchecked::<T>() };
        T::run(&this)?;
        Ok(py.None().into_ptr())
    }
}
