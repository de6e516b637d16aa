//! asyncio's own loops, as far as they are what they were: the one place that touches what they
//! keep to themselves (rule 7).
//!
//! A loop is known when it is of exactly a stock class and nobody has put something else in the
//! place of the methods that are gone around, neither on the class nor on the loop. Classes tell by
//! their version whether they were changed since they were looked at.

use once_cell::sync::OnceCell;
use pyo3::exceptions::PyRuntimeError;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyDict, PyList, PyString, PyType};

use crate::ffi::{self, Deque, DequeClass, Field};

/// What is gone around on a loop.
const METHODS: [&str; 4] = ["call_soon", "_call_soon", "_run_once", "get_debug"];

struct Stock {
    loops: Vec<KnownClass>,
    handle: KnownClass,
    selector: KnownClass,
    deque: DequeClass,
}

static STOCK: OnceCell<Stock> = OnceCell::new();

/// Looks at the classes before anybody can have changed them. Called when the module is made.
pub(crate) fn look_up(py: Python<'_>) -> PyResult<()> {
    STOCK.get_or_try_init(|| Stock::new(py)).map(drop)
}

impl Stock {
    fn new(py: Python<'_>) -> PyResult<Self> {
        let find = |module: &str, name: &str| -> PyResult<Bound<'_, PyType>> {
            Ok(PyModule::import(py, module)?.getattr(name)?.cast_into()?)
        };
        let loops = ["SelectorEventLoop", "ProactorEventLoop"]
            .iter()
            .filter_map(|name| find("asyncio", name).ok())
            .map(|class| KnownClass::new(&class, &METHODS))
            .collect::<PyResult<_>>()?;
        Ok(Self {
            loops,
            handle: KnownClass::new(&find("asyncio.events", "Handle")?, &["_run"])?,
            selector: KnownClass::new(&find("selectors", "DefaultSelector")?, &["select"])?,
            deque: DequeClass::look_up(py)?,
        })
    }

    /// The attributes of a loop that is known.
    fn attributes<'py>(
        &self,
        event_loop: &Bound<'py, PyAny>,
    ) -> PyResult<Option<Bound<'py, PyDict>>> {
        let Some(class) = self.loops.iter().find(|class| class.is_class_of(event_loop)) else {
            return Ok(None);
        };
        if !class.is_unchanged(event_loop.py()) || !self.handle.is_unchanged(event_loop.py()) {
            return Ok(None);
        }
        ffi::attributes_of(event_loop).map(Some)
    }
}

/// A class, and some of its methods as they were at first.
struct KnownClass {
    class: Py<PyType>,
    methods: Vec<(Py<PyString>, Py<PyAny>)>,
    /// The version at which the methods were last seen to be those; 0 is none.
    version: Field<u32>,
}

impl KnownClass {
    fn new(class: &Bound<'_, PyType>, names: &[&str]) -> PyResult<Self> {
        let py = class.py();
        let methods = names.iter().map(|name| {
            let name = PyString::intern(py, name);
            let method = ffi::member_of(class.as_type_ptr(), &name)
                .ok_or_else(|| PyRuntimeError::new_err(format!("{class} has no {name}")))?;
            Ok((name.unbind(), method.unbind()))
        });
        Ok(Self {
            methods: methods.collect::<PyResult<_>>()?,
            class: class.clone().unbind(),
            version: Field::new(0),
        })
    }

    fn is_class_of(&self, object: &Bound<'_, PyAny>) -> bool {
        object.get_type_ptr().cast() == self.class.as_ptr()
    }

    fn is_unchanged(&self, py: Python<'_>) -> bool {
        let class = self.class.bind(py).as_type_ptr();
        let version = ffi::version_of(class);
        if version != 0 && version == self.version.get(py) {
            return true;
        }
        let unchanged = self.methods.iter().all(|(name, method)| {
            ffi::member_of(class, name.bind(py)).is_some_and(|found| found.is(method))
        });
        // Looking gave the class a version, if it can have one.
        self.version.set(py, if unchanged { ffi::version_of(class) } else { 0 });
        unchanged
    }
}

