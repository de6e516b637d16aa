//! Several pieces of work that uvloop runs by one handle.

use std::collections::VecDeque;

use pyo3::prelude::*;
use pyo3::types::{PyString, PyWeakrefMethods, PyWeakrefReference};
use pyo3::{PyTraverseError, PyVisit};

use super::ready::Ready;
use super::{CallSoon, turn, uvloop};
use crate::ffi::{
    self, Callable, Called, Collected, Enough, Field, Kept, LeftContext, SharedField, Spare, Visit,
    fault,
};

/// What uvloop calls for several pieces of work. Whoever looks at it sees the function of the first.
#[pyclass(module = "aioxide._core", frozen, immutable_type)]
pub(crate) struct Several {
    called: Called<Self>,
    event_loop: SharedField,
    work: Field<VecDeque<Ready>>,
    /// What uvloop calls it in: a context that nobody else can have entered. The work has contexts of
    /// its own.
    context: SharedField,
    /// The handle that uvloop has for it, which holds it.
    handle: SharedField<PyWeakrefReference>,
}

/// Called when the module is made.
pub(super) fn prepare(py: Python<'_>) -> PyResult<()> {
    let specimen = Bound::new(py, Several::empty())?;
    ffi::install_call(&specimen);
    drop(specimen); // before its memory would be kept
    ffi::install_keeping::<Several>(py);
    ffi::install_traverse::<Several>(py);
    Ok(())
}

impl Several {
    /// Gives work to the loop, which calls it in a context that nobody else has; answers with the handle.
    pub(super) fn give<'py>(
        event_loop: &Bound<'py, PyAny>,
        work: VecDeque<Ready>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let py = event_loop.py();
        let context = ffi::new_context(py)?;
        let several: Bound<'py, Self> =
            ffi::renew(py, (event_loop.clone(), work, context.clone()))?;
        let handle =
            CallSoon::BeforeDebugMode.call(event_loop, several.as_any(), None, &context)?;
        several.get().handle.put(PyWeakrefReference::new(&handle)?);
        uvloop::note(event_loop, &handle)?;
        Ok(handle)
    }

    /// Takes over work, when all that it had was run, and leaves its memory for the next. Answers with the
    /// handle to put into the loop's queue again.
    pub(super) fn again<'py>(
        &self,
        py: Python<'py>,
        work: &Field<VecDeque<Ready>>,
    ) -> Option<Bound<'py, PyAny>> {
        let handle = self.handle.bound(py)?.upgrade()?;
        self.work.swap(py, work);
        Some(handle)
    }

    /// The function that asyncio would have in its place.
    fn function<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        fault::point();
        let function = |ready: &Ready| ready.callback(py);
        let first = self.work.look(py, |work| work.front().map(function));
        first.unwrap_or_else(|| Ok(py.None().into_bound(py)))
    }
}

impl Kept for Several {
    type Held<'py> = (Bound<'py, PyAny>, VecDeque<Ready>, Bound<'py, PyAny>);
    const HOLDS_UNBOUND: bool = true;

    fn spare() -> &'static Spare {
        static SPARE: Spare = Spare::new();
        &SPARE
    }

    fn empty() -> Self {
        Self {
            called: Called::new(),
            event_loop: SharedField::new(None),
            work: Field::new(VecDeque::new()),
            context: SharedField::new(None),
            handle: SharedField::new(None),
        }
    }

    fn fill(&self, (event_loop, work, context): Self::Held<'_>) {
        let py = event_loop.py();
        drop(self.work.replace(py, work)); // empty
        self.event_loop.put(event_loop);
        self.context.put(context);
    }

    fn take_out(&self, py: Python<'_>) -> impl Sized {
        let bound = |object: Py<PyAny>| object.into_bound(py);
        let objects = (self.event_loop.take(py).map(bound), self.context.take(py).map(bound));
        (self.work.take(py), self.handle.take(py), objects)
    }
}

#[pymethods]
impl Several {
    // Here for the class to have objects that can be called; `ffi::install_call` puts what is run in its
    // place, for all but who asks for it by name.
    fn __call__(slf: &Bound<'_, Self>) -> PyResult<()> {
        Self::run(slf)
    }

    fn __getattr__<'py>(
        &self,
        py: Python<'py>,
        name: &Bound<'py, PyString>,
    ) -> PyResult<Bound<'py, PyAny>> {
        self.function(py)?.getattr(name)
    }

    fn __repr__<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyString>> {
        self.function(py)?.repr()
    }

    // Here for the class to take part in the collection of garbage; `ffi::install_traverse` puts what
    // is run in its place.
    #[allow(clippy::unused_self, clippy::unnecessary_wraps)]
    fn __traverse__(&self, _visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        Ok(())
    }

    fn __clear__(&self, py: Python<'_>) {
        drop(self.take_out(py));
    }
}

impl Callable for Several {
    fn called(&self) -> &Called<Self> {
        &self.called
    }

    fn run(this: &Bound<'_, Self>) -> PyResult<()> {
        let (py, several) = (this.py(), this.get());
        let (Some(event_loop), Some(context)) =
            (several.event_loop.bound(py), several.context.bound(py))
        else {
            return Ok(());
        };
        // What a task leaves behind is dropped in no context of a task.
        let left = LeftContext::leave(context)?;
        let outcome = turn::run_several(&event_loop, this, &several.work);
        outcome.and(left.enter_again())
    }
}

impl Collected for Several {
    fn show(this: Borrowed<'_, '_, Self>, visit: &Visit) -> Result<(), Enough> {
        let this = this.get();
        this.event_loop.traverse(visit)?;
        this.work.traverse(visit)?;
        this.context.traverse(visit)?;
        this.handle.traverse(visit)
    }
}
