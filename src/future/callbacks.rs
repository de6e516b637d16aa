//! Who waits for a future: functions to call and tasks to wake, in order of registration.

use std::mem;

use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;
use pyo3::types::PyList;

use super::Future;
use crate::bridge;
use crate::combinators::DoneCallback;
use crate::ffi::{self, Enough, Traverse, Visit};
use crate::schedule::{self, Ready, Wakeup};
use crate::state::Life;
use crate::task::Task;

/// One who waits.
pub(crate) enum Callback {
    /// A task that awaits the future: no function object is made for it before it is woken.
    Wakeup(Py<Task>),
    /// A function, and the context to call it in.
    Call { function: Py<PyAny>, context: Py<PyAny> },
    /// A function of one of asyncio's combinators, written in Rust.
    Native(Py<DoneCallback>),
}

impl Callback {
    pub(crate) fn call(function: Bound<'_, PyAny>, context: Bound<'_, PyAny>) -> Self {
        Self::Call { function: function.unbind(), context: context.unbind() }
    }

    fn clone_ref(&self, py: Python<'_>) -> Self {
        match self {
            Self::Wakeup(task) => Self::Wakeup(task.clone_ref(py)),
            Self::Call { function, context } => {
                Self::Call { function: function.clone_ref(py), context: context.clone_ref(py) }
            }
            Self::Native(callback) => Self::Native(callback.clone_ref(py)),
        }
    }

    /// Whether this is the same registration; registering twice makes two that are the same.
    fn is(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Wakeup(task), Self::Wakeup(other)) => task.is(other),
            (
                Self::Call { function, context },
                Self::Call { function: other_function, context: other_context },
            ) => function.is(other_function) && context.is(other_context),
            (Self::Native(callback), Self::Native(other)) => callback.is(other),
            _ => false,
        }
    }

    /// What asyncio shows of it: the function to call, and the context to call it in.
    fn function_and_context<'py>(
        &self,
        py: Python<'py>,
    ) -> PyResult<(Bound<'py, PyAny>, Bound<'py, PyAny>)> {
        match self {
            Self::Wakeup(task) => {
                let task = task.bind(py);
                Ok((Task::wakeup_function(task)?, task.get().ready_context(py)?))
            }
            Self::Call { function, context } => {
                Ok((function.bind(py).clone(), context.bind(py).clone()))
            }
            Self::Native(callback) => {
                let callback = callback.bind(py);
                Ok((callback.clone().into_any(), callback.get().context(py)))
            }
        }
    }

    fn unload_into(self, queue: &mut Vec<Py<PyAny>>) {
        match self {
            Self::Wakeup(task) => queue.push(task.into_any()),
            Self::Call { function, context } => queue.extend([function, context]),
            Self::Native(callback) => queue.push(callback.into_any()),
        }
    }
}

impl Traverse for Callback {
    fn traverse(&self, visit: &Visit) -> Result<(), Enough> {
        match self {
            Self::Wakeup(task) => visit.call(task),
            Self::Call { function, context } => {
                visit.call(function)?;
                visit.call(context)
            }
            Self::Native(callback) => visit.call(callback),
        }
    }
}

/// All who wait. Most futures have one, which needs no allocation.
#[derive(Default)]
pub(crate) struct Callbacks {
    first: Option<Callback>,
    // In a box, because nearly every future has none: one word instead of three.
    #[allow(clippy::box_collection)]
    rest: Option<Box<Vec<Callback>>>,
}

impl Callbacks {
    pub(crate) const NONE: Self = Self { first: None, rest: None };

    /// Whether anybody waits.
    pub(super) fn are_some(&self) -> bool {
        self.first.is_some() || self.rest.is_some()
    }

    fn push(&mut self, callback: Callback) {
        if self.first.is_none() && self.rest.is_none() {
            self.first = Some(callback);
        } else {
            self.rest.get_or_insert_default().push(callback);
        }
    }

    fn iter(&self) -> impl Iterator<Item = &Callback> {
        self.first.iter().chain(self.rest.iter().flat_map(|rest| rest.iter()))
    }

    fn into_iter(self) -> impl Iterator<Item = Callback> {
        self.first.into_iter().chain(self.rest.into_iter().flat_map(|rest| *rest))
    }

    pub(crate) fn unload_into(self, queue: &mut Vec<Py<PyAny>>) {
        for callback in self.into_iter() {
            callback.unload_into(queue);
        }
    }
}

