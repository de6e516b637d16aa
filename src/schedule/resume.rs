//! A task that is ready, as a loop takes it that is not one of asyncio's: something to call.
//!
//! asyncio gives its loops a function bound to the task, and a future to call it with. Such a function
//! costs as much as all the rest of the way, so a loop that has no use for them gets an object that
//! does the same without arguments, of memory that is kept. Whoever looks at it sees the function.

use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyString, PyWeakrefMethods, PyWeakrefReference};
use pyo3::{PyTraverseError, PyVisit};

use super::ready::Ready;
use super::{kept, turn, uvloop};
use crate::ffi::{
    self, Callable, Called, Collected, Enough, Field, Kept, SharedField, Spare, Visit,
};
use crate::future::{self, Future};
use crate::seat::Seat;
use crate::task::Task;

/// Goes on with a task.
#[pyclass(module = "aioxide._core", frozen, immutable_type)]
pub(crate) struct Resume {
    called: Called<Self>,
    task: SharedField<Task>,
    /// What the task has awaited, if that is why it goes on.
    awaited: SharedField<Future>,
    /// How many tasks in a row went to the loop by themselves before this one (`turn.rs`).
    before: Field<u8>,
    /// The handle that calls it, if the task is to keep it (`kept.rs`), and what that is for.
    handle: SharedField<PyWeakrefReference>,
    place: Field<Place>,
}

/// The addresses of a loop and of a context.
type Place = (usize, usize);

/// Called when the module is made.
pub(super) fn prepare(py: Python<'_>) -> PyResult<()> {
    let specimen = Bound::new(py, Resume::empty())?;
    ffi::install_call(&specimen);
    drop(specimen); // before its memory would be kept
    ffi::install_keeping::<Resume>(py);
    ffi::install_traverse::<Resume>(py);
    Ok(())
}

impl Resume {
    /// What to call for the loop to run what is ready. It is given back where it is not about a task, and
    /// where a loop is asyncio's own in some way: such a loop knows what is called.
    pub(super) fn with<'py>(
        ready: Ready,
        before: u8,
        event_loop: &Bound<'py, PyAny>,
    ) -> PyResult<Result<Bound<'py, Self>, Ready>> {
        let py = event_loop.py();
        let run_once = || ffi::member_of(event_loop.get_type_ptr(), intern!(py, "_run_once"));
        if !uvloop::is_known(event_loop)? && run_once().is_some() {
            return Ok(Err(ready));
        }
        let held = match ready {
            Ready::Step(task) => (task.into_bound(py), None),
            Ready::Wakeup(task, awaited) => (task.into_bound(py), Some(awaited.into_bound(py))),
            Ready::Call { .. } | Ready::Native(..) => return Ok(Err(ready)),
        };
        let resume = ffi::renew::<Self>(py, held)?;
        resume.get().before.set(py, before);
        Ok(Ok(resume))
    }

    /// It will be called by this handle, which is for the task, again and again.
    pub(super) fn note_handle(&self, handle: &Bound<'_, PyAny>, task: &Bound<'_, Task>) {
        // Without one of these, the handle is not kept.
        if let (Ok(handle), Ok(place)) = (PyWeakrefReference::new(handle), place_of(task)) {
            self.handle.put(handle);
            self.place.set(task.py(), place);
        }
    }

    /// The handle, if it is for this task: it is on its loop, and has its context.
    pub(super) fn handle_for<'py>(&self, task: &Bound<'py, Task>) -> Option<Bound<'py, PyAny>> {
        let handle = self.handle.bound(task.py())?.upgrade()?;
        let place = place_of(task).ok()?;
        (self.place.get(task.py()) == place).then_some(handle)
    }

    /// Goes on with the task of this handle.
    pub(super) fn go_on_with(&self, ready: Ready, py: Python<'_>) {
        match ready {
            Ready::Step(task) => self.fill((task.into_bound(py), None)),
            Ready::Wakeup(task, awaited) => {
                self.fill((task.into_bound(py), Some(awaited.into_bound(py))));
            }
            Ready::Call { .. } | Ready::Native(..) => {}
        }
    }

    /// Lets go of the task and of what that has awaited, unless somebody would see what goes then, while it is
    /// the context of the task.
    pub(super) fn lets_go_unseen(&self, py: Python<'_>) -> bool {
        let is_seen = |awaited: &Bound<'_, Future>| {
            ffi::references(awaited) <= 2 && !future::goes_unseen(awaited)
        };
        if self.awaited.bound(py).as_ref().is_some_and(is_seen) {
            return false;
        }
        drop((self.task.exchange(py, None), self.awaited.exchange(py, None)));
        true
    }

    /// The function that asyncio would have in its place.
    fn function<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        match self.task.bound(py) {
            None => Ok(py.None().into_bound(py)), // the collector was here
            Some(task) if self.awaited.is_some(py) => Task::wakeup_function(&task),
            Some(task) => Task::step_function(&task),
        }
    }
}

