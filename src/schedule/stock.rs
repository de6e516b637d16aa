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
use super::pass::Running;
use super::ready::Work;
use super::{pass, timers};
use crate::ffi::{self, Deque, DequeClass, End, OwnAttribute, OwnAttributes, OwnTogether};

/// What is gone around on a loop.
const METHODS: [&str; 6] =
    ["call_soon", "_call_soon", "_run_once", "get_debug", "time", "_process_events"];
const CALL_SOON: usize = 0;
const RUN_ONCE: usize = 2;
const GET_DEBUG: usize = 3;
const TIME: usize = 4;
const PROCESS_EVENTS: usize = 5;

/// What is gone around where tasks are made; loops that are told about theirs are still known.
const MAKERS: [&str; 2] = ["create_task", "is_running"];
const CREATE_TASK: usize = 0;
const IS_RUNNING: usize = 1;

/// What is gone around on a selector.
const SELECT: usize = 0;

/// What is read of a timer.
const OF_TIMERS: [&str; 3] = ["_when", "_cancelled", "_scheduled"];

/// Where a loop has its debug mode, and nothing else.
const DEBUG: &str = "_debug";

/// Where it has its task factory, and nothing else.
const TASK_FACTORY: &str = "_task_factory";

struct Stock {
    loops: Vec<KnownClass>,
    makers: Vec<KnownClass>,
    handle: KnownClass,
    timer: KnownClass,
    selector: KnownClass,
    deque: DequeClass,
    own: LoopAttributes,
    /// Of a selector: what it watches.
    files: OwnAttribute,
}

/// Attributes that a loop has of its own, or that would hide a method.
struct LoopAttributes {
    closed: OwnAttribute,
    debug: OwnAttribute,
    /// Debug mode and queue of a loop that has no `call_soon` of its own.
    debug_and_ready: OwnTogether<1, 2>,
    ready: OwnAttribute,
    scheduled: OwnAttribute,
    selector: OwnAttribute,
    stopping: OwnAttribute,
    task_factory: OwnAttribute,
    thread_id: OwnAttribute,
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
            makers: known(&MAKERS, &[TASK_FACTORY])?,
            handle: KnownClass::new(
                &find("asyncio.events", "Handle")?,
                &["_run", "__init__"],
                &[],
            )?,
            timer: KnownClass::new(&find("asyncio.events", "TimerHandle")?, &OF_TIMERS, &[])?,
            selector: KnownClass::new(&find("selectors", "DefaultSelector")?, &["select"], &[])?,
            deque: DequeClass::look_up(py)?,
            own: LoopAttributes::new(py),
            files: OwnAttribute::new(intern!(py, "_fd_to_key")),
        })
    }

    fn is_of_stock_class(&self, event_loop: &Bound<'_, PyAny>) -> bool {
        self.loops.iter().any(|class| class.is_class_of(event_loop))
    }

    /// An attribute of a loop, which may be of any class.
    fn value<'py>(
        &self,
        attribute: &OwnAttribute,
        event_loop: &Bound<'py, PyAny>,
    ) -> Option<Bound<'py, PyAny>> {
        if self.is_of_stock_class(event_loop) {
            return attribute.value(event_loop);
        }
        ffi::attribute_of(event_loop, attribute.name(event_loop.py()))
    }

    fn is_in_debug_mode(&self, event_loop: &Bound<'_, PyAny>) -> bool {
        let debug = self.value(&self.own.debug, event_loop);
        debug.is_none_or(|debug| !is_false(&debug) && debug.is_truthy().unwrap_or(true))
    }

    /// What `look` makes of the queue of a loop of a class that is as ever, if `call_soon()` is what it was at
    /// first and the loop is not in debug mode; None also where that takes a closer look to know.
    #[inline]
    fn look_at_queue<'py, R>(
        &self,
        event_loop: &Bound<'py, PyAny>,
        look: impl FnOnce(&Bound<'py, PyAny>) -> R,
    ) -> Option<R> {
        self.own.debug_and_ready.look(event_loop, |[debug, ready]| {
            debug.filter(|debug| is_false(debug))?;
            ready.map(|ready| look(&ready))
        })?
    }

    /// The queue of a loop, if `call_soon()` is what it was at first and the loop is not in debug mode.
    fn queue_as_ever<'py>(
        &self,
        event_loop: &Bound<'py, PyAny>,
    ) -> PyResult<Option<Bound<'py, PyAny>>> {
        let Some(class) = self.class_of(event_loop) else { return Ok(None) };
        if let Some(queue) = self.look_at_queue(event_loop, Bound::clone) {
            return Ok(Some(queue));
        }
        let is_as_ever =
            class.has_method(event_loop, CALL_SOON)? && !self.is_in_debug_mode(event_loop);
        Ok(if is_as_ever { self.own.ready.value(event_loop) } else { None })
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

