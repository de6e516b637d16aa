//! Threads that come back to the interpreter again and again.
//!
//! A thread that the interpreter has not made gets a state of its own when it attaches, and loses it
//! when it detaches: memory mapped and unmapped, a few microseconds each time. The threads of the
//! runtime keep theirs until they end.

use std::cell::Cell;

use pyo3::ffi;
#[cfg(feature = "module")]
use pyo3::prelude::*;

/// What a thread holds of the interpreter while it is not attached.
#[derive(Clone, Copy)]
struct Kept {
    state: *mut ffi::PyThreadState,
    first: ffi::PyGILState_STATE,
}

#[derive(Clone, Copy)]
enum Keeping {
    /// Not a thread of the runtime: it would not give the state back.
    No,
    NotYet,
    Yes(Kept),
}

thread_local! {
    static KEEPING: Cell<Keeping> = const { Cell::new(Keeping::No) };
}

/// What tells this thread from all others that have to do with the interpreter now.
#[cfg(feature = "module")]
#[inline]
pub(crate) fn this_thread(_py: Python<'_>) -> usize {
    // SAFETY: attached, so this thread has a state.
    unsafe { ffi::PyThreadState_Get() as usize }
}

/// Whether no other thread has to do with this interpreter, running or waiting.
#[cfg(feature = "module")]
pub(crate) fn is_only_thread(_py: Python<'_>) -> bool {
    // SAFETY: attached, so this thread has a state, which is in the list of its interpreter. Threads that
    // come are put in front of the list, and only the link behind this one's own state is read.
    unsafe {
        let own = ffi::PyThreadState_Get();
        let first = ffi::PyInterpreterState_ThreadHead(ffi::PyThreadState_GetInterpreter(own));
        first == own && ffi::PyThreadState_Next(own).is_null()
    }
}

/// This thread will call [`end_thread`] before it ends.
pub(crate) fn begin_thread() {
    KEEPING.set(Keeping::NotYet);
}

/// Makes the state that this thread keeps, if it is one that does and has none yet. The interpreter is
/// there.
pub(crate) fn keep_thread_state() {
    // SAFETY: it may be asked at any time; in doubt it answers that the thread is attached.
    let detached = || unsafe { ffi::PyGILState_Check() == 0 };
    if matches!(KEEPING.get(), Keeping::NotYet) && detached() {
        // SAFETY: the thread is not attached; what `Ensure` begins is ended by `end_thread`, and the
        // thread is detached again meanwhile.
        let kept = unsafe {
            let first = ffi::PyGILState_Ensure();
            Kept { state: ffi::PyEval_SaveThread(), first }
        };
        KEEPING.set(Keeping::Yes(kept));
    }
}

/// Gives the state back. With `attach` false the interpreter is about to end, and sees to it itself.
pub(crate) fn end_thread(attach: bool) {
    if let Keeping::Yes(kept) = KEEPING.replace(Keeping::No)
        && attach
    {
        // SAFETY: the state is this thread's own, which is not attached; the calls are the reverse of
        // those in `keep_thread_state`.
        unsafe {
            ffi::PyEval_RestoreThread(kept.state);
            ffi::PyGILState_Release(kept.first);
        }
    }
}
