//! `asyncio.gather()`

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::hash::{BuildHasherDefault, Hasher};

use pyo3::prelude::*;
use pyo3::types::{IntoPyDict, PyBool, PyList, PyTuple};

use super::ensure;
use super::gathering::{self, GatheringFuture, as_future};
use super::maker::Maker;
use super::{DoneCallback, child};
use crate::asyncio::asyncio;
use crate::ffi;
use crate::state::Life;

/// Return a future that is done when all the coroutines and futures are, with a list of their
/// results in the order of the arguments.
///
/// Coroutines are run as tasks. The first exception becomes that of the future, unless
/// `return_exceptions` asks to have exceptions among the results. Cancelling the future cancels
/// what is not done yet.
#[pyfunction]
#[pyo3(
    signature = (*coros_or_futures, return_exceptions=None),
    text_signature = "(*coros_or_futures, return_exceptions=False)"
)]
pub(crate) fn gather<'py>(
    coros_or_futures: Bound<'py, PyTuple>,
    return_exceptions: Option<Bound<'py, PyAny>>,
) -> PyResult<Bound<'py, PyAny>> {
    let py = coros_or_futures.py();
    let plain_choice = match &return_exceptions {
        None => Some(false),
        Some(choice) => choice.cast_exact::<PyBool>().ok().map(PyBoolMethods::is_true),
    };
    // Since 3.14 the futures have to be of the loop that runs, if one does.
    let running = if cfg!(Py_3_14) { Some(ensure::running_loop(py)?) } else { None };
    let running = running.filter(|running| !running.is_none());
    if !coros_or_futures.is_empty()
        && let Some(return_exceptions) = plain_choice
        && gathering::is_untouched(py)?
        && let Some(event_loop) = ensure::common_loop(&coros_or_futures, running)?
    {
        return collect(&coros_or_futures, event_loop, return_exceptions)
            .map(Bound::into_any)
            .map_err(|error| ensure::raised_in(error, asyncio(py).gather.bind(py)));
    }
    let keywords = [("return_exceptions", return_exceptions)];
    let keywords = keywords.into_iter().filter(|(_, value)| value.is_some()).into_py_dict(py)?;
    asyncio(py).gather.bind(py).call(coros_or_futures, Some(&keywords))
}

/// Makes tasks of the coroutines and registers with all children that are not done.
fn collect<'py>(
    arguments: &Bound<'py, PyTuple>,
    event_loop: Bound<'py, PyAny>,
    return_exceptions: bool,
) -> PyResult<Bound<'py, GatheringFuture>> {
    let py = arguments.py();
    let gathering = GatheringFuture::collecting(py, return_exceptions)?;
    let awaiter = gathering.get().awaiter();
    if cfg!(Py_3_14) {
        awaiter.note(&ensure::running_loop(py)?)?;
    }
    let callback = DoneCallback::of_gathering(&gathering)?;
    let mut maker = Maker::on(event_loop.clone())?;
    let mut known = Known::default();
    let mut children = Vec::with_capacity(arguments.len());
    let mut done = Vec::new();
    let mut registered = 0;
    for argument in arguments {
        if let Some(place) = known.place_of(&argument, children.len()) {
            children.push(Bound::clone(&children[place]));
            continue;
        }
        let child = if ffi::is_native_coroutine(&argument) {
            let task = maker.make(argument)?;
            child::keep_quiet_when_destroyed(&task)?;
            task
        } else {
            argument
        };
        // 3.11 hears of those that are done through the loop as well.
        if cfg!(Py_3_12) && child::is_done(&child)? {
            done.push(child.clone());
        } else {
            awaiter.add_to(&child)?;
            registered += usize::from(child::add_done_callback(&child, &callback)?);
        }
        children.push(child);
    }
    GatheringFuture::start(&gathering, PyList::new(py, children)?.into_any(), event_loop)?;
    gathering.get().tally().start(py, known.0.len(), registered);
    for child in done {
        child_done(&gathering, &child)
            .map_err(|error| ensure::raised_in(error, callback.as_any()))?;
    }
    Ok(gathering)
}