impl LoopAttributes {
    fn new(py: Python<'_>) -> Self {
        Self {
            closed: OwnAttribute::new(intern!(py, "_closed")),
            debug: OwnAttribute::new(&PyString::intern(py, DEBUG)),
            debug_and_ready: OwnTogether::new(py, ["call_soon"], [DEBUG, "_ready"]),
            ready: OwnAttribute::new(intern!(py, "_ready")),
            scheduled: OwnAttribute::new(intern!(py, "_scheduled")),
            selector: OwnAttribute::new(intern!(py, "_selector")),
            stopping: OwnAttribute::new(intern!(py, "_stopping")),
            task_factory: OwnAttribute::new(&PyString::intern(py, TASK_FACTORY)),
            thread_id: OwnAttribute::new(intern!(py, "_thread_id")),
        }
    }
}

fn is_false(object: &Bound<'_, PyAny>) -> bool {
    object.is(PyBool::new(object.py(), false))
}

/// Whether a stock loop is in debug mode.
pub(super) fn is_in_debug_mode(event_loop: &Bound<'_, PyAny>) -> bool {
    stock().is_in_debug_mode(event_loop)
}

/// Whether a loop is of exactly a stock class, whatever has been changed.
pub(super) fn is_of_stock_class(event_loop: &Bound<'_, PyAny>) -> bool {
    stock().is_of_stock_class(event_loop)
}

/// The object as a queue, if it is of the class that loops have theirs of.
pub(super) fn as_queue(object: Bound<'_, PyAny>) -> Option<Deque<'_>> {
    stock().deque.cast(object)
}

/// What is ready on a stock loop; None if somebody has given it another kind of queue.
pub(super) fn ready_queue<'py>(event_loop: &Bound<'py, PyAny>) -> Option<Deque<'py>> {
    as_queue(stock().value(&stock().own.ready, event_loop)?)
}

/// Whether this is the queue of a stock loop still: somebody may have given it another one.
pub(super) fn has_queue(event_loop: &Bound<'_, PyAny>, queue: &Deque<'_>) -> bool {
    let ready = stock().value(&stock().own.ready, event_loop);
    ready.is_some_and(|ready| ready.is(queue.as_any()))
}

/// Whether a timer is asyncio's own, as it was at first.
pub(super) fn is_usual_timer(timer: &Bound<'_, PyAny>) -> bool {
    stock().timer.is_class_of(timer) && stock().timer.is_unchanged(timer.py())
}

/// Puts work into the batch that was begun in the pass that a stock loop is in, if that is the last one in its
/// queue and `call_soon()` would put the work behind it. Gives the work back if not.
#[inline(always)]
pub(super) fn join<W: Work>(event_loop: &Bound<'_, PyAny>, work: W) -> Option<W> {
    let (py, stock) = (event_loop.py(), stock());
    let Some(pass) = pass::of(event_loop) else { return Some(work) };
    if stock.class_of(event_loop).is_none() || !work.has_plain_context(py) {
        return Some(work);
    }
    pass.look_at_batch(py, |batch| {
        let is_last = batch.is_some_and(|batch| {
            let is_last_of = |queue: &Bound<'_, PyAny>| {
                pass.is_of(queue) && stock.deque.has_at(End::Last, queue, batch.as_any())
            };
            stock.look_at_queue(event_loop, is_last_of) == Some(true)
        });
        match batch {
            Some(batch) if is_last => batch.get().add(py, work),
            _ => Some(work),
        }
    })
}

