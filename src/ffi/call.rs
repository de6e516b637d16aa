//! Calls of what may be written in Python, in which a thread may be ended at exit (`unwind.rs`); those
//! with a `context=` keyword make no dict on the way.

use std::ptr;

use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyDict, PyString, PyTuple};

use super::error::take_raised;
use super::unwind::{PyObject_Call, PyObject_Vectorcall, PyObject_VectorcallMethod, hang_if_ended};

/// At most this many positional arguments.
const MOST_ARGUMENTS: usize = 3;

fn context_keyword(py: Python<'_>) -> PyResult<&Bound<'_, PyTuple>> {
    static NAMES: PyOnceLock<Py<PyTuple>> = PyOnceLock::new();
    let names = NAMES.get_or_try_init(py, || {
        PyTuple::new(py, [PyString::intern(py, "context")]).map(Bound::unbind)
    })?;
    Ok(names.bind(py))
}

type Stack = [*mut ffi::PyObject; MOST_ARGUMENTS + 2];

/// The arguments as vectorcall wants them, with a free place in front.
fn in_a_row(arguments: &[&Bound<'_, PyAny>]) -> Stack {
    debug_assert!(arguments.len() <= MOST_ARGUMENTS);
    let mut stack = [ptr::null_mut(); MOST_ARGUMENTS + 2];
    for (place, argument) in stack[1..].iter_mut().zip(arguments) {
        *place = argument.as_ptr();
    }
    stack
}

/// The arguments, and behind them the value of the keyword.
fn lay_out(arguments: &[&Bound<'_, PyAny>], context: &Bound<'_, PyAny>) -> Stack {
    let mut stack = in_a_row(arguments);
    stack[1 + arguments.len()] = context.as_ptr();
    stack
}

/// `callable(*arguments)`
pub(crate) fn call<'py>(
    callable: &Bound<'py, PyAny>,
    arguments: &[&Bound<'py, PyAny>],
) -> PyResult<Bound<'py, PyAny>> {
    let stack = in_a_row(arguments);
    // SAFETY: attached; the stack holds `arguments.len()` positional arguments, borrowed from the
    // caller for the call, behind a place that the callee may use.
    unsafe {
        let count = arguments.len() | ffi::PY_VECTORCALL_ARGUMENTS_OFFSET;
        let answer = hang_if_ended(|| {
            PyObject_Vectorcall(callable.as_ptr(), stack.as_ptr().add(1), count, ptr::null_mut())
        });
        Bound::from_owned_ptr_or_err(callable.py(), answer)
    }
}

/// `callable(*arguments, **keywords)`
pub(crate) fn call_with<'py>(
    callable: &Bound<'py, PyAny>,
    arguments: &Bound<'py, PyTuple>,
    keywords: Option<&Bound<'py, PyDict>>,
) -> PyResult<Bound<'py, PyAny>> {
    let keywords = keywords.map_or(ptr::null_mut(), Bound::as_ptr);
    // SAFETY: attached; the objects are borrowed; the answer is owned, or NULL with an exception set.
    unsafe {
        let answer =
            hang_if_ended(|| PyObject_Call(callable.as_ptr(), arguments.as_ptr(), keywords));
        Bound::from_owned_ptr_or_err(callable.py(), answer)
    }
}

/// `arguments[0].name(*arguments[1:])`
pub(crate) fn call_method<'py>(
    name: &Bound<'py, PyString>,
    arguments: &[&Bound<'py, PyAny>],
) -> PyResult<Bound<'py, PyAny>> {
    let stack = in_a_row(arguments);
    // SAFETY: as in `call`.
    unsafe {
        let count = arguments.len() | ffi::PY_VECTORCALL_ARGUMENTS_OFFSET;
        let answer = hang_if_ended(|| {
            PyObject_VectorcallMethod(name.as_ptr(), stack.as_ptr().add(1), count, ptr::null_mut())
        });
        Bound::from_owned_ptr_or_err(name.py(), answer)
    }
}

