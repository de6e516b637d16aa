//! Deliberate panics, to test that one surfaces as an exception and does no other harm.
//!
//! Only the feature `fault-injection` makes them, which no wheel is built with; without it a point is
//! nothing. Every access to a [`Field`](super::Field) is a point. An entry point from Python that comes
//! by no field begins with one of its own, and so may anything else: `fault::point()`.

#[cfg(feature = "fault-injection")]
pub(crate) use injection::{panic_at, point, points_passed};

/// A place where a test may ask for a panic.
#[cfg(not(feature = "fault-injection"))]
#[inline(always)]
#[allow(clippy::inline_always)] // nothing is left of it
pub(crate) const fn point() {}

#[cfg(feature = "fault-injection")]
mod injection {
    use std::panic::Location;
    use std::sync::atomic::{AtomicU64, Ordering};

    use pyo3::prelude::*;

    const NEVER: u64 = u64::MAX;

    static PANIC_AT: AtomicU64 = AtomicU64::new(NEVER);
    static PASSED: AtomicU64 = AtomicU64::new(0);

    /// A place where a test may ask for a panic; the caller is named in its message.
    #[track_caller]
    pub(crate) fn point() {
        let number = PASSED.fetch_add(1, Ordering::Relaxed);
        let panic_at = PANIC_AT.load(Ordering::Relaxed);
        assert!(number != panic_at, "a deliberate panic at {}", Location::caller());
    }

    /// Counts the points anew, from 0, and panics at this one; without a number at none.
    #[pyfunction]
    #[pyo3(signature = (number, /))]
    pub(crate) fn panic_at(number: Option<u64>) {
        PANIC_AT.store(number.unwrap_or(NEVER), Ordering::Relaxed);
        PASSED.store(0, Ordering::Relaxed);
    }

    /// How many points were passed since `panic_at()`.
    #[pyfunction]
    pub(crate) fn points_passed() -> u64 {
        PASSED.load(Ordering::Relaxed)
    }
}
