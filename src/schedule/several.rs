//! Tasks that become ready one after the other on uvloop: one call of its `call_soon()` for several.
//!
//! As on the stock loops (`batch.rs`), only what becomes ready in one piece of work goes together, and
//! only as long as nobody else has put something behind it in the queue. The first that becomes ready
//! goes to the loop by itself, for that is mostly the only one, and so does every callback: uvloop has
//! words of its own for what a callback raises.

use std::cell::RefCell;
use std::collections::VecDeque;

use pyo3::intern;
use pyo3::panic::PanicException;
use pyo3::prelude::*;
use pyo3::types::PyDict;
use pyo3::{PyTraverseError, PyVisit};

use super::ready::Ready;
use super::{call_soon, stock, uvloop};
use crate::ffi::{
    self, Call, Collected, Enough, Field, Kept, LeftContext, SharedField, Spare, Visit,
};

/// What uvloop calls for several tasks.
#[pyclass(module = "aioxide._core", frozen, immutable_type)]
pub(crate) struct Several {
    event_loop: SharedField,
    work: Field<VecDeque<Ready>>,
    /// What uvloop calls it in: a context that nobody else can have entered. The work has contexts of
    /// its own.
    context: SharedField,
}

/// The piece of work that a loop is at in this thread.
pub(super) struct Turn {
    event_loop: usize,
    /// Whether the next task that becomes ready goes to the loop by itself.
    alone: bool,
    /// What was begun for those behind it.
    begun: Option<Begun>,
}

struct Begun {
    several: Py<Several>,
    /// What uvloop has for it, and where, once that was looked for.
    handle: Py<PyAny>,
    queue: Option<Py<PyAny>>,
}

thread_local! {
    static TURN: RefCell<Turn> = const {
        RefCell::new(Turn { event_loop: 0, alone: true, begun: None })
    };
}

/// Called when the module is made.
pub(super) fn prepare(py: Python<'_>) {
    ffi::install_keeping::<Several>(py);
    ffi::install_traverse::<Several>(py);
    ffi::install_call::<Several>(py);
}

/// Puts what is ready together with what has become ready before it. Gives it back where it has to go
/// to the loop by itself.
pub(super) fn join(event_loop: &Bound<'_, PyAny>, ready: Ready) -> PyResult<Option<Ready>> {
    let py = event_loop.py();
    if Turn::wants_alone(event_loop) || !ready.is_of_task() || !uvloop::only_appends(event_loop)? {
        return Ok(Some(ready));
    }
    if let Some(several) = Turn::last_in_queue(event_loop)? {
        several.get().work.push_back(py, ready);
        return Ok(None);
    }
    let several = Several::new(event_loop, VecDeque::from([ready]))?;
    let handle = several.get().call_soon(&several)?;
    Turn::has_begun(several, handle);
    Ok(None)
}

impl Turn {
    /// Notes that the loop is at a piece of work, until the answer is dropped.
    pub(super) fn begin(event_loop: &Bound<'_, PyAny>, alone: bool) -> Outer {
        let turn = Self { event_loop: event_loop.as_ptr() as usize, alone, begun: None };
        Outer(Some(TURN.replace(turn)))
    }

    /// Whether what becomes ready now goes to the loop by itself.
    fn wants_alone(event_loop: &Bound<'_, PyAny>) -> bool {
        TURN.with_borrow_mut(|turn| {
            turn.event_loop != event_loop.as_ptr() as usize || std::mem::take(&mut turn.alone)
        })
    }

    /// What was begun, if it is still the last entry of the loop's queue.
    fn last_in_queue<'py>(event_loop: &Bound<'py, PyAny>) -> PyResult<Option<Bound<'py, Several>>> {
        let py = event_loop.py();
        let known = TURN.with_borrow(|turn| {
            turn.begun.as_ref().map(|begun| {
                let queue = begun.queue.as_ref().map(|queue| queue.bind(py).clone());
                (begun.several.bind(py).clone(), begun.handle.bind(py).clone(), queue)
            })
        });
        let Some((several, handle, queue)) = known else { return Ok(None) };
        if let Some(queue) = queue.and_then(stock::as_queue) {
            return Ok(queue.last().is_some_and(|last| last.is(&handle)).then_some(several));
        }
        let Some(queue) = uvloop::queue_ending_with(event_loop, &handle)? else { return Ok(None) };
        let queue = queue.as_any().clone().unbind();
        TURN.with_borrow_mut(|turn| turn.begun.as_mut().map(|begun| begun.queue = Some(queue)));
        Ok(Some(several))
    }

    fn has_begun(several: Bound<'_, Several>, handle: Bound<'_, PyAny>) {
        let (several, handle) = (several.unbind(), handle.unbind());
        let begun = Some(Begun { several, handle, queue: None });
        drop(TURN.with_borrow_mut(|turn| std::mem::replace(&mut turn.begun, begun)));
    }
}

