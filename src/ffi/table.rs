//! The table of functions that `aioxide._core` offers to other extensions, and its use.
//!
//! The public API of [`crate::bridge`] is built on nothing but this table, inside aioxide as well as in
//! an extension that uses the crate as a library. Such an extension has no classes of its own: it
//! finds the table in a capsule of the installed aioxide.

use std::ffi::{CStr, c_char, c_void};
use std::ptr;

use once_cell::sync::OnceCell;
use pyo3::exceptions::PyImportError;
use pyo3::ffi::PyObject;
use pyo3::prelude::*;
use pyo3::types::PyCapsule;

use super::stream::RawStream;
use super::work::RawWork;

/// Counts the changes of [`Table`] and of what its functions mean.
pub(crate) const VERSION: u32 = 1;

/// Where the capsule is found.
pub(crate) const CAPSULE: &CStr = c"aioxide._core._bridge_api";

/// What becomes of a future.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Returned,
    Raised,
    Cancelled,
}

/// A Python future that is pending, as its work knows it: it is held by nobody but Python.
#[repr(C)]
pub(crate) struct RawTicket {
    pub(crate) queue: *const c_void,
    pub(crate) number: u64,
}

/// The functions. All need an attached thread but those marked *any thread*. Objects are borrowed,
/// answers are owned; NULL says that an exception is set.
#[repr(C)]
pub(crate) struct Table {
    pub(crate) version: u32,
    pub(crate) size: u32,
    /// The version of the package that has this table, for messages.
    pub(crate) package: *const c_char,
    /// The loop that runs in this thread.
    pub(crate) running_loop: unsafe extern "C" fn() -> *mut PyObject,
    /// A future that is done, with this result or exception.
    pub(crate) finished: unsafe extern "C" fn(*mut PyObject, Kind, *mut PyObject) -> *mut PyObject,
    /// A pending future, for the work (consumed); fills in the ticket, whose queue is owned.
    pub(crate) pending:
        unsafe extern "C" fn(*mut PyObject, RawWork, *mut RawTicket) -> *mut PyObject,
    /// Ends the future of a ticket, if it is still wanted; the value may be NULL for a cancellation.
    pub(crate) settle: unsafe extern "C" fn(*const RawTicket, Kind, *mut PyObject),
    /// Puts work (consumed) into a queue; *any thread*.
    pub(crate) push: unsafe extern "C" fn(*const c_void, RawWork),
    /// Gives up a reference to a queue; *any thread*.
    pub(crate) release: unsafe extern "C" fn(*const c_void),
    /// The queue of a loop, owned, which looks into it until `let_go`.
    pub(crate) hold: unsafe extern "C" fn(*mut PyObject) -> *const c_void,
    /// Ends what `hold` began, and gives up the reference; *any thread*.
    pub(crate) let_go: unsafe extern "C" fn(*const c_void),
    /// A future for an awaitable, run as a task on the loop in the context; on the loop's thread.
    pub(crate) start: unsafe extern "C" fn(
        event_loop: *mut PyObject,
        awaitable: *mut PyObject,
        context: *mut PyObject,
    ) -> *mut PyObject,
    /// An asynchronous iterator over the stream (consumed).
    pub(crate) iterate: unsafe extern "C" fn(RawStream) -> *mut PyObject,
    /// Cancels whatever is pending on any loop: the program ends.
    pub(crate) stop_everything: unsafe extern "C" fn(),
}

// SAFETY: functions and a static string.
unsafe impl Sync for Table {}
// SAFETY: as above.
unsafe impl Send for Table {}

static TABLE: OnceCell<&'static Table> = OnceCell::new();

/// Uses this table from now on: aioxide's own, for itself.
#[cfg(feature = "module")]
pub(crate) fn use_own(table: &'static Table) {
    let _ = TABLE.set(table);
}

