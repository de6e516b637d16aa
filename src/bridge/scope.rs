//! Where a Rust future belongs while it is polled: a loop, and the context of the task that awaits it.

use std::cell::RefCell;
use std::mem;
use std::sync::Arc;
use std::thread;

use pyo3::prelude::*;

use super::lookout;
use crate::ffi::{self, EnteredContext, Field};

/// The loop that a future was made on, and the context that Python code called from it runs in: a copy
/// of the one that was current when the future was made.
pub(super) struct Scope {
    pub(super) event_loop: Py<PyAny>,
    context: Py<PyAny>,
    usage: Field<Usage>,
}

/// A context can be entered once at a time. Tasks that the future drives enter it on the loop's thread
/// whenever they take a step, code that the future calls enters it wherever it is polled.
#[derive(Clone, Copy, Default)]
struct Usage {
    entered: bool,
    driving: u32,
}

/// What is polled in this thread.
#[derive(Default)]
pub(super) enum Current {
    /// Nothing of ours.
    #[default]
    Nothing,
    /// A future for the first time, where it is made. Most end there and never need a scope.
    First {
        event_loop: Py<PyAny>,
        scope: Option<Arc<Scope>>,
    },
    Later(Arc<Scope>),
}

thread_local! {
    static CURRENT: RefCell<Current> = const { RefCell::new(Current::Nothing) };
}

impl Scope {
    pub(super) fn new(event_loop: &Bound<'_, PyAny>) -> PyResult<Arc<Self>> {
        let context = ffi::copy_current_context(event_loop.py())?.unbind();
        let event_loop = event_loop.clone().unbind();
        Ok(Arc::new(Self { event_loop, context, usage: Field::new(Usage::default()) }))
    }

    fn change(&self, py: Python<'_>, change: impl FnOnce(&mut Usage)) {
        let mut usage = self.usage.get(py);
        change(&mut usage);
        self.usage.set(py, usage);
    }

    /// The context for a task that is driven from now until [`Self::end_driving`]; a copy while the
    /// context itself is in use.
    pub(super) fn begin_driving<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let context = self.context.bind(py);
        let entered = self.usage.get(py).entered;
        let context = if entered { ffi::copy_context(context)? } else { context.clone() };
        self.change(py, |usage| usage.driving += 1);
        Ok(context)
    }

    pub(super) fn end_driving(&self, py: Python<'_>) {
        self.change(py, |usage| usage.driving -= 1);
    }

    /// Runs `run` in the context; in a copy while the context itself is in use.
    fn run<R>(&self, py: Python<'_>, run: impl FnOnce() -> R) -> PyResult<R> {
        let usage = self.usage.get(py);
        let free = !usage.entered && usage.driving == 0;
        let context = self.context.bind(py);
        let context = if free { context.clone() } else { ffi::copy_context(context)? };
        let entered = EnteredContext::enter(context)?;
        let mark = free.then(|| Mark::new(self, py));
        let answer = run();
        drop(mark);
        entered.exit()?;
        Ok(answer)
    }
}

/// The context itself is entered, also when a panic passes by.
struct Mark<'a, 'py>(&'a Scope, Python<'py>);

impl<'a, 'py> Mark<'a, 'py> {
    fn new(scope: &'a Scope, py: Python<'py>) -> Self {
        scope.change(py, |usage| usage.entered = true);
        Self(scope, py)
    }
}

impl Drop for Mark<'_, '_> {
    fn drop(&mut self) {
        self.0.change(self.1, |usage| usage.entered = false);
    }
}

impl Current {
    pub(super) fn first(event_loop: &Bound<'_, PyAny>) -> Self {
        Self::First { event_loop: event_loop.clone().unbind(), scope: None }
    }

    /// The scope, made now if it was not needed before.
    pub(super) fn scope(&mut self, py: Python<'_>) -> PyResult<Option<Arc<Scope>>> {
        match self {
            Self::Nothing => Ok(None),
            Self::Later(scope) | Self::First { scope: Some(scope), .. } => Ok(Some(scope.clone())),
            Self::First { event_loop, scope } => {
                let made = Scope::new(event_loop.bind(py))?;
                *scope = Some(made.clone());
                Ok(Some(made))
            }
        }
    }
}

/// Runs `run` as what is polled in this thread, and gives back what is known of it afterwards. `run`
/// does not panic.
pub(super) fn within<R>(current: Current, run: impl FnOnce() -> R) -> (R, Current) {
    let outer = CURRENT.replace(current);
    let answer = run();
    (answer, CURRENT.replace(outer))
}

/// The scope of the future that is polled in this thread, if one is.
pub(super) fn current(py: Python<'_>) -> PyResult<Option<Arc<Scope>>> {
    // Making a scope runs no code that could come back here.
    let mut current = CURRENT.with_borrow_mut(mem::take);
    let scope = current.scope(py);
    CURRENT.set(current);
    scope
}

/// The same for a caller that may not be attached; a thread of the runtime need not be.
pub(super) fn polled() -> Option<Arc<Scope>> {
    let known = CURRENT.with_borrow(|current| match current {
        Current::Nothing => Some(None),
        Current::Later(scope) => Some(Some(scope.clone())),
        Current::First { .. } => None,
    });
    // The first poll is made by an attached thread.
    known.unwrap_or_else(|| Python::attach(|py| current(py).ok().flatten()))
}

/// Attaches to the interpreter and runs `run` in the context of the task that awaits the future which
/// is polled in this thread. Elsewhere this is `Python::attach`.
///
/// The context is the same one at every call, so that variables keep what is set; only while a Python
/// awaitable is driven in it, or another thread is in it, it is a copy. When the interpreter has begun
/// to exit, the thread hangs, as threads of Python do.
pub fn attach<R>(run: impl for<'py> FnOnce(Python<'py>) -> R) -> R {
    if super::runtime::has_ended() {
        hang();
    }
    ffi::keep_thread_state();
    lookout::give_the_loop_a_start();
    let attached = Python::try_attach(|py| {
        let mut run = Some(run);
        let scope = current(py).ok().flatten();
        let answer = scope
            .and_then(|scope| scope.run(py, || run.take().map(|run| run(py))).unwrap_or_default());
        match (answer, run) {
            (Some(answer), _) => answer,
            (None, Some(run)) => run(py), // outside, or without memory for a context
            (None, None) => unreachable!("what was taken has answered"),
        }
    });
    attached.unwrap_or_else(|| hang())
}

fn hang() -> ! {
    loop {
        thread::park();
    }
}
