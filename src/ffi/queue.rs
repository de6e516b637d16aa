//! `collections.deque`, the queue of a stock loop, at both ends and without a Python call.
//!
//! The methods are C functions in the table of the type: they are called where they are. Who is first or
//! last is read from the deque's memory, in the versions of CPython that are known here.

use pyo3::exceptions::PyAttributeError;
use pyo3::ffi;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::PyType;

/// `block` of CPython's `Modules/_collectionsmodule.c`
#[cfg(not(Py_3_15))]
#[repr(C)]
struct Block {
    left: *mut Self,
    entries: [*mut ffi::PyObject; 64],
    right: *mut Self,
}

/// The beginning of `dequeobject`, there; 3.11 to 3.14. The indices are within the first block and the
/// last.
#[cfg(not(Py_3_15))]
#[repr(C)]
struct Ends {
    head: ffi::PyVarObject,
    first_block: *mut Block,
    last_block: *mut Block,
    first: usize,
    last: usize,
}

/// The type and those of its functions that are needed.
pub(crate) struct DequeClass {
    class: *mut ffi::PyTypeObject,
    append: ffi::PyCFunction,
    append_left: ffi::PyCFunction,
    pop: ffi::PyCFunction,
    pop_left: ffi::PyCFunction,
    #[cfg(Py_3_15)]
    item: ffi::ssizeargfunc,
}

// SAFETY: the pointers are to a type that lives as long as the interpreter and to code; they are used
// with the token of an attached thread only.
unsafe impl Sync for DequeClass {}
// SAFETY: as above.
unsafe impl Send for DequeClass {}

impl DequeClass {
    pub(crate) fn look_up(py: Python<'_>) -> PyResult<Self> {
        let class = PyModule::import(py, "collections")?.getattr("deque")?.cast_into::<PyType>()?;
        let class = class.as_type_ptr();
        // SAFETY: attached; a type that is ready has its slots filled, and is never freed: the module
        // `collections` and every loop need it.
        unsafe {
            Ok(Self {
                class,
                append: function(class, c"append", ffi::METH_O)?,
                append_left: function(class, c"appendleft", ffi::METH_O)?,
                pop: function(class, c"pop", ffi::METH_NOARGS)?,
                pop_left: function(class, c"popleft", ffi::METH_NOARGS)?,
                #[cfg(Py_3_15)]
                item: (*class)
                    .tp_as_sequence
                    .as_ref()
                    .and_then(|sequence| sequence.sq_item)
                    .ok_or_else(|| PyAttributeError::new_err("deque has no items"))?,
            })
        }
    }

    /// Whether an object is exactly a deque and has this entry there.
    #[inline]
    pub(crate) fn has_at(
        &self,
        end: End,
        object: &Bound<'_, PyAny>,
        entry: &Bound<'_, PyAny>,
    ) -> bool {
        let deque = object.as_ptr();
        // SAFETY: attached; a deque is an object of variable size, which is how many entries it has.
        unsafe {
            ffi::Py_TYPE(deque) == self.class
                && ffi::Py_SIZE(deque) > 0
                && self.entry_at(end, deque) == entry.as_ptr()
        }
    }

    /// The entry, to be compared by address.
    ///
    /// # Safety
    /// Attached; the object is exactly a deque, and not empty.
    #[cfg(not(Py_3_15))]
    #[inline]
    #[allow(clippy::unused_self)] // as the other one
    unsafe fn entry_at(&self, end: End, deque: *mut ffi::PyObject) -> *mut ffi::PyObject {
        // SAFETY: the caller vouches for the object.
        unsafe {
            let ends = &*deque.cast::<Ends>();
            match end {
                End::First => (*ends.first_block).entries[ends.first],
                End::Last => (*ends.last_block).entries[ends.last],
            }
        }
    }

    #[cfg(Py_3_15)]
    unsafe fn entry_at(&self, end: End, deque: *mut ffi::PyObject) -> *mut ffi::PyObject {
        // SAFETY: the caller vouches for the object. The answer is an owned reference to what the deque
        // holds as well.
        unsafe {
            let index = match end {
                End::First => 0,
                End::Last => ffi::Py_SIZE(deque) - 1,
            };
            let entry = (self.item)(deque, index);
            ffi::Py_XDECREF(entry);
            entry
        }
    }

