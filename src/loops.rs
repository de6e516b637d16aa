//! `create_task()` and `create_future()` for loops that look asyncio's classes up only once.
//!
//! `python/aioxide/loops.py` gives such a loop methods that look them up at each call. These are the
//! same without the Python code, for the ordinary call: the Rust classes are in force and the loop is
//! open. One that has a task factory is left to the loop's own method, but for asyncio's eager one in the
//! place where nobody can see it; every other call to the method written in Python.

use pyo3::exceptions::{PyRuntimeError, PyValueError};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyString, PyType};

use crate::asyncio::{asyncio, is_in_force};
use crate::combinators::{ensure, maker};
use crate::ffi::{self, Given, Method, Quick, Reply, SharedField};
use crate::future::{Future, given as unless_none};
use crate::schedule;
use crate::task::Task;

/// The numbers of the packages.
const UVLOOP: usize = 0;
const RLOOP: usize = 1;

struct CreateFuture;
struct CreateTask<const PACKAGE: usize>;

/// The methods written in Python, of each package, and the loop's own.
static FUTURE_IN_PYTHON: SharedField = SharedField::new(None);
static TASK_IN_PYTHON: [SharedField; 2] = [SharedField::new(None), SharedField::new(None)];
static TASK_BY_LOOP: [SharedField; 2] = [SharedField::new(None), SharedField::new(None)];

static CREATE_FUTURE: Method = Method::new::<CreateFuture>(
    c"create_future",
    c"create_future($self, /)\n--\n\nReturns a new future on this loop.",
);
const CREATE_TASK_DOC: &std::ffi::CStr = c"create_task($self, coro, **options)\n--\n\n\
    Schedules `coro` on this loop and returns its task.";
static CREATE_TASK: [Method; 2] = [
    Method::new::<CreateTask<UVLOOP>>(c"create_task", CREATE_TASK_DOC),
    Method::new::<CreateTask<RLOOP>>(c"create_task", CREATE_TASK_DOC),
];

fn ask<'py>(method: &SharedField, py: Python<'py>) -> PyResult<Reply<'py>> {
    let method = method.bound(py).ok_or_else(|| PyRuntimeError::new_err("nobody to ask"))?;
    Ok(Reply::Ask(method))
}

impl Quick for CreateFuture {
    fn call<'py>(event_loop: &Bound<'py, PyAny>, given: &Given<'_, 'py>) -> PyResult<Reply<'py>> {
        let py = event_loop.py();
        if !given.is_nothing()
            || !is_in_force::<Future>(&asyncio(py).futures, intern!(py, "Future"))?
        {
            return ask(&FUTURE_IN_PYTHON, py);
        }
        Ok(Reply::Answer(Future::new_on(event_loop)?.into_any()))
    }
}

impl<const PACKAGE: usize> Quick for CreateTask<PACKAGE> {
    fn call<'py>(event_loop: &Bound<'py, PyAny>, given: &Given<'_, 'py>) -> PyResult<Reply<'py>> {
        let py = event_loop.py();
        let mut positional = given.positional();
        let (Some(coroutine), None) = (positional.next(), positional.next()) else {
            return ask(&TASK_IN_PYTHON[PACKAGE], py);
        };
        let (mut name, mut context) = (None, None);
        for (keyword, value) in given.keywords() {
            if keyword.is(intern!(py, "name")) {
                name = unless_none(Some(value));
            } else if keyword.is(intern!(py, "context")) {
                context = unless_none(Some(value));
            } else {
                return ask(&TASK_IN_PYTHON[PACKAGE], py);
            }
        }
        let factory = ffi::call_method(intern!(py, "get_task_factory"), &[event_loop])?;
        if !factory.is_none() {
            return match eager_task(event_loop, &coroutine, &factory, given, PACKAGE)? {
                Some(task) => Ok(Reply::Answer(task)),
                None => ask(&TASK_BY_LOOP[PACKAGE], py),
            };
        }
        if name.as_ref().is_some_and(|name| !name.is_exact_instance_of::<PyString>())
            || !is_in_force::<Task>(&asyncio(py).tasks, intern!(py, "Task"))?
            || ffi::call_method(intern!(py, "is_closed"), &[event_loop])?.is_truthy()?
        {
            return ask(&TASK_IN_PYTHON[PACKAGE], py);
        }
        // uvloop names the task when it is made: it has had a number by then.
        let (at_once, later) = if PACKAGE == UVLOOP { (None, name) } else { (name, None) };
        let mut arguments = [Some(coroutine), Some(event_loop.clone()), at_once, context, None];
        let task = ffi::construct::<Task>(py, &mut arguments)?;
        if let Some(name) = later {
            task.get().set_name(name)?;
        }
        Ok(Reply::Answer(task.into_any()))
    }
}

