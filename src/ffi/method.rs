//! A method that is put on a class which is not ours, and a function that takes the place of one.

use std::cell::UnsafeCell;
use std::ffi::CStr;
use std::marker::PhantomData;
use std::{ptr, slice};

use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::{PyTuple, PyType};

use super::entry::{Entry, Passed, enter};
use super::error::set_raised;
use super::function::redefine;
use super::unwind::{PyObject_Vectorcall, hang_if_ended};

/// What such a method does.
pub(crate) trait Quick {
    /// Whether it is a method: the receiver is the first argument of what is called instead. That of a
    /// function is the module.
    const HAS_RECEIVER: bool = true;

    fn call<'py>(receiver: &Bound<'py, PyAny>, given: &Given<'_, 'py>) -> PyResult<Reply<'py>>;
}

pub(crate) enum Reply<'py> {
    /// What the call gives.
    Answer(Bound<'py, PyAny>),
    /// The function to call instead, with the same arguments.
    Ask(Bound<'py, PyAny>),
    /// The exception instance to raise, unchanged.
    Raise(Bound<'py, PyAny>),
}

/// Has a method that PyO3 has made begin with a short way. Answers with what is to be asked where that does
/// not go on. Once, when the module is made.
pub(crate) fn begin_with<'py, Q: Quick>(
    class: &Bound<'py, PyType>,
    name: &str,
) -> PyResult<Bound<'py, PyAny>> {
    let way = ffi::PyMethodDefPointer { PyCFunctionFastWithKeywords: enter::<Call<Q>> };
    // SAFETY: the function takes what such a method is called with.
    unsafe { redefine(class, name, way, ffi::METH_FASTCALL | ffi::METH_KEYWORDS) }
}

/// So many arguments are passed on without a place of memory for them.
const A_FEW: usize = 5;

/// The arguments of a call.
pub(crate) struct Given<'a, 'py> {
    positional: &'a [*mut ffi::PyObject],
    keywords: &'a [*mut ffi::PyObject],
    names: Option<Bound<'py, PyTuple>>,
    py: Python<'py>,
}

impl<'py> Given<'_, 'py> {
    pub(crate) fn is_nothing(&self) -> bool {
        self.positional.is_empty() && self.keywords.is_empty()
    }

    /// The only argument, if it is one by position.
    pub(crate) fn single(&self) -> Option<Bound<'py, PyAny>> {
        let [value] = self.positional else { return None };
        // SAFETY: the interpreter lends this object for the call.
        self.keywords.is_empty().then(|| unsafe { Bound::from_borrowed_ptr(self.py, *value) })
    }

    pub(crate) fn positional(&self) -> impl ExactSizeIterator<Item = Bound<'py, PyAny>> {
        // SAFETY: the interpreter lends these objects for the call.
        self.positional.iter().map(|value| unsafe { Bound::from_borrowed_ptr(self.py, *value) })
    }

    pub(crate) fn keywords(&self) -> impl Iterator<Item = (Bound<'py, PyAny>, Bound<'py, PyAny>)> {
        let names = self.names.iter().flat_map(PyTupleMethods::iter);
        // SAFETY: as above.
        names.zip(
            self.keywords.iter().map(|value| unsafe { Bound::from_borrowed_ptr(self.py, *value) }),
        )
    }
}

/// The beginning of CPython's `PyMethodDescrObject` (`Include/cpython/descrobject.h`), which PyO3 does
/// not declare.
#[repr(C)]
struct MethodDescriptor {
    base: ffi::PyObject,
    class: *mut ffi::PyTypeObject,
    name: *mut ffi::PyObject,
    qualified_name: *mut ffi::PyObject,
    definition: *mut ffi::PyMethodDef,
}

/// What the interpreter knows a method by that is not written in Python, as a class has it; None for any
/// other member.
pub(super) fn definition_of(member: &Bound<'_, PyAny>) -> Option<*mut ffi::PyMethodDef> {
    // SAFETY: attached; only a descriptor of that type is read as one.
    unsafe {
        let is_method = ffi::Py_TYPE(member.as_ptr()) == &raw mut ffi::PyMethodDescr_Type;
        is_method.then(|| (*member.as_ptr().cast::<MethodDescriptor>()).definition)
    }
}

/// How the interpreter knows it.
pub(crate) struct Method(UnsafeCell<ffi::PyMethodDef>);

// SAFETY: nobody writes to it: the interpreter asks for a pointer that it could write to, and reads.
unsafe impl Sync for Method {}

