//! Which interpreter this is.

use pyo3::ffi;
use pyo3::prelude::*;

/// Whether this is the interpreter that the process began with.
///
/// CPython itself refuses the module only where an isolated sub-interpreter asks for that; the
/// statics of this crate, and PyO3's, belong to one interpreter.
pub(crate) fn is_main_interpreter(_py: Python<'_>) -> bool {
    // SAFETY: attached (the token), so there is a current interpreter; the first one has the id 0.
    unsafe { ffi::PyInterpreterState_GetID(ffi::PyInterpreterState_Get()) == 0 }
}