/// The task that uvloop's `create_task(coroutine)` would have asyncio's eager factory make, if there is
/// nothing else about it. That is so on 3.12: later ones are not eager there, or not made.
fn eager_task<'py>(
    event_loop: &Bound<'py, PyAny>,
    coroutine: &Bound<'py, PyAny>,
    factory: &Bound<'py, PyAny>,
    given: &Given<'_, 'py>,
    package: usize,
) -> PyResult<Option<Bound<'py, PyAny>>> {
    if cfg!(not(all(Py_3_12, not(Py_3_13))))
        || package != UVLOOP
        || given.keywords().next().is_some()
        || !ffi::is_native_coroutine(coroutine)
        || !maker::only_calls_class_eagerly(factory)
    {
        return Ok(None);
    }
    // In debug mode the task would show frames of the factory; a loop that does not run may be closed.
    if schedule::debug_of(event_loop)? || !schedule::is_running(event_loop)? {
        return Ok(None);
    }
    let task = Task::create_eagerly(coroutine.clone(), event_loop.clone());
    let task = task.map_err(|error| ensure::raised_in(error, factory))?;
    Ok(Some(task.into_any()))
}

/// `event_loop.create_task()` with what was given, if it is one of these, or that of a uvloop which was imported
/// later and needs none. What was given is the coroutine, and nothing else.
#[inline(never)]
pub(crate) fn create_task<'py>(
    event_loop: &Bound<'py, PyAny>,
    given: &Given<'_, 'py>,
    coroutine: &Bound<'py, PyAny>,
) -> PyResult<Option<Bound<'py, PyAny>>> {
    let method = ffi::method_of(event_loop, intern!(event_loop.py(), "create_task"))?;
    let reply = if CREATE_TASK[UVLOOP].is(&method) {
        CreateTask::<UVLOOP>::call(event_loop, given)?
    } else if CREATE_TASK[RLOOP].is(&method) {
        CreateTask::<RLOOP>::call(event_loop, given)?
    } else if schedule::has_its_create_task(event_loop)? {
        Reply::Ask(method)
    } else {
        return Ok(None);
    };
    match reply {
        Reply::Answer(task) => Ok(Some(task)),
        Reply::Ask(function) => ffi::call(&function, &[event_loop, coroutine]).map(Some),
        Reply::Raise(exception) => Err(ffi::as_raised(exception)),
    }
}

/// Whether `create_task()` of the loop is one of these: it does nothing but call the class, if the loop
/// is open and has no task factory.
pub(crate) fn has_quick_create_task(event_loop: &Bound<'_, PyAny>) -> PyResult<bool> {
    let name = intern!(event_loop.py(), "create_task");
    let method = ffi::method_of(event_loop, name)?;
    Ok(CREATE_TASK.iter().any(|own| own.is(&method)))
}

/// `create_task` and `create_future` for the class of a loop.
///
/// `package` is the number of the package that the class is of, 0 for uvloop or 1 for rloop; `create_task`
/// and `create_future` are the methods that are called where the call is not an ordinary one. The class
/// must still have its own `create_task`.
#[pyfunction]
#[pyo3(signature = (loop_class, package, create_task, create_future, /))]
pub(crate) fn quick_methods<'py>(
    loop_class: &Bound<'py, PyType>,
    package: usize,
    create_task: Bound<'py, PyAny>,
    create_future: Bound<'py, PyAny>,
) -> PyResult<(Bound<'py, PyAny>, Bound<'py, PyAny>)> {
    let Some(method) = CREATE_TASK.get(package) else {
        return Err(PyValueError::new_err("there are two packages, 0 and 1"));
    };
    TASK_BY_LOOP[package].put(loop_class.getattr(intern!(loop_class.py(), "create_task"))?);
    TASK_IN_PYTHON[package].put(create_task);
    FUTURE_IN_PYTHON.put(create_future);
    Ok((method.descriptor(loop_class)?, CREATE_FUTURE.descriptor(loop_class)?))
}
