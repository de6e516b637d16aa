//! uvloop's loop as it is in memory: what it keeps to itself, and its methods would not tell.

use std::ffi::{CStr, c_int, c_uint, c_ulong, c_void};

use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::{PyList, PySet};

/// The beginning of `uv_loop_t` (libuv, `include/uv.h`, all versions 1.x).
#[repr(C)]
struct Libuv {
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

/// The beginning of `Loop` (uvloop, `uvloop/loop.pxd`, behind what Cython puts in front).
#[repr(C)]
struct Object {
    head: ffi::PyObject,
    methods: *const c_void,
    libuv: *const Libuv,
    coroutine_debug_set: c_int,
    coroutine_origin_tracking_saved_depth: c_int,
    slow_callback_duration: *mut ffi::PyObject,
    closed: c_int,
    debug: c_int,
    running: c_int,
    stopping: c_int,
    /// `uint64_t`, which is the same wherever uvloop can be.
    thread_id: c_ulong,
    objects: Objects,
    listening_signals: c_int,
    old_signal_wakeup_id: c_int,
    timers: *mut ffi::PyObject,
    files: *mut ffi::PyObject,
    process: *mut ffi::PyObject,
    calls_of_threads: *mut ffi::PyObject,
    idle: *const Idle,
}

/// `UVIdle` (uvloop, `uvloop/handles/idle.pxd` and `handle.pxd`): what has libuv come to the queue again and
/// again.
#[repr(C)]
struct Idle {
    head: ffi::PyObject,
    methods: *const c_void,
    libuv: *const *const c_void,
    event_loop: *const ffi::PyObject,
    source_traceback: *mut ffi::PyObject,
    closed: c_int,
    inited: c_int,
    context: *mut ffi::PyObject,
    has_libuv: c_int,
    handle: *mut ffi::PyObject,
    running: c_int,
}

#[repr(C)]
struct Objects {
    task_factory: *mut ffi::PyObject,
    exception_handler: *mut ffi::PyObject,
    default_executor: *mut ffi::PyObject,
    ready: *mut ffi::PyObject,
    queued_streams: *mut ffi::PyObject,
    executing_streams: *mut ffi::PyObject,
    servers: *mut ffi::PyObject,
    transports: *mut ffi::PyObject,
    processes: *mut ffi::PyObject,
    fd_to_reader_fileobj: *mut ffi::PyObject,
    fd_to_writer_fileobj: *mut ffi::PyObject,
    unix_server_sockets: *mut ffi::PyObject,
    signals: *mut ffi::PyObject,
    signal_handlers: *mut ffi::PyObject,
    ssock: *mut ffi::PyObject,
    csock: *mut ffi::PyObject,
}

/// What uvloop's loop watches in libuv when there is nothing to be watched: whether it is idle, and its
/// calls from other threads. In the main thread it watches for signals, too.
const OWN_HANDLES: c_uint = 2;

/// What a loop of uvloop's says of itself, by its methods and to the collector.
pub(crate) struct Told<'a, 'py> {
    /// The address in the capsule of `uvloop.loop.libuv_get_loop_t_ptr(event_loop)`.
    pub(crate) libuv: &'a Bound<'py, PyAny>,
    pub(crate) slow_callback_duration: &'a Bound<'py, PyAny>,
    pub(crate) is_closed: bool,
    pub(crate) is_in_debug_mode: bool,
    pub(crate) queue: &'a Bound<'py, PyAny>,
    /// At the end of that.
    pub(crate) handle: &'a Bound<'py, PyAny>,
    pub(crate) referents: &'a Bound<'py, PyList>,
}

/// Whether a loop of uvloop's class, which runs in this thread, is in memory as it is known here. Nothing
/// that is found there is followed before it was compared with what the loop tells.
pub(crate) fn is_laid_out_as_known(event_loop: &Bound<'_, PyAny>, told: &Told<'_, '_>) -> bool {
    let shows = |object: *mut ffi::PyObject| {
        told.referents.iter().any(|referent| referent.as_ptr() == object)
    };
    // SAFETY: attached; the object is at least as large as its type says, and so is all that is read here
    // within it. The capsule has an address, or raises. `PyThread_get_thread_ident` needs nothing.
    unsafe {
        let size = (*event_loop.get_type_ptr()).tp_basicsize.cast_unsigned();
        if size < size_of::<Object>() {
            return false;
        }
        let libuv = ffi::PyCapsule_GetPointer(told.libuv.as_ptr(), std::ptr::null());
        if libuv.is_null() {
            ffi::PyErr_Clear();
            return false;
        }
        let seen = &*event_loop.as_ptr().cast::<Object>();
        let objects: [*mut ffi::PyObject; size_of::<Objects>() / size_of::<usize>()] =
            std::mem::transmute_copy(&seen.objects);
        seen.libuv.cast() == libuv.cast_const()
            && (*seen.libuv).data == event_loop.as_ptr().cast()
            && seen.slow_callback_duration == told.slow_callback_duration.as_ptr()
            && seen.closed == c_int::from(told.is_closed)
            && seen.debug == c_int::from(told.is_in_debug_mode)
            && seen.running == 1
            && matches!(seen.stopping, 0 | 1)
            && seen.thread_id == ffi::PyThread_get_thread_ident()
            && seen.objects.ready == told.queue.as_ptr()
            && objects.into_iter().all(shows)
            && matches!(seen.listening_signals, 0 | 1)
            && shows(seen.timers)
            && ffi::Py_TYPE(seen.timers) == &raw mut ffi::PySet_Type
            && [seen.files, seen.process, seen.calls_of_threads].into_iter().all(shows)
            && shows(seen.idle.cast_mut().cast())
            && is_idle_as_known(seen.idle, event_loop, told.handle)
    }
}

/// The same for what has it come to its queue, where something waits now.
///
/// # Safety
/// It is an object that is alive.
unsafe fn is_idle_as_known(
    idle: *const Idle,
    event_loop: &Bound<'_, PyAny>,
    handle: &Bound<'_, PyAny>,
) -> bool {
    // SAFETY: attached; the object is as large as its type says. What it points to is followed once all
    // else was found to be right; libuv has who made a handle in its first word.
    unsafe {
        let class = ffi::Py_TYPE(idle.cast_mut().cast());
        let is_named_so =
            CStr::from_ptr((*class).tp_name).to_bytes().ends_with(b"uvloop.loop.UVIdle");
        let seen = &*idle;
        is_named_so
            && (*class).tp_basicsize.cast_unsigned() == size_of::<Idle>()
            && seen.event_loop == event_loop.as_ptr().cast_const()
            && (seen.closed, seen.inited, seen.has_libuv, seen.running) == (0, 1, 1, 1)
            && ffi::Py_TYPE(seen.handle) == ffi::Py_TYPE(handle.as_ptr())
            && *seen.libuv == idle.cast()
    }
}

/// A loop of uvloop's that is in memory as it is known.
#[derive(Clone, Copy)]
pub(crate) struct UvloopMemory<'a, 'py>(&'a Bound<'py, PyAny>);

impl<'a, 'py> UvloopMemory<'a, 'py> {
    /// # Safety
    /// The loop is of exactly the class of one for which `is_laid_out_as_known` was true.
    pub(crate) unsafe fn of(event_loop: &'a Bound<'py, PyAny>) -> Self {
        Self(event_loop)
    }