impl Kept for Resume {
    type Held<'py> = (Bound<'py, Task>, Option<Bound<'py, Future>>);

    fn spare() -> &'static Spare {
        static SPARE: Spare = Spare::new();
        &SPARE
    }

    fn empty() -> Self {
        Self {
            called: Called::new(),
            task: SharedField::new(None),
            awaited: SharedField::new(None),
            before: Field::new(0),
            handle: SharedField::new(None),
            place: Field::new((0, 0)),
        }
    }

    fn fill(&self, (task, awaited): Self::Held<'_>) {
        let py = task.py();
        drop((self.task.exchange(py, Some(task)), self.awaited.exchange(py, awaited)));
    }

    fn take_out(&self, py: Python<'_>) -> impl Sized {
        let task = self.task.take(py).map(|task| task.into_bound(py));
        let handle = self.handle.take(py).map(|handle| handle.into_bound(py));
        (self.awaited.take(py).map(|awaited| awaited.into_bound(py)), task, handle)
    }
}

#[pymethods]
impl Resume {
    // Here for the class to have objects that can be called; `ffi::install_call` puts what is run in its
    // place, for all but who asks for it by name.
    fn __call__(slf: &Bound<'_, Self>) -> PyResult<()> {
        Self::run(slf)
    }

    fn __getattr__<'py>(
        &self,
        py: Python<'py>,
        name: &Bound<'py, PyString>,
    ) -> PyResult<Bound<'py, PyAny>> {
        self.function(py)?.getattr(name)
    }

    fn __repr__<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyString>> {
        self.function(py)?.repr()
    }

    // Here for the class to take part in the collection of garbage; `ffi::install_traverse` puts what
    // is run in its place.
    #[allow(clippy::unused_self, clippy::unnecessary_wraps)]
    fn __traverse__(&self, _visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        Ok(())
    }

    fn __clear__(&self, py: Python<'_>) {
        drop(self.take_out(py));
    }
}

impl Callable for Resume {
    fn called(&self) -> &Called<Self> {
        &self.called
    }

    fn run(this: &Bound<'_, Self>) -> PyResult<()> {
        run(this)
    }
}

/// Where a task is run, for as long as it is: it may be made anew for elsewhere.
fn place_of(task: &Bound<'_, Task>) -> PyResult<Place> {
    let (event_loop, context) = (Task::ready_loop(task)?, task.get().ready_context(task.py())?);
    Ok((event_loop.as_ptr() as usize, context.as_ptr() as usize))
}

fn run<'py>(this: &Bound<'py, Resume>) -> PyResult<()> {
    let (py, resume) = (this.py(), this.get());
    let Some(task) = resume.task.bound(py) else { return Ok(()) };
    let event_loop = Task::ready_loop(&task)?;
    let first = |seat: &mut Seat<'_, 'py>| {
        match resume.awaited.bound(py) {
            Some(awaited) => Task::wakeup(&task, &awaited, seat)?,
            None => Task::step(&task, seat)?,
        }
        Ok(true)
    };
    let before = resume.before.get(py);
    turn::run(&event_loop, &task, before, first, || resume.awaited.clear(py))?;
    kept::keep(&task, this);
    Ok(())
}

impl Collected for Resume {
    fn show(this: Borrowed<'_, '_, Self>, visit: &Visit) -> Result<(), Enough> {
        this.get().task.traverse(visit)?;
        this.get().awaited.traverse(visit)?;
        this.get().handle.traverse(visit)
    }
}
