//! The future that `gather()` returns: it is done when its children are, and cancels them.

use std::ptr;

use pyo3::ffi::PyObject;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{IntoPyDict, PyDict, PyFunction, PyList, PyTuple};
use pyo3::{PyClassInitializer, PyTraverseError, PyVisit};

use super::awaiter::Awaiter;
use super::tally::Tally;
use super::{DoneCallback, Watch};
use crate::asyncio::{asyncio, is_in_force};
use crate::ffi::{
    self, Arguments, Collected, Construct, Enough, Field, Lifecycle, OriginalDealloc, SharedField,
    Signature, Visit,
};
use crate::future::{self, Future, report};
use crate::registry;
use crate::task;

/// `asyncio.tasks._GatheringFuture`: takes the children and, by keyword, their loop.
///
/// `cancel()` cancels the children instead of the future itself, which then ends with the error of
/// one of them.
#[pyclass(
    module = "asyncio.tasks",
    name = "_GatheringFuture",
    extends = Future,
    subclass,
    frozen
)]
pub(crate) struct GatheringFuture {
    children: SharedField,
    cancel_requested: Field<bool>,
    return_exceptions: Field<bool>,
    tally: Tally,
    /// Who called `gather()`, and so awaits the children.
    awaiter: Awaiter,
}

impl GatheringFuture {
    fn unready() -> Self {
        Self {
            children: Field::new(None),
            cancel_requested: Field::new(false),
            return_exceptions: Field::new(false),
            tally: Tally::default(),
            awaiter: Awaiter::default(),
        }
    }

    /// A gathering that collects its children: not started, it has neither them nor a loop.
    pub(super) fn collecting(py: Python<'_>, return_exceptions: bool) -> PyResult<Bound<'_, Self>> {
        let gathering = ffi::blank::<Self>(py)?;
        gathering.get().return_exceptions.set(py, return_exceptions);
        Ok(gathering)
    }

    /// The children are known: makes it a future.
    pub(super) fn start<'py>(
        this: &Bound<'py, Self>,
        children: Bound<'py, PyAny>,
        event_loop: Bound<'py, PyAny>,
    ) -> PyResult<()> {
        as_future(this).get().start(Some(event_loop), this.py())?;
        registry::count_future();
        this.get().children.put(children);
        this.get().cancel_requested.set(this.py(), false);
        Ok(())
    }

    pub(super) fn tally(&self) -> &Tally {
        &self.tally
    }

    pub(super) fn return_exceptions(&self, py: Python<'_>) -> bool {
        self.return_exceptions.get(py)
    }

    /// Some child has taken a request to cancel: the gathering will end with a `CancelledError`.
    pub(crate) fn request_cancel(&self, py: Python<'_>) {
        self.cancel_requested.set(py, true);
    }

    pub(super) fn cancel_requested(&self, py: Python<'_>) -> bool {
        self.cancel_requested.get(py)
    }

    /// The children in the order of the arguments, some of them several times.
    pub(crate) fn children<'py>(&self, py: Python<'py>) -> PyResult<Vec<Bound<'py, PyAny>>> {
        let Some(children) = self.children.bound(py) else { return Ok(Vec::new()) };
        match children.cast::<PyList>() {
            Ok(list) => Ok(list.iter().collect()),
            Err(_) => children.try_iter()?.collect(),
        }
    }

    pub(super) fn awaiter(&self) -> &Awaiter {
        &self.awaiter
    }

    fn unload_into(&self, py: Python<'_>, queue: &mut Vec<Py<PyAny>>) {
        queue.extend(self.children.take(py));
        self.awaiter.unload_into(py, queue);
    }
}

pub(super) fn as_future<'a, 'py>(
    gathering: &'a Bound<'py, GatheringFuture>,
) -> &'a Bound<'py, Future> {
    gathering.as_super()
}

