//! What a combinator has called when a future is done.

use pyo3::exceptions::PyAttributeError;
use pyo3::prelude::*;
use pyo3::types::{PyCode, PyFunction, PyType};
use pyo3::{PyTraverseError, PyVisit};

use super::awaiter::Awaiter;
use super::gathering::GatheringFuture;
use super::wait::Watch;
use super::{ensure, gather, shield};
use crate::asyncio::asyncio;
use crate::ffi::{self, Collected, Enough, Visit, fault};
use crate::future::Future;
use crate::schedule::{self, Ready};
use crate::state::Life;

/// A function that takes a future that is done. One object serves all children of a combinator.
///
/// Whoever looks at the callbacks of a future sees the function that asyncio has there: its name,
/// where it is written, even its class.
#[pyclass(module = "asyncio.tasks", frozen, immutable_type)]
pub(crate) struct DoneCallback {
    duty: Duty,
    /// What it is called in.
    context: Py<PyAny>,
}

/// What to do when the future is done.
enum Duty {
    /// Count a child of a gathering.
    Gather(Py<GatheringFuture>),
    /// Count one of the futures that are waited for.
    Watch(Py<Watch>),
    /// End the outer future as the inner one that is shielded has ended.
    PassOn { outer: Py<PyAny> },
    /// Unregister what the shield has registered with the inner future: the outer one has ended.
    LetGo { inner: Py<PyAny>, pass_on: Py<DoneCallback>, forget_awaiter: Option<Py<DoneCallback>> },
    /// Forget who awaits the inner future.
    ForgetAwaiter(Awaiter),
}

impl DoneCallback {
    fn new(py: Python<'_>, duty: Duty) -> PyResult<Bound<'_, Self>> {
        Bound::new(py, Self { duty, context: ffi::copy_current_context(py)?.unbind() })
    }

    pub(super) fn of_gathering<'py>(
        gathering: &Bound<'py, GatheringFuture>,
    ) -> PyResult<Bound<'py, Self>> {
        Self::new(gathering.py(), Duty::Gather(gathering.clone().unbind()))
    }

    pub(super) fn of_watch<'py>(watch: &Bound<'py, Watch>) -> PyResult<Bound<'py, Self>> {
        Self::new(watch.py(), Duty::Watch(watch.clone().unbind()))
    }

    pub(super) fn of_shielded<'py>(outer: &Bound<'py, PyAny>) -> PyResult<Bound<'py, Self>> {
        Self::new(outer.py(), Duty::PassOn { outer: outer.clone().unbind() })
    }

    pub(super) fn of_shield<'py>(
        inner: &Bound<'py, PyAny>,
        pass_on: Bound<'py, Self>,
        forget_awaiter: Option<Bound<'py, Self>>,
    ) -> PyResult<Bound<'py, Self>> {
        let duty = Duty::LetGo {
            inner: inner.clone().unbind(),
            pass_on: pass_on.unbind(),
            forget_awaiter: forget_awaiter.map(Bound::unbind),
        };
        Self::new(inner.py(), duty)
    }

    pub(super) fn of_awaiter(py: Python<'_>, awaiter: Awaiter) -> PyResult<Bound<'_, Self>> {
        Self::new(py, Duty::ForgetAwaiter(awaiter))
    }

    pub(crate) fn context<'py>(&self, py: Python<'py>) -> Bound<'py, PyAny> {
        self.context.bind(py).clone()
    }

    /// Calls it now; the future is done. An error looks as if it had passed through asyncio's code.
    pub(crate) fn run(slf: &Bound<'_, Self>, future: &Bound<'_, PyAny>) -> PyResult<()> {
        slf.get().fulfil(future).map_err(|error| ensure::raised_in(error, slf.as_any()))
    }

    fn fulfil(&self, future: &Bound<'_, PyAny>) -> PyResult<()> {
        let py = future.py();
        match &self.duty {
            Duty::Gather(gathering) => gather::child_done(gathering.bind(py), future),
            Duty::Watch(watch) => watch.get().child_done(future),
            Duty::PassOn { outer } => shield::pass_on(future, outer.bind(py)),
            Duty::LetGo { inner, pass_on, forget_awaiter } => {
                let forget_awaiter = forget_awaiter.as_ref().map(|forget| forget.bind(py));
                shield::let_go(inner.bind(py), pass_on.bind(py), forget_awaiter)
            }
            Duty::ForgetAwaiter(awaiter) => awaiter.discard_from(future),
        }
    }

    /// Has it called by the loop of `future`, which is done.
    pub(crate) fn call_soon<'py>(
        slf: &Bound<'py, Self>,
        future: &Bound<'py, Future>,
    ) -> PyResult<()> {
        let py = slf.py();
        let event_loop = future.get().ready_loop(py)?;
        let unseen = schedule::is_unseen(&event_loop)?;
        if slf.get().is_announcement_enough(future, unseen) {
            return Ok(());
        }
        let callback = slf.clone().unbind();
        schedule::soon(&event_loop, Ready::Native(callback, future.clone().unbind())).map(drop)
    }

    /// Whether nothing but counting has to be done about this child, which is done now. Every child is
    /// announced, also where the loop has to see to it: it may change its mode between two of them.
    fn is_announcement_enough(&self, future: &Bound<'_, Future>, unseen: bool) -> bool {
        let py = future.py();
        let finished_well = future.get().life(py) == Life::Returned;
        let (tally, only_counts) = match &self.duty {
            Duty::Gather(gathering) => {
                (gathering.get().tally(), gather::only_counts(gathering.get(), py, finished_well))
            }
            Duty::Watch(watch) => (watch.get().tally(), watch.get().only_counts(py, finished_well)),
            _ => return false,
        };
        tally.is_announcement_enough(py, unseen && only_counts)
    }

    /// Forgets who awaits `future`, if that is its duty.
    pub(super) fn forget_awaiter(&self, future: &Bound<'_, PyAny>) -> PyResult<()> {
        match &self.duty {
            Duty::ForgetAwaiter(awaiter) => awaiter.discard_from(future),
            _ => Ok(()),
        }
    }

    /// The function that asyncio has, by its name and the name of the function around it.
    fn names(&self) -> (&'static str, &'static str) {
        fault::point();
        match self.duty {
            Duty::Gather(_) => ("gather", "_done_callback"),
            Duty::Watch(_) => ("_wait", "_on_completion"),
            Duty::PassOn { .. } => ("shield", "_inner_done_callback"),
            Duty::LetGo { .. } => ("shield", "_outer_done_callback"),
            Duty::ForgetAwaiter(_) => ("shield", "_clear_awaited_by_callback"),
        }
    }
}

