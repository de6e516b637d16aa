//! How the garbage collector looks through an object.
//!
//! PyO3's way to a `__traverse__` guards against much that cannot happen in these, and the collector
//! comes by often where many tasks wait. So the slot of each class is a function of this file.

use std::ffi::{c_int, c_void};

use pyo3::PyClass;
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::pyclass::boolean_struct::True;

/// The collector, which is shown each object that is held.
pub(crate) struct Visit {
    visit: ffi::visitproc,
    argument: *mut c_void,
}

/// The collector wants to see no more.
pub(crate) struct Enough(c_int);

impl Visit {
    pub(crate) fn call<'a, T: 'a>(
        &self,
        object: impl Into<Option<&'a Py<T>>>,
    ) -> Result<(), Enough> {
        let Some(object) = object.into() else { return Ok(()) };
        self.see(object.as_ptr())
    }

    fn see(&self, object: *mut ffi::PyObject) -> Result<(), Enough> {
        // SAFETY: the collector is shown a valid object, with the argument it came with.
        match unsafe { (self.visit)(object, self.argument) } {
            0 => Ok(()),
            answer => Err(Enough(answer)),
        }
    }
}

/// A value that can show the Python objects it holds to the garbage collector.
pub(crate) trait Traverse {
    /// Shows every object; runs no Python code and changes nothing, not even a count.
    fn traverse(&self, visit: &Visit) -> Result<(), Enough>;
}

impl<T> Traverse for Option<Py<T>> {
    fn traverse(&self, visit: &Visit) -> Result<(), Enough> {
        visit.call(self.as_ref())
    }
}

/// A class whose objects are looked through.
pub(crate) trait Collected: PyClass<Frozen = True> + Sync {
    fn show(this: Borrowed<'_, '_, Self>, visit: &Visit) -> Result<(), Enough>;
}

/// Puts the function on the type. Once, when the module is made.
pub(crate) fn install_traverse<T: Collected>(py: Python<'_>) {
    // SAFETY: the type is ready, has a place for this function because it has one of PyO3's, and no
    // other thread runs.
    unsafe { (*T::type_object_raw(py)).tp_traverse = Some(traverse::<T>) };
}

unsafe extern "C" fn traverse<T: Collected>(
    object: *mut ffi::PyObject,
    visit: ffi::visitproc,
    argument: *mut c_void,
) -> c_int {
    // SAFETY: the collector calls this attached, for an object of `T` or of a subclass; a positive
    // offset is that of a pointer to the object's dict, or NULL.
    unsafe {
        let visit = Visit { visit, argument };
        let this = Borrowed::from_ptr(Python::assume_attached(), object).cast_unchecked::<T>();
        let offset = (*ffi::Py_TYPE(object)).tp_dictoffset;
        let dict = if offset > 0 {
            *object.byte_offset(offset).cast::<*mut ffi::PyObject>()
        } else {
            std::ptr::null_mut()
        };
        // Every object holds its class, also for a subclass written in Python: that leaves it to its
        // base (`subtype_traverse` in CPython's `Objects/typeobject.c`).
        let class = visit.see(ffi::Py_TYPE(object).cast());
        let seen = class.and_then(|()| if dict.is_null() { Ok(()) } else { visit.see(dict) });
        match seen.and_then(|()| T::show(this, &visit)) {
            Ok(()) => 0,
            Err(Enough(answer)) => answer,
        }
    }
}
