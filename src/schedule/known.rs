//! Classes of loops that are known, as far as nobody has changed them.
//!
//! Classes tell by their version whether they were changed since they were looked at.

use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;
use pyo3::types::{PyString, PyType};

use crate::ffi::{self, Field, Own, OwnAttribute, OwnAttributes};

/// A class, and some of its methods as they were at first.
pub(super) struct KnownClass {
    class: Py<PyType>,
    methods: Vec<Method>,
    /// What objects have of their own, and nothing that the class has comes before.
    attributes: Vec<Py<PyString>>,
    /// The version at which all of this was last seen to be so; 0 is none.
    version: Field<u32>,
}

struct Method {
    /// What would hide it.
    own: OwnAttribute,
    first: Py<PyAny>,
}

impl KnownClass {
    pub(super) fn new(
        class: &Bound<'_, PyType>,
        methods: &[&str],
        attributes: &[&str],
    ) -> PyResult<Self> {
        let py = class.py();
        let methods = methods.iter().map(|name| {
            let name = PyString::intern(py, name);
            let first = ffi::member_of(class.as_type_ptr(), &name)
                .ok_or_else(|| PyRuntimeError::new_err(format!("{class} has no {name}")))?;
            Ok(Method { own: OwnAttribute::new(&name), first: first.unbind() })
        });
        let attributes = attributes.iter().map(|name| PyString::intern(py, name).unbind());
        Ok(Self {
            methods: methods.collect::<PyResult<_>>()?,
            attributes: attributes.collect(),
            class: class.clone().unbind(),
            version: Field::new(0),
        })
    }

    pub(super) fn is_class_of(&self, object: &Bound<'_, PyAny>) -> bool {
        object.get_type_ptr().cast() == self.class.as_ptr()
    }

    /// Whether the methods of the class are what they were, and nothing is in the way of attributes.
    pub(super) fn is_unchanged(&self, py: Python<'_>) -> bool {
        let class = self.class.bind(py).as_type_ptr();
        let version = ffi::version_of(class);
        version != 0 && version == self.version.get(py) || self.is_still_the_same(py)
    }

    #[cold]
    fn is_still_the_same(&self, py: Python<'_>) -> bool {
        let class = self.class.bind(py).as_type_ptr();
        let has = |method: &Method| {
            let found = ffi::member_of(class, method.own.name(py));
            found.is_some_and(|found| found.is(&method.first))
        };
        let lacks = |name: &Py<PyString>| ffi::member_of(class, name.bind(py)).is_none();
        let unchanged = self.methods.iter().all(has) && self.attributes.iter().all(lacks);
        // Looking gave the class a version, if it can have one.
        self.version.set(py, if unchanged { ffi::version_of(class) } else { 0 });
        unchanged
    }

    /// Whether a call of this method, by its place among those that are known, runs what the class had at
    /// first. The object is of the class.
    #[inline]
    pub(super) fn has_method(&self, object: &Bound<'_, PyAny>, place: usize) -> PyResult<bool> {
        match self.methods[place].own.of(object) {
            Own::Nothing if self.is_unchanged(object.py()) => Ok(true),
            _ => self.finds_method(object, place),
        }
    }

    #[cold]
    fn finds_method(&self, object: &Bound<'_, PyAny>, place: usize) -> PyResult<bool> {
        let method = &self.methods[place];
        let found = ffi::method_of(object, method.own.name(object.py()))?;
        Ok(found.is(&method.first))
    }

    /// The same for several methods.
    pub(super) fn has_methods(
        &self,
        object: &Bound<'_, PyAny>,
        places: &[usize],
    ) -> PyResult<bool> {
        let own = OwnAttributes::of(object);
        let is_hidden = |place: &usize| !matches!(own.get(&self.methods[*place].own), Own::Nothing);
        if self.is_unchanged(object.py()) && !places.iter().any(is_hidden) {
            return Ok(true);
        }
        for place in places {
            if !self.has_method(object, *place)? {
                return Ok(false);
            }
        }
        Ok(true)
    }
}
