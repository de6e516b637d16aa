//! Making a future.

use std::ptr;

use pyo3::exceptions::PyRuntimeError;
use pyo3::ffi::PyObject;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;

use super::Future;
use crate::asyncio::asyncio;
use crate::ffi::{self, Arguments, Construct, Signature};
use crate::registry;
use crate::schedule;
use crate::state::Life;

impl Future {
    /// `__init__` of both classes: forgets what was, finds the loop, notes where this is.
    pub(crate) fn start(
        &self,
        event_loop: Option<Bound<'_, PyAny>>,
        py: Python<'_>,
    ) -> PyResult<()> {
        if asyncio(py).quirks.initialises_once && self.event_loop.is_some(py) {
            return Err(PyRuntimeError::new_err("Future object is already initialized"));
        }
        self.forget_everything(py);
        let event_loop = match event_loop {
            Some(event_loop) => event_loop,
            None => current_loop(py)?,
        };
        self.event_loop.put(event_loop.clone());
        if schedule::debug_of(&event_loop)? {
            self.note_source(py)?;
        }
        Ok(())
    }

    /// A new future on this loop.
    pub(crate) fn new_on<'py>(event_loop: &Bound<'py, PyAny>) -> PyResult<Bound<'py, Self>> {
        let py = event_loop.py();
        let future = ffi::blank::<Self>(py)?;
        future.get().start(Some(event_loop.clone()), py)?;
        registry::count_future();
        Ok(future)
    }

    /// Notes where the future is made, unless the interpreter is shutting down: the modules that
    /// make a traceback may be gone then.
    fn note_source(&self, py: Python<'_>) -> PyResult<()> {
        if !ffi::call(asyncio(py).is_finalizing.bind(py), &[])?.is_truthy()? {
            let stack = ffi::call(asyncio(py).extract_stack.bind(py), &[])?;
            drop(self.exchange_rarely(py, |rare| &mut rare.source_traceback, Some(stack)));
        }
        Ok(())
    }

    /// Gives up every Python object, each dropped when none of them is held any more.
    fn forget_everything(&self, py: Python<'_>) {
        let held = (!self.holds_nothing(py)).then(|| {
            let mut held = Vec::new();
            self.unload_into(py, &mut held);
            held
        });
        self.life.set(py, Life::Pending);
        self.log_traceback.set(py, false);
        self.blocking.set(py, false);
        drop(held);
    }
}

/// The loop of a future that is given none, found as this version's `asyncio.Future` finds it.
fn current_loop(py: Python<'_>) -> PyResult<Bound<'_, PyAny>> {
    let find = asyncio(py).get_event_loop.bind(py);
    if cfg!(Py_3_12) {
        ffi::call(find, &[])
    } else {
        // The warning that no loop runs belongs to the line that makes the future; 3.11 counts this
        // function in.
        ffi::call(find, &[2_i32.into_pyobject(py)?.as_any()])
    }
}

/// An argument that stands for nothing when it is None.
pub(crate) fn given(argument: Option<Bound<'_, PyAny>>) -> Option<Bound<'_, PyAny>> {
    argument.filter(|argument| !argument.is_none())
}

impl Construct for Future {
    fn signature() -> &'static Signature {
        static SIGNATURE: Signature = Signature::new(0, &["loop"]);
        &SIGNATURE
    }

    fn builtin(py: Python<'_>) -> &Bound<'_, PyAny> {
        asyncio(py).future_class.bind(py)
    }

    fn offsets() -> &'static PyOnceLock<Vec<usize>> {
        static OFFSETS: PyOnceLock<Vec<usize>> = PyOnceLock::new();
        &OFFSETS
    }

    fn addresses(this: &Bound<'_, Self>) -> Vec<usize> {
        vec![ptr::from_ref(this.get()) as usize]
    }

    unsafe fn write_unready(object: *mut PyObject, offsets: &[usize]) {
        // SAFETY: the caller vouches for the object and for the offset of this value in it.
        unsafe { object.byte_add(offsets[0]).cast::<Self>().write(Self::unready()) };
    }

    fn initialise<'py>(this: &Bound<'py, Self>, arguments: &mut Arguments<'py>) -> PyResult<()> {
        this.get().start(given(arguments[0].take()), this.py())?;
        registry::count_future();
        Ok(())
    }
}
