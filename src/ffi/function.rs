//! Functions that the loop calls, bound to an object of ours.
//!
//! A method that Python code could look up would show in `dir()`; these are made from a definition
//! of their own, as CPython's `task_wakeup` is. Being built-in functions they have a `__self__`,
//! which asyncio's debug mode looks for, and compare equal when they are bound to the same object.

use std::any::Any;
use std::ffi::CStr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr;

use pyo3::ffi;
use pyo3::panic::PanicException;
use pyo3::prelude::*;

/// What such a function does: `self`, and the argument if the definition takes one.
type Body = for<'py> fn(&Bound<'py, PyAny>, Option<&Bound<'py, PyAny>>) -> PyResult<()>;

/// A definition of a function; it lives as long as the program, because the interpreter keeps a
/// pointer to it.
pub(crate) struct Function(ffi::PyMethodDef);

// SAFETY: the definition is never written to after it is made.
unsafe impl Sync for Function {}

/// The function a definition stands for, as a type: C calls through a plain pointer.
pub(crate) trait Callback {
    const BODY: Body;
}

impl Function {
    /// A function without arguments.
    pub(crate) const fn without_argument<C: Callback>(name: &'static CStr) -> Self {
        Self::new(name, called_without_argument::<C>, ffi::METH_NOARGS)
    }

    /// A function of one argument.
    pub(crate) const fn with_argument<C: Callback>(name: &'static CStr) -> Self {
        Self::new(name, called_with_argument::<C>, ffi::METH_O)
    }

    const fn new(name: &'static CStr, function: ffi::PyCFunction, flags: i32) -> Self {
        Self(ffi::PyMethodDef {
            ml_name: name.as_ptr(),
            ml_meth: ffi::PyMethodDefPointer { PyCFunction: function },
            ml_flags: flags,
            ml_doc: ptr::null(),
        })
    }

    /// The function as a Python object whose `__self__` is `receiver`.
    pub(crate) fn bind<'py>(
        &'static self,
        receiver: &Bound<'py, PyAny>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let definition = (&raw const self.0).cast_mut();
        // SAFETY: attached; the definition is 'static and the interpreter only reads it.
        unsafe {
            let function = ffi::PyCFunction_NewEx(definition, receiver.as_ptr(), ptr::null_mut());
            Bound::from_owned_ptr_or_err(receiver.py(), function)
        }
    }
}

unsafe extern "C" fn called_without_argument<C: Callback>(
    receiver: *mut ffi::PyObject,
    _nothing: *mut ffi::PyObject,
) -> *mut ffi::PyObject {
    // SAFETY: the interpreter calls this attached, with a borrowed receiver.
    unsafe { call(C::BODY, receiver, ptr::null_mut()) }
}

unsafe extern "C" fn called_with_argument<C: Callback>(
    receiver: *mut ffi::PyObject,
    argument: *mut ffi::PyObject,
) -> *mut ffi::PyObject {
    // SAFETY: the interpreter calls this attached, with a borrowed receiver and argument.
    unsafe { call(C::BODY, receiver, argument) }
}

/// # Safety
/// The thread is attached; `receiver` is a borrowed object, `argument` one or NULL.
unsafe fn call(
    body: Body,
    receiver: *mut ffi::PyObject,
    argument: *mut ffi::PyObject,
) -> *mut ffi::PyObject {
    // SAFETY: attached already, this only tells PyO3 so; the caller vouches for the pointers.
    unsafe {
        Python::attach_unchecked(|py| {
            let receiver = Bound::from_borrowed_ptr(py, receiver);
            let argument = Bound::from_borrowed_ptr_or_opt(py, argument);
            let outcome = catch_unwind(AssertUnwindSafe(|| body(&receiver, argument.as_ref())));
            match outcome.unwrap_or_else(|payload| Err(panicked(payload.as_ref()))) {
                Ok(()) => py.None().into_ptr(),
                Err(error) => {
                    error.restore(py);
                    ptr::null_mut()
                }
            }
        })
    }
}

/// A panic as the exception that PyO3's own entry points make of it.
pub(super) fn panicked(payload: &(dyn Any + Send)) -> PyErr {
    let message = payload
        .downcast_ref::<String>()
        .map(String::as_str)
        .or_else(|| payload.downcast_ref::<&str>().copied())
        .unwrap_or("panic from Rust code");
    PanicException::new_err((message.to_owned(),))
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
