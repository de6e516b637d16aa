//! Which task is the current one of its loop.
//!
//! asyncio knows that itself, and is told through the functions that its documentation names for
//! third-party tasks ("Extending", "Task lifetime support"): so built-in and Rust tasks see each other
//! in one loop.

use pyo3::prelude::*;

use crate::asyncio::asyncio;
use crate::ffi;
use crate::task::Task;

/// The place of the current task, for tasks that are run one after the other.
///
/// A task that has left stays noted until the next one takes its place, which saves writing down that
/// nobody is there. So whoever has a seat calls [`Seat::clear`] before anything but the step of a task
/// may run.
pub(crate) struct Seat<'a, 'py> {
    event_loop: &'a Bound<'py, PyAny>,
    #[cfg(not(Py_3_14))]
    entry: ffi::Entry<'a, 'py>,
    /// Who is noted.
    task: Option<Bound<'py, Task>>,
    /// The version of asyncio's dict with that task in it.
    #[cfg(not(Py_3_14))]
    version: u64,
    /// Whether no code but ours has run since the loop was seen out of debug mode.
    untouched: bool,
}

impl<'a, 'py> Seat<'a, 'py> {
    pub(crate) fn new(event_loop: &'a Bound<'py, PyAny>) -> PyResult<Self> {
        Ok(Self {
            event_loop,
            #[cfg(not(Py_3_14))]
            entry: entry(event_loop)?,
            task: None,
            #[cfg(not(Py_3_14))]
            version: 0,
            untouched: false,
        })
    }

    pub(crate) fn event_loop(&self) -> &'a Bound<'py, PyAny> {
        self.event_loop
    }

    /// Makes the task the current one. Up to 3.13 that is an entry in a dict which can be made here; the
    /// function of asyncio is called for its error when somebody else is in the way.
    ///
    /// # Errors
    /// `RuntimeError` when another task of the loop is running.
    pub(crate) fn take(&mut self, task: &Bound<'py, Task>) -> PyResult<()> {
        #[cfg(not(Py_3_14))]
        if self.task.is_some() || self.entry.address()?.is_none() {
            self.entry.set(task)?;
            self.version = self.entry.version();
            self.task = Some(task.clone());
            return Ok(());
        }
        let py = task.py();
        asyncio(py).enter_task.call(py, &[self.event_loop, task])?;
        #[cfg(not(Py_3_14))]
        {
            self.version = self.entry.version();
        }
        self.task = Some(task.clone());
        Ok(())
    }

    /// The step of the task that has taken the seat is over, and went well.
    ///
    /// # Errors
    /// `RuntimeError` when another task is the current one by now.
    pub(crate) fn leave(&mut self) -> PyResult<()> {
        #[cfg(not(Py_3_14))]
        if self.is_noted()? {
            return Ok(());
        }
        self.clear()
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
        #[cfg(not(Py_3_14))]
        if self.is_noted()? {
            self.task = None;
            return self.entry.delete();
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

    #[cfg(not(Py_3_14))]
    fn is_noted(&self) -> PyResult<bool> {
        let Some(task) = &self.task else { return Ok(false) };
        Ok(self.entry.version() == self.version || self.entry.address()? == Some(task.as_ptr()))
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

/// The entry of the loop in the dict that asyncio has for its current tasks.
#[cfg(not(Py_3_14))]
fn entry<'a, 'py>(event_loop: &'a Bound<'py, PyAny>) -> PyResult<ffi::Entry<'a, 'py>> {
    ffi::Entry::new(asyncio(event_loop.py()).current_tasks.bind(event_loop.py()), event_loop)
}

/// Makes `task` the current one of its loop and gives back the one that was, or None:
/// `asyncio._swap_current_task(loop, task)` of 3.12.
pub(crate) fn swap_current_task<'py>(
    event_loop: &Bound<'py, PyAny>,
    task: &Bound<'py, PyAny>,
) -> PyResult<Bound<'py, PyAny>> {
    let py = event_loop.py();
    #[cfg(Py_3_14)]
    return asyncio(py).swap_current_task.call(py, &[event_loop, task]);
    #[cfg(not(Py_3_14))]
    {
        let entry = entry(event_loop)?;
        let previous = entry.value()?.unwrap_or_else(|| py.None().into_bound(py));
        entry.set(task)?;
        Ok(previous)
    }
}

/// Makes `task` (or None) the current one of its loop again, whoever is it now.
pub(crate) fn restore_current_task<'py>(
    event_loop: &Bound<'py, PyAny>,
    task: &Bound<'py, PyAny>,
) -> PyResult<()> {
    #[cfg(Py_3_14)]
    return swap_current_task(event_loop, task).map(drop);
    #[cfg(not(Py_3_14))]
    {
        let entry = entry(event_loop)?;
        if !task.is_none() {
            return entry.set(task);
        }
        // In 3.12 a `KeyError` if there is none, as in asyncio.
        let must_be_there = cfg!(all(Py_3_12, not(Py_3_13)));
        let is_there = |noted| noted != task.as_ptr();
        if must_be_there || entry.address()?.is_some_and(is_there) {
            entry.delete()?;
        }
        Ok(())
    }
}
