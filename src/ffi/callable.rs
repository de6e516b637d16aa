//! Objects that a loop calls without arguments, with nothing made or looked through on the way.

use std::marker::PhantomData;
use std::ptr;

use pyo3::PyClass;
use pyo3::exceptions::PyTypeError;
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::pyclass::boolean_struct::True;

use super::entry::{Entry, Passed, enter};

/// A class whose objects are called.
pub(crate) trait Callable: PyClass<Frozen = True> + Sync {
    fn run(this: &Bound<'_, Self>) -> PyResult<()>;

    /// Where an object says what is called.
    fn called(&self) -> &Called<Self>;
}

/// What is called for an object of `T`: each has a pointer to it, as the interpreter wants it (PEP 590).
#[repr(transparent)]
pub(crate) struct Called<T>(ffi::vectorcallfunc, PhantomData<fn(T)>);

impl<T: Callable> Called<T> {
    pub(crate) fn new() -> Self {
        Self(call::<T>, PhantomData)
    }
}

/// Puts the functions on the type. Once, when the module is made; `specimen` is an object of it.
pub(crate) fn install_call<T: Callable>(specimen: &Bound<'_, T>) {
    let address = ptr::from_ref(specimen.get().called()) as usize;
    let offset = address - specimen.as_ptr() as usize;
    // SAFETY: the type is ready, is called by one of PyO3's functions so far, and no other thread runs.
    // All its objects are laid out as the specimen, with a pointer to `call` at that offset.
    unsafe {
        let class = T::type_object_raw(specimen.py());
        (*class).tp_vectorcall_offset = offset.cast_signed();
        (*class).tp_flags |= ffi::Py_TPFLAGS_HAVE_VECTORCALL;
        (*class).tp_call = Some(ffi::PyVectorcall_Call);
        ffi::PyType_Modified(class);
    }
}

unsafe extern "C" fn call<T: Callable>(
    object: *mut ffi::PyObject,
    arguments: *const *mut ffi::PyObject,
    flagged_count: usize,
    names: *mut ffi::PyObject,
) -> *mut ffi::PyObject {
    // SAFETY: the interpreter calls this attached, with an object of `T` that the caller keeps alive, and
    // a tuple or NULL.
    unsafe {
        let keywords = if names.is_null() { 0 } else { ffi::PyTuple_GET_SIZE(names) };
        let count = ffi::PyVectorcall_NARGS(flagged_count) + keywords;
        enter::<Run<T>>(object, arguments, count, ptr::null_mut())
    }
}

struct Run<T>(PhantomData<T>);

impl<T: Callable> Entry for Run<T> {
    unsafe fn run(py: Python<'_>, passed: Passed) -> PyResult<*mut ffi::PyObject> {
        let Passed { receiver: object, count, .. } = passed;
        if count > 0 {
            return Err(PyTypeError::new_err(format!("takes no arguments ({count} given)")));
        }
        // SAFETY: `call` was given an object of `T`, which lives for the call.
        let this = unsafe { Borrowed::from_ptr(py, object).cast_unchecked::<T>() };
        T::run(&this)?;
        Ok(py.None().into_ptr())
    }
}
