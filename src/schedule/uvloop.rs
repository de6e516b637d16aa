//! uvloop's loop, as far as it is what it was, its queue, and what it watches.
//!
//! Its methods are in C and cannot be changed, but a subclass or an object may hide them. What it keeps to
//! itself is read from its memory (`ffi/uvloop.rs`), once a loop of its class was compared with what it
//! tells; where that does not fit, its loops are like those of strangers.

use std::ffi::c_uint;

use once_cell::sync::OnceCell;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyList, PyType};

use super::known::KnownClass;
use super::stock;
use crate::asyncio::asyncio;
use crate::ffi::{self, Deque, OwnTogether, SharedField, Told, UvloopMemory};

/// The class, once it was seen; None if it is not what is known here.
static LOOP: OnceCell<Option<Loop>> = OnceCell::new();

/// The class of the last loop that was not uvloop's, before one was.
static STRANGER: SharedField<PyType> = SharedField::new(None);

struct Loop {
    class: KnownClass,
    /// What would hide its methods.
    hidden: OwnTogether<2, 0>,
    /// What is gone around where tasks are made.
    maker: KnownClass,
    /// Methods of uvloop, whatever else the class may have by those names.
    call_soon: Py<PyAny>,
    get_debug: Py<PyAny>,
    time: Py<PyAny>,
    /// `uvloop.loop.libuv_get_loop_t_ptr`, if it is of a libuv that is known here.
    get_libuv: Option<Py<PyAny>>,
    /// Whether its memory is as it is known here, once one was looked at.
    is_laid_out_as_known: OnceCell<bool>,
}

/// What is gone around on a loop.
const METHODS: [&str; 2] = ["call_soon", "get_debug"];
const CALL_SOON: usize = 0;
const GET_DEBUG: usize = 1;

/// The method by which it makes tasks.
const CREATE_TASK: &str = "create_task";

/// So many timers are looked at to see if they are due; of more, some probably is.
const MOST_TIMERS: c_uint = 4;

/// The versions of libuv with a loop as it is known here: 1.x.
const KNOWN_LIBUV: u32 = 1;

/// Whether `call_soon()` of this loop would do nothing but put a handle at the end of the queue: the
/// loop is uvloop's, nobody has changed that method, and it is not in debug mode.
pub(super) fn only_appends(event_loop: &Bound<'_, PyAny>) -> PyResult<bool> {
    let Some(known) = known_as(event_loop)? else { return Ok(false) };
    if !known.has_method(event_loop, CALL_SOON)? {
        return Ok(false);
    }
    // Its `call_soon()` does not ask what may hide this.
    Ok(!known.is_in_debug_mode(event_loop)?)
}

/// `loop.get_debug()` of a loop that is uvloop's, if nobody has changed that method.
pub(super) fn debug_of(event_loop: &Bound<'_, PyAny>) -> PyResult<Option<bool>> {
    let Some(known) = known_as(event_loop)? else { return Ok(None) };
    if !known.has_method(event_loop, GET_DEBUG)? {
        return Ok(None);
    }
    known.is_in_debug_mode(event_loop).map(Some)
}

/// Whether a loop is uvloop's and has its `call_soon()`.
pub(super) fn has_its_call_soon(event_loop: &Bound<'_, PyAny>) -> PyResult<bool> {
    let Some(known) = known_as(event_loop)? else { return Ok(false) };
    known.has_method(event_loop, CALL_SOON)
}

/// Whether a loop is uvloop's and makes tasks as it did at first.
pub(crate) fn has_its_create_task(event_loop: &Bound<'_, PyAny>) -> PyResult<bool> {
    let Some(known) = known_as(event_loop)? else { return Ok(false) };
    known.maker.has_method(event_loop, 0)
}

