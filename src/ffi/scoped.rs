//! What a function further up in this thread has on its stack, for those that it calls.

use std::cell::Cell;
use std::ptr;
use std::thread::LocalKey;

/// The place in a thread where such a value is noted.
pub(crate) struct Scoped<T>(Cell<*const T>);

impl<T> Scoped<T> {
    pub(crate) const fn new() -> Self {
        Self(Cell::new(ptr::null()))
    }
}

/// Has the value noted until it is dropped, in the place of the one before.
pub(crate) struct Noted<'a, T: 'static> {
    place: &'static LocalKey<Scoped<T>>,
    outer: *const T,
    _value: &'a T,
}

/// Notes the value as the one of this thread.
pub(crate) fn note<'a, T>(place: &'static LocalKey<Scoped<T>>, value: &'a T) -> Noted<'a, T> {
    let outer = place.with(|place| place.0.replace(value));
    Noted { place, outer, _value: value }
}

impl<T> Drop for Noted<'_, T> {
    fn drop(&mut self) {
        self.place.with(|place| place.0.set(self.outer));
    }
}

/// What `look` makes of the value that is noted in this thread.
pub(crate) fn with_noted<T, R>(
    place: &'static LocalKey<Scoped<T>>,
    look: impl FnOnce(Option<&T>) -> R,
) -> R {
    let value = place.with(|place| place.0.get());
    // SAFETY: a `Noted`, further up in this thread, borrows the value until it takes it from here. None
    // is ever leaked: each is a local variable of the function that has made it.
    look(unsafe { value.as_ref() })
}
