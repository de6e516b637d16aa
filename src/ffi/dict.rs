//! Entries of a dict whose key's hash is known, as C asyncio gets at its own.

use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::PyDict;

use super::class::version_of_dict;

unsafe extern "C" {
    /// What CPython's own extensions use; PyO3 declares none of them.
    fn _PyDict_GetItem_KnownHash(
        dict: *mut ffi::PyObject,
        key: *mut ffi::PyObject,
        hash: ffi::Py_hash_t,
    ) -> *mut ffi::PyObject;
    fn _PyDict_SetItem_KnownHash(
        dict: *mut ffi::PyObject,
        key: *mut ffi::PyObject,
        value: *mut ffi::PyObject,
        hash: ffi::Py_hash_t,
    ) -> std::ffi::c_int;
    fn _PyDict_DelItem_KnownHash(
        dict: *mut ffi::PyObject,
        key: *mut ffi::PyObject,
        hash: ffi::Py_hash_t,
    ) -> std::ffi::c_int;
}

/// A place in a dict.
pub(crate) struct Entry<'a, 'py> {
    dict: &'a Bound<'py, PyDict>,
    key: &'a Bound<'py, PyAny>,
    hash: ffi::Py_hash_t,
}

impl<'a, 'py> Entry<'a, 'py> {
    pub(crate) fn new(dict: &'a Bound<'py, PyDict>, key: &'a Bound<'py, PyAny>) -> PyResult<Self> {
        // SAFETY: attached; the key is a valid object.
        match unsafe { ffi::PyObject_Hash(key.as_ptr()) } {
            -1 => Err(PyErr::fetch(key.py())),
            hash => Ok(Self { dict, key, hash }),
        }
    }

    /// Whether such places are known.
    pub(crate) fn is_known() -> bool {
        true
    }

    /// Whether it decides who is the current task.
    #[allow(clippy::unused_self)] // as the other `Entry`, in `running.rs`
    pub(crate) fn is_in_use(&self) -> bool {
        true
    }

    /// Whether there is no value.
    pub(crate) fn is_free(&self) -> PyResult<bool> {
        self.address().map(|address| address.is_none())
    }

    /// Whether this is the value: nothing has changed since the mark was made, or it has been put there
    /// again.
    #[inline]
    pub(crate) fn still_has(&self, value: &Bound<'_, PyAny>, mark: u64) -> PyResult<bool> {
        if self.mark() == mark { Ok(true) } else { self.has(value) }
    }

    #[cold]
    fn has(&self, value: &Bound<'_, PyAny>) -> PyResult<bool> {
        Ok(self.address()? == Some(value.as_ptr()))
    }

    /// The version of the dict.
    pub(crate) fn mark(&self) -> u64 {
        version_of_dict(self.dict).unwrap_or_default()
    }

    /// The value, to be compared by address; None if there is none.
    fn address(&self) -> PyResult<Option<*mut ffi::PyObject>> {
        // SAFETY: attached; the hash is that of the key; the answer is a borrowed reference, or NULL
        // with or without an exception set.
        let value =
            unsafe { _PyDict_GetItem_KnownHash(self.dict.as_ptr(), self.key.as_ptr(), self.hash) };
        if value.is_null() && PyErr::occurred(self.key.py()) {
            return Err(PyErr::fetch(self.key.py()));
        }
        Ok((!value.is_null()).then_some(value))
    }

    /// The value; None if there is none.
    pub(crate) fn value(&self) -> PyResult<Option<Bound<'py, PyAny>>> {
        let address = self.address()?;
        // SAFETY: attached; the dict holds the value, and nothing ran since it was found there.
        Ok(address.map(|value| unsafe { Bound::from_borrowed_ptr(self.key.py(), value) }))
    }

    /// Puts a value there if there is none, and answers whether.
    pub(crate) fn set_if_free(&self, value: &Bound<'_, PyAny>) -> PyResult<bool> {
        let (dict, key) = (self.dict.as_ptr(), self.key.as_ptr());
        let mark = self.mark();
        // SAFETY: attached; the dict takes references of its own, and lends the value that is there then;
        // or the answer is NULL with an exception set.
        let found = unsafe { ffi::PyDict_SetDefault(dict, key, value.as_ptr()) };
        if found.is_null() {
            return Err(PyErr::fetch(self.key.py()));
        }
        Ok(self.mark() != mark)
    }

    pub(crate) fn set(&self, value: &Bound<'_, PyAny>) -> PyResult<()> {
        let (dict, key, value) = (self.dict.as_ptr(), self.key.as_ptr(), value.as_ptr());
        // SAFETY: attached; the hash is that of the key; the dict takes references of its own.
        self.check(unsafe { _PyDict_SetItem_KnownHash(dict, key, value, self.hash) })
    }

    pub(crate) fn delete(&self) -> PyResult<()> {
        let (dict, key) = (self.dict.as_ptr(), self.key.as_ptr());
        // SAFETY: attached; the hash is that of the key.
        self.check(unsafe { _PyDict_DelItem_KnownHash(dict, key, self.hash) })
    }

    fn check(&self, answer: std::ffi::c_int) -> PyResult<()> {
        if answer == 0 { Ok(()) } else { Err(PyErr::fetch(self.key.py())) }
    }
}