fn stock() -> &'static Stock {
    STOCK.get().expect("filled when the module is made")
}

fn is_false(attributes: &Bound<'_, PyDict>, name: &Bound<'_, PyString>) -> bool {
    ffi::attribute(attributes, name).is_some_and(|value| value.is(PyBool::new(value.py(), false)))
}

/// The queue of a stock loop, if `call_soon()` would do nothing but append to it: the loop is not in
/// debug mode and not closed. Like `call_soon()` itself this does not look at which thread it is in:
/// debug mode does that.
pub(super) fn queue_of<'py>(event_loop: &Bound<'py, PyAny>) -> PyResult<Option<Deque<'py>>> {
    let py = event_loop.py();
    let stock = stock();
    let Some(attributes) = stock.attributes(event_loop)? else { return Ok(None) };
    if ffi::attribute(&attributes, intern!(py, "call_soon")).is_some()
        || !is_false(&attributes, intern!(py, "_debug"))
        || !is_false(&attributes, intern!(py, "_closed"))
    {
        return Ok(None);
    }
    let queue = ffi::attribute(&attributes, intern!(py, "_ready"));
    Ok(queue.and_then(|queue| stock.deque.cast(queue.to_owned())))
}

/// The queue and whether the loop is in debug mode, of a loop that `queue_of` knew.
pub(super) fn queue_and_debug<'py>(
    event_loop: &Bound<'py, PyAny>,
) -> PyResult<(Option<Deque<'py>>, bool)> {
    let py = event_loop.py();
    let attributes = ffi::attributes_of(event_loop)?;
    let queue = ffi::attribute(&attributes, intern!(py, "_ready"));
    let queue = queue.and_then(|queue| stock().deque.cast(queue.to_owned()));
    Ok((queue, !is_false(&attributes, intern!(py, "_debug"))))
}

/// `loop.get_debug()`
pub(crate) fn debug_of(event_loop: &Bound<'_, PyAny>) -> PyResult<bool> {
    let py = event_loop.py();
    let name = intern!(py, "get_debug");
    if let Some(attributes) = stock().attributes(event_loop)?
        && ffi::attribute(&attributes, name).is_none()
        && is_false(&attributes, intern!(py, "_debug"))
    {
        return Ok(false);
    }
    event_loop.call_method0(name)?.is_truthy()
}

/// Whether the loop would come back for what is in its queue at once and for nothing else: it does
/// not stop, no timer runs, and it watches no file but its own pipe.
pub(super) fn is_otherwise_idle(event_loop: &Bound<'_, PyAny>) -> PyResult<bool> {
    let py = event_loop.py();
    let stock = stock();
    let Some(attributes) = stock.attributes(event_loop)? else { return Ok(false) };
    if !is_false(&attributes, intern!(py, "_stopping"))
        || !is_false(&attributes, intern!(py, "_debug"))
        || ffi::attribute(&attributes, intern!(py, "_run_once")).is_some()
    {
        return Ok(false);
    }
    let timers = ffi::attribute(&attributes, intern!(py, "_scheduled"));
    if !timers.is_some_and(|timers| timers.cast::<PyList>().is_ok_and(|timers| timers.is_empty())) {
        return Ok(false);
    }
    let Some(selector) = ffi::attribute(&attributes, intern!(py, "_selector")) else {
        return Ok(false);
    };
    let selector = selector.to_owned();
    if !stock.selector.is_class_of(&selector) || !stock.selector.is_unchanged(py) {
        return Ok(false);
    }
    let attributes = ffi::attributes_of(&selector)?;
    let files = ffi::attribute(&attributes, intern!(py, "_fd_to_key"));
    Ok(ffi::attribute(&attributes, intern!(py, "select")).is_none()
        && files.is_some_and(|files| files.cast::<PyDict>().is_ok_and(|files| files.len() == 1)))
}