/// The end of a stock loop's queue.
pub(super) struct QueueEnd<'py> {
    pub(super) queue: Deque<'py>,
    /// The pass of it that the loop is in.
    pub(super) pass: Option<&'static Running>,
}

/// The end of the queue of a stock loop, if `call_soon()` would do nothing but append to it: the loop is
/// not in debug mode and not closed. Like `call_soon()` itself this does not look at which thread it is
/// in: debug mode does that.
pub(super) fn queue_to_append_to<'py>(
    event_loop: &Bound<'py, PyAny>,
) -> PyResult<Option<QueueEnd<'py>>> {
    let Some(queue) = stock().queue_as_ever(event_loop)?.and_then(as_queue) else {
        return Ok(None);
    };
    // A loop that is running cannot be closed.
    let pass = pass::of(event_loop).filter(|pass| pass.is_of(queue.as_any()));
    if pass.is_some() {
        return Ok(Some(QueueEnd { queue, pass }));
    }
    let closed = stock().own.closed.value(event_loop);
    let is_open = closed.is_some_and(|closed| is_false(&closed));
    Ok(is_open.then_some(QueueEnd { queue, pass: None }))
}

/// The task factory of a stock loop that `call_soon()` is gone around on, or its None, if
/// `create_task(coroutine)` would do nothing but call that, or the class of asyncio's tasks where there is
/// none: its `create_task` is that of its class.
pub(crate) fn task_factory<'py>(
    event_loop: &Bound<'py, PyAny>,
) -> PyResult<Option<Bound<'py, PyAny>>> {
    if queue_to_append_to(event_loop)?.is_none() {
        return Ok(None);
    }
    match maker(event_loop) {
        Some(class) if class.has_method(event_loop, CREATE_TASK)? => {
            Ok(stock().own.task_factory.value(event_loop))
        }
        _ => Ok(None),
    }
}

/// Whether a thread is in the loop's `run_forever()`.
pub(super) fn is_in_a_thread(event_loop: &Bound<'_, PyAny>) -> bool {
    let thread = stock().value(&stock().own.thread_id, event_loop);
    thread.is_some_and(|thread| !thread.is_none())
}

/// `loop.is_running()`
pub(crate) fn is_running(event_loop: &Bound<'_, PyAny>) -> PyResult<bool> {
    let name = intern!(event_loop.py(), "is_running");
    if pass::of(event_loop).is_some()
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

/// Whether a stock loop would come back at once for what is ready, and for nothing else: no timer is due,
/// it watches no file but its own pipe, and it has not been told to stop. False also where that cannot
/// be known, and where somebody would see that a pass of the loop is left out.
pub(super) fn has_nothing_else(event_loop: &Bound<'_, PyAny>) -> PyResult<bool> {
    let stock = stock();
    let Some(class) = stock.class_of(event_loop) else { return Ok(false) };
    if !class.has_methods(event_loop, &[RUN_ONCE, TIME, PROCESS_EVENTS])? {
        return Ok(false);
    }
    let own = OwnAttributes::of(event_loop);
    // Somebody runs the entries by hand: none of the loop's passes are left out then.
    let thread = own.value(&stock.own.thread_id);
    let stopping = own.value(&stock.own.stopping);
    if thread.is_none_or(|thread| thread.is_none())
        || !stopping.is_some_and(|stopping| is_false(&stopping))
    {
        return Ok(false);
    }
    // Other threads wait for the moments at which a loop lets go of the interpreter, in each pass.
    if !ffi::is_only_thread(event_loop.py()) {
        return Ok(false);
    }
    let (Some(selector), Some(timers)) =
        (own.value(&stock.own.selector), own.value(&stock.own.scheduled))
    else {
        return Ok(false);
    };
    if !stock.selector.is_class_of(&selector) || !stock.selector.has_method(&selector, SELECT)? {
        return Ok(false);
    }
    let files = stock.files.value(&selector).map(Bound::cast_into_exact::<PyDict>);
    let (Ok(timers), Some(Ok(files))) = (timers.cast_into_exact::<PyList>(), files) else {
        return Ok(false);
    };
    Ok(files.len() == 1 && timers::are_of_later(event_loop, &timers)?)
}
