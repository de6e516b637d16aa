//! Cancelling a task or a gathering, and with it what it awaits.

use std::collections::HashSet;
use std::vec;

use once_cell::sync::OnceCell;
use pyo3::exceptions::PyRecursionError;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{IntoPyDict, PyType};

use super::{Task, as_future};
use crate::combinators::GatheringFuture;
use crate::ffi;
use crate::future::{self, Future};
use crate::state::Life;

/// Where the code of our own `Task.cancel` is, to recognise it by.
static OWN_CANCEL: OnceCell<usize> = OnceCell::new();

/// Looks at an object that nobody has touched. Called when the module is made.
pub(super) fn prepare(class: &Bound<'_, PyType>) -> PyResult<()> {
    let py = class.py();
    let untouched = class.call_method1(intern!(py, "__new__"), (class,))?;
    let method = untouched.getattr(intern!(py, "cancel"))?;
    if let Some(implementation) = ffi::implementation_of(&method, &untouched) {
        OWN_CANCEL.get_or_init(|| implementation);
    }
    Ok(())
}

/// `Task.cancel(msg)` and `_GatheringFuture.cancel(msg)`: asks the futures at the ends of the chains
/// of awaits to cancel themselves.
///
/// A task that awaits a task passes the request on, and a gathering passes it on to each child. They
/// are walked, not recursed into: a chain may be a hundred thousand tasks long. A task whose future
/// does not take the request gets its `CancelledError` with the next step; for those above it the
/// request is taken.
pub(crate) fn cancel<'py>(
    future: &Bound<'py, Future>,
    message: Option<Bound<'py, PyAny>>,
) -> PyResult<bool> {
    let py = future.py();
    let mut walk = Walk::default();
    let mut answer = walk.ask(future.clone())?;
    loop {
        let Some(asked) = walk.path.last_mut() else { return Ok(answer.unwrap_or(false)) };
        let next = match asked {
            Asked::Task(task) => match answer {
                None => task.get().waiter.bound(py),
                Some(taken) => {
                    if !taken {
                        make_due(task, message.clone());
                    }
                    walk.path.pop();
                    answer = Some(true);
                    continue;
                }
            },
            Asked::Gathering { gathering, children, any } => {
                *any |= answer.unwrap_or(false);
                let next = children.next();
                if next.is_none() {
                    let any = *any;
                    if any {
                        gathering.get().request_cancel(py);
                    }
                    walk.path.pop();
                    answer = Some(any);
                    continue;
                }
                next
            }
        };
        answer = match next {
            None => Some(false), // a task that waits for nothing
            Some(next) => match cancelled_by_us(&next)? {
                Some(next) => walk.ask(next)?,
                None => Some(walk.ask_stranger(&next, message.as_ref())?),
            },
        };
    }
}

/// The ones that have been asked and wait for the answer of another, each for the next.
#[derive(Default)]
struct Walk<'py> {
    path: Vec<Asked<'py>>,
    /// How long the path may become before somebody looks for a circle.
    unchecked: usize,
}

enum Asked<'py> {
    Task(Bound<'py, Task>),
    Gathering {
        gathering: Bound<'py, GatheringFuture>,
        children: vec::IntoIter<Bound<'py, PyAny>>,
        /// Whether any child has taken the request.
        any: bool,
    },
}

impl<'py> Walk<'py> {
    /// Asks one of ours. Its answer, or None as long as that depends on others.
    fn ask(&mut self, future: Bound<'py, Future>) -> PyResult<Option<bool>> {
        let py = future.py();
        self.look_for_circle()?;
        match future.cast_into::<Task>() {
            Ok(task) => {
                if !request(&task) {
                    return Ok(Some(false));
                }
                self.path.push(Asked::Task(task));
            }
            Err(error) => {
                let gathering = error.into_inner().cast_into::<GatheringFuture>()?;
                let future: &Bound<'py, Future> = gathering.as_super();
                if future.get().life(py) != Life::Pending {
                    return Ok(Some(false));
                }
                let children = gathering.get().children(py)?.into_iter();
                self.path.push(Asked::Gathering { gathering, children, any: false });
            }
        }
        Ok(None)
    }

