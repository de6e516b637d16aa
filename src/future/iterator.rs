//! What `await future` drives: yields the future once, then gives its outcome.

use once_cell::sync::OnceCell;
use pyo3::exceptions::{
    PyBaseException, PyDeprecationWarning, PyRuntimeError, PyStopIteration, PyTypeError,
};
use pyo3::prelude::*;
use pyo3::types::{PyTraceback, PyTuple};
use pyo3::{PyTraverseError, PyTypeInfo, PyVisit};

use super::Future;
use super::outcome::is_exception_class;
use crate::asyncio::asyncio;
use crate::ffi::{
    self, Advance, Collected, Enough, Field, Given, Iterate, Kept, Quick, Reply, SharedField,
    Spare, Visit, fault,
};
use crate::state::Life;
use crate::task::Task;

/// The iterator that `Future.__await__` returns. It holds the future until it has ended, or longer.
#[pyclass(module = "aioxide._core", frozen, immutable_type)]
pub(crate) struct FutureIter {
    future: SharedField<Future>,
    /// Whether it was asked for by name: the interpreter itself does not look at how it ends.
    is_seen: Field<bool>,
}

impl Kept for FutureIter {
    type Held<'py> = Bound<'py, Future>;

    fn spare() -> &'static Spare {
        static SPARE: Spare = Spare::new();
        &SPARE
    }

    fn empty() -> Self {
        Self { future: SharedField::new(None), is_seen: Field::new(false) }
    }

    fn fill(&self, future: Bound<'_, Future>) {
        let py = future.py();
        let former = self.future.replace(py, Some(future.unbind()));
        drop(former.map(|former| former.into_bound(py))); // nothing
        self.is_seen.poke(py, false);
    }

    fn take_out(&self, py: Python<'_>) -> impl Sized {
        self.future.take(py).map(|future| future.into_bound(py))
    }
}

impl Iterate for FutureIter {
    type Awaited = Future;

    fn raises_none(&self, py: Python<'_>) -> bool {
        self.is_seen.peek(py) && asyncio(py).quirks.raises_none
    }

    fn new(future: Bound<'_, Future>) -> PyResult<Bound<'_, Self>> {
        fault::point();
        future.get().ensure_ready(future.py())?;
        ffi::renew(future.py(), future)
    }

    fn new_plainly<'py>(future: &Bound<'py, Future>) -> Option<Bound<'py, Self>> {
        let py = future.py();
        future.get().event_loop.is_some(py).then(|| ffi::renew_kept(py, future.clone())).flatten()
    }

    /// Yields the future, or gives its result.
    fn advance<'py>(&self, py: Python<'py>) -> PyResult<Advance<'py>> {
        if let Some(advanced) = self.advance_plainly(py) {
            return Ok(advanced);
        }
        let Some(future) = self.future.bound(py) else {
            return Ok(Advance::Exhausted);
        };
        let this = future.get();
        if this.life(py) == Life::Pending {
            return Err(PyRuntimeError::new_err("await wasn't used with future"));
        }
        self.let_go(py);
        this.get_result(py).map(Advance::Returned)
    }

    fn advance_plainly<'py>(&self, py: Python<'py>) -> Option<Advance<'py>> {
        let advanced = self.future.look(py, |future| {
            let future = future.as_ref()?.bind(py);
            let this = future.get();
            if this.life.peek(py) == Life::Pending {
                let is_first = !this.blocking.peek(py);
                this.blocking.poke(py, true);
                return is_first.then(|| Advance::Yielded(future.clone().into_any()));
            }
            this.plain_result(py).map(Advance::Returned)
        })?;
        if matches!(advanced, Advance::Returned(_)) {
            self.let_go(py);
        }
        Some(advanced)
    }
}

impl FutureIter {
    /// `future.__await__()`
    pub(crate) fn asked_for(future: Bound<'_, Future>) -> PyResult<Bound<'_, Self>> {
        let iterator = Self::new(future)?;
        iterator.get().is_seen.poke(iterator.py(), true);
        Ok(iterator)
    }

    /// It has ended. Must not panic.
    fn let_go(&self, py: Python<'_>) {
        if !(self.is_seen.peek(py) && asyncio(py).quirks.iterators_keep_futures) {
            drop(self.future.take(py).map(|future| future.into_bound(py)));
        }
    }
}

/// `throw()` as the interpreter calls it: with an exception instance.
struct Throw;

/// The rest of it.
static THROW: OnceCell<Py<PyAny>> = OnceCell::new();

impl Quick for Throw {
    fn call<'py>(iterator: &Bound<'py, PyAny>, given: &Given<'_, 'py>) -> PyResult<Reply<'py>> {
        let py = iterator.py();
        if let Some(exception) = given.single()
            && exception.is_instance_of::<PyBaseException>()
        {
            // SAFETY: this is in no other class, and in that one cannot be called with anything else.
            unsafe { iterator.cast_unchecked::<FutureIter>() }.get().future.clear(py);
            return Ok(Reply::Raise(exception));
        }
        let rest = THROW.get().expect("filled when the module is made");
        Ok(Reply::Ask(rest.bind(py).clone()))
    }
}