impl Method {
    /// `doc` may begin with a signature, as the interpreter writes them.
    pub(crate) const fn new<Q: Quick>(name: &'static CStr, doc: &'static CStr) -> Self {
        Self(UnsafeCell::new(ffi::PyMethodDef {
            ml_name: name.as_ptr(),
            ml_meth: ffi::PyMethodDefPointer { PyCFunctionFastWithKeywords: enter::<Call<Q>> },
            ml_flags: ffi::METH_FASTCALL | ffi::METH_KEYWORDS,
            ml_doc: doc.as_ptr(),
        }))
    }

    /// Whether this is what was put into a class.
    pub(crate) fn is(&self, descriptor: &Bound<'_, PyAny>) -> bool {
        definition_of(descriptor) == Some(self.0.get())
    }

    /// What to put into the class.
    pub(crate) fn descriptor<'py>(
        &'static self,
        class: &Bound<'py, PyType>,
    ) -> PyResult<Bound<'py, PyAny>> {
        // SAFETY: attached; the definition lives for ever; the answer is an owned reference, or NULL
        // with an exception set.
        unsafe {
            let descriptor = ffi::PyDescr_NewMethod(class.as_type_ptr(), self.0.get());
            Bound::from_owned_ptr_or_err(class.py(), descriptor)
        }
    }

    /// The same as a function of a module.
    pub(crate) fn function<'py>(
        &'static self,
        module: &Bound<'py, PyModule>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let name = module.name()?;
        // SAFETY: as above.
        unsafe {
            let function =
                ffi::PyCMethod_New(self.0.get(), module.as_ptr(), name.as_ptr(), ptr::null_mut());
            Bound::from_owned_ptr_or_err(module.py(), function)
        }
    }
}

struct Call<Q>(PhantomData<Q>);

impl<Q: Quick> Entry for Call<Q> {
    unsafe fn run(py: Python<'_>, passed: Passed) -> PyResult<*mut ffi::PyObject> {
        let Passed { receiver, arguments, count, names } = passed;
        // SAFETY: the interpreter gives an object of the class, which the caller keeps alive, so many
        // borrowed positional arguments, and then those of the keywords that the tuple `names` (or NULL)
        // gives.
        unsafe {
            let receiver = Borrowed::from_ptr(py, receiver);
            let names_given = Bound::from_borrowed_ptr_or_opt(py, names)
                .map(|names| names.cast_into_unchecked::<PyTuple>());
            let count = count.cast_unsigned();
            let all = count + names_given.as_ref().map_or(0, PyTupleMethods::len);
            let values = if all == 0 { &[] } else { slice::from_raw_parts(arguments, all) };
            let (positional, keywords) = values.split_at(count);
            let given = Given { positional, keywords, names: names_given, py };
            match Q::call(&receiver, &given)? {
                Reply::Answer(answer) => Ok(answer.into_ptr()),
                Reply::Raise(exception) => {
                    set_raised(exception);
                    Ok(ptr::null_mut())
                }
                Reply::Ask(function) if Q::HAS_RECEIVER => {
                    ask_with(&receiver, &function, values, count, names)
                }
                Reply::Ask(function) => ask(&function, values.as_ptr(), count, names),
            }
        }
    }
}

/// What the function gives: an owned reference.
///
/// # Safety
/// The values are borrowed objects: so many positional arguments, and then those of the names.
unsafe fn ask(
    function: &Bound<'_, PyAny>,
    values: *const *mut ffi::PyObject,
    count: usize,
    names: *mut ffi::PyObject,
) -> PyResult<*mut ffi::PyObject> {
    // SAFETY: the caller vouches for the values. The answer is an owned reference, or NULL with an exception
    // set.
    unsafe {
        let answer = hang_if_ended(|| PyObject_Vectorcall(function.as_ptr(), values, count, names));
        Bound::from_owned_ptr_or_err(function.py(), answer).map(Bound::into_ptr)
    }
}

/// The same with the receiver in front of the arguments.
///
/// # Safety
/// As above.
unsafe fn ask_with(
    receiver: &Bound<'_, PyAny>,
    function: &Bound<'_, PyAny>,
    values: &[*mut ffi::PyObject],
    count: usize,
    names: *mut ffi::PyObject,
) -> PyResult<*mut ffi::PyObject> {
    let (mut few, mut many) = ([ptr::null_mut(); 1 + A_FEW], Vec::new());
    let row = if values.len() <= A_FEW {
        &mut few[..=values.len()]
    } else {
        many.resize(1 + values.len(), ptr::null_mut());
        &mut many[..]
    };
    row[0] = receiver.as_ptr();
    row[1..].copy_from_slice(values);
    // SAFETY: the caller vouches for the values; the receiver comes before them.
    unsafe { ask(function, row.as_ptr(), count + 1, names) }
}