    /// Asks another future: a plain one of ours, or any by its method, as the one at the end of the
    /// path calls it.
    fn ask_stranger(
        &self,
        future: &Bound<'py, PyAny>,
        message: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<bool> {
        if !matches!(self.path.last(), Some(Asked::Gathering { .. })) || plain(future).is_some() {
            return cancel_future(future, message);
        }
        let keywords = [("msg", message)].into_py_dict(future.py())?;
        let answer = future.call_method(intern!(future.py(), "cancel"), (), Some(&keywords))?;
        answer.is_truthy()
    }

    /// # Errors
    /// `RecursionError`, which is what the built-in class ends with in a circle.
    fn look_for_circle(&mut self) -> PyResult<()> {
        if self.path.len() < self.unchecked {
            return Ok(());
        }
        self.unchecked = 2 * self.path.len().max(LONG);
        let mut seen = HashSet::new();
        let is_new = |asked: &Asked<'_>| match asked {
            Asked::Task(task) => seen.insert(task.as_ptr()),
            Asked::Gathering { gathering, .. } => seen.insert(gathering.as_ptr()),
        };
        if self.path.iter().all(is_new) {
            return Ok(());
        }
        Err(PyRecursionError::new_err(
            "maximum recursion depth exceeded: tasks await each other in a circle",
        ))
    }
}

/// No shorter path is searched for a circle.
const LONG: usize = 500;

fn make_due(task: &Bound<'_, Task>, message: Option<Bound<'_, PyAny>>) {
    let py = task.py();
    let this = task.get();
    this.cancellation.set(py, this.cancellation.get(py).transition_to_due());
    as_future(task).get().store_cancel_message(py, message);
}

/// The future, if it is exactly of our class and nothing hides its methods.
fn plain<'a, 'py>(future: &'a Bound<'py, PyAny>) -> Option<&'a Bound<'py, Future>> {
    let own = future.cast_exact::<Future>().ok()?;
    (!ffi::has_own_attributes(future)).then_some(own)
}

/// `future.cancel(message)`, of what is no task of ours.
pub(super) fn cancel_future<'py>(
    future: &Bound<'py, PyAny>,
    message: Option<&Bound<'py, PyAny>>,
) -> PyResult<bool> {
    if let Some(own) = plain(future) {
        own.get().ready_loop(own.py())?;
        return future::cancel(own, message.cloned());
    }
    let none = future.py().None().into_bound(future.py());
    let arguments = [future, message.unwrap_or(&none)];
    ffi::call_method(intern!(future.py(), "cancel"), &arguments)?.is_truthy()
}

/// Counts the request; false if the task is done.
fn request(task: &Bound<'_, Task>) -> bool {
    let py = task.py();
    let this = task.get();
    as_future(task).get().forget_exception_log(py);
    if as_future(task).get().life(py) != Life::Pending {
        return false;
    }
    this.cancellation.set(py, this.cancellation.get(py).transition_to_requested());
    true
}

/// The future as a task or a gathering of ours, if `future.cancel()` would run this very code: neither
/// a subclass nor the object itself has put something else in its place.
fn cancelled_by_us<'py>(future: &Bound<'py, PyAny>) -> PyResult<Option<Bound<'py, Future>>> {
    let exact = future.is_exact_instance_of::<Task>();
    if exact || future.is_exact_instance_of::<GatheringFuture>() {
        if !ffi::has_own_attributes(future) {
            return Ok(Some(future.cast::<Future>()?.clone()));
        }
    } else if !future.is_instance_of::<Task>() {
        return Ok(None);
    }
    let method = future.getattr(intern!(future.py(), "cancel"))?;
    let implementation = ffi::implementation_of(&method, future);
    let ours = implementation.is_some() && implementation.as_ref() == OWN_CANCEL.get();
    Ok(if ours { Some(future.cast::<Future>()?.clone()) } else { None })
}

/// `Task.uncancel()`
pub(super) fn uncancel(task: &Task, py: Python<'_>) -> u32 {
    let withdrawn = task.cancellation.get(py).transition_to_withdrawn(cfg!(Py_3_13));
    task.cancellation.set(py, withdrawn);
    withdrawn.requests()
}