impl FromIterator<Callback> for Callbacks {
    fn from_iter<I: IntoIterator<Item = Callback>>(callbacks: I) -> Self {
        let mut all = Self::NONE;
        for callback in callbacks {
            all.push(callback);
        }
        all
    }
}

impl Traverse for Callbacks {
    fn traverse(&self, visit: &Visit) -> Result<(), Enough> {
        self.iter().try_for_each(|callback| callback.traverse(visit))
    }
}

impl Future {
    /// A copy of who waits now: what is asked of them may run Python code that changes the list.
    fn waiting(&self, py: Python<'_>) -> Vec<Callback> {
        let callbacks = self.callbacks.take(py);
        let copy = callbacks.iter().map(|callback| callback.clone_ref(py)).collect();
        drop(self.callbacks.replace(py, callbacks)); // empty: nothing ran since `take`
        copy
    }

    /// `_callbacks`: a list of `(function, context)`, or None if there are none.
    pub(super) fn callback_pairs<'py>(
        &self,
        py: Python<'py>,
    ) -> PyResult<Option<Bound<'py, PyList>>> {
        let waiting = self.waiting(py);
        if waiting.is_empty() {
            return Ok(None);
        }
        let pairs = PyList::empty(py);
        for callback in &waiting {
            pairs.append(callback.function_and_context(py)?)?;
        }
        Ok(Some(pairs))
    }
}

/// Registers who waits; one who comes late is called soon.
pub(crate) fn add(future: &Bound<'_, Future>, callback: Callback) -> PyResult<()> {
    let py = future.py();
    let this = future.get();
    if !this.event_loop.is_some(py) {
        return Err(PyRuntimeError::new_err("uninitialized Future object"));
    }
    if this.life(py) != Life::Pending {
        return hand_over(future, callback);
    }
    let mut callbacks = this.callbacks.take(py);
    callbacks.push(callback);
    drop(this.callbacks.replace(py, callbacks)); // empty: nothing ran since `take`
    if this.has_link(py) {
        bridge::keep(future);
    }
    Ok(())
}

/// Hands everybody to the loop, in order. The future is done by now.
///
/// When the loop refuses one, those after it are forgotten and the error goes to the caller, as in
/// asyncio.
pub(super) fn hand_over_all(future: &Bound<'_, Future>) -> PyResult<()> {
    if future.get().has_link(future.py()) {
        bridge::abandon(future); // done by somebody else
    }
    let callbacks = future.get().callbacks.take(future.py());
    callbacks.into_iter().try_for_each(|callback| hand_over(future, callback))
}

fn hand_over(future: &Bound<'_, Future>, callback: Callback) -> PyResult<()> {
    let py = future.py();
    let argument = future.clone().unbind();
    match callback {
        Callback::Wakeup(task) => {
            let event_loop = Task::ready_loop(task.bind(py))?;
            schedule::soon(&event_loop, Wakeup(task, argument)).map(drop)
        }
        Callback::Call { function, context } => {
            let event_loop = future.get().ready_loop(py)?;
            let argument = Some(argument);
            schedule::soon(&event_loop, Ready::Call { function, argument, context }).map(drop)
        }
        Callback::Native(callback) => DoneCallback::call_soon(&callback.into_bound(py), future),
    }
}

/// Removes every callback whose function equals `function` and says how many there were.
///
/// A comparison may run Python code that registers, removes or finishes: the verdicts are applied
/// to the list as it is afterwards.
pub(super) fn remove(future: &Bound<'_, Future>, function: &Bound<'_, PyAny>) -> PyResult<usize> {
    let py = future.py();
    let this = future.get();
    this.ready_loop(py)?;
    let mut doomed = Vec::new();
    for callback in this.waiting(py) {
        let (candidate, _) = callback.function_and_context(py)?;
        if ffi::same_or_equal(&candidate, function)? {
            doomed.push(callback);
        }
    }
    if doomed.is_empty() {
        return Ok(0);
    }
    let mut remaining = doomed.iter().peekable();
    let (removed, kept): (Vec<_>, Vec<_>) = this
        .callbacks
        .take(py)
        .into_iter()
        .partition(|callback| remaining.next_if(|next| callback.is(next)).is_some());
    drop(this.callbacks.replace(py, kept.into_iter().collect())); // empty: nothing ran since `take`
    if this.has_link(py) && this.waiting(py).is_empty() {
        bridge::release(future);
    }
    let count = removed.len();
    drop(mem::take(&mut doomed));
    drop(removed);
    Ok(count)
}
