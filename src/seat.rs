//! Which task is the current one of its loop.
//!
//! asyncio knows that itself, and is told through the functions that its documentation names for
//! third-party tasks ("Extending", "Task lifetime support"), or where those write to: so built-in and Rust
//! tasks see each other in one loop.

#[cfg(not(Py_3_14))]
use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;

use crate::asyncio::asyncio;
use crate::ffi::{self, Entry};
use crate::task::Task;

/// The place of the current task, for tasks that are run one after the other.
///
/// A task that has left stays noted until the next one takes its place, which saves writing down that
/// nobody is there. So whoever has a seat calls [`Seat::clear`] before anything but the step of a task
/// may run.
pub(crate) struct Seat<'a, 'py> {
    event_loop: &'a Bound<'py, PyAny>,
    /// Where asyncio has the task; None if that is not known.
    entry: Option<Entry<'a, 'py>>,
    /// Who is noted.
    task: Option<Bound<'py, Task>>,
    /// What the entry was like when that task was noted.
    mark: u64,
    /// Whether no code but ours has run since the loop was seen out of debug mode.
    untouched: bool,
}

impl<'a, 'py> Seat<'a, 'py> {
    pub(crate) fn new(event_loop: &'a Bound<'py, PyAny>) -> PyResult<Self> {
        let entry = entry(event_loop)?;
        Ok(Self { event_loop, entry, task: None, mark: 0, untouched: false })
    }

    /// Whether nobody holds a task that has left but a seat, asyncio for it, and one more.
    pub(crate) fn holds_alone(task: &Bound<'_, Task>) -> bool {
        let others = ffi::references(task) - 1;
        others <= 0 || (others <= 2 && Entry::is_known())
    }

    pub(crate) fn event_loop(&self) -> &'a Bound<'py, PyAny> {
        self.event_loop
    }

    /// Makes the task the current one; the function of asyncio is called for its error when somebody else is
    /// in the way, and where its entry is not known.
    ///
    /// # Errors
    /// `RuntimeError` when another task of the loop is running.
    #[inline(always)]
    pub(crate) fn take(&mut self, task: &Bound<'py, Task>) -> PyResult<()> {
        if let Some(entry) = &self.entry
            && self.is_written_to(entry, task)?
        {
            self.mark = entry.mark();
            self.task = Some(task.clone());
            return Ok(());
        }
        self.take_by_asyncio(task)
    }

    #[cold]
    fn take_by_asyncio(&mut self, task: &Bound<'py, Task>) -> PyResult<()> {
        let py = task.py();
        asyncio(py).enter_task.call(py, &[self.event_loop, task])?;
        self.mark = self.entry.as_ref().map_or(0, Entry::mark);
        self.task = Some(task.clone());
        Ok(())
    }

    /// Writes the task there, unless somebody else than who is noted is.
    fn is_written_to(&self, entry: &Entry<'a, 'py>, task: &Bound<'py, Task>) -> PyResult<bool> {
        if self.task.is_none() {
            return entry.set_if_free(task);
        }
        entry.set(task)?;
        Ok(true)
    }

    /// The step of the task that has taken the seat is over, and went well.
    ///
    /// # Errors
    /// `RuntimeError` when another task is the current one by now.
    pub(crate) fn leave(&mut self) -> PyResult<()> {
        if self.noted()?.is_some() { Ok(()) } else { self.clear() }
    }

    /// The same after a step whose last act found the loop out of debug mode.
    pub(crate) fn leave_untouched(&mut self) -> PyResult<()> {
        self.leave()?;
        self.untouched = true;
        Ok(())
    }

    /// Whether nothing can have happened to the loop since it was seen out of debug mode.
    pub(crate) fn is_untouched(&self) -> bool {
        self.untouched
    }

    /// Notes that other code than ours may run.
    pub(crate) fn touch(&mut self) {
        self.untouched = false;
    }

    /// Makes sure that nobody is noted who is not running.
    pub(crate) fn clear(&mut self) -> PyResult<()> {
        if let Some(entry) = self.noted()? {
            entry.delete()?;
            self.task = None;
            return Ok(());
        }
        let Some(task) = self.task.take() else { return Ok(()) };
        let py = task.py();
        asyncio(py).leave_task.call(py, &[self.event_loop, &task]).map(drop)
    }

    /// The same after something else, whose outcome is passed on.
    pub(crate) fn clear_after(&mut self, outcome: PyResult<()>) -> PyResult<()> {
        match (outcome, self.clear()) {
            (Err(earlier), Err(later)) => Err(ffi::chain(self.event_loop.py(), earlier, later)),
            (outcome, cleared) => outcome.and(cleared),
        }
    }