/// `__init__` as asyncio has it, for whoever makes a gathering but `gather()` itself: debug mode tells
/// where a future is made, and there it is this very code.
///
/// It only needs to be told the class whose base it calls with `super()`.
fn asyncios_init(py: Python<'_>) -> PyResult<&Bound<'_, PyAny>> {
    static INIT: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    let make = || -> PyResult<Py<PyAny>> {
        let theirs = asyncio(py).gathering_class.bind(py).getattr("__init__")?;
        let cell = PyModule::import(py, "types")?
            .getattr("CellType")?
            .call1((py.get_type::<GatheringFuture>(),))?;
        let (code, globals) = (theirs.getattr("__code__")?, theirs.getattr("__globals__")?);
        let name = theirs.getattr("__name__")?;
        let init = py.get_type::<PyFunction>().call1((code, globals, name, py.None(), (cell,)))?;
        init.setattr("__qualname__", theirs.getattr("__qualname__")?)?;
        Ok(init.unbind())
    };
    INIT.get_or_try_init(py, make).map(|init| init.bind(py))
}

/// Prepares the type for its first object. Called when the module is made.
pub(crate) fn prepare(py: Python<'_>) -> PyResult<()> {
    ffi::name_without_module::<GatheringFuture>(py, c"_GatheringFuture");
    ffi::install_lifecycle::<GatheringFuture>(py);
    ffi::install_allocation::<GatheringFuture>(py)?;
    ffi::install_traverse::<GatheringFuture>(py);
    ffi::install_traverse::<DoneCallback>(py);
    ffi::install_traverse::<Watch>(py);
    OWN_INIT.get_or_init(py, || ffi::initialiser_of::<GatheringFuture>(py));
    Ok(())
}

static OWN_INIT: PyOnceLock<Option<usize>> = PyOnceLock::new();

/// Whether a gathering would be made as it was at first: tracers replace `__init__`, or the class.
pub(super) fn is_untouched(py: Python<'_>) -> PyResult<bool> {
    let own_init = OWN_INIT.get(py).copied().flatten();
    Ok(is_in_force::<GatheringFuture>(&asyncio(py).tasks, intern!(py, "_GatheringFuture"))?
        && ffi::initialiser_of::<GatheringFuture>(py) == own_init)
}

#[pymethods]
impl GatheringFuture {
    // Subclasses are allocated by `ffi::construct`; this makes the first object, which shows it where.
    #[new]
    #[pyo3(signature = (*_args, **_kwargs), text_signature = "(children, *, loop)")]
    fn new(
        _args: &Bound<'_, PyTuple>,
        _kwargs: Option<&Bound<'_, PyDict>>,
    ) -> PyClassInitializer<Self> {
        PyClassInitializer::from(Future::unready()).add_subclass(Self::unready())
    }

    #[pyo3(signature = (*args, **kwargs))]
    fn __init__<'py>(
        slf: &Bound<'py, Self>,
        args: &Bound<'py, PyTuple>,
        kwargs: Option<&Bound<'py, PyDict>>,
    ) -> PyResult<()> {
        Self::initialise_from(slf, args, kwargs)
    }

    /// Cancel the children. Return False if none of them could be, or if the future is done.
    #[pyo3(signature = (msg=None))]
    fn cancel<'py>(slf: &Bound<'py, Self>, msg: Option<Bound<'py, PyAny>>) -> PyResult<bool> {
        task::cancel(as_future(slf), msg)
    }

    #[getter]
    fn _children<'py>(&self, py: Python<'py>) -> Option<Bound<'py, PyAny>> {
        self.children.bound(py)
    }

    #[setter(_children)]
    fn set_children(&self, children: Bound<'_, PyAny>) {
        self.children.put(children);
    }

    #[getter]
    fn _cancel_requested(&self, py: Python<'_>) -> bool {
        self.cancel_requested.get(py)
    }

    #[setter(_cancel_requested)]
    fn set_cancel_requested(&self, py: Python<'_>, value: Bound<'_, PyAny>) -> PyResult<()> {
        let requested = value.is_truthy()?;
        self.cancel_requested.set(py, requested);
        Ok(())
    }

    // Here for the class to take part in the collection of garbage; `ffi::install_traverse` puts what
    // is run in its place.
    #[allow(clippy::unused_self, clippy::unnecessary_wraps)]
    fn __traverse__(&self, _visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        Ok(())
    }

    fn __clear__(&self, py: Python<'_>) {
        let mut held = Vec::new();
        self.unload_into(py, &mut held);
    }
}

