//! Functions of the interpreter's own modules, without what it does around each call.

use std::ptr;

use pyo3::ffi;
use pyo3::prelude::*;

use super::call::call;

/// At most this many arguments.
const MOST_ARGUMENTS: usize = 2;

/// A function that takes positional arguments.
pub(crate) struct Builtin {
    function: Py<PyAny>,
    /// Where it is and what it is given first, if it takes its arguments in a row.
    implementation: Option<(ffi::PyCFunctionFastWithKeywords, *mut ffi::PyObject)>,
}

// SAFETY: the pointer is to what the function holds, and used with the token of an attached thread only.
unsafe impl Sync for Builtin {}
// SAFETY: as above.
unsafe impl Send for Builtin {}

impl Builtin {
    pub(crate) fn new(function: Bound<'_, PyAny>) -> Self {
        let flags = ffi::METH_FASTCALL | ffi::METH_KEYWORDS;
        // SAFETY: attached; only a built-in function is asked. Its flags say of which type the function
        // is that the interpreter has as the most general one.
        let implementation = unsafe {
            let object = function.as_ptr();
            let is_plain = ffi::PyCFunction_CheckExact(object) != 0
                && ffi::PyCFunction_GetFlags(object) == flags;
            is_plain.then(|| ffi::PyCFunction_GetFunction(object)).flatten().map(|general| {
                let function = std::mem::transmute::<
                    ffi::PyCFunction,
                    ffi::PyCFunctionFastWithKeywords,
                >(general);
                (function, ffi::PyCFunction_GetSelf(object))
            })
        };
        Self { function: function.unbind(), implementation }
    }

    #[cfg(Py_3_14)]
    pub(crate) fn function<'py>(&self, py: Python<'py>) -> &Bound<'py, PyAny> {
        self.function.bind(py)
    }

    pub(crate) fn call<'py>(
        &self,
        py: Python<'py>,
        arguments: &[&Bound<'py, PyAny>],
    ) -> PyResult<Bound<'py, PyAny>> {
        debug_assert!(arguments.len() <= MOST_ARGUMENTS);
        let Some((implementation, receiver)) = self.implementation else {
            return call(self.function.bind(py), arguments);
        };
        let mut row = [ptr::null_mut(); MOST_ARGUMENTS];
        for (place, argument) in row.iter_mut().zip(arguments) {
            *place = argument.as_ptr();
        }
        // SAFETY: attached; the function takes so many borrowed arguments in a row, and no keywords; the
        // answer is an owned reference, or NULL with an exception set. It is part of the interpreter,
        // which ends no thread in there.
        unsafe {
            let count = arguments.len().cast_signed();
            let answer = implementation(receiver, row.as_ptr(), count, ptr::null_mut());
            Bound::from_owned_ptr_or_err(py, answer)
        }
    }
}
