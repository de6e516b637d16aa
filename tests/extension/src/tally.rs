//! How many futures were made, and what became of them.

use std::sync::atomic::{AtomicU64, Ordering};

use pyo3::prelude::*;

static MADE: AtomicU64 = AtomicU64::new(0);
static FINISHED: AtomicU64 = AtomicU64::new(0);
static DROPPED: AtomicU64 = AtomicU64::new(0);

/// One future; held by it.
pub(crate) struct Made {
    dropped: Option<Py<PyAny>>,
    finished: bool,
}

impl Made {
    pub(crate) fn new() -> Self {
        Self::calling(None)
    }

    /// Calls `dropped` when the future is dropped before its end.
    pub(crate) fn calling(dropped: Option<Py<PyAny>>) -> Self {
        MADE.fetch_add(1, Ordering::SeqCst);
        Self { dropped, finished: false }
    }

    /// The future comes to its end.
    pub(crate) fn finish(mut self) {
        self.finished = true;
    }
}

impl Drop for Made {
    fn drop(&mut self) {
        let counter = if self.finished { &FINISHED } else { &DROPPED };
        if let Some(dropped) = self.dropped.take().filter(|_| !self.finished) {
            Python::attach(|py| {
                if let Err(error) = dropped.call0(py) {
                    error.write_unraisable(py, None);
                }
            });
        }
        counter.fetch_add(1, Ordering::SeqCst);
    }
}

/// How many futures were made, came to their end, were dropped before it.
#[pyfunction]
pub(crate) fn counts() -> (u64, u64, u64) {
    (MADE.load(Ordering::SeqCst), FINISHED.load(Ordering::SeqCst), DROPPED.load(Ordering::SeqCst))
}

#[pyfunction]
pub(crate) fn reset_counts() {
    for counter in [&MADE, &FINISHED, &DROPPED] {
        counter.store(0, Ordering::SeqCst);
    }
}
