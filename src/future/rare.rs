//! What most futures never have, in one place that is made with the first of it.

use pyo3::prelude::*;

use super::Future;
use crate::bridge::Link;
use crate::ffi::{Enough, Traverse, Visit};

type Held = Option<Py<PyAny>>;

#[derive(Default)]
pub(super) struct Rare {
    /// The traceback that the exception had when it was set; taken by the first `result()`.
    pub(super) traceback: Held,
    /// The error that ended a cancelled task, for the first one who asks.
    pub(super) cancelled_error: Held,
    pub(super) cancel_message: Held,
    /// Where the future was made; a list, in debug mode only.
    pub(super) source_traceback: Held,
    /// The work of a Rust extension that the future waits for.
    link: Option<Link>,
}

impl Rare {
    pub(super) fn unload_into(self, queue: &mut Vec<Py<PyAny>>) {
        queue.extend(self.traceback);
        queue.extend(self.cancelled_error);
        queue.extend(self.cancel_message);
        queue.extend(self.source_traceback);
    }
}

impl Traverse for Option<Box<Rare>> {
    fn traverse(&self, visit: &Visit) -> Result<(), Enough> {
        let Some(rare) = self else { return Ok(()) };
        rare.traceback.traverse(visit)?;
        rare.cancelled_error.traverse(visit)?;
        rare.cancel_message.traverse(visit)?;
        rare.source_traceback.traverse(visit)
    }
}

/// Chooses one of them.
type Choice = fn(&mut Rare) -> &mut Held;

impl Future {
    /// What is held there.
    pub(super) fn rarely<'py>(&self, py: Python<'py>, choice: Choice) -> Option<Bound<'py, PyAny>> {
        self.rare.alter(py, |rare| {
            let held = choice(rare.as_deref_mut()?).as_ref()?;
            Some(held.bind(py).clone())
        })
    }

    /// Holds `object` there from now on and gives back the one before.
    #[must_use = "dropping the old object may run Python code: drop it where that is harmless"]
    pub(super) fn exchange_rarely<'py>(
        &self,
        py: Python<'py>,
        choice: Choice,
        object: Option<Bound<'py, PyAny>>,
    ) -> Option<Bound<'py, PyAny>> {
        let object = object.map(Bound::unbind);
        let former = self.rare.alter(py, |rare| {
            if rare.is_none() && object.is_none() {
                return None;
            }
            std::mem::replace(choice(rare.get_or_insert_default()), object)
        });
        former.map(|former| former.into_bound(py))
    }

    /// Whether the future waits for work of a Rust extension.
    pub(super) fn has_link(&self, py: Python<'_>) -> bool {
        self.rare.look(py, |rare| rare.as_ref().is_some_and(|rare| rare.link.is_some()))
    }

    pub(crate) fn take_link(&self, py: Python<'_>) -> Option<Link> {
        self.rare.alter(py, |rare| rare.as_mut()?.link.take())
    }

    pub(crate) fn put_link(&self, py: Python<'_>, link: Link) {
        self.rare.alter(py, |rare| rare.get_or_insert_default().link = Some(link));
    }

    pub(super) fn source_traceback<'py>(&self, py: Python<'py>) -> Option<Bound<'py, PyAny>> {
        self.rarely(py, |rare| &mut rare.source_traceback)
    }
}
