//! Where CPython 3.14 has the running loop and the current task of a thread: next to each other in the
//! thread's state (`_PyThreadStateImpl` in `Include/internal/pycore_tstate.h`).
//!
//! The place is found by what asyncio's own functions change there, not by what a header says. Where it is
//! not found, or the version is not known here, those functions are called for each step.

use std::ptr;

use once_cell::sync::OnceCell;
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::PyDict;

/// The words of a thread's state among which the place is searched; 3.14 has 117.
const WORDS: std::ops::Range<usize> = if cfg!(Py_3_15) { 0..0 } else { 64..116 };

/// How often it has to be found at the same place.
const ROUNDS: usize = 3;

/// Which word the running loop is in; the next one has the task.
static PLACE: OnceCell<Option<usize>> = OnceCell::new();

/// asyncio's functions that write there.
pub(crate) struct Writers<'a, 'py> {
    pub(crate) set_running_loop: &'a Bound<'py, PyAny>,
    pub(crate) enter_task: &'a Bound<'py, PyAny>,
    pub(crate) leave_task: &'a Bound<'py, PyAny>,
}

/// Looks for the place. No loop must run in this thread. Once, when the module is made.
pub(crate) fn find_place(py: Python<'_>, writers: &Writers<'_, '_>) -> PyResult<()> {
    let mut found = find_with(py, writers)?;
    for _ in 1..ROUNDS {
        if find_with(py, writers)? != found {
            found = None;
        }
    }
    let _ = PLACE.set(found);
    Ok(())
}

/// Has asyncio write two objects that are nowhere else, and take them back.
fn find_with(py: Python<'_>, writers: &Writers<'_, '_>) -> PyResult<Option<usize>> {
    let (event_loop, task) = (PyDict::new(py), PyDict::new(py));
    let found = |object: &Bound<'_, PyDict>| -> Vec<usize> {
        let address = object.as_ptr() as usize;
        WORDS.filter(|index| word(py, *index) == address).collect()
    };
    writers.set_running_loop.call1((&event_loop,))?;
    let (loop_alone, no_task) = (found(&event_loop), found(&task));
    writers.enter_task.call1((&event_loop, &task))?;
    let (loop_with_task, with_task) = (found(&event_loop), found(&task));
    writers.leave_task.call1((&event_loop, &task))?;
    let task_gone = found(&task);
    writers.set_running_loop.call1((py.None(),))?;
    let loop_gone = found(&event_loop);
    Ok(match (&loop_alone[..], &with_task[..]) {
        (&[place], &[after])
            if after == place + 1
                && loop_with_task == loop_alone
                && no_task.is_empty()
                && task_gone.is_empty()
                && loop_gone.is_empty()
                && word(py, place) == 0
                && word(py, after) == 0 =>
        {
            Some(place)
        }
        _ => None,
    })
}

/// A word of this thread's state, one of `WORDS`.
fn word(_py: Python<'_>, index: usize) -> usize {
    // SAFETY: attached, so the thread has a state, which has that word.
    unsafe { *ffi::PyThreadState_Get().cast::<usize>().add(index) }
}

/// The place of the current task of this thread, while a loop runs. As `Entry` of `dict.rs`, which has
/// the errors.
pub(crate) struct Entry<'a, 'py> {
    event_loop: &'a Bound<'py, PyAny>,
    place: *mut Running,
}

#[repr(C)]
struct Running {
    event_loop: *mut ffi::PyObject,
    task: *mut ffi::PyObject,
}

#[allow(clippy::unnecessary_wraps, clippy::unused_self)] // as the other one
impl<'a, 'py> Entry<'a, 'py> {
    /// None where the place is not known.
    pub(crate) fn new(event_loop: &'a Bound<'py, PyAny>) -> Option<Self> {
        let index = (*PLACE.get()?)?;
        // SAFETY: attached; the place was found there. The state lives as long as the thread is attached
        // by it, which outlives this: it is on the stack.
        let place = unsafe { ffi::PyThreadState_Get().cast::<usize>().add(index).cast() };
        Some(Self { event_loop, place })
    }

    /// Whether such places are known.
    pub(crate) fn is_known() -> bool {
        PLACE.get().is_some_and(Option::is_some)
    }

    fn look(&self) -> &Running {
        // SAFETY: attached, in the thread of that state, which alone writes there.
        unsafe { &*self.place }
    }

    /// Whether it decides who is the current task: the loop is the running one.
    pub(crate) fn is_in_use(&self) -> bool {
        self.look().event_loop == self.event_loop.as_ptr()
    }

    /// Whether the loop is the running one, and no task of it.
    pub(crate) fn is_free(&self) -> PyResult<bool> {
        Ok(self.is_in_use() && self.look().task.is_null())
    }

    /// Here the task itself is looked at each time.
    pub(crate) fn mark(&self) -> u64 {
        0
    }

    /// Whether the loop is the running one, and this is its task.
    pub(crate) fn still_has(&self, task: &Bound<'_, PyAny>, _mark: u64) -> PyResult<bool> {
        Ok(self.is_in_use() && self.look().task == task.as_ptr())
    }

    /// The task; None if there is none.
    pub(crate) fn value(&self) -> PyResult<Option<Bound<'py, PyAny>>> {
        // SAFETY: attached; the place owns a reference, or has NULL.
        Ok(unsafe { Bound::from_borrowed_ptr_or_opt(self.event_loop.py(), self.look().task) })
    }

    /// Puts a task there if there is none and the loop is the running one, and answers whether.
    pub(crate) fn set_if_free(&self, task: &Bound<'_, PyAny>) -> PyResult<bool> {
        let is_free = self.is_free()?;
        if is_free {
            self.set(task)?;
        }
        Ok(is_free)
    }

    /// The loop is the running one.
    pub(crate) fn set(&self, task: &Bound<'_, PyAny>) -> PyResult<()> {
        self.replace(task.clone().into_ptr());
        Ok(())
    }

    /// The loop is the running one.
    pub(crate) fn delete(&self) -> PyResult<()> {
        self.replace(ptr::null_mut());
        Ok(())
    }

    fn replace(&self, task: *mut ffi::PyObject) {
        // SAFETY: attached, in the thread of that state; the place owns a reference, or has NULL. It has
        // the new one before the former is dropped.
        unsafe {
            let former = ptr::replace(&raw mut (*self.place).task, task);
            ffi::Py_XDECREF(former);
        }
    }
}
