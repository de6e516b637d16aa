//! The last word of an object: an exception that nobody has seen, a task that never ended.

use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::PyDict;

use super::Future;
use crate::ffi;

/// Reports an exception that was set and never retrieved, through the loop's exception handler.
pub(crate) fn never_retrieved(future: &Bound<'_, Future>) {
    let py = future.py();
    let this = future.get();
    if !this.has_unseen_exception(py) {
        return;
    }
    this.log_traceback.set(py, false);
    let Some(exception) = this.value.bound(py) else { return };
    let report = || {
        let name = future.get_type().name()?;
        let context = PyDict::new(py);
        context
            .set_item(intern!(py, "message"), format!("{name} exception was never retrieved"))?;
        context.set_item(intern!(py, "exception"), exception)?;
        context.set_item(intern!(py, "future"), future)?;
        Ok(context)
    };
    call_exception_handler(future, report());
}

/// `loop.call_exception_handler(context)`, with the place where the future was made if it is known.
pub(crate) fn call_exception_handler(
    future: &Bound<'_, Future>,
    context: PyResult<Bound<'_, PyDict>>,
) {
    let py = future.py();
    let Some(event_loop) = future.get().event_loop(py) else { return };
    // A loop that has no handler hears nothing, as with the built-in class.
    let Ok(handler) = event_loop.getattr(intern!(py, "call_exception_handler")) else { return };
    let called = context.and_then(|context| {
        if let Some(stack) = future.get().source_traceback(py) {
            context.set_item(intern!(py, "source_traceback"), stack)?;
        }
        ffi::call(&handler, &[&context])
    });
    if let Err(error) = called {
        ffi::unraisable(error, &handler);
    }
}
