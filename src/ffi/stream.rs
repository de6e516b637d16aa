//! A stream as two extensions share it: an address and a table of C functions.

use std::ffi::c_void;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr;
use std::sync::Arc;

use pyo3::ffi::PyObject;
use pyo3::prelude::*;

use super::error::panicked;

/// What an asynchronous iterator of Python asks of a stream.
pub(crate) trait Source: Send + Sync + 'static {
    /// A future of the next item.
    fn next<'py>(self: &Arc<Self>, py: Python<'py>) -> PyResult<Bound<'py, PyAny>>;

    /// Drops the stream; a future of None.
    fn close<'py>(self: &Arc<Self>, py: Python<'py>) -> PyResult<Bound<'py, PyAny>>;
}

/// All but `release` need an attached thread; answers are owned, NULL says that an exception is set.
#[repr(C)]
struct StreamTable {
    next: unsafe extern "C" fn(*const c_void) -> *mut PyObject,
    close: unsafe extern "C" fn(*const c_void) -> *mut PyObject,
    release: unsafe extern "C" fn(*const c_void),
}

/// A counted reference to some [`Source`].
#[repr(C)]
pub(crate) struct RawStream {
    data: *const c_void,
    table: *const StreamTable,
}

// SAFETY: what is behind the pointers is an `Arc` of a type that is `Send` and `Sync`, and a static.
unsafe impl Send for RawStream {}
// SAFETY: as above.
unsafe impl Sync for RawStream {}

impl RawStream {
    pub(crate) fn new<S: Source>(source: Arc<S>) -> Self {
        let table =
            const { &StreamTable { next: next::<S>, close: close::<S>, release: release::<S> } };
        Self { data: Arc::into_raw(source).cast(), table: &raw const *table }
    }
}

#[cfg(feature = "module")]
impl RawStream {
    pub(crate) fn next<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        // SAFETY: attached; the reference is held by `self`; the answer is owned, or NULL.
        unsafe { Bound::from_owned_ptr_or_err(py, ((*self.table).next)(self.data)) }
    }

    pub(crate) fn close<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        // SAFETY: as above.
        unsafe { Bound::from_owned_ptr_or_err(py, ((*self.table).close)(self.data)) }
    }
}

impl Drop for RawStream {
    fn drop(&mut self) {
        // SAFETY: the reference is given up; this function may be called by any thread.
        unsafe { ((*self.table).release)(self.data) }
    }
}

/// # Safety
/// Attached; `data` is a reference from `RawStream::new::<S>` that the caller keeps.
unsafe fn answer<S: Source>(
    data: *const c_void,
    ask: impl for<'py> FnOnce(&Arc<S>, Python<'py>) -> PyResult<Bound<'py, PyAny>>,
) -> *mut PyObject {
    // SAFETY: the caller vouches for the thread and the reference, which is not counted down here.
    unsafe {
        Python::attach_unchecked(|py| {
            let source = std::mem::ManuallyDrop::new(Arc::from_raw(data.cast::<S>()));
            let asked = catch_unwind(AssertUnwindSafe(|| ask(&source, py)));
            match asked.unwrap_or_else(|payload| Err(panicked(payload.as_ref()))) {
                Ok(future) => future.into_ptr(),
                Err(error) => {
                    error.restore(py);
                    ptr::null_mut()
                }
            }
        })
    }
}

unsafe extern "C" fn next<S: Source>(data: *const c_void) -> *mut PyObject {
    // SAFETY: `StreamTable` asks for what this needs.
    unsafe { answer::<S>(data, Source::next) }
}

unsafe extern "C" fn close<S: Source>(data: *const c_void) -> *mut PyObject {
    // SAFETY: `StreamTable` asks for what this needs.
    unsafe { answer::<S>(data, Source::close) }
}

unsafe extern "C" fn release<S: Source>(data: *const c_void) {
    // SAFETY: `data` is a reference from `RawStream::new::<S>` that the caller gives up.
    let source = unsafe { Arc::from_raw(data.cast::<S>()) };
    let _ = catch_unwind(AssertUnwindSafe(|| drop(source)));
}