/// Puts the short way of awaiting on both classes, and of throwing on the iterator. Called when the module is
/// made.
pub(crate) fn prepare(py: Python<'_>) -> PyResult<()> {
    let rest = ffi::begin_with::<Throw>(&py.get_type::<FutureIter>(), "throw")?;
    let _ = THROW.set(rest.unbind());
    let classes = [Future::type_object_raw(py), Task::type_object_raw(py)];
    ffi::install_awaiting::<FutureIter>(py, &classes);
    ffi::install_traverse::<FutureIter>(py);
    Ok(())
}

#[pymethods]
impl FutureIter {
    fn __iter__(slf: Bound<'_, Self>) -> Bound<'_, Self> {
        fault::point();
        slf
    }

    // What `next()` runs is put on the type by `prepare`: this is for the class to have one.
    fn __next__<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        self.send(py, py.None().into_bound(py))
    }

    /// Resume; a future does not care what is sent to it.
    #[pyo3(signature = (_value, /))]
    fn send<'py>(&self, py: Python<'py>, _value: Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        match self.advance(py)? {
            Advance::Yielded(future) => Ok(future),
            Advance::Returned(result) if !result.is_none() || self.raises_none(py) => {
                Err(ffi::stop_iteration(&result))
            }
            Advance::Returned(_) | Advance::Exhausted => Err(PyStopIteration::new_err(())),
        }
    }

    /// Give the future up and raise the exception: an instance, or a class with its value and
    /// traceback (deprecated).
    #[pyo3(
        signature = (r#type, /, *rest),
        text_signature = "($self, type, value=<unrepresentable>, traceback=<unrepresentable>, /)"
    )]
    fn throw(&self, r#type: Bound<'_, PyAny>, rest: &Bound<'_, PyTuple>) -> PyResult<()> {
        let py = r#type.py();
        let (value, traceback) = value_and_traceback(rest)?;
        let exception = exception_to_throw(r#type, value, traceback)?;
        self.future.clear(py);
        Err(ffi::as_raised(exception))
    }

    /// Give the future up.
    fn close(&self, py: Python<'_>) {
        self.future.clear(py);
    }

    // Here for the class to take part in the collection of garbage; `ffi::install_traverse` puts what
    // is run in its place.
    #[allow(clippy::unused_self, clippy::unnecessary_wraps)]
    fn __traverse__(&self, _visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        Ok(())
    }

    fn __clear__(&self, py: Python<'_>) {
        self.future.clear(py);
    }
}

type MaybeObject<'py> = Option<Bound<'py, PyAny>>;

/// The arguments behind the first, None standing for none. Since 3.12 they are deprecated.
fn value_and_traceback<'py>(
    rest: &Bound<'py, PyTuple>,
) -> PyResult<(MaybeObject<'py>, MaybeObject<'py>)> {
    let py = rest.py();
    if rest.is_empty() {
        return Ok((None, None));
    }
    if rest.len() > 2 {
        let count = rest.len() + 1;
        return Err(PyTypeError::new_err(format!(
            "throw expected at most 3 arguments, got {count}"
        )));
    }
    if cfg!(Py_3_12) {
        let message = c"the (type, exc, tb) signature of throw() is deprecated, \
            use the single-arg signature instead.";
        PyErr::warn(py, &py.get_type::<PyDeprecationWarning>(), message, 1)?;
    }
    let argument = |place| rest.get_item(place).ok().filter(|object| !object.is_none());
    Ok((argument(0), argument(1)))
}

/// The rules of `generator.throw()`.
fn exception_to_throw<'py>(
    kind: Bound<'py, PyAny>,
    value: Option<Bound<'py, PyAny>>,
    traceback: Option<Bound<'py, PyAny>>,
) -> PyResult<Bound<'py, PyAny>> {
    if let Some(traceback) = &traceback
        && !traceback.is_instance_of::<PyTraceback>()
    {
        return Err(PyTypeError::new_err("throw() third argument must be a traceback"));
    }
    let exception = if is_exception_class(&kind) {
        instance_of(&kind, value)?
    } else if !kind.is_instance_of::<PyBaseException>() {
        return Err(PyTypeError::new_err(
            "exceptions must be classes deriving BaseException or instances of such a class",
        ));
    } else if value.is_some() {
        return Err(PyTypeError::new_err("instance exception may not have a separate value"));
    } else {
        kind
    };
    if traceback.is_some() {
        ffi::set_traceback(&exception, traceback.as_ref());
    }
    Ok(exception)
}

/// An instance of an exception class: `value` if it is one, else `kind(value)` or `kind(*value)`.
fn instance_of<'py>(
    kind: &Bound<'py, PyAny>,
    value: Option<Bound<'py, PyAny>>,
) -> PyResult<Bound<'py, PyAny>> {
    let instance = match value {
        None => kind.call0()?,
        Some(value) if value.is_instance(kind)? => value,
        Some(value) => match value.cast_into::<PyTuple>() {
            Ok(arguments) => kind.call1(arguments)?,
            Err(error) => kind.call1((error.into_inner(),))?,
        },
    };
    if instance.is_instance_of::<PyBaseException>() {
        return Ok(instance);
    }
    let (class, got) = (kind.repr()?, instance.get_type().repr()?);
    Err(PyTypeError::new_err(format!(
        "calling {class} should have returned an instance of BaseException, not {got}"
    )))
}

impl Collected for FutureIter {
    fn show(this: Borrowed<'_, '_, Self>, visit: &Visit) -> Result<(), Enough> {
        this.get().future.traverse(visit)
    }
}
