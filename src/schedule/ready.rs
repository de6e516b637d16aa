//! One piece of ready work: the step of a task, or a function to call.

use std::collections::VecDeque;

use pyo3::exceptions::{PyKeyboardInterrupt, PySystemExit};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{IntoPyDict, PyDict, PyTuple};

use crate::asyncio::asyncio;
use crate::combinators::DoneCallback;
use crate::ffi::{self, Enough, EnteredContext, Traverse, Visit};
use crate::future::Future;
use crate::seat::Seat;
use crate::task::Task;

/// What is to be run, in the context that belongs to it.
pub(crate) enum Ready {
    /// The next step of a task.
    Step(Py<Task>),
    /// The next step of a task, with the future that it has awaited.
    Wakeup(Py<Task>, Py<Future>),
    /// `function(argument)`, or `function()`
    Call { function: Py<PyAny>, argument: Option<Py<Future>>, context: Py<PyAny> },
    /// A function of one of asyncio's combinators, with the future that is done.
    Native(Py<DoneCallback>, Py<Future>),
}

/// The next step of a task.
pub(crate) struct Step(pub(crate) Py<Task>);

/// The next step of a task, with the future that it has awaited.
pub(crate) struct Wakeup(pub(crate) Py<Task>, pub(crate) Py<Future>);

impl From<Step> for Ready {
    fn from(step: Step) -> Self {
        Self::Step(step.0)
    }
}

impl From<Wakeup> for Ready {
    fn from(wakeup: Wakeup) -> Self {
        Self::Wakeup(wakeup.0, wakeup.1)
    }
}

/// What becomes ready. It is put together where it is to stay: to move what was just written costs more
/// than to write it, as the processor cannot read many bytes at once of which parts are still on their
/// way to memory.
pub(crate) trait Work: Into<Ready> {
    /// Whether it is to be run in a context that is one. Whatever else was given has a `run()` of its own.
    fn has_plain_context(&self, py: Python<'_>) -> bool;
}

impl Work for Step {
    fn has_plain_context(&self, py: Python<'_>) -> bool {
        self.0.get().has_plain_context(py)
    }
}

impl Work for Wakeup {
    fn has_plain_context(&self, py: Python<'_>) -> bool {
        self.0.get().has_plain_context(py)
    }
}

impl Work for Ready {
    fn has_plain_context(&self, py: Python<'_>) -> bool {
        match self {
            Self::Step(task) | Self::Wakeup(task, _) => task.get().has_plain_context(py),
            Self::Call { context, .. } => ffi::is_context(context.bind(py)),
            Self::Native(..) => true,
        }
    }
}

impl Ready {
    pub(super) fn clone_ref(&self, py: Python<'_>) -> Self {
        match self {
            Self::Step(task) => Self::Step(task.clone_ref(py)),
            Self::Wakeup(task, future) => Self::Wakeup(task.clone_ref(py), future.clone_ref(py)),
            Self::Call { function, argument, context } => Self::Call {
                function: function.clone_ref(py),
                argument: argument.as_ref().map(|argument| argument.clone_ref(py)),
                context: context.clone_ref(py),
            },
            Self::Native(callback, future) => {
                Self::Native(callback.clone_ref(py), future.clone_ref(py))
            }
        }
    }

    /// Drops it, without a look at PyO3's own count of attachments where that is a part of the cost.
    #[inline(always)]
    pub(super) fn release(self, py: Python<'_>) {
        match self {
            Self::Step(task) => drop(task.into_bound(py)),
            Self::Wakeup(task, future) => drop((task.into_bound(py), future.into_bound(py))),
            Self::Call { .. } | Self::Native(..) => drop(self),
        }
    }

    /// The task that this is the step of.
    pub(super) fn task(&self) -> Option<&Py<Task>> {
        match self {
            Self::Step(task) | Self::Wakeup(task, _) => Some(task),
            Self::Call { .. } | Self::Native(..) => None,
        }
    }

    /// Whether this is the step of a task.
    pub(super) fn is_of_task(&self) -> bool {
        self.task().is_some()
    }

    /// The function that stands for it, as a loop is given it and asyncio's log shows it.
    pub(super) fn callback<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        match self {
            Self::Step(task) => Task::step_function(task.bind(py)),
            Self::Wakeup(task, _) => Task::wakeup_function(task.bind(py)),
            Self::Call { function, .. } => Ok(function.bind(py).clone()),
            Self::Native(callback, _) => Ok(callback.bind(py).clone().into_any()),
        }
    }

