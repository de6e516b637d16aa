//! The end of an object: its finaliser, and a deallocation that does not recurse.
//!
//! PyO3 gives a class neither `tp_finalize` nor a bound on the depth of deallocation, so both are
//! put on the type right after it is made.
//!
//! **Depth.** A task holds its coroutine, whose frame holds the future it awaits, which may be the
//! next task: dropping the first of a hundred thousand would recurse through them all and overflow
//! the C stack. Below [`DEEPEST`] nested deallocations the objects held are put on a queue instead
//! of being dropped, and the outermost deallocation drops them one after the other.

use std::cell::{Cell, RefCell};
use std::ptr;

use pyo3::PyClass;
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::pyclass::boolean_struct::True;
use pyo3::sync::PyOnceLock;

use super::spare::Spare;

/// How many deallocations may be nested before what they drop is queued. As CPython's trashcan.
const DEEPEST: usize = 50;

thread_local! {
    static NESTED: Cell<usize> = const { Cell::new(0) };
    static QUEUE: RefCell<Vec<Py<PyAny>>> = const { RefCell::new(Vec::new()) };
}

/// What a class does at the end of its objects.
pub(crate) trait Lifecycle: PyClass<Frozen = True> + Sync {
    /// PyO3's own deallocation of this class, kept where `install_lifecycle` found it.
    fn original_dealloc() -> &'static OriginalDealloc;

    /// Whether `finalise` would do anything at all. Runs no Python code and must not panic.
    fn has_last_word(this: Borrowed<'_, '_, Self>) -> bool;

    /// Runs once, before the object is taken apart, and may make it live on (PEP 442).
    fn finalise(this: &Bound<'_, Self>);

    /// Takes a dying object out of where it is known without being held. No reference to it may be
    /// made any more.
    fn leave(this: Borrowed<'_, '_, Self>);

    /// Takes out what the objects of most futures hold, for the caller to drop; None for one that holds
    /// anything else. No `Py` is left in it then: the object is dying, and no reference to it may be made.
    /// Must not panic.
    fn take_out<'py>(this: Borrowed<'_, 'py, Self>) -> Option<impl Sized + use<'py, Self>>;

    /// Where the memory of its objects is kept for the next ones, if it is.
    fn spare() -> Option<&'static Spare> {
        None
    }

