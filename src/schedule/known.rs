//! Classes of loops that are known, as far as nobody has changed them.
//!
//! Classes tell by their version whether they were changed since they were looked at.

use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;
use pyo3::types::{PyString, PyType};

use crate::ffi::{self, Field};

/// A class, and some of its methods as they were at first.
pub(super) struct KnownClass {
    class: Py<PyType>,
    methods: Vec<(Py<PyString>, Py<PyAny>)>,
    /// The version at which the methods were last seen to be those; 0 is none.
    version: Field<u32>,
}

impl KnownClass {
    pub(super) fn new(class: &Bound<'_, PyType>, names: &[&str]) -> PyResult<Self> {
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

    pub(super) fn is_class_of(&self, object: &Bound<'_, PyAny>) -> bool {
        object.get_type_ptr().cast() == self.class.as_ptr()
    }

    /// Whether the methods of the class are what they were.
    pub(super) fn is_unchanged(&self, py: Python<'_>) -> bool {
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

    /// Whether a call of this method on the object runs what the class had at first.
    pub(super) fn has_method(
        &self,
        object: &Bound<'_, PyAny>,
        name: &Bound<'_, PyString>,
    ) -> PyResult<bool> {
        let method = ffi::method_of(object, name)?;
        Ok(self.methods.iter().any(|(known, first)| known.is(name) && first.is(&method)))
    }
}