    /// The object as a queue, if it is exactly a deque.
    pub(crate) fn cast<'py>(&'static self, object: Bound<'py, PyAny>) -> Option<Deque<'py>> {
        (object.get_type_ptr() == self.class).then_some(Deque { deque: object, class: self })
    }
}

/// The C function of a method that takes one argument, or none.
///
/// # Safety
/// Attached; `class` is ready.
unsafe fn function(
    class: *mut ffi::PyTypeObject,
    name: &std::ffi::CStr,
    flags: std::ffi::c_int,
) -> PyResult<ffi::PyCFunction> {
    // SAFETY: the table ends with an entry that has no name; the flags say which kind of function
    // the union of pointers holds.
    unsafe {
        let mut method = (*class).tp_methods;
        while !method.is_null() && !(*method).ml_name.is_null() {
            if std::ffi::CStr::from_ptr((*method).ml_name) == name && (*method).ml_flags == flags {
                return Ok((*method).ml_meth.PyCFunction);
            }
            method = method.add(1);
        }
    }
    Err(PyAttributeError::new_err(format!("deque.{name:?}")))
}

/// An end of a deque.
#[derive(Clone, Copy)]
pub(crate) enum End {
    First,
    Last,
}

/// A deque.
pub(crate) struct Deque<'py> {
    deque: Bound<'py, PyAny>,
    class: &'static DequeClass,
}

impl<'py> Deque<'py> {
    pub(crate) fn as_any(&self) -> &Bound<'py, PyAny> {
        &self.deque
    }

    pub(crate) fn py(&self) -> Python<'py> {
        self.deque.py()
    }

    pub(crate) fn len(&self) -> usize {
        // SAFETY: a deque is an object of variable size, which is how many entries it has.
        unsafe { ffi::Py_SIZE(self.deque.as_ptr()).cast_unsigned() }
    }

    pub(crate) fn append(&self, entry: &Bound<'_, PyAny>) -> PyResult<()> {
        self.call(self.class.append, entry.as_ptr()).map(drop)
    }

    pub(crate) fn append_left(&self, entry: &Bound<'_, PyAny>) -> PyResult<()> {
        self.call(self.class.append_left, entry.as_ptr()).map(drop)
    }

    /// Puts an entry before the one at this position.
    pub(crate) fn insert(&self, position: usize, entry: &Bound<'_, PyAny>) -> PyResult<()> {
        if position == 0 {
            return self.append_left(entry);
        }
        self.deque.call_method1(intern!(self.py(), "insert"), (position, entry)).map(drop)
    }

    /// # Errors
    /// `IndexError` when it is empty.
    pub(crate) fn pop(&self) -> PyResult<Bound<'py, PyAny>> {
        self.call(self.class.pop, std::ptr::null_mut())
    }

    /// # Errors
    /// `IndexError` when it is empty.
    pub(crate) fn pop_left(&self) -> PyResult<Bound<'py, PyAny>> {
        self.call(self.class.pop_left, std::ptr::null_mut())
    }

    /// Whether this is the first entry.
    pub(crate) fn begins_with(&self, entry: &Bound<'_, PyAny>) -> bool {
        self.class.has_at(End::First, &self.deque, entry)
    }

    /// Whether this is the last entry.
    pub(crate) fn ends_with(&self, entry: &Bound<'_, PyAny>) -> bool {
        self.class.has_at(End::Last, &self.deque, entry)
    }

    fn call(
        &self,
        function: ffi::PyCFunction,
        argument: *mut ffi::PyObject,
    ) -> PyResult<Bound<'py, PyAny>> {
        // SAFETY: attached; the function is a method of exactly this type that takes what it is
        // given, by its flags; the answer is an owned reference, or NULL with an exception set.
        unsafe {
            let answer = function(self.deque.as_ptr(), argument);
            Bound::from_owned_ptr_or_err(self.deque.py(), answer)
        }
    }
}