/// `callable(*arguments, context=context)`
pub(crate) fn call_in_context<'py>(
    callable: &Bound<'py, PyAny>,
    arguments: &[&Bound<'py, PyAny>],
    context: &Bound<'py, PyAny>,
) -> PyResult<Bound<'py, PyAny>> {
    // SAFETY: the function calls what it is given first.
    unsafe { with_context(PyObject_Vectorcall, callable, arguments, context) }
}

/// `arguments[0].name(*arguments[1:], context=context)`
pub(crate) fn call_method_in_context<'py>(
    name: &Bound<'py, PyString>,
    arguments: &[&Bound<'py, PyAny>],
    context: &Bound<'py, PyAny>,
) -> PyResult<Bound<'py, PyAny>> {
    // SAFETY: the function takes the name of a method first.
    unsafe { with_context(PyObject_VectorcallMethod, name, arguments, context) }
}

/// The two functions of the C API that are called so.
type Vectorcall = unsafe fn(
    *mut ffi::PyObject,
    *const *mut ffi::PyObject,
    usize,
    *mut ffi::PyObject,
) -> *mut ffi::PyObject;

/// # Safety
/// `function` is one of these two, and `called` what it takes first.
#[inline]
unsafe fn with_context<'py>(
    function: Vectorcall,
    called: &Bound<'py, PyAny>,
    arguments: &[&Bound<'py, PyAny>],
    context: &Bound<'py, PyAny>,
) -> PyResult<Bound<'py, PyAny>> {
    let py = called.py();
    let names = context_keyword(py)?;
    let stack = lay_out(arguments, context);
    // SAFETY: attached; the stack holds `arguments.len()` positional arguments and the value of the
    // one keyword, borrowed from the caller for the call, behind a place that the callee may use.
    unsafe {
        let count = arguments.len() | ffi::PY_VECTORCALL_ARGUMENTS_OFFSET;
        let answer = hang_if_ended(|| {
            function(called.as_ptr(), stack.as_ptr().add(1), count, names.as_ptr())
        });
        Bound::from_owned_ptr_or_err(py, answer)
    }
}

/// `receiver.name()`; an exception is handed over as a value, whatever its class.
pub(crate) fn call_method_or_take_raised<'py>(
    receiver: &Bound<'py, PyAny>,
    name: &Bound<'py, PyString>,
) -> Result<Bound<'py, PyAny>, Bound<'py, PyAny>> {
    let py = receiver.py();
    let arguments = [receiver.as_ptr()];
    // SAFETY: attached; one borrowed argument; the answer is an owned reference, or NULL with an
    // exception set.
    unsafe {
        let count = arguments.len();
        let answer = hang_if_ended(|| {
            PyObject_VectorcallMethod(name.as_ptr(), arguments.as_ptr(), count, ptr::null_mut())
        });
        Bound::from_owned_ptr_or_opt(py, answer).ok_or_else(|| take_raised(py))
    }
}

/// `left is right or left == right`, as the containers of Python compare.
pub(crate) fn same_or_equal(left: &Bound<'_, PyAny>, right: &Bound<'_, PyAny>) -> PyResult<bool> {
    // SAFETY: attached; both are valid objects.
    match unsafe { ffi::PyObject_RichCompareBool(left.as_ptr(), right.as_ptr(), ffi::Py_EQ) } {
        -1 => Err(PyErr::fetch(left.py())),
        answer => Ok(answer != 0),
    }
}

/// Whether the object is equal to itself only, and hashed so: its class keeps what `object` has.
pub(crate) fn compares_by_identity(object: &Bound<'_, PyAny>) -> bool {
    // SAFETY: attached; types are complete, and their slots are plain pointers.
    unsafe {
        let class = ffi::Py_TYPE(object.as_ptr());
        let plain = &raw const ffi::PyBaseObject_Type;
        let address = |slot: Option<ffi::hashfunc>| slot.map(|function| function as usize);
        let comparison = |slot: Option<ffi::richcmpfunc>| slot.map(|function| function as usize);
        address((*class).tp_hash) == address((*plain).tp_hash)
            && comparison((*class).tp_richcompare) == comparison((*plain).tp_richcompare)
    }
}