impl Construct for GatheringFuture {
    fn signature() -> &'static Signature {
        static SIGNATURE: Signature = Signature::new(1, &["children", "loop"]);
        &SIGNATURE
    }

    fn builtin(py: Python<'_>) -> &Bound<'_, PyAny> {
        asyncio(py).gathering_class.bind(py)
    }

    fn offsets() -> &'static PyOnceLock<Vec<usize>> {
        static OFFSETS: PyOnceLock<Vec<usize>> = PyOnceLock::new();
        &OFFSETS
    }

    fn addresses(this: &Bound<'_, Self>) -> Vec<usize> {
        vec![ptr::from_ref(as_future(this).get()) as usize, ptr::from_ref(this.get()) as usize]
    }

    unsafe fn write_unready(object: *mut PyObject, offsets: &[usize]) {
        // SAFETY: the caller vouches for the object and for the offsets of these values in it.
        unsafe {
            Future::write_unready(object, offsets);
            object.byte_add(offsets[1]).cast::<Self>().write(Self::unready());
        }
    }

    fn initialise<'py>(this: &Bound<'py, Self>, arguments: &mut Arguments<'py>) -> PyResult<()> {
        let (children, event_loop) = (arguments[0].take(), arguments[1].take());
        let py = this.py();
        let keywords = event_loop.map(|event_loop| [("loop", event_loop)].into_py_dict(py));
        let keywords = keywords.transpose()?;
        asyncios_init(py)?.call((this, children), keywords.as_ref()).map(drop)
    }
}

impl Lifecycle for GatheringFuture {
    fn original_dealloc() -> &'static OriginalDealloc {
        static ORIGINAL: OriginalDealloc = OriginalDealloc::new();
        &ORIGINAL
    }

    fn has_last_word(this: Borrowed<'_, '_, Self>) -> bool {
        as_future(&this).get().has_unseen_exception(this.py())
    }

    fn finalise(this: &Bound<'_, Self>) {
        report::never_retrieved(as_future(this));
    }

    fn leave(_this: Borrowed<'_, '_, Self>) {}

    fn take_out<'py>(_this: Borrowed<'_, 'py, Self>) -> Option<impl Sized + use<'py>> {
        None::<()> // it has children
    }

    fn unload(this: &Bound<'_, Self>, queue: &mut Vec<Py<PyAny>>) {
        this.get().unload_into(this.py(), queue);
        as_future(this).get().unload_into(this.py(), queue);
    }
}

impl Collected for GatheringFuture {
    fn show(this: Borrowed<'_, '_, Self>, visit: &Visit) -> Result<(), Enough> {
        as_future(&this).get().show_held(visit)?;
        this.get().awaiter.traverse(visit)?;
        this.get().children.traverse(visit)
    }
}

/// `future.set_exception(exception)` and `future.set_result(results)`, of the future that it is.
pub(super) fn fail<'py>(
    gathering: &Bound<'py, GatheringFuture>,
    exception: Bound<'py, PyAny>,
) -> PyResult<()> {
    future::set_exception(as_future(gathering), exception)
}

pub(super) fn finish<'py>(
    gathering: &Bound<'py, GatheringFuture>,
    results: Bound<'py, PyList>,
) -> PyResult<()> {
    future::set_result(as_future(gathering), results.into_any())
}
