//! uvloop's loop, as far as it is what it was, and its queue.
//!
//! Its methods are in C and cannot be changed, but a subclass or an object may hide them. Its queue is
//! in no attribute; it is among what the loop shows to the garbage collector, and known by its last
//! entry: the handle that `call_soon()` has just given back.

use std::cell::RefCell;
use std::ffi::c_uint;

use once_cell::sync::OnceCell;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyList, PySet, PyType, PyWeakrefMethods, PyWeakrefReference};

use super::known::KnownClass;
use super::stock;
use crate::asyncio::asyncio;
use crate::ffi::{self, Deque, KnownLibuv, LibuvLoop, SharedField};

/// The class, once it was seen; None if it is not what is known here.
static LOOP: OnceCell<Option<Loop>> = OnceCell::new();

/// The class of the last loop that was not uvloop's, before one was.
static STRANGER: SharedField<PyType> = SharedField::new(None);

struct Loop {
    class: KnownClass,
    /// Methods of uvloop, whatever else the class may have by those names.
    call_soon: Py<PyAny>,
    get_debug: Py<PyAny>,
    time: Py<PyAny>,
    /// `uvloop.loop.libuv_get_loop_t_ptr`, if it is of a libuv that is known here.
    get_libuv: Option<Py<PyAny>>,
    /// `uvloop.loop.TimerHandle`
    timer_class: Option<Py<PyAny>>,
}

/// What is gone around on a loop.
const METHODS: [&str; 2] = ["call_soon", "get_debug"];
const CALL_SOON: usize = 0;
const GET_DEBUG: usize = 1;

/// What uvloop's loop watches when there is nothing to be watched: whether it is idle, its writes, and
/// its calls from other threads.
const OWN_HANDLES: c_uint = 3;

/// So many timers are looked at to see if they are due; of more, some probably is.
const MOST_TIMERS: c_uint = 4;

/// How often the timers of a loop are searched for: it may be something else that it watches.
const MOST_SEARCHES: u8 = 16;

/// The versions of libuv with a loop as `LibuvLoop` knows it: 1.x.
const KNOWN_LIBUV: u32 = 1;

thread_local! {
    /// The loop that was asked about last.
    static NOTED: RefCell<Option<Noted>> = const { RefCell::new(None) };
}

/// What was found out about a loop, which is not kept alive by that.
struct Noted {
    event_loop: Py<PyWeakrefReference>,
    queue: Option<Py<PyWeakrefReference>>,
    libuv: Option<KnownLibuv>,
    /// The set of its timers, once it was found, and how often it may be searched for until then.
    timers: Option<Py<PyWeakrefReference>>,
    searches: u8,
}

/// Whether `call_soon()` of this loop would do nothing but put a handle at the end of the queue: the
/// loop is uvloop's, nobody has changed that method, and it is not in debug mode.
pub(super) fn only_appends(event_loop: &Bound<'_, PyAny>) -> PyResult<bool> {
    let Some(known) = known_as(event_loop)? else { return Ok(false) };
    if !known.class.has_method(event_loop, CALL_SOON)? {
        return Ok(false);
    }
    // Its `call_soon()` does not ask what may hide this.
    Ok(!known.is_in_debug_mode(event_loop)?)
}

/// `loop.get_debug()` of a loop that is uvloop's, if nobody has changed that method.
pub(super) fn debug_of(event_loop: &Bound<'_, PyAny>) -> PyResult<Option<bool>> {
    let Some(known) = known_as(event_loop)? else { return Ok(None) };
    if !known.class.has_method(event_loop, GET_DEBUG)? {
        return Ok(None);
    }
    known.is_in_debug_mode(event_loop).map(Some)
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
        let method = |name| class.getattr(name).map(Bound::unbind);
        let call_soon = method(intern!(class.py(), "call_soon"))?;
        let get_debug = method(intern!(class.py(), "get_debug"))?;
        let time = method(intern!(class.py(), "time"))?;
        let get_libuv = get_libuv(class)?.map(Bound::unbind);
        let timer_class = imported(class.py(), "uvloop.loop")?.getattr_opt("TimerHandle")?;
        let timer_class = timer_class.map(Bound::unbind);
        let class = KnownClass::new(class, &METHODS, &[])?;
        Ok(Self { class, call_soon, get_debug, time, get_libuv, timer_class })
    }

    /// Whether a loop of this class is in debug mode, whatever hides that method of uvloop.
    fn is_in_debug_mode(&self, event_loop: &Bound<'_, PyAny>) -> PyResult<bool> {
        ffi::call(self.get_debug.bind(event_loop.py()), &[event_loop])?.is_truthy()
    }

    /// Where the loop of libuv is that a loop of this class has.
    fn libuv_of(&self, event_loop: &Bound<'_, PyAny>) -> PyResult<Option<KnownLibuv>> {
        let Some(get_libuv) = &self.get_libuv else { return Ok(None) };
        let capsule = ffi::call(get_libuv.bind(event_loop.py()), &[event_loop])?;
        // SAFETY: the function is uvloop's own (`get_libuv`), was given a loop of exactly uvloop's class,
        // and libuv is of a version that has such a loop; uvloop frees it with the loop.
        unsafe { KnownLibuv::new(event_loop, &capsule) }
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

/// Whether the loop is one of uvloop's, which works as is known here.
pub(super) fn is_known(event_loop: &Bound<'_, PyAny>) -> PyResult<bool> {
    known_as(event_loop).map(|known| known.is_some())
}

/// The queue of a loop that was noted.
pub(super) fn queue_of<'py>(event_loop: &Bound<'py, PyAny>) -> PyResult<Option<Deque<'py>>> {
    if known_as(event_loop)?.is_none() {
        return Ok(None);
    }
    Ok(NOTED.with_borrow(|noted| {
        let noted = noted.as_ref().filter(|noted| noted.is_about(event_loop))?;
        let queue = noted.queue.as_ref()?.bind(event_loop.py()).upgrade()?;
        stock::as_queue(queue)
    }))
}