/// The turn that was before, until it is dropped.
pub(super) struct Outer(Option<Turn>);

impl Drop for Outer {
    fn drop(&mut self) {
        drop(self.0.take().map(|turn| TURN.replace(turn)));
    }
}

impl Several {
    fn new<'py>(
        event_loop: &Bound<'py, PyAny>,
        work: VecDeque<Ready>,
    ) -> PyResult<Bound<'py, Self>> {
        let py = event_loop.py();
        ffi::renew(py, (event_loop.clone(), work, ffi::new_context(py)?))
    }

    /// Has the loop call it; answers with the loop's handle.
    fn call_soon<'py>(&self, this: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        let py = this.py();
        let (Some(event_loop), Some(context)) = (self.event_loop.bound(py), self.context.bound(py))
        else {
            return Ok(py.None().into_bound(py));
        };
        call_soon(&event_loop, this.as_any(), &context)
    }

    /// Runs every piece of work, in order. What is left when the loop is to be left stays in front of
    /// everything else, also after a panic, which the loop is told of.
    fn run(&self, event_loop: &Bound<'_, PyAny>) -> PyResult<()> {
        let py = event_loop.py();
        let alone = self.work.len(py) == 1;
        let turn = Turn::begin(event_loop, alone);
        let outcome = ffi::catch_panic(|| {
            while let Some(ready) = self.work.pop_front(py) {
                ready.run(event_loop)?;
            }
            Ok(())
        });
        drop(turn);
        let Err(error) = outcome else { return Ok(()) };
        self.put_back(event_loop)?;
        if !error.is_instance_of::<PanicException>(py) {
            return Err(error);
        }
        let context = PyDict::new(py);
        context.set_item(intern!(py, "message"), "Exception between two ready callbacks")?;
        context.set_item(intern!(py, "exception"), error.into_value(py))?;
        ffi::call_method(intern!(py, "call_exception_handler"), &[event_loop, &context]).map(drop)
    }

    fn put_back(&self, event_loop: &Bound<'_, PyAny>) -> PyResult<()> {
        let left = self.work.take(event_loop.py());
        if left.is_empty() {
            return Ok(());
        }
        let several = Self::new(event_loop, left)?;
        let handle = several.get().call_soon(&several)?;
        if let Some(queue) = uvloop::queue_ending_with(event_loop, &handle)? {
            queue.append_left(&handle)?;
            queue.pop()?;
        }
        Ok(())
    }
}

impl Call for Several {
    fn call(this: &Bound<'_, Self>) -> PyResult<()> {
        let py = this.py();
        let several = this.get();
        let (Some(event_loop), Some(context)) =
            (several.event_loop.bound(py), several.context.bound(py))
        else {
            return Ok(());
        };
        // What a task leaves behind is dropped in no context of a task.
        let left = LeftContext::leave(context)?;
        let outcome = several.run(&event_loop);
        outcome.and(left.enter_again())
    }
}

impl Kept for Several {
    type Held<'py> = (Bound<'py, PyAny>, VecDeque<Ready>, Bound<'py, PyAny>);
    const HOLDS_UNBOUND: bool = true;

    fn spare() -> &'static Spare {
        static SPARE: Spare = Spare::new();
        &SPARE
    }

    fn empty() -> Self {
        Self {
            event_loop: SharedField::new(None),
            work: Field::new(VecDeque::new()),
            context: SharedField::new(None),
        }
    }

    fn fill(&self, (event_loop, work, context): Self::Held<'_>) {
        let py = event_loop.py();
        drop(self.work.replace(py, work)); // empty
        self.event_loop.put(event_loop);
        self.context.put(context);
    }

    fn take_out(&self, py: Python<'_>) -> impl Sized {
        let bound = |object: Py<PyAny>| object.into_bound(py);
        let objects = (self.event_loop.take(py).map(bound), self.context.take(py).map(bound));
        (self.work.take(py), objects)
    }
}

#[pymethods]
impl Several {
    // Here for the class to have one; `ffi::install_call` puts what is run in its place.
    fn __call__(slf: &Bound<'_, Self>) -> PyResult<()> {
        Self::call(slf)
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

impl Collected for Several {
    fn show(this: Borrowed<'_, '_, Self>, visit: &Visit) -> Result<(), Enough> {
        let this = this.get();
        this.event_loop.traverse(visit)?;
        this.work.traverse(visit)?;
        this.context.traverse(visit)
    }
}