    /// Moves the Python objects that are held to `queue`, dropping none of them. The object is dying:
    /// no reference to it may be made.
    fn unload(this: &Bound<'_, Self>, queue: &mut Vec<Py<PyAny>>);
}

/// A place for the deallocation function that PyO3 put on the type.
pub(crate) type OriginalDealloc = PyOnceLock<ffi::destructor>;

/// Puts the finaliser and the bounded deallocation on the type of `T`. Once, when the module is made.
pub(crate) fn install_lifecycle<T: Lifecycle>(py: Python<'_>) {
    let class = T::type_object_raw(py);
    // SAFETY: the type is ready, no object of it has been made yet and no other thread runs. The
    // slots are plain pointers, and the functions have the signatures that the slots call for.
    unsafe {
        let original = (*class).tp_dealloc.expect("PyO3 gives every class a deallocation");
        if T::original_dealloc().set(py, original).is_ok() {
            (*class).tp_dealloc = Some(dealloc::<T>);
            (*class).tp_finalize = Some(finalise::<T>);
            ffi::PyType_Modified(class);
        }
    }
}

/// Whether the garbage collector has found the object, asked in its finaliser. Where the last reference
/// goes, the interpreter notes that it is finalised only afterwards (`PyObject_CallFinalizer`).
pub(crate) fn is_collected<T>(object: &Bound<'_, T>) -> bool {
    // SAFETY: attached; the object is valid.
    unsafe { ffi::PyObject_GC_IsFinalized(object.as_ptr()) != 0 }
}

unsafe extern "C" fn finalise<T: Lifecycle>(object: *mut ffi::PyObject) {
    // SAFETY: the interpreter calls this attached, with an object of `T` that it keeps alive for
    // the call. What is being raised is set aside and put back, as the slot demands.
    unsafe {
        Python::attach_unchecked(|py| {
            let raised = PyErr::occurred(py).then(|| super::error::take_raised(py));
            let this = Bound::from_borrowed_ptr(py, object).cast_into_unchecked::<T>();
            let finalised = super::error::catch_panic(|| {
                T::finalise(&this);
                Ok(())
            });
            if let Err(panic) = finalised {
                panic.write_unraisable(py, Some(this.as_any()));
            }
            drop(this);
            if let Some(exception) = raised {
                super::error::as_raised(exception).restore(py);
            }
        });
    }
}

unsafe extern "C" fn dealloc<T: Lifecycle>(object: *mut ffi::PyObject) {
    // SAFETY: the interpreter calls this attached, for an object of `T` or of a subclass whose last
    // reference is gone. The deallocation of a subclass written in Python has run the finaliser
    // before it calls this one; for an exact object nobody has.
    unsafe {
        let py = Python::assume_attached();
        let exact = ffi::Py_TYPE(object) == T::type_object_raw(py);
        // Borrowed, so that the count of the dying object stays at zero.
        let this = Borrowed::from_ptr(py, object).cast_unchecked::<T>();
        if exact && T::has_last_word(this) && ffi::PyObject_CallFinalizerFromDealloc(object) < 0 {
            return; // the finaliser made the object live on
        }
        T::leave(this);
        ffi::PyObject_GC_UnTrack(object.cast());
        ffi::PyObject_ClearWeakRefs(object);
        let original = *T::original_dealloc().get(py).expect("set when the slot was");
        if NESTED.get() >= DEEPEST {
            // Without a queue (its thread is ending) the object is taken apart as deep as it goes.
            let _ = QUEUE.try_with(|queue| T::unload(&this, &mut queue.borrow_mut()));
        }
        let has_pointer_to_dict = (*T::type_object_raw(py)).tp_dictoffset > 0;
        nest(py, || match (exact && has_pointer_to_dict).then(|| T::take_out(this)).flatten() {
            Some(held) => {
                drop(held); // before the attributes, as those of the built-in classes go
                free::<T>(py, object);
            }
            None => original(object),
        });
    }
}

/// Frees an object that holds nothing but its attributes, as PyO3's own deallocation would, or keeps its
/// memory.
///
/// # Safety
/// Attached; the object is of exactly a class of ours that has a dict, its last reference is gone, and
/// the collector does not see it any more.
unsafe fn free<T: Lifecycle>(py: Python<'_>, object: *mut ffi::PyObject) {
    // SAFETY: the caller vouches for the object; its class says where the pointer to its dict is.
    unsafe {
        let class = ffi::Py_TYPE(object);
        let attributes = object.byte_offset((*class).tp_dictoffset).cast::<*mut ffi::PyObject>();
        ffi::Py_XDECREF(attributes.replace(ptr::null_mut()));
        // One whose finaliser has run is known for that, and would have none again.
        if ffi::PyObject_GC_IsFinalized(object) == 0
            && T::spare().is_some_and(|spare| spare.keep(py, object))
        {
            return;
        }
        let free = (*class).tp_free.unwrap_or(ffi::PyObject_GC_Del);
        free(object.cast());
        ffi::Py_DECREF(class.cast());
    }
}

/// Runs one deallocation; the outermost one also drops what the deepest have queued.
fn nest(py: Python<'_>, dealloc: impl FnOnce()) {
    let depth = NESTED.replace(NESTED.get() + 1);
    dealloc();
    if depth == 0 {
        while let Ok(Some(object)) = QUEUE.try_with(|queue| queue.borrow_mut().pop()) {
            // As a `Bound`, whose drop needs no look at PyO3's own count of attachments.
            drop(object.into_bound(py));
        }
    }
    NESTED.set(depth);
}
