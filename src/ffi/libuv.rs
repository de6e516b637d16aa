//! What libuv's loop tells about itself: how much it waits for.

use std::ffi::{c_uint, c_void};
use std::ptr;

use pyo3::ffi;
use pyo3::prelude::*;

use super::traverse::{Enough, Traverse, Visit};

/// The beginning of `uv_loop_t` (libuv, `include/uv.h`, all versions 1.x).
#[repr(C)]
struct Head {
    /// For whoever made it: uvloop's loop puts itself here.
    data: *mut c_void,
    active_handles: c_uint,
    handle_queue: [*mut c_void; 2],
    active_requests: Requests,
    internal_fields: *mut c_void,
    stop_flag: c_uint,
}

#[repr(C)]
union Requests {
    unused: *mut c_void,
    count: c_uint,
}

/// The loop of libuv that a loop of uvloop has.
pub(crate) struct LibuvLoop {
    /// Holds the memory.
    event_loop: Py<PyAny>,
    head: *const Head,
}

// SAFETY: as for `Field`: only a thread that is attached follows the pointer.
unsafe impl Send for LibuvLoop {}
// SAFETY: as above.
unsafe impl Sync for LibuvLoop {}

impl LibuvLoop {
    /// What `capsule` points to; None if it is not that of this loop.
    ///
    /// # Safety
    /// The capsule is what `uvloop.loop.libuv_get_loop_t_ptr(event_loop)` has answered, which is the
    /// address of a `uv_loop_t` of libuv 1.x that is freed with `event_loop`.
    pub(crate) unsafe fn new(
        event_loop: &Bound<'_, PyAny>,
        capsule: &Bound<'_, PyAny>,
    ) -> PyResult<Option<Self>> {
        let py = event_loop.py();
        // SAFETY: attached; anything but a capsule without a name is refused with an exception.
        let head = unsafe { ffi::PyCapsule_GetPointer(capsule.as_ptr(), ptr::null()) };
        if head.is_null() {
            return Err(PyErr::fetch(py));
        }
        let found = Self { event_loop: event_loop.clone().unbind(), head: head.cast() };
        // SAFETY: the caller vouches for the address, and the loop is held.
        let data = unsafe { (*found.head).data };
        Ok((data == event_loop.as_ptr().cast()).then_some(found))
    }

    /// Whether it has this many active handles, waits for nothing else and goes on.
    pub(crate) fn only_has(&self, _py: Python<'_>, handles: c_uint) -> bool {
        // SAFETY: the memory is there as long as the loop is, which is held. libuv writes to it in the
        // thread that the loop runs in, which is this one, or stands still.
        unsafe {
            (*self.head).active_handles == handles
                && (*self.head).active_requests.count == 0
                && (*self.head).stop_flag == 0
        }
    }
}

impl Traverse for Option<LibuvLoop> {
    fn traverse(&self, visit: &Visit) -> Result<(), Enough> {
        visit.call(self.as_ref().map(|libuv| &libuv.event_loop))
    }
}
