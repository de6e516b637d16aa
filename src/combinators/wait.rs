//! The part of `asyncio.wait()` that watches the futures.

use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::PySet;
use pyo3::{PyTraverseError, PyVisit};

use super::awaiter::Awaiter;
use super::tally::Tally;
use super::{DoneCallback, child, ensure};
use crate::ffi::{self, Collected, Enough, SharedField, Visit, fault};

/// What has to happen to the futures before the wait is over.
#[derive(Clone, Copy, PartialEq, Eq)]
enum ReturnWhen {
    AllCompleted,
    FirstCompleted,
    FirstException,
}

/// Watches futures from the moment it is made: `waiter` gets the result None when what
/// `return_when` names has happened, and `timeout_handle`, if there is one, is cancelled.
#[pyclass(module = "aioxide._core", frozen, immutable_type)]
pub(crate) struct Watch {
    futures: Py<PySet>,
    waiter: Py<PyAny>,
    timeout_handle: Option<Py<PyAny>>,
    return_when: ReturnWhen,
    tally: Tally,
    awaiter: Awaiter,
    callback: SharedField<DoneCallback>,
}

#[pymethods]
impl Watch {
    #[new]
    #[pyo3(signature = (futures, waiter, timeout_handle, return_when, /))]
    fn new(
        futures: Bound<'_, PySet>,
        waiter: Bound<'_, PyAny>,
        timeout_handle: Option<Bound<'_, PyAny>>,
        return_when: &str,
    ) -> Self {
        fault::point();
        Self {
            futures: futures.unbind(),
            waiter: waiter.unbind(),
            timeout_handle: timeout_handle.map(Bound::unbind),
            return_when: match return_when {
                "FIRST_COMPLETED" => ReturnWhen::FirstCompleted,
                "FIRST_EXCEPTION" => ReturnWhen::FirstException,
                _ => ReturnWhen::AllCompleted,
            },
            tally: Tally::default(),
            awaiter: Awaiter::default(),
            callback: SharedField::new(None),
        }
    }

    /// Begin to watch.
    fn start(slf: &Bound<'_, Self>) -> PyResult<()> {
        let py = slf.py();
        let this = slf.get();
        if cfg!(Py_3_14) {
            this.awaiter.note(&ensure::running_loop(py)?)?;
        }
        let callback = DoneCallback::of_watch(slf)?;
        this.callback.put(callback.clone());
        let futures = this.futures.bind(py);
        let mut registered = 0;
        for future in futures {
            registered += usize::from(child::add_done_callback(&future, &callback)?);
            this.awaiter.add_to(&future)?;
        }
        this.tally.start(py, futures.len(), registered);
        Ok(())
    }

    /// Watch no more, whatever has happened.
    fn stop(&self, py: Python<'_>) -> PyResult<()> {
        if let Some(callback) = self.callback.exchange(py, None) {
            for future in self.futures.bind(py) {
                child::remove_done_callback(&future, &callback)?;
                self.awaiter.discard_from(&future)?;
            }
        }
        Ok(())
    }

    /// Return the set of the futures that are done and the set of those that are not.
    fn sort<'py>(&self, py: Python<'py>) -> PyResult<(Bound<'py, PySet>, Bound<'py, PySet>)> {
        fault::point();
        let futures = self.futures.bind(py);
        let pending = PySet::empty(py)?;
        for future in futures {
            if !child::is_done(&future)? {
                pending.add(future)?;
            }
        }
        let done = futures.call_method1(intern!(py, "difference"), (&pending,))?;
        Ok((done.cast_into()?, pending))
    }

    // Here for the class to take part in the collection of garbage; `ffi::install_traverse` puts what
    // is run in its place.
    #[allow(clippy::unused_self, clippy::unnecessary_wraps)]
    fn __traverse__(&self, _visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        Ok(())
    }

    fn __clear__(&self, py: Python<'_>) {
        self.callback.clear(py);
    }
}

impl Watch {
    /// One of the futures is done.
    pub(super) fn child_done(&self, future: &Bound<'_, PyAny>) -> PyResult<()> {
        let py = future.py();
        let is_last = self.tally.finish_one(py);
        if is_last || self.is_over_with(future)? {
            if let Some(handle) = &self.timeout_handle {
                ffi::call_method(intern!(py, "cancel"), &[handle.bind(py)])?;
            }
            let waiter = self.waiter.bind(py);
            if !child::is_done(waiter)? {
                child::set_result(waiter, py.None().into_bound(py))?;
            }
        }
        self.awaiter.discard_from(future)
    }

    fn is_over_with(&self, future: &Bound<'_, PyAny>) -> PyResult<bool> {
        Ok(match self.return_when {
            ReturnWhen::AllCompleted => false,
            ReturnWhen::FirstCompleted => true,
            ReturnWhen::FirstException => {
                !child::is_cancelled(future)? && child::exception(future)?.is_some()
            }
        })
    }

    pub(super) fn tally(&self) -> &Tally {
        &self.tally
    }

    /// Whether nothing but counting has to be done about a future that is done, well or not.
    pub(super) fn only_counts(&self, py: Python<'_>, finished_well: bool) -> bool {
        let enough = match self.return_when {
            ReturnWhen::AllCompleted => true,
            ReturnWhen::FirstCompleted => false,
            ReturnWhen::FirstException => finished_well,
        };
        enough && self.awaiter.is_nobody(py)
    }
}

impl Collected for Watch {
    fn show(this: Borrowed<'_, '_, Self>, visit: &Visit) -> Result<(), Enough> {
        let this = this.get();
        visit.call(&this.futures)?;
        visit.call(&this.waiter)?;
        visit.call(this.timeout_handle.as_ref())?;
        this.awaiter.traverse(visit)?;
        this.callback.traverse(visit)
    }
}
