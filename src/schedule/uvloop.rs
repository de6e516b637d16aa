//! uvloop's loop, as far as it is what it was, and its queue.
//!
//! Its methods are in C and cannot be changed, but a subclass or an object may hide them. Its queue is
//! in no attribute; it is among what the loop shows to the garbage collector, and known by its last
//! entry: the handle that `call_soon()` has just given back.

use std::cell::RefCell;

use once_cell::sync::OnceCell;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyList, PyType, PyWeakrefMethods, PyWeakrefReference};

use super::known::KnownClass;
use super::stock;
use crate::asyncio::asyncio;
use crate::ffi::{self, Deque, SharedField};

/// The class, once it was seen; None if it is not what is known here.
static LOOP: OnceCell<Option<Loop>> = OnceCell::new();

/// The class of the last loop that was not uvloop's.
static STRANGER: SharedField<PyType> = SharedField::new(None);

struct Loop {
    class: KnownClass,
    get_debug: Py<PyAny>,
}

thread_local! {
    /// The queue that was found last.
    static QUEUE: RefCell<Option<Py<PyWeakrefReference>>> = const { RefCell::new(None) };
}

/// Whether `call_soon()` of this loop would do nothing but put a handle at the end of the queue: the
/// loop is uvloop's, nobody has changed that method, and it is not in debug mode.
pub(super) fn only_appends(event_loop: &Bound<'_, PyAny>) -> PyResult<bool> {
    let py = event_loop.py();
    let class = event_loop.get_type();
    if STRANGER.is(py, &class) {
        return Ok(false);
    }
    let Some(known) = known(py)?.filter(|known| known.class.is_class_of(event_loop)) else {
        STRANGER.put(class);
        return Ok(false);
    };
    if !known.class.is_unchanged(py) {
        return Ok(false);
    }
    let own = ffi::own_attributes(event_loop)?;
    if !own.is_empty()
        && (own.contains(intern!(py, "call_soon"))? || own.contains(intern!(py, "get_debug"))?)
    {
        return Ok(false);
    }
    Ok(!ffi::call(known.get_debug.bind(py), &[event_loop])?.is_truthy()?)
}

fn known(py: Python<'_>) -> PyResult<Option<&'static Loop>> {
    if LOOP.get().is_none() {
        let modules = py.import("sys")?.getattr("modules")?;
        let package = modules.call_method1("get", ("uvloop",))?;
        let Some(class) = package.getattr_opt("Loop")? else { return Ok(None) };
        let found = class.cast_into::<PyType>().ok().filter(is_plain);
        let known = found.map(|class| Loop::new(&class)).transpose()?;
        let _ = LOOP.set(known);
    }
    Ok(LOOP.get().and_then(Option::as_ref))
}

impl Loop {
    fn new(class: &Bound<'_, PyType>) -> PyResult<Self> {
        let get_debug = class.getattr(intern!(class.py(), "get_debug"))?.unbind();
        Ok(Self { class: KnownClass::new(class, &["call_soon", "get_debug"])?, get_debug })
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
    })
}

/// The queue of the loop, which has this handle at its end.
pub(super) fn queue_ending_with<'py>(
    event_loop: &Bound<'py, PyAny>,
    handle: &Bound<'py, PyAny>,
) -> PyResult<Option<Deque<'py>>> {
    let py = event_loop.py();
    let ends_with_it = |queue: &Deque<'py>| queue.last().is_some_and(|last| last.is(handle));
    let noted = QUEUE.with_borrow(|noted| noted.as_ref().and_then(|it| it.bind(py).upgrade()));
    if let Some(queue) = noted.and_then(stock::as_queue).filter(ends_with_it) {
        return Ok(Some(queue));
    }
    let shown = ffi::call(asyncio(py).get_referents.bind(py), &[event_loop])?;
    let shown = shown.cast_into::<PyList>()?;
    let Some(queue) = shown.iter().filter_map(stock::as_queue).find(ends_with_it) else {
        return Ok(None);
    };
    let noted = PyWeakrefReference::new(queue.as_any())?.unbind();
    drop(QUEUE.replace(Some(noted)));
    Ok(Some(queue))
}
