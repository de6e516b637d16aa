//! Interior mutability for the fields of Python objects.

use std::cell::Cell;
use std::collections::VecDeque;
use std::iter;

use pyo3::ffi::PyObject;
use pyo3::prelude::*;

use super::traverse::{Enough, Traverse, Visit};

use super::fault;

/// A field of a frozen `#[pyclass]` that only a thread attached to the interpreter reaches.
///
/// Values move in and out, no reference to the inside escapes: that is what makes "no borrow over
/// Python" (rule 1 in docs/architecture.md) hold by construction. What is replaced is handed back,
/// because dropping it may run Python code: the caller drops it when its object is consistent again
/// (rule 2).
#[derive(Default)]
pub(crate) struct Field<T>(Cell<T>);

// SAFETY: every method but `traverse` takes a `Python<'_>` token, so its caller is attached to the
// interpreter, and `traverse` is called by the garbage collector of an attached thread. The module
// declares `gil_used = true`: one thread at a time is attached.
unsafe impl<T: Send> Sync for Field<T> {}

impl<T> Field<T> {
    pub(crate) const fn new(value: T) -> Self {
        Self(Cell::new(value))
    }

    /// Puts `value` in and gives back what was there.
    #[must_use = "dropping the old value may run Python code: drop it where that is harmless"]
    pub(crate) fn replace(&self, _py: Python<'_>, value: T) -> T {
        self.0.replace(value)
    }

