//! What libuv's loop tells about itself: how much it waits for.

use std::ffi::{c_uint, c_void};
use std::ptr;

use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::{PyWeakrefMethods, PyWeakrefReference};

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

/// Where the loop of libuv is that a loop of uvloop has.
pub(crate) struct KnownLibuv {
    event_loop: Py<PyWeakrefReference>,
    head: *const Head,
}

/// The loop of libuv that a loop of uvloop has.
pub(crate) struct LibuvLoop<'a, 'py> {
    /// Holds the memory.
    _event_loop: &'a Bound<'py, PyAny>,
    head: *const Head,
}

impl KnownLibuv {
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
        let reference = PyWeakrefReference::new(event_loop)?.unbind();
        let found = Self { event_loop: reference, head: head.cast() };
        // SAFETY: the caller vouches for the address, and the loop is held.
        let data = unsafe { (*found.head).data };
        Ok((data == event_loop.as_ptr().cast()).then_some(found))
    }

    /// The loop of libuv, if this is what it was found with.
    pub(crate) fn of<'a, 'py>(
        &self,
        event_loop: &'a Bound<'py, PyAny>,
    ) -> Option<LibuvLoop<'a, 'py>> {
        let known = self.event_loop.bind(event_loop.py()).upgrade()?;
        known.is(event_loop).then_some(LibuvLoop { _event_loop: event_loop, head: self.head })
    }
}

impl LibuvLoop<'_, '_> {
    /// How many active handles it has; None if it waits for anything else, or has been told to stop.
    pub(crate) fn only_handles(&self) -> Option<c_uint> {
        // SAFETY: the memory is there as long as uvloop's loop is, which is borrowed. libuv writes to it
        // in the thread that the loop runs in, which is this one, or stands still.
        unsafe {
            let goes_on = (*self.head).active_requests.count == 0 && (*self.head).stop_flag == 0;
            goes_on.then_some((*self.head).active_handles)
        }
    }
}
