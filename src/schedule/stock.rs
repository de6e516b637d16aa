//! asyncio's own loops, as far as they are what they were: the one place that touches what they
//! keep to themselves (rule 7).
//!
//! A loop is known when it is of exactly a stock class and nobody has put something else in the
//! place of the methods that are gone around, neither on the class nor on the loop (`known.rs`).

use once_cell::sync::OnceCell;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyDict, PyList, PyString, PyType};

use super::known::KnownClass;
use super::{pass, timers};
use crate::ffi::{self, Deque, DequeClass, Own, OwnAttribute, OwnAttributes};

/// What is gone around on a loop.
const METHODS: [&str; 4] = ["call_soon", "_call_soon", "_run_once", "get_debug"];
const CALL_SOON: usize = 0;
const RUN_ONCE: usize = 2;
const GET_DEBUG: usize = 3;

/// What is gone around where tasks are made; loops that are told about theirs are still known.
const MAKERS: [&str; 3] = ["create_task", "get_task_factory", "is_running"];
const CREATE_TASK: usize = 0;
const IS_RUNNING: usize = 2;

/// What is gone around on a selector.
const SELECT: usize = 0;

/// Where a loop has its debug mode, and nothing else.
const DEBUG: &str = "_debug";

struct Stock {
    loops: Vec<KnownClass>,
    makers: Vec<KnownClass>,
    handle: KnownClass,
    selector: KnownClass,
    deque: DequeClass,
    call_soon: OwnAttribute,
    debug: OwnAttribute,
}

static STOCK: OnceCell<Stock> = OnceCell::new();

/// Looks at the classes before anybody can have changed them. Called when the module is made.
pub(super) fn look_up(py: Python<'_>) -> PyResult<()> {
    STOCK.get_or_try_init(|| Stock::new(py)).map(drop)
}

impl Stock {
    fn new(py: Python<'_>) -> PyResult<Self> {
        let find = |module: &str, name: &str| -> PyResult<Bound<'_, PyType>> {
            Ok(PyModule::import(py, module)?.getattr(name)?.cast_into()?)
        };
        let loops: Vec<_> = ["SelectorEventLoop", "ProactorEventLoop"]
            .iter()
            .filter_map(|name| find("asyncio", name).ok())
            .collect();
        let known = |methods: &[&str], attributes: &[&str]| {
            let class_as_it_is = |class| KnownClass::new(class, methods, attributes);
            loops.iter().map(class_as_it_is).collect::<PyResult<_>>()
        };
        Ok(Self {
            loops: known(&METHODS, &[DEBUG])?,
            makers: known(&MAKERS, &[])?,
            handle: KnownClass::new(&find("asyncio.events", "Handle")?, &["_run"], &[])?,
            selector: KnownClass::new(&find("selectors", "DefaultSelector")?, &["select"], &[])?,
            deque: DequeClass::look_up(py)?,
            call_soon: OwnAttribute::new(intern!(py, "call_soon")),
            debug: OwnAttribute::new(&PyString::intern(py, DEBUG)),
        })
    }

    fn is_in_debug_mode(&self, event_loop: &Bound<'_, PyAny>) -> bool {
        if self.class_of(event_loop).is_some()
            && let Own::Value(debug) = self.debug.of(event_loop)
        {
            return debug != PyBool::new(event_loop.py(), false).as_ptr();
        }
        !is_false(event_loop, self.debug.name(event_loop.py()))
    }

    /// Whether `call_soon()` of a loop is what it was at first, and the loop is not in debug mode.
    fn works_as_ever(&self, event_loop: &Bound<'_, PyAny>) -> PyResult<bool> {
        let Some(class) = self.class_of(event_loop) else { return Ok(false) };
        let own = OwnAttributes::of(event_loop);
        if let (Own::Nothing, Own::Value(debug)) = (own.get(&self.call_soon), own.get(&self.debug))
        {
            return Ok(debug == PyBool::new(event_loop.py(), false).as_ptr());
        }
        Ok(class.has_method(event_loop, CALL_SOON)? && !self.is_in_debug_mode(event_loop))
    }

    /// The class of a loop, if it is a stock one and works as it did.
    fn class_of(&self, event_loop: &Bound<'_, PyAny>) -> Option<&KnownClass> {
        let py = event_loop.py();
        let class = self.loops.iter().find(|class| class.is_class_of(event_loop))?;
        (class.is_unchanged(py) && self.handle.is_unchanged(py)).then_some(class)
    }
}

fn stock() -> &'static Stock {
    STOCK.get().expect("filled when the module is made")
}

fn is_false(event_loop: &Bound<'_, PyAny>, name: &Bound<'_, PyString>) -> bool {
    let value = ffi::attribute_of(event_loop, name);
    value.is_some_and(|value| value.is(PyBool::new(value.py(), false)))
}

/// Whether a stock loop is in debug mode.
pub(super) fn is_in_debug_mode(event_loop: &Bound<'_, PyAny>) -> bool {
    stock().is_in_debug_mode(event_loop)
}

/// The object as a queue, if it is of the class that loops have theirs of.
pub(super) fn as_queue(object: Bound<'_, PyAny>) -> Option<Deque<'_>> {
    stock().deque.cast(object)
}

/// What is ready on a stock loop; None if somebody has given it another kind of queue.
pub(super) fn ready_queue<'py>(event_loop: &Bound<'py, PyAny>) -> Option<Deque<'py>> {
    as_queue(ffi::attribute_of(event_loop, intern!(event_loop.py(), "_ready"))?)
}