    fn look(&self) -> &Object {
        // SAFETY: who made this vouches for the class. Only uvloop writes to its loop, and `out_of_debug_mode`
        // while nobody has this reference: in the thread that is attached, or in the one that runs the loop,
        // which is this one or stands still.
        unsafe { &*self.0.as_ptr().cast() }
    }

    pub(crate) fn is_in_debug_mode(self) -> bool {
        self.look().debug != 0
    }

    /// What `call` answers while the loop is out of debug mode, whether it is in it or not. What the collector
    /// of garbage may run meanwhile finds it so as well.
    pub(crate) fn out_of_debug_mode<R>(self, call: impl FnOnce() -> R) -> R {
        let _put_back = self.is_in_debug_mode().then(|| DebugModeOff::begin(self));
        call()
    }

    /// Whether the loop comes to its queue anyway: putting a handle at its end is all that `call_soon()` would
    /// do, out of debug mode and while the loop is open.
    pub(crate) fn comes_to_its_queue(self) -> bool {
        let this = self.look();
        // SAFETY: that object is there as long as the loop is open.
        this.closed == 0 && this.debug == 0 && unsafe { (*this.idle).running } == 1
    }

    /// What is ready.
    pub(crate) fn queue(self) -> Bound<'py, PyAny> {
        // SAFETY: attached; the loop holds it.
        unsafe { Bound::from_borrowed_ptr(self.0.py(), self.look().objects.ready) }
    }

    /// The timers, in no order.
    pub(crate) fn timers(self) -> Option<Bound<'py, PySet>> {
        // SAFETY: as above.
        let timers = unsafe { Bound::from_borrowed_ptr(self.0.py(), self.look().timers) };
        timers.cast_into_exact().ok()
    }

    /// How much it watches that is not its own; None if it waits for anything else, has been told to stop
    /// or does not run.
    pub(crate) fn watched(self) -> Option<c_uint> {
        let this = self.look();
        // SAFETY: the loop of libuv is there as long as that of uvloop is open. libuv writes to it in the
        // thread that the loop runs in.
        let libuv = unsafe { this.libuv.as_ref()? };
        // SAFETY: both members are numbers as good as any.
        let requests = unsafe { libuv.active_requests.count };
        let goes_on =
            this.running == 1 && this.stopping == 0 && requests == 0 && libuv.stop_flag == 0;
        let own = OWN_HANDLES + this.listening_signals.cast_unsigned();
        if goes_on { libuv.active_handles.checked_sub(own) } else { None }
    }
}

/// A loop that is taken out of debug mode, until this is dropped.
struct DebugModeOff<'a, 'py>(UvloopMemory<'a, 'py>);

impl<'a, 'py> DebugModeOff<'a, 'py> {
    fn begin(memory: UvloopMemory<'a, 'py>) -> Self {
        let this = Self(memory);
        this.write(0);
        this
    }

    fn write(&self, mode: c_int) {
        // SAFETY: attached; the loop is alive, and as it is known here. As `set_debug()` of uvloop writes it.
        unsafe { (*self.0.0.as_ptr().cast::<Object>()).debug = mode };
    }
}

impl Drop for DebugModeOff<'_, '_> {
    fn drop(&mut self) {
        self.write(1);
    }
}
