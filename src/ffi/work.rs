//! A piece of work as two extensions share it: an address and a table of C functions.
//!
//! The extension that made the work and the one that keeps it (aioxide) may have been compiled apart,
//! by different compilers. Nothing of Rust crosses between them but what is `repr(C)`.

use std::ffi::c_void;
use std::mem::ManuallyDrop;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use pyo3::prelude::*;

use super::error::panicked;

/// Work whose outcome reaches a loop through its queue.
pub(crate) trait Work: Send + Sync + 'static {
    /// Called on the loop's thread when the work comes out of the queue.
    fn deliver(self: Arc<Self>, py: Python<'_>);

    /// Called instead where the loop is closed; by any thread, attached or not.
    fn discard(self: Arc<Self>) {}

    /// Python does not want the work any more. Returns false if it cannot be dropped at once: then it
    /// comes through the queue when it has been.
    fn cancel(self: &Arc<Self>, py: Python<'_>) -> bool {
        let _ = py;
        true
    }
}

/// What can be done with work of one kind. All but `release` and `discard` need an attached thread.
#[repr(C)]
pub(crate) struct WorkTable {
    /// Consumes the reference.
    deliver: unsafe extern "C" fn(*const c_void),
    /// Consumes the reference.
    discard: unsafe extern "C" fn(*const c_void),
    cancel: unsafe extern "C" fn(*const c_void) -> bool,
    /// Consumes the reference.
    release: unsafe extern "C" fn(*const c_void),
}

/// A counted reference to some [`Work`].
#[repr(C)]
pub(crate) struct RawWork {
    data: *const c_void,
    table: *const WorkTable,
}

// SAFETY: what is behind the pointers is an `Arc` of a type that is `Send` and `Sync`, and a static.
unsafe impl Send for RawWork {}
// SAFETY: as above.
unsafe impl Sync for RawWork {}

impl RawWork {
    pub(crate) fn new<W: Work>(work: Arc<W>) -> Self {
        Self { data: Arc::into_raw(work).cast(), table: &raw const *table_of::<W>() }
    }

    pub(crate) fn deliver(self, _py: Python<'_>) {
        let (data, table) = self.into_parts();
        // SAFETY: attached (the token); the reference is given up.
        unsafe { ((*table).deliver)(data) }
    }

    pub(crate) fn discard(self) {
        let (data, table) = self.into_parts();
        // SAFETY: the reference is given up; this function may be called by any thread.
        unsafe { ((*table).discard)(data) }
    }

    pub(crate) fn cancel(&self, _py: Python<'_>) -> bool {
        // SAFETY: attached (the token); the reference is held by `self`.
        unsafe { ((*self.table).cancel)(self.data) }
    }

    fn into_parts(self) -> (*const c_void, *const WorkTable) {
        let parts = (self.data, self.table);
        std::mem::forget(self);
        parts
    }
}

impl Drop for RawWork {
    fn drop(&mut self) {
        // SAFETY: the reference is given up; this function may be called by any thread.
        unsafe { ((*self.table).release)(self.data) }
    }
}

fn table_of<W: Work>() -> &'static WorkTable {
    const {
        &WorkTable {
            deliver: deliver::<W>,
            discard: discard::<W>,
            cancel: cancel::<W>,
            release: release::<W>,
        }
    }
}

/// As `contain`, where the thread is attached: somebody can be told.
fn contain_and_tell<R>(py: Python<'_>, default: R, run: impl FnOnce() -> R) -> R {
    catch_unwind(AssertUnwindSafe(run)).unwrap_or_else(|payload| {
        panicked(payload.as_ref()).write_unraisable(py, None);
        default
    })
}

/// Nothing may unwind into the other extension. The panic has been printed by its hook; what panicked
/// was dropping something, for everything else is caught where its outcome is wanted.
fn contain<R>(default: R, run: impl FnOnce() -> R) -> R {
    catch_unwind(AssertUnwindSafe(run)).unwrap_or(default)
}

unsafe extern "C" fn deliver<W: Work>(data: *const c_void) {
    // SAFETY: `data` is a reference from `RawWork::new::<W>` that the caller gives up; the thread is
    // attached, as `WorkTable` asks.
    unsafe {
        let work = Arc::from_raw(data.cast::<W>());
        Python::attach_unchecked(|py| contain_and_tell(py, (), || work.deliver(py)));
    }
}

unsafe extern "C" fn discard<W: Work>(data: *const c_void) {
    // SAFETY: `data` is a reference from `RawWork::new::<W>` that the caller gives up.
    let work = unsafe { Arc::from_raw(data.cast::<W>()) };
    contain((), || work.discard());
}

unsafe extern "C" fn cancel<W: Work>(data: *const c_void) -> bool {
    // SAFETY: `data` is a reference from `RawWork::new::<W>` that the caller keeps; the thread is
    // attached, as `WorkTable` asks.
    unsafe {
        let work = ManuallyDrop::new(Arc::from_raw(data.cast::<W>()));
        Python::attach_unchecked(|py| contain_and_tell(py, true, || work.cancel(py)))
    }
}

unsafe extern "C" fn release<W: Work>(data: *const c_void) {
    // SAFETY: `data` is a reference from `RawWork::new::<W>` that the caller gives up.
    let work = unsafe { Arc::from_raw(data.cast::<W>()) };
    contain((), || drop(work));
}
