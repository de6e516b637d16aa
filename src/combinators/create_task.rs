//! `asyncio.create_task()`

use std::ffi::CStr;

use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::PyString;

use super::ensure;
use super::maker::{self, Way};
use crate::asyncio::asyncio;
use crate::ffi::{self, Given, Method, Quick, Reply, fault};
use crate::future::given as unless_none;
use crate::loops;
use crate::schedule;
use crate::task::Task;

const DOC: &CStr = if cfg!(Py_3_14) {
    c"create_task(coro, **kwargs)\n--\n\n\
      Schedule a coroutine on the running loop and return its task."
} else {
    c"create_task(coro, *, name=None, context=None)\n--\n\n\
      Schedule a coroutine on the running loop and return its task."
};

static CREATE_TASK: Method = Method::new::<CreateTask>(c"create_task", DOC);

/// Puts the function into the module.
pub(crate) fn add_to(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add(intern!(module.py(), "create_task"), CREATE_TASK.function(module)?)
}

/// Does itself what is common: a native coroutine, on a stock loop whose `create_task()` would only call
/// our class, be it through asyncio's eager factory, or on a loop whose `create_task()` is ours as well.
struct CreateTask;

impl Quick for CreateTask {
    const HAS_RECEIVER: bool = false;

    fn call<'py>(module: &Bound<'py, PyAny>, given: &Given<'_, 'py>) -> PyResult<Reply<'py>> {
        fault::point();
        let py = module.py();
        let create_task = asyncio(py).create_task.bind(py);
        if let Some(wish) = Wish::of(py, given)
            && let Some(event_loop) = running_loop(py)?
        {
            let task = match Way::of_stock(&event_loop)? {
                Some(way) => wish.fulfil(&event_loop, &way),
                None if wish.is_bare() && !schedule::debug_of(&event_loop)? => {
                    loops::create_task(&event_loop, given, &wish.coroutine)
                }
                None => Ok(None),
            };
            if let Some(task) = task.map_err(|error| ensure::raised_in(error, create_task))? {
                return Ok(Reply::Answer(task));
            }
        }
        Ok(Reply::Ask(create_task.clone()))
    }
}

/// The loop that `asyncio.create_task()` would find; None also where somebody else is asked for it.
fn running_loop(py: Python<'_>) -> PyResult<Option<Bound<'_, PyAny>>> {
    let asked = asyncio(py).events.bind(py).get_item(intern!(py, "get_running_loop"))?;
    if !asked.is_some_and(|asked| asked.is(&asyncio(py).get_running_loop)) {
        return Ok(None);
    }
    Ok(unless_none(Some(ensure::running_loop(py)?)))
}

/// Arguments that there is nothing to say against.
struct Wish<'py> {
    coroutine: Bound<'py, PyAny>,
    name: Option<Bound<'py, PyAny>>,
    context: Option<Bound<'py, PyAny>>,
}

impl<'py> Wish<'py> {
    fn of(py: Python<'py>, given: &Given<'_, 'py>) -> Option<Self> {
        let mut positional = given.positional();
        let (Some(coroutine), None) = (positional.next(), positional.next()) else { return None };
        let mut wish = Self { coroutine, name: None, context: None };
        for (keyword, value) in given.keywords() {
            if keyword.is(intern!(py, "name")) {
                wish.name = unless_none(Some(value));
            } else if keyword.is(intern!(py, "context")) {
                wish.context = unless_none(Some(value));
            } else {
                return None;
            }
        }
        let is_plain = ffi::is_native_coroutine(&wish.coroutine)
            && wish.name.as_ref().is_none_or(Bound::is_exact_instance_of::<PyString>)
            && wish.context.as_ref().is_none_or(ffi::is_context);
        is_plain.then_some(wish)
    }

    /// Whether there is nothing but a coroutine.
    fn is_bare(&self) -> bool {
        self.name.is_none() && self.context.is_none()
    }

    /// None where it takes asyncio's own function.
    fn fulfil(
        self,
        event_loop: &Bound<'py, PyAny>,
        way: &Way<'py>,
    ) -> PyResult<Option<Bound<'py, PyAny>>> {
        let task = match way {
            Way::Class => self.create(event_loop)?,
            Way::Eager(factory) if self.is_bare() => {
                maker::create_eagerly(self.coroutine, event_loop, factory)?
            }
            _ => return Ok(None),
        };
        Ok(Some(task.into_any()))
    }

    #[inline(never)]
    fn create(self, event_loop: &Bound<'py, PyAny>) -> PyResult<Bound<'py, Task>> {
        // Up to 3.12 a task is named when it is made: it has had a number by then.
        let (at_once, later) = if cfg!(Py_3_13) { (self.name, None) } else { (None, self.name) };
        let py = event_loop.py();
        let mut arguments =
            [Some(self.coroutine), Some(event_loop.clone()), at_once, self.context, None];
        let task = ffi::construct::<Task>(py, &mut arguments)
            .map_err(|error| maker::raised_in_create_task(error, event_loop))?;
        if let Some(name) = later {
            task.get().set_name(name)?;
        }
        Ok(task)
    }
}