/// The loop of libuv that a loop has that was noted.
pub(super) fn libuv_of<'a, 'py>(event_loop: &'a Bound<'py, PyAny>) -> Option<LibuvLoop<'a, 'py>> {
    NOTED.with_borrow(|noted| noted.as_ref()?.libuv.as_ref()?.of(event_loop))
}

/// Whether uvloop would come back at once for what is ready, and for nothing else: it is running, no timer
/// is due, it watches no file and waits for no thread or process, and it has not been told to stop.
pub(super) fn has_nothing_to_watch(
    event_loop: &Bound<'_, PyAny>,
    libuv: &LibuvLoop<'_, '_>,
) -> bool {
    match libuv.only_handles().and_then(|active| active.checked_sub(OWN_HANDLES)) {
        Some(0) => true,
        Some(others @ ..=MOST_TIMERS) => {
            are_timers_of_later(event_loop, others as usize).unwrap_or_default()
        }
        _ => false,
    }
}

/// Whether so many handles are all those of timers, none of which is due.
fn are_timers_of_later(event_loop: &Bound<'_, PyAny>, handles: usize) -> PyResult<bool> {
    let Some(known) = known_as(event_loop)? else { return Ok(false) };
    let Some(timers) = timers_of(event_loop, known)?.filter(|timers| timers.len() == handles)
    else {
        return Ok(false);
    };
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

/// The set in which a loop has its timers. It is in no attribute, either, and known by what is in it.
fn timers_of<'py>(
    event_loop: &Bound<'py, PyAny>,
    known: &Loop,
) -> PyResult<Option<Bound<'py, PySet>>> {
    let py = event_loop.py();
    let noted = NOTED.with_borrow_mut(|noted| {
        let noted = noted.as_mut().filter(|noted| noted.is_about(event_loop))?;
        let timers = noted.timers.as_ref().map(|timers| timers.bind(py).upgrade());
        if timers.is_none() {
            noted.searches = noted.searches.checked_sub(1)?;
        }
        Some(timers)
    });
    match noted {
        None => Ok(None),
        Some(Some(timers)) => Ok(timers.and_then(|timers| timers.cast_into_exact().ok())),
        Some(None) => find_timers(event_loop, known),
    }
}

fn find_timers<'py>(
    event_loop: &Bound<'py, PyAny>,
    known: &Loop,
) -> PyResult<Option<Bound<'py, PySet>>> {
    let Some(class) = &known.timer_class else { return Ok(None) };
    let is_timer = |object: Bound<'_, PyAny>| object.get_type().is(class);
    let has_timers = |set: &Bound<'_, PySet>| set.iter().next().is_some_and(is_timer);
    let shown = shown_by(event_loop)?;
    let mut sets = shown.iter().filter_map(|shown| shown.cast_into_exact().ok());
    let Some(timers) = sets.find(has_timers) else { return Ok(None) };
    let reference = PyWeakrefReference::new(timers.as_any())?.unbind();
    NOTED.with_borrow_mut(|noted| {
        if let Some(noted) = noted.as_mut() {
            noted.timers = Some(reference);
        }
    });
    Ok(Some(timers))
}

/// Finds out about a loop of uvloop's that was not noted yet: its queue ends with this handle, which its
/// `call_soon()` has just answered with.
pub(super) fn note(event_loop: &Bound<'_, PyAny>, handle: &Bound<'_, PyAny>) -> PyResult<()> {
    let Some(known) = known_as(event_loop)? else { return Ok(()) };
    let is_noted = |noted: &Option<Noted>| noted.as_ref().is_some_and(|it| it.is_about(event_loop));
    if NOTED.with_borrow(is_noted) {
        return Ok(());
    }
    let reference = |object: &Bound<'_, PyAny>| PyWeakrefReference::new(object).map(Bound::unbind);
    let queue = queue_ending_with(event_loop, handle)?;
    let noted = Noted {
        event_loop: reference(event_loop)?,
        queue: queue.map(|queue| reference(queue.as_any())).transpose()?,
        libuv: known.libuv_of(event_loop)?,
        timers: None,
        searches: MOST_SEARCHES,
    };
    drop(NOTED.replace(Some(noted)));
    Ok(())
}

impl Noted {
    fn is_about(&self, event_loop: &Bound<'_, PyAny>) -> bool {
        let noted = self.event_loop.bind(event_loop.py()).upgrade();
        noted.is_some_and(|noted| noted.is(event_loop))
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

/// The queue of the loop, which has this handle at its end.
fn queue_ending_with<'py>(
    event_loop: &Bound<'py, PyAny>,
    handle: &Bound<'py, PyAny>,
) -> PyResult<Option<Deque<'py>>> {
    let shown = shown_by(event_loop)?;
    let ends_with_it = |queue: &Deque<'py>| queue.ends_with(handle);
    Ok(shown.iter().filter_map(stock::as_queue).find(ends_with_it))
}

/// What the loop shows to the garbage collector.
fn shown_by<'py>(event_loop: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyList>> {
    let py = event_loop.py();
    let shown = ffi::call(asyncio(py).get_referents.bind(py), &[event_loop])?;
    Ok(shown.cast_into::<PyList>()?)
}
