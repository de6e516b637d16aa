//! Functions that the loop calls, bound to a task.
//!
//! asyncio's own task gives the loop functions that are in no `dir()`: built-in functions whose
//! `__self__` is the task, which asyncio's debug mode looks for, and which compare equal when they are
//! bound to the same one. So are these.

use std::cell::UnsafeCell;
use std::ffi::CStr;
use std::marker::PhantomData;
use std::ptr;

use pyo3::PyClass;
use pyo3::exceptions::PyTypeError;
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::{PyString, PyType};

use super::class::put_method;
use super::entry::{Entry, Passed, enter};
use super::method::definition_of;

/// What such a function does.
pub(crate) trait Body {
    type Receiver: PyClass;
    const LEAST_ARGUMENTS: usize;
    const NAME: &'static str;

    /// Takes at most one argument.
    fn call<'py>(
        receiver: &Bound<'py, Self::Receiver>,
        argument: Option<Bound<'py, PyAny>>,
    ) -> PyResult<()>;
}

/// How the interpreter knows it.
pub(crate) struct Function(UnsafeCell<ffi::PyMethodDef>);

// SAFETY: nobody writes to it: the interpreter asks for a pointer that it could write to, and reads.
unsafe impl Sync for Function {}

impl Function {
    /// `doc` may begin with a signature, as the interpreter writes them.
    pub(crate) const fn new<F: Body>(name: &'static CStr, doc: Option<&'static CStr>) -> Self {
        Self(UnsafeCell::new(ffi::PyMethodDef {
            ml_name: name.as_ptr(),
            ml_meth: ffi::PyMethodDefPointer { PyCFunctionFast: call::<F> },
            ml_flags: ffi::METH_FASTCALL,
            ml_doc: match doc {
                Some(doc) => doc.as_ptr(),
                None => ptr::null(),
            },
        }))
    }

    /// The function with this `__self__`, which must be what its body takes.
    pub(crate) fn bind<'py, T>(
        &'static self,
        receiver: &Bound<'py, T>,
    ) -> PyResult<Bound<'py, PyAny>> {
        // SAFETY: attached; the definition lives for ever; the answer is an owned reference, or NULL
        // with an exception set.
        unsafe {
            let function = ffi::PyCMethod_New(
                self.0.get(),
                receiver.as_ptr(),
                ptr::null_mut(),
                ptr::null_mut(),
            );
            Bound::from_owned_ptr_or_err(receiver.py(), function)
        }
    }
}

/// Has a method that takes one argument be called by the interpreter's shortest way for that. Once, when the
/// module is made.
pub(crate) fn take_one_argument<F: Body>(py: Python<'_>) -> PyResult<()> {
    let way = ffi::PyMethodDefPointer { PyCFunction: call_with_one::<F> };
    // SAFETY: the function takes what such a method is called with.
    unsafe { redefine(&py.get_type::<F::Receiver>(), F::NAME, way, ffi::METH_O) }.map(drop)
}

/// Has a method that PyO3 has made run something else, and be shown as before. Answers with the former one.
///
/// # Safety
/// The function takes what the flags say, of objects of the class. No other thread uses the class yet.
pub(super) unsafe fn redefine<'py>(
    class: &Bound<'py, PyType>,
    name: &str,
    way: ffi::PyMethodDefPointer,
    flags: std::ffi::c_int,
) -> PyResult<Bound<'py, PyAny>> {
    let name = PyString::intern(class.py(), name);
    let made = class.getattr("__dict__")?.get_item(&name)?;
    let definition =
        definition_of(&made).ok_or_else(|| PyTypeError::new_err(format!("{made} is no method")))?;
    // SAFETY: attached; a definition lives for ever, and so does this one. The class is ready.
    unsafe {
        let definition = Function(UnsafeCell::new(ffi::PyMethodDef {
            ml_meth: way,
            ml_flags: flags,
            ..*definition
        }));
        put_method(class, &name, Box::leak(Box::new(definition)).0.get())?;
        ffi::PyType_Modified(class.as_type_ptr());
    }
    Ok(made)
}

unsafe extern "C" fn call_with_one<F: Body>(
    receiver: *mut ffi::PyObject,
    argument: *mut ffi::PyObject,
) -> *mut ffi::PyObject {
    // SAFETY: the interpreter calls this attached, with an object of the class and what `Call` takes.
    unsafe { enter::<Call<F>>(receiver, &raw const argument, 1, ptr::null_mut()) }
}

unsafe extern "C" fn call<F: Body>(
    receiver: *mut ffi::PyObject,
    arguments: *mut *mut ffi::PyObject,
    count: ffi::Py_ssize_t,
) -> *mut ffi::PyObject {
    // SAFETY: the interpreter calls this attached, with what `Call` takes.
    unsafe { enter::<Call<F>>(receiver, arguments, count, ptr::null_mut()) }
}

struct Call<F>(PhantomData<F>);

impl<F: Body> Entry for Call<F> {
    unsafe fn run(py: Python<'_>, passed: Passed) -> PyResult<*mut ffi::PyObject> {
        let Passed { receiver, arguments, count, .. } = passed;
        let count = count.cast_unsigned();
        if !(F::LEAST_ARGUMENTS..=1).contains(&count) {
            let message = format!("{}() takes one argument ({count} given)", F::NAME);
            return Err(PyTypeError::new_err(message));
        }
        // SAFETY: the receiver is the object that `bind` was given, and there are so many borrowed
        // arguments.
        unsafe {
            let receiver = Bound::from_borrowed_ptr(py, receiver).cast_into_unchecked();
            let argument = (count == 1).then(|| Bound::from_borrowed_ptr(py, *arguments));
            F::call(&receiver, argument)?;
        }
        Ok(py.None().into_ptr())
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

/// The code of a function that is written in Python, and the value of its first free variable. None for
/// whatever else, and where there is none.
#[cfg(Py_3_12)]
pub(crate) fn code_and_first_free<'py>(
    function: &Bound<'py, PyAny>,
) -> Option<(Bound<'py, PyAny>, Bound<'py, PyAny>)> {
    let py = function.py();
    // SAFETY: attached; only a function is asked for its code and closure, which are lent. A closure is a
    // tuple of cells, whose values are owned references.
    unsafe {
        if ffi::Py_TYPE(function.as_ptr()) != &raw mut ffi::PyFunction_Type {
            return None;
        }
        let code = Bound::from_borrowed_ptr_or_opt(py, ffi::PyFunction_GetCode(function.as_ptr()))?;
        let closure = ffi::PyFunction_GetClosure(function.as_ptr());
        if closure.is_null() || ffi::PyTuple_GET_SIZE(closure) == 0 {
            return None;
        }
        let value = ffi::PyCell_Get(ffi::PyTuple_GET_ITEM(closure, 0));
        Some((code, Bound::from_owned_ptr_or_opt(py, value)?))
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
