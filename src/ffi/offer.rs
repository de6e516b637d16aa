//! The functions of the [`Table`], made of an implementation in safe Rust.

use std::ffi::{CStr, c_void};
use std::mem::ManuallyDrop;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr;
use std::sync::Arc;

use pyo3::ffi::PyObject;
use pyo3::prelude::*;
use pyo3::types::PyCapsule;

use super::error::panicked;
use super::stream::RawStream;
use super::table::{CAPSULE, Kind, RawTicket, Table, VERSION};
use super::work::RawWork;

/// What the table offers; its fields say what each is for.
pub(crate) trait Offer: 'static {
    type Queue: Send + Sync + 'static;

    fn running_loop(py: Python<'_>) -> PyResult<Bound<'_, PyAny>>;
    fn finished<'py>(
        event_loop: &Bound<'py, PyAny>,
        kind: Kind,
        value: Bound<'py, PyAny>,
    ) -> PyResult<Bound<'py, PyAny>>;
    fn pending<'py>(
        event_loop: &Bound<'py, PyAny>,
        work: RawWork,
    ) -> PyResult<(Bound<'py, PyAny>, Arc<Self::Queue>, u64)>;
    fn settle<'py>(
        queue: &Arc<Self::Queue>,
        number: u64,
        kind: Kind,
        value: Option<Bound<'py, PyAny>>,
        py: Python<'py>,
    );
    fn push(queue: &Arc<Self::Queue>, work: RawWork);
    fn hold(event_loop: &Bound<'_, PyAny>) -> PyResult<Arc<Self::Queue>>;
    fn let_go(queue: &Arc<Self::Queue>);
    fn start<'py>(
        event_loop: &Bound<'py, PyAny>,
        awaitable: &Bound<'py, PyAny>,
        context: &Bound<'py, PyAny>,
    ) -> PyResult<Bound<'py, PyAny>>;
    fn iterate(py: Python<'_>, stream: RawStream) -> PyResult<Bound<'_, PyAny>>;
    fn stop_everything(py: Python<'_>);
}

/// The table that offers `O`, which lives for ever.
pub(crate) fn table_of<O: Offer>() -> &'static Table {
    const PACKAGE: &CStr =
        match CStr::from_bytes_with_nul(concat!(env!("CARGO_PKG_VERSION"), "\0").as_bytes()) {
            Ok(package) => package,
            Err(_) => panic!("a version has no zero in it"),
        };
    const {
        #[allow(clippy::cast_possible_truncation)] // a dozen pointers
        const SIZE: u32 = size_of::<Table>() as u32;
        &Table {
            version: VERSION,
            size: SIZE,
            package: PACKAGE.as_ptr(),
            running_loop: running_loop::<O>,
            finished: finished::<O>,
            pending: pending::<O>,
            settle: settle::<O>,
            push: push::<O>,
            release: release::<O>,
            hold: hold::<O>,
            let_go: let_go::<O>,
            start: start::<O>,
            iterate: iterate::<O>,
            stop_everything: stop_everything::<O>,
        }
    }
}

/// The capsule through which other extensions find the table.
pub(crate) fn capsule<'py>(
    py: Python<'py>,
    table: &'static Table,
) -> PyResult<Bound<'py, PyCapsule>> {
    // SAFETY: the table lives for ever, as does the name; a capsule without a destructor only stores
    // them.
    unsafe {
        let address = ptr::from_ref(table).cast_mut().cast();
        let capsule = pyo3::ffi::PyCapsule_New(address, CAPSULE.as_ptr(), None);
        Ok(Bound::from_owned_ptr_or_err(py, capsule)?.cast_into_unchecked())
    }
}

/// Runs `run` attached; an error, or a panic, is left for the caller as the exception that is set.
///
/// # Safety
/// The thread is attached.
unsafe fn or_set<R>(failed: R, run: impl for<'py> FnOnce(Python<'py>) -> PyResult<R>) -> R {
    // SAFETY: the caller vouches for the thread.
    unsafe {
        Python::attach_unchecked(|py| {
            let ran = catch_unwind(AssertUnwindSafe(|| run(py)));
            ran.unwrap_or_else(|payload| Err(panicked(payload.as_ref()))).unwrap_or_else(|error| {
                error.restore(py);
                failed
            })
        })
    }
}