    /// The entry, if the task that is noted is in there.
    #[inline]
    fn noted(&self) -> PyResult<Option<&Entry<'a, 'py>>> {
        let (Some(task), Some(entry)) = (&self.task, &self.entry) else { return Ok(None) };
        Ok(entry.still_has(task, self.mark)?.then_some(entry))
    }
}

impl Drop for Seat<'_, '_> {
    /// Only finds something to do when a panic passes by.
    fn drop(&mut self) {
        if let Err(error) = self.clear() {
            error.write_unraisable(self.event_loop.py(), None);
        }
    }
}

/// Looks for where asyncio has the current task of a thread, as no loop was running in this one. Called when
/// the module is made.
#[cfg(Py_3_14)]
pub(crate) fn prepare(py: Python<'_>) -> PyResult<()> {
    let asyncio = asyncio(py);
    let set_running_loop = py.import("_asyncio")?.getattr("_set_running_loop")?;
    let running = ffi::call(asyncio.find_running_loop.bind(py), &[])?;
    let none = py.None().into_bound(py);
    let is_running = !running.is_none();
    let task =
        is_running.then(|| asyncio.swap_current_task.call(py, &[&running, &none])).transpose()?;
    set_running_loop.call1((&none,))?;
    let writers = ffi::Writers {
        set_running_loop: &set_running_loop,
        enter_task: asyncio.enter_task.function(py),
        leave_task: asyncio.leave_task.function(py),
    };
    let found = ffi::find_place(py, &writers);
    set_running_loop.call1((&running,))?;
    if let Some(task) = task {
        asyncio.swap_current_task.call(py, &[&running, &task])?;
    }
    found
}

/// Up to 3.13 it is in a dict that can be had by name.
#[cfg(not(Py_3_14))]
#[allow(clippy::unnecessary_wraps)] // as the other one
pub(crate) fn prepare(_py: Python<'_>) -> PyResult<()> {
    Ok(())
}

/// Where asyncio has the current task of a loop: in a dict, or since 3.14 in the state of the thread.
#[allow(clippy::unnecessary_wraps)] // up to 3.13 the hash of a loop may raise
fn entry<'a, 'py>(event_loop: &'a Bound<'py, PyAny>) -> PyResult<Option<Entry<'a, 'py>>> {
    #[cfg(Py_3_14)]
    return Ok(Entry::new(event_loop));
    #[cfg(not(Py_3_14))]
    {
        let py = event_loop.py();
        Entry::new(asyncio(py).current_tasks.bind(py), event_loop).map(Some)
    }
}

/// Makes `task` the current one of its loop and gives back the one that was, or None:
/// `asyncio._swap_current_task(loop, task)` of 3.12.
pub(crate) fn swap_current_task<'py>(
    event_loop: &Bound<'py, PyAny>,
    task: &Bound<'py, PyAny>,
) -> PyResult<Bound<'py, PyAny>> {
    let Some(entry) = entry(event_loop)?.filter(Entry::is_in_use) else {
        return swap_by_asyncio(event_loop, task);
    };
    let previous =
        entry.value()?.unwrap_or_else(|| event_loop.py().None().into_bound(event_loop.py()));
    entry.set(task)?;
    Ok(previous)
}

/// Makes `task` (or None) the current one of its loop again, whoever is it now.
pub(crate) fn restore_current_task<'py>(
    event_loop: &Bound<'py, PyAny>,
    task: &Bound<'py, PyAny>,
) -> PyResult<()> {
    let Some(entry) = entry(event_loop)?.filter(Entry::is_in_use) else {
        return swap_by_asyncio(event_loop, task).map(drop);
    };
    if !task.is_none() {
        return entry.set(task);
    }
    // In 3.12 a `KeyError` if there is none, as in asyncio.
    let must_be_there = cfg!(all(Py_3_12, not(Py_3_13)));
    if must_be_there || !entry.is_free()? {
        entry.delete()?;
    }
    Ok(())
}

#[cfg(Py_3_14)]
fn swap_by_asyncio<'py>(
    event_loop: &Bound<'py, PyAny>,
    task: &Bound<'py, PyAny>,
) -> PyResult<Bound<'py, PyAny>> {
    let py = event_loop.py();
    asyncio(py).swap_current_task.call(py, &[event_loop, task])
}

/// Never asked: the dict is known.
#[cfg(not(Py_3_14))]
fn swap_by_asyncio<'py>(
    _event_loop: &Bound<'py, PyAny>,
    _task: &Bound<'py, PyAny>,
) -> PyResult<Bound<'py, PyAny>> {
    Err(PyRuntimeError::new_err("it is not known where asyncio has the current task"))
}