/// `call_soon()` of uvloop, once a loop of it was seen: for what has become ready while the loop still had
/// that one.
pub(super) fn call_soon(py: Python<'_>) -> Option<&Bound<'_, PyAny>> {
    LOOP.get()?.as_ref().map(|known| known.call_soon.bind(py))
}

/// What is known of this loop, if it is uvloop's.
#[inline]
fn known_as(event_loop: &Bound<'_, PyAny>) -> PyResult<Option<&'static Loop>> {
    let class = event_loop.get_type_ptr();
    match LOOP.get() {
        Some(Some(known)) => Ok(Some(known).filter(|known| known.class.is_class_of(event_loop))),
        _ if STRANGER.has_address(event_loop.py(), class.cast()) => Ok(None),
        _ => look_at(event_loop),
    }
}

/// The same where no loop of uvloop's was seen yet.
#[cold]
fn look_at(event_loop: &Bound<'_, PyAny>) -> PyResult<Option<&'static Loop>> {
    let is_of = |known: &&Loop| known.class.is_class_of(event_loop);
    let class = event_loop.get_type();
    let known = known(event_loop.py())?.filter(is_of);
    if known.is_none() {
        STRANGER.put(class);
    }
    Ok(known)
}

fn known(py: Python<'_>) -> PyResult<Option<&'static Loop>> {
    if LOOP.get().is_none() {
        let package = imported(py, "uvloop")?;
        let Some(class) = package.getattr_opt("Loop")? else { return Ok(None) };
        let found = class.cast_into::<PyType>().ok().filter(is_plain);
        let known = found.map(|class| Loop::new(&class)).transpose()?;
        let _ = LOOP.set(known);
    }
    Ok(LOOP.get().and_then(Option::as_ref))
}

/// A module, or None if it was not imported: nothing can be when the interpreter shuts down.
fn imported<'py>(py: Python<'py>, name: &str) -> PyResult<Bound<'py, PyAny>> {
    asyncio(py).modules.bind(py).call_method1("get", (name,))
}

impl Loop {
    fn new(class: &Bound<'_, PyType>) -> PyResult<Self> {
        let py = class.py();
        let method = |name| class.getattr(name).map(Bound::unbind);
        Ok(Self {
            call_soon: method(intern!(py, "call_soon"))?,
            get_debug: method(intern!(py, "get_debug"))?,
            time: method(intern!(py, "time"))?,
            get_libuv: get_libuv(class)?.map(Bound::unbind),
            is_laid_out_as_known: OnceCell::new(),
            class: KnownClass::new(class, &METHODS, &[])?,
            hidden: OwnTogether::new(py, METHODS, []),
            maker: KnownClass::new(class, &[CREATE_TASK], &[])?,
        })
    }

    /// Whether a call of this method, by its place among `METHODS`, runs what the class had at first. The loop
    /// is of this class.
    #[inline]
    fn has_method(&self, event_loop: &Bound<'_, PyAny>, place: usize) -> PyResult<bool> {
        let has_all = self.class.is_unchanged(event_loop.py())
            && self.hidden.look(event_loop, |[]| ()).is_some();
        if has_all { Ok(true) } else { self.class.has_method(event_loop, place) }
    }

    /// The memory of a loop of this class.
    fn memory<'a, 'py>(&self, event_loop: &'a Bound<'py, PyAny>) -> Option<UvloopMemory<'a, 'py>> {
        let is_known = self.is_laid_out_as_known.get().is_some_and(|known| *known);
        // SAFETY: the loop is of this class, for one of which that was true.
        is_known.then(|| unsafe { UvloopMemory::of(event_loop) })
    }

    /// Whether a loop of this class is in debug mode, whatever hides that method of uvloop.
    fn is_in_debug_mode(&self, event_loop: &Bound<'_, PyAny>) -> PyResult<bool> {
        match self.memory(event_loop) {
            Some(memory) => Ok(memory.is_in_debug_mode()),
            None => ffi::call(self.get_debug.bind(event_loop.py()), &[event_loop])?.is_truthy(),
        }
    }

    /// Looks at a loop of this class that runs in this thread: one that stands still has nothing but zeros
    /// where it could be told apart.
    #[cold]
    fn note(&self, event_loop: &Bound<'_, PyAny>, handle: &Bound<'_, PyAny>) -> PyResult<()> {
        let py = event_loop.py();
        let running = ffi::call(asyncio(py).find_running_loop.bind(py), &[])?;
        // Anybody can say that a loop is the running one.
        if !running.is(event_loop) || !event_loop.call_method0("is_running")?.is_truthy()? {
            return Ok(());
        }
        let is_as_known = self.compare(event_loop, handle)?;
        let _ = self.is_laid_out_as_known.set(is_as_known);
        Ok(())
    }

    /// Compares the memory of a loop of this class with what it tells. Its queue ends with this handle.
    fn compare(&self, event_loop: &Bound<'_, PyAny>, handle: &Bound<'_, PyAny>) -> PyResult<bool> {
        let py = event_loop.py();
        let Some(get_libuv) = &self.get_libuv else { return Ok(false) };
        let referents = ffi::call(asyncio(py).get_referents.bind(py), &[event_loop])?;
        let referents = referents.cast_into::<PyList>()?;
        let ends_with_it = |queue: &Deque<'_>| queue.ends_with(handle);
        let queue = referents.iter().filter_map(stock::as_queue).find(ends_with_it);
        let Some(queue) = queue else { return Ok(false) };
        Ok(ffi::is_laid_out_as_known(
            event_loop,
            &Told {
                libuv: &ffi::call(get_libuv.bind(py), &[event_loop])?,
                slow_callback_duration: &event_loop.getattr("slow_callback_duration")?,
                is_closed: event_loop.call_method0("is_closed")?.is_truthy()?,
                is_in_debug_mode: ffi::call(self.get_debug.bind(py), &[event_loop])?.is_truthy()?,
                queue: queue.as_any(),
                handle,
                referents: &referents,
            },
        ))
    }
}

/// The function that tells where libuv's loop is: a compiled one as the methods of the class are, which
/// nobody can write in Python.
fn get_libuv<'py>(class: &Bound<'py, PyType>) -> PyResult<Option<Bound<'py, PyAny>>> {
    let compiled = class.getattr(intern!(class.py(), "call_soon"))?.get_type();
    let module = imported(class.py(), "uvloop.loop")?;
    let Some(version) = module.getattr_opt("libuv_get_version")? else { return Ok(None) };
    if version.call0()?.extract::<u32>()? >> 16 != KNOWN_LIBUV {
        return Ok(None);
    }
    let found = module.getattr_opt("libuv_get_loop_t_ptr")?;
    Ok(found.filter(|found| found.get_type().is(&compiled)))
}