/// # Safety
/// The thread is attached, and `object` a borrowed object.
unsafe fn borrowed(py: Python<'_>, object: *mut PyObject) -> Bound<'_, PyAny> {
    // SAFETY: the caller vouches for it.
    unsafe { Bound::from_borrowed_ptr(py, object) }
}

/// # Safety
/// `queue` is a reference that this table has given and the caller holds.
unsafe fn held<O: Offer>(queue: *const c_void) -> ManuallyDrop<Arc<O::Queue>> {
    // SAFETY: the caller vouches for it; what is held is not counted down.
    unsafe { ManuallyDrop::new(Arc::from_raw(queue.cast())) }
}

unsafe extern "C" fn running_loop<O: Offer>() -> *mut PyObject {
    // SAFETY: the caller is attached (`Table`).
    unsafe { or_set(ptr::null_mut(), |py| O::running_loop(py).map(Bound::into_ptr)) }
}

unsafe extern "C" fn finished<O: Offer>(
    event_loop: *mut PyObject,
    kind: Kind,
    value: *mut PyObject,
) -> *mut PyObject {
    // SAFETY: the caller is attached and lends two objects (`Table`).
    unsafe {
        or_set(ptr::null_mut(), |py| {
            O::finished(&borrowed(py, event_loop), kind, borrowed(py, value)).map(Bound::into_ptr)
        })
    }
}

unsafe extern "C" fn pending<O: Offer>(
    event_loop: *mut PyObject,
    work: RawWork,
    ticket: *mut RawTicket,
) -> *mut PyObject {
    // SAFETY: the caller is attached, lends the loop and a place for the ticket (`Table`).
    unsafe {
        or_set(ptr::null_mut(), |py| {
            let (future, queue, number) = O::pending(&borrowed(py, event_loop), work)?;
            ticket.write(RawTicket { queue: Arc::into_raw(queue).cast(), number });
            Ok(future.into_ptr())
        })
    }
}

unsafe extern "C" fn settle<O: Offer>(ticket: *const RawTicket, kind: Kind, value: *mut PyObject) {
    // SAFETY: the caller is attached, holds the ticket's queue and lends the value or NULL (`Table`).
    unsafe {
        Python::attach_unchecked(|py| {
            let value = Bound::from_borrowed_ptr_or_opt(py, value);
            let queue = held::<O>((*ticket).queue);
            let number = (*ticket).number;
            let settled =
                catch_unwind(AssertUnwindSafe(|| O::settle(&queue, number, kind, value, py)));
            if let Err(payload) = settled {
                panicked(payload.as_ref()).write_unraisable(py, None);
            }
        });
    }
}

unsafe extern "C" fn push<O: Offer>(queue: *const c_void, work: RawWork) {
    // SAFETY: the caller holds the queue (`Table`). Nothing in it panics.
    unsafe { O::push(&held::<O>(queue), work) }
}

unsafe extern "C" fn release<O: Offer>(queue: *const c_void) {
    // SAFETY: the caller gives up its reference (`Table`).
    drop(unsafe { Arc::<O::Queue>::from_raw(queue.cast()) });
}

unsafe extern "C" fn hold<O: Offer>(event_loop: *mut PyObject) -> *const c_void {
    // SAFETY: the caller is attached and lends the loop (`Table`).
    unsafe {
        or_set(ptr::null(), |py| {
            O::hold(&borrowed(py, event_loop)).map(|queue| Arc::into_raw(queue).cast())
        })
    }
}

unsafe extern "C" fn let_go<O: Offer>(queue: *const c_void) {
    // SAFETY: the caller gives up its reference, which `hold` gave (`Table`).
    O::let_go(&unsafe { Arc::from_raw(queue.cast()) });
}

unsafe extern "C" fn start<O: Offer>(
    event_loop: *mut PyObject,
    awaitable: *mut PyObject,
    context: *mut PyObject,
) -> *mut PyObject {
    // SAFETY: the caller is attached and lends the objects (`Table`).
    unsafe {
        or_set(ptr::null_mut(), |py| {
            let (event_loop, awaitable) = (borrowed(py, event_loop), borrowed(py, awaitable));
            O::start(&event_loop, &awaitable, &borrowed(py, context)).map(Bound::into_ptr)
        })
    }
}

unsafe extern "C" fn iterate<O: Offer>(stream: RawStream) -> *mut PyObject {
    // SAFETY: the caller is attached (`Table`).
    unsafe { or_set(ptr::null_mut(), |py| O::iterate(py, stream).map(Bound::into_ptr)) }
}

unsafe extern "C" fn stop_everything<O: Offer>() {
    // SAFETY: the caller is attached (`Table`).
    unsafe {
        or_set((), |py| {
            O::stop_everything(py);
            Ok(())
        });
    }
}