    /// Gives the value back and leaves the default in its place.
    pub(crate) fn take(&self, py: Python<'_>) -> T
    where
        T: Default,
    {
        self.replace(py, T::default())
    }

    /// What `look` makes of the value. It must run no Python code.
    pub(crate) fn look<R>(&self, _py: Python<'_>, look: impl FnOnce(&T) -> R) -> R {
        // SAFETY: attached; nothing replaces the value while the reference lives, as only Python code
        // could.
        look(unsafe { &*self.0.as_ptr() })
    }

    /// Changes the value. Should `change` get back here, it finds the default in its place.
    #[cfg_attr(feature = "fault-injection", track_caller)]
    pub(crate) fn alter<R>(&self, py: Python<'_>, change: impl FnOnce(&mut T) -> R) -> R
    where
        T: Default,
    {
        fault::point();
        let mut value = self.take(py);
        let answer = change(&mut value);
        drop(self.replace(py, value)); // the default: nothing that runs code when it goes
        answer
    }

    #[cfg_attr(feature = "fault-injection", track_caller)]
    pub(crate) fn get(&self, _py: Python<'_>) -> T
    where
        T: Copy,
    {
        fault::point();
        self.0.get()
    }

    /// As `get`, for where a panic could not go anywhere: this is no point.
    pub(crate) fn peek(&self, _py: Python<'_>) -> T
    where
        T: Copy,
    {
        self.0.get()
    }

    /// As `set`, for where a panic could not go anywhere.
    pub(crate) fn poke(&self, _py: Python<'_>, value: T)
    where
        T: Copy,
    {
        self.0.set(value);
    }

    /// Puts in a value whose predecessor needs no dropping.
    #[cfg_attr(feature = "fault-injection", track_caller)]
    pub(crate) fn set(&self, _py: Python<'_>, value: T)
    where
        T: Copy,
    {
        fault::point();
        self.0.set(value);
    }
}

impl<T> Field<Option<T>> {
    pub(crate) fn is_some(&self, _py: Python<'_>) -> bool {
        // SAFETY: the reference is gone with this expression, which changes nothing.
        unsafe { &*self.0.as_ptr() }.is_some()
    }
}

/// A queue in a field: what goes in and out is moved, nothing is dropped and no code runs.
impl<T> Field<VecDeque<T>> {
    #[allow(clippy::mut_from_ref)] // for the functions below only
    fn inside(&self, _py: Python<'_>) -> &mut VecDeque<T> {
        // SAFETY: attached. The reference is gone when one of the functions below has moved a value,
        // which runs no Python code, so nobody else has one meanwhile.
        unsafe { &mut *self.0.as_ptr() }
    }

    pub(crate) fn push_back(&self, py: Python<'_>, value: T) {
        self.inside(py).push_back(value);
    }

    /// Puts a value at the end that is made there. `make` must run no Python code.
    pub(crate) fn push_back_with(&self, py: Python<'_>, make: impl FnOnce() -> T) {
        self.inside(py).extend(iter::once_with(make));
    }

    #[cfg_attr(feature = "fault-injection", track_caller)]
    pub(crate) fn pop_front(&self, py: Python<'_>) -> Option<T> {
        fault::point();
        self.inside(py).pop_front()
    }

    #[cfg_attr(feature = "fault-injection", track_caller)]
    pub(crate) fn pop_back(&self, py: Python<'_>) -> Option<T> {
        fault::point();
        self.inside(py).pop_back()
    }

    /// Moves the only value out, if it is the only one and `is_meant`.
    pub(crate) fn pop_single(
        &self,
        py: Python<'_>,
        is_meant: impl FnOnce(&T) -> bool,
    ) -> Option<T> {
        let inside = self.inside(py);
        (inside.len() == 1 && is_meant(&inside[0])).then(|| inside.pop_front()).flatten()
    }

    /// Changes places with the values of another.
    pub(crate) fn swap(&self, _py: Python<'_>, other: &Self) {
        self.0.swap(&other.0);
    }

    /// For how many values there is memory.
    pub(crate) fn capacity(&self, py: Python<'_>) -> usize {
        self.inside(py).capacity()
    }

    /// Gives back memory for more than `most` values.
    pub(crate) fn shrink_to(&self, py: Python<'_>, most: usize) {
        if self.inside(py).capacity() > most {
            self.inside(py).shrink_to(most);
        }
    }

    /// For where a panic could not go anywhere: this is no point.
    pub(crate) fn is_empty(&self, py: Python<'_>) -> bool {
        self.inside(py).is_empty()
    }

    #[cfg_attr(feature = "fault-injection", track_caller)]
    pub(crate) fn len(&self, py: Python<'_>) -> usize {
        fault::point();
        self.inside(py).len()
    }
}

/// A field that may hold a Python object.
pub(crate) type SharedField<T = PyAny> = Field<Option<Py<T>>>;

impl<T> Field<Option<Py<T>>> {
    /// Holds `object` from now on and gives back the one before, bound: dropping a `Bound` needs no
    /// look at PyO3's own count of attachments, as dropping a `Py` does.
    #[must_use = "dropping the old object may run Python code: drop it where that is harmless"]
    #[cfg_attr(feature = "fault-injection", track_caller)]
    pub(crate) fn exchange<'py>(
        &self,
        py: Python<'py>,
        object: Option<Bound<'py, T>>,
    ) -> Option<Bound<'py, T>> {
        fault::point();
        self.replace(py, object.map(Bound::unbind)).map(|former| former.into_bound(py))
    }

    /// Holds `object` from now on; the one before is dropped.
    #[cfg_attr(feature = "fault-injection", track_caller)]
    pub(crate) fn put(&self, object: Bound<'_, T>) {
        drop(self.exchange(object.py(), Some(object)));
    }

    /// Holds nothing from now on; what was held is dropped.
    #[cfg_attr(feature = "fault-injection", track_caller)]
    pub(crate) fn clear(&self, py: Python<'_>) {
        drop(self.exchange(py, None));
    }

    #[cfg_attr(feature = "fault-injection", track_caller)]
    pub(crate) fn bound<'py>(&self, py: Python<'py>) -> Option<Bound<'py, T>> {
        fault::point();
        // SAFETY: the reference lives for one increment of a reference count, which runs no Python
        // code, so nothing can replace the value meanwhile.
        let inside = unsafe { &*self.0.as_ptr() };
        inside.as_ref().map(|object| object.bind(py).clone())
    }

    /// Whether this very object is held.
    #[cfg_attr(feature = "fault-injection", track_caller)]
    pub(crate) fn is(&self, py: Python<'_>, object: &Bound<'_, PyAny>) -> bool {
        fault::point();
        self.has_address(py, object.as_ptr())
    }

    /// Whether the object at this address is held.
    pub(crate) fn has_address(&self, _py: Python<'_>, address: *mut PyObject) -> bool {
        // SAFETY: as in `bound`; here not even a count changes.
        let inside = unsafe { &*self.0.as_ptr() };
        inside.as_ref().is_some_and(|held| held.as_ptr() == address)
    }
}

impl<T: Traverse> Field<T> {
    /// Shows what the field holds to the garbage collector (rule 3).
    pub(crate) fn traverse(&self, visit: &Visit) -> Result<(), Enough> {
        // SAFETY: the collector stops everything else and `visit` runs no Python code, so nothing
        // replaces the value while this reference lives.
        unsafe { &*self.0.as_ptr() }.traverse(visit)
    }
}