/// The queue of a loop, if it is uvloop's and its `call_soon()` would do nothing but put a handle at the end of
/// that.
pub(super) fn queue_to_append_to<'py>(
    event_loop: &Bound<'py, PyAny>,
) -> PyResult<Option<Deque<'py>>> {
    let Some(known) = known_as(event_loop)? else { return Ok(None) };
    let memory = known.memory(event_loop).filter(|memory| memory.comes_to_its_queue());
    Ok(memory.map(UvloopMemory::queue).and_then(stock::as_queue))
}

/// Whether the loop is one of uvloop's, which works as is known here.
#[inline]
pub(super) fn is_known(event_loop: &Bound<'_, PyAny>) -> PyResult<bool> {
    known_as(event_loop).map(|known| known.is_some())
}

/// The queue of a loop, if it is uvloop's and in memory as it is known.
pub(super) fn queue_of<'py>(event_loop: &Bound<'py, PyAny>) -> PyResult<Option<Deque<'py>>> {
    let memory = known_as(event_loop)?.and_then(|known| known.memory(event_loop));
    Ok(memory.map(UvloopMemory::queue).and_then(stock::as_queue))
}

/// What `call` answers while the loop is out of debug mode, if it is uvloop's and in memory as it is known.
pub(super) fn out_of_debug_mode<R>(
    event_loop: &Bound<'_, PyAny>,
    call: impl FnOnce() -> R,
) -> PyResult<R> {
    Ok(match known_as(event_loop)?.and_then(|known| known.memory(event_loop)) {
        Some(memory) => memory.out_of_debug_mode(call),
        None => call(),
    })
}

/// Whether uvloop would come back at once for what is ready, and for nothing else: it is running, no timer
/// is due, it watches no file and waits for no thread or process, and it has not been told to stop. Nor
/// does a thread wait for the moments at which it lets go of the interpreter.
pub(super) fn has_nothing_to_watch(event_loop: &Bound<'_, PyAny>) -> PyResult<bool> {
    let Some(known) = known_as(event_loop)? else { return Ok(false) };
    let Some(memory) = known.memory(event_loop) else { return Ok(false) };
    if !ffi::is_only_thread(event_loop.py()) {
        return Ok(false);
    }
    match memory.watched() {
        Some(0) => Ok(true),
        Some(others @ ..=MOST_TIMERS) => are_timers_of_later(event_loop, known, memory, others),
        _ => Ok(false),
    }
}

/// Whether so many handles are all those of timers, none of which is due.
fn are_timers_of_later(
    event_loop: &Bound<'_, PyAny>,
    known: &Loop,
    memory: UvloopMemory<'_, '_>,
    handles: c_uint,
) -> PyResult<bool> {
    let has_so_many = |timers: &Bound<'_, _>| PySetMethods::len(timers) == handles as usize;
    let Some(timers) = memory.timers().filter(has_so_many) else { return Ok(false) };
    let py = event_loop.py();
    let now = milliseconds(&ffi::call(known.time.bind(py), &[event_loop])?)?;
    for timer in &timers {
        if milliseconds(&ffi::call_method(intern!(py, "when"), &[&timer])?)? <= now {
            return Ok(false);
        }
    }
    Ok(true)
}

/// A time in seconds as libuv has it, without what was lost on the way.
fn milliseconds(seconds: &Bound<'_, PyAny>) -> PyResult<f64> {
    Ok((seconds.extract::<f64>()? * 1000.0).round())
}

/// Looks at a loop if it is the first of uvloop's that runs. Its queue ends with this handle, which its `call_soon()`
/// has just answered with.
#[inline]
pub(super) fn note(event_loop: &Bound<'_, PyAny>, handle: &Bound<'_, PyAny>) -> PyResult<()> {
    match known_as(event_loop)? {
        Some(known) if known.is_laid_out_as_known.get().is_none() => known.note(event_loop, handle),
        _ => Ok(()),
    }
}

/// Whether the class has its methods from one that is written in C and never changes.
fn is_plain(class: &Bound<'_, PyType>) -> bool {
    let base = class.mro().iter().nth(1).and_then(|base| base.cast_into::<PyType>().ok());
    base.is_some_and(|base| {
        let same = |name| {
            let member = |class: &Bound<'_, PyType>| ffi::member_of(class.as_type_ptr(), name);
            member(class).zip(member(&base)).is_some_and(|(own, first)| own.is(&first))
        };
        ffi::never_changes(&base)
            && same(intern!(class.py(), "call_soon"))
            && same(intern!(class.py(), "get_debug"))
            && same(intern!(class.py(), "time"))
    })
}