/// A child is done. What follows is seen to in the order in which the loop hears of them.
pub(super) fn child_done<'py>(
    gathering: &Bound<'py, GatheringFuture>,
    child: &Bound<'py, PyAny>,
) -> PyResult<()> {
    let py = child.py();
    let this = gathering.get();
    let is_last = this.tally().finish_one(py);
    this.awaiter().discard_from(child)?;
    if !this.tally().is_started(py) || as_future(gathering).get().life(py) != Life::Pending {
        if !child::is_cancelled(child)? {
            child::exception(child)?; // it counts as retrieved
        }
        return Ok(());
    }
    if !this.return_exceptions(py)
        && let Some(exception) = failure_of(child)?
    {
        let_go_of_all(gathering)?;
        return gathering::fail(gathering, exception);
    }
    if is_last { all_done(gathering) } else { Ok(()) }
}

/// The exception that the gathering ends with for this child, if any.
fn failure_of<'py>(child: &Bound<'py, PyAny>) -> PyResult<Option<Bound<'py, PyAny>>> {
    if child::is_cancelled(child)? {
        return child::make_cancelled_error(child).map(Some);
    }
    child::exception(child)
}

fn all_done(gathering: &Bound<'_, GatheringFuture>) -> PyResult<()> {
    let py = gathering.py();
    let children = gathering.get().children(py)?;
    let results = children.iter().map(outcome_of).collect::<PyResult<Vec<_>>>()?;
    if gathering.get().cancel_requested(py)
        && let Some(last) = children.last()
    {
        return gathering::fail(gathering, child::make_cancelled_error(last)?);
    }
    gathering::finish(gathering, PyList::new(py, results)?)
}

/// What stands for the child in the list of results.
fn outcome_of<'py>(child: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
    let py = child.py();
    if child::is_cancelled(child)? {
        let error = asyncio(py).cancelled_error.bind(py);
        return match child::cancel_message(child)? {
            Some(message) => error.call1((message,)),
            None => error.call1(("",)),
        };
    }
    child::exception(child)?.map_or_else(|| child::result(child), Ok)
}

/// Those that go on after the gathering has failed are not awaited any more, in later releases of
/// 3.14.
fn let_go_of_all(gathering: &Bound<'_, GatheringFuture>) -> PyResult<()> {
    let py = gathering.py();
    if asyncio(py).quirks.gather_lets_go {
        for child in gathering.get().children(py)? {
            gathering.get().awaiter().discard_from(&child)?;
        }
    }
    Ok(())
}

/// Whether nothing but counting has to be done about a child that is done, well or not.
pub(super) fn only_counts(
    gathering: &GatheringFuture,
    py: Python<'_>,
    finished_well: bool,
) -> bool {
    finished_well && gathering.awaiter().is_nobody(py)
}

/// The arguments so far, by identity, and the place of the child that each has become.
#[derive(Default)]
struct Known(HashMap<usize, usize, BuildHasherDefault<AddressHasher>>);

impl Known {
    /// The place of the child of this argument; if it is a new one, that is `next`, and None.
    fn place_of(&mut self, argument: &Bound<'_, PyAny>, next: usize) -> Option<usize> {
        match self.0.entry(argument.as_ptr() as usize) {
            Entry::Occupied(place) => Some(*place.get()),
            Entry::Vacant(place) => {
                place.insert(next);
                None
            }
        }
    }
}

/// Spreads addresses, which end with zeros, over all bits (Fibonacci hashing).
#[derive(Default)]
struct AddressHasher(u64);

impl Hasher for AddressHasher {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write_usize(&mut self, address: usize) {
        self.0 = (address as u64 >> 4).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = (self.0 ^ u64::from(*byte)).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        }
    }
}
