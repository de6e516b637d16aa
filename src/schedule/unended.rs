//! What loops have begun and not ended: nearly always there is one at most.
//!
//! Where a thread has several stacks (greenlet), they end in any order. They are not noted by thread, as a
//! variable of a thread takes longer to find than all of them.

use std::ops::Deref;
use std::ptr;

use pyo3::prelude::*;

use crate::ffi::Field;

type Link<T> = Field<Option<&'static Node<T>>>;

/// Those that have not ended, the last one first.
pub(super) struct Unended<T: 'static> {
    last: Link<T>,
    /// Those that have ended, for the next.
    spare: Link<T>,
}

/// One of them.
pub(super) struct Node<T: 'static> {
    /// The one that began before it, or the next to be used again.
    next: Link<T>,
    event_loop: Field<usize>,
    value: T,
}

impl<T> Deref for Node<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.value
    }
}

impl<T: Send + Sync> Unended<T> {
    pub(super) const fn new() -> Self {
        Self { last: Field::new(None), spare: Field::new(None) }
    }

    /// The last one of this loop that is meant.
    #[inline]
    pub(super) fn find(
        &self,
        event_loop: &Bound<'_, PyAny>,
        is_meant: impl Fn(&T) -> bool,
    ) -> Option<&'static Node<T>> {
        let (py, address) = (event_loop.py(), event_loop.as_ptr() as usize);
        let mut begun = self.last.peek(py)?;
        while begun.event_loop.peek(py) != address || !is_meant(begun) {
            begun = begun.next.peek(py)?;
        }
        Some(begun)
    }

    /// Something of this loop begins; it is what `new` makes, or what was kept.
    pub(super) fn begin(
        &self,
        event_loop: &Bound<'_, PyAny>,
        new: impl FnOnce() -> T,
    ) -> &'static Node<T> {
        let py = event_loop.py();
        let begun: &'static Node<T> = match self.spare.peek(py) {
            Some(spare) => {
                self.spare.poke(py, spare.next.peek(py));
                spare
            }
            None => Box::leak(Box::new(Node {
                next: Field::new(None),
                event_loop: Field::new(0),
                value: new(),
            })),
        };
        begun.event_loop.poke(py, event_loop.as_ptr() as usize);
        begun.next.poke(py, self.last.peek(py));
        self.last.poke(py, Some(begun));
        begun
    }

    /// It has ended: nobody finds it any more.
    pub(super) fn end(&self, py: Python<'_>, ended: &'static Node<T>) {
        let mut place = &self.last;
        while let Some(begun) = place.peek(py) {
            if ptr::eq(begun, ended) {
                return place.poke(py, ended.next.peek(py));
            }
            place = &begun.next;
        }
    }

    /// It has ended and can be used again.
    pub(super) fn keep(&self, py: Python<'_>, ended: &'static Node<T>) {
        ended.next.poke(py, self.spare.peek(py));
        self.spare.poke(py, Some(ended));
    }

    /// Whether all but this one are what `is_so` says.
    pub(super) fn all_others(
        &self,
        py: Python<'_>,
        this: &Node<T>,
        is_so: impl Fn(&T) -> bool,
    ) -> bool {
        let mut place = &self.last;
        while let Some(begun) = place.peek(py) {
            if !ptr::eq(begun, this) && !is_so(begun) {
                return false;
            }
            place = &begun.next;
        }
        true
    }
}