#[pymethods]
impl DoneCallback {
    fn __call__(slf: &Bound<'_, Self>, future: Bound<'_, PyAny>) -> PyResult<()> {
        Self::run(slf, &future)
    }

    fn __repr__(slf: &Bound<'_, Self>) -> String {
        format!("<function {} at {:p}>", slf.get().qualified_name(), slf.as_ptr())
    }

    #[getter]
    #[allow(clippy::unused_self)] // an attribute of the object all the same
    fn __class__<'py>(&self, py: Python<'py>) -> Bound<'py, PyType> {
        fault::point();
        py.get_type::<PyFunction>()
    }

    #[getter]
    fn __name__(&self) -> &'static str {
        self.names().1
    }

    #[getter(__qualname__)]
    fn qualified_name(&self) -> String {
        let (outer, inner) = self.names();
        format!("{outer}.<locals>.{inner}")
    }

    /// The code of asyncio's function.
    #[getter]
    fn __code__<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let (outer, inner) = self.names();
        let table = asyncio(py);
        let outer = match outer {
            "gather" => &table.gather,
            "_wait" => &table.wait,
            _ => &table.shield,
        };
        functions_inside(outer.bind(py))?
            .find(|code| code.as_ref().is_ok_and(|code| has_name(code, inner)))
            .unwrap_or_else(|| Err(PyAttributeError::new_err("__code__")))
    }

    // Here for the class to take part in the collection of garbage; `ffi::install_traverse` puts what
    // is run in its place.
    #[allow(clippy::unused_self, clippy::unnecessary_wraps)]
    fn __traverse__(&self, _visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        Ok(())
    }
}

impl Collected for DoneCallback {
    fn show(this: Borrowed<'_, '_, Self>, visit: &Visit) -> Result<(), Enough> {
        let this = this.get();
        match &this.duty {
            Duty::Gather(gathering) => visit.call(gathering)?,
            Duty::Watch(watch) => visit.call(watch)?,
            Duty::PassOn { outer } => visit.call(outer)?,
            Duty::LetGo { inner, pass_on, forget_awaiter } => {
                visit.call(inner)?;
                visit.call(pass_on)?;
                visit.call(forget_awaiter.as_ref())?;
            }
            Duty::ForgetAwaiter(awaiter) => awaiter.traverse(visit)?,
        }
        visit.call(&this.context)
    }
}

/// The code of the functions that are written inside another one.
fn functions_inside<'py>(
    function: &Bound<'py, PyAny>,
) -> PyResult<impl Iterator<Item = PyResult<Bound<'py, PyAny>>>> {
    let constants = function.getattr("__code__")?.getattr("co_consts")?.try_iter()?;
    Ok(constants
        .filter(|constant| constant.as_ref().map_or(true, PyAnyMethods::is_instance_of::<PyCode>)))
}

fn has_name(code: &Bound<'_, PyAny>, name: &str) -> bool {
    code.getattr("co_name").and_then(|own| own.eq(name)).unwrap_or(false)
}