    pub(super) fn argument<'py>(&self, py: Python<'py>) -> Option<&Bound<'py, Future>> {
        match self {
            Self::Step(_) => None,
            Self::Call { argument, .. } => argument.as_ref().map(|argument| argument.bind(py)),
            Self::Wakeup(_, argument) | Self::Native(_, argument) => Some(argument.bind(py)),
        }
    }

    pub(super) fn context<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        match self {
            Self::Step(task) | Self::Wakeup(task, _) => task.get().ready_context(py),
            Self::Call { context, .. } => Ok(context.bind(py).clone()),
            Self::Native(callback, _) => Ok(callback.bind(py).get().context(py)),
        }
    }

    /// Runs it in its context. What it raises is reported to the loop, as `Handle._run` does, a panic
    /// as well, except for what is meant to end the program.
    pub(super) fn run(&self, seat: &mut Seat<'_, '_>) -> PyResult<()> {
        self.run_or(seat, Self::report)
    }

    /// The same, with a function that reports.
    pub(super) fn run_or<'py>(
        &self,
        seat: &mut Seat<'_, 'py>,
        report: impl FnOnce(&Self, &Bound<'py, PyAny>, PyErr) -> PyResult<()>,
    ) -> PyResult<()> {
        let event_loop = seat.event_loop();
        let py = event_loop.py();
        seat.touch();
        let outcome = ffi::catch_panic(|| self.run_in_context(seat));
        if outcome.is_ok() && !self.is_last_to_hold(py) {
            return Ok(());
        }
        seat.touch();
        let Err(error) = seat.clear_after(outcome) else { return Ok(()) };
        if error.is_instance_of::<PySystemExit>(py)
            || error.is_instance_of::<PyKeyboardInterrupt>(py)
        {
            return Err(error);
        }
        report(self, event_loop, error)
    }

    /// Whether a task or a future may go when this is dropped.
    fn is_last_to_hold(&self, py: Python<'_>) -> bool {
        match self {
            Self::Step(task) => Seat::holds_alone(task.bind(py)),
            Self::Wakeup(task, future) => {
                Seat::holds_alone(task.bind(py)) || ffi::is_unshared(future.bind(py))
            }
            Self::Call { .. } | Self::Native(..) => false, // they have cleared the seat
        }
    }

    #[inline(always)]
    fn run_in_context(&self, seat: &mut Seat<'_, '_>) -> PyResult<()> {
        let py = seat.event_loop().py();
        if !self.is_of_task() {
            seat.clear()?;
        }
        let entered = EnteredContext::enter(self.context(py)?)?;
        let outcome = match self {
            Self::Step(task) => Task::step(task.bind(py), seat),
            Self::Wakeup(task, future) => Task::wakeup(task.bind(py), future.bind(py), seat),
            Self::Call { function, .. } => match self.argument(py) {
                Some(argument) => ffi::call(function.bind(py), &[argument]).map(drop),
                None => ffi::call(function.bind(py), &[]).map(drop),
            },
            Self::Native(callback, future) => DoneCallback::run(callback.bind(py), future.bind(py)),
        };
        match outcome {
            Ok(()) => entered.exit(),
            Err(error) => {
                drop(entered.exit());
                Err(error)
            }
        }
    }

    fn report(&self, event_loop: &Bound<'_, PyAny>, error: PyErr) -> PyResult<()> {
        let py = event_loop.py();
        let (callback, args) = (self.callback(py)?, self.args(py)?);
        let format = asyncio(py).format_callback_source.bind(py);
        // Since 3.13 the arguments are shown in debug mode only, which may have begun meanwhile.
        let shown = if cfg!(Py_3_13) {
            let debug = ffi::call_method(intern!(py, "get_debug"), &[event_loop])?;
            let keywords = [("debug", debug)].into_py_dict(py)?;
            ffi::call_with(format, &(callback, args).into_pyobject(py)?, Some(&keywords))?
        } else {
            ffi::call(format, &[&callback, &args])?
        };
        report(event_loop, &shown, error, &self.handle(event_loop)?)
    }

    pub(super) fn args<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyTuple>> {
        PyTuple::new(py, self.argument(py))
    }

    /// A handle of asyncio's that stands for it, to show.
    pub(super) fn handle<'py>(
        &self,
        event_loop: &Bound<'py, PyAny>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let py = event_loop.py();
        let arguments = (self.callback(py)?, self.args(py)?, event_loop, self.context(py)?);
        let handle = asyncio(py).handle_class.bind(py).call1(arguments)?;
        // The loop was not in debug mode when the work became ready, whatever it is now.
        handle.setattr(intern!(py, "_source_traceback"), py.None())?;
        Ok(handle)
    }
}

/// Tells the loop of what a callback has raised: in words, and with its handle.
pub(super) fn report(
    event_loop: &Bound<'_, PyAny>,
    callback: &Bound<'_, PyAny>,
    error: PyErr,
    handle: &Bound<'_, PyAny>,
) -> PyResult<()> {
    let py = event_loop.py();
    let context = PyDict::new(py);
    context.set_item(intern!(py, "message"), format!("Exception in callback {callback}"))?;
    context.set_item(intern!(py, "exception"), error.into_value(py))?;
    context.set_item(intern!(py, "handle"), handle)?;
    ffi::call_method(intern!(py, "call_exception_handler"), &[event_loop, &context]).map(drop)
}

impl Traverse for Ready {
    fn traverse(&self, visit: &Visit) -> Result<(), Enough> {
        match self {
            Self::Step(task) => visit.call(task),
            Self::Wakeup(task, future) => {
                visit.call(task)?;
                visit.call(future)
            }
            Self::Call { function, argument, context } => {
                visit.call(function)?;
                visit.call(argument.as_ref())?;
                visit.call(context)
            }
            Self::Native(callback, future) => {
                visit.call(callback)?;
                visit.call(future)
            }
        }
    }
}

impl Traverse for Option<Ready> {
    fn traverse(&self, visit: &Visit) -> Result<(), Enough> {
        self.as_ref().map_or(Ok(()), |ready| ready.traverse(visit))
    }
}

impl Traverse for VecDeque<Ready> {
    fn traverse(&self, visit: &Visit) -> Result<(), Enough> {
        self.iter().try_for_each(|ready| ready.traverse(visit))
    }
}
