//! Every object of the standard library that is looked up once, in one table.

use once_cell::sync::OnceCell;
use pyo3::PyTypeInfo;
use pyo3::prelude::*;
use pyo3::types::{IntoPyDict, PyBool, PyDict, PyModule, PyString, PyType};

use crate::ffi::Builtin;

/// The objects of asyncio that tasks and futures call, raise or answer with.
///
/// They are looked up when the module is made, before `aioxide.install()` can have replaced any of
/// them: these are the interpreter's own.
pub(crate) struct Asyncio {
    pub(crate) future_class: Py<PyAny>,
    pub(crate) task_class: Py<PyAny>,
    pub(crate) gathering_class: Py<PyAny>,
    pub(crate) cancelled_error: Py<PyAny>,
    pub(crate) invalid_state_error: Py<PyType>,
    pub(crate) future_repr: Py<PyAny>,
    pub(crate) task_repr: Py<PyAny>,
    #[cfg(not(Py_3_12))]
    pub(crate) future_repr_info: Py<PyAny>,
    pub(crate) task_get_stack: Py<PyAny>,
    pub(crate) task_print_stack: Py<PyAny>,
    pub(crate) iscoroutine: Py<PyAny>,
    pub(crate) extract_stack: Py<PyAny>,
    pub(crate) is_finalizing: Py<PyAny>,
    /// `sys.modules`: nothing can be imported when the interpreter shuts down.
    pub(crate) modules: Py<PyAny>,
    pub(crate) get_referents: Py<PyAny>,
    pub(crate) heappop: Py<PyAny>,
    /// `time.monotonic`, and where asyncio looks for it: the names of `asyncio.base_events`, the module `time`
    /// and its names.
    pub(crate) monotonic: Py<PyAny>,
    pub(crate) base_events: Py<PyDict>,
    pub(crate) time: Py<PyModule>,
    pub(crate) time_names: Py<PyDict>,
    pub(crate) getweakrefcount: Py<PyAny>,
    pub(crate) get_event_loop: Py<PyAny>,
    pub(crate) get_running_loop: Py<PyAny>,
    /// Where asyncio looks for that: the names of `asyncio.events`.
    pub(crate) events: Py<PyDict>,
    pub(crate) isfuture: Py<PyAny>,
    pub(crate) find_running_loop: Py<PyAny>,
    pub(crate) enter_task: Builtin,
    pub(crate) leave_task: Builtin,
    /// Loops and the tasks that run on them; the dict that `_enter_task` writes to.
    #[cfg(not(Py_3_14))]
    pub(crate) current_tasks: Py<PyDict>,
    #[cfg(Py_3_14)]
    pub(crate) swap_current_task: Builtin,
    #[cfg(Py_3_14)]
    pub(crate) current_task: Py<PyAny>,
    #[cfg(Py_3_14)]
    pub(crate) future_add_to_awaited_by: Py<PyAny>,
    #[cfg(Py_3_14)]
    pub(crate) future_discard_from_awaited_by: Py<PyAny>,
    /// Where `Task` is the class in force: the names of `asyncio.tasks`.
    pub(crate) tasks: Py<PyDict>,
    pub(crate) create_task: Py<PyAny>,
    pub(crate) ensure_future: Py<PyAny>,
    /// What `gather()` and `shield()` call to make a task.
    pub(crate) inner_ensure_future: Py<PyAny>,
    /// What all factories have in common that `create_eager_task_factory()` makes; None where somebody has
    /// put something else in the place of asyncio's own.
    #[cfg(Py_3_12)]
    pub(crate) eager_factory_code: Option<Py<PyAny>>,
    pub(crate) gather: Py<PyAny>,
    pub(crate) shield: Py<PyAny>,
    pub(crate) wait: Py<PyAny>,
    pub(crate) handle_class: Py<PyAny>,
    pub(crate) format_handle: Py<PyAny>,
    pub(crate) logger: Py<PyAny>,
    /// The same for `Future`: the names of `asyncio.futures`.
    pub(crate) futures: Py<PyDict>,
    pub(crate) format_callback_source: Py<PyAny>,
    /// `object.__class__`, the descriptor that assigns to it.
    pub(crate) class_descriptor: Py<PyAny>,
    pub(crate) quirks: Quirks,
}

/// What changed within one minor version of CPython, found out from the interpreter's own code.
#[allow(clippy::struct_excessive_bools)] // each is the answer to a question of its own
pub(crate) struct Quirks {
    /// `Future.set_exception(StopIteration())` stores a `RuntimeError` instead of refusing with a
    /// `TypeError`, also for subclasses of `StopIteration` (`Modules/_asynciomodule.c`).
    pub(crate) wraps_stop_iteration: bool,
    /// `next()` ends with `StopIteration(None)` where a future has the result None, not `StopIteration()`.
    pub(crate) raises_none: bool,
    /// The iterator behind `await` keeps its future when it has ended, and ends so again.
    pub(crate) iterators_keep_futures: bool,
    /// `Future.__init__` on an object that has a loop is an error.
    pub(crate) initialises_once: bool,
    /// A `gather()` that fails drops the edges of the call graph to the children that go on.
    pub(crate) gather_lets_go: bool,
    /// `create_task()` of a stock loop names what a task factory has made, "None" where no name was given.
    pub(crate) names_what_factories_make: bool,
    /// A `shield()` that was cancelled takes the exception of its inner future for retrieved.
    pub(crate) shield_drops_late_exceptions: bool,
}