/// The table; at the first use it is taken from the installed aioxide.
///
/// # Errors
/// `ImportError` where aioxide is missing or its table is of another version.
pub(crate) fn table(py: Python<'_>) -> PyResult<&'static Table> {
    match TABLE.get() {
        Some(table) => Ok(table),
        // Not inside the cell: an import lets other threads run, and one that waited for the cell
        // would do so attached. Several may find the table; it is the same one.
        None => import(py).map(|table| *TABLE.get_or_init(|| table)),
    }
}

fn import(py: Python<'_>) -> PyResult<&'static Table> {
    let address = PyCapsule::import_pointer(py, CAPSULE).map_err(|error| {
        if error.is_instance_of::<PyImportError>(py) {
            return error;
        }
        let message = "the installed aioxide has no bridge: aioxide._core._bridge_api is missing";
        PyImportError::new_err(message)
    })?;
    let table = address.cast::<Table>().as_ptr();
    // SAFETY: every version of the capsule begins with these three fields, and lives for ever.
    let (version, size, package) =
        unsafe { ((*table).version, (*table).size, CStr::from_ptr((*table).package)) };
    if version != VERSION || size as usize != size_of::<Table>() {
        let package = package.to_string_lossy();
        return Err(PyImportError::new_err(format!(
            "this extension was built for version {VERSION} of aioxide's bridge (aioxide {}), but the \
             installed aioxide {package} has version {version}: build the extension for that aioxide, \
             or install one that fits",
            env!("CARGO_PKG_VERSION"),
        )));
    }
    // SAFETY: version and size are those of this declaration.
    Ok(unsafe { &*table })
}

/// A reference to the queue of a loop, or to nothing yet.
struct Queue {
    queue: *const c_void,
    table: &'static Table,
}

// SAFETY: a queue is shared between threads by design; what may be done with it here is marked *any
// thread* in the table.
unsafe impl Send for Queue {}
// SAFETY: as above.
unsafe impl Sync for Queue {}

impl Queue {
    fn push(&self, work: RawWork) {
        // SAFETY: the queue is held by `self`; any thread may do this.
        unsafe { (self.table.push)(self.queue, work) }
    }
}

/// The way to a Python future that is pending.
pub(crate) struct Ticket {
    queue: Queue,
    number: u64,
}

impl Ticket {
    /// Puts the work into the queue of the loop; it will be delivered there. Any thread may do this.
    pub(crate) fn push(&self, work: RawWork) {
        self.queue.push(work);
    }

    /// Ends the future, if Python still wants it.
    pub(crate) fn settle(&self, outcome: PyResult<Bound<'_, PyAny>>, py: Python<'_>) {
        match outcome {
            Ok(result) => self.settle_raw(Kind::Returned, result.as_ptr()),
            Err(error) => self.settle_raw(Kind::Raised, error.into_value(py).as_ptr()),
        }
    }

    pub(crate) fn settle_cancelled(&self, _py: Python<'_>) {
        self.settle_raw(Kind::Cancelled, ptr::null_mut());
    }

    fn settle_raw(&self, kind: Kind, value: *mut PyObject) {
        let ticket = RawTicket { queue: self.queue.queue, number: self.number };
        // SAFETY: attached, as every caller's token says; the queue is held, the value borrowed.
        unsafe { (self.queue.table.settle)(&raw const ticket, kind, value) }
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        // SAFETY: the reference that came with the ticket is given up.
        unsafe { (self.queue.table.release)(self.queue.queue) }
    }
}

/// The queue of a loop that looks into it for as long as this lives.
pub(crate) struct Hold(Queue);

impl Hold {
    /// Puts the work into the queue of the loop. Any thread may do this.
    pub(crate) fn push(&self, work: RawWork) {
        self.0.push(work);
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        // SAFETY: ends what `Table::hold` began; any thread may do this.
        unsafe { (self.0.table.let_go)(self.0.queue) }
    }
}

impl Table {
    pub(crate) fn running_loop<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        // SAFETY: attached; the answer is owned, or NULL with an exception set.
        unsafe { Bound::from_owned_ptr_or_err(py, (self.running_loop)()) }
    }

    pub(crate) fn finished<'py>(
        &self,
        event_loop: &Bound<'py, PyAny>,
        outcome: PyResult<Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let py = event_loop.py();
        let (kind, value) = match outcome {
            Ok(result) => (Kind::Returned, result),
            Err(error) => (Kind::Raised, error.into_value(py).into_bound(py).into_any()),
        };
        // SAFETY: attached; both objects are borrowed; the answer is owned, or NULL with an exception.
        unsafe {
            let future = (self.finished)(event_loop.as_ptr(), kind, value.as_ptr());
            Bound::from_owned_ptr_or_err(py, future)
        }
    }

    pub(crate) fn pending<'py>(
        &'static self,
        event_loop: &Bound<'py, PyAny>,
        work: RawWork,
    ) -> PyResult<(Bound<'py, PyAny>, Ticket)> {
        let mut ticket = RawTicket { queue: ptr::null(), number: 0 };
        // SAFETY: attached; the loop is borrowed; the answer is owned, and then the ticket is filled
        // in, or NULL with an exception set.
        unsafe {
            let future = (self.pending)(event_loop.as_ptr(), work, &raw mut ticket);
            let future = Bound::from_owned_ptr_or_err(event_loop.py(), future)?;
            let queue = Queue { queue: ticket.queue, table: self };
            Ok((future, Ticket { queue, number: ticket.number }))
        }
    }

    pub(crate) fn hold(&'static self, event_loop: &Bound<'_, PyAny>) -> PyResult<Hold> {
        // SAFETY: attached; the loop is borrowed.
        let queue = unsafe { (self.hold)(event_loop.as_ptr()) };
        if queue.is_null() {
            return Err(PyErr::fetch(event_loop.py()));
        }
        Ok(Hold(Queue { queue, table: self }))
    }

    pub(crate) fn start<'py>(
        &self,
        event_loop: &Bound<'py, PyAny>,
        awaitable: &Bound<'py, PyAny>,
        context: &Bound<'py, PyAny>,
    ) -> PyResult<Bound<'py, PyAny>> {
        // SAFETY: attached; the objects are borrowed; the answer is owned, or NULL with an exception.
        unsafe {
            let future = (self.start)(event_loop.as_ptr(), awaitable.as_ptr(), context.as_ptr());
            Bound::from_owned_ptr_or_err(event_loop.py(), future)
        }
    }

    pub(crate) fn iterate<'py>(
        &self,
        py: Python<'py>,
        stream: RawStream,
    ) -> PyResult<Bound<'py, PyAny>> {
        // SAFETY: attached; the answer is owned, or NULL with an exception set.
        unsafe { Bound::from_owned_ptr_or_err(py, (self.iterate)(stream)) }
    }

    pub(crate) fn stop_everything(&self, _py: Python<'_>) {
        // SAFETY: attached.
        unsafe { (self.stop_everything)() }
    }
}
