//! Memory of small objects that come and go all the time, kept for the next ones.
//!
//! PyO3 has free lists, but takes a lock for each object. What is kept here still counts as an object
//! of its class; only its count of references is zero, and the garbage collector does not see it. Futures
//! and tasks keep theirs here, too (`construct.rs`, `dealloc.rs`).

use std::cell::Cell;
use std::env;
use std::ptr;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::Relaxed;

use pyo3::PyClass;
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::pyclass::boolean_struct::True;

use super::class::track;

unsafe extern "C" {
    /// PyO3 does not declare it.
    fn _Py_NewReference(object: *mut ffi::PyObject);
}

/// A final class whose objects are kept. They have no dict and no weak references.
pub(crate) trait Kept: PyClass<Frozen = True, BaseType = PyAny> + Sync {
    /// What an object holds.
    type Held<'py>;

    /// Whether what is taken out has any `Py` in it: those have to see that the thread is attached.
    const HOLDS_UNBOUND: bool = false;

    fn spare() -> &'static Spare;

    /// What holds nothing.
    fn empty() -> Self;

    /// Puts in what it is to hold. It holds nothing yet.
    fn fill(&self, held: Self::Held<'_>);

    /// Takes all of it out, for the caller to drop.
    fn take_out(&self, py: Python<'_>) -> impl Sized;
}

/// Objects that are gone: of the right class, holding nothing, with a count of zero.
pub(crate) struct Spare {
    objects: [Cell<*mut ffi::PyObject>; MOST_SPARE],
    count: Cell<usize>,
}

// SAFETY: as for `Field`: only a thread that is attached gets at the pointers.
unsafe impl Sync for Spare {}

/// Whether memory is kept.
static KEEPS: AtomicBool = AtomicBool::new(true);

/// Keeps no memory where somebody has chosen how Python allocates it (`PYTHONMALLOC`), as whoever looks for
/// what is used after it was freed does. Called when the module is made.
pub(crate) fn keep_unless_watched() {
    KEEPS.store(env::var_os("PYTHONMALLOC").is_none(), Relaxed);
}

/// A few more than tasks that end and begin to wait in turns.
const MOST_SPARE: usize = 128;

impl Spare {
    pub(crate) const fn new() -> Self {
        Self { objects: [const { Cell::new(ptr::null_mut()) }; MOST_SPARE], count: Cell::new(0) }
    }

    fn take(&self, _py: Python<'_>) -> Option<*mut ffi::PyObject> {
        let count = self.count.get().checked_sub(1)?;
        self.count.set(count);
        Some(self.objects[count].get())
    }

    /// False when there is no room, or memory is not to be kept.
    pub(super) fn keep(&self, _py: Python<'_>, object: *mut ffi::PyObject) -> bool {
        let count = self.count.get();
        let Some(place) = self.objects.get(count) else { return false };
        if !KEEPS.load(Relaxed) {
            return false;
        }
        place.set(object);
        self.count.set(count + 1);
        true
    }
}

/// Has the objects of `T` kept. Once, when the module is made.
pub(crate) fn install_keeping<T: Kept>(py: Python<'_>) {
    let class = T::type_object_raw(py);
    // SAFETY: the type is ready, no object of it has been made yet and no other thread runs.
    unsafe {
        (*class).tp_dealloc = Some(dealloc::<T>);
        ffi::PyType_Modified(class);
    }
}

/// An object of `T`, maybe one that was kept.
pub(crate) fn renew<'py, T: Kept>(py: Python<'py>, held: T::Held<'py>) -> PyResult<Bound<'py, T>> {
    let object = match take_kept(py) {
        Some(object) => {
            track(&object);
            object
        }
        None => Bound::new(py, T::empty())?,
    };
    object.get().fill(held);
    Ok(object)
}

/// An object of `T` that was kept, if there is one. The garbage collector does not see it yet.
pub(crate) fn renew_kept<'py, T: Kept>(
    py: Python<'py>,
    held: T::Held<'py>,
) -> Option<Bound<'py, T>> {
    let object: Bound<'py, T> = take_kept(py)?;
    object.get().fill(held);
    Some(object)
}

fn take_kept<T: Kept>(py: Python<'_>) -> Option<Bound<'_, T>> {
    // SAFETY: attached; what was kept is an object of `T` that holds nothing.
    Some(unsafe { revive(py, T::spare())?.cast_into_unchecked() })
}

/// Makes an object of what was kept: the first reference to it. The collector does not see it yet.
pub(super) fn revive<'py>(py: Python<'py>, spare: &Spare) -> Option<Bound<'py, PyAny>> {
    let object = spare.take(py)?;
    // SAFETY: attached; what was kept is the memory of an object, with its class.
    unsafe {
        _Py_NewReference(object);
        Some(Bound::from_owned_ptr(py, object))
    }
}

unsafe extern "C" fn dealloc<T: Kept>(object: *mut ffi::PyObject) {
    // SAFETY: the interpreter calls this attached, for an object of exactly `T` whose last reference is
    // gone. What is kept owns nothing but its memory and its reference to the class.
    unsafe {
        let py = Python::assume_attached();
        ffi::PyObject_GC_UnTrack(object.cast());
        let held = Borrowed::from_ptr(py, object).cast_unchecked::<T>().get().take_out(py);
        if !T::spare().keep(py, object) {
            let class = ffi::Py_TYPE(object);
            ffi::PyObject_GC_Del(object.cast());
            ffi::Py_DECREF(class.cast());
        }
        if T::HOLDS_UNBOUND {
            Python::attach_unchecked(|_| drop(held));
        } else {
            drop(held);
        }
    }
}