static TABLE: OnceCell<Asyncio> = OnceCell::new();

/// Fills the table; the first call decides.
pub(crate) fn look_up(py: Python<'_>) -> PyResult<()> {
    TABLE.get_or_try_init(|| Asyncio::new(py)).map(drop)
}

/// The table.
///
/// # Panics
/// Before the module was made; no object that could ask exists by then.
pub(crate) fn asyncio(_py: Python<'_>) -> &'static Asyncio {
    TABLE.get().expect("the table is filled when the module is made")
}

/// Whether the class that asyncio has in this module under this name is ours.
pub(crate) fn is_in_force<T: PyTypeInfo>(
    namespace: &Py<PyDict>,
    name: &Bound<'_, PyString>,
) -> PyResult<bool> {
    let class = namespace.bind(name.py()).get_item(name)?;
    Ok(class.is_some_and(|class| class.as_ptr() == T::type_object_raw(name.py()).cast()))
}

impl Asyncio {
    /// Whether the object is of exactly a built-in class.
    pub(crate) fn is_builtin_future(&self, object: &Bound<'_, PyAny>) -> bool {
        let class = object.get_type_ptr().cast();
        class == self.future_class.as_ptr() || class == self.task_class.as_ptr()
    }

    fn new(py: Python<'_>) -> PyResult<Self> {
        // `_asyncio` must not be imported first: it would import asyncio, which would find it half
        // made and fall back to its classes in Python.
        PyModule::import(py, "asyncio")?;
        let find = |module: &str, name: &str| -> PyResult<Py<PyAny>> {
            PyModule::import(py, module)?.getattr(name).map(Bound::unbind)
        };
        let builtin = |module, name| -> PyResult<Builtin> {
            Ok(Builtin::new(find(module, name)?.into_bound(py)))
        };
        let inner_ensure_future = if cfg!(Py_3_12) { "ensure_future" } else { "_ensure_future" };
        let get_event_loop = if cfg!(Py_3_12) { "get_event_loop" } else { "_get_event_loop" };
        Ok(Self {
            future_class: find("_asyncio", "Future")?,
            task_class: find("_asyncio", "Task")?,
            gathering_class: find("asyncio.tasks", "_GatheringFuture")?,
            cancelled_error: find("asyncio.exceptions", "CancelledError")?,
            invalid_state_error: find("asyncio.exceptions", "InvalidStateError")?.extract(py)?,
            future_repr: find("asyncio.base_futures", "_future_repr")?,
            task_repr: find("asyncio.base_tasks", "_task_repr")?,
            #[cfg(not(Py_3_12))]
            future_repr_info: find("asyncio.base_futures", "_future_repr_info")?,
            task_get_stack: find("asyncio.base_tasks", "_task_get_stack")?,
            task_print_stack: find("asyncio.base_tasks", "_task_print_stack")?,
            iscoroutine: find("asyncio.coroutines", "iscoroutine")?,
            extract_stack: find("traceback", "extract_stack")?,
            is_finalizing: find("sys", "is_finalizing")?,
            modules: find("sys", "modules")?,
            get_referents: find("gc", "get_referents")?,
            heappop: find("heapq", "heappop")?,
            monotonic: find("time", "monotonic")?,
            base_events: PyModule::import(py, "asyncio.base_events")?.dict().unbind(),
            time: PyModule::import(py, "time")?.unbind(),
            time_names: PyModule::import(py, "time")?.dict().unbind(),
            getweakrefcount: find("_weakref", "getweakrefcount")?,
            get_event_loop: find("_asyncio", get_event_loop)?,
            get_running_loop: find("asyncio.events", "get_running_loop")?,
            events: PyModule::import(py, "asyncio.events")?.dict().unbind(),
            isfuture: find("asyncio.futures", "isfuture")?,
            find_running_loop: find("_asyncio", "_get_running_loop")?,
            enter_task: builtin("_asyncio", "_enter_task")?,
            leave_task: builtin("_asyncio", "_leave_task")?,
            #[cfg(not(Py_3_14))]
            current_tasks: find("_asyncio", "_current_tasks")?.extract(py)?,
            #[cfg(Py_3_14)]
            swap_current_task: builtin("_asyncio", "_swap_current_task")?,
            #[cfg(Py_3_14)]
            current_task: find("asyncio.tasks", "current_task")?,
            #[cfg(Py_3_14)]
            future_add_to_awaited_by: find("_asyncio", "future_add_to_awaited_by")?,
            #[cfg(Py_3_14)]
            future_discard_from_awaited_by: find("_asyncio", "future_discard_from_awaited_by")?,
            tasks: PyModule::import(py, "asyncio.tasks")?.dict().unbind(),
            create_task: find("asyncio.tasks", "create_task")?,
            ensure_future: find("asyncio.tasks", "ensure_future")?,
            inner_ensure_future: find("asyncio.tasks", inner_ensure_future)?,
            #[cfg(Py_3_12)]
            eager_factory_code: find("asyncio.tasks", "eager_task_factory")?
                .bind(py)
                .getattr_opt("__code__")?
                .map(Bound::unbind),
            gather: find("asyncio.tasks", "gather")?,
            shield: find("asyncio.tasks", "shield")?,
            wait: find("asyncio.tasks", "_wait")?,
            handle_class: find("asyncio.events", "Handle")?,
            format_handle: find("asyncio.base_events", "_format_handle")?,
            logger: find("asyncio.log", "logger")?,
            futures: PyModule::import(py, "asyncio.futures")?.dict().unbind(),
            format_callback_source: find("asyncio.format_helpers", "_format_callback_source")?,
            class_descriptor: py
                .get_type::<PyAny>()
                .getattr("__dict__")?
                .get_item("__class__")?
                .unbind(),
            quirks: Quirks::probe(py)?,
        })
    }
}

impl Quirks {
    /// Asks the built-in class, with a loop that knows nothing but that it is not in debug mode.
    fn probe(py: Python<'_>) -> PyResult<Self> {
        let find = |module: &str, name: &str| PyModule::import(py, module)?.getattr(name);
        let future_class = find("_asyncio", "Future")?;
        let debug_off = [("get_debug", py.get_type::<PyBool>())];
        let namespace = find("types", "SimpleNamespace")?;
        let quiet_loop = namespace.call((), Some(&debug_off.into_py_dict(py)?))?;
        let arguments = [("loop", &quiet_loop)].into_py_dict(py)?;
        let future = future_class.call((), Some(&arguments))?;

        let stop = find("builtins", "StopIteration")?.call0()?;
        let wraps_stop_iteration = future.call_method1("set_exception", (stop,)).is_ok();
        if wraps_stop_iteration {
            future.setattr("_log_traceback", false)?; // it was looked at, nobody has to be told
        }
        let done = future_class.call((), Some(&arguments))?;
        done.call_method1("set_result", (py.None(),))?;
        let iterator = done.call_method0("__await__")?;
        let arguments_of_end = || match iterator.call_method0("__next__") {
            Ok(_) => Ok(0),
            Err(stop) => stop.value(py).getattr("args")?.len(),
        };
        let raises_none = arguments_of_end()? == 1;
        let iterators_keep_futures = arguments_of_end()? == 1;
        let initialises_once = future.call_method("__init__", (), Some(&arguments)).is_err();
        let tasks = PyModule::import(py, "asyncio.tasks")?;
        let gather_lets_go = tasks.hasattr("_discard_awaited_by")?;
        Ok(Self {
            wraps_stop_iteration,
            raises_none,
            iterators_keep_futures,
            initialises_once,
            gather_lets_go,
            names_what_factories_make: names_what_factories_make(py)?,
            shield_drops_late_exceptions: asks_thrice_for_cancelled(&tasks.getattr("shield")?)?,
        })
    }
}

/// Whether `create_task()` of the stock loops calls `set_name()`: of what a task factory has made only.
/// It is taken to do so where somebody has put something else in its place.
fn names_what_factories_make(py: Python<'_>) -> PyResult<bool> {
    let class = PyModule::import(py, "asyncio.base_events")?.getattr("BaseEventLoop")?;
    match class.getattr("create_task")?.getattr_opt("__code__")? {
        Some(code) => code.getattr("co_names")?.contains("set_name"),
        None => Ok(true),
    }
}

/// Whether the function inside `shield()` that hears of the inner future asks three times if a future
/// is cancelled: once more than it needs to pass the outcome on.
fn asks_thrice_for_cancelled(shield: &Bound<'_, PyAny>) -> PyResult<bool> {
    let py = shield.py();
    let Some(code) = shield.getattr_opt("__code__")? else { return Ok(false) };
    for constant in code.getattr("co_consts")?.try_iter()? {
        let constant = constant?;
        let name = constant.getattr_opt("co_name")?;
        if name.is_some_and(|name| name.eq("_inner_done_callback").unwrap_or(false)) {
            let steps =
                PyModule::import(py, "dis")?.call_method1("get_instructions", (constant,))?;
            let asks = |step: PyResult<Bound<'_, PyAny>>| step?.getattr("argval")?.eq("cancelled");
            let asked = steps.try_iter()?.map(asks).collect::<PyResult<Vec<_>>>()?;
            return Ok(asked.into_iter().filter(|asked| *asked).count() == 3);
        }
    }
    Ok(false)
}
