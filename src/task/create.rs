//! Making a task.

use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyString};

use super::{Task, as_future, eager};
use crate::asyncio::asyncio;
use crate::ffi::{self, Arguments};
use crate::future::given;
use crate::registry;
use crate::schedule::{self, Step};
use crate::state::Cancellation;

impl Task {
    /// `Task(coroutine, loop=event_loop)`
    pub(crate) fn create<'py>(
        coroutine: Bound<'py, PyAny>,
        event_loop: Bound<'py, PyAny>,
    ) -> PyResult<Bound<'py, Self>> {
        let task = ffi::blank::<Self>(coroutine.py())?;
        initialise(&task, &mut [Some(coroutine), Some(event_loop), None, None, None])?;
        Ok(task)
    }

    /// `Task(coroutine, loop=event_loop, eager_start=True)`
    pub(crate) fn create_eagerly<'py>(
        coroutine: Bound<'py, PyAny>,
        event_loop: Bound<'py, PyAny>,
    ) -> PyResult<Bound<'py, Self>> {
        let task = ffi::blank::<Self>(coroutine.py())?;
        let at_once = PyBool::new(coroutine.py(), true).to_owned().into_any();
        initialise(&task, &mut [Some(coroutine), Some(event_loop), None, None, Some(at_once)])?;
        Ok(task)
    }
}

/// `Task.__init__`
pub(super) fn initialise<'py>(
    task: &Bound<'py, Task>,
    arguments: &mut Arguments<'py>,
) -> PyResult<()> {
    let py = task.py();
    let [coroutine, event_loop, name, context, eager_start] = arguments;
    let coroutine = coroutine.take().unwrap_or_else(|| py.None().into_bound(py)); // the signature has it
    let eager_start = eager_start.take().map_or(Ok(false), |flag| flag.is_truthy())?;
    as_future(task).get().start(given(event_loop.take()), py)?;
    let event_loop = as_future(task).get().ready_loop(py)?;
    if !is_coroutine(&coroutine)? {
        task.get().log_destroy_pending.set(py, false);
        let message = format!("a coroutine was expected, got {}", coroutine.repr()?);
        return Err(PyTypeError::new_err(message));
    }
    let context = match given(context.take()) {
        Some(context) => context,
        None => ffi::copy_current_context(py)?,
    };
    fill(task, coroutine, context, given(name.take()))?;
    registry::count_task();
    if eager_start && schedule::is_running(&event_loop)? {
        return eager::start(task, &event_loop);
    }
    schedule::soon(&event_loop, Step(task.clone().unbind()))?;
    registry::register(task);
    Ok(())
}

fn fill(
    task: &Bound<'_, Task>,
    coroutine: Bound<'_, PyAny>,
    context: Bound<'_, PyAny>,
    name: Option<Bound<'_, PyAny>>,
) -> PyResult<()> {
    let py = task.py();
    let this = task.get();
    this.cancellation.set(py, Cancellation::default());
    this.log_destroy_pending.set(py, true);
    let former = (
        this.context.exchange(py, Some(context)),
        this.waiter.exchange(py, None),
        this.coroutine.exchange(py, Some(coroutine)),
    );
    drop(former);
    let name = name.map(name_from).transpose()?;
    if name.is_none() {
        this.name_number.set(py, registry::next_name());
    }
    drop(this.name.exchange(py, name));
    Ok(())
}

/// `value` if it is a string, else `str(value)`.
pub(super) fn name_from(value: Bound<'_, PyAny>) -> PyResult<Bound<'_, PyAny>> {
    if value.is_exact_instance_of::<PyString>() {
        Ok(value)
    } else {
        value.str().map(Bound::into_any)
    }
}

/// Whether asyncio takes this for a coroutine: not only native ones are.
fn is_coroutine(object: &Bound<'_, PyAny>) -> PyResult<bool> {
    if ffi::is_native_coroutine(object) {
        return Ok(true);
    }
    ffi::call(asyncio(object.py()).iscoroutine.bind(object.py()), &[object])?.is_truthy()
}