/// The queue at an address.
///
/// # Safety
/// It is the address of a queue that is alive, as `Deque::address` gave it.
pub(super) unsafe fn queue_at(py: Python<'_>, address: usize) -> Deque<'_> {
    // SAFETY: the caller vouches for the address.
    unsafe { stock().deque.at(py, address) }
}

/// The end of a stock loop's queue.
pub(super) struct QueueEnd<'py> {
    pub(super) queue: Deque<'py>,
    /// The batch that was begun there in the pass that this thread is in, 0 if there is none yet; None
    /// outside such a pass.
    pub(super) begun: Option<u64>,
}

/// The end of the queue of a stock loop, if `call_soon()` would do nothing but append to it: the loop is
/// not in debug mode and not closed. Like `call_soon()` itself this does not look at which thread it is
/// in: debug mode does that.
pub(super) fn queue_to_append_to<'py>(
    event_loop: &Bound<'py, PyAny>,
) -> PyResult<Option<QueueEnd<'py>>> {
    if !stock().works_as_ever(event_loop)? {
        return Ok(None);
    }
    // A loop that is running cannot be closed, and has the queue that it had when it began to.
    if let Some((queue, begun)) = pass::queue_in_use(event_loop) {
        return Ok(Some(QueueEnd { queue, begun: Some(begun) }));
    }
    if !is_false(event_loop, intern!(event_loop.py(), "_closed")) {
        return Ok(None);
    }
    Ok(ready_queue(event_loop).map(|queue| QueueEnd { queue, begun: None }))
}

/// Whether `create_task(coroutine)` of a loop without a task factory would do nothing but call the
/// class of asyncio's tasks: on a stock loop that `call_soon()` is gone around on, if its
/// `create_task` is that of its class.
pub(crate) fn only_calls_class(event_loop: &Bound<'_, PyAny>) -> PyResult<bool> {
    if queue_to_append_to(event_loop)?.is_none() {
        return Ok(false);
    }
    match maker(event_loop) {
        Some(class) => class.has_method(event_loop, CREATE_TASK),
        None => Ok(false),
    }
}

/// Whether a thread is in the loop's `run_forever()`.
pub(super) fn is_in_a_thread(event_loop: &Bound<'_, PyAny>) -> bool {
    let thread = ffi::attribute_of(event_loop, intern!(event_loop.py(), "_thread_id"));
    thread.is_some_and(|thread| !thread.is_none())
}

/// `loop.is_running()`
pub(crate) fn is_running(event_loop: &Bound<'_, PyAny>) -> PyResult<bool> {
    let name = intern!(event_loop.py(), "is_running");
    if pass::is_run_by(event_loop)
        && let Some(class) = maker(event_loop)
        && class.has_method(event_loop, IS_RUNNING)?
    {
        return Ok(true);
    }
    ffi::call_method(name, &[event_loop])?.is_truthy()
}

/// The class of a stock loop whose methods for making tasks are what they were.
fn maker(event_loop: &Bound<'_, PyAny>) -> Option<&'static KnownClass> {
    let maker = stock().makers.iter().find(|class| class.is_class_of(event_loop));
    maker.filter(|class| class.is_unchanged(event_loop.py()))
}

/// `loop.get_debug()` of a stock loop that is out of debug mode; None where that has to be asked.
pub(super) fn debug_of(event_loop: &Bound<'_, PyAny>) -> PyResult<Option<bool>> {
    let Some(class) = stock().class_of(event_loop) else { return Ok(None) };
    let is_off = class.has_method(event_loop, GET_DEBUG)? && !is_in_debug_mode(event_loop);
    Ok(is_off.then_some(false))
}

/// What keeps a stock loop from coming back at once for what is ready: timers and files.
pub(super) struct Watched<'py> {
    event_loop: Bound<'py, PyAny>,
    timers: Bound<'py, PyList>,
    files: Bound<'py, PyDict>,
}

impl<'py> Watched<'py> {
    /// None where that cannot be known.
    pub(super) fn by(event_loop: &Bound<'py, PyAny>) -> PyResult<Option<Self>> {
        let py = event_loop.py();
        let stock = stock();
        let attribute = |name| ffi::attribute_of(event_loop, name);
        let Some(class) = stock.class_of(event_loop) else { return Ok(None) };
        let Some(selector) = attribute(intern!(py, "_selector")) else { return Ok(None) };
        // Somebody runs the entries by hand: none of the loop's passes are left out then.
        if !is_in_a_thread(event_loop) {
            return Ok(None);
        }
        if !class.has_method(event_loop, RUN_ONCE)?
            || !stock.selector.is_class_of(&selector)
            || !stock.selector.is_unchanged(py)
            || !stock.selector.has_method(&selector, SELECT)?
        {
            return Ok(None);
        }
        let timers = attribute(intern!(py, "_scheduled")).map(Bound::cast_into_exact);
        let files = ffi::attribute_of(&selector, intern!(py, "_fd_to_key"));
        let files = files.map(Bound::cast_into_exact);
        let (Some(Ok(timers)), Some(Ok(files))) = (timers, files) else { return Ok(None) };
        Ok(Some(Self { event_loop: event_loop.clone(), timers, files }))
    }

    /// Whether the loop would come back at once and for nothing else: no timer is due, it watches no file
    /// but its own pipe, and it has not been told to stop.
    ///
    /// # Errors
    /// What is raised while the loop is asked for the time, which may be an interrupt of the program.
    pub(super) fn is_nothing(&self) -> PyResult<bool> {
        let stopping = intern!(self.event_loop.py(), "_stopping");
        Ok(timers::are_of_later(&self.event_loop, &self.timers)?
            && self.files.len() == 1
            && stock().class_of(&self.event_loop).is_some()
            && is_false(&self.event_loop, stopping))
    }
}
